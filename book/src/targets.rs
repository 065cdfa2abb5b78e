//! What the boxes of the book are about: claims, exercises, topics. All of it is data; a box whose
//! target is not there fails the build, and so does a topic that no page covers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use serde::Deserialize;

use crate::problem::Problem;
use crate::transcript::Place;

/// Where the lists of exercises lie, one for each chapter, seen from the root of the course.
pub const EXERCISES: &str = "exercises";

/// Where the list of topics lies, seen from the root of the course.
pub const SYLLABUS: &str = "book/syllabus.toml";

/// All that pages may point to.
#[derive(Debug)]
pub struct Targets {
    /// The claims, by number, as `ensemble claim` tells them.
    pub claims: BTreeMap<u32, Claim>,
    /// The exercises, by number, such as 8.1.
    pub exercises: BTreeMap<String, Exercise>,
    /// All that the course teaches.
    pub topics: Vec<Topic>,
}

/// A claim that is often heard.
#[derive(Clone, Debug, Deserialize)]
pub struct Claim {
    /// Its number.
    pub number: u32,
    /// The chapter in which it is settled.
    pub chapter: String,
    /// How it is commonly stated.
    pub stated: String,
    /// What is so, in a few sentences.
    pub verdict: String,
    /// Whether there is an experiment yet.
    pub settled: bool,
}

/// An exercise. How it is checked is not the book's matter.
#[derive(Clone, Debug, Deserialize)]
pub struct Exercise {
    /// Its name.
    pub name: String,
    /// What the reader does: implement, schedule, kill mutants or predict.
    pub kind: String,
    /// How long it takes about.
    pub minutes: u32,
}

/// Something that the course teaches.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// A short name.
    pub id: String,
    /// What it is.
    pub what: String,
    /// The page and the anchor in it, such as `04-paxos.md#duel`.
    pub section: Option<String>,
    /// The command that shows it.
    pub program: Option<String>,
    /// The test that checks it, as `file::function`.
    pub check: Option<String>,
    /// It is not there yet.
    #[serde(default)]
    pub coming: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Syllabus {
    topic: Vec<Topic>,
}

impl Targets {
    /// Reads all lists. The error is a list that cannot be read.
    pub fn read(place: &Place) -> Result<Targets, Problem> {
        let problem = |file: &str, what: String| Problem { file: file.into(), line: 0, what };
        let read = |file: &str| {
            let text = fs::read_to_string(place.root.join(file));
            text.map_err(|why| problem(file, why.to_string()))
        };
        let syllabus = toml::from_str(&read(SYLLABUS)?);
        let told =
            place.run("ensemble claim --json").map_err(|why| problem("src/claims.rs", why))?;
        let claims: Result<Vec<Claim>, _> = told.text.lines().map(serde_json::from_str).collect();
        let claims = claims.map_err(|why| problem("src/claims.rs", why.to_string()))?;
        let Syllabus { topic } = syllabus.map_err(|why| problem(SYLLABUS, why.to_string()))?;
        Ok(Targets {
            claims: claims.into_iter().map(|claim| (claim.number, claim)).collect(),
            exercises: exercises(&place.root)?,
            topics: topic,
        })
    }

    /// What is wrong with the list of topics: a program that does not run, a check that is not
    /// there, a topic that is neither covered nor coming. Sections are checked with the links.
    pub fn topics_problems(&self, place: &Place) -> Vec<Problem> {
        let mut seen = BTreeSet::new();
        let mut problems = Vec::new();
        for topic in &self.topics {
            let mut wrong = |what: String| {
                let what = format!("topic `{}`: {what}", topic.id);
                problems.push(Problem { file: SYLLABUS.into(), line: 0, what });
            };
            if !seen.insert(&topic.id) {
                wrong("there are two of that id".to_string());
            }
            let covered =
                topic.section.is_some() && topic.program.is_some() && topic.check.is_some();
            if !covered && !topic.coming {
                wrong("it has no section, program and check, and is not `coming`".to_string());
            }
            if covered && topic.coming {
                wrong("it is covered; take `coming` away".to_string());
            }
            if let Some(program) = &topic.program
                && let Err(why) = runs(program, place)
            {
                wrong(why);
            }
            if let Some(check) = &topic.check
                && let Err(why) = is_there(check, &place.root)
            {
                wrong(why);
            }
        }
        problems
    }
}

/// The exercises of all chapters.
fn exercises(root: &Path) -> Result<BTreeMap<String, Exercise>, Problem> {
    let problem = |file: &Path, what: String| Problem { file: file.into(), line: 0, what };
    let told = |why: io::Error| problem(Path::new(EXERCISES), why.to_string());
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(root.join(EXERCISES)).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).map_err(told)?;
            let chapter: BTreeMap<String, Exercise> =
                toml::from_str(&text).map_err(|why| problem(&path, why.to_string()))?;
            all.extend(chapter);
        }
    }
    Ok(all)
}

/// Whether the product has a command.
fn runs(program: &str, place: &Place) -> Result<(), String> {
    let output = place.run(&format!("{program} --help"))?;
    match output.code {
        0 => Ok(()),
        code => Err(format!("`{program} --help` ends with {code}")),
    }
}

/// Whether a test is there.
fn is_there(check: &str, root: &Path) -> Result<(), String> {
    let (file, function) = check.split_once("::").ok_or("a check is written file::function")?;
    let text = fs::read_to_string(root.join(file)).map_err(|why| format!("{file}: {why}"))?;
    match text.contains(&format!("fn {function}(")) {
        true => Ok(()),
        false => Err(format!("{file} has no test `{function}`")),
    }
}
