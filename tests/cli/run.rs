//! The chapters' programs: `ensemble run`.

use serde_json::Value as Json;

use super::{failure, folder, run, text};

/// What a program prints.
pub(super) fn prints(arguments: &[&str]) -> String {
    let output = run(&[&["run"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

/// No line is longer than a screen is wide.
pub(super) fn fits(told: &str) {
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits on a screen: {told}");
}

#[test]
fn run_lists_the_programs_that_there_are() {
    let list = prints(&[]);
    assert!(list.starts_with("ensemble run 00    a client that counts"), "{list}");
    assert!(list.contains("\nensemble run 08    an election"), "{list}");
    let (code, said) = failure(&["run", "99"]);
    assert_eq!(code, 2);
    assert!(said.starts_with("ensemble: chapter 99 has no program; there are 00, 01, "), "{said}");
}

#[test]
fn a_table_says_what_each_node_is_like_and_is_drawn_as_a_table() {
    let home = folder();
    let file = home.path().join("table.svg").display().to_string();
    let told = prints(&["04", "three", "--table", "--svg", &file]);
    assert!(
        told.contains("server 3\n"),
        "clients of which nothing is known have no column: {told}"
    );
    assert!(told.contains("1 ← c1 Accept   promised 2, accepted 1:[2, 8]\n"), "{told}");
    assert!(std::fs::read_to_string(&file).unwrap().contains("class=\"states\""));
    assert!(prints(&["08", "--crash", "--table"]).contains("3 crashed"));
    assert!(prints(&["10", "trunc", "--table"]).contains("log 1.3, applied 1.2"));
    let (code, said) = failure(&["run", "03", "--table"]);
    assert_eq!(code, 2);
    assert!(said.contains("chapter 03 has no table; 04, 08, 09 and 10 have one"), "{said}");
    assert_eq!(failure(&["run", "08", "--table", "--json"]).0, 2);
}

#[test]
fn a_partition_is_told_with_what_is_given_up_and_what_the_checkers_say() {
    let told = prints(&["02"]);
    assert_eq!(told, prints(&["2", "--give-up", "a"]), "a seed has one story");
    assert!(told.starts_with("A partition: server 3 of 3 is cut off, A is given up. "), "{told}");
    assert!(told.contains("It lets go of its client"), "{told}");
    assert!(told.contains(" 0 of 3 of client 2.\nLinearizable: yes.\n"), "{told}");
    assert!(!told.contains("beat="), "beats are not what it is about");
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits on a screen: {told}");
    assert!(prints(&["02", "--all"]).contains(" Tell beat=1\n"));

    let told = prints(&["02", "--give-up", "c"]);
    assert!(
        told.contains(": 5 of 5 requests of client 1 answered, 5 of 5 of client 2.\n"),
        "{told}"
    );
    assert!(told.contains("\nLinearizable: no. These show it:\n  #"), "{told}");
    assert!(told.contains("\nA confirmed write was lost to one that is older"), "{told}");
    assert!(told.contains("\nConverged: after "), "{told}");
}

#[test]
fn a_partition_goes_as_its_options_say() {
    let told = prints(&["02", "--reads", "sequential", "--servers", "5"]);
    assert!(told.starts_with("A partition: servers 4 and 5 of 5 are cut off"), "{told}");
    assert!(told.contains("\nSequential: yes.\n"), "{told}");
    let told = prints(&["02", "--partition", "0"]);
    assert!(told.starts_with("No partition. All is linearizable\n"), "{told}");
    assert!(told.contains("\nAll is well: 5 of 5 requests of client 1 answered"), "{told}");
    assert!(!told.contains("no answer"), "{told}");
    for mistake in [&["--give-up", "p"][..], &["--servers", "2"], &["--reads", "all"]] {
        assert_eq!(failure(&[&["run", "02"], mistake].concat()).0, 2, "{mistake:?}");
    }
}

#[test]
fn a_transfer_between_two_banks_is_told_in_all_its_ends() {
    for (what, end) in [
        ("commit", "In the end 1, 2, 3 and c1: committed."),
        ("wait", "In the end 1, 2, 3 and c1: committed."),
        ("block", "In the end 2 and 3: still in doubt."),
        ("return", "In the end 1, 2, 3 and c1: aborted."),
        ("told", "In the end 1, 2, 3 and c1: committed."),
        ("unasked", "In the end 2 and 3: aborted."),
        ("window", "In the end 1, 2 and c1: committed; 3: still in doubt."),
        ("late", "In the end 1, 2, 3 and c1: aborted."),
        ("heuristic", "3: aborted. They disagree for ever."),
        ("lost-log", "3: aborted. They disagree for ever."),
        ("three-phases", "In the end 1, 2, 3 and c1: committed."),
        ("termination", "In the end 2 and 3: aborted."),
        ("alone", "In the end 2: committed; 3: aborted. They disagree for ever."),
        ("partition", "3: aborted. They disagree for ever."),
        ("slow", "2 and 3: aborted. They disagree for ever."),
        ("total-failure", "In the end 2 and 3: still in doubt."),
        ("outbox", "90 was paid and 90 was credited, each payment once"),
    ] {
        let told = prints(&["03", what]);
        assert!(told.contains(end), "{what}: {told}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{what}: {told}");
    }
    assert_eq!(prints(&["3"]), prints(&["03", "commit"]));
    assert_eq!(failure(&["run", "03", "sideways"]).0, 2);
}

#[test]
fn paxos_is_told_message_by_message_by_its_rule_and_by_that_of_popular_notes() {
    let told = prints(&["04"]);
    assert!(
        told.starts_with("Proposers A and B are c1, with [2, 8], and c2, with [4, 5];"),
        "{told}"
    );
    assert!(told.contains(" 1 → c2  Promise n=4 accepted=-\n"), "{told}");
    assert!(told.contains("\nChosen: 1:[4, 5]"), "{told}");
    let notes = prints(&["04", "example", "--rule", "received"]);
    assert!(notes.contains(" 1 → c2  Promise n=4 accepted=1:[2, 8]\n"), "{notes}");
    assert!(notes.contains("\nChosen: 1:[4, 8]"), "{notes}");
    let twice = prints(&["04", "three", "--rule", "received"]);
    let both = "What must never be: in slot 1 [2, 8] was chosen, then [6, 5].\n";
    assert!(twice.contains(both), "{twice}");
    assert!(prints(&["04", "three"]).contains("\nChosen: 1:[2, 8].\n"));
    for told in [told, notes, twice] {
        assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
    }
    assert_eq!(failure(&["run", "04", "sideways"]).0, 2);
}

#[test]
fn a_duel_ends_if_somebody_waits_and_a_log_has_no_gap() {
    assert!(prints(&["04", "duel"]).contains("\nNothing is chosen; ballots that were given up: "));
    for wait in ["random", "ranked"] {
        let told = prints(&["04", "duel", "--wait", wait]);
        assert!(told.contains("\nChosen: 1:["), "{told}");
    }
    let log = prints(&["04", "log"]);
    assert!(log.contains("a no-op fills it."), "{log}");
    let chosen = "Chosen: 1:[1, 11], 2:[1, 12], 3:[1, 13], 4:[2, no-op], 5:[2, 15], 6:[2, 16]";
    assert!(log.contains(chosen), "{log}");
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
fn a_request_is_carried_out_once_unless_the_bank_is_careless() {
    for what in ["nothing", "request", "reply", "power", "power-later"] {
        let told = prints(&["01", what]);
        assert!(told.contains("and account 7 holds 100: it happened once.\n"), "{what}: {told}");
        assert!(told.lines().all(|line| line.chars().count() <= 100), "{what}: {told}");
    }
    let told = prints(&["1", "reply", "--careless"]);
    assert!(told.contains("asked 3 times, and account 7 holds 300: it happened 3 times.\n"));
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
