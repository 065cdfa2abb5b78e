//! The command `explore`: every course of a small world of production machines.

mod progress;
mod row;
mod world;

use std::fs;
use std::io::{self, Write, stdout};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use assurance::explore::{Account, Bounds, Configuration, Elections, Limits, Subject};
use clap::Args;
use election::LogEnd;
use machines::picture::Picture;

use crate::explore;
use progress::Progress;
use row::Row;
use world::World;

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
        for world in World::all() {
            match self.json {
                true => writeln!(out, "{}", world.json())?,
                false => writeln!(out, "{}", world.text())?,
            }
        }
        Ok(())
    }

    /// What the command line asks for.
    fn chosen(&self) -> Result<Vec<World>, String> {
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
            let (name, states, promise) = ("election", 0, true);
            let own = Configuration { name, what, states, subject, promise };
            return Ok(vec![World::Election(own)]);
        }
        match self.config.is_empty() {
            true => Ok(World::all()),
            false => self.config.iter().map(|name| World::named(name)).collect(),
        }
    }

    fn explore_all(&self, chosen: Vec<World>) -> io::Result<bool> {
        if !self.json {
            writeln!(stdout(), "{}", Row::HEAD)?;
        }
        let mut well = true;
        for world in chosen {
            well &= match world {
                World::Election(it) => self.explore(it)?,
                World::Ensemble(it) => self.explore(it)?,
            };
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
        let mut progress = Progress::new(name);
        explore::run(&mut search, threads, |search| progress.tell(&search.tally()));
        let row = Row::new(name, &search, progress.end());
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
        let graph = match World::named(name).and_then(|world| world.graph()) {
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
