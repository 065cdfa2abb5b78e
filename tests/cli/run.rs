//! The chapters' programs: `ensemble run`.

use serde_json::Value as Json;

use super::{failure, run};

/// What a program prints.
fn prints(arguments: &[&str]) -> String {
    let output = run(&[&["run"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn run_lists_the_programs_that_there_are() {
    let list = prints(&[]);
    assert!(list.starts_with("ensemble run 08    an election"), "{list}");
    let (code, said) = failure(&["run", "03"]);
    assert_eq!(code, 2);
    assert!(said.starts_with("ensemble: chapter 03 has no program; there are 08"), "{said}");
}

#[test]
fn an_election_is_told_in_columns() {
    let told = prints(&["08"]);
    assert_eq!(told, prints(&["8"]), "a seed has one story");
    assert!(told.starts_with("An election. Voters: 3, a quorum: 2\n\ntime (ms)  who    what\n"));
    let vote = "  1 → 3  Notification vote=(epoch 0, zxid 0.0, server 1) round=1\n";
    assert!(told.contains(vote), "{told}");
    assert!(told.contains(": 3 leading, 1 and 2 following.\n"), "{told}");
    assert!(!told.contains("dials"), "connections are not what it is about");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits on a screen: {told}");
    assert!(prints(&["08", "--all"]).contains("3 ⇢ 1 dials\n"));
}

#[test]
fn an_election_goes_as_its_options_say() {
    let late = prints(&["08", "--gap", "300ms"]);
    assert!(late.contains("Server 3 comes late.\n"), "{late}");
    assert!(late.contains(": 2 leading, 1 and 3 following.\n"), "{late}");
    let late = prints(&["08", "--order", "3,1,2", "--gap", "1s"]);
    assert!(late.contains(": 3 leading, 1 and 2 following.\n"), "{late}");
    let crash = prints(&["08", "--crash"]);
    assert!(crash.contains("Server 3 is back and votes for itself."), "{crash}");
    assert!(crash.contains(": 2 leading, 1 and 3 following.\n"), "{crash}");
    let more = prints(&["08", "--servers", "5", "--observers", "2"]);
    let all = ": 5 leading, 1, 2, 3 and 4 following, 6 and 7 observing.\n";
    assert!(more.contains(all), "{more}");
    assert!(prints(&["08", "--servers", "1"]).contains(": 1 leading, nobody following.\n"));
    for mistake in [&["--order", "1,1,2"][..], &["--gap", "soon"], &["--servers", "26"]] {
        assert_eq!(failure(&[&["run", "08"], mistake].concat()).0, 2, "{mistake:?}");
    }
}

#[test]
fn an_epoch_a_broadcast_and_each_way_back_are_told() {
    let told = prints(&["09"]);
    for packet in ["FollowerInfo", "LeaderInfo epoch=1", "NewLeader", "UpToDate", "Commit 1.2"] {
        assert!(told.contains(&format!("  {packet}")), "{packet}: {told}");
    }
    assert!(told.contains("leader=3 epoch=1, and all have everything up to 1.2.\n"), "{told}");
    let crash = prints(&["09", "--crash"]);
    assert!(crash.contains("epoch=2, and all have everything up to 1.2.\n"), "{crash}");
    for (way, packet) in [
        ("diff", "Diff 1.4"),
        ("disk", "fetched"),
        ("trunc", "Trunc 1.2"),
        ("trunc-diff", "Trunc 1.2"),
        ("snap", "Snap 1.6"),
    ] {
        let told = prints(&["10", way]);
        let (_, back) = told.split_once(" is back.\n").expect("a server comes back");
        assert!(back.contains(packet), "{way}: {told}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{way}: {told}");
    }
    assert_eq!(failure(&["run", "10", "sideways"]).0, 2);
}

#[test]
fn a_program_gets_each_line_of_the_trace_as_json() {
    let told = prints(&["08", "--json"]);
    let lines: Vec<Json> =
        told.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let received = lines.iter().find(|line| line["kind"] == "received").expect("one is");
    let sent =
        lines.iter().find(|line| line["kind"] == "sent" && line["number"] == received["number"]);
    let sent = sent.expect("what is received was sent");
    assert_eq!((&sent["node"], &sent["peer"]), (&received["peer"], &received["node"]));
    assert_eq!(sent["text"], received["text"]);
    assert!(sent["time"].as_f64() < received["time"].as_f64(), "it takes time");
    assert!(lines.iter().any(|line| line["kind"] == "dialled"), "nothing is left out");
}
