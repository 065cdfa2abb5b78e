//! Chapter 18: the production server and the production client under faults, judged as they go.
//!
//! `ENSEMBLE_SEEDS=2000` runs so many seeds, from `ENSEMBLE_FIRST` on. `ENSEMBLE_SEED=7` runs one and
//! prints its whole trace. `ENSEMBLE_VOTERS=1` lets every run have so many voters.

#[path = "18-assurance/bad_histories.rs"]
mod bad_histories;
#[path = "18-assurance/speech.rs"]
mod speech;
#[path = "18-assurance/stage.rs"]
mod stage;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use assurance::model::Model;
use assurance::nemesis::Kind;
use assurance::{Coverage, FLOOR, Settings, Story, minimise, reached, replay, run};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs seeds on all processors. The first that breaks something ends the test.
fn run_all(seeds: u64) -> Coverage {
    let (next, failed) = (AtomicU64::new(first()), AtomicBool::new(false));
    let end = first() + seeds;
    let work = || {
        let mut coverage = Coverage::default();
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                break;
            }
            let report = run(seed, &voters());
            if report.violation.is_some() || report.confirmed < FLOOR {
                failed.store(true, Ordering::Relaxed);
                println!("{report}");
                panic!(
                    "to see it again: \
                     ENSEMBLE_SEED={seed} cargo test -p assurance --test 18 faults -- --nocapture"
                );
            }
            coverage.add(&report.coverage);
        }
        coverage
    };
    let threads = thread::available_parallelism().map_or(1, |count| count.get());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut coverage = Coverage::default();
        for worker in workers {
            coverage.add(&worker.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
        }
        coverage
    })
}

/// The first seed.
fn first() -> u64 {
    number("ENSEMBLE_FIRST").unwrap_or(0)
}

/// Runs with so many voters, if that is asked for.
fn voters() -> Settings {
    Settings { voters: number("ENSEMBLE_VOTERS"), ..Settings::default() }
}

#[test]
fn nothing_breaks_under_faults() {
    if let Some(seed) = number("ENSEMBLE_SEED") {
        let report = run(seed, &Settings { tail: usize::MAX, ..voters() });
        println!("{report}");
        return assert!(report.violation.is_none());
    }
    let seeds = number("ENSEMBLE_SEEDS").unwrap_or(300);
    let coverage = run_all(seeds);
    coverage.iter().for_each(|(what, count)| println!("{count:>9} {what}"));
    let missing = reached::missing(&coverage, &voters(), seeds);
    assert!(missing.is_empty(), "never reached in {seeds} seeds: {missing:?}");
}

#[test]
fn a_seed_is_the_whole_story_of_a_run() {
    let settings = Settings { duration: Some(Duration::from_secs(10)), ..voters() };
    for seed in 0..20 {
        assert_eq!(run(seed, &settings), run(seed, &settings), "seed {seed}");
    }
}

/// Runs a seed, and again from the text of its story.
fn runs_again_from_its_story(seed: u64, settings: &Settings) -> Story {
    let first = run(seed, settings);
    let story = Story::of_run(&first, settings);
    let read = Story::read("a story", &story.to_string()).expect("what is written is read");
    assert_eq!(read, story);
    let again = replay(&read);
    assert_eq!((again.hash, again.steps), (first.hash, first.steps), "{seed} {settings:?}");
    assert_eq!(again.violation, first.violation, "{seed} {settings:?}");
    story
}

#[test]
fn what_was_done_in_a_run_can_be_done_again_by_cues() {
    for seed in 0..20 {
        runs_again_from_its_story(seed, &voters());
    }
}

#[test]
fn a_story_knows_all_that_a_run_was_told() {
    let all = Settings::default();
    let few = BTreeSet::from([Kind::Crash, Kind::Partition, Kind::FailingSync]);
    let (none, second) = (BTreeSet::new(), Some(Duration::from_millis(1_234)));
    let told = [
        Settings { voters: Some(1), ..all.clone() },
        Settings { voters: Some(3), observers: Some(0), ..all.clone() },
        Settings { voters: Some(3), observers: Some(4), faults: few, ..all.clone() },
        Settings { observers: Some(1), clients: 1, ..all.clone() },
        Settings { faults: none, duration: second, ..all.clone() },
        Settings { clients: 9, duration: second, ..all.clone() },
        Settings { patience: Duration::from_secs(100), ..all },
    ];
    for settings in told {
        (0..3).for_each(|seed| drop(runs_again_from_its_story(seed, &settings)));
    }
}

#[test]
fn the_story_of_a_run_that_breaks_something_breaks_the_same_when_it_is_made_small() {
    // Nobody can come to rest in no time.
    let settings = Settings { patience: Duration::ZERO, ..voters() };
    for seed in 0..3 {
        let story = runs_again_from_its_story(seed, &settings);
        assert!(story.expect.is_some(), "seed {seed} came to rest in no time");
        let small = minimise(&story, 20, |_| ()).expect("it breaks something");
        assert!(small.cues.len() <= story.cues.len());
        let read = Story::read("small", &small.to_string()).expect("what is written is read");
        assert_eq!(read.expect, story.expect);
        assert_eq!(read.differs(&replay(&read), None), None, "{read}");
    }
}

#[test]
fn another_seed_is_another_story() {
    let settings = Settings { duration: Some(Duration::from_secs(5)), ..voters() };
    assert_ne!(run(1, &settings).hash, run(2, &settings).hash);
}

#[test]
fn without_faults_everybody_is_served() {
    let settings =
        Settings { faults: BTreeSet::new(), duration: Some(Duration::from_secs(15)), ..voters() };
    let mut confirmed = 0;
    for seed in 0..5 {
        let report = run(seed, &settings);
        assert_eq!(report.violation, None, "{report}");
        // Before there is a leader, members of an ensemble serve nobody.
        let lost = report.coverage.count("create: ConnectionLoss");
        assert!(report.servers > 1 || lost == 0, "{report}");
        // A run may have one client, which takes its time.
        assert!(report.confirmed > 20, "{report}");
        confirmed += report.confirmed;
    }
    assert!(confirmed > 500, "five runs confirmed only {confirmed} writes");
}

#[test]
fn the_empty_tree_has_the_digest_that_zookeeper_gives_it() {
    let model = Model::default();
    assert_eq!(model.digest, 0x51c6_d660);
    assert_eq!(model.stat("/").expect("the root is there").cversion, -1);
    assert_eq!(model.stat("/zookeeper").expect("it is there").cversion, -2);
    assert_eq!(model.stat("/zookeeper/config").expect("it is there").aversion, -1);
}
