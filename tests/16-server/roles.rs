//! Servers of an ensemble: whichever one a client is connected to, it is served alike.

use bytes::Bytes;
use jute::records::{
    CheckVersionRequest, ErrorCode, GetDataResponse, OpCode, Perms, ReconfigRequest, SetDataRequest,
};
use machines::{Dice, Event};
use protocol::{MultiOp, Request, Word};
use server::{Message, Peer};
use zab::Packet;
use zxid::{SessionId, Zxid};

use crate::ensemble::Ensemble;
use crate::roles_faults::only_snapshots;
use crate::stage::{Heard, create, create_by, delete, exists, get, new_session, set, sync};

#[test]
fn a_write_through_any_server_is_seen_on_all() {
    let mut ensemble = Ensemble::new(3, 1);
    for id in 1..=4 {
        let number = id as u64;
        ensemble.join(id, number);
        let path = format!("/from-{id}");
        assert_eq!(ensemble.error(number, 1, &create(&path, 0)), 0);
        for other in 1..=4 {
            assert!(ensemble.state(other).tree.node(&path).is_some(), "{path} on {other}");
        }
    }
    ensemble.assert_alike();
    assert_eq!(ensemble.state(1).last, Zxid::new(1, 8), "four sessions, four nodes");
}

#[test]
fn each_client_is_answered_in_the_order_in_which_it_asked() {
    for seed in 0..30 {
        let mut dice = Dice::new(seed);
        let mut ensemble = Ensemble::new(3, 1);
        let mut asked = [0; 5];
        let mut answered: [Vec<i32>; 5] = Default::default();
        (1..=4).for_each(|id| drop(ensemble.join(id, id as u64)));
        for _ in 0..300 {
            let number = 1 + dice.below(4);
            asked[number] += 1;
            let path = format!("/{}", dice.below(5));
            let request = match dice.below(8) {
                0 | 1 => create(&path, dice.below(4) as i32),
                2 => set(&path, b"x"),
                3 => delete(&path),
                4 => sync(&path),
                5 => get(&path, false),
                _ => exists(&path, false),
            };
            ensemble.ask(number as u64, asked[number], &request);
            match dice.below(10) {
                0 => ensemble.settle(),
                1 => ensemble.pass(300),
                2..6 => drop(ensemble.drain()),
                _ => {}
            }
            for (number, answered) in answered.iter_mut().enumerate() {
                answered.extend(ensemble.order(number as u64));
            }
        }
        ensemble.settle();
        ensemble.pass(4000);
        ensemble.assert_alike();
        for number in 1..=4 {
            answered[number].extend(ensemble.order(number as u64));
            let wanted: Vec<i32> = (1..=asked[number]).collect();
            assert_eq!(answered[number], wanted, "seed {seed} client {number}");
        }
    }
}

#[test]
fn a_client_reads_its_own_writes_wherever_it_is() {
    let mut ensemble = Ensemble::new(3, 1);
    for id in 1..=4 {
        let number = id as u64;
        ensemble.join(id, number);
        let path = format!("/{id}");
        ensemble.ask(number, 1, &create(&path, 0));
        ensemble.ask(number, 2, &exists(&path, false));
        ensemble.ask(number, 3, &delete(&path));
        ensemble.ask(number, 4, &exists(&path, false));
        ensemble.settle();
        let errors: Vec<i32> = ensemble
            .heard(number)
            .iter()
            .map(|heard| match heard {
                Heard::Reply { err, .. } => *err,
                other => panic!("no reply: {other:?}"),
            })
            .collect();
        assert_eq!(errors, [0, 0, 0, ErrorCode::NoNode.code()], "server {id}");
    }
}

#[test]
fn refusals_come_back_through_a_follower_as_they_do_from_a_leader() {
    let mut ensemble = Ensemble::new(3, 1);
    let mut heard = Vec::new();
    for id in [ensemble.leader(), ensemble.follower(), 4] {
        let number = id as u64;
        ensemble.join(id, number);
        let path = format!("/{id}");
        assert_eq!(ensemble.error(number, 1, &create(&path, 0)), 0);
        let wrong = SetDataRequest { path: path.as_str().into(), data: None, version: 7 };
        let reconfig =
            ReconfigRequest { joining: None, leaving: None, members: None, config_id: -1 };
        let mut errors = vec![
            ensemble.error(number, 2, &create(&path, 0)),
            ensemble.error(number, 3, &Request::SetData(wrong)),
            ensemble.error(number, 4, &delete("/none")),
            ensemble.error(number, 5, &create("relative", 0)),
            ensemble.error(number, 6, &Request::Reconfig(reconfig)),
        ];
        let last = ensemble.state(id).last;
        ensemble.ask_raw(number, 7, OpCode::Create.code(), b"\0\0\0\x09/a");
        ensemble.settle();
        match ensemble.heard(number)[..] {
            [Heard::Reply { err, .. }] => errors.push(err),
            ref other => panic!("one answer, not {other:?}"),
        }
        assert_eq!(ensemble.state(id).last, last, "what cannot be read takes no zxid");
        heard.push(errors);
    }
    let code = ErrorCode::code;
    let wanted = [
        code(ErrorCode::NodeExists),
        code(ErrorCode::BadVersion),
        code(ErrorCode::NoNode),
        code(ErrorCode::BadArguments),
        code(ErrorCode::ReconfigDisabled),
        code(ErrorCode::MarshallingError),
    ];
    assert_eq!(heard, [wanted; 3]);
    ensemble.assert_alike();
}

#[test]
fn a_multi_is_all_or_nothing_through_a_follower_too() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.join(leader, 1);
    ensemble.join(follower, 2);
    let part = |path: &'static str| match create_by(OpCode::Create2, path, 0, b"") {
        Request::Create { op, request } => MultiOp::Create { op, request },
        other => panic!("{other:?}"),
    };
    let check = |version| MultiOp::Check(CheckVersionRequest { path: "/a".into(), version });
    let mut answers = Vec::new();
    for (number, a, b) in [(1, "/a", "/b"), (2, "/a/1", "/b/1")] {
        let good = ensemble.call(number, 1, &Request::Multi(vec![part(a), part(b), check(0)]));
        let bad = ensemble.call(number, 2, &Request::Multi(vec![part("/a/2"), check(3)]));
        let bodies = [good, bad].map(|heard| match &heard[..] {
            [Heard::Reply { err: 0, body, .. }] => body.len(),
            other => panic!("one answer: {other:?}"),
        });
        answers.push(bodies);
    }
    assert_eq!(answers[0][1], answers[1][1], "as long as it is from a leader");
    assert_eq!(answers[0][0] + 4, answers[1][0], "but for the paths");
    for id in 1..=3 {
        let tree = &ensemble.state(id).tree;
        assert!(tree.node("/b/1").is_some() && tree.node("/a/2").is_none());
    }
}

#[test]
fn who_watches_at_one_server_hears_of_what_is_done_through_another() {
    let mut ensemble = Ensemble::new(3, 1);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    for (number, id) in [(1, leader), (2, follower), (3, 4)] {
        ensemble.join(id, number);
    }
    ensemble.call(1, 1, &create("/w", 0));
    for writer in 1..=3 {
        for number in 1..=3 {
            ensemble.call(number, 2, &get("/w", true));
        }
        ensemble.ask(writer, 3, &set("/w", b"new"));
        ensemble.ask(writer, 4, &exists("/w", false));
        ensemble.settle();
        for number in 1..=3 {
            let wanted = if number == writer { vec![-1, 3, 4] } else { vec![-1] };
            assert_eq!(ensemble.order(number), wanted, "the event is before the answer");
        }
    }
}

#[test]
fn a_sync_is_behind_everything_that_was_written_before() {
    let mut ensemble = Ensemble::new(3, 1);
    let leader = ensemble.leader();
    ensemble.join(leader, 1);
    ensemble.join(4, 2);
    ensemble.call(1, 1, &create("/s", 0));
    // The observer hears of this one late.
    ensemble.slow_disks = [leader].into();
    for round in 1..=5 {
        ensemble.ask(1, 2 * round, &set("/s", &[round as u8]));
        ensemble.ask(2, 2 * round, &sync("/s"));
        ensemble.ask(2, 2 * round + 1, &get("/s", false));
        ensemble.settle();
        match &ensemble.heard(2)[..] {
            [Heard::Reply { err: 0, .. }, Heard::Reply { err: 0, body, .. }] => {
                let read: GetDataResponse<'_> = jute::from_slice(body).expect("an answer");
                assert_eq!(read.data, Some(&[round as u8][..]));
            }
            other => panic!("two answers: {other:?}"),
        }
    }
}

#[test]
fn a_learner_hears_of_a_sync_before_it_hears_of_a_later_write() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.join(follower, 1);
    ensemble.packets.clear();
    // All at once, so that the write may be decided before the lead is confirmed.
    ensemble.ask(1, 1, &sync("/"));
    ensemble.ask(1, 2, &create("/after", 0));
    ensemble.ask(1, 3, &sync("/"));
    ensemble.ask(1, 4, &create("/later", 0));
    // The leader gets them in one batch.
    ensemble.deliver(4);
    for _ in 0..200 {
        ensemble.settle_a_little();
    }
    ensemble.settle();
    assert_eq!(ensemble.order(1), [1, 2, 3, 4]);
    let sent = ensemble.packets.iter().filter(|(from, _)| *from == leader);
    let mut told: Vec<&Packet> = sent
        .map(|(_, packet)| packet)
        .filter(|packet| matches!(packet, Packet::Sync | Packet::Commit(_)))
        .collect();
    // Each commit goes to two followers.
    told.dedup();
    let last = ensemble.state(leader).last;
    let commits = [Packet::Commit(Zxid(last.0 - 1)), Packet::Commit(last)];
    assert_eq!(told, [&Packet::Sync, &commits[0], &Packet::Sync, &commits[1]]);
}

#[test]
fn own_clients_syncs_are_answered_before_a_later_write_too() {
    let mut ensemble = Ensemble::new(3, 0);
    ensemble.join(ensemble.leader(), 1);
    for xid in 1..=20 {
        let request = if xid % 2 == 0 { create("/s", 2) } else { sync("/") };
        ensemble.ask(1, xid, &request);
    }
    for _ in 0..400 {
        ensemble.settle_a_little();
    }
    ensemble.settle();
    assert_eq!(ensemble.order(1), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_sync_waits_for_what_was_proposed_and_for_an_answer_to_its_own_question() {
    let mut syncs = server::Syncs::default();
    let upto = |counter| Zxid::new(1, counter);
    for (whom, counter, question) in [("a", 3, 1), ("b", 3, 2), ("c", 5, 2), ("d", 5, 3)] {
        syncs.add(upto(counter), question, whom);
    }
    assert_eq!(syncs.next(upto(2), 9), None, "3 was proposed before");
    assert_eq!(syncs.next(upto(3), 0), None, "nobody was asked since");
    assert_eq!(syncs.next(upto(3), 1), Some("a"));
    assert_eq!(syncs.next(upto(9), 1), None, "the answer is to an earlier question");
    assert_eq!(syncs.next_before(upto(3), |_| true), None);
    assert_eq!(syncs.next_before(upto(4), |_| true), Some("b"), "4 was proposed later");
    assert_eq!(syncs.next_before(upto(5), |_| true), None);
    assert_eq!(syncs.next(upto(5), 3), Some("c"));
    assert_eq!(syncs.len(), 1);
}

#[test]
fn whatever_a_learner_passes_on_becomes_one_transaction() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let (session, _) = ensemble.join(follower, 1);
    let link = ensemble.link(leader, follower);
    let mut cxid = 100;
    let mut pass_on = |ensemble: &mut Ensemble, session, op: i32, body: &'static [u8]| {
        cxid += 1;
        let body = Bytes::from_static(body);
        let identities = Some(Vec::new());
        let request = zab::Request { session, cxid, op, body, identities };
        let message = Message::Quorum(Packet::Request(request));
        let from = Peer::Quorum(zab::Peer::Learner(link));
        let before = ensemble.state(leader).last;
        ensemble.packets.clear();
        ensemble.event(leader, Event::Received { from, message });
        ensemble.settle();
        assert_eq!(ensemble.state(leader).last.0, before.0 + 1, "operation {op}");
        let proposed = ensemble.packets.iter().find_map(|(_, packet)| match packet {
            Packet::Proposal(entry) => Some(entry.payload.clone()),
            _ => None,
        });
        let payload = proposed.expect("it was proposed");
        let (header, txn, _) = jute::records::Txn::decode_payload(&payload).expect("a txn");
        assert_eq!((header.session, header.cxid), (session, cxid));
        match txn {
            jute::records::Txn::Error(error) => error.err,
            _ => 0,
        }
    };
    let (unknown, bad) = (ErrorCode::Unimplemented.code(), ErrorCode::MarshallingError.code());
    let create = OpCode::Create.code();
    assert_eq!(pass_on(&mut ensemble, session, create, b""), bad);
    assert_eq!(pass_on(&mut ensemble, session, create, b"\xff\xff\xff\xff\0\0"), bad);
    let check = b"\0\0\0\x01/\xff\xff\xff\xff";
    assert_eq!(pass_on(&mut ensemble, session, OpCode::Check.code(), check), unknown);
    for op in [OpCode::DeleteContainer.code(), OpCode::GetData.code(), 4711, -1] {
        assert_eq!(pass_on(&mut ensemble, session, op, b"\0\0\0\x01/\0"), unknown);
    }
    let (none, expired) = (SessionId(77), ErrorCode::SessionExpired.code());
    assert_eq!(pass_on(&mut ensemble, none, create, b""), expired);
    assert_eq!(pass_on(&mut ensemble, none, OpCode::CreateSession.code(), b""), expired);
    assert_eq!(pass_on(&mut ensemble, none, OpCode::CreateSession.code(), b"\0\0\x10\0"), 0);
    assert_eq!(pass_on(&mut ensemble, none, OpCode::CloseSession.code(), b""), 0);
    assert_eq!(pass_on(&mut ensemble, none, OpCode::CloseSession.code(), b""), expired);
    ensemble.assert_alike();
    assert_eq!(ensemble.error(1, 1, &exists("/", false)), 0, "the client was not disturbed");
}

#[test]
fn every_server_shows_its_own_view_of_the_ensemble() {
    // Also if it has the leader's state.
    let mut ensemble = Ensemble::with(3, 1, only_snapshots);
    for id in 1..=4 {
        let number = id as u64;
        ensemble.join(id, number);
        let heard = ensemble.call(number, 1, &get("/zookeeper/config", false));
        let [Heard::Reply { err: 0, body, .. }] = &heard[..] else { panic!("{heard:?}") };
        let read: GetDataResponse<'_> = jute::from_slice(body).expect("an answer");
        let text = format!("server.1=name{id}:1:2:participant\nversion=0");
        assert_eq!(read.data, Some(text.as_bytes()));
        let stat = read.stat;
        assert_eq!((stat.czxid, stat.mzxid, stat.ctime), (Zxid::ZERO, Zxid::ZERO, 0));
        assert_eq!((stat.version, stat.aversion, stat.cversion), (-1, -1, 0));
        assert!(stat.mtime >= 1_700_000_000_000);
        let acl = ensemble.state(id).tree.node("/zookeeper/config").expect("it is there").acl();
        assert_eq!(acl[0].perms, Perms::READ);
    }
    ensemble.assert_alike();
}

#[test]
fn operators_are_told_what_each_server_is() {
    let mut ensemble = Ensemble::new(3, 1);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    let srvr = ensemble.word(leader, Word::Srvr);
    assert!(srvr.contains("\nZxid: 0x100000000\n"), "its epoch has begun: {srvr}");
    ensemble.join(follower, 1);
    ensemble.call(1, 1, &create("/a", 0));
    for (id, mode, does) in [
        (leader, "leader", "leading"),
        (follower, "follower", "following"),
        (4, "observer", "observing"),
    ] {
        let srvr = ensemble.word(id, Word::Srvr);
        assert!(srvr.contains(&format!("\nMode: {mode}\n")), "{srvr}");
        assert!(srvr.contains("\nZxid: 0x100000002\n"), "{srvr}");
        assert_eq!(srvr.contains("\nProposal sizes last/min/max: "), id == leader, "{srvr}");
        let mntr = ensemble.word(id, Word::Mntr);
        assert!(mntr.contains(&format!("\nzk_server_state\t{mode}\n")), "{mntr}");
        assert!(mntr.contains("\nzk_quorum_size\t3\n"), "{mntr}");
        assert!(mntr.contains(&format!("\nzk_peer_state\t{does} - broadcast\n")), "{mntr}");
        let master = format!("\nzk_observer_master_id\t{leader}\n");
        assert_eq!(mntr.contains(&master), id == 4, "{mntr}");
        let conf = ensemble.word(id, Word::Conf);
        let (serves, kind) = (format!("serverId={id}\n"), i32::from(id == 4));
        for line in [&serves, "initLimit=10\nsyncLimit=5\nelectionAlg=3\n"] {
            assert!(conf.contains(line), "{line} is not in {conf}");
        }
        assert!(conf.ends_with(&format!(
            "peerType={kind}\nmembership: \nserver.1=name{id}:1:2:participant\nversion=0"
        )));
        assert_eq!(ensemble.word(id, Word::Isro), "rw");
    }
    let mntr = ensemble.word(leader, Word::Mntr);
    for line in ["learners\t3", "synced_followers\t2", "synced_observers\t1", "pending_syncs\t0"] {
        assert!(mntr.contains(&format!("\nzk_{line}\n")), "{line} is not in {mntr}");
    }
    let dump = ensemble.word(follower, Word::Dump);
    assert!(dump.contains("Global Sessions(1):\n0x"), "{dump}");
    assert!(dump.contains("\t10000ms\n"), "{dump}");
}

#[test]
fn a_server_without_a_leader_serves_nobody_but_operators() {
    let mut ensemble = Ensemble::new(3, 0);
    let follower = ensemble.follower();
    ensemble.join(follower, 1);
    ensemble.call(1, 1, &exists("/", true));
    ensemble.cut_off(follower);
    ensemble.pass(500);
    assert!(ensemble.closed.contains(&1), "it lost its leader");
    assert_eq!(ensemble.server(follower).watches().count(), 0);
    ensemble.open(follower, 2);
    ensemble.settle();
    assert!(!ensemble.closed.contains(&2));
    ensemble.connect(2, &new_session(10_000));
    ensemble.settle();
    assert!(ensemble.closed.contains(&2));
    assert_eq!(ensemble.heard(2), []);
    let refusal = "This ZooKeeper instance is not currently serving requests\n";
    assert_eq!(ensemble.word(follower, Word::Srvr), refusal);
    assert_eq!(ensemble.word(follower, Word::Ruok), "imok");
    assert_eq!(ensemble.word(follower, Word::Isro), "null");
    ensemble.heal(follower);
    ensemble.until_served();
    ensemble.join(follower, 3);
    ensemble.assert_alike();
}
