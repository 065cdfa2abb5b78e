//! Learners that break the rules: whoever does is closed, and nobody else is hurt.

use bytes::Bytes;
use machines::Dice;
use storage::Entry;
use zab::{Learner, Packet, Recovered, Request};
use zxid::{ServerId, SessionId, Zxid};

use crate::leader_desk::{Desk, entry, learner, settings};

fn follower(accepted: u32, learner: Learner) -> Packet {
    Packet::FollowerInfo { accepted, learner }
}

/// One of everything that can be said.
fn everything() -> Vec<Packet> {
    let zxid = Zxid::new(1, 1);
    let entry = Entry { zxid, payload: Bytes::new() };
    let (session, timeout, valid, leader) = (SessionId(1), 1, true, ServerId(1));
    let request =
        Request { session, cxid: 1, op: 1, body: Bytes::new(), identities: Some(Vec::new()) };
    vec![
        follower(0, learner(2)),
        Packet::ObserverInfo { accepted: 0, learner: learner(2) },
        Packet::LeaderInfo { epoch: 1, protocol: Learner::PROTOCOL },
        Packet::AckEpoch { last: zxid, current: None },
        Packet::Diff(zxid),
        Packet::Trunc(zxid),
        Packet::Snap(zxid),
        Packet::SnapshotBytes(Bytes::new()),
        Packet::SnapshotEnd,
        Packet::Proposal(entry.clone()),
        Packet::Commit(zxid),
        Packet::Inform(entry.clone()),
        Packet::NewLeader { epoch: 1, config: None },
        Packet::UpToDate,
        Packet::Ack(Zxid::new(1, 0)),
        Packet::Ping { zxid, touched: Some(Vec::new()) },
        Packet::Revalidate { session, timeout },
        Packet::Revalidated { session, valid },
        Packet::Request(request),
        Packet::Sync,
        Packet::CommitAndActivate { zxid, leader },
        Packet::InformAndActivate { entry, leader },
    ]
}

/// A leader of three that server 1 follows, and server 2 on link 2, that has come so far.
fn so_far(stage: usize) -> Desk {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    desk.opened(2);
    if stage > 0 {
        desk.says(2, follower(0, learner(2)));
    }
    if stage > 1 {
        desk.promises(2, Zxid::ZERO, Some(0));
    }
    if stage > 2 {
        desk.acks(2, 1, 0);
    }
    desk
}

#[test]
fn at_each_stage_only_what_belongs_there_may_be_said() {
    let may = [
        &["FollowerInfo", "ObserverInfo"][..],
        &["AckEpoch"],
        &["Ack"],
        &["Ack", "Ping", "Revalidate", "Request"],
    ];
    for (stage, may) in may.iter().enumerate() {
        for packet in everything() {
            let mut desk = so_far(stage);
            desk.says(2, packet.clone());
            let text = packet.to_string();
            let name = text.split(' ').next().expect("a packet has a name");
            assert_eq!(desk.is_closed(2), !may.contains(&name), "{packet} at stage {stage}");
            assert!(!desk.is_closed(1));
        }
    }
}

#[test]
fn whoever_is_not_expected_is_sent_away() {
    let mut old = learner(2);
    old.protocol = Learner::PROTOCOL - 1;
    let mut ahead = learner(2);
    ahead.config = 1;
    let last = i32::MAX as u32;
    for (why, packet) in [
        ("an unknown server", follower(0, learner(9))),
        ("the leader itself", follower(0, learner(3))),
        ("an old protocol", follower(0, old)),
        ("a newer configuration", follower(0, ahead)),
        ("an epoch after which there is none", follower(last, learner(2))),
        ("an epoch that is negative on the wire", follower(u32::MAX, learner(2))),
    ] {
        let mut desk = Desk::new(settings(3, 0), Recovered::default());
        desk.opened(2);
        desk.says(2, packet);
        assert!(desk.is_closed(2), "{why}");
        desk.joins(1, 1, 0);
        assert_eq!(desk.leader.epoch(), Some(1), "{why} leaves no trace");
    }
}

#[test]
fn the_version_of_the_configuration_is_in_its_text() {
    let mut settings = settings(3, 0);
    settings.config = Bytes::from_static(b"server.1=a:1:2:participant\nversion=100000000");
    let mut desk = Desk::new(settings, Recovered::default());
    let mut same = learner(1);
    same.config = 0x1_0000_0000;
    desk.opened(1);
    desk.says(1, follower(0, same));
    assert!(!desk.is_closed(1));
}

#[test]
fn a_promise_by_somebody_who_was_where_nobody_can_be_is_no_promise() {
    let mut desk = Desk::new(settings(3, 0), Recovered::default());
    desk.joins(1, 1, 0);
    desk.durable();
    desk.promises(1, Zxid::ZERO, Some(1));
    assert!(desk.is_closed(1), "epoch 1 is only about to begin");
    let mut desk = so_far(1);
    desk.promises(2, Zxid::ZERO, Some(1));
    assert!(desk.is_closed(2), "who has its beginning has promised it before");
}

#[test]
fn nobody_can_acknowledge_what_was_not_proposed() {
    for stage in [2, 3] {
        let mut desk = so_far(stage);
        desk.propose(entry(1, 1));
        desk.acks(2, 1, 2);
        assert!(desk.is_closed(2));
        desk.propose(entry(1, 2));
        desk.durable();
        assert!(desk.take_told().iter().all(|told| !told.starts_with("Deliver")));
    }
}

#[test]
fn strangers_have_little_time_and_there_are_never_many() {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    for link in 100..200 {
        desk.opened(link);
    }
    let open: Vec<u64> = (100..200).filter(|link| !desk.is_closed(*link)).collect();
    assert_eq!(open, (136..200).collect::<Vec<u64>>(), "the newest stay");
    desk.joins(200, 2, 1);
    assert!(!desk.is_closed(200), "those who say who they are have a place");
    for _ in 0..10 {
        desk.wait(1);
        desk.answers_ping(1);
    }
    assert!((137..200).all(|link| desk.is_closed(link)));
    assert!(!desk.is_closed(200), "it has more time to go on");
}

#[test]
fn a_learner_that_stops_half_way_is_given_up() {
    for (stage, seconds) in [(1, 20), (2, 20)] {
        let mut desk = so_far(stage);
        for second in 0..seconds {
            assert!(!desk.is_closed(2), "stage {stage}, {second} s");
            desk.wait(1);
            desk.answers_ping(1);
        }
        assert!(desk.is_closed(2), "stage {stage}");
    }
}

#[test]
fn a_snapshot_that_is_taken_slowly_is_taken_but_not_one_that_is_not() {
    let mut desk = Desk::serving(settings(3, 0), Recovered::default());
    desk.propose(entry(1, 1));
    desk.acks(1, 1, 1);
    desk.durable();
    desk.joins(2, 2, 0);
    desk.promises(2, Zxid::ZERO, Some(0));
    let wait = |desk: &mut Desk, seconds| {
        for _ in 0..seconds {
            desk.wait(1);
            desk.answers_ping(1);
        }
    };
    // The service takes its time as well, which is no fault of the learner's.
    wait(&mut desk, 60);
    desk.act(|leader, effects| leader.snapshot_begin(2, Zxid::new(1, 1), effects));
    for _ in 0..5 {
        wait(&mut desk, 15);
        desk.flushed(2);
        wait(&mut desk, 30);
        let bytes = Bytes::from_static(b"x");
        desk.act(|leader, effects| leader.snapshot_bytes(2, bytes, effects));
        assert!(!desk.is_closed(2));
    }
    desk.take_told();
    wait(&mut desk, 20);
    assert!(desk.is_closed(2));
    assert_eq!(desk.take_told(), ["SnapshotUnwanted learner #2"]);
}

#[test]
fn whatever_two_learners_say_in_whatever_order_a_third_is_served() {
    for seed in 0..500 {
        let mut dice = Dice::new(seed);
        let mut desk = Desk::serving(settings(3, 1), Recovered::default());
        let (mut proposed, mut next) = (0, 100);
        let mut hostile = [0, 1];
        for _ in 0..100 {
            let of = dice.below(2);
            if desk.is_closed(hostile[of]) || hostile[of] < 100 {
                (hostile[of], next) = (next, next + 1);
                desk.opened(hostile[of]);
                let claimed = 1 + dice.below(4) as i64;
                // Server 1 is the honest one: who takes its name, takes its place.
                let claimed = if claimed == 1 { 2 } else { claimed };
                if dice.chance(800) {
                    let accepted = dice.below(2) as u32;
                    desk.says(hostile[of], follower(accepted, learner(claimed)));
                }
            }
            let all = everything();
            let mut packet = dice.pick(&all).expect("there are some").clone();
            let zxid = Zxid::new(dice.below(3) as u32, dice.below(5) as u32);
            if dice.chance(500) {
                let current = dice.chance(500).then(|| dice.below(3) as u32);
                packet = Packet::AckEpoch { last: zxid, current };
            } else if dice.chance(500) {
                packet = Packet::Ack(zxid);
            }
            if !matches!(packet, Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. }) {
                desk.says(hostile[of], packet);
            }
            if dice.chance(200) {
                proposed += 1;
                desk.propose(entry(1, proposed));
                desk.acks(1, 1, proposed);
                desk.durable();
            }
        }
        let sent = desk.take_sent(1);
        for counter in 1..=proposed {
            assert!(sent.contains(&format!("Commit 1.{counter}")), "seed {seed}: {sent:?}");
        }
    }
}
