//! Servers of an ensemble that were away, or whose leader was: what they have afterwards.

use bytes::Bytes;
use jute::records::ErrorCode;
use machines::{Dice, Event, Now};
use protocol::{Request, Word};
use server::{Asker, Message, Notice, Peer, Preparer, Settings, State};
use storage::{Entry, Write};
use zab::{Ceased, Packet};
use zxid::{Rollover, ServerId, SessionId, Zxid};

use crate::ensemble::Ensemble;
use crate::stage::{Heard, create, create_by, delete, exists, new_session, set, settings, sync};

/// Settings under which a learner that missed anything gets a snapshot.
pub(crate) fn only_snapshots(settings: &mut Settings) {
    let mut ensemble = (**settings.ensemble.as_ref().expect("a member")).clone();
    ensemble.force_snapshot = true;
    settings.ensemble = Some(ensemble.into());
}

fn snapshots_coming(ensemble: &Ensemble) -> usize {
    let coming = |(_, notice): &&(i64, Notice)| matches!(notice, Notice::SnapshotComing { .. });
    ensemble.notices.iter().filter(coming).count()
}

#[test]
fn a_server_that_was_down_catches_up_and_serves() {
    for wiped in [false, true] {
        let mut ensemble = Ensemble::new(3, 1);
        let leader = ensemble.leader();
        ensemble.join(leader, 1);
        for down in [ensemble.follower(), 4] {
            ensemble.stop(down);
            for xid in 1..50 {
                ensemble.call(1, xid, &create("/s", 2));
            }
            if wiped {
                ensemble.wipe(down);
            }
            ensemble.start(down);
            ensemble.until_served();
            ensemble.assert_alike();
            let number = 10 + down as u64;
            ensemble.join(down, number);
            assert_eq!(ensemble.error(number, 1, &create("/s", 2)), 0);
            ensemble.assert_alike();
        }
    }
}

#[test]
fn a_snapshot_is_sent_while_clients_write() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let mut ensemble = Ensemble::with(3, 2, only_snapshots);
        let leader = ensemble.leader();
        ensemble.join(leader, 1);
        let mut xid = 0;
        let mut write = |ensemble: &mut Ensemble, dice: &mut Dice| {
            xid += 1;
            let path = format!("/{}", dice.below(60));
            let data = vec![xid as u8; dice.below(40_000)];
            let request = match dice.below(5) {
                0 => delete(&path),
                1 | 2 => set(&path, &data),
                _ => create_by(jute::records::OpCode::Create, &path, dice.below(2) as i32, &data),
            };
            ensemble.ask(1, xid, &request);
        };
        for _ in 0..80 {
            write(&mut ensemble, &mut dice);
        }
        ensemble.settle();
        // Several at once, and all of them while the state goes on changing.
        let down: Vec<i64> = (1..=5).filter(|id| *id != leader).take(3).collect();
        let down = if seed % 2 == 0 { vec![4, 5] } else { vec![down[0], 4] };
        for id in &down {
            ensemble.stop(*id);
            ensemble.wipe(*id);
        }
        ensemble.settle();
        for id in &down {
            ensemble.start(*id);
        }
        for _ in 0..400 {
            write(&mut ensemble, &mut dice);
            for _ in 0..dice.below(3) {
                ensemble.settle_a_little();
            }
            if dice.below(4) == 0 {
                ensemble.pass(20);
            }
        }
        ensemble.until_served();
        ensemble.assert_alike();
        ensemble.assert_same_nodes();
        assert!(snapshots_coming(&ensemble) >= 2, "seed {seed}");
        assert_eq!(ensemble.order(1), (1..=xid).collect::<Vec<_>>(), "seed {seed}");
        // What is on their disks is the same too.
        for id in down {
            ensemble.stop(id);
            ensemble.start(id);
        }
        ensemble.until_served();
        ensemble.assert_same_nodes();
    }
}

#[test]
fn a_snapshot_of_the_leaders_ends_the_one_that_is_being_saved() {
    let mut ensemble = Ensemble::with(3, 0, |settings| {
        only_snapshots(settings);
        settings.snap_count = 10;
    });
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.join(leader, 1);
    let large = vec![1; 300_000];
    for xid in 1..=20 {
        let path = format!("/large-{xid}");
        ensemble.call(1, xid, &create_by(jute::records::OpCode::Create, &path, 0, &large));
    }
    let begins = |write: &Write| matches!(write, Write::BeginSnapshot { .. });
    let mut xid = 20;
    while !ensemble.has_to_write(follower, begins) {
        xid += 1;
        ensemble.slow_disks.clear();
        ensemble.settle();
        ensemble.slow_disks = [follower].into();
        ensemble.call(1, xid, &create("/s", 2));
        ensemble.disk_begins(follower);
    }
    // It loses its leader, and finds it again, while its disk is at work on the snapshot.
    ensemble.cut_off(follower);
    ensemble.settle();
    ensemble.heal(follower);
    let before = snapshots_coming(&ensemble);
    for _ in 0..40 {
        ensemble.disk_begins(follower);
        ensemble.pass(50);
        if snapshots_coming(&ensemble) > before {
            break;
        }
    }
    ensemble.slow_disks.clear();
    ensemble.until_served();
    assert_eq!(snapshots_coming(&ensemble), before + 1);
    assert_eq!(ensemble.abandoned, 1);
    ensemble.assert_same_nodes();
    // It saves again later.
    for more in xid + 2..xid + 40 {
        ensemble.call(1, more, &create("/s", 2));
    }
    ensemble.stop(follower);
    ensemble.start(follower);
    ensemble.until_served();
    ensemble.assert_same_nodes();
}

#[test]
fn all_servers_find_again_what_was_decided_before_they_stopped() {
    for seed in 0..10 {
        let mut ensemble = Ensemble::with(3, 1, |settings| settings.snap_count = 20);
        let mut dice = Dice::new(seed);
        for round in 0..4 {
            let number = 10 + round as u64;
            let id = 1 + dice.below(4) as i64;
            ensemble.join(id, number);
            for xid in 1..=dice.below(40) as i32 {
                ensemble.call(number, xid, &create("/s", 2));
            }
            let last = ensemble.state(id).last;
            let nodes = ensemble.state(id).tree.len();
            (1..=4).for_each(|id| ensemble.stop(id));
            (1..=4).for_each(|id| ensemble.start(id));
            ensemble.until_served();
            for id in 1..=4 {
                assert_eq!(ensemble.state(id).last, last, "seed {seed} server {id}");
                assert_eq!(ensemble.state(id).tree.len(), nodes);
            }
        }
        ensemble.assert_same_nodes();
    }
}

#[test]
fn a_leader_that_may_have_been_replaced_answers_no_sync() {
    let mut ensemble = Ensemble::new(5, 0);
    let old = ensemble.leader();
    ensemble.join(old, 1);
    ensemble.call(1, 1, &create("/x", 0));
    // It does not know yet that nobody hears it.
    ensemble.muted.insert(old);
    ensemble.ask(1, 2, &sync("/x"));
    ensemble.ask(1, 3, &exists("/x", false));
    ensemble.settle();
    assert_eq!(ensemble.heard(1), [], "it waits");
    ensemble.muted.clear();
    ensemble.cut_off(old);
    for _ in 0..30 {
        ensemble.pass(1000);
        let heard = ensemble.heard(1);
        assert_eq!(heard, [], "there may be another leader");
    }
    assert!(ensemble.closed.contains(&1));
    assert_ne!(ensemble.leader(), old);
}

#[test]
fn a_sync_is_not_answered_by_an_answer_from_before() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.join(leader, 1);
    ensemble.join(follower, 2);
    // The leader goes on pinging, and is answered; it must ask again after the sync came.
    ensemble.pass(5000);
    let pings = |ensemble: &Ensemble| {
        let ping = |(from, packet): &&(i64, Packet)| {
            *from == leader && matches!(packet, Packet::Ping { .. })
        };
        ensemble.packets.iter().filter(ping).count()
    };
    for number in [1, 2] {
        let before = pings(&ensemble);
        ensemble.ask(number, 1, &sync("/"));
        ensemble.ask(number, 2, &sync("/"));
        ensemble.settle();
        assert_eq!(ensemble.order(number), [1, 2]);
        assert!(pings(&ensemble) > before, "it asked");
        assert!(pings(&ensemble) <= before + 4, "once for a batch");
    }
}

#[test]
fn the_numbers_of_an_epoch_end_before_they_run_over() {
    let state = State::new(1, false);
    let now = Now::default();
    let nobody = acl::Identities::forwarded(Vec::new(), &settings().acl);
    let asker = Asker { session: SessionId(1), cxid: 1, access: &nobody };
    let before = Zxid::new(4, u32::MAX - 3);
    for (first, alone) in [(None, true), (Some(before), false)] {
        let mut start = state.clone();
        start.last = if alone { before } else { Zxid::new(3, 7) };
        let mut preparer = Preparer::new(&settings(), &start, first, now);
        let zxid = |made: Result<Entry, Rollover>| made.map(|entry| entry.zxid);
        let mut next = || zxid(preparer.write(&state, asker, create("/a", 2), now));
        assert_eq!(next(), Ok(Zxid::new(4, u32::MAX - 2)));
        assert_eq!(next(), Ok(Zxid::new(4, u32::MAX - 1)));
        let after = if alone { Ok(Zxid::new(5, 1)) } else { Err(Rollover) };
        assert_eq!(next(), after);
    }
}

#[test]
fn whatever_fails_no_answered_write_is_lost_and_all_servers_end_up_alike() {
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let mut ensemble = Ensemble::with(3, 1, |settings| {
            settings.snap_count = 15;
            if seed % 3 == 0 {
                only_snapshots(settings);
            }
        });
        let mut number = 10;
        let mut answered = Vec::new();
        let mut down = None;
        for round in 0..60 {
            let id = 1 + dice.below(4) as i64;
            if ensemble.is_up(id) {
                number += 1;
                ensemble.open(id, number);
                ensemble.connect(number, &new_session(4000));
                ensemble.settle();
                let connected = matches!(ensemble.heard(number)[..], [Heard::Connected { .. }]);
                if connected {
                    let path = format!("/{round}");
                    ensemble.ask(number, 1, &create(&path, 0));
                    for _ in 0..dice.below(12) {
                        ensemble.settle_a_little();
                    }
                    if let [Heard::Reply { err: 0, .. }] = ensemble.heard(number)[..] {
                        answered.push(path);
                    }
                }
            }
            match (dice.below(6), down) {
                (0, None) => {
                    let id = 1 + dice.below(4) as i64;
                    ensemble.stop(id);
                    down = Some(id);
                }
                (1, None) => {
                    let id = 1 + dice.below(4) as i64;
                    ensemble.cut_off(id);
                    down = Some(id);
                }
                (2 | 3, Some(id)) => {
                    ensemble.heal(id);
                    if !ensemble.is_up(id) {
                        if dice.below(5) == 0 && id == 4 {
                            ensemble.wipe(id);
                        }
                        ensemble.start(id);
                    }
                    down = None;
                }
                _ => {}
            }
            ensemble.pass(dice.below(4000) as u64);
        }
        if let Some(id) = down {
            ensemble.heal(id);
            if !ensemble.is_up(id) {
                ensemble.start(id);
            }
        }
        ensemble.until_served();
        ensemble.pass(30_000);
        ensemble.until_served();
        ensemble.assert_alike();
        ensemble.assert_same_nodes();
        assert!(answered.len() > 5, "seed {seed}: {}", answered.len());
        for path in &answered {
            assert!(ensemble.state(1).tree.node(path).is_some(), "seed {seed}: {path} is lost");
        }
        assert!(ensemble.state(1).sessions.is_empty(), "seed {seed}: nobody says anything");
    }
}

#[test]
fn a_leader_that_answers_a_sync_nobody_asked_for_is_not_heard() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.join(follower, 1);
    let from = Peer::Quorum(zab::Peer::Leader(ServerId(leader)));
    for packet in [
        Packet::Sync,
        Packet::Revalidated { session: SessionId(5), valid: true },
        Packet::Revalidated { session: SessionId(5), valid: false },
    ] {
        ensemble.event(follower, Event::Received { from, message: Message::Quorum(packet) });
    }
    ensemble.settle();
    assert_eq!(ensemble.error(1, 1, &create("/a", 0)), 0);
}

#[test]
fn a_transaction_that_cannot_be_understood_stops_the_server() {
    let mut ensemble = Ensemble::new(3, 0);
    let (leader, follower) = (ensemble.leader(), ensemble.follower());
    ensemble.join(follower, 1);
    let zxid = Zxid(ensemble.state(follower).last.0 + 1);
    let mut payload = vec![0; 12];
    payload.extend(zxid.0.to_be_bytes());
    payload.extend([0; 8]);
    payload.extend(13_i32.to_be_bytes());
    let entry = Entry { zxid, payload: Bytes::from(payload) };
    let from = Peer::Quorum(zab::Peer::Leader(ServerId(leader)));
    for packet in [Packet::Proposal(entry), Packet::Commit(zxid)] {
        ensemble.event(follower, Event::Received { from, message: Message::Quorum(packet) });
    }
    ensemble.settle();
    assert!(ensemble.closed.contains(&1));
    let failed = |(id, notice): &(i64, Notice)| {
        *id == follower && matches!(notice, Notice::DiskFailed { .. })
    };
    assert!(ensemble.notices.iter().any(failed));
    assert_eq!(ensemble.state(follower).last.0, zxid.0 - 1);
}

#[test]
fn a_server_that_leaves_says_why() {
    let mut ensemble = Ensemble::new(3, 0);
    let leader = ensemble.leader();
    for id in 1..=3 {
        if id != leader {
            ensemble.stop(id);
        }
    }
    ensemble.pass(15_000);
    let left = Notice::Left { why: Ceased::QuorumLost };
    assert!(ensemble.notices.contains(&(leader, left)));
    let refusal = "This ZooKeeper instance is not currently serving requests\n";
    assert_eq!(ensemble.word(leader, Word::Mntr), refusal);
    let code = ErrorCode::NoNode.code();
    (1..=3).filter(|id| *id != leader).for_each(|id| ensemble.start(id));
    ensemble.until_served();
    ensemble.join(leader, 1);
    assert_eq!(ensemble.error(1, 1, &Request::Delete(none())), code);
}

fn none() -> jute::records::DeleteRequest<'static> {
    jute::records::DeleteRequest { path: "/none".into(), version: -1 }
}
