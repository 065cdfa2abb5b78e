//! The command `explore`: every course of a small world of production machines.

use std::fs;
use std::io::{self, IsTerminal, Write, stderr, stdout};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use assurance::explore::{
    Account, Bounds, Configuration, Elections, Graph, Limits, Search, Subject, Tally, elections,
};
use clap::Args;
use election::LogEnd;
use machines::picture::Picture;
use serde_json::json;

use crate::explore;

/// How long nothing is said while a search goes on.
const SILENCE: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub(super) struct ExploreArgs {
    /// Which world, by its name; all of them if none is named
    #[arg(long, value_name = "NAME")]
    config: Vec<String>,
    /// Say which there are, and how large
    #[arg(long, conflicts_with = "config")]
    list: bool,
    /// An election of one's own: how many servers, 2 to 5
    #[arg(long, value_name = "N", conflicts_with = "config")]
    #[arg(value_parser = clap::value_parser!(u8).range(2..=5))]
    servers: Option<u8>,
    /// ... how many of them crash
    #[arg(long, value_name = "N", default_value_t = 0, requires = "servers")]
    crashes: u8,
    /// ... how many connections break
    #[arg(long, value_name = "N", default_value_t = 0, requires = "servers")]
    drops: u8,
    /// ... how many epochs are established
    #[arg(long, value_name = "N", default_value_t = 0, requires = "servers")]
    epochs: u8,
    /// ... how often a server looks again although it has a leader
    #[arg(long, value_name = "N", default_value_t = 0, requires = "servers")]
    impatience: u8,
    /// ... in how many rounds servers need not wait for better votes
    #[arg(long, value_name = "N", default_value_t = 1, requires = "servers")]
    hasty: u8,
    /// Stop when so many states were met
    #[arg(long, value_name = "N")]
    states: Option<u64>,
    /// Stop after so many steps from the beginning
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// How many threads; as many as there are cores if nobody says
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
    /// Say each result as an object of JSON, one a line
    #[arg(long)]
    json: bool,
    /// Show all states of a small world, and the steps between them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "toy")]
    #[arg(conflicts_with_all = ["config", "servers", "list", "json"])]
    graph: Option<String>,
    /// Draw that graph in this file; without --graph, the shortest way to what does not hold
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write that graph for Graphviz, in this file
    #[arg(long, value_name = "FILE", requires = "graph")]
    dot: Option<PathBuf>,
}

impl ExploreArgs {
    /// Explores. Exits with 1 if something does not hold, or nothing was shown.
    pub(super) fn run(&self) -> ExitCode {
        let done = match (&self.graph, self.list) {
            (Some(name), _) => return self.draw(name),
            (None, true) => self.print_list().map(|()| true),
            (None, false) => match self.chosen() {
                Ok(chosen) => self.explore_all(chosen),
                Err(why) => return mistake(&why),
            },
        };
        // Whoever closed the other end does not want to read more.
        if done.unwrap_or(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn print_list(&self) -> io::Result<()> {
        let mut out = stdout().lock();
        for it in elections() {
            let (name, what, states) = (it.name, it.what, it.states);
            match self.json {
                true => writeln!(out, "{}", json!({"name": name, "what": what, "states": states}))?,
                false => writeln!(out, "{name:20} {:>11} states   {what}", grouped(states))?,
            }
        }
        Ok(())
    }

    /// What the command line asks for.
    fn chosen(&self) -> Result<Vec<Configuration<Elections>>, String> {
        if let Some(servers) = self.servers {
            let bounds = Bounds {
                crashes: self.crashes,
                reconnects: self.drops,
                epochs: self.epochs,
                impatience: self.impatience,
                hasty: self.hasty,
                ..Bounds::default()
            };
            let subject = Elections::new(vec![LogEnd::default(); servers.into()], bounds);
            let what = "an election of one's own";
            return Ok(vec![Configuration {
                name: "election",
                what,
                states: 0,
                subject,
                promise: true,
            }]);
        }
        let named = |name: &String| find(name);
        match self.config.is_empty() {
            true => Ok(elections()),
            false => self.config.iter().map(named).collect(),
        }
    }

    fn explore_all(&self, chosen: Vec<Configuration<Elections>>) -> io::Result<bool> {
        if !self.json {
            writeln!(stdout(), "{}", Row::HEAD)?;
        }
        let mut well = true;
        for configuration in chosen {
            well &= self.explore(configuration)?;
        }
        Ok(well)
    }

    /// Explores one world; whether all was well.
    fn explore<S>(&self, configuration: Configuration<S>) -> io::Result<bool>
    where
        S: Subject + Sync,
        S::State: Send + Sync,
    {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.threads.map_or_else(cores, NonZero::get);
        let (name, limits) =
            (configuration.name, Limits { states: self.states, depth: self.depth, promise: false });
        let mut search = configuration.search(limits);
        let mut progress = Progress { name, begun: Instant::now(), said: Instant::now() };
        explore::run(&mut search, threads, |search| progress.tell(&search.tally()));
        let row = Row::new(name, &search, progress.begun.elapsed());
        progress.end();
        if self.json {
            writeln!(stdout(), "{}", row.json())?;
        } else {
            writeln!(stdout(), "{}", row.text())?;
        }
        if let Some(account) = &row.account {
            if !self.json {
                tell(account)?;
            }
            if let Some(path) = &self.svg {
                write(path, &picture(name, account)).unwrap_or_else(|why| eprintln!("{why}"));
            }
        }
        Ok(row.is_well())
    }

    fn draw(&self, name: &str) -> ExitCode {
        let graph = find(name)
            .and_then(|it| Graph::of(&it.subject).map_err(|why| format!("{name}: {why}")));
        let graph = match graph {
            Ok(graph) => graph,
            Err(why) => return mistake(&why),
        };
        let written = match (&self.svg, &self.dot) {
            (None, None) => write!(stdout(), "{graph}").map_err(|why| format!("ensemble: {why}")),
            (svg, dot) => svg
                .iter()
                .try_for_each(|path| write(path, &graph.svg()))
                .and_then(|()| dot.iter().try_for_each(|path| write(path, &graph.dot()))),
        };
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("{why}");
                ExitCode::FAILURE
            }
        }
    }
}

fn find(name: &str) -> Result<Configuration<Elections>, String> {
    let unknown = || format!("there is no world {name}; --list says which there are");
    elections().into_iter().find(|it| it.name == name).ok_or_else(unknown)
}

fn mistake(why: &str) -> ExitCode {
    eprintln!("ensemble: {why}");
    ExitCode::from(2)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|why| format!("ensemble: {}: {why}", path.display()))
}

/// The way to what does not hold, as a space-time diagram.
fn picture(name: &str, account: &Account) -> String {
    let frames = account.frames();
    let end = [account.broken.to_string()];
    let title = format!("{name}: the shortest way to what does not hold");
    let (most, noise) = (frames.len(), &[][..]);
    Picture { title: &title, frames: &frames, noise, most, end: &end, broken: true }.svg()
}

/// What came of a search.
struct Row {
    name: &'static str,
    tally: Tally,
    seconds: f64,
    complete: bool,
    missing: Vec<&'static str>,
    account: Option<Account>,
}

impl Row {
    const HEAD: &str =
        "world                     states  transitions  depth  seconds  per second  outcome";

    fn new<S: Subject>(name: &'static str, search: &Search<S>, time: Duration) -> Row {
        Row {
            name,
            tally: search.tally(),
            seconds: time.as_secs_f64(),
            complete: search.is_complete(),
            missing: search.missing(),
            account: search.account(),
        }
    }

    /// Whether all that there is held, and happened.
    fn is_well(&self) -> bool {
        self.account.is_none() && (self.missing.is_empty() || !self.complete)
    }

    fn rate(&self) -> u64 {
        (self.tally.transitions as f64 / self.seconds.max(1e-6)) as u64
    }

    fn outcome(&self) -> String {
        match (&self.account, self.complete, self.missing.as_slice()) {
            (Some(account), ..) => format!("{} does not hold", account.broken.invariant),
            (None, false, _) => "all holds so far; there is more".to_string(),
            (None, true, []) => "all holds".to_string(),
            (None, true, missing) => format!("says little: never {}", missing.join(", never ")),
        }
    }

    fn text(&self) -> String {
        format!(
            "{:20} {:>11} {:>12} {:>6} {:>8.2} {:>11}  {}",
            self.name,
            grouped(self.tally.states),
            grouped(self.tally.transitions),
            self.tally.depth,
            self.seconds,
            grouped(self.rate()),
            self.outcome(),
        )
    }

    fn json(&self) -> serde_json::Value {
        let Row { name, tally, seconds, complete, missing, account } = self;
        json!({
            "name": name,
            "states": tally.states,
            "transitions": tally.transitions,
            "depth": tally.depth,
            "ends": tally.ends,
            "seconds": seconds,
            "complete": complete,
            "never": missing,
            "broken": account.as_ref().map(|it| it.broken.to_string()),
            "steps": account.as_ref().map(|it| {
                it.steps.iter().map(|told| told.step.as_str()).collect::<Vec<_>>()
            }),
        })
    }
}

/// Says how it came to what does not hold.
fn tell(account: &Account) -> io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "\n  {}\n", account.broken)?;
    for (told, number) in account.steps.iter().zip(1..) {
        writeln!(out, "{number:4}  {}", told.step)?;
        for line in &told.lines {
            writeln!(out, "          {line}")?;
        }
    }
    writeln!(out)
}

/// A search that goes on, as a person sees it.
struct Progress {
    name: &'static str,
    begun: Instant,
    said: Instant,
}

impl Progress {
    fn tell(&mut self, tally: &Tally) {
        if !stderr().is_terminal() || self.said.elapsed() < SILENCE {
            return;
        }
        self.said = Instant::now();
        let rate = tally.transitions as f64 / self.begun.elapsed().as_secs_f64();
        eprint!(
            "\r\x1b[K{}: {} states, {} to go, depth {}, {} transitions a second",
            self.name,
            grouped(tally.states),
            grouped(tally.states - tally.expanded),
            tally.depth,
            grouped(rate as u64),
        );
    }

    fn end(&self) {
        if stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
    }
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let from_right = |at: usize| digits.len() - at;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && from_right(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
