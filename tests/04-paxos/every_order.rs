//! Acceptors and proposers in every order of events: late, lost and repeated messages, and power
//! that goes at any moment.

use paxos::Value;
use paxos::laws::Law;
use paxos::search::{Found, Scope, search};

/// What must hold, or the shortest way to where it does not.
fn told(found: &Found) -> String {
    let Some((broken, way)) = &found.broken else { return String::new() };
    let way: Vec<String> = way.iter().map(|step| format!("{step}\n")).collect();
    format!("{}{broken}", way.concat())
}

#[test]
fn three_acceptors_choose_one_value_whatever_happens_to_three_ballots() {
    let found = search(&Scope::three(Scope::ours(), 3));
    assert!(found.broken.is_none(), "{}", told(&found));
    let all = [1, 5, 8].map(Value::Number);
    assert!(
        all.iter().all(|value| found.chosen.contains(value)),
        "of {all:?} only {:?} are ever chosen: a proposer that was promised something can never \
         succeed",
        found.chosen
    );
    assert!(found.states > 10_000, "there is much to see: {} states", found.states);
}

#[test]
fn two_of_two_acceptors_choose_one_value_too() {
    let scope = Scope { acceptors: 2, ..Scope::three(Scope::ours(), 3) };
    let found = search(&scope);
    assert!(found.broken.is_none(), "{}", told(&found));
    assert_eq!(found.chosen.len(), 3);
}

#[test]
fn the_last_that_was_received_is_safe_with_two_ballots() {
    let found = search(&Scope::three(Scope::hearsay(false), 2));
    assert!(found.broken.is_none(), "{}", told(&found));
    assert_eq!(found.chosen.len(), 2, "the search has seen something");
}

#[test]
fn the_last_that_was_received_chooses_twice_with_three_ballots() {
    let found = search(&Scope::three(Scope::hearsay(false), 3));
    let (broken, way) = found.broken.expect("it can be broken");
    assert_eq!(broken.law, Law::P1);
    assert_eq!(broken.what, "in slot 1 [2, 8] was chosen, then [6, 5]");
    assert_eq!(way.len(), 11, "and there is no shorter way");
}
