//! Which mutants a change of the course concerns: those of the chapters that it touched, and those
//! that are new themselves.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::mutant::{FOLDER, Mutant, chapter_of, parse};

/// The mutants that what changed since a revision concerns; those whose own file changed come first.
pub fn since(revision: &str, root: &Path, all: Vec<Mutant>) -> Result<Vec<Mutant>, String> {
    let listed = git(root, &["diff", "--name-only", "--relative", revision, "--"])?;
    let files: BTreeSet<&str> = listed.lines().collect();
    let chapters: BTreeSet<&str> = files.iter().filter_map(|file| chapter_of(file)).collect();
    let mut before = Vec::new();
    for list in files.iter().filter(|file| file.starts_with(FOLDER)) {
        // A list that is new has no earlier text; one in an older form is as good as new.
        let old = git(root, &["show", &format!("{revision}:./{list}")]).unwrap_or_default();
        before.extend(parse(&old).unwrap_or_default());
    }
    let lists_changed = files.iter().any(|file| file.starts_with(FOLDER));
    let rank = |mutant: &Mutant| {
        let new = lists_changed && !before.contains(mutant) && is_listed(mutant, &files, root);
        match files.contains(mutant.file.as_str()) {
            true => Some(0),
            false if new => Some(1),
            false => mutant.chapter().filter(|chapter| chapters.contains(chapter)).map(|_| 2),
        }
    };
    let mut chosen: Vec<_> =
        all.into_iter().filter_map(|mutant| Some((rank(&mutant)?, mutant))).collect();
    chosen.sort_by_key(|(rank, _)| *rank);
    Ok(chosen.into_iter().map(|(_, mutant)| mutant).collect())
}

/// Whether a mutant is in one of the lists that changed.
fn is_listed(mutant: &Mutant, files: &BTreeSet<&str>, root: &Path) -> bool {
    files.iter().filter(|file| file.starts_with(FOLDER)).any(|list| {
        let text = std::fs::read_to_string(root.join(list)).unwrap_or_default();
        parse(&text).unwrap_or_default().contains(mutant)
    })
}

/// What git says.
fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|why| format!("git: {why}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
    }
}
