//! How a leader begins: what it needs for each step, and what it tells whom, and when.

use machines::{Event, Fault, Ticket};
use storage::Write;
use zab::{Packet, Recovered};
use zxid::Zxid;

use crate::leader_desk::{Desk, entries, entry, learner, recovered, settings};

/// Nothing at all.
const NOTHING: [&str; 0] = [];

#[test]
fn a_first_boot_needs_one_follower_of_three() {
    let mut desk = Desk::new(settings(3, 0), Recovered::default());
    desk.joins(1, 1, 0);
    assert_eq!(desk.writes, [Write::AcceptedEpoch(1)]);
    assert_eq!(desk.take_sent(1), NOTHING, "the epoch is not on disk yet");
    desk.durable();
    assert_eq!(desk.take_sent(1), ["LeaderInfo epoch=1"]);
    assert_eq!(desk.writes.len(), 1, "nobody has promised");

    desk.promises(1, Zxid::ZERO, Some(0));
    assert_eq!(desk.writes, [Write::AcceptedEpoch(1), Write::CurrentEpoch(1)]);
    assert_eq!(desk.take_sent(1), NOTHING, "the leader's own vote is not on disk yet");
    desk.durable();
    assert_eq!(desk.take_sent(1), ["Diff 0.0", "NewLeader epoch=1"]);
    assert_eq!(desk.take_told(), NOTHING);

    desk.acks(1, 1, 0);
    assert_eq!(desk.take_told(), ["Serving leading leader=3 epoch=1"]);
    assert_eq!(desk.take_sent(1), ["UpToDate"]);
}

#[test]
fn a_leader_that_is_a_quorum_by_itself_needs_only_its_disk() {
    let mut desk = Desk::new(settings(1, 0), recovered(4, Zxid::ZERO, entries(4, 2)));
    desk.durable();
    assert_eq!(desk.writes, [Write::AcceptedEpoch(5), Write::CurrentEpoch(5)]);
    let told = ["Deliver 4.1", "Deliver 4.2", "Serving leading leader=1 epoch=5"];
    assert_eq!(desk.take_told(), told);
    desk.propose(entry(5, 1));
    assert_eq!(desk.take_told(), NOTHING);
    desk.durable();
    assert_eq!(desk.take_told(), ["Deliver 5.1"]);
    let round = desk.act(|leader, effects| leader.confirm(effects));
    desk.drained();
    assert_eq!(desk.take_told(), [format!("Confirmed {round}")]);
}

#[test]
fn the_epoch_is_above_all_that_was_ever_promised() {
    let mut desk = Desk::new(settings(5, 0), recovered(2, Zxid::ZERO, Vec::new()));
    desk.joins(1, 1, 7);
    desk.durable();
    assert_eq!(desk.leader.epoch(), None, "two of five are no quorum");
    desk.joins(2, 2, 3);
    desk.durable();
    assert_eq!(desk.leader.epoch(), Some(8));
    // Who comes later gets it as it is.
    desk.joins(4, 4, 8);
    for link in [1, 2, 4] {
        assert_eq!(desk.take_sent(link), ["LeaderInfo epoch=8"]);
    }
    // Who has promised a later one could never follow: there must be another election.
    desk.joins(5, 5, 9);
    assert_eq!(desk.take_told(), ["Ceased OldLeader"]);
}

#[test]
fn a_learner_with_a_newer_history_is_refused_until_a_quorum_has_promised() {
    let mut desk = Desk::new(settings(5, 0), recovered(2, Zxid::ZERO, entries(2, 2)));
    for link in [1, 2, 4, 5] {
        desk.joins(link, link as i64, 2);
    }
    desk.durable();
    desk.promises(1, Zxid::new(2, 3), Some(2));
    assert!(desk.is_closed(1), "a longer history of the same epoch");
    desk.joins(6, 1, 2);
    desk.promises(6, Zxid::new(1, 9), Some(3));
    assert!(desk.is_closed(6), "a later epoch, whatever the zxid");
    desk.promises(2, Zxid::new(2, 2), Some(2));
    desk.promises(4, Zxid::new(2, 1), Some(2));
    desk.durable();
    // By now a quorum has promised that has nothing newer: so that is not committed.
    desk.promises(5, Zxid::new(2, 3), Some(2));
    assert_eq!(desk.take_sent(5), ["LeaderInfo epoch=3", "Trunc 2.2", "NewLeader epoch=3"]);
}

#[test]
fn a_refused_learner_gives_no_promise() {
    let mut desk = Desk::new(settings(3, 0), recovered(2, Zxid::ZERO, entries(2, 2)));
    desk.joins(1, 1, 2);
    desk.durable();
    desk.promises(1, Zxid::new(2, 3), Some(2));
    desk.durable();
    assert_eq!(desk.writes, [Write::AcceptedEpoch(3)]);
}

#[test]
fn a_promise_that_was_given_before_and_an_observers_do_not_count() {
    let mut desk = Desk::new(settings(3, 1), Recovered::default());
    desk.joins(4, 4, 0);
    desk.durable();
    assert_eq!(desk.leader.epoch(), None, "an observer joins no quorum");
    desk.joins(1, 1, 0);
    desk.durable();
    desk.promises(4, Zxid::ZERO, Some(0));
    desk.promises(1, Zxid::ZERO, None);
    desk.joins(2, 2, 0);
    desk.promises(2, Zxid(u64::MAX), Some(0));
    desk.durable();
    assert_eq!(desk.writes, [Write::AcceptedEpoch(1)]);
    assert!(!desk.is_closed(2), "who does not know what it has is not newer");
    desk.joins(5, 2, 0);
    desk.promises(5, Zxid::ZERO, Some(0));
    assert_eq!(desk.writes, [Write::AcceptedEpoch(1), Write::CurrentEpoch(1)]);
    desk.durable();
    desk.acks(4, 1, 0);
    assert_eq!(desk.take_told(), NOTHING, "an observer has no part in this quorum either");
    desk.acks(1, 1, 0);
    assert_eq!(desk.take_told(), ["Serving leading leader=3 epoch=1"]);
    assert_eq!(desk.take_sent(4).last().expect("something was sent"), "UpToDate");
}

#[test]
fn the_history_is_committed_when_a_quorum_has_it_and_not_before() {
    let history = recovered(2, Zxid::new(1, 9), entries(2, 3));
    let mut desk = Desk::new(settings(3, 0), history);
    desk.joins(1, 1, 2);
    desk.durable();
    desk.promises(1, Zxid::new(2, 1), Some(2));
    desk.durable();
    let sent = desk.take_sent(1);
    let all = "LeaderInfo epoch=3, Diff 2.3, Proposal 2.2, Commit 2.2, Proposal 2.3, Commit 2.3, \
               NewLeader epoch=3";
    assert_eq!(sent.join(", "), all);
    // ZOOKEEPER-4685: this is not what the leader waits for, nor is it the end.
    desk.acks(1, 2, 2);
    desk.acks(1, 2, 3);
    assert_eq!(desk.take_told(), NOTHING);
    assert_eq!(desk.leader.history().committed(), Zxid::new(1, 9));
    desk.acks(1, 3, 0);
    let told = ["Deliver 2.1", "Deliver 2.2", "Deliver 2.3", "Serving leading leader=3 epoch=3"];
    assert_eq!(desk.take_told(), told);
    assert_eq!(desk.take_sent(1), ["UpToDate"]);
}

#[test]
fn each_step_may_take_the_time_to_begin_and_no_longer() {
    let mut desk = Desk::new(settings(3, 0), Recovered::default());
    desk.wait(19);
    assert_eq!(desk.take_told(), NOTHING);
    desk.joins(1, 1, 0);
    desk.durable();
    desk.wait(19);
    assert_eq!(desk.take_told(), NOTHING);
    desk.wait(2);
    assert_eq!(desk.take_told(), ["Ceased NoQuorum"]);
    // It is over: nothing that happens now makes it lead.
    desk.promises(1, Zxid::ZERO, Some(0));
    desk.durable();
    assert_eq!(desk.writes, [Write::AcceptedEpoch(1)]);
    assert_eq!(desk.tick, None);
}

#[test]
fn a_leader_whose_disk_failed_says_and_does_nothing_more() {
    let mut desk = Desk::new(settings(3, 0), Recovered::default());
    desk.joins(1, 1, 0);
    desk.drained();
    desk.step(Event::Failed(Ticket(1), Fault::Full));
    desk.durable();
    desk.joins(2, 2, 0);
    desk.wait(100);
    assert_eq!(desk.take_sent(1), NOTHING);
    assert_eq!(desk.take_told(), NOTHING);
}

#[test]
fn a_server_that_dials_again_replaces_its_older_connection() {
    let mut desk = Desk::new(settings(3, 0), Recovered::default());
    desk.joins(1, 1, 0);
    desk.durable();
    desk.opened(2);
    assert!(!desk.is_closed(1), "nobody knows who that is");
    desk.says(2, Packet::FollowerInfo { accepted: 1, learner: learner(1) });
    assert!(desk.is_closed(1) && !desk.is_closed(2));
    assert_eq!(desk.take_sent(2), ["LeaderInfo epoch=1"]);
    desk.promises(1, Zxid::ZERO, Some(0));
    desk.durable();
    assert_eq!(desk.writes, [Write::AcceptedEpoch(1)], "what was closed says nothing");
}
