//! Deliberate breaks: each must be noticed, by the invariant that is there for it.
//!
//! A mutant is data: a file, a text in it that occurs exactly once, another text, and what that
//! means. An invariant that no mutant breaks says nothing, and a break that nothing notices is a
//! hole in the tests. Trying them takes a while, so it is asked for:
//!
//! `cargo test -p assurance --test mutants -- --ignored --nocapture`
//!
//! `ENSEMBLE_MUTANT=log-not-forced` tries one; `ENSEMBLE_SEEDS` says over how many seeds. They are
//! tried on a copy of the workspace with a target directory of its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use assurance::invariants::Invariant;
use serde::Deserialize;

/// A deliberate break.
#[derive(Debug, Deserialize)]
struct Mutant {
    /// Its name.
    id: String,
    /// What it means.
    means: String,
    /// The invariant that must notice it.
    invariant: String,
    /// The crate whose seeds must notice it: `assurance`, or `sync` for the laws of an ensemble.
    #[serde(default = "assurance")]
    by: String,
    /// The file, from the root of the workspace.
    file: String,
    /// A text that occurs once in it.
    find: String,
    /// What to put in its place.
    replace: String,
}

fn assurance() -> String {
    "assurance".to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace")
}

fn mutants() -> Vec<Mutant> {
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("tests/mutants"))
        .expect("the mutants are there")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| -> Vec<Mutant> {
        let text = fs::read_to_string(path).expect("it can be read");
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    };
    files.iter().flat_map(read).collect()
}

#[test]
fn every_mutant_fits_exactly_one_place() {
    let mut ids = BTreeSet::new();
    for mutant in mutants() {
        let text = fs::read_to_string(root().join(&mutant.file)).expect("the file is there");
        let places = text.matches(&mutant.find).count();
        assert_eq!(places, 1, "{} fits {places} places of {}", mutant.id, mutant.file);
        assert_ne!(mutant.find, mutant.replace, "{} changes nothing", mutant.id);
        assert!(ids.insert(mutant.id.clone()), "there are two mutants {}", mutant.id);
    }
}

#[test]
fn every_invariant_has_a_mutant() {
    let mutants = mutants();
    for invariant in Invariant::ALL {
        let name = invariant.to_string();
        let tried = mutants.iter().any(|mutant| mutant.invariant == name);
        assert!(tried, "no mutant breaks {name}, so nobody knows whether it can fail");
    }
}

#[test]
#[ignore = "builds the workspace once for every mutant"]
fn every_mutant_is_killed() {
    let only = std::env::var("ENSEMBLE_MUTANT").ok();
    let chosen = |mutant: &Mutant| only.as_ref().is_none_or(|only| *only == mutant.id);
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
    let copy = scratch.join("workspace");
    if copy.exists() {
        fs::remove_dir_all(&copy).expect("the last copy can be removed");
    }
    copy_folder(&root(), &copy);
    let mut survivors = Vec::new();
    for mutant in mutants().into_iter().filter(chosen) {
        let verdict = try_mutant(&mutant, &copy, &scratch.join("target"));
        println!("{:<26} {verdict}", mutant.id);
        if !verdict.starts_with("killed") {
            survivors.push(format!("{} ({}): {verdict}", mutant.id, mutant.means));
        }
    }
    assert!(survivors.is_empty(), "not killed as they should be:\n{}", survivors.join("\n"));
}

/// Puts a mutant in, runs what must notice it, and takes it out again.
fn try_mutant(mutant: &Mutant, copy: &Path, target: &Path) -> String {
    let file = copy.join(&mutant.file);
    let text = fs::read_to_string(&file).expect("the file was copied");
    if !text.contains(&mutant.find) {
        return "does not fit".to_string();
    }
    fs::write(&file, text.replace(&mutant.find, &mutant.replace)).expect("the copy is ours");
    let output = Command::new(env!("CARGO"))
        .args([
            "test",
            "-q",
            "-p",
            &mutant.by,
            "--test",
            if mutant.by == "sync" { "10" } else { "18" },
        ])
        .arg("nothing_breaks_under_faults")
        .args(["--", "--nocapture"])
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", target)
        .env_remove("ENSEMBLE_SEED")
        .output()
        .expect("cargo runs");
    fs::write(&file, text).expect("the copy is ours");
    let said = String::from_utf8_lossy(&output.stdout);
    let broken = said.lines().find(|line| line.starts_with("  at "));
    let seed = said.lines().rfind(|line| line.starts_with("seed ")).unwrap_or_default();
    match broken {
        Some(line) if line.contains(&format!(" {}: ", mutant.invariant)) => {
            format!("killed by {}, {}", mutant.invariant, seed.split(',').next().unwrap_or(""))
        }
        Some(line) => format!("noticed, but not by {}: {seed}\n{line}", mutant.invariant),
        None if output.status.success() => "survived".to_string(),
        None => format!("neither: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Copies a folder, but what is hidden and what was built.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if name == "target" || name.to_string_lossy().starts_with('.') {
            continue;
        }
        let path = to.join(&name);
        if entry.file_type().expect("a type").is_dir() {
            copy_folder(&entry.path(), &path);
        } else {
            fs::copy(entry.path(), path).expect("a file can be copied");
        }
    }
}
