//! Deliberate breaks: each fits one place, has a judge that exists, and every invariant has one.
//!
//! To try them takes a while, and is the command `ensemble mutants`. What is checked here costs
//! nothing: that they can be tried at all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ensemble::mutants::judge::Heard;
use ensemble::mutants::{Copy, Judge, Mutant, cases, changed, load, mutant, report};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn all() -> Vec<Mutant> {
    load(root()).expect("the lists can be read")
}

fn mutant(by: &str) -> Mutant {
    let text = format!(
        r#"[{{"id": "a", "number": 7, "means": "It is wrong.", "by": "{by}", "invariant": "Z1",
             "file": "solutions/08-election.rs", "find": "one", "replace": "two"}}]"#
    );
    mutant::parse(&text).expect("it is a list").remove(0)
}

#[test]
fn every_mutant_fits_exactly_one_place() {
    for mutant in all() {
        let text = fs::read_to_string(root().join(&mutant.file)).expect("the file is there");
        let broken = mutant.applied_to(&text).unwrap_or_else(|why| panic!("{}: {why}", mutant.id));
        assert_ne!(broken, text, "{}", mutant.id);
    }
}

#[test]
fn every_mutant_names_checks_and_judges_that_exist() {
    let mut known = report::invariants();
    known.extend(report::OTHERS.iter().map(|(check, _)| check.to_string()));
    for mutant in all() {
        let Mutant { id, by, invariant, .. } = &mutant;
        let is_answer = mutant.exercise.is_some() && invariant.is_empty();
        assert!(
            is_answer || known.contains(invariant),
            "{id} breaks {invariant}, which is no check"
        );
        let (package, target, _) = by.target();
        let manifest = manifests().into_iter().find(|text| {
            text.contains(&format!("\nname = \"{package}\"\n"))
                && text.contains(&format!("[[test]]\nname = \"{target}\"\n"))
        });
        assert!(manifest.is_some(), "{id}: {package} has no test target {target}");
    }
}

fn manifests() -> Vec<String> {
    let chapters = fs::read_dir(root().join("chapters")).expect("there are chapters");
    let folders = chapters.map(|entry| entry.expect("an entry can be read").path());
    folders
        .chain([root().to_path_buf()])
        .map(|folder| fs::read_to_string(folder.join("Cargo.toml")).expect("it has a manifest"))
        .collect()
}

#[test]
fn every_invariant_has_a_mutant() {
    let mutants = all();
    for name in report::invariants() {
        let tried = mutants.iter().any(|mutant| mutant.invariant == name);
        assert!(tried, "no mutant breaks {name}, so nobody knows whether it can fail");
    }
}

#[test]
fn every_number_of_the_kill_list_has_a_mutant() {
    let numbers: BTreeSet<u32> = all().iter().filter_map(|mutant| mutant.number).collect();
    let list =
        [1, 2, 3, 4, 6, 7, 9, 10, 12, 13, 14, 16, 17, 19, 21, 22, 23, 25, 26, 27, 29, 32, 34, 36];
    assert_eq!(numbers, BTreeSet::from(list));
}

#[test]
fn a_mutant_without_a_place_or_with_two_is_no_mutant() {
    let mutant = mutant("swarm");
    assert_eq!(mutant.applied_to("one, and no more"), Ok("two, and no more".to_string()));
    assert!(mutant.applied_to("nothing").is_err());
    assert!(mutant.applied_to("one and one").is_err());
    assert!(mutant::parse(r#"[{"id": "a", "mean": "a misspelt field"}]"#).is_err());
}

#[test]
fn a_mutant_is_meant_by_its_id_its_number_and_its_invariant() {
    let mutant = mutant("swarm");
    assert!(["a", "7", "Z1"].iter().all(|word| mutant.is_meant_by(word)));
    assert!(!mutant.is_meant_by("Z11"));
    assert_eq!(mutant.chapter(), Some("08"));
    assert_eq!(mutant.door(root()), Some("election".to_string()));
}

#[test]
fn judges_are_written_as_they_are_read() {
    for by in ["swarm", "members", "stories", "explore small", "storage 07", "storage 07 a_cut"] {
        assert_eq!(mutant(by).by.to_string(), by);
    }
    let text = r#"[{"id": "a", "means": "", "by": "nobody", "invariant": "Z1", "file": "", "find": "",
                    "replace": ""}]"#;
    let why = mutant::parse(text).expect_err("there is no such judge");
    assert!(why.contains("`nobody` is no judge: write swarm"), "{why}");
}

#[test]
fn stories_are_told_of_mutants_that_exist() {
    let ids: BTreeSet<String> = all().into_iter().map(|mutant| mutant.id).collect();
    let subjects = cases::subjects(root()).expect("the stories can be read");
    assert!(subjects.is_subset(&ids), "{:?}", subjects.difference(&ids));
    let told = cases::told(root(), all()).expect("the stories can be read");
    assert_eq!(told.len(), subjects.len());
    assert!(told.iter().all(|mutant| mutant.by == Judge::Stories));
}

#[test]
fn what_a_judge_said_is_understood() {
    let checks = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    let broken = "seed 7: 3 servers, 90 steps\n  0ns a line\n  at 1.2s Z11: it is gone (bad)\n\
                  thread 'x' (1) panicked at tests/18-assurance.rs:1:\nto see it again: ...";
    let heard = Judge::Swarm.heard(broken);
    assert_eq!(heard, Heard { checks: checks(&["Z11"]), seed: Some(7), states: None });
    let heard = Judge::Swarm.heard("seed 3: 1 servers\nto see it again: ENSEMBLE_SEED=3 ...");
    assert_eq!(heard, Heard { checks: checks(&["V3"]), seed: Some(3), states: None });
    let ended = "seed 5: 1 servers\n  at 1.2s panic: it cannot be (bad)\nto see it again: ...";
    let heard = Judge::Swarm.heard(ended);
    assert_eq!(heard, Heard { checks: checks(&["panic"]), seed: Some(5), states: None });
    let heard = Judge::Members.heard("thread 'a' panicked at chapters/09: no hole in a history");
    assert_eq!(heard.checks, checks(&["panic"]));
    let heard = Judge::Swarm.heard("panicked at x: never reached in 200 seeds: [\"TRUNC\"]");
    assert_eq!(heard.checks, checks(&["V2"]));
    let heard = mutant("explore small").by.heard("after 1,234 states:\n  at 17 Z1: two lead (bad)");
    assert_eq!(heard, Heard { checks: checks(&["Z1"]), seed: None, states: Some(1234) });
    let heard = Judge::Stories.heard("tests/stories/a.story\n  at 1.2s D5: it votes (bad)\n");
    assert_eq!(heard.checks, checks(&["D5"]));
    let heard =
        mutant("atomic-commit 03").by.heard("seed 7: x\n  at 1.2s AC1: they differ (bad)\n");
    assert_eq!(heard.checks, checks(&["AC1"]));
    let said = "test a_log_is_cut ... ok\ntest a_log_is_read ... FAILED\npanicked at x";
    assert_eq!(mutant("storage 07").by.heard(said).checks, checks(&["a_log_is_read"]));
}

#[test]
fn a_mutant_of_a_heart_enters_by_the_exercise_door() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let course = scratch.path();
    let heart = course.join("solutions/08-election.rs");
    for folder in ["solutions", "chapters/08-election", "exercises", ".git"] {
        fs::create_dir_all(course.join(folder)).expect("it can be made");
    }
    fs::write(&heart, "one").expect("it can be written");
    fs::write(course.join("exercises/08-election.rs"), "a hole").expect("it can be written");
    let copy = Copy::of(course).expect("it can be copied");
    assert!(Copy::of(course).is_err(), "two at a time would disturb each other");
    let door = copy.root().join("exercises/08-election.rs");
    let read = |path: &Path| fs::read_to_string(path).expect("it is there");
    assert_eq!(read(&door), "one", "without a mutant an exercise is the solution");
    copy.put_in(&mutant("swarm")).expect("it fits");
    assert_eq!(read(&door), "two");
    assert_eq!(read(&copy.root().join("solutions/08-election.rs")), "one");
    copy.take_out(&mutant("swarm")).expect("it was put in");
    assert_eq!(read(&door), "one");
    assert_eq!(copy.chapters().expect("there are some"), [("election".to_string(), true)]);
    assert!(!copy.root().join(".git").exists());
    drop(copy);
    fs::remove_file(&heart).expect("it is there");
    let copy = Copy::of(course).expect("it can be brought up to date");
    assert!(!door.exists() && !copy.root().join("solutions/08-election.rs").exists());
}

#[test]
fn a_change_concerns_the_mutants_of_its_chapter() {
    assert_eq!(mutant::chapter_of("solutions/08-election.rs"), Some("08"));
    assert_eq!(mutant::chapter_of("chapters/10-sync/src/leader.rs"), Some("10"));
    assert_eq!(mutant::chapter_of("tests/07-storage/crashes.rs"), Some("07"));
    assert_eq!(mutant::chapter_of("tests/mutants/sync.json"), None);
    assert_eq!(mutant::chapter_of("src/disk.rs"), None);
    let why = changed::since("no-such-revision", root(), all()).expect_err("it does not exist");
    assert!(why.contains("no-such-revision"), "{why}");
}
