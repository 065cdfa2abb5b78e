//! Claims of chapter 4.

use ::paxos::claims::{endless_waiting, last_received};

use super::{Experiment, scene};

/// Claim 1: an acceptor tells what it last received.
pub(super) fn received() -> Experiment {
    let (trace, facts) = last_received();
    let [notes, ours] = facts.replay;
    let title = "The rule as stated, with three ballots: 2 for 8, 4 for 5, 6 for 1";
    let first = scene(title, trace, "8 is chosen, and then 5.".to_string());
    let title = "The same messages, and acceptors that tell what they accepted";
    let outcome = "8 is chosen, and stays so: the third proposer hears of it.".to_string();
    let second = scene(title, ours.seen.trace.clone(), outcome);
    Experiment::of(
        vec![first, second],
        &[
            (facts.two.broken.is_none(), "two ballots break the rule as stated"),
            (facts.three.broken.is_some(), "three ballots do not break the rule as stated"),
            (notes.seen.broken.is_some(), "the schedule does not show it"),
            (ours.seen.broken.is_none() && facts.paxos.broken.is_none(), "Paxos is broken"),
        ],
    )
}

/// Claim 29: no endless waiting.
pub(super) fn waiting() -> Experiment {
    let (duel, facts) = endless_waiting();
    let given_up = facts.duel.given_up;
    let title = "Two eager proposers, and acceptors whose disks are slower than the network";
    let outcome = format!("In a minute {given_up} ballots were given up, and nothing was chosen.");
    let first = scene(title, duel, outcome);
    let took = facts.random.took.as_millis();
    let title = "The same two, and each waits for as long as its dice say";
    let outcome = format!("After {took} ms a value is chosen.");
    let second = scene(title, facts.random.seen.trace.clone(), outcome);
    Experiment::of(
        vec![first, second],
        &[
            (facts.duel.seen.decree().is_none(), "the duel ended by itself"),
            (facts.random.seen.decree().is_some(), "dice did not end the duel"),
            (facts.heir.seen.decree().is_some(), "nobody took the place of the preferred one"),
            (facts.minority.seen.decree().is_none(), "a minority chose a value"),
        ],
    )
}
