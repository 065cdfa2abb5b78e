//! Signatures: which checks each known wrong answer fails, and what happened then, so that it is
//! recognised.
//!
//! `ensemble verify` finds them out by trying every wrong answer, and fails if the file says
//! something else.
//!
//! Always true: what is in the file was seen, not thought.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::check::{Checked, End};
use super::verdict::Known;
use crate::mutants::{Mutant, load};

/// Where they lie, from the root of the course.
pub const FILE: &str = "exercises/signatures.json";

/// The checks that fail, each with what happened.
pub type Signature = BTreeMap<String, String>;

/// What each wrong answer fails, by its id.
pub type Signatures = BTreeMap<String, Signature>;

/// What came of checks, as a signature.
pub fn of(all: &[Checked]) -> Signature {
    let failing = all.iter().filter(|it| it.end != End::Holds);
    failing.map(|it| (it.test.clone(), it.end.to_string())).collect()
}

/// Reads them; none if they have never been found out.
///
/// # Errors
/// The file cannot be understood.
pub fn read(course: &Path) -> Result<Signatures, String> {
    let file = course.join(FILE);
    let Ok(text) = fs::read_to_string(&file) else { return Ok(Signatures::new()) };
    serde_json::from_str(&text).map_err(|why| format!("{}: {why}", file.display()))
}

/// Writes them down.
///
/// # Errors
/// The file cannot be written.
pub fn write(course: &Path, signatures: &Signatures) -> Result<(), String> {
    let file = course.join(FILE);
    let text = serde_json::to_string_pretty(signatures).expect("it is plain data") + "\n";
    fs::write(&file, text).map_err(|why| format!("{}: {why}", file.display()))
}

/// The wrong answers to an exercise.
///
/// # Errors
/// The lists cannot be read.
pub fn wrong_answers(course: &Path, exercise: &str) -> Result<Vec<Mutant>, String> {
    let mut mutants = load(course)?;
    mutants.retain(|mutant| mutant.exercise.as_deref() == Some(exercise));
    Ok(mutants)
}

/// The wrong answers to an exercise that can be recognised.
///
/// # Errors
/// The lists cannot be read.
pub fn known(course: &Path, exercise: &str) -> Result<Vec<Known>, String> {
    let mut signatures = read(course)?;
    if signatures.is_empty() {
        return Ok(Vec::new());
    }
    let known = wrong_answers(course, exercise)?.into_iter().filter_map(|mutant| {
        let signature = signatures.remove(&mutant.id)?;
        Some(Known { id: mutant.id, signature, belief: mutant.belief? })
    });
    Ok(known.collect())
}
