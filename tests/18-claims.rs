//! Chapter 18: what is often said of an ensemble, and what comes of it on production members.

use std::time::Duration;

use assurance::claims::{Bend, commit_before_the_leaders_disk, two_leaders, wrong_vote_order};

/// How many networks each is tried on.
const SEEDS: u64 = 10;

#[test]
fn claim_7_a_wrong_vote_order_alone_costs_time_and_loses_nothing() {
    for seed in 0..SEEDS {
        let (trace, right) = wrong_vote_order(Bend::Nothing, seed);
        assert!(right.acknowledged, "seed {seed}: {right:?}\n{trace}");
        assert_eq!(right.has_it, [1, 2, 3], "seed {seed}: {right:?}\n{trace}");
        assert_eq!((right.refusals, right.broken), (0, None), "seed {seed}\n{trace}");
        let usual = right.served_after.expect("all are well");

        let (trace, wrong) = wrong_vote_order(Bend::VoteOrder, seed);
        assert!(wrong.acknowledged, "seed {seed}: {wrong:?}");
        assert!(wrong.refusals > 0, "seed {seed}: 3 is elected, and refused: {wrong:?}\n{trace}");
        assert!([1, 2].iter().all(|it| wrong.has_it.contains(it)), "seed {seed}: {wrong:?}");
        assert!(!matches!(wrong.leader, Some((3, _))), "seed {seed}: {wrong:?}\n{trace}");
        let later = wrong.served_after.is_none_or(|it| it > usual + Duration::from_millis(200));
        assert!(later, "seed {seed}: usually {usual:?}, but {wrong:?}\n{trace}");
        assert_eq!(wrong.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_7_without_discoverys_check_a_write_is_lost_that_a_client_was_told_of() {
    for seed in 0..SEEDS {
        let (trace, lost) = wrong_vote_order(Bend::VoteOrderAndDiscovery, seed);
        assert!(lost.acknowledged, "seed {seed}: {lost:?}");
        assert!(matches!(lost.leader, Some((3, _))), "seed {seed}: {lost:?}\n{trace}");
        assert_eq!(lost.has_it, [0; 0], "seed {seed}: {lost:?}\n{trace}");
        assert!(lost.broken.is_some(), "seed {seed}: the laws notice it");
    }
}

#[test]
fn claim_17_two_of_four_followers_do_when_the_leaders_own_log_counts() {
    for seed in 0..SEEDS {
        let (trace, facts) = commit_before_the_leaders_disk(false, seed);
        assert!(facts.committed, "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.on_disk, [3, 4, 5], "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_17_three_followers_commit_what_is_not_on_the_leaders_disk() {
    for seed in 0..SEEDS {
        let (trace, facts) = commit_before_the_leaders_disk(true, seed);
        assert!(facts.committed, "seed {seed}: {facts:?}\n{trace}");
        assert!(!facts.on_disk.contains(&facts.leader), "seed {seed}: {facts:?}\n{trace}");
        assert!(facts.on_disk.len() >= 3, "seed {seed}: a quorum has it: {facts:?}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_25_two_lead_for_a_while_and_only_the_newer_commits() {
    let mut longest = Duration::ZERO;
    for seed in 0..SEEDS {
        let (trace, facts) = two_leaders(seed);
        assert_eq!(facts.epochs.len(), 2, "seed {seed}: {facts:?}\n{trace}");
        assert_ne!(facts.epochs[0], facts.epochs[1], "seed {seed}: one leader an epoch");
        assert!(facts.unseen, "seed {seed}: it answers reads with what was: {facts:?}\n{trace}");
        assert!(!facts.old_write_done, "seed {seed}: it commits nothing: {facts:?}\n{trace}");
        let noticed = facts.noticed_after.expect("it notices by itself");
        assert!(noticed <= facts.limit * 2, "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.broken, None, "seed {seed}");
        longest = longest.max(facts.together);
    }
    assert!(longest > Duration::from_millis(100), "for a while: {longest:?}");
}
