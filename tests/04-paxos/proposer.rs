//! A proposer of one decree, step by step.

use machines::{Effect, Effects, Event, NodeId};
use paxos::{
    Ballot, Courtesy, Memory, Message, Numbers, Output, Paxos, Proposer, Record, Slot, Tally,
    Timer, Value,
};

use crate::acceptor::{proposal, tell};

const ACCEPTORS: [NodeId; 3] = [NodeId::Server(1), NodeId::Server(2), NodeId::Server(3)];

fn started(memory: Memory) -> Proposer {
    let numbers = Numbers { first: Ballot(2), step: 3 };
    let mut proposer = Proposer::new(numbers, ACCEPTORS.to_vec(), Courtesy::Eager);
    tell(&mut proposer, Event::Started(memory));
    for acceptor in ACCEPTORS {
        tell(&mut proposer, Event::Opened(acceptor));
    }
    proposer
}

/// Wants a value and has its ballot on disk; gives back what it did, and what it says then.
fn begun(proposer: &mut Proposer) -> (Vec<Effect<Paxos>>, Vec<Effect<Paxos>>) {
    let mut effects = Effects::new();
    proposer.propose(Value::Number(8), &mut effects);
    let first: Vec<_> = effects.drain().collect();
    let said = durable(proposer, &first);
    (first, said)
}

fn durable(proposer: &mut Proposer, effects: &[Effect<Paxos>]) -> Vec<Effect<Paxos>> {
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::Sync(ticket) => Some(*ticket),
        _ => None,
    });
    tell(proposer, Event::Durable(ticket.expect("a ballot is forced to the disk")))
}

fn promised(proposer: &mut Proposer, from: usize, n: u64) -> Vec<Effect<Paxos>> {
    let message = Message::Promise { n: Ballot(n), accepted: Default::default() };
    tell(proposer, Event::Received { from: ACCEPTORS[from], message })
}

fn nacked(proposer: &mut Proposer, n: u64, promised: u64) -> Vec<Effect<Paxos>> {
    let message = Message::Nack { n: Ballot(n), promised: Ballot(promised) };
    tell(proposer, Event::Received { from: ACCEPTORS[0], message })
}

fn asks(effects: &[Effect<Paxos>]) -> Vec<&Message> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { message, .. } => Some(message),
        _ => None,
    });
    sent.collect()
}

#[test]
fn its_ballot_is_on_disk_before_anybody_hears_of_it() {
    let mut proposer = started(Memory::default());
    let (first, said) = begun(&mut proposer);
    assert_eq!(first[0], Effect::Write(Record::Began(Ballot(2))));
    assert!(asks(&first).is_empty(), "after a crash it could use the ballot for another value");
    assert_eq!(asks(&said).len(), 3, "{said:?}");
}

#[test]
fn after_a_crash_it_takes_a_ballot_that_it_has_not_used() {
    let mut proposer = started(Memory { begun: Ballot(5), ..Memory::default() });
    let (first, _) = begun(&mut proposer);
    assert_eq!(first[0], Effect::Write(Record::Began(Ballot(8))));
}

#[test]
fn it_asks_a_second_time_only_what_a_majority_has_promised() {
    let mut proposer = started(Memory::default());
    begun(&mut proposer);
    assert!(asks(&promised(&mut proposer, 0, 2)).is_empty());
    assert!(asks(&promised(&mut proposer, 0, 2)).is_empty(), "the same acceptor again");
    let said = promised(&mut proposer, 1, 2);
    let accept = Message::Accept { slot: Slot::FIRST, proposal: proposal(2, 8) };
    assert_eq!(asks(&said), [&accept; 3]);
}

#[test]
fn a_promise_of_an_earlier_ballot_is_none_of_this_one() {
    let mut proposer = started(Memory::default());
    begun(&mut proposer);
    nacked(&mut proposer, 2, 4);
    let again = tell(&mut proposer, Event::Expired(Timer::Begin));
    assert_eq!(again[0], Effect::Write(Record::Began(Ballot(5))), "above all that it heard of");
    durable(&mut proposer, &again);
    assert!(asks(&promised(&mut proposer, 0, 2)).is_empty());
    assert!(asks(&promised(&mut proposer, 1, 2)).is_empty());
    assert!(asks(&promised(&mut proposer, 2, 5)).is_empty(), "one of three has promised 5");
    assert_eq!(asks(&promised(&mut proposer, 1, 5)).len(), 3);
}

#[test]
fn after_a_refusal_it_takes_a_ballot_above_the_one_that_was_promised() {
    let mut proposer = started(Memory::default());
    begun(&mut proposer);
    nacked(&mut proposer, 2, 12);
    let again = tell(&mut proposer, Event::Expired(Timer::Begin));
    assert_eq!(again[0], Effect::Write(Record::Began(Ballot(14))), "not its next, which is 5");
}

#[test]
fn a_refusal_of_an_earlier_ballot_does_not_stop_it() {
    let mut proposer = started(Memory::default());
    begun(&mut proposer);
    nacked(&mut proposer, 2, 4);
    let again = tell(&mut proposer, Event::Expired(Timer::Begin));
    durable(&mut proposer, &again);
    assert!(nacked(&mut proposer, 2, 4).is_empty(), "that was about ballot 2");
    promised(&mut proposer, 0, 5);
    assert_eq!(asks(&promised(&mut proposer, 1, 5)).len(), 3);
}

#[test]
fn it_says_that_a_value_is_chosen_when_a_majority_has_accepted_one_ballot() {
    let mut proposer = started(Memory::default());
    begun(&mut proposer);
    let accepted =
        |n, number| Message::Accepted { slot: Slot::FIRST, proposal: proposal(n, number) };
    let mut hear = |from: usize, message| {
        tell(&mut proposer, Event::Received { from: ACCEPTORS[from], message })
    };
    assert!(hear(0, accepted(2, 8)).is_empty());
    assert!(hear(0, accepted(2, 8)).is_empty(), "the same acceptor again");
    assert!(hear(1, accepted(4, 5)).is_empty(), "of two ballots one each");
    let chosen = Output::Chosen { slot: Slot::FIRST, value: Value::Number(5) };
    assert!(hear(2, accepted(4, 5)).contains(&Effect::Answer(chosen)));
}

#[test]
fn acceptances_are_counted_by_acceptor_slot_and_ballot() {
    let mut tally = Tally::default();
    assert!(!tally.count(ACCEPTORS[0], Slot(1), Ballot(2), 3));
    assert!(!tally.count(ACCEPTORS[0], Slot(1), Ballot(2), 3));
    assert!(!tally.count(ACCEPTORS[1], Slot(2), Ballot(2), 3));
    assert!(!tally.count(ACCEPTORS[1], Slot(1), Ballot(4), 3));
    assert!(tally.count(ACCEPTORS[1], Slot(1), Ballot(2), 3));
}

#[test]
fn ballots_of_different_proposers_are_different() {
    let numbers = |first| Numbers { first: Ballot(first), step: 3 };
    let mut used = std::collections::BTreeSet::new();
    for first in [2, 4, 6] {
        let mut n = Ballot(0);
        for _ in 0..50 {
            n = numbers(first).above(n);
            assert!(used.insert(n), "{n} is used twice");
        }
    }
    assert_eq!(numbers(2).above(Ballot(1)), Ballot(2));
    assert_eq!(numbers(2).above(Ballot(2)), Ballot(5));
    assert_eq!(numbers(2).above(Ballot(6)), Ballot(8));
}
