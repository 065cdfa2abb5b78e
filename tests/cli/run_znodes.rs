//! The program of chapter 11: `ensemble run 11`.

use super::failure;
use super::programs::prints;

/// What the transaction of a request says, by its zxid.
fn says<'a>(told: &'a str, zxid: &str) -> &'a str {
    let mut lines = told.lines().skip_while(|line| !line.starts_with(&format!("{zxid} ")));
    lines.nth(1).expect("it is there").trim_start().strip_prefix("= ").expect("it says something")
}

/// The row of a node in the table at the end, in words.
fn row<'a>(told: &'a str, path: &str) -> Vec<&'a str> {
    let rows = told.lines().map(|line| line.split(' ').filter(|word| !word.is_empty()));
    let mut rows = rows.map(Iterator::collect::<Vec<_>>);
    rows.find(|row| row.first() == Some(&path) && row.len() >= 10).expect("the node is there")
}

#[test]
fn each_write_becomes_a_transaction_with_a_zxid() {
    let told = prints(&["11"]);
    for (zxid, what) in [
        ("1.1", "createSession timeout=30000"),
        ("1.2", "create /a \"x\" created_in_parent=1"),
        ("1.3", "create /a/q-0000000000 null created_in_parent=1"),
        ("1.5", "create /a/q-0000000002 null created_in_parent=3"),
        ("1.6", "setData /a \"y\" version=1"),
        ("1.7", "error -103 BadVersion: nothing is changed"),
        ("-", "nothing: a read is no transaction"),
        ("1.11", "error -111 NotEmpty, at part 3: nothing is done"),
        ("1.12", "closeSession, and with it /a/mine"),
    ] {
        assert_eq!(says(&told, zxid), what, "{told}");
    }
    assert_eq!(row(&told, "/a")[1..], ["\"y\"", "1.2", "1.6", "1.12", "1", "6", "0", "2", "-"]);
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
}

#[test]
fn what_is_applied_twice_is_the_same() {
    let digest =
        |told: String| told.split_once("The digest of the tree is ").unwrap().1[..18].to_string();
    assert_eq!(digest(prints(&["11"])), digest(prints(&["11", "--twice"])));
}

#[test]
fn requests_are_the_readers_own() {
    let told = prints(&["11", "create -e /e mine", "2: set /e yours", "create /e/child"]);
    assert_eq!(row(&told, "/e")[9..], ["client", "1"]);
    assert_eq!(says(&told, "1.4"), "setData /e \"yours\" version=1");
    assert_eq!(says(&told, "1.5"), "error -108 NoChildrenForEphemerals: nothing is changed");
    let told = prints(&["11", "create /a ; create /a/b ; check /a 0 ; set /a x"]);
    assert_eq!(says(&told, "1.2"), "create /a null created_in_parent=1");
    assert!(told.contains("\n       = check /a was good\n       = setData /a \"x\" version=1\n"));
    let long = "x".repeat(300);
    let told = prints(&["11", &format!("create /{long} {long}")]);
    assert!(told.lines().all(|line| line.chars().count() <= 100), "it fits: {told}");
}

#[test]
fn mistakes_name_the_request() {
    for (request, why) in [
        ("make /a", "`make /a`: there is no `make`; write create"),
        ("create a", "`create a`: Path must start with / character"),
        ("set /a", "`set /a`: write set [-s] [-v version] path data"),
        ("10: create /a", "`10: create /a`: 10 is no client; write 1 to 9"),
        ("create /a ; get /a", "`get /a`: a multi has create, set, delete and check"),
        ("check /a x ; create /b", "`check /a x`: x is no version"),
        ("history", "`history`: write create, set"),
        ("", "``: there is no ``"),
    ] {
        let (code, said) = failure(&["run", "11", request]);
        assert_eq!(code, 2, "{request}: {said}");
        assert!(said.starts_with(&format!("ensemble: {why}")), "{request}: {said}");
    }
    // A session that has ended begins again.
    assert!(prints(&["11", "close", "close"]).contains("\n1.4    close\n"));
}
