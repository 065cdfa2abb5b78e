//! An acceptor, step by step.

use std::collections::BTreeMap;

use machines::{Effect, Effects, Event, Fault, Machine, NodeId, Ticket};
use paxos::{Acceptor, Ballot, Memory, Message, Output, Paxos, Proposal, Record, Slot, Value};

const A: NodeId = NodeId::Client(1);
const B: NodeId = NodeId::Client(2);
const LEARNER: NodeId = NodeId::Client(9);

pub(crate) fn tell<M: Machine<Protocol = Paxos>>(
    machine: &mut M,
    event: Event<Paxos>,
) -> Vec<Effect<Paxos>> {
    let mut effects = Effects::new();
    machine.step(event, &mut effects);
    effects.drain().collect()
}

pub(crate) fn proposal(n: u64, number: u64) -> Proposal {
    Proposal { n: Ballot(n), value: Value::Number(number) }
}

fn prepare(n: u64) -> Message {
    Message::Prepare { n: Ballot(n), first: Slot::FIRST, wish: None }
}

fn accept(proposal: Proposal) -> Message {
    Message::Accept { slot: Slot::FIRST, proposal }
}

fn promise(n: u64, accepted: Option<Proposal>) -> Message {
    let accepted = accepted.map(|it| (Slot::FIRST, it)).into_iter().collect();
    Message::Promise { n: Ballot(n), accepted }
}

/// Asks, lets the disk do what it is asked, and gives back what is said.
fn ask(acceptor: &mut Acceptor, from: NodeId, message: Message) -> Vec<(NodeId, Message)> {
    let mut todo = tell(acceptor, Event::Received { from, message });
    let mut said = Vec::new();
    while !todo.is_empty() {
        for effect in std::mem::take(&mut todo) {
            match effect {
                Effect::Send { to, message } => said.push((to, message)),
                Effect::Sync(ticket) => todo.extend(tell(acceptor, Event::Durable(ticket))),
                _ => {}
            }
        }
    }
    said
}

#[test]
fn it_promises_what_is_above_its_promise_and_refuses_what_is_below() {
    let mut acceptor = Acceptor::default();
    assert_eq!(ask(&mut acceptor, A, prepare(2)), [(A, promise(2, None))]);
    assert_eq!(ask(&mut acceptor, B, prepare(4)), [(B, promise(4, None))]);
    let nack = Message::Nack { n: Ballot(2), promised: Ballot(4) };
    assert_eq!(ask(&mut acceptor, A, prepare(2)), [(A, nack.clone())]);
    assert_eq!(ask(&mut acceptor, A, accept(proposal(2, 8))), [(A, nack)], "a promise binds");
}

#[test]
fn it_accepts_the_ballot_that_it_promised() {
    let mut acceptor = Acceptor::default();
    ask(&mut acceptor, A, prepare(2));
    let accepted = Message::Accepted { slot: Slot::FIRST, proposal: proposal(2, 8) };
    assert_eq!(
        ask(&mut acceptor, A, accept(proposal(2, 8))),
        [(A, accepted)],
        "the proposer that you promised can never succeed otherwise"
    );
}

#[test]
fn it_says_what_it_accepted_and_not_what_it_was_told() {
    let mut acceptor = Acceptor::default();
    let wish = Some(Value::Number(8));
    let told = Message::Prepare { n: Ballot(2), first: Slot::FIRST, wish };
    ask(&mut acceptor, A, told);
    assert_eq!(ask(&mut acceptor, B, prepare(4)), [(B, promise(4, None))], "it accepted nothing");
    ask(&mut acceptor, B, accept(proposal(4, 5)));
    assert_eq!(ask(&mut acceptor, A, prepare(5)), [(A, promise(5, Some(proposal(4, 5))))]);
}

#[test]
fn to_accept_is_a_promise_too() {
    let mut acceptor = Acceptor::default();
    ask(&mut acceptor, B, accept(proposal(4, 5)));
    let nack = Message::Nack { n: Ballot(2), promised: Ballot(4) };
    assert_eq!(ask(&mut acceptor, A, prepare(2)), [(A, nack)]);
}

#[test]
fn a_question_that_comes_again_is_answered_again() {
    let mut acceptor = Acceptor::default();
    assert_eq!(ask(&mut acceptor, A, prepare(2)), ask(&mut acceptor, A, prepare(2)));
    let once = ask(&mut acceptor, A, accept(proposal(2, 8)));
    assert_eq!(ask(&mut acceptor, A, accept(proposal(2, 8))), once);
}

#[test]
fn it_says_nothing_before_it_is_on_disk() {
    let mut acceptor = Acceptor::default();
    let arrived = |message| Event::Received { from: A, message };
    assert_eq!(
        tell(&mut acceptor, arrived(prepare(2))),
        [Effect::Write(Record::Promised(Ballot(2))), Effect::Sync(Ticket(1))]
    );
    let record = Record::Accepted { slot: Slot::FIRST, proposal: proposal(2, 8) };
    assert_eq!(
        tell(&mut acceptor, arrived(accept(proposal(2, 8)))),
        [Effect::Write(record)],
        "the disk does one thing at a time"
    );
    assert_eq!(
        tell(&mut acceptor, Event::Durable(Ticket(1))),
        [
            Effect::Answer(Output::Promised(Ballot(2))),
            Effect::Send { to: A, message: promise(2, None) },
            Effect::Sync(Ticket(2))
        ],
        "what was accepted meanwhile is not on disk yet"
    );
    let told = tell(&mut acceptor, Event::Durable(Ticket(2)));
    assert!(matches!(told[1], Effect::Send { message: Message::Accepted { .. }, .. }), "{told:?}");
}

#[test]
fn it_answers_nothing_when_its_disk_has_failed() {
    let mut acceptor = Acceptor::default();
    tell(&mut acceptor, Event::Received { from: A, message: prepare(2) });
    tell(&mut acceptor, Event::Failed(Ticket(1), Fault::Full));
    assert!(ask(&mut acceptor, A, prepare(2)).is_empty());
    assert!(ask(&mut acceptor, A, accept(proposal(2, 8))).is_empty());
}

#[test]
fn after_a_crash_it_knows_what_it_promised_and_accepted() {
    let memory = Memory {
        promised: Ballot(6),
        accepted: BTreeMap::from([(Slot::FIRST, proposal(4, 5))]),
        begun: Ballot(0),
    };
    let mut acceptor = Acceptor::default();
    tell(&mut acceptor, Event::Started(memory));
    let nack = Message::Nack { n: Ballot(5), promised: Ballot(6) };
    assert_eq!(ask(&mut acceptor, A, accept(proposal(5, 1))), [(A, nack)]);
    assert_eq!(ask(&mut acceptor, A, prepare(7)), [(A, promise(7, Some(proposal(4, 5))))]);
}

#[test]
fn a_learner_that_asked_is_told_what_there_is_and_what_comes() {
    let mut acceptor = Acceptor::default();
    ask(&mut acceptor, A, accept(proposal(2, 8)));
    let first = Message::Accepted { slot: Slot::FIRST, proposal: proposal(2, 8) };
    let question = Message::Ask { first: Slot::FIRST };
    assert_eq!(ask(&mut acceptor, LEARNER, question), [(LEARNER, first)]);
    let second = Message::Accept { slot: Slot(2), proposal: proposal(2, 9) };
    let told: Vec<NodeId> = ask(&mut acceptor, A, second).into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, [LEARNER, A]);
}

#[test]
fn a_promise_is_about_the_slots_that_were_asked_for() {
    let mut acceptor = Acceptor::default();
    for slot in 1..=3 {
        let accept = Message::Accept { slot: Slot(slot), proposal: proposal(2, 10 + slot) };
        ask(&mut acceptor, A, accept);
    }
    let question = Message::Prepare { n: Ballot(4), first: Slot(3), wish: None };
    let accepted = BTreeMap::from([(Slot(3), proposal(2, 13))]);
    assert_eq!(ask(&mut acceptor, B, question), [(B, Message::Promise { n: Ballot(4), accepted })]);
}

/// An acceptor, its disk, and what it has told anybody.
#[derive(Clone, Default)]
struct Life {
    acceptor: Acceptor,
    disk: Memory,
    /// The highest ballot that it has promised, or accepted something of.
    bound: Ballot,
    /// What it has accepted last.
    accepted: Option<Proposal>,
    /// All that has happened to it.
    story: String,
}

impl Life {
    /// It is asked the first question or the second, and its answer has to be the right one.
    fn asked(&mut self, n: u64, second: bool) {
        let mine = proposal(n, 10 * n);
        let question = if second { accept(mine) } else { prepare(n) };
        self.story += &format!("{question}\n");
        let right = match (Ballot(n) < self.bound, second) {
            (true, _) => Message::Nack { n: Ballot(n), promised: self.bound },
            (false, false) => promise(n, self.accepted),
            (false, true) => Message::Accepted { slot: Slot::FIRST, proposal: mine },
        };
        if Ballot(n) >= self.bound {
            self.bound = Ballot(n);
            self.accepted = if second { Some(mine) } else { self.accepted };
        }
        let mut said = Vec::new();
        let mut todo = tell(&mut self.acceptor, Event::Received { from: A, message: question });
        while !todo.is_empty() {
            for effect in std::mem::take(&mut todo) {
                match effect {
                    Effect::Write(record) => self.disk.apply(record),
                    Effect::Sync(ticket) => {
                        todo.extend(tell(&mut self.acceptor, Event::Durable(ticket)));
                    }
                    Effect::Send { message, .. } => said.push(message),
                    _ => {}
                }
            }
        }
        assert_eq!(said, [right], "after\n{}", self.story);
    }

    /// The power goes, and it is started again.
    fn restarted(&mut self) {
        self.story += "power was lost\n";
        self.acceptor = Acceptor::default();
        tell(&mut self.acceptor, Event::Started(self.disk.clone()));
    }

    /// All that can happen in so many steps.
    fn goes_on(&self, steps: usize) {
        if steps == 0 {
            return;
        }
        for event in 0..7_u64 {
            let mut next = self.clone();
            match event {
                0 => next.restarted(),
                _ => next.asked(event.div_ceil(2), event % 2 == 0),
            }
            next.goes_on(steps - 1);
        }
    }
}

#[test]
fn in_every_order_of_questions_and_losses_of_power_it_keeps_its_word() {
    Life::default().goes_on(5);
}
