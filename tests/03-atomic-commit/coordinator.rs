//! A coordinator of two phases, one event at a time.

use atomic_commit::{Commit, Coordinator, Message, Outcome, Record, Timer, Told, Txn, Vote};
use machines::{Effect, Effects, Event, Fault, Machine, NodeId, Ticket};

const A: NodeId = NodeId::Server(2);
const B: NodeId = NodeId::Server(3);
const T: Txn = Txn { application: 1, number: 1 };

fn tell(machine: &mut Coordinator, event: Event<Commit>) -> Vec<Effect<Commit>> {
    let mut effects = Effects::new();
    machine.step(event, &mut effects);
    effects.drain().collect()
}

fn hear(machine: &mut Coordinator, from: NodeId, message: Message) -> Vec<Effect<Commit>> {
    tell(machine, Event::Received { from, message })
}

fn vote(machine: &mut Coordinator, from: NodeId, vote: Vote) -> Vec<Effect<Commit>> {
    hear(machine, from, Message::Voted { txn: T, vote })
}

fn started(log: Vec<Record>) -> (Coordinator, Vec<Effect<Commit>>) {
    let mut machine = Coordinator::new();
    let effects = tell(&mut machine, Event::Started(log));
    (machine, effects)
}

fn finish(wish: Outcome) -> (Coordinator, Vec<Effect<Commit>>) {
    let (mut machine, _) = started(Vec::new());
    let message = Message::Finish { txn: T, wish, resources: vec![A, B] };
    let effects = hear(&mut machine, T.client(), message);
    (machine, effects)
}

fn said(effects: &[Effect<Commit>]) -> Vec<(NodeId, Message)> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message } => Some((*to, message.clone())),
        _ => None,
    });
    sent.collect()
}

fn all(outcome: Outcome) -> Vec<(NodeId, Message)> {
    [A, B, T.client()].map(|to| (to, Message::Decision { txn: T, outcome })).to_vec()
}

fn writes(effects: &[Effect<Commit>]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Write(_) | Effect::Sync(_)))
}

/// A coordinator whose commit is on disk, and known to nobody.
fn committed() -> Coordinator {
    let (mut machine, _) = finish(Outcome::Commit);
    vote(&mut machine, A, Vote::Yes);
    vote(&mut machine, B, Vote::Yes);
    tell(&mut machine, Event::Durable(Ticket(1)));
    machine
}

#[test]
fn it_decides_when_all_have_voted_yes_and_tells_when_that_is_on_disk() {
    let (mut machine, asks) = finish(Outcome::Commit);
    assert_eq!(said(&asks).len(), 2, "both are asked: {asks:?}");
    assert!(vote(&mut machine, A, Vote::Yes).is_empty(), "one is not all");
    assert!(vote(&mut machine, A, Vote::Yes).is_empty(), "and the same one twice neither");
    let decides = vote(&mut machine, B, Vote::Yes);
    assert!(writes(&decides) && said(&decides).is_empty(), "{decides:?}");
    let tells = tell(&mut machine, Event::Durable(Ticket(1)));
    assert_eq!(said(&tells), all(Outcome::Commit));
    assert!(tells.contains(&Effect::Answer(Told::Decided(T, Outcome::Commit))));
}

#[test]
fn one_vote_no_or_one_that_is_missing_aborts_and_nothing_is_written() {
    let (mut machine, _) = finish(Outcome::Commit);
    let aborts = vote(&mut machine, A, Vote::No);
    assert!(said(&aborts) == all(Outcome::Abort) && !writes(&aborts), "{aborts:?}");
    let (mut machine, _) = finish(Outcome::Commit);
    vote(&mut machine, A, Vote::Yes);
    let aborts = tell(&mut machine, Event::Expired(Timer::Votes(T)));
    assert!(said(&aborts) == all(Outcome::Abort) && !writes(&aborts), "{aborts:?}");
    let late = vote(&mut machine, B, Vote::Yes);
    assert_eq!(said(&late), [(B, Message::Decision { txn: T, outcome: Outcome::Abort })]);
}

#[test]
fn an_application_that_wants_an_abort_gets_one() {
    let (_, aborts) = finish(Outcome::Abort);
    assert_eq!(said(&aborts), all(Outcome::Abort));
}

#[test]
fn it_answers_nobody_before_it_has_decided() {
    let (mut machine, _) = finish(Outcome::Commit);
    assert!(hear(&mut machine, A, Message::Inquire(T)).is_empty());
    vote(&mut machine, A, Vote::Yes);
    vote(&mut machine, B, Vote::Yes);
    assert!(hear(&mut machine, A, Message::Inquire(T)).is_empty(), "not on disk is not decided");
}

#[test]
fn it_tells_a_commit_until_all_have_acknowledged_it_the_application_too() {
    let mut machine = committed();
    hear(&mut machine, A, Message::Ack(T));
    hear(&mut machine, A, Message::Ack(T));
    let again = tell(&mut machine, Event::Expired(Timer::Acks(T)));
    let rest =
        [B, T.client()].map(|to| (to, Message::Decision { txn: T, outcome: Outcome::Commit }));
    assert_eq!(said(&again), rest);
    hear(&mut machine, B, Message::Ack(T));
    let last = hear(&mut machine, T.client(), Message::Ack(T));
    assert!(last.contains(&Effect::Write(Record::End(T))), "{last:?}");
    assert!(tell(&mut machine, Event::Expired(Timer::Acks(T))).is_empty(), "it is forgotten");
}

#[test]
fn after_a_restart_it_tells_what_it_has_committed_and_presumes_the_rest_aborted() {
    let commit = Record::Commit { txn: T, resources: vec![A, B] };
    let (mut machine, first) = started(vec![commit.clone()]);
    assert_eq!(said(&first), all(Outcome::Commit));
    let answer = hear(&mut machine, A, Message::Inquire(T));
    assert_eq!(said(&answer), [(A, Message::Decision { txn: T, outcome: Outcome::Commit })]);
    let (_, nothing) = started(vec![commit, Record::End(T)]);
    assert!(nothing.is_empty(), "all know it");
    let (mut machine, _) = started(Vec::new());
    let answer = hear(&mut machine, A, Message::Inquire(T));
    assert_eq!(said(&answer), [(A, Message::Decision { txn: T, outcome: Outcome::Abort })]);
}

#[test]
fn what_it_has_presumed_aborted_cannot_be_committed_later() {
    let (mut machine, _) = started(Vec::new());
    hear(&mut machine, A, Message::Inquire(T));
    let message = Message::Finish { txn: T, wish: Outcome::Commit, resources: vec![A, B] };
    assert!(hear(&mut machine, T.client(), message).is_empty());
}

#[test]
fn after_its_disk_has_failed_it_decides_nothing() {
    let (mut machine, _) = finish(Outcome::Commit);
    vote(&mut machine, A, Vote::Yes);
    vote(&mut machine, B, Vote::Yes);
    tell(&mut machine, Event::Failed(Ticket(1), Fault::Full));
    assert!(tell(&mut machine, Event::Durable(Ticket(1))).is_empty());
    assert!(hear(&mut machine, A, Message::Inquire(T)).is_empty());
}
