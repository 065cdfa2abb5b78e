//! The learner's loop: `list`, `next`, `check`, `hint`, `reset`, `solution`.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::course;
use crate::exercises::{Catalogue, Exercise, Outcome, Progress, Shelf, check, signatures, verdict};

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

/// A course, and what its learner has done.
struct Desk {
    course: PathBuf,
    catalogue: Catalogue,
    progress: Progress,
    shelf: Shelf,
}

/// What ends a command early: a mistake in the command line or in the course.
type Done<T> = Result<T, String>;

impl Desk {
    fn open() -> Done<Desk> {
        let course = course::root()?;
        let (catalogue, progress) = (Catalogue::read(&course)?, Progress::read(&course)?);
        let shelf = Shelf::of(&course);
        Ok(Desk { course, catalogue, progress, shelf })
    }

    /// The first that can be checked and is not done.
    fn next(&self) -> Option<&Exercise> {
        self.catalogue.checkable().find(|it| !self.progress.of(&it.entry.name).done)
    }

    /// The one that is named, or the next.
    fn one(&self, which: Option<&str>) -> Done<Exercise> {
        let Some(word) = which else {
            let all_done = || "all exercises are done; name one".to_string();
            return self.next().cloned().ok_or_else(all_done);
        };
        match self.catalogue.meant(word)?.as_slice() {
            [exercise] => Ok((*exercise).clone()),
            several => {
                let numbers: Vec<&str> = several.iter().map(|it| it.number.text()).collect();
                Err(format!("`{word}` means several: name one of {}", numbers.join(", ")))
            }
        }
    }

    /// The file of an exercise, as a person on the course's folder names it.
    fn file(&self, exercise: &Exercise) -> Done<String> {
        let heart = heart(exercise)?;
        let path = self.shelf.mine(heart);
        let begin = self.shelf.places(heart, exercise.number.text())?;
        let line = begin.first().map_or(1, |region| region.begin + 1);
        let shown = path.strip_prefix(&self.course).unwrap_or(Path::new(heart));
        Ok(format!("{}:{line}", shown.display()))
    }
}

fn heart(exercise: &Exercise) -> Done<&String> {
    exercise.entry.heart.as_ref().ok_or_else(|| {
        format!("exercise {} cannot be checked yet; see `ensemble list`", exercise.number.text())
    })
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
            let mut chapter = "";
            for exercise in desk.catalogue.all() {
                if self.json {
                    println!("{}", object(&desk, exercise));
                    continue;
                }
                if exercise.number.chapter != chapter {
                    chapter = &exercise.number.chapter;
                    println!();
                }
                println!("{}", line(&desk, exercise));
            }
            if !self.json {
                println!("\n{}", summary(&desk));
            }
            ExitCode::SUCCESS
        }))
    }
}

fn line(desk: &Desk, exercise: &Exercise) -> String {
    let entry = &exercise.entry;
    let known = desk.progress.of(&entry.name);
    let next = desk.next().is_some_and(|next| next.number == exercise.number);
    let state = match (entry.heart.is_some(), known.done, known.gave_up) {
        (false, ..) => "no checks yet",
        (_, true, true) => "done, with the solution",
        (_, true, false) => "done",
        _ if next => "next",
        _ => "",
    };
    let (number, minutes) = (exercise.number.text(), entry.minutes);
    let line =
        format!("{number:>5}  {:28} {:10} {minutes:>4} min  {state}", entry.name, entry.kind);
    line.trim_end().to_string()
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

fn summary(desk: &Desk) -> String {
    let all: Vec<&Exercise> = desk.catalogue.checkable().collect();
    let done = all.iter().filter(|it| desk.progress.of(&it.entry.name).done).count();
    let next = match desk.next() {
        Some(next) => format!("; next: ensemble check {}", next.number.text()),
        None => String::new(),
    };
    format!("{done} of {} done{next}", all.len())
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
            heart(&exercise)?;
            let (name, hints) = (&exercise.entry.name, &exercise.entry.hints);
            let mut known = desk.progress.of(name);
            let number = known.hints.min(hints.len() - 1);
            let text = hints[number].trim();
            println!("Hint {} of {} for {name}:\n\n{text}", number + 1, hints.len());
            known.hints = known.hints.max(number + 1);
            desk.progress.keep(name, known)?;
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
    let number = exercise.number.text();
    let file = desk.file(exercise)?;
    if stderr().is_terminal() {
        eprint!("checking {number} ...");
    }
    let outcome = check::check(&desk.course, &check::target(&desk.course), exercise);
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    let (outcome, known) = (outcome?, signatures::known(&desk.course, number)?);
    print!("{}", verdict::text(exercise, &outcome, &known, &file));
    let mut entry = desk.progress.of(&exercise.entry.name);
    if outcome.is_done() && !entry.done {
        entry.done = true;
        desk.progress.keep(&exercise.entry.name, entry)?;
        println!("{}", summary(desk));
    }
    Ok(matches!(&outcome, Outcome::Checked(_)) && outcome.is_done())
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
