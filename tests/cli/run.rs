//! The chapters' programs: `ensemble run`.

use serde_json::Value as Json;

use super::{failure, folder, run, text};

/// What a program prints.
fn prints(arguments: &[&str]) -> String {
    let output = run(&[&["run"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn run_lists_the_programs_that_there_are() {
    let list = prints(&[]);
    assert!(list.starts_with("ensemble run 05    what zxids say"), "{list}");
    let (code, said) = failure(&["run", "03"]);
    assert_eq!(code, 2);
    assert!(said.starts_with("ensemble: chapter 03 has no program; there are 05"), "{said}");
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

#[test]
fn a_program_draws_what_it_tells() {
    let folder = folder();
    let file = folder.path().join("election.svg");
    prints(&["08", "--svg", text(&file)]);
    let drawn = std::fs::read_to_string(&file).expect("it is written");
    assert!(drawn.contains("<title>An election. Voters: 3, a quorum: 2</title>"), "{drawn}");
    assert!(drawn.contains("vote=(epoch 0, zxid 0.0, server 3)"), "{drawn}");
    assert!(!drawn.contains("Initial"), "connections are not what it is about");
    let nowhere = folder.path().join("gone/election.svg");
    let (code, said) = failure(&["run", "08", "--svg", text(&nowhere)]);
    assert_eq!((code, said.contains("election.svg: ")), (2, true), "{said}");
}

#[test]
fn zxids_say_what_they_are() {
    let told = prints(&["05", "1.5", "0x100000006", "2.1", "2.3", "2.4294967294", "2.1"]);
    let lines: Vec<&str> = told.lines().skip(1).collect();
    assert_eq!(lines[0], "1.5            0x100000005          1.6");
    let ends = [
        "the next one of the same leader",
        "the first one of a new leader, of epoch 2 after 1",
        "a hole: something is missing between them",
        "none           a hole: something is missing between them",
        "it is earlier",
    ];
    assert!(lines[1..].iter().zip(ends).all(|(line, end)| line.ends_with(end)), "{told}");
    let (code, said) = failure(&["run", "05", "1.x"]);
    assert_eq!((code, said.contains("1.x is no zxid; write 2.7, 0x200000007")), (2, true));
}

#[test]
fn claims_are_told_one_by_one_or_all() {
    let list = run(&["claim", "--json"]);
    let list = String::from_utf8(list.stdout).expect("it is text");
    let claims: Vec<Json> =
        list.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let numbers: Vec<_> = claims.iter().map(|claim| claim["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    for claim in &claims {
        let number = claim["number"].to_string();
        let output = run(&["claim", &number]);
        let said = String::from_utf8_lossy(&output.stdout).replace("\n      ", "");
        assert_eq!(output.status.code(), Some(0), "claim {number}: {said}");
        assert!(said.starts_with(&format!("Claim {number}\nSaid: ")), "{said}");
    }
    let (code, said) = failure(&["claim", "41"]);
    assert_eq!((code, said.as_str()), (2, "ensemble: there is no claim 41; there are 1 to 40\n"));
}
