//! The program of chapter 18: `ensemble run 18`.

use assurance::Story;

use super::programs::prints;
use super::{failure, folder, run};

#[test]
fn run_18_finds_a_seed_that_breaks_a_law_and_makes_its_story_small() {
    let told = prints(&["18"]);
    assert_eq!(told, prints(&["18", "--without", "vote-and-discovery"]), "a hunt has one end");
    assert!(told.contains(" breaks Z"), "{told}");
    assert!(told.contains("To a user this means: "), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
    let story: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let story: Vec<&str> = story.into_iter().take_while(|line| !line.starts_with(' ')).collect();
    let story = Story::read("small.story", &story.join("\n")).expect("it is a story");
    let drawn = prints(&["18", "--budget", "1"]);
    assert!(drawn.lines().count() > told.lines().count(), "it was longer: {drawn}");
    // With the real rules the same story ends well.
    let folder = folder();
    let file = folder.path().join("small.story");
    let story = Story { expect: None, hash: None, ..story };
    std::fs::write(&file, story.to_string()).expect("it is written");
    assert!(run(&["replay", &file.display().to_string()]).status.success());
}

#[test]
fn run_18_finds_nothing_if_one_of_the_two_rules_is_kept() {
    for rules in ["vote", "nothing"] {
        let told = prints(&["18", "--without", rules, "--seeds", "40"]);
        assert!(told.contains("\nNothing is broken.\n"), "{rules}: {told}");
    }
    for mistake in [&["--without", "tea"][..], &["--servers", "1"], &["--seeds", "0"]] {
        assert_eq!(failure(&[&["run", "18"], mistake].concat()).0, 2, "{mistake:?}");
    }
}
