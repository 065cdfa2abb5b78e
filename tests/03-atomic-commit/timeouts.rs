//! The timeouts of three phases, and the rule of a new leader.

use std::collections::{BTreeMap, BTreeSet};

use atomic_commit::{Doubt, Resort, Ruling, Standing, Timeouts, Waits};
use atomic_commit::{leader, on_silence, rule};
use machines::NodeId;

const SITES: [NodeId; 3] = [NodeId::Server(1), NodeId::Server(2), NodeId::Server(3)];

fn standing(doubt: Doubt, steady: bool) -> Standing {
    Standing { doubt, steady }
}

fn ruling(mine: Standing, answers: &[(NodeId, Standing)]) -> Ruling {
    rule(mine, &answers.iter().copied().collect::<BTreeMap<_, _>>(), 2)
}

#[test]
fn who_has_promised_nothing_aborts_and_so_does_who_misses_a_vote() {
    for timeouts in [Timeouts::Together, Timeouts::Alone] {
        assert_eq!(on_silence(Waits::ToBeAsked, timeouts), Resort::Abort);
        assert_eq!(on_silence(Waits::Votes, timeouts), Resort::Abort);
    }
}

#[test]
fn who_has_told_all_that_all_voted_yes_commits_without_those_that_are_silent() {
    assert_eq!(on_silence(Waits::Acks, Timeouts::Together), Resort::Commit);
}

#[test]
fn who_is_in_doubt_decides_nothing_by_itself() {
    for doubt in [Doubt::Waiting, Doubt::PreCommitted] {
        assert_eq!(on_silence(Waits::Leader(doubt), Timeouts::Together), Resort::Elect);
    }
}

#[test]
fn the_next_in_line_leads() {
    assert_eq!(leader(&SITES, &BTreeSet::new()), Some(SITES[0]));
    assert_eq!(leader(&SITES, &BTreeSet::from([SITES[0]])), Some(SITES[1]));
    assert_eq!(leader(&SITES, &BTreeSet::from(SITES)), None);
}

#[test]
fn if_nobody_knows_that_all_voted_yes_a_new_leader_aborts() {
    let waiting = standing(Doubt::Waiting, true);
    assert_eq!(ruling(waiting, &[(SITES[2], waiting)]), Ruling::Abort);
    assert_eq!(ruling(waiting, &[]), Ruling::Abort, "it need not wait for the dead");
}

#[test]
fn if_somebody_knows_a_new_leader_lets_all_know_and_nobody_twice() {
    let (waiting, knows) = (standing(Doubt::Waiting, true), standing(Doubt::PreCommitted, true));
    let others = BTreeSet::from([SITES[2]]);
    assert_eq!(ruling(waiting, &[(SITES[2], knows)]), Ruling::PreCommit(others));
    assert_eq!(ruling(knows, &[(SITES[2], waiting)]), Ruling::PreCommit(BTreeSet::new()));
}

#[test]
fn what_the_restarted_know_does_not_count_for_those_that_run() {
    let waiting = standing(Doubt::Waiting, true);
    let knew = standing(Doubt::PreCommitted, false);
    assert_eq!(ruling(waiting, &[(SITES[0], knew), (SITES[2], waiting)]), Ruling::Abort);
}

#[test]
fn the_restarted_lead_only_if_all_are_there_and_all_were_restarted() {
    let (mine, run) = (standing(Doubt::Waiting, false), standing(Doubt::Waiting, true));
    assert_eq!(ruling(mine, &[(SITES[0], mine)]), Ruling::Wait, "one is missing");
    assert_eq!(ruling(mine, &[(SITES[0], mine), (SITES[2], run)]), Ruling::Wait, "one has run");
    assert_eq!(ruling(mine, &[(SITES[0], mine), (SITES[2], mine)]), Ruling::Abort);
    let knew = standing(Doubt::PreCommitted, false);
    let all = ruling(mine, &[(SITES[0], knew), (SITES[2], mine)]);
    assert_eq!(all, Ruling::PreCommit(BTreeSet::from([SITES[0]])));
}
