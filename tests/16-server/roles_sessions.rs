//! Sessions of an ensemble: they outlive connections, servers and leaders.

use std::collections::BTreeSet;

use jute::records::{ConnectRequest, ErrorCode};
use protocol::Request;
use server::{Notice, Refused};
use zab::Packet;
use zxid::SessionId;

use crate::ensemble::Ensemble;
use crate::stage::{Heard, create, exists, new_session, set};

/// Whether a server has a node.
fn has(ensemble: &Ensemble, id: i64, path: &str) -> bool {
    ensemble.state(id).tree.node(path).is_some()
}

fn is_refusal(heard: &[Heard]) -> bool {
    matches!(heard, [Heard::Connected { session: SessionId::NONE, timeout: 0, .. }])
}

#[test]
fn each_server_gives_ids_of_its_own() {
    let mut ensemble = Ensemble::with(3, 0, |settings| {
        // The byte of a large number is negative in Java.
        if settings.id.0 == 2 {
            settings.id = zxid::ServerId(200);
        }
    });
    for round in 0..3 {
        for (id, byte) in [(1, 1), (2, 200), (3, 3)] {
            let (session, _) = ensemble.join(id, 10 * round + id as u64);
            assert_eq!((session.0 as u64) >> 56, byte);
        }
    }
    for id in 1..=3 {
        let largest = |server| ensemble.state(id).largest_of(zxid::ServerId(server));
        for (server, byte) in [(1, 1), (200, 200), (3, 3)] {
            let largest = largest(server).expect("it has given some");
            assert_eq!((largest.0 as u64) >> 56, byte);
        }
        assert_eq!(largest(7), None);
    }
    // Whatever becomes of the server, it gives none twice.
    let first = ensemble.join(1, 100).0;
    ensemble.stop(1);
    ensemble.start(1);
    ensemble.until_served();
    assert!(ensemble.join(1, 101).0 > first);
}

#[test]
fn no_id_is_given_twice_though_all_servers_start_again_with_their_clocks_set_back() {
    let mut ensemble = Ensemble::new(3, 0);
    let wall = ensemble.now.wall_ms;
    let mut given = BTreeSet::new();
    for round in 0..3 {
        for id in 1..=3 {
            for n in 0..3 {
                let number = 100 * round + 10 * id as u64 + n;
                assert!(given.insert(ensemble.join(id, number).0), "round {round}");
                if n == 1 {
                    ensemble.call(number, 1, &Request::CloseSession);
                }
            }
        }
        (1..=3).for_each(|id| ensemble.stop(id));
        ensemble.now.wall_ms = wall - 3_600_000;
        (1..=3).for_each(|id| ensemble.start(id));
        ensemble.until_served();
    }
}

#[test]
fn the_end_of_a_session_is_no_answer_to_what_it_asked() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.open(follower, 1);
    ensemble.connect(1, &new_session(4000));
    ensemble.settle();
    ensemble.heard(1);
    // What the follower passes on does not arrive, and so the leader ends the session. Its end has
    // the same number.
    ensemble.muted.insert(follower);
    ensemble.ask(1, 0, &create("/a", 0));
    ensemble.pass(8000);
    assert!(ensemble.state(follower).sessions.is_empty());
    assert_eq!(ensemble.heard(1), []);
    assert!(ensemble.closed.contains(&1));
    ensemble.muted.clear();
    ensemble.settle();
    assert!(!has(&ensemble, leader, "/a"));
    ensemble.assert_alike();
}

#[test]
fn a_session_with_very_many_nodes_ends_in_a_small_transaction() {
    let mut ensemble = Ensemble::new(3, 0);
    let follower = ensemble.follower();
    ensemble.join(follower, 1);
    for xid in 1..=1500 {
        let path = format!("/{}-{xid}", "x".repeat(200));
        ensemble.ask(1, xid, &create(&path, 1));
    }
    ensemble.settle();
    assert_eq!(ensemble.state(1).tree.ephemerals_count(), 1500);
    ensemble.packets.clear();
    ensemble.call(1, 1501, &Request::CloseSession);
    for id in 1..=3 {
        assert_eq!(ensemble.state(id).tree.ephemerals_count(), 0);
    }
    ensemble.assert_alike();
    let size = |packet: &Packet| match packet {
        Packet::Proposal(entry) => entry.payload.len(),
        _ => 0,
    };
    let largest = ensemble.packets.iter().map(|(_, packet)| size(packet)).max();
    assert_eq!(largest, Some(32), "a header");
    ensemble.join(follower, 2);
    assert_eq!(ensemble.error(2, 1, &create("/after", 0)), 0);
    ensemble.assert_alike();
}

#[test]
fn a_session_goes_on_at_any_other_server() {
    let mut ensemble = Ensemble::new(3, 1);
    let leader = ensemble.leader();
    let session = ensemble.join(ensemble.follower(), 1);
    ensemble.call(1, 1, &create("/e", 1));
    let mut number = 1;
    for id in [leader, 4, ensemble.follower(), 4, leader] {
        ensemble.lose(number);
        number += 1;
        match &ensemble.rejoin(id, number, &session)[..] {
            [Heard::Connected { session: same, timeout: 10_000, .. }] => {
                assert_eq!(*same, session.0);
            }
            other => panic!("not connected: {other:?}"),
        }
        let before = ensemble.state(id).last;
        assert_eq!(ensemble.error(number, 5, &set("/e", b"x")), 0);
        assert_eq!(ensemble.state(id).last.0, before.0 + 1);
    }
    ensemble.assert_alike();
    assert!(has(&ensemble, 1, "/e"));
}

#[test]
fn a_wrong_password_opens_nothing_and_disturbs_nobody() {
    let mut ensemble = Ensemble::new(3, 0);
    let follower = ensemble.follower();
    let (session, mut password) = ensemble.join(follower, 1);
    password[3] ^= 1;
    ensemble.packets.clear();
    assert!(is_refusal(&ensemble.rejoin(follower, 2, &(session, password.clone()))));
    assert!(is_refusal(&ensemble.rejoin(ensemble.leader(), 3, &(session, password))));
    assert_eq!(ensemble.packets, [], "nobody else was asked");
    assert_eq!(ensemble.error(1, 1, &exists("/", false)), 0);
    assert!(!ensemble.closed.contains(&1));
    assert!(ensemble.closed.contains(&2) && ensemble.closed.contains(&3));
}

#[test]
fn a_follower_passes_nothing_on_behind_the_end_of_a_session() {
    let mut ensemble = Ensemble::new(3, 0);
    ensemble.join(ensemble.follower(), 1);
    ensemble.packets.clear();
    ensemble.ask(1, 1, &Request::CloseSession);
    ensemble.ask(1, 2, &create("/after", 0));
    ensemble.settle();
    let asked = |(_, packet): &&(_, Packet)| matches!(packet, Packet::Request(_));
    assert_eq!(
        ensemble.packets.iter().filter(asked).count(),
        1,
        "a refusal would be a transaction"
    );
    assert!(ensemble.closed.contains(&1));
}

#[test]
fn a_session_that_is_over_is_not_found_by_any_server() {
    let mut ensemble = Ensemble::new(3, 0);
    let session = ensemble.join(ensemble.follower(), 1);
    ensemble.call(1, 1, &Request::CloseSession);
    for (number, id) in [(2, 1), (3, 2), (4, 3)] {
        assert!(is_refusal(&ensemble.rejoin(id, number, &session)));
    }
}

#[test]
fn whoever_has_moved_is_not_heard_where_he_was() {
    let mut ensemble = Ensemble::new(3, 1);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    for (round, (from, to)) in
        [(leader, follower), (follower, leader), (follower, 4), (4, follower)]
            .into_iter()
            .enumerate()
    {
        let (old, new) = (10 * round as u64, 10 * round as u64 + 1);
        let session = ensemble.join(from, old);
        let path = format!("/{round}");
        ensemble.call(old, 1, &create(&path, 1));
        ensemble.rejoin(to, new, &session);
        assert_eq!(ensemble.error(old, 2, &exists(&path, false)), 0, "reads go on");
        let heard = ensemble.call(old, 3, &set(&path, b"late"));
        assert_eq!(heard, [], "it is not told that it was refused");
        assert!(ensemble.closed.contains(&old), "from {from} to {to}");
        let moved = |(id, notice): &(i64, Notice)| {
            let moved = matches!(notice, Notice::Refused { why: Refused::SessionMoved, .. });
            *id == from && moved
        };
        assert!(ensemble.notices.iter().any(moved));
        assert_eq!(ensemble.error(new, 1, &set(&path, b"here")), 0);
        let data = ensemble.state(leader).tree.node(&path).expect("it is there").data();
        assert_eq!(data, Some(&b"here"[..]));
        ensemble.notices.clear();
    }
    ensemble.assert_alike();
}

#[test]
fn a_session_has_one_connection_at_a_server() {
    let mut ensemble = Ensemble::new(3, 0);
    let follower = ensemble.follower();
    let session = ensemble.join(follower, 1);
    ensemble.rejoin(follower, 2, &session);
    assert!(ensemble.closed.contains(&1));
    assert_eq!(ensemble.error(2, 1, &create("/a", 0)), 0);
}

#[test]
fn what_a_lost_connection_asked_is_not_answered_on_the_next() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let session = ensemble.join(follower, 1);
    // Nothing is decided for now.
    let others: Vec<i64> = (1..=3).filter(|id| *id != leader).collect();
    ensemble.slow_disks = others.iter().copied().collect();
    ensemble.ask(1, 7, &create("/first", 0));
    ensemble.settle();
    ensemble.lose(1);
    ensemble.rejoin(follower, 2, &session);
    // It has the same number, and another answer.
    ensemble.ask(2, 7, &create("/none/second", 0));
    ensemble.settle();
    assert_eq!(ensemble.heard(2), []);
    ensemble.slow_disks.clear();
    ensemble.settle();
    match ensemble.heard(2)[..] {
        [Heard::Reply { xid: 7, err, .. }] => assert_eq!(err, ErrorCode::NoNode.code()),
        ref other => panic!("one answer: {other:?}"),
    }
    assert!(has(&ensemble, follower, "/first"));
}

#[test]
fn a_client_is_not_served_by_a_server_that_is_behind_it() {
    let mut ensemble = Ensemble::new(3, 0);
    let session = ensemble.join(ensemble.follower(), 1);
    let seen = ensemble.state(1).last.0 as i64;
    for id in 1..=3 {
        for (ahead, refused) in [(0, false), (1, true)] {
            let number = 10 * id as u64 + ahead;
            ensemble.open(id, number);
            let request = ConnectRequest {
                last_zxid_seen: seen + ahead as i64,
                session_id: session.0,
                password: Some(&session.1),
                ..new_session(10_000)
            };
            ensemble.connect(number, &request);
            ensemble.settle();
            assert_eq!(ensemble.closed.contains(&number), refused, "server {id}");
            assert_eq!(ensemble.heard(number).is_empty(), refused);
        }
    }
}

#[test]
fn a_session_of_which_nothing_is_heard_ends_everywhere() {
    let mut ensemble = Ensemble::new(3, 1);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    for (number, id) in [(1, follower), (2, 4), (3, leader)] {
        ensemble.join(id, number);
        ensemble.call(number, 1, &create(&format!("/e{number}"), 1));
        ensemble.call(number, 2, &exists(&format!("/e{}", number % 3 + 1), true));
    }
    let mut xid = 10;
    // The first one says nothing any more.
    for _ in 0..14 {
        ensemble.pass(1000);
        for number in [2, 3] {
            xid += 1;
            ensemble.ask(number, xid, &exists("/", false));
        }
    }
    ensemble.settle();
    for id in 1..=4 {
        assert!(!has(&ensemble, id, "/e1"), "on {id}");
        assert!(has(&ensemble, id, "/e2") && has(&ensemble, id, "/e3"), "on {id}");
        assert_eq!(ensemble.state(id).sessions.len(), 2);
    }
    assert!(ensemble.closed.contains(&1), "its connection at the follower is closed");
    assert_eq!(ensemble.order(3).iter().filter(|xid| **xid == -1).count(), 1, "it watched");
    let expired = |(_, notice): &&(i64, Notice)| {
        matches!(notice, Notice::SessionClosed { expired: true, .. })
    };
    assert_eq!(ensemble.notices.iter().filter(expired).count(), 4, "each server says so");
    ensemble.pass(60_000);
    ensemble.assert_alike();
    assert!(ensemble.state(1).sessions.is_empty());
}

#[test]
fn a_session_that_is_closed_through_a_follower_takes_its_nodes_along() {
    let mut ensemble = Ensemble::new(3, 0);
    let follower = ensemble.follower();
    ensemble.join(follower, 1);
    ensemble.call(1, 1, &create("/e", 1));
    ensemble.ask(1, 2, &create("/f", 1));
    ensemble.ask(1, 3, &Request::CloseSession);
    ensemble.ask(1, 4, &create("/g", 0));
    ensemble.settle();
    assert_eq!(ensemble.order(1), [2, 3], "after that it is not heard");
    assert!(ensemble.closed.contains(&1));
    for id in 1..=3 {
        assert!(!has(&ensemble, id, "/e") && !has(&ensemble, id, "/f"));
        assert!(!has(&ensemble, id, "/g"));
    }
    let closed = |(_, notice): &&(i64, Notice)| {
        matches!(notice, Notice::SessionClosed { expired: false, .. })
    };
    assert_eq!(ensemble.notices.iter().filter(closed).count(), 3);
}

#[test]
fn a_session_survives_its_leader_and_has_its_full_time_under_the_next() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let session = ensemble.join(follower, 1);
    ensemble.call(1, 1, &create("/e", 1));
    let of_leader = ensemble.join(leader, 2);
    ensemble.call(2, 1, &create("/l", 1));
    ensemble.pass(7000);
    ensemble.call(1, 2, &exists("/", false));
    ensemble.stop(leader);
    ensemble.until_served();
    assert_ne!(ensemble.leader(), leader);
    assert!(ensemble.closed.contains(&1), "its server had no leader for a while");
    // Both sessions would have ended by now under the old leader.
    ensemble.pass(8000);
    assert!(has(&ensemble, follower, "/l") && has(&ensemble, follower, "/e"));
    let heard = ensemble.rejoin(follower, 3, &session);
    assert!(matches!(heard[..], [Heard::Connected { timeout: 10_000, .. }]), "{heard:?}");
    assert_eq!(ensemble.error(3, 1, &set("/e", b"x")), 0);
    let heard = ensemble.rejoin(follower, 4, &of_leader);
    assert!(matches!(heard[..], [Heard::Connected { timeout: 10_000, .. }]), "{heard:?}");
    ensemble.lose(4);
    ensemble.start(leader);
    for xid in 2..20 {
        ensemble.pass(1000);
        ensemble.call(3, xid, &exists("/", false));
    }
    ensemble.until_served();
    assert!(has(&ensemble, leader, "/e") && !has(&ensemble, leader, "/l"));
    ensemble.assert_alike();
}

#[test]
fn nobody_hears_that_a_session_is_gone_from_a_leader_that_may_be_deposed() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let session = ensemble.join(leader, 1);
    ensemble.call(1, 1, &Request::CloseSession);
    for (number, id) in [(2, leader), (3, follower)] {
        let heard = ensemble.rejoin(id, number, &session);
        assert!(is_refusal(&heard), "{heard:?}");
    }
    // Nothing that it says arrives any more: the session might have begun under another by now.
    ensemble.muted.insert(leader);
    assert_eq!(ensemble.rejoin(leader, 4, &session), []);
    assert!(!ensemble.closed.contains(&4));
    ensemble.pass(20_000);
    assert_eq!(ensemble.heard(4), []);
    assert!(ensemble.closed.contains(&4), "it does not lead any more");
}

#[test]
fn a_write_that_the_old_leader_did_not_get_through_is_not_there() {
    let mut ensemble = Ensemble::new(3, 0);
    let leader = ensemble.leader();
    ensemble.join(leader, 1);
    ensemble.call(1, 1, &create("/before", 0));
    ensemble.muted.insert(leader);
    ensemble.ask(1, 2, &create("/lost", 0));
    ensemble.settle();
    assert_eq!(ensemble.heard(1), []);
    assert!(!has(&ensemble, leader, "/lost"), "memory holds only what is decided");
    ensemble.muted.clear();
    ensemble.cut_off(leader);
    ensemble.pass(15_000);
    ensemble.join(ensemble.leader(), 2);
    assert_eq!(ensemble.error(2, 1, &create("/after", 0)), 0);
    ensemble.heal(leader);
    ensemble.until_served();
    for id in 1..=3 {
        assert!(has(&ensemble, id, "/before") && has(&ensemble, id, "/after"));
        assert!(!has(&ensemble, id, "/lost"));
    }
    ensemble.assert_alike();
}
