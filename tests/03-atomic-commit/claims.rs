//! The experiments, and what must come of them whatever the seed.

use std::collections::BTreeSet;

use atomic_commit::Outcome::{Abort, Commit};
use atomic_commit::claims::*;
use atomic_commit::laws::Law;
use machines::NodeId;

const TM: NodeId = NodeId::Server(1);
const BANKS: [NodeId; 2] = [NodeId::Server(2), NodeId::Server(3)];

/// Looks at an experiment with many seeds.
fn every_seed(experiment: fn(u64) -> Experiment, check: impl Fn(&Experiment)) {
    for seed in 1..=20 {
        let came = experiment(seed);
        println!("seed {seed}:\n{}{:?}", came.trace, came.decided);
        check(&came);
    }
}

fn says(experiment: &Experiment, text: &str) -> bool {
    experiment.trace.lines().iter().any(|line| line.to_string().contains(text))
}

#[test]
fn without_faults_two_phases_commit_and_three_phases_commit() {
    for experiment in [two_phases, three_phases] {
        every_seed(experiment, |came| {
            assert_eq!(came.decided.len(), 4, "the manager, two banks, the application");
            assert!(came.decided.values().all(|outcome| *outcome == Commit));
            assert_eq!(came.broken, None);
        });
    }
}

#[test]
fn a_second_transaction_waits_for_the_locks_of_the_first_and_then_commits() {
    every_seed(second_waits, |came| {
        assert!(says(came, "Waits 2.1 account=1 held-by=1.1"), "somebody stands in line");
        assert!(came.second.values().all(|outcome| *outcome == Commit), "{:?}", came.second);
        assert_eq!(came.second.len(), 4);
    });
}

#[test]
fn the_coordinators_death_leaves_all_in_doubt_and_none_inconsistent() {
    every_seed(coordinator_dies, |came| {
        assert!(came.decided.is_empty(), "nobody knows how it ended");
        assert_eq!(came.in_doubt, BTreeSet::from(BANKS));
        assert_eq!(came.broken, None);
    });
}

#[test]
fn the_locks_of_those_in_doubt_stop_whoever_comes_later() {
    every_seed(coordinator_dies, |came| {
        assert!(says(came, "Waits 2.1 account=1 held-by=1.1"));
        assert!(!came.second.values().any(|outcome| *outcome == Commit), "{:?}", came.second);
    });
}

#[test]
fn those_in_doubt_ask_each_other_and_neither_can_help() {
    every_seed(coordinator_dies, |came| assert!(says(came, "2 ← 3 InDoubt 1.1")));
}

#[test]
fn a_coordinator_that_comes_back_presumes_that_what_is_not_on_its_disk_has_aborted() {
    every_seed(coordinator_returns, |came| {
        assert!(came.in_doubt.is_empty());
        assert!(came.decided.values().all(|outcome| *outcome == Abort));
        assert!(BANKS.iter().all(|bank| came.decided.contains_key(bank)));
    });
}

#[test]
fn a_participant_in_doubt_learns_the_decision_from_one_that_was_told() {
    every_seed(one_was_told, |came| {
        assert_eq!(came.decided[&BANKS[1]], Commit);
        assert!(says(came, "3 ← 2 Decision 1.1 commit"), "the coordinator is dead");
        assert_eq!(came.broken, None);
    });
}

#[test]
fn there_is_a_window_in_which_one_has_committed_and_the_other_is_in_doubt() {
    every_seed(window, |came| {
        assert_eq!(came.decided[&BANKS[0]], Commit);
        assert_eq!(came.in_doubt, BTreeSet::from([BANKS[1]]));
        assert!(!came.is_split(), "in doubt is not decided otherwise");
        assert_eq!(came.broken, None);
    });
}

#[test]
fn one_that_has_not_voted_aborts_when_it_is_asked_and_nobody_is_blocked() {
    every_seed(one_was_not_asked, |came| {
        assert_eq!(came.decided[&BANKS[0]], Abort);
        assert!(says(came, "2 ← 3 Decision 1.1 abort"));
        assert!(came.in_doubt.is_empty());
    });
}

#[test]
fn one_vote_that_is_late_aborts_what_all_could_have_committed() {
    every_seed(late_vote, |came| {
        assert!(says(came, "3 answered Voted 1.1 yes") && says(came, "2 answered Voted 1.1 yes"));
        assert!(came.decided.values().all(|outcome| *outcome == Abort));
    });
}

#[test]
fn two_phases_become_inconsistent_only_when_one_decides_alone_or_a_log_is_lost() {
    for experiment in [one_decides_alone, log_is_lost] {
        every_seed(experiment, |came| {
            assert!(came.is_split());
            assert_eq!(came.decided[&BANKS[0]], Commit);
            assert_eq!(came.decided[&BANKS[1]], Abort);
        });
    }
}

#[test]
fn where_two_phases_block_three_phases_decide() {
    every_seed(nobody_is_blocked, |came| {
        assert!(came.in_doubt.is_empty());
        assert!(BANKS.iter().all(|bank| came.decided[bank] == Abort));
        assert_eq!(came.broken, None);
    });
}

#[test]
fn timeouts_that_ask_nobody_split_three_phases_by_one_crash_alone() {
    every_seed(timeouts_alone, |came| {
        assert_eq!(came.decided[&BANKS[0]], Commit, "it knows that all have voted yes");
        assert_eq!(came.decided[&BANKS[1]], Abort, "it does not");
        assert_eq!(came.broken.as_ref().map(|broken| broken.law), Some(Law::AC1));
    });
}

#[test]
fn the_same_crash_splits_nobody_when_those_that_are_left_ask_each_other() {
    every_seed(timeouts_together, |came| {
        assert!(BANKS.iter().all(|bank| came.decided[bank] == Commit));
        assert_eq!(came.broken, None);
    });
}

#[test]
fn a_partition_splits_three_phases() {
    every_seed(partition, |came| {
        assert!(came.is_split());
        assert_eq!(came.decided[&BANKS[1]], Abort, "it was cut off, and thought all others dead");
        assert_eq!(came.decided[&TM], Commit);
        let crashed = came.trace.lines().iter().any(|line| line.kind == machines::Kind::Crashed);
        assert!(!crashed, "nobody crashed");
    });
}

#[test]
fn messages_that_are_late_split_three_phases_without_any_fault() {
    every_seed(slow_network, |came| {
        assert!(came.is_split());
        assert!(!came.trace.lines().iter().any(|line| line.kind == machines::Kind::Cut));
    });
}

#[test]
fn when_all_have_crashed_three_phases_wait_for_the_last_to_come_back() {
    every_seed(total_failure, |came| {
        assert!(came.decided.is_empty());
        assert_eq!(came.in_doubt, BTreeSet::from(BANKS), "both run, and wait for the manager");
        assert_eq!(came.broken, None);
    });
}
