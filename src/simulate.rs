//! The swarm: many simulated ensembles, one from each seed, on all processors at once.
//!
//! A run is the affair of one thread, and of one seed; so threads only share out the seeds, and what
//! came of them is the same whoever ran which.
//!
//! Always true:
//! - the outcome of some seeds does not depend on how many threads there were, but for the rates;
//! - when something broke, it is the lowest seed of all that would break something.

mod saved;
mod text;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use assurance::{Coverage, FLOOR, Report, Settings, Story, reached, run};

pub use saved::{Saved, save};
pub use text::{failure_text, progress, summary_json, summary_text, table};

/// Which seeds to run, and how.
#[derive(Clone, Debug)]
pub struct Swarm {
    /// What each run is told.
    pub settings: Settings,
    /// The first seed.
    pub first: u64,
    /// How many seeds; as many as there is time for, if none.
    pub seeds: Option<u64>,
    /// For how long new seeds are begun.
    pub time: Option<Duration>,
    /// How many threads share the seeds.
    pub threads: usize,
}

/// What came of the seeds so far.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many seeds were run to their end.
    pub seeds: u64,
    /// How many things happened, in all.
    pub events: u64,
    /// How many writes were confirmed, in all.
    pub writes: u64,
    /// Stands for all traces together: equal for equal seeds, whoever ran them.
    pub hash: u64,
    /// What was reached.
    pub coverage: Coverage,
    /// For how long, on how many threads.
    pub time: Duration,
    /// How many threads there were.
    pub threads: usize,
    /// The lowest seed that broke something, and what.
    pub failure: Option<Failure>,
    /// What should have been reached and was not.
    pub missing: Vec<String>,
}

/// A seed that broke something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The invariant, by its name.
    pub invariant: String,
    /// The facts.
    pub what: String,
    /// What it means to a user.
    pub meaning: String,
    /// When, in the world's time; nothing if it was found when all was over.
    pub time: Option<Duration>,
    /// What was done to the world, so that it can be done again; nothing if too little was done.
    pub story: Option<Box<Story>>,
}

impl Outcome {
    /// Whether all is well.
    pub fn is_good(&self) -> bool {
        self.failure.is_none() && self.missing.is_empty()
    }

    /// Something in a second, on one thread.
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / (self.time.as_secs_f64() * self.threads as f64).max(0.001)
    }

    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.events += report.steps;
        self.writes += report.confirmed;
        self.hash = self.hash.wrapping_add(mixed(report.seed, report.hash));
        self.coverage.add(&report.coverage);
    }

    fn fails(&mut self, failure: Failure) {
        if self.failure.as_ref().is_none_or(|before| failure.seed < before.seed) {
            self.failure = Some(failure);
        }
    }
}

impl Swarm {
    /// Runs the seeds. `look` is shown how it stands, now and then.
    pub fn run(&self, mut look: impl FnMut(&Outcome)) -> Outcome {
        let begun = Instant::now();
        let end = self.seeds.map_or(u64::MAX, |seeds| self.first.saturating_add(seeds));
        let late = || self.time.is_some_and(|time| begun.elapsed() >= time);
        let (next, limit) = (AtomicU64::new(self.first), AtomicU64::new(end));
        let start = Outcome { threads: self.threads, ..Outcome::default() };
        let shared = Mutex::new(start);
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || {
            while !late() {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                // After a failure only the lower seeds matter, and all of those are under way.
                if seed >= limit.load(Ordering::Relaxed) {
                    break;
                }
                match judged(seed, &self.settings) {
                    Ok(report) => lock().add(&report),
                    Err(failure) => {
                        limit.fetch_min(seed, Ordering::Relaxed);
                        lock().fails(failure);
                    }
                }
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            while !workers.iter().all(|worker| worker.is_finished()) {
                thread::sleep(GLANCE);
                let mut now = lock();
                now.time = begun.elapsed();
                look(&now);
            }
        });
        let mut outcome = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.time = begun.elapsed();
        if outcome.failure.is_none() {
            outcome.missing = reached::missing(&outcome.coverage, &self.settings, outcome.seeds);
        }
        outcome
    }
}

/// How often it is looked how it stands.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs one seed. A run in which hardly anything was done has broken something too.
fn judged(seed: u64, settings: &Settings) -> Result<Report, Failure> {
    let report = run(seed, settings);
    if let Some(violation) = &report.violation {
        return Err(Failure {
            seed,
            invariant: violation.broken.invariant.to_string(),
            what: violation.broken.what.clone(),
            meaning: violation.broken.invariant.meaning().to_string(),
            time: Some(violation.time),
            story: Some(Box::new(Story::of_run(&report, settings))),
        });
    }
    if report.confirmed < FLOOR {
        return Err(Failure {
            seed,
            invariant: "V3".to_string(),
            what: format!("only {} writes were confirmed, and {FLOOR} is little", report.confirmed),
            meaning: "The service hardly serves, although nothing is broken any more.".to_string(),
            time: None,
            story: None,
        });
    }
    Ok(report)
}

/// The trace of a seed, as much of it as the settings say.
pub fn trace(seed: u64, settings: &Settings) -> Vec<String> {
    run(seed, settings).tail
}

/// One number for a seed and its trace, so that the sum of many is as good as all of them.
fn mixed(seed: u64, hash: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ hash;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}
