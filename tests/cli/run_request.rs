//! The program of chapter 16: `ensemble run 16`.

use serde_json::Value as Json;

use super::programs::prints;
use super::{failure, folder, run};

/// Where each of these stands in what was told, one after another.
fn in_order(told: &str, words: &[&str]) {
    let mut rest = told;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            panic!("there is no {word:?} after those before it: {told}")
        };
        rest = after;
    }
}

#[test]
fn run_16_tells_a_write_from_the_frame_to_the_answer() {
    let told = prints(&["16"]);
    assert_eq!(told, prints(&["16", "--through", "follower"]), "a seed has one story");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits on a screen: {told}");
    in_order(
        &told,
        &[
            "c1  ",
            "the program asks: create /a\n",
            "  c1 → 1  create /a xid=1\n",
            "  1 → 3   Request ",
            "Proposal ",
            "on disk: ",
            "Ack ",
            "applied ",
            "Commit ",
            "the program hears: created /a zxid=",
            "The client was told that it is done. The node is there, on all servers.\n",
        ],
    );
    in_order(&told, &["2 → c2  event NodeCreated /a", "the program hears: NodeCreated /a\n"]);
    assert!(!told.contains("Notification") && !told.contains("ping"), "{told}");
}

#[test]
fn run_16_shows_each_way_through_the_house() {
    let leader = prints(&["16", "--through", "leader"]);
    assert!(!leader.contains("  Request "), "a leader asks nobody: {leader}");
    let observer = prints(&["16", "--observers", "1", "--through", "observer"]);
    in_order(&observer, &["4 → 3   Request ", "3 → 4   Inform ", "applied "]);
    assert!(!observer.contains("3 → 4   Proposal"), "{observer}");
}

#[test]
fn run_16_says_what_becomes_of_a_write_whose_leader_crashes() {
    for (step, told, is) in [
        ("forward", "only ConnectionLoss", "is not there"),
        ("propose", "only ConnectionLoss", "is there"),
        ("log", "only ConnectionLoss", "is there"),
    ] {
        let all = prints(&["16", "--crash", step]);
        let outcome = format!("The client was told {told}. The node {is}, on all servers.");
        assert!(all.contains(&outcome), "{step}: {all}");
        assert!(all.contains(" Server 2 leads now.\n"), "{step}: {all}");
    }
    for seed in ["1", "2", "3", "4"] {
        let all = prints(&["16", "--crash", "commit", "--seed", seed]);
        assert!(all.contains(" The node is there, on all servers."), "it was decided: {all}");
    }
}

#[test]
fn run_16_is_told_to_programs_and_drawn_too() {
    let lines = prints(&["16", "--json"]);
    let lines: Vec<Json> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(lines.iter().any(|line| line["text"] == "leads epoch 1"), "all of it is there");
    let folder = folder();
    let file = folder.path().join("write.svg");
    prints(&["16", "--svg", &file.display().to_string()]);
    let drawn = std::fs::read_to_string(&file).expect("it is drawn");
    assert!(drawn.contains("create /a"));
}

#[test]
fn run_16_names_what_cannot_be_and_the_remedy() {
    let (code, said) = failure(&["run", "16", "--through", "observer"]);
    assert_eq!((code, said.contains("say --observers 1")), (2, true), "{said}");
    let (code, said) = failure(&["run", "16", "--through", "leader", "--crash", "forward"]);
    assert_eq!((code, said.contains("say --through follower")), (2, true), "{said}");
    for mistake in [&["--servers", "2"][..], &["--crash", "tea"], &["--observers", "10"]] {
        assert_eq!(run(&[&["run", "16"], mistake].concat()).status.code(), Some(2), "{mistake:?}");
    }
}
