//! How learners are brought up to date, one story for each way.

use bytes::Bytes;
use storage::Fetch;
use zab::Packet;
use zxid::Zxid;

use crate::leader_desk::{Desk, entries, entry, recovered, settings};

fn z(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

/// An established leader of epoch 3 whose memory begins after 2.7, with 2.8 to 2.10.
fn leader() -> Desk {
    let tail = entries(2, 10).into_iter().skip(7).collect();
    let mut desk = Desk::serving(settings(3, 1), recovered(2, z(2, 7), tail));
    desk.log = entries(2, 10);
    desk
}

/// Server 2 comes over link 2, and its history ends here.
fn comes(desk: &mut Desk, last: Zxid) -> String {
    desk.joins(2, 2, 3);
    desk.promises(2, last, None);
    let mut sent = desk.take_sent(2);
    assert_eq!(sent.remove(0), "LeaderInfo epoch=3");
    sent.join(", ")
}

#[test]
fn a_learner_that_lacks_nothing_gets_nothing() {
    assert_eq!(comes(&mut leader(), z(2, 10)), "Diff 2.10, NewLeader epoch=3");
}

#[test]
fn a_learner_that_is_a_little_behind_gets_what_it_lacks() {
    let sent = comes(&mut leader(), z(2, 8));
    let wanted =
        "Diff 2.10, Proposal 2.9, Commit 2.9, Proposal 2.10, Commit 2.10, NewLeader epoch=3";
    assert_eq!(sent, wanted);
}

#[test]
fn a_learner_with_uncommitted_entries_is_cut() {
    assert_eq!(comes(&mut leader(), z(2, 12)), "Trunc 2.10, NewLeader epoch=3");
    let mut desk = leader();
    desk.propose(entry(3, 1));
    desk.acks(1, 3, 1);
    desk.durable();
    desk.propose(entry(3, 2));
    let wanted = "Trunc 2.10, Proposal 3.1, Commit 3.1, Proposal 3.2, NewLeader epoch=3";
    assert_eq!(comes(&mut desk, z(2, 12)), wanted);
}

#[test]
fn what_is_not_committed_goes_out_before_the_beginning_and_its_commit_after_uptodate() {
    let mut desk = leader();
    desk.propose(entry(3, 1));
    desk.propose(entry(3, 2));
    let sent = comes(&mut desk, z(2, 10));
    assert_eq!(sent, "Diff 3.0, Proposal 3.1, Proposal 3.2, NewLeader epoch=3");
    desk.durable();
    desk.acks(1, 3, 1);
    desk.propose(entry(3, 3));
    desk.acks(1, 3, 2);
    assert_eq!(desk.take_sent(2), ["Proposal 3.3"], "the commits are held back");
    desk.acks(2, 3, 0);
    assert_eq!(desk.take_sent(2), ["UpToDate", "Commit 3.1", "Commit 3.2"]);
    desk.acks(2, 3, 3);
    assert_eq!(desk.take_sent(2), [""; 0], "the leader's own disk has yet to do its part");
    desk.durable();
    assert_eq!(desk.take_sent(2), ["Commit 3.3"]);
}

#[test]
fn an_observer_is_told_only_what_is_committed() {
    let mut desk = leader();
    desk.propose(entry(3, 1));
    desk.joins(4, 4, 3);
    desk.promises(4, z(2, 9), None);
    let sent = desk.take_sent(4).join(", ");
    let wanted = "LeaderInfo epoch=3, Diff 3.0, Proposal 2.10, Commit 2.10, NewLeader epoch=3";
    assert_eq!(sent, wanted);
    desk.durable();
    desk.acks(1, 3, 1);
    assert_eq!(desk.take_sent(4), ["Inform 3.1"]);
    desk.acks(4, 3, 0);
    desk.propose(entry(3, 2));
    desk.acks(1, 3, 2);
    desk.durable();
    assert_eq!(desk.take_sent(4), ["UpToDate", "Inform 3.2"]);
}

#[test]
fn the_log_on_disk_is_read_in_pieces_as_fast_as_the_learner_takes_them() {
    let mut desk = leader();
    assert_eq!(comes(&mut desk, z(2, 1)), "");
    assert!(matches!(desk.fetches[0], Fetch::Entries { from, to, .. }
        if (from, to) == (z(2, 1), z(2, 7))));
    desk.fetched(4);
    let sent = desk.take_sent(2);
    assert_eq!(sent[..3], ["Diff 2.10", "Proposal 2.2", "Commit 2.2"]);
    assert_eq!(sent.last().expect("something was sent"), "Commit 2.5");
    assert!(desk.fetches.is_empty(), "the learner has not taken that");
    desk.flushed(2);
    desk.fetched(100);
    let sent = desk.take_sent(2);
    assert_eq!(sent, ["Proposal 2.6", "Commit 2.6", "Proposal 2.7", "Commit 2.7"]);
    desk.flushed(2);
    let sent = desk.take_sent(2);
    assert_eq!(sent[..2], ["Proposal 2.8", "Commit 2.8"]);
    assert_eq!(sent.last().expect("something was sent"), "NewLeader epoch=3");
}

#[test]
fn memory_that_moves_on_meanwhile_leaves_no_gap() {
    let mut desk = leader();
    // So much that memory cannot keep it while the learner is on its way.
    let large = |counter| {
        let mut entry = entry(3, counter);
        entry.payload = Bytes::from(vec![0; 300 << 10]);
        entry
    };
    assert_eq!(comes(&mut desk, z(2, 6)), "");
    desk.fetched(100);
    for counter in 1..=6 {
        desk.propose(large(counter));
        desk.acks(1, 3, counter);
        desk.durable();
    }
    assert!(desk.leader.history().from() > z(2, 10), "2.8 to 2.10 are on disk only");
    let mut sent = desk.packets(2);
    while sent.last().is_none_or(|last| !matches!(last, Packet::NewLeader { .. })) {
        if desk.fetches.is_empty() {
            desk.flushed(2)
        } else {
            desk.fetched(2)
        }
        sent.extend(desk.packets(2));
    }
    let proposed = sent.iter().filter_map(|packet| match packet {
        Packet::Proposal(entry) => Some(entry.zxid),
        _ => None,
    });
    let wanted: Vec<Zxid> = (7..=10).map(|c| z(2, c)).chain((1..=6).map(|c| z(3, c))).collect();
    assert_eq!(proposed.collect::<Vec<_>>(), wanted);
}

#[test]
fn where_the_log_does_not_help_a_snapshot_does() {
    let mut desk = leader();
    desk.log.retain(|entry| entry.zxid > z(2, 4));
    assert_eq!(comes(&mut desk, z(1, 3)), "");
    desk.fetched(100);
    assert_eq!(desk.take_told(), ["SnapshotWanted learner #2"]);
    assert_eq!(desk.take_sent(2), [""; 0]);
}

#[test]
fn a_log_with_a_hole_does_not_help() {
    let mut desk = leader();
    desk.log.retain(|entry| entry.zxid != z(2, 4));
    comes(&mut desk, z(2, 1));
    desk.fetched(100);
    assert_eq!(desk.take_told(), ["SnapshotWanted learner #2"]);
    assert_eq!(desk.take_sent(2), [""; 0]);
}

#[test]
fn a_log_that_ends_before_it_should_sends_the_learner_away_to_come_again() {
    let mut desk = leader();
    comes(&mut desk, z(2, 1));
    desk.fetched(3);
    desk.flushed(2);
    desk.log.retain(|entry| entry.zxid > z(2, 6));
    desk.fetched(100);
    assert!(desk.is_closed(2), "it was told DIFF, and there is no way back");
    assert!(!desk.is_closed(1));
}

#[test]
fn a_snapshot_is_streamed_while_writes_go_on() {
    let mut desk = leader();
    assert_eq!(comes(&mut desk, Zxid::ZERO), "");
    assert_eq!(desk.take_told(), ["SnapshotWanted learner #2"]);
    desk.propose(entry(3, 1));
    desk.durable();
    desk.acks(1, 3, 1);
    desk.take_told();
    desk.act(|leader, effects| leader.snapshot_begin(2, z(3, 1), effects));
    desk.propose(entry(3, 2));
    desk.acks(1, 3, 2);
    desk.durable();
    desk.take_told();
    desk.flushed(2);
    assert_eq!(desk.take_told(), ["SnapshotMore learner #2"]);
    for _ in 0..2 {
        let bytes = Bytes::from_static(b"items");
        desk.act(|leader, effects| leader.snapshot_bytes(2, bytes, effects));
        assert_eq!(desk.take_told(), [""; 0], "it has to take them first");
        desk.flushed(2);
        assert_eq!(desk.take_told(), ["SnapshotMore learner #2"]);
    }
    desk.propose(entry(3, 3));
    desk.wait(3);
    desk.act(|leader, effects| leader.snapshot_end(2, effects));
    let wanted = "Snap 3.1, SnapshotBytes 5, SnapshotBytes 5, SnapshotEnd, Proposal 3.2, \
                  Commit 3.2, Proposal 3.3, NewLeader epoch=3";
    assert_eq!(desk.take_sent(2).join(", "), wanted, "and no ping within the stream");
    desk.acks(2, 3, 0);
    assert_eq!(desk.take_sent(2), ["UpToDate"]);
}

#[test]
fn the_service_is_told_when_a_snapshot_is_not_wanted_any_more() {
    let mut desk = leader();
    comes(&mut desk, Zxid::ZERO);
    desk.take_told();
    desk.breaks(2);
    assert_eq!(desk.take_told(), ["SnapshotUnwanted learner #2"]);
    // What the service says before it has heard of that goes nowhere.
    desk.act(|leader, effects| leader.snapshot_begin(2, z(2, 10), effects));
    desk.act(|leader, effects| leader.snapshot_bytes(2, Bytes::from_static(b"x"), effects));
    desk.act(|leader, effects| leader.snapshot_end(2, effects));
    assert_eq!(desk.take_sent(2), [""; 0]);
}

#[test]
fn after_an_old_snapshot_the_log_on_disk_goes_on() {
    let mut desk = leader();
    comes(&mut desk, Zxid::ZERO);
    desk.act(|leader, effects| leader.snapshot_begin(2, z(2, 5), effects));
    desk.act(|leader, effects| leader.snapshot_end(2, effects));
    assert_eq!(desk.take_sent(2), ["Snap 2.5", "SnapshotEnd"]);
    desk.fetched(100);
    let sent = desk.take_sent(2);
    assert_eq!(sent, ["Proposal 2.6", "Commit 2.6", "Proposal 2.7", "Commit 2.7"]);
}

#[test]
fn every_learner_gets_a_snapshot_if_the_operator_says_so() {
    let mut settings = settings(3, 0);
    settings.force_snapshot = true;
    let mut desk = Desk::new(settings, recovered(2, z(2, 7), Vec::new()));
    desk.joins(1, 1, 2);
    desk.durable();
    desk.promises(1, z(2, 7), Some(2));
    desk.durable();
    assert_eq!(desk.take_told(), ["SnapshotWanted learner #1"]);
}

#[test]
fn a_state_never_takes_the_place_of_more_than_it_has() {
    let mut settings = settings(3, 0);
    settings.force_snapshot = true;
    let tail = entries(2, 9).into_iter().skip(7).collect();
    let mut desk = Desk::new(settings, recovered(2, z(2, 7), tail));
    desk.joins(1, 1, 2);
    desk.durable();
    desk.promises(1, z(2, 8), Some(2));
    desk.durable();
    // The leader has yet to learn that 2.8 is committed, and this may be one of two that have it.
    let sent = desk.take_sent(1).join(", ");
    let wanted = "LeaderInfo epoch=3, Diff 2.9, Proposal 2.9, Commit 2.9, NewLeader epoch=3";
    assert_eq!(sent, wanted);
}
