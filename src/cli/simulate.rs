//! The command `simulate`: many ensembles in the simulated world, each with its faults, and a verdict.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use assurance::Settings;
use assurance::nemesis::Kind;
use assurance::story::Progress;
use clap::Args;

use crate::simulate::{
    Failure, Outcome, Saved, Swarm, failure_text, progress, save, summary_json, summary_text,
    table, trace,
};

#[derive(Args, Debug)]
pub(super) struct SimulateArgs {
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = positive())]
    #[arg(conflicts_with_all = ["seed", "seconds", "minutes"])]
    seeds: u64,
    /// Run for so many seconds instead
    #[arg(long, value_name = "N", value_parser = positive(), conflicts_with_all = ["seed", "minutes"])]
    seconds: Option<u64>,
    /// Run for so many minutes instead
    #[arg(long, value_name = "N", value_parser = positive(), conflicts_with = "seed")]
    minutes: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 0, conflicts_with = "seed")]
    first: u64,
    /// Run this seed alone, and show the end of its trace
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Show the whole trace of the one seed
    #[arg(long, requires = "seed", conflicts_with = "json")]
    trace: bool,
    /// How many servers vote; drawn for each seed if not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=9))]
    servers: Option<u64>,
    /// How many more follow without a vote; drawn for each seed if not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=9))]
    observers: Option<u64>,
    /// How many programs use the servers at most
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=20))]
    clients: u64,
    /// What may go wrong: none, all, or names with commas between them, such as crash,partition
    ///
    /// What flipped-bit and stray-write change on a disk was forced long ago: damage to the last batch
    /// of a log cannot be told from a batch that was being written when the power went. They strike
    /// fewer than a quorum of the voters at a time.
    #[arg(long, value_name = "FAULTS", default_value = "all")]
    faults: Faults,
    /// How many threads share the seeds; as many as there are processors if not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Count everything that was reached, not only what must be
    #[arg(long, conflicts_with = "json")]
    coverage: bool,
    /// Save the story of a run that breaks something in this folder
    #[arg(long, value_name = "FOLDER", default_value = "target/stories")]
    save: PathBuf,
    /// Try so many runs to leave out of the story what does not matter
    #[arg(long, value_name = "RUNS", default_value_t = 300)]
    budget: usize,
    /// Say what came of it as one object of JSON
    #[arg(long)]
    json: bool,
}

fn positive() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}

/// What may go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Faults(BTreeSet<Kind>);

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Faults, String> {
        match text {
            "all" => Ok(Faults(Kind::all())),
            "none" => Ok(Faults(BTreeSet::new())),
            names => {
                let kinds: Result<_, _> =
                    names.split(',').map(|name| name.trim().parse()).collect();
                kinds.map(Faults)
            }
        }
    }
}

/// How many of the last lines of a trace are shown.
const TAIL: usize = 30;

impl SimulateArgs {
    /// Runs the seeds. Exits with 1 if something broke, or was never reached.
    pub(super) fn run(&self) -> ExitCode {
        if self.servers == Some(1) && self.observers.is_some_and(|observers| observers > 0) {
            eprintln!("ensemble: one server alone has no observers; say --servers 3 or more");
            return ExitCode::from(2);
        }
        let swarm = self.swarm();
        let outcome = swarm.run(|now| show(&progress(&swarm, now)));
        show("");
        let again = outcome.failure.as_ref().map_or(Vec::new(), |failure| self.again(failure));
        if self.json {
            println!("{}", summary_json(&outcome, &swarm, &again));
        } else {
            self.print(&outcome, &again);
        }
        if outcome.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn swarm(&self) -> Swarm {
        let minutes = self.minutes.map(|minutes| minutes * 60);
        let time = self.seconds.or(minutes).map(Duration::from_secs);
        let processors = thread::available_parallelism().map_or(1, |count| count.get());
        let one = self.seed.map(|_| 1);
        Swarm {
            settings: self.settings(),
            first: self.seed.unwrap_or(self.first),
            seeds: if time.is_some() { None } else { one.or(Some(self.seeds)) },
            time,
            threads: if one.is_some() { 1 } else { self.threads.map_or(processors, usize::from) },
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            voters: self.servers,
            observers: self.observers,
            clients: self.clients,
            faults: self.faults.0.clone(),
            ..Settings::default()
        }
    }

    /// The lines that show again what a seed broke: its story, which is saved, and the whole run.
    fn again(&self, failure: &Failure) -> Vec<String> {
        let whole = self.whole(failure.seed);
        let Some(story) = &failure.story else { return vec![whole] };
        let look = |it: Progress| {
            let Progress { tries, cues, steps } = it;
            let of = format!("{tries} of {} runs to make it small", self.budget);
            show(&format!("{of}: {cues} cues, {steps} steps"));
        };
        let saved = save(story, &self.save, self.budget, look);
        show("");
        match saved {
            Ok(Saved { file, same: true }) => {
                vec![format!("ensemble replay {}", file.display()), whole]
            }
            Ok(Saved { file, same: false }) => {
                let file = file.display();
                eprintln!("ensemble: {file} does not break the same; the rig forgot something");
                vec![whole]
            }
            Err(why) => {
                eprintln!("ensemble: the story is not saved: {why}; say --save FOLDER");
                vec![whole]
            }
        }
    }

    /// The line that runs a seed again.
    fn whole(&self, seed: u64) -> String {
        let mut line = format!("ensemble simulate --seed {seed}");
        let numbers = [("servers", self.servers), ("observers", self.observers)];
        for (name, number) in numbers {
            line += &number.map_or(String::new(), |number| format!(" --{name} {number}"));
        }
        if self.clients != Settings::default().clients {
            line += &format!(" --clients {}", self.clients);
        }
        if self.faults.0 != Kind::all() {
            let names: Vec<&str> = self.faults.0.iter().map(|kind| kind.name()).collect();
            line += " --faults ";
            line += if names.is_empty() { "none".to_string() } else { names.join(",") }.as_str();
        }
        line
    }

    fn print(&self, outcome: &Outcome, again: &[String]) {
        if let Some(seed) = self.seed.filter(|_| outcome.failure.is_none()) {
            self.tail(seed).iter().for_each(|line| println!("{line}"));
        } else {
            print!("{}", table(outcome, &self.settings(), self.coverage));
        }
        if let Some(failure) = &outcome.failure {
            println!("{}", failure_text(failure, &self.tail(failure.seed), again));
        }
        println!("{}", summary_text(outcome));
    }

    /// The last lines of a seed's trace.
    fn tail(&self, seed: u64) -> Vec<String> {
        let tail = if self.trace { usize::MAX } else { TAIL };
        trace(seed, &Settings { tail, ..self.settings() })
    }
}

/// Shows on a terminal how it stands, in place of what it showed before.
fn show(line: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
        let _ = stderr().flush();
    }
}
