//! Whole members in the simulated world, while everything fails that can fail; the laws are checked
//! after every step, and when all is mended everybody must come to have the same.
//!
//! `ENSEMBLE_SEEDS=5000` runs so many seeds, from `ENSEMBLE_FIRST` on. `ENSEMBLE_SEED=7` runs one and
//! prints its whole trace.

use std::collections::BTreeMap;

use crate::world_run::{Report, run};

/// What must have been reached over two hundred seeds, or the runs say less than they seem to.
const REACHED: &[&str] = &[
    "DIFF",
    "DIFF from disk",
    "SNAP",
    "TRUNC",
    "TRUNC+DIFF",
    "a confirmation",
    "an epoch is used up",
    "an observer serves",
    "ceased: Convalesced",
    "damage to acceptedEpoch",
    "damage to currentEpoch",
    "damage to log",
    "damage to snapshot",
    "fault Ambush",
    "fault Crash",
    "fault FailingSync",
    "fault FlippedBit",
    "fault Isolate",
    "fault OneWay",
    "fault Partition",
    "fault Pause",
    "fault PowerLoss",
    "fault PowerLossOfMany",
    "fault PowerLossSoon",
    "fault Reset",
    "fault Slow",
    "fault StrayWrite",
    "leader dies: accepting",
    "leader dies: entering",
    "leader dies: establishing",
    "leader dies: joining",
    "leader dies: offering",
    "leader dies: serving",
    "learner dies: Beginning",
    "learner dies: Begun",
    "learner dies: Introduced",
    "learner dies: Loading",
    "learner dies: Promised",
    "learner dies: Promising",
    "learner dies: Receiving",
    "learner dies: Serving",
];

/// So many transactions all runs together commit at least, for each seed.
const FLOOR: u64 = 20;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn see_again(report: &Report) -> String {
    format!(
        "{report}\nto see it again: ENSEMBLE_SEED={} cargo test -p sync --test 10 \
         nothing_breaks_under_faults -- --nocapture",
        report.seed
    )
}

#[test]
fn nothing_breaks_under_faults() {
    if let Some(seed) = number("ENSEMBLE_SEED") {
        let report = run(seed, true);
        println!("{report}");
        return assert!(report.broken.is_none());
    }
    let seeds = number("ENSEMBLE_SEEDS").unwrap_or(200);
    let first = number("ENSEMBLE_FIRST").unwrap_or(0);
    let (mut reached, mut committed) = (BTreeMap::<String, u64>::new(), 0);
    for seed in first..first + seeds {
        let report = run(seed, false);
        if report.broken.is_some() {
            println!("{}", see_again(&report));
            panic!("seed {seed} broke a law");
        }
        committed += report.committed;
        for (what, count) in report.reached {
            *reached.entry(what).or_default() += count;
        }
    }
    println!("{committed} transactions; {reached:#?}");
    assert!(committed >= FLOOR * seeds, "only {committed} transactions in {seeds} seeds");
    let missed: Vec<_> = REACHED.iter().filter(|what| !reached.contains_key(**what)).collect();
    assert!(seeds < 200 || missed.is_empty(), "never reached in {seeds} seeds: {missed:?}");
}

#[test]
fn a_seed_is_the_whole_story_of_a_run() {
    for seed in 0..5 {
        assert_eq!(run(seed, false), run(seed, false), "seed {seed}");
    }
}
