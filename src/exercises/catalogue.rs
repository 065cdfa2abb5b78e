//! The catalogue: all exercises of the course, in order, as data. Each chapter has a file of its own,
//! `exercises/08.toml`.
//!
//! Always true: an exercise that can be checked has a heart, checks, and three hints.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

/// Where it lies, from the root of the course.
pub const FOLDER: &str = "exercises";

/// The number of an exercise: chapter and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// The chapter, with two digits, as in the names of files.
    pub chapter: String,
    place: u32,
    text: String,
}

/// An exercise.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// Its number.
    pub number: Number,
    /// What the catalogue says of it.
    pub entry: Entry,
}

/// What the catalogue says of an exercise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, which stays when numbers change.
    pub name: String,
    /// What the learner does.
    pub kind: String,
    /// How long it takes about.
    pub minutes: u32,
    /// The file in `solutions/` and in `exercises/` that it is a part of.
    pub heart: Option<String>,
    /// Where the book tells what one needs: `08-election.md#what-makes-a-vote-better`.
    pub section: Option<String>,
    /// The tests that must hold, by their paths in the test target of the chapter.
    #[serde(default)]
    pub checks: Vec<String>,
    /// A nudge, the idea, and nearly the answer.
    #[serde(default)]
    pub hints: Vec<String>,
}

/// All exercises, by chapter and place.
#[derive(Clone, Debug)]
pub struct Catalogue(Vec<Exercise>);

impl Catalogue {
    /// Reads the catalogue of a course.
    ///
    /// # Errors
    /// A file of it cannot be read; the text says why, and names the file.
    pub fn read(course: &Path) -> Result<Catalogue, String> {
        let folder = course.join(FOLDER);
        let told = |why: io::Error| format!("{}: {why}", folder.display());
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder).map_err(told)? {
            let file = entry.map_err(told)?.path();
            if file.extension().is_some_and(|extension| extension == "toml") {
                let text = fs::read_to_string(&file).map_err(|why| why.to_string());
                let chapter = text.and_then(|text| parse(&text));
                all.extend(chapter.map_err(|why| format!("{}: {why}", file.display()))?);
            }
        }
        all.sort_by(|one, other| one.number.cmp(&other.number));
        Ok(Catalogue(all))
    }

    /// All of them, in order.
    pub fn all(&self) -> &[Exercise] {
        &self.0
    }

    /// Those that can be checked, in order.
    pub fn checkable(&self) -> impl Iterator<Item = &Exercise> {
        self.0.iter().filter(|exercise| exercise.entry.heart.is_some())
    }

    /// Those that words of a command line mean: `8.1`, `8`, `08` or a name.
    ///
    /// # Errors
    /// There is none; the text says so.
    pub fn meant(&self, word: &str) -> Result<Vec<&Exercise>, String> {
        let chapter = word.parse::<u32>().ok().map(|number| format!("{number:02}"));
        let is_meant = |exercise: &&Exercise| {
            exercise.number.text == word
                || exercise.entry.name == word
                || Some(&exercise.number.chapter) == chapter.as_ref()
        };
        let meant: Vec<&Exercise> = self.0.iter().filter(is_meant).collect();
        match meant.is_empty() {
            true => Err(format!("there is no exercise `{word}`; `ensemble list` has them all")),
            false => Ok(meant),
        }
    }
}

/// The exercises of a chapter, in no order.
fn parse(text: &str) -> Result<Vec<Exercise>, String> {
    let entries: BTreeMap<String, Entry> = toml::from_str(text).map_err(|why| why.to_string())?;
    let exercise = |(number, entry): (String, Entry)| {
        let number = Number::parse(&number)
            .ok_or_else(|| format!("`{number}` is no exercise: write 8.1"))?;
        let checkable = entry.heart.is_some();
        if checkable == entry.checks.is_empty() || checkable != (entry.hints.len() == 3) {
            let why = "needs a heart, checks and three hints, or none of them";
            return Err(format!("exercise {} {why}", number.text));
        }
        Ok(Exercise { number, entry })
    };
    entries.into_iter().map(exercise).collect()
}

impl Number {
    /// Reads `8.1`.
    pub fn parse(text: &str) -> Option<Number> {
        let (chapter, place) = text.split_once('.')?;
        let chapter = format!("{:02}", chapter.parse::<u32>().ok()?);
        Some(Number { chapter, place: place.parse().ok()?, text: text.to_string() })
    }

    /// As it is written: `8.1`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        (&self.chapter, self.place).cmp(&(&other.chapter, other.place))
    }
}
