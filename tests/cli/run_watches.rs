//! The program of chapter 13: `ensemble run 13`.

use super::programs::{fits, prints};
use super::{failure, run};

/// The cells of the row that begins so.
fn row<'a>(told: &'a str, change: &str) -> Vec<&'a str> {
    let line = told.lines().find(|line| line.starts_with(&format!("{change}  ")));
    let line = line.unwrap_or_else(|| panic!("no row {change}: {told}"));
    line[change.len()..].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn the_table_says_which_change_fires_which_watch() {
    let told = prints(&["13"]);
    fits(&told);
    assert_eq!(row(&told, "create /a/b"), ["Created /a/b", "-", "Created /a/b", "Created /a/b"]);
    assert_eq!(row(&told, "delete /a/b"), ["Deleted /a/b"; 4]);
    let list = "ChildrenChanged /a/b";
    assert_eq!(row(&told, "create /a/b/c"), ["-", list, list, "Created /a/b/c"]);
    assert_eq!(row(&told, "set /a/b/c/d"), ["-", "-", "-", "DataChanged /a/b/c/d"]);
    assert_eq!(row(&told, "set /a/b 7"), ["(BadVersion)"; 4]);
    assert_eq!(row(&told, "setACL /a/b"), ["-"; 4]);
    assert_eq!(row(&told, "set /a"), ["-"; 4]);
    assert!(told.contains("Spent when they fire: data, child. They stay: persistent, recursive."));
}

#[test]
fn the_table_can_be_seen_from_the_parent_and_by_who_may_not_read() {
    let told = prints(&["13", "--on", "/a"]);
    let list = "ChildrenChanged /a";
    assert_eq!(row(&told, "create /a/b"), ["-", list, list, "Created /a/b"]);
    let told = prints(&["13", "--no-read"]);
    assert_eq!(row(&told, "delete /a/b"), ["-"; 4]);
    assert!(told.contains("Spent when they fire: data, child."), "they are spent: {told}");
}

#[test]
fn a_watch_is_told_as_it_fires() {
    for (arguments, end) in [
        (&["getData"][..], "Client 1 was told of one: NodeDataChanged /app"),
        (&["exists", "--missing"], "told of one: NodeCreated /app, and its read found no node."),
        (&["getChildren"], "told of one: NodeChildrenChanged /app."),
        (&["getData", "--missing"], "Client 1 was told nothing, and its read found no node."),
        (&["getData", "--again"], "Client 1 was told of 3; what it last read is \"three\"."),
        (&["persistent"], "Changes: 5. Client 1 was told of 5"),
        (&["recursive", "--missing"], "Changes: 6. Client 1 was told of 6"),
    ] {
        let told = prints(&[&["13"], arguments].concat());
        assert!(told.contains(end), "{arguments:?}: {told}");
        fits(&told);
    }
}

#[test]
fn changes_that_come_at_once_are_fewer_events_and_the_last_value_is_read() {
    let told = prints(&["13", "getData", "--again", "--burst"]);
    assert!(told.contains("what it last read is \"three\""), "{told}");
    assert!(!told.contains("told of 3"), "some were missed: {told}");
}

#[test]
fn what_is_no_watch_or_no_path_is_refused() {
    let (code, said) = failure(&["run", "13", "--on", "a/b"]);
    assert_eq!((code, said.contains("a/b is no path; write for example /a/b")), (2, true));
    let (code, said) = failure(&["run", "13", "--json"]);
    assert_eq!((code, said.contains("`ensemble run 13 exists`")), (2, true), "{said}");
    assert_eq!(failure(&["run", "13", "sideways"]).0, 2);
    let told = run(&["run", "13", "exists", "--json"]).stdout;
    assert!(told.starts_with(b"{"), "a trace can be had by a program");
}
