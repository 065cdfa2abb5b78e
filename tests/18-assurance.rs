//! Chapter 18: the production server and the production client under faults, judged as they go.
//!
//! `ENSEMBLE_SEEDS=2000` runs so many seeds. `ENSEMBLE_SEED=7` runs one and prints its whole trace.

use std::time::Duration;

use assurance::model::Model;
use assurance::{Coverage, Settings, run};

/// What must have been reached over two hundred seeds, or the runs say less than they seem to.
const REACHED: &[&str] = &[
    "Refused",
    "SnapshotSaved",
    "a session is Closed",
    "a session is Expired",
    "a session is refused",
    "a session is resumed",
    "a snapshot is sealed",
    "a write fails",
    "a write is confirmed",
    "an event is caught up on",
    "an event is told",
    "create: NoAuth",
    "create: NoChildrenForEphemerals",
    "delete: NotEmpty",
    "fault AbandonedSession",
    "fault ClockJump",
    "fault Crash",
    "fault FailingSync",
    "fault FailingWrite",
    "fault FullDisk",
    "fault Partition",
    "fault Pause",
    "fault PowerLoss",
    "fault PowerLossSoon",
    "fault Reset",
    "fault SlowClient",
    "fault SlowServer",
    "multi: ConnectionLoss",
    "multi: done",
    "multiRead: done",
    "read a register: done",
    "removeWatches: done",
    "setACL: BadVersion",
    "setData: BadVersion",
    // createSession, closeSession, container, deleteContainer, createTTL.
    "transaction -10",
    "transaction -11",
    "transaction 19",
    "transaction 20",
    "transaction 21",
    "write a register: ConnectionLoss",
    "write a register: done",
];

/// So many writes every run confirms at least: a run in which nothing is done proves nothing.
const FLOOR: u64 = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_breaks_under_faults() {
    if let Some(seed) = number("ENSEMBLE_SEED") {
        let report = run(seed, &Settings { tail: usize::MAX, ..Settings::default() });
        println!("{report}");
        return assert!(report.violation.is_none());
    }
    let seeds = number("ENSEMBLE_SEEDS").unwrap_or(200);
    let mut coverage = Coverage::default();
    for seed in 0..seeds {
        let report = run(seed, &Settings::default());
        if report.violation.is_some() || report.confirmed < FLOOR {
            println!("{report}");
            panic!(
                "to see it again: \
                 ENSEMBLE_SEED={seed} cargo test -p assurance --test 18 faults -- --nocapture"
            );
        }
        coverage.add(&report.coverage);
    }
    let unreached: Vec<&&str> = REACHED.iter().filter(|what| coverage.count(what) == 0).collect();
    assert!(seeds < 200 || unreached.is_empty(), "never reached in {seeds} seeds: {unreached:?}");
}

#[test]
fn a_seed_is_the_whole_story_of_a_run() {
    let settings = Settings { duration: Duration::from_secs(10), ..Settings::default() };
    for seed in 0..20 {
        assert_eq!(run(seed, &settings), run(seed, &settings), "seed {seed}");
    }
}

#[test]
fn another_seed_is_another_story() {
    let settings = Settings { duration: Duration::from_secs(5), ..Settings::default() };
    assert_ne!(run(1, &settings).hash, run(2, &settings).hash);
}

#[test]
fn without_faults_everybody_is_served() {
    let settings = Settings { faults: false, ..Settings::default() };
    for seed in 0..5 {
        let report = run(seed, &settings);
        assert_eq!(report.violation, None, "{report}");
        assert_eq!(report.coverage.count("create: ConnectionLoss"), 0, "{report}");
        assert!(report.confirmed > 100, "{report}");
    }
}

#[test]
fn the_empty_tree_has_the_digest_that_zookeeper_gives_it() {
    let model = Model::default();
    assert_eq!(model.digest, 0x51c6_d660);
    assert_eq!(model.stat("/").expect("the root is there").cversion, -1);
    assert_eq!(model.stat("/zookeeper").expect("it is there").cversion, -2);
    assert_eq!(model.stat("/zookeeper/config").expect("it is there").aversion, -1);
}
