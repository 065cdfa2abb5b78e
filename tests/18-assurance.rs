//! Chapter 18: the production server and client under faults, judged after every step.
//!
//! `ENSEMBLE_SEEDS=2000` runs so many seeds; `ENSEMBLE_SEED=7` runs one and prints its trace.

use assurance::{Coverage, Settings, run};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_breaks_under_faults() {
    let (first, count) = match number("ENSEMBLE_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number("ENSEMBLE_SEEDS").unwrap_or(200)),
    };
    let tail = if count == 1 { 100_000 } else { 0 };
    let settings = Settings { tail, ..Settings::default() };
    let mut coverage = Coverage::default();
    let mut confirmed = Vec::new();
    for seed in first..first + count {
        let report = run(seed, &settings);
        if count == 1 || report.violation.is_some() {
            println!("{report}");
        }
        assert!(
            report.violation.is_none(),
            "to see it again: ENSEMBLE_SEED={seed} cargo test -p assurance --test 18 -- --nocapture"
        );
        coverage.add(&report.coverage);
        confirmed.push(report.confirmed);
    }
    for (what, count) in coverage.iter() {
        println!("{count:>8} {what}");
    }
    println!("{confirmed:?}");
}
