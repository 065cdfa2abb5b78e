//! What the server does by itself: snapshots, the reaper, purging, notices of quotas.

use jute::records::{CreateTtlRequest, OpCode};
use machines::Dice;
use protocol::Request;
use server::{Notice, Settings};
use storage::Write;

use crate::stage::{Stage, create, create_by, delete, exists, set, settings};

#[test]
fn a_snapshot_is_saved_in_slices_while_clients_are_served() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let settings = Settings { snap_count: 60, seed, ..settings() };
        let mut stage = Stage::new(settings.clone());
        stage.join(1);
        let data = vec![b'x'; 40_000];
        let mut xid = 0;
        let mut under_way = 0;
        for _ in 0..200 {
            xid += 1;
            let path = format!("/{}", dice.below(40));
            let request = match dice.below(4) {
                0 | 1 => create_by(OpCode::Create, &path, 0, &data),
                2 => set(&path, &data[..dice.below(40_000)]),
                _ => delete(&path),
            };
            stage.ask(1, xid, &request);
            stage.drain();
            stage.disk_once();
            stage.drain();
            let begun = |stage: &Stage| {
                let begun = |notice: &&Notice| matches!(notice, Notice::SnapshotBegun { .. });
                let saved = |notice: &&Notice| matches!(notice, Notice::SnapshotSaved { .. });
                let count = |which: &dyn Fn(&&Notice) -> bool| {
                    stage.notices.iter().filter(|notice| which(notice)).count()
                };
                count(&begun) - count(&saved)
            };
            assert!(begun(&stage) <= 1, "one snapshot at a time");
            under_way += begun(&stage);
            // A read is answered in the meantime.
            xid += 1;
            stage.ask(1, xid, &exists("/", false));
        }
        stage.run_disk();
        assert_eq!(stage.order(1), (1..=xid).collect::<Vec<_>>(), "seed {seed}");
        assert!(under_way > 5, "seed {seed}: writes come while a snapshot is saved: {under_way}");
        let written = &stage.written;
        let count =
            |wanted: fn(&Write) -> bool| written.iter().filter(|write| wanted(write)).count();
        let ends = count(|write| matches!(write, Write::EndSnapshot { .. }));
        assert!((2..=6).contains(&ends), "seed {seed}: {ends} snapshots");
        assert!(count(|write| matches!(write, Write::SnapshotBytes(_))) > 2 * ends, "slices");
        for write in written {
            let Write::SnapshotBytes(bytes) = write else { continue };
            assert!(bytes.len() < 400_000, "a slice is small: {}", bytes.len());
        }
        assert!(stage.on_disk(&settings) == *stage.server.state(), "seed {seed}");
        let state = stage.server.state().clone();
        assert!(*stage.restart(settings).server.state() == state);
    }
}

#[test]
fn a_snapshot_is_taken_after_half_to_all_of_the_count() {
    for seed in 0..30 {
        let mut stage = Stage::new(Settings { snap_count: 20, seed, ..settings() });
        stage.join(1);
        let mut writes = 1;
        let begun = |stage: &Stage| {
            stage.notices.iter().any(|notice| matches!(notice, Notice::SnapshotBegun { .. }))
        };
        while !begun(&stage) {
            stage.call(1, writes, &create("/s", 2));
            writes += 1;
        }
        assert!((11..=21).contains(&writes), "seed {seed}: after {writes}");
    }
}

#[test]
fn empty_containers_are_removed_and_nodes_whose_time_is_over() {
    let mut stage =
        Stage::new(Settings { reap_interval_ms: 1000, reap_per_minute: 600, ..settings() });
    stage.join(1);
    for (xid, path) in (1..).zip(["/c1", "/c2", "/kept"]) {
        stage.call(1, xid, &create_by(OpCode::CreateContainer, path, 4, b""));
    }
    for path in ["/c1/x", "/c2/x"] {
        stage.call(1, 9, &create(path, 0));
        stage.call(1, 9, &exists(&path[..3], true));
        stage.call(1, 9, &delete(path));
    }
    let acl = jute::records::Acl::open();
    let ttl = CreateTtlRequest { path: "/t".into(), data: None, acl, flags: 5, ttl: 1500 };
    stage.call(1, 10, &Request::CreateTtl(ttl));
    let there = |stage: &Stage| {
        let there = |path: &&str| stage.server.state().tree.node(path).is_some();
        ["/c1", "/c2", "/kept", "/t"].into_iter().filter(there).collect::<Vec<_>>()
    };
    stage.pass(900);
    assert_eq!(there(&stage), ["/c1", "/c2", "/kept", "/t"]);
    // One at a time, 600 a minute.
    stage.pass(150);
    assert_eq!(there(&stage), ["/c2", "/kept", "/t"]);
    stage.pass(100);
    assert_eq!(there(&stage), ["/kept", "/t"]);
    assert_eq!(stage.heard(1).len(), 2, "watchers are told");
    stage.pass(1000);
    assert_eq!(there(&stage), ["/kept"]);
    let last = stage.server.state().last;
    stage.pass(5000);
    assert_eq!(stage.server.state().last, last, "a look costs nothing");
}

#[test]
fn a_container_that_is_used_again_before_its_turn_stays() {
    let mut stage =
        Stage::new(Settings { reap_interval_ms: 1000, reap_per_minute: 60, ..settings() });
    stage.join(1);
    for path in ["/c1", "/c2"] {
        let child = format!("{path}/x");
        stage.call(1, 1, &create_by(OpCode::CreateContainer, path, 4, b""));
        stage.call(1, 2, &create(&child, 0));
        stage.call(1, 3, &delete(&child));
    }
    stage.pass(1100);
    stage.call(1, 4, &create("/c2/x", 0));
    stage.pass(3000);
    let tree = &stage.server.state().tree;
    assert!(tree.node("/c1").is_none() && tree.node("/c2/x").is_some());
}

#[test]
fn old_files_are_purged_if_the_operator_says_so() {
    let count = |stage: &Stage| {
        let purges = |write: &&Write| matches!(write, Write::Purge { keep: 4 });
        stage.written.iter().filter(purges).count()
    };
    let mut stage = Stage::new(Settings { purge_hours: 2, snap_retain: 4, ..settings() });
    stage.pass(1);
    assert_eq!(count(&stage), 1, "once at the start");
    stage.pass(7_200_000);
    assert_eq!(count(&stage), 2);
    let mut stage = Stage::new(settings());
    stage.pass(7_200_000);
    assert_eq!(count(&stage), 0);
}

#[test]
fn a_quota_that_is_passed_is_told() {
    let mut stage = Stage::new(settings());
    stage.join(1);
    let top = "/zookeeper/quota/q";
    let (limits, stats) = (format!("{top}/zookeeper_limits"), format!("{top}/zookeeper_stats"));
    stage.call(1, 1, &create("/q", 0));
    stage.call(1, 2, &create(top, 0));
    stage.call(1, 3, &create_by(OpCode::Create, &limits, 0, b"count=2,bytes=5"));
    stage.call(1, 4, &create_by(OpCode::Create, &stats, 0, b"count=0,bytes=0"));
    stage.call(1, 5, &create("/q/a", 0));
    let told = |stage: &Stage| {
        let quota = |notice: &&Notice| matches!(notice, Notice::QuotaExceeded { .. });
        stage.notices.iter().filter(quota).cloned().collect::<Vec<_>>()
    };
    assert_eq!(told(&stage), []);
    stage.call(1, 6, &create("/q/b", 0));
    let exceeded =
        |what, limit, used| Notice::QuotaExceeded { path: "/q".to_owned(), what, limit, used };
    assert_eq!(told(&stage), [exceeded("nodes", 2, 3)]);
    stage.call(1, 7, &delete("/q/b"));
    stage.notices.clear();
    stage.call(1, 8, &set("/q/a", b"123456"));
    assert_eq!(told(&stage), [exceeded("bytes", 5, 6)]);
}
