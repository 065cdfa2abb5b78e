//! The puzzles: which schedules are right, and what is said of those that are wrong.

use atomic_commit::puzzles::{Wrong, judge_block, judge_split};
use atomic_commit::schedule::Schedule;
use machines::NodeId;

fn schedule(text: &str) -> Schedule {
    text.parse().expect("it can be read")
}

fn block(text: &str) -> Option<Wrong> {
    judge_block(&schedule(text)).err()
}

fn split(text: &str) -> Option<Wrong> {
    judge_split(&schedule(text)).err()
}

#[test]
fn the_coordinator_dies_when_all_have_voted_and_that_blocks() {
    assert_eq!(block("when \"→ 1 Voted\"#2 crash 1"), None);
    assert_eq!(block("when \"→ 1 Voted\"#2 pause 1"), None, "it makes no difference to them");
    assert_eq!(block("when \"→ 1 Voted\"#2 cut 1 from 2 3"), None);
    let two = "when \"→ 1 Voted\"#2 crash 1\nthen crash 2";
    assert!(matches!(block(two), Some(Wrong::Needless(_))), "3 is alive, and blocked without that");
}

#[test]
fn whoever_has_not_voted_is_free_to_abort() {
    let wrong = block("when \"→ 3 Prepare\" reset 1 3\nthen crash 1");
    assert_eq!(wrong, Some(Wrong::FreeToAbort(NodeId::Server(3))));
}

#[test]
fn a_coordinator_that_comes_back_is_only_slow() {
    let wrong = block("when \"→ 1 Voted\"#2 crash 1\nafter 5s restart 1");
    assert_eq!(wrong, Some(Wrong::OnlySlow));
}

#[test]
fn other_schedules_that_block_nobody_are_told_apart() {
    assert_eq!(block("when \"c1 answered Asked\" crash 1"), Some(Wrong::NobodyPromised));
    assert_eq!(block("when \"3 answered Decided\" crash 1"), Some(Wrong::TooLate));
    let knows = "when \"1 → 3 Decision\" reset 1 3\nthen crash 1\nthen cut 2 from 3";
    assert_eq!(block(knows), Some(Wrong::SomebodyKnows(NodeId::Server(2))));
    assert!(matches!(block("when \"no such line\" crash 1"), Some(Wrong::NeverGiven(_))));
    assert!(matches!(block("then new-disk 1"), Some(Wrong::Forbidden(_))));
    assert_eq!(block(&"then crash 1\n".repeat(5)), Some(Wrong::TooLong(5)));
}

#[test]
fn who_is_cut_off_between_two_pre_commits_splits_three_phases() {
    assert_eq!(split("when \"1 → 3 PreCommit\" cut 3 from 1 2"), None);
    assert_eq!(split("when \"→ 1 Voted\"#2 delay 5s"), None, "late is as good as cut off");
    let more = "when \"1 → 3 PreCommit\" cut 3 from 1 2\nafter 10s mend all";
    assert!(matches!(split(more), Some(Wrong::Needless(_))));
}

#[test]
fn crashes_alone_split_nobody() {
    for crash in ["crash 1", "power-loss 1", "reset 1 3\nthen crash 1", "crash 2\nthen crash 3"] {
        let wrong = split(&format!("when \"1 → 3 PreCommit\" {crash}"));
        assert_eq!(wrong, Some(Wrong::OnlyCrashes), "{crash}");
    }
}

#[test]
fn who_is_cut_off_too_early_or_too_late_decides_as_all_do() {
    let early = split("when \"1 → 3 CanCommit\" cut 3 from 1 2");
    assert_eq!(early, Some(Wrong::Agreed(atomic_commit::Outcome::Abort)));
    let late = split("when \"3 → 1 PreCommitted\" cut 3 from 1 2");
    assert_eq!(late, Some(Wrong::Agreed(atomic_commit::Outcome::Commit)));
}

#[test]
fn what_is_said_of_a_wrong_schedule_says_why() {
    for (wrong, why) in [
        (Wrong::FreeToAbort(NodeId::Server(3)), "it may abort"),
        (Wrong::OnlySlow, "not blocked, only slow"),
        (Wrong::OnlyCrashes, "you need a *false* suspicion"),
    ] {
        assert!(wrong.to_string().contains(why), "{wrong}");
    }
}

#[test]
fn a_schedule_is_printed_as_it_is_read() {
    let text = "when \"1 ← 2 Voted\" crash 1\nwhen \"Voted\"#2 power-loss 2\nafter 2000ms restart 1\n\
                then pause 3\nthen resume 3\nthen cut 1 from 2 3\nthen mend all\nthen reset 1 3\n\
                then delay 250ms\nthen new-disk 1\n";
    assert_eq!(schedule(text).to_string(), text);
    assert_eq!(schedule("# a comment\n\nwhen \"1 <- 2 Voted\" crash 1").0.len(), 1);
    for wrong in ["crash 1", "when 1 crash 1", "after soon crash 1", "then crash", "then fly 1"] {
        let why = wrong.parse::<Schedule>().expect_err(wrong);
        assert!(why.starts_with("line 1: "), "{why}");
    }
}
