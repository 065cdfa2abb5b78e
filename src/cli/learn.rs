//! The learner's loop: `list`, `next`, `check`, `watch`, `hint`, `reset`, `solution`.

mod desk;
mod watch;

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use clap::Args;

use crate::exercises::Exercise;
use desk::{Desk, Done, heart};

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Say each as an object of JSON, one a line
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// Which: 8.1, a chapter such as 8, or a name; the next one if none is named
    #[arg(value_name = "EXERCISE")]
    which: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct WhichArgs {
    /// Which: 8.1, or its name; the next one if none is named
    #[arg(value_name = "EXERCISE")]
    which: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct SolutionArgs {
    /// Which: 8.1, or its name
    #[arg(value_name = "EXERCISE")]
    which: String,
    /// Show it although not all checks hold; that is remembered
    #[arg(long)]
    give_up: bool,
    /// Put it into your file, too
    #[arg(long)]
    take: bool,
}

/// Prints a text. Whoever closed the other end does not want to read more.
fn say(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What a command comes to: its exit code; a mistake is 2.
fn end(done: Done<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|why| {
        eprintln!("ensemble: {why}");
        ExitCode::from(2)
    })
}

impl ListArgs {
    /// Prints all exercises, and what is done of them.
    pub(super) fn run(&self) -> ExitCode {
        end(Desk::open().map(|desk| {
            match self.json {
                true => desk
                    .catalogue
                    .all()
                    .iter()
                    .for_each(|it| say(&format!("{}\n", object(&desk, it)))),
                false => say(&desk.list()),
            }
            ExitCode::SUCCESS
        }))
    }
}

fn object(desk: &Desk, exercise: &Exercise) -> serde_json::Value {
    let (entry, known) = (&exercise.entry, desk.progress.of(&exercise.entry.name));
    serde_json::json!({
        "exercise": exercise.number.text(),
        "name": entry.name,
        "kind": entry.kind,
        "minutes": entry.minutes,
        "file": entry.heart.as_ref().map(|heart| format!("exercises/{heart}")),
        "checks": entry.checks,
        "done": known.done,
        "gaveUp": known.gave_up,
        "hints": known.hints,
    })
}

impl WhichArgs {
    /// Says which exercise comes next, or what one is about.
    pub(super) fn next(&self) -> ExitCode {
        end((|| {
            let desk = Desk::open()?;
            let exercise = desk.one(self.which.as_deref())?;
            let (number, entry) = (exercise.number.text(), &exercise.entry);
            println!("{number}  {}, about {} minutes", entry.name, entry.minutes);
            let heart = heart(&exercise)?;
            for region in desk.shelf.places(heart, number)? {
                if let Some(task) = region.task {
                    println!("       exercises/{heart}:{}  {task}", region.begin + 1);
                }
            }
            if let Some(section) = &entry.section {
                println!("  book:   {section}");
            }
            println!("  check:  ensemble check {number}\n  hint:   ensemble hint {number}");
            Ok(ExitCode::SUCCESS)
        })())
    }

    /// Prints the next hint.
    pub(super) fn hint(&self) -> ExitCode {
        end((|| {
            let mut desk = Desk::open()?;
            let exercise = desk.one(self.which.as_deref())?;
            say(&desk.hint(&exercise)?);
            Ok(ExitCode::SUCCESS)
        })())
    }

    /// Makes an exercise what it was at the beginning.
    pub(super) fn reset(&self) -> ExitCode {
        end((|| {
            let desk = Desk::open()?;
            let word = self.which.as_deref().ok_or("name the exercise that is to begin again")?;
            let exercise = desk.one(Some(word))?;
            let number = exercise.number.text();
            desk.shelf.begin_again(heart(&exercise)?, number)?;
            println!("{number} is as it was at the beginning: {}", desk.file(&exercise)?);
            Ok(ExitCode::SUCCESS)
        })())
    }
}

impl CheckArgs {
    /// Checks, says the verdict, and remembers what is done. Exits with 1 if a check does not hold.
    pub(super) fn run(&self) -> ExitCode {
        end((|| {
            let mut desk = Desk::open()?;
            let chosen: Vec<Exercise> = match &self.which {
                None => vec![desk.one(None)?],
                Some(word) => {
                    let meant = desk.catalogue.meant(word)?;
                    let all: Vec<Exercise> = meant.into_iter().cloned().collect();
                    let single = all.len() == 1;
                    all.into_iter().filter(|it| single || it.entry.heart.is_some()).collect()
                }
            };
            if chosen.is_empty() {
                return Err("none of these can be checked yet; see `ensemble list`".to_string());
            }
            let mut held = true;
            for exercise in &chosen {
                held &= check_one(&mut desk, exercise)?;
            }
            Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })())
    }
}

fn check_one(desk: &mut Desk, exercise: &Exercise) -> Done<bool> {
    if stderr().is_terminal() {
        eprint!("checking {} ...", exercise.number.text());
    }
    let checked = desk.check(exercise);
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let (text, holds) = checked?;
    say(&text);
    Ok(holds)
}

impl SolutionArgs {
    /// Shows the solution to whoever has one, or gives up.
    pub(super) fn run(&self) -> ExitCode {
        end((|| {
            let mut desk = Desk::open()?;
            let exercise = desk.one(Some(&self.which))?;
            let (number, name) = (exercise.number.text(), &exercise.entry.name);
            let heart = heart(&exercise)?;
            let mut known = desk.progress.of(name);
            if !known.done && !self.give_up {
                println!(
                    "{number} is not done yet: `ensemble hint {number}` helps, and `ensemble \
                     solution {number} --give-up` shows it all the same."
                );
                return Ok(ExitCode::FAILURE);
            }
            known.gave_up |= !known.done;
            desk.progress.keep(name, known)?;
            println!("{}", desk.shelf.answer(heart, number)?);
            if self.take {
                desk.shelf.show(heart, number)?;
            }
            Ok(ExitCode::SUCCESS)
        })())
    }
}
