//! A participant of two phases, one event at a time, over its real log.

use atomic_commit::{
    Bank, Change, Commit, Log, Message, Outcome, Participant, Record, Timer, Told,
};
use atomic_commit::{Txn, Vote};
use machines::{Disk, Effect, Effects, Event, Fault, Machine, NodeId, SimFiles, Ticket};

const ME: NodeId = NodeId::Server(2);
const OTHER: NodeId = NodeId::Server(3);
const TM: NodeId = NodeId::Server(1);
const T: Txn = Txn { application: 1, number: 1 };
const LATER: Txn = Txn { application: 2, number: 1 };

/// A participant and its disk. What it asks to be written is written; what it asks to be forced
/// waits until the test forces it.
struct Bench {
    machine: Participant,
    files: SimFiles,
    disk: Log,
    asked: Vec<Ticket>,
}

impl Bench {
    fn new() -> Bench {
        Bench::on(SimFiles::new()).0
    }

    /// Starts it on a disk; gives what it says and tells at once.
    fn on(files: SimFiles) -> (Bench, Vec<Effect<Commit>>) {
        let (disk, log) = Log::open(files.clone()).expect("the log can be read");
        let machine = Participant::new(ME, Bank::new([(1, 100), (2, 100)]));
        let mut bench = Bench { machine, files, disk, asked: Vec::new() };
        let said = bench.tell(Event::Started(log));
        (bench, said)
    }

    fn tell(&mut self, event: Event<Commit>) -> Vec<Effect<Commit>> {
        let mut effects = Effects::new();
        self.machine.step(event, &mut effects);
        let effects: Vec<_> = effects.drain().collect();
        for effect in &effects {
            match effect {
                Effect::Write(record) => {
                    Disk::<Commit>::write(&mut self.disk, record.clone()).expect("there is room");
                }
                Effect::Sync(ticket) => self.asked.push(*ticket),
                _ => {}
            }
        }
        effects
    }

    fn hear(&mut self, from: NodeId, message: Message) -> Vec<Effect<Commit>> {
        self.tell(Event::Received { from, message })
    }

    /// Forces the disk, and says so.
    fn force(&mut self) -> Vec<Effect<Commit>> {
        Disk::<Commit>::sync(&mut self.disk).expect("the disk works");
        let asked = std::mem::take(&mut self.asked);
        asked.into_iter().flat_map(|ticket| self.tell(Event::Durable(ticket))).collect()
    }

    /// The power goes: only what was forced is left.
    fn restart(self) -> (Bench, Vec<Effect<Commit>>) {
        Bench::on(self.files.forced())
    }

    fn work(&mut self, txn: Txn) -> Vec<Effect<Commit>> {
        let changes = vec![Change { account: 1, amount: -30 }];
        self.hear(txn.client(), Message::Work { txn, changes })
    }

    fn prepare(&mut self) -> Vec<Effect<Commit>> {
        self.hear(TM, Message::Prepare { txn: T, resources: vec![ME, OTHER] })
    }

    /// One that has promised, and is in doubt.
    fn in_doubt() -> Bench {
        let mut bench = Bench::new();
        bench.work(T);
        bench.prepare();
        bench.force();
        bench
    }

    fn decide(&mut self, outcome: Outcome) -> Vec<Effect<Commit>> {
        self.hear(TM, Message::Decision { txn: T, outcome })
    }
}

fn said(effects: &[Effect<Commit>]) -> Vec<(NodeId, Message)> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message } => Some((*to, message.clone())),
        _ => None,
    });
    sent.collect()
}

fn told(effects: &[Effect<Commit>]) -> Vec<Told> {
    let told = effects.iter().filter_map(|effect| match effect {
        Effect::Answer(told) => Some(told.clone()),
        _ => None,
    });
    told.collect()
}

fn voted(vote: Vote) -> (NodeId, Message) {
    (TM, Message::Voted { txn: T, vote })
}

fn decision(to: NodeId, outcome: Outcome) -> (NodeId, Message) {
    (to, Message::Decision { txn: T, outcome })
}

#[test]
fn it_votes_only_when_its_promise_is_on_disk() {
    let mut bench = Bench::new();
    assert_eq!(said(&bench.work(T)), [(T.client(), Message::Worked(T))]);
    let asked = bench.prepare();
    assert!(said(&asked).is_empty(), "a vote before the sync is a promise that a crash forgets");
    assert!(asked.iter().any(|it| matches!(it, Effect::Write(Record::Prepared { .. }))));
    assert_eq!(said(&bench.force()), [voted(Vote::Yes)]);
}

#[test]
fn after_a_loss_of_power_it_remembers_its_promise_and_its_locks_and_asks() {
    let (bench, first) = Bench::in_doubt().restart();
    assert_eq!(bench.machine.bank().holder(1), Some(T), "its locks are part of the promise");
    assert_eq!(said(&first), [(TM, Message::Inquire(T)), (OTHER, Message::Inquire(T))]);
}

#[test]
fn in_doubt_it_may_not_abort_however_long_nobody_answers() {
    let mut bench = Bench::in_doubt();
    for _ in 0..10 {
        let asks = bench.tell(Event::Expired(Timer::Doubt(T)));
        assert_eq!(said(&asks), [(TM, Message::Inquire(T)), (OTHER, Message::Inquire(T))]);
        assert!(told(&asks).is_empty(), "it promised; the coordinator may have committed");
        assert!(bench.tell(Event::Expired(Timer::Idle(T))).is_empty());
    }
    assert_eq!(bench.machine.bank().holder(1), Some(T));
}

#[test]
fn in_doubt_it_answers_others_that_it_does_not_know() {
    let mut bench = Bench::in_doubt();
    let answer = bench.hear(OTHER, Message::Inquire(T));
    assert_eq!(said(&answer), [(OTHER, Message::InDoubt(T))]);
    assert!(bench.hear(OTHER, Message::InDoubt(T)).is_empty(), "and two in doubt know no more");
}

#[test]
fn a_commit_is_acknowledged_only_when_it_is_on_disk() {
    let mut bench = Bench::in_doubt();
    assert!(said(&bench.decide(Outcome::Commit)).is_empty());
    let done = bench.force();
    assert_eq!(said(&done), [(TM, Message::Ack(T))]);
    assert_eq!(told(&done), [Told::Decided(T, Outcome::Commit)]);
    assert_eq!(bench.machine.bank().balance(1), 70);
    assert_eq!(bench.machine.bank().holder(1), None);
    assert_eq!(said(&bench.decide(Outcome::Commit)), [(TM, Message::Ack(T))], "the ack was lost");
    assert_eq!(bench.machine.bank().balance(1), 70, "and once is enough");
}

#[test]
fn a_commit_from_another_participant_is_as_good_and_the_coordinator_is_told() {
    let mut bench = Bench::in_doubt();
    bench.hear(OTHER, Message::Decision { txn: T, outcome: Outcome::Commit });
    assert_eq!(said(&bench.force()), [(TM, Message::Ack(T))]);
}

#[test]
fn it_does_not_forget_a_decision_when_it_is_restarted() {
    let mut bench = Bench::in_doubt();
    bench.decide(Outcome::Commit);
    bench.force();
    let (mut bench, first) = bench.restart();
    assert_eq!(told(&first), [Told::Decided(T, Outcome::Commit)]);
    assert_eq!(bench.machine.bank().balance(1), 70);
    let answer = bench.hear(OTHER, Message::Inquire(T));
    assert_eq!(said(&answer), [decision(OTHER, Outcome::Commit)], "it committed, and was asked");
}

#[test]
fn an_abort_frees_the_locks_and_costs_no_sync() {
    let mut bench = Bench::in_doubt();
    let aborted = bench.decide(Outcome::Abort);
    assert!(!aborted.iter().any(|effect| matches!(effect, Effect::Sync(_))), "it is presumed");
    assert_eq!(told(&aborted), [Told::Decided(T, Outcome::Abort)]);
    assert_eq!(bench.machine.bank().holder(1), None);
    assert_eq!(bench.machine.bank().balance(1), 100);
    assert!(bench.decide(Outcome::Commit).is_empty(), "what is decided is not reversed");
}

#[test]
fn it_may_be_told_to_abort_before_its_own_promise_is_on_disk() {
    let mut bench = Bench::new();
    bench.work(T);
    bench.prepare();
    bench.decide(Outcome::Abort);
    assert!(bench.force().is_empty(), "it votes no more");
}

#[test]
fn who_was_not_asked_for_a_vote_aborts_when_another_is_in_doubt_and_remembers_it() {
    let mut bench = Bench::new();
    bench.work(T);
    let first = bench.hear(OTHER, Message::Inquire(T));
    assert!(said(&first).is_empty(), "not before it is on disk, or it could vote yes later");
    assert_eq!(said(&bench.force()), [decision(OTHER, Outcome::Abort)]);
    assert_eq!(said(&bench.prepare()), [voted(Vote::No)]);
    let (mut bench, _) = bench.restart();
    assert_eq!(said(&bench.work(T)), [(T.client(), Message::Refused(T))]);
    assert_eq!(said(&bench.prepare()), [voted(Vote::No)], "a restart changes nothing about it");
}

#[test]
fn who_has_never_heard_of_a_transaction_aborts_it_when_it_is_asked() {
    let mut bench = Bench::new();
    bench.hear(OTHER, Message::Inquire(T));
    assert_eq!(said(&bench.force()), [decision(OTHER, Outcome::Abort)]);
}

#[test]
fn who_has_lost_its_work_in_a_crash_votes_no() {
    let mut bench = Bench::new();
    bench.work(T);
    let (mut bench, _) = bench.restart();
    bench.prepare();
    assert_eq!(said(&bench.force()), [voted(Vote::No)]);
}

#[test]
fn a_refused_withdrawal_aborts_and_a_vote_that_comes_later_is_no() {
    let mut bench = Bench::new();
    let changes = vec![Change { account: 1, amount: -101 }];
    bench.hear(T.client(), Message::Work { txn: T, changes });
    assert_eq!(said(&bench.force()), [(T.client(), Message::Refused(T))]);
    assert_eq!(said(&bench.prepare()), [voted(Vote::No)]);
}

#[test]
fn who_waits_for_a_lock_cannot_promise_it() {
    let mut bench = Bench::in_doubt();
    bench.work(LATER);
    bench.hear(TM, Message::Prepare { txn: LATER, resources: vec![ME, OTHER] });
    let no = Message::Voted { txn: LATER, vote: Vote::No };
    assert_eq!(said(&bench.force()), [(TM, no)]);
    assert_eq!(bench.machine.bank().holder(1), Some(T));
}

#[test]
fn who_waits_for_a_lock_gets_it_when_the_first_has_ended() {
    let mut bench = Bench::in_doubt();
    assert_eq!(told(&bench.work(LATER)), [Told::Waits(LATER, 1, T)]);
    bench.decide(Outcome::Commit);
    let freed = bench.force();
    assert!(said(&freed).contains(&(LATER.client(), Message::Worked(LATER))), "{freed:?}");
    assert_eq!(bench.machine.bank().holder(1), Some(LATER));
}

#[test]
fn work_that_nobody_asks_a_vote_for_is_dropped() {
    let mut bench = Bench::new();
    bench.work(T);
    bench.tell(Event::Expired(Timer::Idle(T)));
    bench.force();
    assert_eq!(bench.machine.bank().holder(1), None);
}

#[test]
fn nobody_can_commit_what_it_has_not_promised() {
    let mut bench = Bench::new();
    bench.work(T);
    assert!(bench.decide(Outcome::Commit).is_empty());
    assert_eq!(bench.machine.bank().balance(1), 100);
}

#[test]
fn after_its_disk_has_failed_it_promises_and_decides_nothing() {
    let mut bench = Bench::new();
    bench.work(T);
    bench.prepare();
    bench.tell(Event::Failed(Ticket(1), Fault::Full));
    assert!(bench.force().is_empty());
    assert!(bench.decide(Outcome::Abort).is_empty());
    assert!(bench.hear(OTHER, Message::Inquire(T)).is_empty());
}
