//! `ensemble replay`: a story on the command line, and what its exit code says.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use assurance::Settings;
use ensemble::simulate::{Saved, Swarm, save};
use tempfile::TempDir;

const STORY: &str = "tests/stories/4643-epoch-before-history.story";

fn replay(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ensemble"));
    command.arg("replay").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a story into a folder.
fn told(folder: &TempDir, story: &str) -> String {
    let file = folder.path().join("a.story");
    fs::write(&file, story).expect("it can be written");
    file.display().to_string()
}

#[test]
fn a_story_is_told_and_drawn() {
    let folder = TempDir::new().expect("a folder");
    let in_folder = |name: &str| folder.path().join(name).display().to_string();
    let (svg, html) = (in_folder("it.svg"), in_folder("it.html"));
    let output = replay(&[STORY, "--svg", &svg, "--html", &html]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for part in ["ZOOKEEPER-4643", "2 → 3", "NewLeader epoch=2", "power lost", "Nothing is broken"]
    {
        assert!(said.contains(part), "{part} is in {said}");
    }
    assert!(!said.contains("Ping "), "{said}");
    assert!(said.contains(&format!("replay: ensemble replay {STORY}")), "{said}");
    assert!(fs::read_to_string(svg).expect("a drawing").starts_with("<svg "));
    assert!(fs::read_to_string(html).expect("a page").starts_with("<!doctype html>"));
}

#[test]
fn a_program_is_given_every_line_and_the_ending() {
    let output = replay(&[STORY, "--json"]);
    let said = text(&output.stdout);
    let lines: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 1_000);
    assert_eq!(lines[0]["kind"], "started");
    assert!(lines[0]["facts"]["role"].is_string());
    assert!(
        lines.last().is_some_and(|last| last["violation"].is_null() && last["hash"].is_string())
    );
}

#[test]
fn a_story_that_does_not_do_what_it_expects_fails() {
    let folder = TempDir::new().expect("a folder");
    let hopes = told(&folder, "world members\nservers 3\nduration 2s\nexpect Z11\n");
    let output = replay(&[&hopes]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("Z11 was to be broken, and nothing was"));
    let waits = "world members\nservers 3\nduration 2s\nwhen 1 leads crash 1\n";
    let output = replay(&[&told(&folder, waits)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("never given: when 1 leads crash 1"));
}

#[test]
fn a_run_that_breaks_something_is_saved_as_a_story() {
    let folder = TempDir::new().expect("a folder");
    let deeper = folder.path().join("some/where");
    // Nobody can come to rest in no time.
    let settings = Settings { patience: Duration::ZERO, ..Settings::default() };
    let swarm = Swarm { settings, first: 4, seeds: Some(3), time: None, threads: 2 };
    let failure = swarm.run(|_| ()).failure.expect("something breaks");
    assert_eq!(failure.seed, 4, "the lowest seed is told");
    let mut tries = 0;
    let story = failure.story.expect("it can be told");
    let saved = save(&story, &deeper, 10, |it| tries = it.tries).expect("it is saved");
    assert_eq!(saved, Saved { file: deeper.join("4.story"), same: true });
    assert!(tries <= 10);
    let output = replay(&[&saved.file.display().to_string()]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said} {}", text(&output.stderr));
    let broken = format!("{} is broken", failure.invariant);
    assert!(said.contains(&broken) && said.contains(&failure.meaning), "{said}");
    let file = folder.path().join("a file");
    fs::write(&file, "").expect("it can be written");
    let why = save(&story, &file, 1, |_| ()).expect_err("a file is no folder");
    assert!(why.contains("a file"), "{why}");
}

#[test]
fn a_file_that_is_no_story_is_a_mistake() {
    let folder = TempDir::new().expect("a folder");
    let file = told(&folder, "world members\nservers 3\nat noon crash 2\n");
    let output = replay(&[&file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("a.story:3: `noon` is no time"));
    let missing = Path::new("no/such.story").display().to_string();
    let output = replay(&[&missing]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no/such.story"));
}
