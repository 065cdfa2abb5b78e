//! What is often said of consistency, and what comes of it on the store, whatever the network does.

use std::time::Duration;

use consistency::claims::{atomic, bounded, cap, minority, one_image, stale_read};
use consistency::{Action, Cause, linearizable};

/// How many networks each is tried on.
const SEEDS: u64 = 30;

#[test]
fn claim_2_a_read_can_be_stale_and_one_that_asks_a_quorum_is_not() {
    for seed in 0..SEEDS {
        let (trace, stale) = stale_read(seed);
        assert_eq!(stale.plain, 0, "seed {seed}: the server was behind\n{trace}");
        assert_eq!(stale.synced, stale.written, "seed {seed}\n{trace}");
        let why = stale.violation.expect("the plain read is stale");
        assert_eq!(why.cause, Cause::NotLinearizable);
        assert_eq!(why.operations.len(), 2, "seed {seed}: the write and the read: {why}");
        assert!(stale.sequential, "seed {seed}: each client's own story is in order");
        assert!(stale.linearizable_if_synced, "seed {seed}\n{trace}");
    }
}

#[test]
fn claim_3_a_change_is_seen_within_a_bound_or_the_client_is_cut_off() {
    let mut worst = Duration::ZERO;
    for seed in 0..SEEDS {
        let (trace, bounded) = bounded(seed);
        assert!(bounded.oldest_missed <= bounded.bound, "seed {seed}: {bounded:?}\n{trace}");
        assert!(bounded.stale > 10, "seed {seed}: a server that is cut off is stale: {bounded:?}");
        let told = bounded.told_after.expect("a server that is cut off lets go of its client");
        let beat_and_delay = Duration::from_millis(110);
        assert!(told <= bounded.bound + beat_and_delay, "seed {seed}: {bounded:?}\n{trace}");
        worst = worst.max(bounded.oldest_missed);
    }
    assert!(worst > Duration::from_millis(200), "the bound is not a wide one: {worst:?}");
}

#[test]
fn claim_19_the_minority_stops_serving_and_the_majority_goes_on() {
    for seed in 0..SEEDS {
        let (trace, facts) = minority(seed);
        assert_eq!(facts.majority, (20, 20), "seed {seed}: {facts:?}\n{trace}");
        let (asked, answered) = facts.minority;
        assert!(asked > 5 && answered == 0, "seed {seed}: {facts:?}\n{trace}");
        let dropped = facts.dropped_after.expect("nobody waits for ever");
        assert!(dropped <= facts.allowed, "seed {seed}: {facts:?}\n{trace}");
        assert!(facts.closed > 2, "seed {seed}: each server of the minority: {facts:?}");
        assert_eq!(facts.eventual, Some(0), "seed {seed}: old, but an answer");
        assert_eq!(facts.after_healing, Some(facts.last_written), "seed {seed}: {facts:?}");
    }
}

#[test]
fn claim_26_a_minority_may_lack_what_is_confirmed_and_catches_up() {
    for seed in 0..SEEDS {
        let (trace, facts) = atomic(seed);
        assert_eq!(facts.had_it, [1, 2, 3], "seed {seed}: a quorum\n{trace}");
        assert_eq!(facts.lacked_it, [4], "seed {seed}: 4 is cut off, and 5 is down\n{trace}");
        assert_eq!(facts.caught_up, [1, 2, 3, 4, 5], "seed {seed}\n{trace}");
        assert_eq!(facts.partial, [], "seed {seed}: a write is done or it is not\n{trace}");
    }
}

#[test]
fn claim_27_a_session_never_goes_back_and_two_sessions_may_differ() {
    for seed in 0..SEEDS {
        let (trace, facts) = one_image(seed);
        assert_eq!(facts.session, facts.written, "seed {seed}: the session went back\n{trace}");
        assert!(facts.sent_elsewhere > 0, "seed {seed}: it met a server that is behind\n{trace}");
        assert!(!facts.went_back, "seed {seed}\n{trace}");
        assert_eq!(facts.other, 0, "seed {seed}: another session sees an older state\n{trace}");
        assert_eq!(facts.afresh, 0, "seed {seed}: a new session knows nothing\n{trace}");
    }
}

#[test]
fn claim_30_in_a_partition_each_operation_gives_up_c_or_a_and_p_is_not_chosen() {
    for seed in 0..SEEDS {
        let cap = cap(seed);
        // Without a partition: C and A.
        let (asked, answered) = cap.whole.during_partition(2);
        assert!(asked >= 4 && answered == asked, "seed {seed}: {:?}", cap.whole.history);
        assert!(cap.whole.linearizable.is_ok(), "seed {seed}: {:?}", cap.whole.history);

        // Without A: the minority is not answered, and nobody ever sees two copies.
        let (asked, answered) = cap.without_a.during_partition(1);
        assert!(asked >= 4 && answered == asked, "seed {seed}: the majority goes on");
        assert_eq!(cap.without_a.during_partition(2).1, 0, "seed {seed}: there is no quorum");
        assert!(cap.without_a.linearizable.is_ok(), "seed {seed}: {:?}", cap.without_a.history);

        // Without C: all are answered, and an acknowledged write is lost to an older one.
        let course = &cap.without_c;
        for client in [1, 2] {
            let (asked, answered) = course.during_partition(client);
            assert!(asked >= 4 && answered == asked, "seed {seed}: {:?}", course.history);
        }
        assert!(course.linearizable.is_err(), "seed {seed}: {:?}", course.history);
        let lost = course.order.as_ref().expect_err("the last writer did not win");
        assert_eq!(lost.cause, Cause::AgainstRealTime, "seed {seed}");
        assert!(course.converged.is_some(), "seed {seed}: eventually all have the same");
        let last_of_1 = course.history.iter().rev().find_map(|op| match op.action {
            Action::Write(value) if op.client == 1 => Some(value),
            _ => None,
        });
        assert_ne!(course.remains, last_of_1, "seed {seed}: client 1 wrote last, and it is gone");

        // Each operation for itself: the minority reads, and does not write.
        let course = &cap.each_its_own;
        let reads = course.history.iter().filter(|op| op.client == 2 && op.answered.is_some());
        assert!(reads.clone().all(|op| matches!(op.action, Action::Read(_))), "seed {seed}");
        assert!(course.during_partition(2).1 > 0, "seed {seed}: {:?}", course.history);
        assert_eq!(course.order, Ok(()), "seed {seed}: no write is lost");
    }
}

#[test]
fn the_shortest_history_that_gives_up_consistency_has_two_operations() {
    let (_, stale) = stale_read(1);
    let why = stale.violation.expect("it is stale");
    let two: Vec<_> =
        stale.history.iter().filter(|op| why.operations.contains(&op.id)).copied().collect();
    assert!(linearizable(&two).is_err(), "they alone show it");
    for one in &two {
        assert!(linearizable(&[*one]).is_ok(), "neither shows it alone: {one}");
    }
}
