//! The command `replay`: plays a story, and shows what happened: as text, as a drawing, as a page to
//! step through, or for a program.
//!
//! Exit codes: 0 when the story does what it expects, 1 when it does not, 2 when it cannot be read.

use std::env;
use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use assurance::story::{Progress, minimise};
use assurance::{Ending, Story, replay};
use clap::Args;
use serde_json::json;

use super::run::layout;
use super::telling::Telling;

#[derive(Args, Debug)]
pub(super) struct ReplayArgs {
    /// The story: a text that says in which world it plays, and what is done to it
    file: PathBuf,
    /// Go through it step by step: space goes on, b goes back, q quits
    #[arg(long)]
    step: bool,
    /// Draw it into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a page into this file, in which one steps forwards and back
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Tell and draw so many lines: the last that say something
    #[arg(long, value_name = "LINES", default_value_t = 160)]
    most: usize,
    /// Leave out what does not matter to what breaks, and write what is left into this file
    #[arg(long, value_name = "FILE")]
    minimise: Option<PathBuf>,
    /// Try so many runs to do so
    #[arg(long, value_name = "RUNS", default_value_t = 400, requires = "minimise")]
    budget: usize,
    /// This program was built with a deliberate break: its name
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Print each line of the trace as an object of JSON, then the ending
    #[arg(long, conflicts_with_all = ["step", "trace"])]
    json: bool,
    /// Print each line of the trace, as the trace has it
    #[arg(long, conflicts_with = "step")]
    trace: bool,
}

impl ReplayArgs {
    /// Plays the story.
    pub(super) fn run(&self) -> ExitCode {
        match self.play() {
            Ok(code) => code,
            Err(why) => {
                eprintln!("ensemble: {why}");
                ExitCode::from(2)
            }
        }
    }

    fn play(&self) -> Result<ExitCode, String> {
        let mut story = read(&self.file)?;
        if let Some(file) = &self.minimise {
            story = self.make_small(&story)?;
            write(file, &story.to_string())?;
        }
        let ending = replay(&story);
        if let Some(file) = &self.svg {
            write(file, &story.picture(&ending, self.most))?;
        }
        if let Some(file) = &self.html {
            write(file, &story.page(&ending, self.most))?;
        }
        if let Err(why) = self.print(&story, &ending) {
            // Whoever closed the other end does not want to read more.
            let closed = why.kind() == io::ErrorKind::BrokenPipe;
            return if closed { Ok(ExitCode::FAILURE) } else { Err(why.to_string()) };
        }
        let differs = story.differs(&ending, self.mutant.as_deref());
        if let Some(difference) = &differs {
            eprintln!("ensemble: not as it was expected: {difference}");
        }
        Ok(if differs.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn make_small(&self, story: &Story) -> Result<Story, String> {
        let progress = |it: Progress| {
            if io::stderr().is_terminal() {
                let Progress { tries, cues, steps } = it;
                eprint!("\r{tries} of {} runs: {cues} cues, {steps} steps   ", self.budget);
            }
        };
        let small = minimise(story, self.budget, progress);
        if io::stderr().is_terminal() {
            eprintln!();
        }
        let why = || format!("{}: it breaks nothing that could be kept", self.file.display());
        small.ok_or_else(why)
    }

    fn print(&self, story: &Story, ending: &Ending) -> io::Result<()> {
        let mut out = BufWriter::new(stdout().lock());
        if self.json {
            for frame in &ending.frames {
                let mut line = layout::json(&frame.line);
                let facts = frame.facts.iter().map(|(name, it)| (name.clone(), json!(it)));
                line["facts"] = facts.collect::<serde_json::Map<_, _>>().into();
                writeln!(out, "{line}")?;
            }
            writeln!(out, "{}", ending_json(story, ending))?;
            return out.flush();
        }
        if self.trace {
            for frame in &ending.frames {
                writeln!(out, "{:>14?} {}", frame.line.time, frame.line)?;
            }
        }
        let emphasis = stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        let telling = Telling::new(story, ending, &self.file, self.most, emphasis);
        if self.step {
            drop(out);
            let why = || io::Error::other("steps are gone through on a terminal");
            return telling.step_through().unwrap_or_else(|| Err(why()));
        }
        if self.trace {
            telling.write_end(&mut out)?
        } else {
            telling.write(&mut out)?
        }
        out.flush()
    }
}

fn ending_json(story: &Story, ending: &Ending) -> serde_json::Value {
    let violation = ending.violation.as_ref().map(|it| {
        json!({
            "invariant": it.broken.invariant.to_string(),
            "what": it.broken.what,
            "meaning": it.broken.invariant.meaning(),
            "book": it.broken.invariant.page(),
            "time": it.time.as_micros() as f64 / 1000.0,
        })
    });
    json!({
        "seed": story.setting.seed,
        "hash": format!("{:016x}", ending.hash),
        "steps": ending.steps,
        "cues_given": ending.given,
        "violation": violation,
    })
}

fn read(file: &Path) -> Result<Story, String> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file).map_err(|why| format!("{name}: {why}"))?;
    Story::read(&name, &text)
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|why| format!("{}: {why}", file.display()))
}
