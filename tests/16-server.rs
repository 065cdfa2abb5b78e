//! Chapter 16: what must hold of the complete server.
//!
//! Here: the order of answers, and what the disk has to do with it.

#[path = "16-server/ensemble.rs"]
mod ensemble;
#[path = "16-server/keeping.rs"]
mod keeping;
#[path = "16-server/limits.rs"]
mod limits;
#[path = "16-server/roles.rs"]
mod roles;
#[path = "16-server/roles_faults.rs"]
mod roles_faults;
#[path = "16-server/roles_sessions.rs"]
mod roles_sessions;
#[path = "16-server/sessions.rs"]
mod sessions;
#[path = "16-server/stage.rs"]
mod stage;

use jute::records::{ErrorCode, OpCode};
use machines::Dice;
use protocol::{MultiOp, Request};
use server::{Notice, Refused};
use stage::{
    Heard, Stage, create, create_by, delete, exists, get, new_session, set, settings, sync,
};

/// The error of the only answer.
fn error(heard: &[Heard]) -> i32 {
    match heard {
        [Heard::Reply { err, .. }] => *err,
        other => panic!("one answer, not {other:?}"),
    }
}

fn zxids(heard: &[Heard]) -> Vec<i64> {
    let zxid = |heard: &Heard| match heard {
        Heard::Reply { zxid, .. } => *zxid,
        other => panic!("no reply: {other:?}"),
    };
    heard.iter().map(zxid).collect()
}

#[test]
fn no_write_is_answered_or_seen_before_the_disk_has_it() {
    let mut stage = Stage::new(settings());
    stage.join(2);
    stage.open(1);
    stage.connect(1, &new_session(10_000));
    for _ in 0..3 {
        stage.drain();
        assert_eq!(stage.heard(1), [], "a session is a write too");
    }
    stage.run_disk();
    assert_eq!(stage.heard(1).len(), 1);

    stage.ask(1, 1, &create("/a", 0));
    stage.drain();
    assert_eq!((stage.heard(1), stage.syncs()), (vec![], 1));
    let missing = stage.server.state().tree.node("/a").is_none();
    assert!(missing, "what is not on disk is not there");
    stage.ask(2, 1, &exists("/a", false));
    stage.drain();
    assert_eq!(error(&stage.heard(2)), ErrorCode::NoNode.code());
    stage.run_disk();
    assert_eq!(error(&stage.heard(1)), 0);
    assert_eq!(error(&stage.call(2, 2, &exists("/a", false))), 0);
}

#[test]
fn a_batch_is_forced_once_and_in_one_chunk_answered() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.join(2);
    for n in 0..50 {
        stage.ask(1 + n % 2, n as i32, &create(&format!("/{n}"), 0));
    }
    stage.drain();
    assert_eq!(stage.syncs(), 1);
    // The next batch does not wait for the disk.
    stage.ask(1, 50, &create("/50", 0));
    stage.drain();
    assert_eq!(stage.syncs(), 2);
    assert_eq!(stage.heard(1), []);
    stage.run_disk();
    let even: Vec<i32> = (0..=50).step_by(2).collect();
    assert_eq!(stage.order(1), even);
    assert_eq!(stage.order(2).len(), 25);
    stage.drain();
    assert_eq!(stage.syncs(), 0, "nothing new is nothing to force");
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.join(2);
    stage.ask(1, 1, &create("/a", 0));
    stage.ask(1, 2, &exists("/a", false));
    stage.ask(1, 3, &get("/nope", false));
    stage.ask(1, 4, &Request::Ping);
    stage.ask(1, 5, &sync("/a"));
    stage.ask(1, 6, &set("/a", b"new"));
    stage.ask(1, 7, &get("/a", false));
    stage.ask(2, 1, &exists("/", false));
    stage.drain();
    assert_eq!(stage.order(1), [0; 0], "reads wait behind writes of the same client");
    assert_eq!(stage.order(2), [1], "but not behind those of others");
    stage.ask(1, 8, &create("/b", 0));
    stage.drain();
    stage.run_disk();
    let heard = stage.heard(1);
    let numbers: Vec<i32> = heard
        .iter()
        .map(|heard| if let Heard::Reply { xid, .. } = heard { *xid } else { 0 })
        .collect();
    assert_eq!(numbers, [1, 2, 3, -2, 5, 6, 7, 8]);
    assert!(zxids(&heard).is_sorted(), "no answer shows an earlier state than the one before");
    let Heard::Reply { body, .. } = &heard[6] else { unreachable!() };
    assert!(body.starts_with(b"\0\0\0\x03new"), "a read sees the write before it");
}

#[test]
fn a_read_between_two_writes_does_not_see_the_second() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.ask(1, 1, &create("/a", 0));
    stage.ask(1, 2, &exists("/b", false));
    stage.ask(1, 3, &create("/b", 0));
    stage.ask(1, 4, &exists("/b", false));
    stage.run_disk();
    let errors: Vec<i32> =
        stage.heard(1).iter().map(|heard| error(std::slice::from_ref(heard))).collect();
    assert_eq!(errors, [0, ErrorCode::NoNode.code(), 0, 0]);
}

#[test]
fn events_come_before_the_answer_that_shows_the_change() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.join(2);
    stage.call(1, 1, &create("/a", 0));
    stage.call(1, 2, &get("/a", true));
    stage.call(2, 1, &get("/a", true));
    stage.call(2, 2, &exists("/b", true));
    // Both watch, one writes and the other reads in the same batch.
    stage.ask(1, 3, &set("/a", b"new"));
    stage.ask(1, 4, &create("/b", 0));
    stage.drain();
    while stage.disk_once() {
        stage.ask(2, 3, &get("/a", false));
        stage.drain();
    }
    assert_eq!(stage.order(1), [-1, 3, 4]);
    let heard = stage.heard(2);
    let event = |kind, path: &str| Heard::Event { kind, path: path.to_owned() };
    assert_eq!(heard[..2], [event(3, "/a"), event(1, "/b")]);
    assert_eq!(error(&heard[2..]), 0);
    // A watch is spent.
    stage.call(1, 5, &set("/a", b"newer"));
    assert_eq!(stage.heard(2), []);
}

#[test]
fn a_write_that_is_refused_takes_a_zxid_and_says_why() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    let last = stage.server.state().last;
    let heard = stage.call(1, 1, &delete("/nope"));
    assert_eq!(error(&heard), ErrorCode::NoNode.code());
    assert_eq!(zxids(&heard), [last.0 as i64 + 1]);
    let heard = stage.call(1, 2, &exists("/nope", false));
    assert_eq!(zxids(&heard), [last.0 as i64 + 1], "a read takes none");
}

#[test]
fn writes_see_those_that_are_still_on_their_way_to_the_disk() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.join(2);
    stage.ask(1, 1, &create("/q", 0));
    stage.drain();
    for xid in 2..5 {
        stage.ask(2, xid, &create("/q/s-", 2));
    }
    let both = vec![
        MultiOp::SetData(jute::records::SetDataRequest {
            path: "/q".into(),
            data: None,
            version: 0,
        }),
        MultiOp::Check(jute::records::CheckVersionRequest { path: "/q".into(), version: 1 }),
    ];
    stage.ask(1, 2, &Request::Multi(both));
    stage.run_disk();
    assert_eq!(stage.order(2), [2, 3, 4]);
    let tree = &stage.server.state().tree;
    let node = tree.node("/q").unwrap();
    assert_eq!((node.stat().num_children, node.stat().version), (3, 1));
}

#[test]
fn a_disk_that_fails_is_never_answered_for_again() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.join(2);
    stage.ask(1, 1, &create("/a", 0));
    stage.drain();
    stage.break_disk();
    assert_eq!(stage.heard(1), [], "a write that may be lost is not acknowledged");
    assert!(stage.closed.is_superset(&[1, 2].into()), "nobody is served");
    assert!(stage.notices.iter().any(|notice| matches!(notice, Notice::DiskFailed { .. })));
    // Late frames, late news from the disk, new clients.
    stage.ask(1, 2, &create("/b", 0));
    stage.ask(2, 1, &exists("/", false));
    stage.event(machines::Event::Durable(machines::Ticket(u64::MAX)));
    stage.open(3);
    stage.connect(3, &new_session(10_000));
    stage.drain();
    assert!(stage.closed.contains(&3));
    assert_eq!((stage.heard(1), stage.heard(2), stage.heard(3)), (vec![], vec![], vec![]));
    assert_eq!(stage.syncs(), 0);
    stage.break_disk();
}

#[test]
fn an_operation_that_is_not_known_ends_the_connection_after_what_came_before() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.ask(1, 1, &create("/a", 0));
    stage.frame(1, &[0, 0, 0, 2, 0, 0, 0x22, 0x22]);
    stage.ask(1, 3, &create("/b", 0));
    stage.drain();
    assert!(!stage.closed.contains(&1), "the write is not answered yet");
    let last = stage.server.state().last;
    stage.run_disk();
    let heard = stage.heard(1);
    assert_eq!(error(&heard[..1]), 0);
    assert_eq!(error(&heard[1..]), ErrorCode::Unimplemented.code());
    assert!(stage.closed.contains(&1));
    assert_eq!(stage.server.state().last.0, last.0 + 2, "it takes no zxid");
}

#[test]
fn a_request_that_cannot_be_read_is_answered_and_takes_no_zxid() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    let last = stage.server.state().last;
    for op in [OpCode::Create, OpCode::GetData, OpCode::Multi, OpCode::SetWatches2] {
        let mut frame = vec![0, 0, 0, 7];
        frame.extend(op.code().to_be_bytes());
        frame.extend([0xff, 0, 0]);
        stage.frame(1, &frame);
        stage.run_disk();
        assert_eq!(error(&stage.heard(1)), ErrorCode::MarshallingError.code(), "{op}");
    }
    assert_eq!(stage.server.state().last, last);
    assert_eq!(error(&stage.call(1, 8, &exists("/", false))), 0, "the connection goes on");
    // Without a header nobody knows what to answer.
    stage.frame(1, &[0, 0, 0]);
    stage.drain();
    assert!(stage.closed.contains(&1));
    assert!(
        stage
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::Refused { why: Refused::BadHeader, .. }))
    );
}

#[test]
fn a_write_is_done_though_its_client_has_gone() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    stage.ask(1, 1, &create("/a", 0));
    stage.ask(1, 2, &get("/a", true));
    stage.drain();
    stage.lose(1);
    stage.run_disk();
    assert!(stage.server.state().tree.node("/a").is_some());
    assert_eq!(stage.heard(1), []);
    assert_eq!(stage.server.watches().count(), 0);
    stage.join(2);
    assert_eq!(stage.server.facts(stage.now, 0).outstanding, 0);
}

/// Whatever clients send and however long the disk takes: each gets its answers in order, and all
/// of them.
#[test]
fn every_request_is_answered_once_and_in_order() {
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let mut settings = settings();
        settings.outstanding_limit = 1 + dice.below(20);
        let mut stage = Stage::new(settings);
        let mut asked = [0; 3];
        let mut heard: [Vec<i32>; 3] = [const { Vec::new() }; 3];
        for client in 0..3 {
            stage.join(client);
        }
        for _ in 0..300 {
            let client = dice.below(3);
            let number = client as u64;
            if !stage.paused.contains(&number) {
                asked[client] += 1;
                let path = format!("/{}", dice.below(6));
                let request = match dice.below(6) {
                    0 => create(&path, dice.below(4) as i32),
                    1 => delete(&path),
                    2 => set(&path, b"x"),
                    3 => get(&path, dice.chance(300)),
                    4 => exists(&path, dice.chance(300)),
                    _ => sync(&path),
                };
                stage.ask(number, asked[client], &request);
            }
            match dice.below(6) {
                0 => drop(stage.disk_once()),
                1 | 2 => stage.drain(),
                _ => {}
            }
            heard[client].extend(stage.order(number).into_iter().filter(|xid| *xid > 0));
        }
        stage.run_disk();
        assert!(stage.paused.is_empty(), "seed {seed}: everybody is heard again");
        for client in 0..3 {
            heard[client].extend(stage.order(client as u64).into_iter().filter(|xid| *xid > 0));
            assert_eq!(heard[client], (1..=asked[client]).collect::<Vec<_>>(), "seed {seed}");
        }
        assert!(stage.on_disk(&settings_of(&stage)) == *stage.server.state(), "seed {seed}");
    }
}

fn settings_of(stage: &Stage) -> server::Settings {
    stage.server.facts(stage.now, 0).settings.clone()
}

#[test]
fn a_node_that_needs_a_create2_answer_gets_one() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    for (op, flags, stat) in
        [(OpCode::Create, 0, false), (OpCode::Create2, 0, true), (OpCode::CreateContainer, 4, true)]
    {
        let path = format!("/{op:?}");
        let heard = stage.call(1, 1, &create_by(op, &path, flags, b""));
        let [Heard::Reply { body, err: 0, .. }] = &heard[..] else { panic!("{heard:?}") };
        assert_eq!(body.len(), 4 + path.len() + if stat { 68 } else { 0 }, "{op}");
    }
}
