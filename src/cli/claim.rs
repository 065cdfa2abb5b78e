//! The command `claim`: what is often said, what is so, and the experiment that shows it.
//!
//! Exit codes: 0 when the experiment shows what the verdict says, 1 when it does not, 2 when there
//! is no such claim.

use std::env;
use std::io::{self, BufWriter, IsTerminal, Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use machines::Line;
use serde_json::json;

use super::run::layout::{self, Layout};
use super::run::{draw, mistake};
use crate::claims::{CLAIMS, Claim, Experiment, Scene, claim};

#[derive(Args, Debug)]
pub(super) struct ClaimArgs {
    /// The number of the claim; all are listed if none is named
    number: Option<u32>,
    /// Draw the last scene into this file, as SVG
    #[arg(long, value_name = "FILE", requires = "number")]
    svg: Option<PathBuf>,
    /// Print objects of JSON: of the list one for each claim, of a claim one for each line
    #[arg(long)]
    json: bool,
}

impl ClaimArgs {
    /// Lists the claims, or runs the experiment of one.
    pub(super) fn run(&self) -> ExitCode {
        let Some(number) = self.number else {
            return done(self.list());
        };
        let Some(claim) = claim(number) else {
            return mistake(&format!(
                "there is no claim {number}; there are 1 to {}",
                CLAIMS.len()
            ));
        };
        let Some(experiment) = claim.experiment else {
            return done(tell(claim, &[]));
        };
        let Experiment { scenes, fails } = experiment();
        if let (Some(file), Some(scene)) = (&self.svg, scenes.last())
            && let Err(why) = draw(file, &scene.title, &scene.trace, is_told, &scene.outcome)
        {
            return mistake(&why);
        }
        let told = if self.json { print(&scenes) } else { tell(claim, &scenes) };
        match fails {
            Some(why) => {
                eprintln!("ensemble: the experiment does not show this any more: {why}");
                ExitCode::FAILURE
            }
            None => done(told),
        }
    }

    fn list(&self) -> io::Result<()> {
        let mut out = BufWriter::new(stdout().lock());
        for Claim { number, chapter, stated, verdict, experiment } in CLAIMS {
            if self.json {
                let settled = experiment.is_some();
                let claim = json!({
                    "number": number, "chapter": chapter, "stated": stated, "verdict": verdict,
                    "settled": settled,
                });
                writeln!(out, "{claim}")?;
            } else {
                let mark = if experiment.is_some() { ' ' } else { '*' };
                writeln!(out, "{number:>3}{mark} {stated}")?;
            }
        }
        if !self.json {
            writeln!(out, "\n* has no experiment yet. `ensemble claim NUMBER` settles one.")?;
        }
        out.flush()
    }
}

/// How many lines of a long scene a person is told: how it begins, and how it ends.
const FIRST: usize = 12;
const LAST: usize = 48;

/// Messages and timers that say only that somebody is there.
const NOISE: &[&str] = &["Ping", "Tick", "Beat", "Tell beat=", "Initial"];

fn is_told(line: &Line) -> bool {
    layout::says_something(line) && !NOISE.iter().any(|noise| line.text.starts_with(noise))
}

/// Whoever closed the other end does not want to read more.
fn done(printed: io::Result<()>) -> ExitCode {
    printed.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

fn print(scenes: &[Scene]) -> io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    for line in scenes.iter().flat_map(|scene| scene.trace.lines()) {
        writeln!(out, "{}", layout::json(line))?;
    }
    out.flush()
}

fn tell(claim: &Claim, scenes: &[Scene]) -> io::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    let emphasis = stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    let layout = Layout::new(&[], emphasis);
    writeln!(out, "{}", layout.emphasis(&format!("Claim {}", claim.number)))?;
    writeln!(out, "{}", layout::wrapped("Said: ", claim.stated))?;
    for Scene { title, trace, outcome } in scenes {
        let layout = Layout::new(trace.lines(), emphasis);
        writeln!(out, "\n{}\n", layout.emphasis(&layout::wrapped("", title)))?;
        let told: Vec<&Line> = trace.lines().iter().filter(|line| is_told(line)).collect();
        let left_out = told.len().saturating_sub(FIRST + LAST);
        for (place, line) in told.iter().enumerate() {
            if left_out > 0 && place == FIRST {
                writeln!(out, "           ... {left_out} more lines; --json prints all ...")?;
            }
            if left_out == 0 || !(FIRST..FIRST + left_out).contains(&place) {
                writeln!(out, "{}", layout.line(line))?;
            }
        }
        writeln!(out, "\n{}", layout::wrapped("", outcome))?;
    }
    writeln!(out, "\n{}", layout.emphasis(&layout::wrapped("So:   ", claim.verdict)))?;
    if scenes.is_empty() {
        writeln!(out, "\nIt has no experiment yet; chapter {} speaks of it.", claim.chapter)?;
    }
    out.flush()
}
