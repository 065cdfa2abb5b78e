//! Mutants that a story is told of: real bugs, each with the course of events that shows it.
//!
//! Always true: whoever is chosen here is judged by its stories, and by nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assurance::Story;

use super::judge::Judge;
use super::mutant::Mutant;

/// The folder of the stories, from the root of the course.
pub const FOLDER: &str = "tests/stories";

/// Those of the mutants that stories are told of, to be judged by them.
pub fn told(root: &Path, mutants: Vec<Mutant>) -> Result<Vec<Mutant>, String> {
    let told = subjects(root)?;
    let chosen = mutants.into_iter().filter(|mutant| told.contains(&mutant.id));
    Ok(chosen.map(|mutant| Mutant { by: Judge::Stories, ..mutant }).collect())
}

/// The ids of the mutants that stories name.
pub fn subjects(root: &Path) -> Result<BTreeSet<String>, String> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut subjects = BTreeSet::new();
    for entry in entries {
        let path = entry.map_err(|why| format!("{}: {why}", folder.display()))?.path();
        let name = path.display().to_string();
        let text = fs::read_to_string(&path).map_err(|why| format!("{name}: {why}"))?;
        let story = Story::read(&name, &text).map_err(|why| why.to_string())?;
        subjects.extend(story.mutant);
    }
    Ok(subjects)
}
