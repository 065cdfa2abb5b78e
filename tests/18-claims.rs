//! Chapter 18: what is often said of an ensemble, and what comes of it on production members.

use std::time::Duration;

use assurance::claims::{
    Absence, Back, Bend, Left, Watching, Way, absence, commit_before_the_leaders_disk,
    deposed_leader, epoch_of_the_log, silent, stale_follower, two_leaders, uncommitted_tail,
    watching, wrong_vote_order,
};
use jute::records::ErrorCode;
use protocol::{EventKind, SessionState};

/// How many networks each is tried on.
const SEEDS: u64 = 10;

#[test]
fn claim_2_a_follower_that_is_behind_shows_the_past_and_a_sync_closes_the_gap() {
    for seed in 0..SEEDS {
        let (trace, facts) = stale_follower(seed);
        assert_eq!((facts.plain, facts.written), (Some(1), 2), "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.synced, Some(2), "seed {seed}: {facts:?}\n{trace}");
        assert!(facts.linearizable && !facts.all_linearizable, "seed {seed}: {facts:?}");
        assert!(facts.all_sequential, "seed {seed}: {facts:?}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_2_after_a_sync_by_a_deposed_leaders_own_word_a_read_shows_the_past() {
    for seed in 0..SEEDS {
        let (trace, facts) = deposed_leader(true, seed);
        assert_eq!(facts.synced, Some(1), "seed {seed}: {facts:?}\n{trace}");
        assert!(!facts.linearizable && facts.all_sequential, "seed {seed}: {facts:?}");
        let broken = facts.broken.expect("the witness notices it");
        assert!(broken.contains("S7"), "seed {seed}: {broken}");
    }
}

#[test]
fn claim_2_a_deposed_leader_that_asks_a_quorum_answers_no_sync() {
    for seed in 0..SEEDS {
        let (trace, facts) = deposed_leader(false, seed);
        assert_eq!(facts.plain, Some(1), "seed {seed}: it answers reads: {facts:?}\n{trace}");
        assert_eq!(facts.synced, None, "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.later, Some(2), "seed {seed}: {facts:?}\n{trace}");
        assert!(facts.linearizable && facts.all_sequential, "seed {seed}: {facts:?}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

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
fn claim_8_the_epoch_of_the_log_is_used_twice() {
    for seed in 0..SEEDS {
        let (trace, log) = epoch_of_the_log(Bend::EpochOfTheLog, seed);
        assert_eq!(log.epochs, [1, 2, 2], "seed {seed}: {log:?}\n{trace}");
        let [first, second, third] = &log.contents;
        assert!(first.is_some() && first == second, "seed {seed}: {log:?}");
        assert!(third.is_some() && second != third, "seed {seed}: {log:?}\n{trace}");
        assert!(log.broken.is_some(), "seed {seed}: the laws notice it");
    }
}

#[test]
fn claim_8_an_epoch_that_was_accepted_is_not_used_again() {
    for seed in 0..SEEDS {
        let (trace, facts) = epoch_of_the_log(Bend::Nothing, seed);
        assert_eq!(facts.epochs, [1, 2, 3], "seed {seed}: {facts:?}\n{trace}");
        let new = Some("of the new leader".to_string());
        assert!(facts.contents.iter().all(|it| *it == new), "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_9_what_a_dead_leader_alone_has_is_discarded_if_another_has_begun() {
    for seed in 0..SEEDS {
        let (trace, facts) = uncommitted_tail(Back::ToALeader, seed);
        assert!(!facts.told && facts.ends.0 > facts.ends.1, "seed {seed}: {facts:?}\n{trace}");
        assert_eq!((&facts.has_it[..], &facts.delivered[..]), (&[][..], &[][..]), "{trace}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claims_9_and_24_a_leader_that_is_back_in_time_wins_and_commits_what_it_had() {
    for seed in 0..SEEDS {
        let (trace, facts) = uncommitted_tail(Back::InTime, seed);
        assert!(!facts.told, "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.leader, (3, 2), "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.has_it, [1, 2, 3], "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.delivered, [1, 2, 3], "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_24_a_larger_zxid_of_an_older_epoch_loses_the_election() {
    for seed in 0..SEEDS {
        let (trace, facts) = uncommitted_tail(Back::ToAnElection, seed);
        assert!(facts.ends.0 > facts.ends.1, "seed {seed}: {facts:?}\n{trace}");
        assert!(matches!(facts.leader, (1 | 2, 3)), "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.has_it, [0; 0], "seed {seed}: {facts:?}\n{trace}");
        assert_eq!(facts.broken, None, "seed {seed}");
    }
}

#[test]
fn claim_32_a_leader_that_is_behind_is_refused_and_given_nothing() {
    for seed in 0..SEEDS {
        let (trace, wrong) = wrong_vote_order(Bend::VoteOrder, seed);
        assert!(wrong.refusals > 0, "seed {seed}: {wrong:?}\n{trace}");
        assert_eq!(wrong.fetched, 0, "seed {seed}: {wrong:?}\n{trace}");
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

fn watch(left: Left, seed: u64) -> Watching {
    Watching { left, there: true, again: false, burst: false, seed }
}

#[test]
fn claim_13_what_a_read_leaves_fires_once_and_what_was_added_stays() {
    for seed in 0..SEEDS {
        for (left, count) in [
            (Left::GetData, 1),
            (Left::Exists, 1),
            (Left::GetChildren, 1),
            (Left::Persistent, 5),
            (Left::Recursive, 5),
        ] {
            let (trace, came) = watching(&watch(left, seed));
            assert_eq!(came.told.len(), count, "seed {seed}, {left:?}: {came:?}\n{trace}");
        }
    }
}

#[test]
fn claim_14_a_get_data_that_fails_leaves_no_watch() {
    for seed in 0..SEEDS {
        let missing = |left| Watching { there: false, ..watch(left, seed) };
        let (trace, came) = watching(&missing(Left::GetData));
        assert_eq!((came.found, came.told.len()), (false, 0), "seed {seed}\n{trace}");
        for left in [Left::Exists, Left::Persistent, Left::Recursive] {
            let (trace, came) = watching(&missing(left));
            let first = came.told.first().map(|(kind, _)| *kind);
            assert_eq!(first, Some(EventKind::NodeCreated), "seed {seed}, {left:?}\n{trace}");
        }
    }
}

#[test]
fn claim_15_several_changes_are_one_notice_and_the_last_is_never_missed() {
    for seed in 0..SEEDS {
        let burst = Watching { again: true, burst: true, ..watch(Left::GetData, seed) };
        let (trace, came) = watching(&burst);
        assert!((1..3).contains(&came.told.len()), "seed {seed}: {came:?}\n{trace}");
        assert_eq!(came.last_read.as_deref(), Some("three"), "seed {seed}\n{trace}");
    }
}

#[test]
fn claim_33_transactions_that_change_no_node_trigger_no_watch() {
    for seed in 0..SEEDS {
        let (trace, came) = silent(seed);
        assert_eq!((came.transactions, came.events), (4, 0), "seed {seed}: {came:?}\n{trace}");
        assert_eq!(came.refused, Some(ErrorCode::BadVersion), "seed {seed}\n{trace}");
        assert_eq!(came.afterwards, 1, "seed {seed}\n{trace}");
    }
}

#[test]
fn claim_20_ephemeral_nodes_go_with_their_session_and_not_with_a_connection() {
    let (tick, timeout) = (Duration::from_secs(2), Duration::from_secs(6));
    for seed in 0..SEEDS {
        let play = |way, servers| absence(&Absence { servers, tick, timeout, way, seed });
        for servers in [1, 3] {
            let (trace, closed) = play(Way::Close, servers);
            let gone = closed.gone.expect("the node goes");
            assert!(gone - closed.left < Duration::from_millis(100), "seed {seed}\n{trace}");

            let (trace, killed) = play(Way::Crash, servers);
            let took = killed.gone.expect("the node goes") - killed.left;
            // It was last heard of up to two seconds before, as it pings.
            let expected = timeout - tick..timeout + tick * 2;
            assert!(expected.contains(&took), "seed {seed}: {killed:?}\n{trace}");

            let (trace, early) = play(Way::Cut(Duration::from_secs(3)), servers);
            assert_eq!(early.gone, None, "seed {seed}: {early:?}\n{trace}");
            let (trace, late) = play(Way::Cut(Duration::from_secs(12)), servers);
            assert!(late.gone.is_some(), "seed {seed}: {late:?}\n{trace}");
            assert_eq!(late.state, Some(SessionState::Expired), "seed {seed}\n{trace}");
        }
        let (trace, moved) = play(Way::Server, 3);
        assert_eq!((moved.gone, moved.there), (None, true), "seed {seed}: {moved:?}\n{trace}");
        assert_eq!(moved.state, Some(SessionState::SyncConnected), "seed {seed}\n{trace}");
    }
}
