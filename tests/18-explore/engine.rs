//! The engine itself, on worlds so small that one can count their states by hand.

use std::fmt;

use assurance::explore::{Fingerprint, Limits, Notes, Search, Subject};
use assurance::invariants::{Broken, Invariant, Verdict};
use machines::{Kind, NodeId};

use crate::searched;

/// A number that can be doubled, or have one taken from it, below a limit. Some numbers are bad.
#[derive(Clone, Copy)]
struct Numbers {
    limit: u32,
    bad: Option<u32>,
}

#[derive(Clone, Copy)]
enum Change {
    Double,
    Less,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Double => "double",
            Change::Less => "less",
        })
    }
}

impl Subject for Numbers {
    type State = u32;
    type Step = Change;

    fn initial(&self) -> u32 {
        3
    }

    fn steps(&self, number: &u32, steps: &mut Vec<Change>) {
        steps.extend((*number > 0 && 2 * number < self.limit).then_some(Change::Double));
        steps.extend((*number > 0).then_some(Change::Less));
    }

    fn take(&self, number: &mut u32, change: &Change, notes: &mut Notes) -> Verdict {
        notes.happened(NodeId::Server(1), Kind::Driven, || change.to_string());
        *number = match change {
            Change::Double => 2 * *number,
            Change::Less => *number - 1,
        };
        if *number > 7 {
            notes.saw("a number above 7");
        }
        let (invariant, what) = (Invariant::S1, format!("it is {number}"));
        if self.bad == Some(*number) { Err(Broken { invariant, what }) } else { Ok(()) }
    }

    fn is_fault(&self, _: &u32, change: &Change) -> bool {
        matches!(change, Change::Less)
    }

    fn is_settled(&self, number: &u32) -> bool {
        *number >= self.limit / 2
    }

    fn must_see(&self) -> Vec<&'static str> {
        vec!["a number above 7"]
    }

    fn nodes(&self) -> Vec<NodeId> {
        vec![NodeId::Server(1)]
    }

    fn facts(&self, number: &u32, _: NodeId) -> Vec<(String, String)> {
        vec![("number".to_string(), number.to_string())]
    }
}

const FREE: Numbers = Numbers { limit: 20, bad: None };

#[test]
fn every_state_is_met_once_and_every_step_tried_once() {
    // From 3 all of 0 to 18 can be reached. From 1 to 9 there are two steps, from 10 on one.
    let search = searched(FREE, Limits::default());
    let tally = search.tally();
    assert!(search.is_complete());
    assert_eq!((tally.states, tally.expanded, tally.transitions, tally.ends), (19, 19, 27, 1));
    assert_eq!(search.notes().seen()["a number above 7"], 16);
}

#[test]
fn the_account_of_what_broke_is_as_short_as_can_be() {
    let search = searched(Numbers { bad: Some(7), ..FREE }, Limits::default());
    let account = search.account().expect("7 is met");
    let steps: Vec<&str> = account.steps.iter().map(|told| told.step.as_str()).collect();
    assert_eq!(steps, ["less", "double", "double", "less"]);
    assert_eq!(account.steps[1].lines[0].to_string(), "1 driven double");
    assert_eq!(account.steps[1].facts[0].1[0].1, "4");
    assert_eq!(account.broken.what, "it is 7");
}

#[test]
fn a_promise_is_broken_where_no_way_leads_to_an_end() {
    // Whoever has nothing left cannot double it; to take one away is a fault.
    let search = searched(FREE, Limits { promise: true, ..Limits::default() });
    let account = search.account().expect("nothing comes of 0");
    assert_eq!(account.broken.invariant, Invariant::L4);
    let steps: Vec<&str> = account.steps.iter().map(|told| told.step.as_str()).collect();
    assert_eq!(steps, ["less", "less", "less"]);
}

#[test]
fn a_promise_is_not_asked_for_unless_it_is_given() {
    assert!(searched(FREE, Limits::default()).broken().is_none());
}

#[test]
fn a_search_stops_at_its_limits() {
    let shallow = searched(FREE, Limits { depth: Some(2), ..Limits::default() });
    // 3; then 6 and 2; then 12, 5, 4 and 1.
    assert_eq!((shallow.tally().states, shallow.tally().depth), (7, 2));
    assert!(!shallow.is_complete());
    assert_eq!(shallow.missing(), Vec::<&str>::new());
    let short = searched(FREE, Limits { depth: Some(1), ..Limits::default() });
    assert_eq!(short.missing(), ["a number above 7"]);
    let few = searched(FREE, Limits { states: Some(5), ..Limits::default() });
    assert!((5..19).contains(&few.tally().states) && !few.is_complete());
}

#[test]
fn pieces_may_be_expanded_in_any_order_if_they_are_absorbed_in_theirs() {
    for bad in [None, Some(23_456)] {
        let wide = Numbers { limit: 40_000, bad };
        let one = searched(wide, Limits::default());
        let mut many = Search::new(wide, Limits::default());
        loop {
            let pieces = many.pieces(7);
            if pieces.is_empty() {
                break;
            }
            let backwards = pieces.into_iter().rev();
            let mut found: Vec<_> = backwards.map(|piece| many.expand(piece)).collect();
            found.reverse();
            found.into_iter().for_each(|found| many.absorb(found));
        }
        assert_eq!(one.tally(), many.tally());
        assert_eq!(one.notes().seen(), many.notes().seen());
        let steps = |search: &Search<Numbers>| search.account().map(|account| account.steps.len());
        assert_eq!(steps(&one), steps(&many));
        assert_eq!(one.account().is_some(), bad.is_some());
        assert!(bad.is_some() || one.tally().states > 10_000, "{:?}", one.tally());
    }
}

#[test]
fn a_fingerprint_is_the_same_everywhere() {
    assert_eq!(Fingerprint::of(&(7u32, "seven")), Fingerprint::of(&(7u32, "seven")));
    assert_ne!(Fingerprint::of(&7u32), Fingerprint::of(&8u32));
    assert_eq!(format!("{:?}", Fingerprint::of(&7u32)), "Fingerprint(6261937554690726620)");
}
