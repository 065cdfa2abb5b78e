//! The trial of one mutant: build its judge, let it look, say what came of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::copy::Copy;
use super::judge::Heard;
use super::mutant::Mutant;
use crate::cargo::{TestProgram, wait};

/// So many failing runs make a signature, if there are as many.
const RUNS: usize = 3;
/// So many at most, while none of them shows the invariant that a mutant is there for. What breaks
/// first in a run is a matter of luck.
const MOST: usize = 24;
/// So long a judge may look.
const PATIENCE: Duration = Duration::from_secs(600);
/// So long if not coming to an end is how a mutant shows.
const SHORT: Duration = Duration::from_secs(90);

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The invariant that it is there for noticed it.
    Killed,
    /// Something else noticed it.
    Noticed,
    /// Nothing noticed it, and something must.
    Survived,
    /// Nothing noticed it, and nothing can: there is an argument for it.
    Equivalent,
    /// It is no program.
    Unbuilt(String),
}

/// A trial, and all that came of it.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What came of it.
    pub verdict: Verdict,
    /// The checks that failed.
    pub signature: BTreeSet<String>,
    /// How many seeds it took until the first failed, or all.
    pub seeds: Option<u64>,
    /// How many states a search visited.
    pub states: Option<u64>,
    /// The first seed that failed.
    pub seed: Option<u64>,
    /// Whether a run did not come to an end.
    pub hung: bool,
    /// How long all of it took.
    pub took: Duration,
}

/// Tries a mutant that is in the copy.
pub fn attempt(mutant: &Mutant, copy: &Copy) -> Trial {
    let begin = Instant::now();
    let mut trial = match build(mutant, copy) {
        Ok(judge) => judge.look(mutant),
        Err(why) => Trial::of(Verdict::Unbuilt(why)),
    };
    trial.took = begin.elapsed();
    trial
}

impl Trial {
    fn of(verdict: Verdict) -> Trial {
        let (signature, took) = (BTreeSet::new(), Duration::ZERO);
        Trial { verdict, signature, seeds: None, states: None, seed: None, hung: false, took }
    }

    /// What the failed checks say of a mutant.
    fn judged(mut self, mutant: &Mutant) -> Trial {
        self.verdict = match (&mutant.equivalent, self.hung && mutant.hangs) {
            (_, true) => Verdict::Killed,
            _ if self.signature.contains(&mutant.invariant) => Verdict::Killed,
            // A test says in its own name what it is there for.
            _ if !self.signature.is_empty() && mutant.by.seeds().is_none() => Verdict::Killed,
            _ if !self.signature.is_empty() => Verdict::Noticed,
            (Some(_), false) => Verdict::Equivalent,
            (None, false) => Verdict::Survived,
        };
        self
    }
}

/// A test target that is built.
struct Built {
    test: TestProgram,
    /// Where it says what it has to say.
    words: PathBuf,
}

/// Builds the test target that must catch a mutant, with all exercises in place of the hearts.
fn build(mutant: &Mutant, copy: &Copy) -> Result<Built, String> {
    let (package, target, _) = mutant.by.target();
    let chapters = copy.chapters().map_err(|why| why.to_string())?;
    // The same packages and features each time, so that what is built once serves all.
    let mut command = Command::new("cargo");
    command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]);
    command.args(["--test", target]);
    for (name, has_heart) in &chapters {
        command.args(["-p", name]);
        if *has_heart {
            command.args(["--features", &format!("{name}/mine")]);
        }
    }
    if chapters.iter().all(|(name, _)| name != package) {
        command.args(["-p", package]);
    }
    let output = command
        .current_dir(copy.root())
        .env("CARGO_TARGET_DIR", copy.target())
        .output()
        .map_err(|why| format!("cargo: {why}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().find(|line| line.starts_with("error"));
        return Err(error.unwrap_or("cargo failed and did not say why").to_string());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let test = TestProgram::named(&said, target)
        .ok_or(format!("cargo built no test {target} in {package}"))?;
    Ok(Built { test, words: copy.target().join("words.txt") })
}

impl Built {
    /// Lets it look until enough runs have failed, and in the right way, or it has seen all.
    fn look(&self, mutant: &Mutant) -> Trial {
        let mut trial = Trial::of(Verdict::Survived);
        let end = Instant::now() + if mutant.hangs { SHORT } else { PATIENCE };
        let seeds = mutant.by.seeds().map(|own| mutant.seeds.unwrap_or(own));
        let mut first = 0;
        for run in 0..MOST {
            if run >= RUNS && trial.signature.contains(&mutant.invariant) {
                break;
            }
            let Some(heard) = self.run(mutant, first, seeds.map(|seeds| seeds - first), end) else {
                trial.hung = true;
                break;
            };
            trial.states = heard.states;
            trial.signature.extend(heard.checks.iter().cloned());
            if trial.seeds.is_none() {
                trial.seed = heard.seed.filter(|_| !heard.checks.is_empty());
                trial.seeds = seeds.map(|all| trial.seed.map_or(all, |seed| seed + 1));
            }
            // A panic inside a run does not say which seed it was.
            let next = heard.seed.map_or(u64::MAX, |seed| seed + 1);
            if heard.checks.is_empty() || seeds.is_none_or(|seeds| next >= seeds) {
                break;
            }
            first = next;
        }
        trial.judged(mutant)
    }

    /// Runs it once, and says what it said; nothing if it does not come to an end.
    fn run(&self, mutant: &Mutant, first: u64, seeds: Option<u64>, end: Instant) -> Option<Heard> {
        let (_, _, filter) = mutant.by.target();
        let words = File::create(&self.words).expect("the target directory can be written");
        let errors = words.try_clone().expect("a file that is open can be opened");
        let mut command = Command::new(&self.test.program);
        command
            .arg(filter)
            .args(mutant.by.wishes())
            .current_dir(&self.test.folder)
            .stdout(words)
            .stderr(errors);
        command.stdin(Stdio::null()).env_remove("ENSEMBLE_SEED");
        command.env("ENSEMBLE_MUTANT", &mutant.id);
        if let Some(seeds) = seeds {
            command.env("ENSEMBLE_SEEDS", seeds.to_string());
            command.env("ENSEMBLE_FIRST", first.to_string());
        }
        let ended = wait(&mut command, end)?;
        let said = fs::read(&self.words).expect("it was just written");
        let heard = mutant.by.heard(&String::from_utf8_lossy(&said));
        match mutant.by.noticed(ended) {
            true => Some(heard),
            false => Some(Heard::default()),
        }
    }
}
