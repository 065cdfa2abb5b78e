//! Checking an exercise: build the chapter's tests with the learner's file in the place of the
//! solution, and run each check in a process of its own.
//!
//! A learner's code may do anything: not end, take all memory, fill the disk, end the process as if
//! all were well. Each of these is a verdict like any other, and none of them touches the others.
//!
//! Always true: a check holds only if its test says so itself, whatever the process's exit code.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::catalogue::Exercise;
use super::failure;
use super::shelf::Shelf;
use crate::cargo::{TestProgram, wait};

/// How long a check may take. The slowest takes a second with the solution.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much memory it may have, in KiB.
const MEMORY: u64 = 4 << 20;
/// How much it may write to any file, its own words included, in blocks of 512 bytes.
const WORDS: u64 = 64 << 10;

/// What came of checking an exercise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has begun it.
    Untouched,
    /// It is no program; what the compiler says.
    Unbuilt(String),
    /// The checks, each with what came of it.
    Checked(Vec<Checked>),
}

/// A check, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The test.
    pub test: String,
    /// What came of it.
    pub end: End,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It holds.
    Holds,
    /// It does not; what happened.
    Fails(String),
    /// It did not come to an end in time.
    Hangs,
    /// The process ended before the test was over; how.
    Ended(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Holds => write!(f, "it holds"),
            End::Fails(what) => write!(f, "{what}"),
            End::Hangs => write!(f, "your code did not come to an end"),
            End::Ended(how) => write!(f, "your code ended the whole process ({how})"),
        }
    }
}

impl Outcome {
    /// Whether all checks hold.
    pub fn is_done(&self) -> bool {
        let holds = |checked: &Checked| checked.end == End::Holds;
        matches!(self, Outcome::Checked(all) if all.iter().all(holds))
    }
}

/// Where what is built to check a learner's files lies.
pub fn target(course: &Path) -> PathBuf {
    course.join("target").join("mine")
}

/// Checks an exercise of a course; what is built goes into `target`.
///
/// # Errors
/// The course is not whole: a file is missing, or the check names a test that is not there.
pub fn check(course: &Path, target: &Path, exercise: &Exercise) -> Result<Outcome, String> {
    let (number, entry) = (&exercise.number, &exercise.entry);
    let heart = entry.heart.as_ref().ok_or_else(|| {
        format!("exercise {} has no checks yet; `ensemble list` says which have", number.text())
    })?;
    if Shelf::of(course).is_untouched(heart, number.text())? {
        return Ok(Outcome::Untouched);
    }
    let test = match build(course, &number.chapter, target)? {
        Ok(test) => test,
        Err(said) => return Ok(Outcome::Unbuilt(said)),
    };
    let words = target.join("words.txt");
    let run = |check: &String| -> Result<Checked, String> {
        Ok(Checked { test: check.clone(), end: run(&test, check, &words)? })
    };
    Ok(Outcome::Checked(entry.checks.iter().map(run).collect::<Result<_, _>>()?))
}

/// Builds a chapter's tests over the learner's files; what the compiler says if it cannot.
fn build(
    course: &Path,
    chapter: &str,
    target: &Path,
) -> Result<Result<TestProgram, String>, String> {
    let package = package(course, chapter)?;
    let output = Command::new("cargo")
        .args(["test", "--no-run", "--quiet", "--message-format=json-render-diagnostics"])
        .args(["-p", &package, "--test", chapter, "--features", &format!("{package}/mine")])
        .current_dir(course)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_TERM_COLOR", "never")
        // Nobody debugs these programs, and half of the time goes into it.
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .map_err(|why| format!("cargo: {why}; is it in the PATH?"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match TestProgram::named(&said, chapter) {
        Some(test) if output.status.success() => Ok(Ok(test)),
        _ => Ok(Err(String::from_utf8_lossy(&output.stderr).trim().to_string())),
    }
}

/// The package of a chapter.
pub fn package(course: &Path, chapter: &str) -> Result<String, String> {
    let folder = course.join("chapters");
    let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let found = names.filter_map(|name| {
        let (number, package) = name.split_once('-')?;
        (number == chapter).then(|| package.to_string())
    });
    found.last().ok_or_else(|| format!("there is no chapter {chapter}"))
}

/// Runs one test in a process of its own.
fn run(test: &TestProgram, check: &str, words: &PathBuf) -> Result<End, String> {
    let told = |why: std::io::Error| format!("{}: {why}", words.display());
    let file = File::create(words).map_err(told)?;
    let mut command = within_limits(&test.program);
    command
        .args(["--exact", check, "--test-threads=1"])
        .current_dir(&test.folder)
        .stdin(Stdio::null())
        .stdout(file.try_clone().map_err(told)?)
        .stderr(file)
        .env("RUST_BACKTRACE", "0");
    let ended = wait(&mut command, Instant::now() + PATIENCE);
    let said = fs::read(words).map_err(told)?;
    let said = String::from_utf8_lossy(&said);
    let verdict = |word: &str| {
        said.lines().any(|line| line == format!("test {check} ... {word}"))
            && said.contains("\ntest result: ")
    };
    if said.contains("\nrunning 0 tests") || said.contains("0 passed; 0 failed; 0 ignored") {
        return Err(format!("the course has no test {check}"));
    }
    Ok(match ended {
        None => End::Hangs,
        Some(status) if status.success() && verdict("ok") => End::Holds,
        Some(_) if verdict("FAILED") => End::Fails(failure::happened(&said)),
        Some(status) => End::Ended(status.to_string()),
    })
}

/// A program that gets so much memory and no more, where the system can say so.
fn within_limits(program: &Path) -> Command {
    if cfg!(not(unix)) {
        return Command::new(program);
    }
    let mut command = Command::new("sh");
    let script = format!("ulimit -v {MEMORY}; ulimit -f {WORDS}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(program);
    command
}
