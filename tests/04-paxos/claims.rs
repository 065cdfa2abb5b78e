//! Two things that are often said of Paxos, and what is so.

use machines::Kind;
use paxos::Value;
use paxos::claims::{MALICE, endless_waiting, last_received};
use paxos::laws::Law;

/// Claim 1: an acceptor answers a prepare with the proposal that it last received.
#[test]
fn the_rule_of_the_notes_is_safe_with_two_ballots_and_chooses_twice_with_three() {
    let (trace, facts) = last_received();
    let [notes, paxos] = &facts.example;
    assert_eq!(notes.seen.decree(), Some(Value::Number(8)), "by the notes B must adopt 8");
    assert_eq!(paxos.seen.decree(), Some(Value::Number(5)), "nobody had accepted 8: B is free");
    assert!(notes.seen.broken.is_none() && paxos.seen.broken.is_none());
    assert!(facts.two.broken.is_none() && facts.two.chosen.len() == 2);
    let (broken, way) = facts.three.broken.as_ref().expect("three ballots break it");
    assert_eq!(broken.law, Law::P1);
    let [notes, paxos] = &facts.replay;
    assert_eq!(notes.seen.broken.as_ref(), Some(broken), "the schedule shows what was found");
    assert_eq!(way.len(), 11);
    assert_eq!(paxos.seen.broken, None, "by the rule of Paxos C adopts 8");
    assert_eq!(paxos.seen.decree(), Some(Value::Number(8)));
    assert!(facts.repeated.broken.is_some(), "a prepare that is answered twice does it with two");
    assert!(facts.paxos.broken.is_none() && facts.paxos.chosen.len() == 3);
    assert!(trace.lines().iter().any(|line| line.text == "Promise n=6 accepted=1:[4, 5]"));
}

/// Claim 29: Paxos removes endless waiting.
#[test]
fn paxos_is_always_safe_and_ends_only_if_one_proposer_is_left_alone_with_a_majority() {
    let (trace, facts) = endless_waiting();
    assert_eq!(facts.duel.seen.decree(), None);
    assert!(facts.duel.given_up > 1000, "{} ballots in a minute", facts.duel.given_up);
    for ended in [&facts.random, &facts.preferred] {
        assert!(ended.seen.decree().is_some());
        assert!(ended.given_up < 20 && ended.took.as_secs() < 2, "{:?}", ended.took);
    }
    assert_eq!(facts.heir.seen.decree(), Some(Value::Number(5)), "the preferred one has died");
    assert_eq!(facts.minority.seen.decree(), None, "one acceptor of three is no majority");
    assert_eq!(facts.malice.preemptions, MALICE);
    assert_eq!(facts.malice.seen.decree(), None, "no wait is long enough for such a network");
    let fights = [&facts.duel, &facts.random, &facts.preferred, &facts.heir, &facts.minority];
    assert!(fights.iter().all(|fought| fought.seen.broken.is_none()), "it is safe all the time");
    assert_eq!(facts.malice.seen.broken, None);
    let chosen = |line: &machines::Line| line.text.starts_with("Chosen");
    assert!(!trace.lines().iter().any(|line| line.kind == Kind::Answered && chosen(line)));
}
