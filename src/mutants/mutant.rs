//! A mutant: a deliberate break, as data.
//!
//! They are in `tests/mutants/*.json`, a list in each file. Nothing in the code that people read
//! knows of them.
//!
//! Always true: ids are unique, and the text that a mutant replaces occurs once in its file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::judge::Judge;

/// The folder of the lists, from the root of the course.
pub const FOLDER: &str = "tests/mutants";

/// A deliberate break.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name.
    pub id: String,
    /// Its number in the list of the breaks that any such service must be tried with.
    pub number: Option<u32>,
    /// What it means.
    pub means: String,
    /// Who must catch it.
    #[serde(default)]
    pub by: Judge,
    /// The invariant that it breaks; none if it is a wrong answer that only the tests of its chapter
    /// know.
    #[serde(default)]
    pub invariant: String,
    /// How many seeds the judge may take; it has a number of its own.
    pub seeds: Option<u64>,
    /// Whether a run that does not come to an end is how it shows.
    #[serde(default)]
    pub hangs: bool,
    /// Why nobody can tell it from the original, if that is so: then nothing must catch it.
    pub equivalent: Option<String>,
    /// The exercise of which it is a wrong answer, if it is one that learners give.
    pub exercise: Option<String>,
    /// What who gives it believes, and why that is wrong, said to them.
    pub belief: Option<String>,
    /// The file, from the root of the course.
    pub file: String,
    /// A text that occurs once in it.
    pub find: String,
    /// What to put in its place.
    pub replace: String,
}

impl Mutant {
    /// The number of the chapter that it breaks; none if it breaks the product.
    pub fn chapter(&self) -> Option<&str> {
        chapter_of(&self.file)
    }

    /// The crate whose feature `mine` lets it in, if it is a mutant of a heart.
    pub fn door(&self, root: &Path) -> Option<String> {
        let (number, _) = self.file.strip_prefix("solutions/")?.split_once('-')?;
        let folders = fs::read_dir(root.join("chapters")).ok()?;
        folders.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).find_map(|folder| {
            let (other, name) = folder.split_once('-')?;
            (other == number).then(|| name.to_string())
        })
    }

    /// Whether a word on the command line means it: its id, its number, its invariant, or its exercise.
    pub fn is_meant_by(&self, word: &str) -> bool {
        self.id == word
            || self.invariant == word
            || self.exercise.as_deref() == Some(word)
            || self.number.is_some_and(|number| number.to_string() == word)
    }

    /// The text of its file with the break in it.
    pub fn applied_to(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.find).count() {
            1 if self.find != self.replace => Ok(text.replacen(&self.find, &self.replace, 1)),
            1 => Err("it changes nothing".to_string()),
            places => Err(format!("its text occurs {places} times in {}", self.file)),
        }
    }
}

/// The number of the chapter that a file of the course belongs to, if it belongs to one.
pub fn chapter_of(file: &str) -> Option<&str> {
    let name = ["chapters/", "solutions/", "exercises/", "tests/"]
        .iter()
        .find_map(|folder| file.strip_prefix(folder))?;
    let (number, _) = name.split_once('-')?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
}

/// All mutants of a course, file by file.
pub fn load(root: &Path) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for path in lists(root)? {
        let text = fs::read_to_string(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        mutants.extend(parse(&text).map_err(|why| format!("{}: {why}", path.display()))?);
    }
    let mut ids = BTreeSet::new();
    match mutants.iter().find(|mutant| !ids.insert(&mutant.id)) {
        Some(twice) => Err(format!("two mutants are called {}: give one another id", twice.id)),
        None => Ok(mutants),
    }
}

/// The mutants of one list.
pub fn parse(text: &str) -> Result<Vec<Mutant>, String> {
    serde_json::from_str(text).map_err(|why| why.to_string())
}

/// The lists, in the order of their names.
fn lists(root: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut lists: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    lists.sort();
    Ok(lists)
}
