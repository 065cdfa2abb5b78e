//! An established leader: what is committed when, whom it gives up, and when it gives up itself.

use bytes::Bytes;
use machines::Event;
use zab::{Packet, Recovered, Request};
use zxid::{SessionId, Zxid};

use crate::leader_desk::{Desk, entries, entry, recovered, settings};

const NOTHING: [&str; 0] = [];

/// Five voters and an observer; servers 1 and 2 follow over links 1 and 2.
fn five() -> Desk {
    let mut desk = Desk::new(settings(5, 1), Recovered::default());
    for link in [1, 2] {
        desk.joins(link, link as i64, 0);
    }
    desk.durable();
    for link in [1, 2] {
        desk.promises(link, Zxid::ZERO, Some(0));
    }
    desk.durable();
    for link in [1, 2] {
        desk.acks(link, 1, 0);
    }
    for link in [1, 2] {
        assert_eq!(desk.take_sent(link).last().expect("something was sent"), "UpToDate");
    }
    assert_eq!(desk.take_told(), ["Serving leading leader=3 epoch=1"]);
    desk
}

#[test]
fn a_proposal_is_committed_when_a_quorum_has_it_on_disk() {
    let mut desk = five();
    desk.propose(entry(1, 1));
    for link in [1, 2] {
        assert_eq!(desk.take_sent(link), ["Proposal 1.1"]);
    }
    desk.acks(1, 1, 1);
    desk.drained();
    desk.acks(2, 1, 1);
    assert_eq!(desk.take_told(), NOTHING, "the leader's own disk is not done");
    desk.durable();
    assert_eq!(desk.take_told(), ["Deliver 1.1"]);
    for link in [1, 2] {
        assert_eq!(desk.take_sent(link), ["Commit 1.1"]);
    }
}

#[test]
fn the_leader_is_not_needed_for_a_quorum_of_others() {
    let mut desk = five();
    desk.follows(4, 4, Zxid::ZERO, 0);
    desk.propose(entry(1, 1));
    for link in [1, 2, 4] {
        desk.acks(link, 1, 1);
    }
    assert_eq!(desk.take_told(), ["Deliver 1.1"]);
}

#[test]
fn an_observer_counts_for_nothing() {
    let mut desk = five();
    desk.breaks(2);
    desk.follows(6, 6, Zxid::ZERO, 0);
    desk.propose(entry(1, 1));
    desk.durable();
    desk.acks(1, 1, 1);
    desk.acks(6, 1, 1);
    assert_eq!(desk.take_told(), NOTHING);
    desk.wait(4);
    assert_eq!(desk.take_told(), ["Ceased QuorumLost"], "nor for the leader's own place");
}

#[test]
fn many_proposals_are_forced_once_and_committed_in_order() {
    let mut desk = five();
    for counter in 1..=3 {
        desk.propose(entry(1, counter));
    }
    desk.drained();
    assert_eq!(desk.tickets.len(), 1);
    desk.durable();
    desk.acks(1, 1, 1);
    desk.acks(1, 1, 2);
    desk.acks(1, 1, 3);
    desk.acks(2, 1, 2);
    assert_eq!(desk.take_told(), ["Deliver 1.1", "Deliver 1.2"]);
    desk.drained();
    assert!(desk.tickets.is_empty(), "nothing was written since");
}

#[test]
fn the_leaders_own_vote_is_for_what_was_forced_and_no_more() {
    let mut desk = five();
    desk.propose(entry(1, 1));
    desk.drained();
    desk.propose(entry(1, 2));
    desk.acks(1, 1, 2);
    desk.acks(2, 1, 2);
    let ticket = desk.tickets.pop_front().expect("the first was to be forced");
    desk.step(Event::Durable(ticket));
    assert_eq!(desk.take_told(), ["Deliver 1.1"]);
    desk.durable();
    assert_eq!(desk.take_told(), ["Deliver 1.2"]);
}

#[test]
fn what_was_acknowledged_over_an_older_connection_counts_no_more() {
    let mut desk = Desk::serving(settings(3, 0), recovered(2, Zxid::new(2, 5), Vec::new()));
    desk.propose(entry(3, 1));
    desk.acks(1, 3, 1);
    desk.breaks(1);
    desk.joins(2, 1, 3);
    desk.promises(2, Zxid::new(3, 1), None);
    let wanted = ["LeaderInfo epoch=3", "Trunc 2.5", "Proposal 3.1", "NewLeader epoch=3"];
    assert_eq!(desk.take_sent(2), wanted);
    // It may have cut 3.1 and not yet have it again.
    desk.durable();
    assert_eq!(desk.take_told(), NOTHING);
    desk.acks(2, 3, 0);
    desk.acks(2, 3, 1);
    assert_eq!(desk.take_told(), ["Deliver 3.1"]);
}

#[test]
fn a_proposal_that_is_acknowledged_before_the_beginning_counts_after_it() {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    desk.propose(entry(1, 1));
    desk.durable();
    desk.joins(2, 2, 0);
    desk.promises(2, Zxid::ZERO, Some(0));
    desk.acks(2, 1, 1);
    assert_eq!(desk.take_told(), NOTHING);
    desk.acks(2, 1, 0);
    assert_eq!(desk.take_told(), ["Deliver 1.1"]);
    assert_eq!(desk.take_sent(2)[3..], ["NewLeader epoch=1", "UpToDate", "Commit 1.1"]);
}

#[test]
fn memory_keeps_as_much_as_it_should_and_more_while_somebody_comes() {
    let mut settings = settings(3, 0);
    (settings.window, settings.window_bytes) = (2, 160);
    let mut desk = Desk::serving(settings, recovered(2, Zxid::ZERO, entries(2, 4)));
    let write = |desk: &mut Desk, counter| {
        desk.propose(entry(3, counter));
        desk.acks(1, 3, counter);
        desk.durable();
    };
    let kept = |desk: &Desk| desk.leader.history().window().count();
    write(&mut desk, 1);
    assert_eq!((kept(&desk), desk.leader.history().from()), (2, Zxid::new(2, 3)));
    desk.joins(2, 2, 3);
    desk.promises(2, Zxid::ZERO, None);
    for counter in 2..=8 {
        write(&mut desk, counter);
    }
    assert_eq!(kept(&desk), 9, "a snapshot is on its way");
    for counter in 9..=20 {
        write(&mut desk, counter);
    }
    let bytes: usize = desk.leader.history().window().map(|entry| entry.payload.len()).sum();
    assert!(bytes <= 160, "but there is an end to it: {bytes}");
    desk.breaks(2);
    write(&mut desk, 21);
    assert_eq!(kept(&desk), 2);
}

#[test]
fn a_leader_without_a_quorum_gives_up() {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    desk.breaks(1);
    assert_eq!(desk.take_told(), NOTHING, "it may come again");
    desk.wait(2);
    assert_eq!(desk.take_told(), ["Ceased QuorumLost"]);
    desk.joins(2, 2, 1);
    desk.wait(100);
    assert_eq!(desk.take_sent(2), NOTHING);
}

#[test]
fn a_follower_that_comes_again_soon_keeps_the_leader() {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    desk.wait(2);
    desk.breaks(1);
    desk.wait(1);
    desk.joins(2, 1, 1);
    desk.wait(1);
    assert_eq!(desk.take_told(), NOTHING);
}

#[test]
fn whoever_answers_pings_stays_and_whoever_does_not_goes() {
    let mut desk = five();
    desk.follows(4, 4, Zxid::ZERO, 0);
    for _ in 0..15 {
        desk.wait(1);
        assert_eq!(desk.take_sent(1), ["Ping 1.0"]);
        desk.answers_ping(1);
        desk.answers_ping(4);
    }
    assert!(!desk.is_closed(1) && desk.is_closed(2));
}

#[test]
fn a_voter_that_answers_but_does_not_acknowledge_goes() {
    let mut desk = five();
    desk.follows(6, 6, Zxid::ZERO, 0);
    desk.propose(entry(1, 1));
    for second in 0..15 {
        assert!(second < 12 || desk.is_closed(2), "after {second} s");
        desk.wait(1);
        for link in [1, 2, 6] {
            if !desk.is_closed(link) {
                desk.answers_ping(link);
            }
        }
        if second == 5 {
            desk.acks(1, 1, 1);
            desk.propose(entry(1, 2));
        }
        if second == 13 {
            desk.acks(1, 1, 2);
        }
    }
    assert!(!desk.is_closed(1), "it is slow, but not that slow");
    assert!(!desk.is_closed(6), "an observer has nothing to acknowledge");
}

#[test]
fn a_learner_that_came_late_need_not_acknowledge_what_was_committed_before() {
    let mut desk = five();
    desk.propose(entry(1, 1));
    desk.durable();
    desk.acks(1, 1, 1);
    desk.acks(2, 1, 1);
    desk.joins(4, 4, 0);
    desk.promises(4, Zxid::ZERO, Some(0));
    assert_eq!(desk.take_sent(4), ["LeaderInfo epoch=1"], "it gets a snapshot");
    desk.act(|leader, effects| leader.snapshot_begin(4, Zxid::new(1, 1), effects));
    desk.act(|leader, effects| leader.snapshot_end(4, effects));
    desk.acks(4, 1, 0);
    for _ in 0..15 {
        desk.wait(1);
        (1..=2).chain([4]).for_each(|link| desk.answers_ping(link));
    }
    assert!(!desk.is_closed(4));
}

#[test]
fn a_learner_that_reads_nothing_is_given_up_before_it_costs_too_much() {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    desk.follows(2, 2, Zxid::ZERO, 0);
    let payload = Bytes::from(vec![7; 4 << 20]);
    for counter in 1..=40 {
        assert!(!desk.is_closed(2) || counter > 30, "after {counter}");
        desk.propose(storage::Entry { zxid: Zxid::new(1, counter), payload: payload.clone() });
        if desk.flushes.contains(&1) {
            desk.flushed(1);
        }
        desk.take_sent(1);
        desk.take_sent(2);
    }
    assert!(desk.is_closed(2) && !desk.is_closed(1));
}

#[test]
fn a_round_is_confirmed_by_answers_to_pings_that_were_sent_after_it_began() {
    let mut desk = five();
    desk.follows(4, 4, Zxid::ZERO, 0);
    desk.take_told();
    desk.wait(1);
    let first = desk.act(|leader, effects| leader.confirm(effects));
    let same = desk.act(|leader, effects| leader.confirm(effects));
    assert_eq!(first, same);
    desk.drained();
    // These are answers to what was asked before.
    for link in [1, 2, 4] {
        desk.answers_ping(link);
    }
    assert_eq!(desk.take_told(), NOTHING);
    let second = desk.act(|leader, effects| leader.confirm(effects));
    assert!(second > first);
    desk.drained();
    desk.answers_ping(1);
    assert_eq!(desk.take_told(), NOTHING, "the leader and one are no quorum");
    desk.answers_ping(2);
    assert_eq!(desk.take_told(), [format!("Confirmed {first}")]);
    desk.answers_ping(2);
    desk.answers_ping(4);
    desk.answers_ping(4);
    assert_eq!(desk.take_told(), [format!("Confirmed {second}")]);
}

#[test]
fn whoever_has_left_confirms_nothing() {
    let mut desk = five();
    desk.act(|leader, effects| leader.confirm(effects));
    desk.drained();
    desk.answers_ping(1);
    desk.breaks(1);
    desk.answers_ping(2);
    assert_eq!(desk.take_told(), NOTHING);
}

#[test]
fn a_ping_before_uptodate_gets_no_answer_so_none_is_counted() {
    let mut desk = five();
    desk.breaks(2);
    desk.joins(4, 4, 0);
    desk.promises(4, Zxid::ZERO, Some(0));
    desk.wait(1);
    assert_eq!(desk.take_sent(4).last().expect("something was sent"), "Ping 1.0");
    desk.answers_ping(1);
    desk.acks(4, 1, 0);
    let round = desk.act(|leader, effects| leader.confirm(effects));
    desk.drained();
    desk.answers_ping(1);
    desk.answers_ping(4);
    assert_eq!(desk.take_told(), [format!("Confirmed {round}")]);
}

#[test]
fn what_concerns_sessions_goes_up_and_its_answer_down() {
    let mut desk = five();
    let request = Request {
        session: SessionId(7),
        cxid: 1,
        op: 1,
        body: Bytes::from_static(b"body"),
        identities: None,
    };
    desk.says(1, Packet::Request(request));
    desk.says(2, Packet::Revalidate { session: SessionId(9), timeout: 4000 });
    let touched = Some(vec![(SessionId(9), 4000)]);
    desk.says(2, Packet::Ping { zxid: Zxid::ZERO, touched });
    desk.answers_ping(1);
    let told = [
        "Asked server 1 Request 0x7 #1 op=1",
        "Asked server 2 Revalidate 0x9",
        "Asked server 2 Ping 0.0 sessions=1",
    ];
    assert_eq!(desk.take_told(), told);
    let valid = Packet::Revalidated { session: SessionId(9), valid: true };
    desk.act(|leader, effects| leader.answer(2, valid.clone(), effects));
    assert_eq!(desk.take_sent(2), ["Revalidated 0x9 valid"]);
    desk.breaks(2);
    desk.act(|leader, effects| leader.answer(2, valid, effects));
    assert_eq!(desk.take_sent(2), NOTHING);
}
