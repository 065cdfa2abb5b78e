//! A log: one phase 1 for all slots, gaps that are filled, and learners that learn in order.

use std::collections::BTreeMap;

use machines::{Effect, Effects, Event, Kind, NodeId};
use paxos::{
    Ballot, Learner, LogProposer, Memory, Message, Numbers, Output, Paxos, Program, Proposal,
    Record, Scene, Slot, Timer, Value, run_program,
};

use crate::acceptor::{proposal, tell};

const ACCEPTORS: [NodeId; 3] = [NodeId::Server(1), NodeId::Server(2), NodeId::Server(3)];
const ME: NodeId = NodeId::Client(1);
const OTHER: NodeId = NodeId::Client(2);

fn started(memory: Memory) -> LogProposer {
    let numbers = Numbers { first: Ballot(1), step: 2 };
    let mut proposer = LogProposer::new(ME, numbers, 0, ACCEPTORS.to_vec(), vec![OTHER]);
    tell(&mut proposer, Event::Started(memory));
    proposer
}

/// A proposer that has taken ballot 1 and asked for promises.
fn preparing() -> LogProposer {
    let mut proposer = started(Memory::default());
    ACCEPTORS.iter().for_each(|acceptor| drop(tell(&mut proposer, Event::Opened(*acceptor))));
    let begun = tell(&mut proposer, Event::Expired(Timer::Begin));
    let Some(Effect::Sync(ticket)) = begun.last() else { panic!("no sync: {begun:?}") };
    let said = tell(&mut proposer, Event::Durable(*ticket));
    let question = Message::Prepare { n: Ballot(1), first: Slot::FIRST, wish: None };
    assert_eq!(said.len(), 3);
    assert!(said.contains(&Effect::Send { to: ACCEPTORS[0], message: question }), "{said:?}");
    proposer
}

fn promised(
    proposer: &mut LogProposer,
    from: usize,
    accepted: &[(u64, Proposal)],
) -> Vec<Effect<Paxos>> {
    let accepted = accepted.iter().map(|(slot, it)| (Slot(*slot), *it)).collect();
    let message = Message::Promise { n: Ballot(1), accepted };
    tell(proposer, Event::Received { from: ACCEPTORS[from], message })
}

fn asked(effects: &[Effect<Paxos>]) -> BTreeMap<u64, Proposal> {
    let accepts = effects.iter().filter_map(|effect| match effect {
        Effect::Send { message: Message::Accept { slot, proposal }, .. } => {
            Some((slot.0, *proposal))
        }
        _ => None,
    });
    accepts.collect()
}

fn propose(proposer: &mut LogProposer, number: u64) -> Vec<Effect<Paxos>> {
    let mut effects = Effects::new();
    proposer.propose(Value::Number(number), &mut effects);
    effects.drain().collect()
}

#[test]
fn a_proposer_of_a_log_writes_its_ballot_down_and_does_not_use_it_again() {
    for (begun, next) in [(0, 1), (1, 3), (7, 9)] {
        let mut proposer = started(Memory { begun: Ballot(begun), ..Memory::default() });
        ACCEPTORS.iter().for_each(|acceptor| drop(tell(&mut proposer, Event::Opened(*acceptor))));
        let begun = tell(&mut proposer, Event::Expired(Timer::Begin));
        assert_eq!(begun[0], Effect::Write(Record::Began(Ballot(next))));
        assert!(matches!(begun[1..], [Effect::Sync(_)]), "and nobody hears of it yet: {begun:?}");
    }
}

#[test]
fn a_leader_asks_for_a_value_at_once() {
    let mut proposer = preparing();
    assert!(propose(&mut proposer, 11).is_empty(), "it does not lead yet");
    promised(&mut proposer, 0, &[]);
    assert_eq!(asked(&promised(&mut proposer, 1, &[])), BTreeMap::from([(1, proposal(1, 11))]));
    assert!(proposer.leads());
    for (slot, number) in [(2, 12), (3, 13)] {
        let said = propose(&mut proposer, number);
        assert_eq!(asked(&said), BTreeMap::from([(slot, proposal(1, number))]));
    }
}

#[test]
fn a_new_leader_asks_again_for_what_was_accepted_and_fills_the_gaps() {
    let mut proposer = preparing();
    propose(&mut proposer, 99);
    promised(&mut proposer, 0, &[(1, proposal(3, 11)), (4, proposal(5, 14))]);
    let said = promised(&mut proposer, 1, &[(1, proposal(4, 21)), (2, proposal(3, 12))]);
    let noop = Proposal { n: Ballot(1), value: Value::Noop };
    let all = [(1, proposal(1, 21)), (2, proposal(1, 12)), (3, noop), (4, proposal(1, 14))];
    let mut expected = BTreeMap::from(all);
    expected.insert(5, proposal(1, 99));
    assert_eq!(asked(&said), expected, "what is new comes after all that is known");
}

#[test]
fn a_leader_does_not_ask_again_for_what_it_knows_to_be_decided() {
    let mut proposer = preparing();
    for from in [ACCEPTORS[0], ACCEPTORS[1]] {
        let message = Message::Accepted { slot: Slot(1), proposal: proposal(2, 21) };
        tell(&mut proposer, Event::Received { from, message });
    }
    assert_eq!(proposer.chosen(), &BTreeMap::from([(Slot(1), Value::Number(21))]));
    promised(&mut proposer, 0, &[(1, proposal(2, 21))]);
    let said = promised(&mut proposer, 1, &[(2, proposal(2, 22))]);
    assert_eq!(asked(&said), BTreeMap::from([(2, proposal(1, 22))]));
}

#[test]
fn a_leader_that_is_refused_follows() {
    let mut proposer = preparing();
    promised(&mut proposer, 0, &[]);
    promised(&mut proposer, 1, &[]);
    let message = Message::Nack { n: Ballot(1), promised: Ballot(4) };
    tell(&mut proposer, Event::Received { from: ACCEPTORS[2], message });
    assert!(!proposer.leads());
    assert!(asked(&propose(&mut proposer, 11)).is_empty());
    let leading = Message::Leading { n: Ballot(4) };
    tell(&mut proposer, Event::Opened(OTHER));
    let said = tell(&mut proposer, Event::Received { from: OTHER, message: leading });
    let passed = Effect::Send { to: OTHER, message: Message::Request(Value::Number(11)) };
    assert!(said.contains(&passed), "whoever leads gets what is wanted: {said:?}");
}

fn heard(learner: &mut Learner, from: NodeId, message: Message) -> Vec<Output> {
    let told = tell(learner, Event::Received { from, message });
    let outputs = told.into_iter().filter_map(|effect| match effect {
        Effect::Answer(output) => Some(output),
        _ => None,
    });
    outputs.collect()
}

#[test]
fn a_learner_gives_out_nothing_before_what_precedes_it() {
    let mut learner = Learner::new(ACCEPTORS.to_vec(), vec![ME]);
    let accepted =
        |slot, n, number| Message::Accepted { slot: Slot(slot), proposal: proposal(n, number) };
    let learned = |slot, number| Output::Learned { slot: Slot(slot), value: Value::Number(number) };
    for from in [0, 1] {
        let told = heard(&mut learner, ACCEPTORS[from], accepted(2, 2, 12));
        assert!(told.is_empty(), "slot 1 is missing");
    }
    assert!(heard(&mut learner, ACCEPTORS[0], accepted(1, 2, 11)).is_empty());
    assert!(heard(&mut learner, ACCEPTORS[1], accepted(1, 3, 11)).is_empty(), "another ballot");
    let told = heard(&mut learner, ACCEPTORS[2], accepted(1, 3, 11));
    assert_eq!(told, [learned(1, 11), learned(2, 12)]);
    assert!(heard(&mut learner, ACCEPTORS[2], accepted(2, 2, 12)).is_empty(), "only once");
    let chosen = Message::Chosen { slot: Slot(3), value: Value::Number(13) };
    assert_eq!(heard(&mut learner, ME, chosen), [learned(3, 13)]);
}

#[test]
fn a_stable_leader_prepares_once_for_all_slots() {
    let seen = run_program(&Program { scene: Scene::Log, seed: 3 });
    assert_eq!(seen.broken, None);
    let lines = seen.trace.lines();
    let end = lines.iter().position(|line| line.kind == Kind::Crashed).expect("3 crashes");
    let ballots = |text: &str| {
        let sent = lines[..end].iter().filter(|line| line.kind == Kind::Sent);
        sent.filter(|line| line.text.starts_with(text)).count()
    };
    assert_eq!(ballots("Prepare"), 3, "one to each acceptor, for three values");
    assert!(ballots("Accept 3:") >= 3);
}

#[test]
fn whatever_the_network_the_next_leader_fills_the_gap() {
    for seed in 0..50 {
        let seen = run_program(&Program { scene: Scene::Log, seed });
        assert_eq!(seen.broken, None);
        let values: Vec<Value> = seen.chosen.values().map(|proposal| proposal.value).collect();
        let mut expected: Vec<Value> = [11, 12, 13].map(Value::Number).into();
        expected.extend([Value::Noop, Value::Number(15), Value::Number(16)]);
        assert_eq!(values, expected, "seed {seed}");
        let learned =
            seen.trace.lines().iter().filter(|line| line.text.starts_with("Learned")).count();
        assert_eq!(learned, 6, "seed {seed}");
    }
}
