//! Pages that are wrong: each is refused with file and line. And the pages of the book, which are not.
#![allow(clippy::disallowed_methods, reason = "it builds books in real folders")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use book::build::{Plan, build};
use book::transcript::Place;
use tempfile::TempDir;

/// A program that prints three lines whatever it is asked, and draws a circle; and what is like an
/// ensemble and its shell.
const PROGRAM: &str = r#"#!/bin/sh
case "$1" in
claim) echo '{"number":7,"chapter":"08","stated":"It is so.","verdict":"It is not.","settled":true}' ;;
fails) echo "no"; exit 2 ;;
start) echo "connect: 127.0.0.1:15001,127.0.0.1:15002"; echo "> 2   15002"; read -r line ;;
shell) ask() { printf '[zk: %s(CONNECTED) %s] ' "$2" "$1"; }
    ask 0 "$3"; while read -r line; do echo "$line?"; ask 1 "$3"; done ;;
*) echo "first"; echo "took 12 ms"; echo "last" ;;
esac
for file; do :; done
case "$*" in *--svg*) echo '<svg xmlns="http://www.w3.org/2000/svg"></svg>' > "$file" ;; esac
"#;

const CODE: &str = "//! A file.\n\n/// One.\npub fn one() {}\n";

/// A course with one page, built.
fn built(page: &str) -> Result<String, String> {
    let course = course(page);
    let out = course.path().join("out");
    built_in(course.path(), &out, false)?;
    Ok(fs::read_to_string(out.join("page.html")).expect("the page is there"))
}

fn built_in(course: &Path, out: &Path, bless: bool) -> Result<(), String> {
    let place = Place { root: course.to_path_buf(), ensemble: course.join("ensemble") };
    let plan = Plan { place, out: out.to_path_buf(), bless, reload: None };
    build(&plan).map_err(|why| format!("{why:#}"))
}

fn course(page: &str) -> TempDir {
    let course = TempDir::new().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path: PathBuf = course.path().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    };
    let program = write("ensemble", PROGRAM);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    write("code.rs", CODE);
    write("book/book.toml", "[book]\ntitle = \"T\"\nsrc = \"pages\"\n");
    write("exercises/08.toml", "[\"8.1\"]\nname = \"x\"\nkind = \"implement\"\nminutes = 5\n");
    write("book/syllabus.toml", "topic = []\n");
    write("book/pages/SUMMARY.md", "# Contents\n\n[Front](front.md)\n- [Page](page.md)\n");
    write("book/pages/front.md", "# Front\n");
    write("book/pages/page.md", page);
    course
}

/// What is wrong with a page, which must be told with this line.
fn wrong(page: &str, line: usize) -> String {
    let why = built(page).expect_err("it is refused");
    let head = match line {
        0 => "book/pages/page.md: ".to_string(),
        line => format!("book/pages/page.md:{line}: "),
    };
    let what = why.strip_prefix(&head);
    what.unwrap_or_else(|| panic!("{why:?} begins with {head:?}")).to_string()
}

#[test]
fn what_a_page_asks_for_is_put_in_its_place() {
    let page = built(
        "# Page\n\n{{#listing code.rs one}}\n\n::: claim 7\nText.\n\n::: answer\nMore.\n:::\n\n\
         ```console diagram\n$ ensemble run\nfirst\ntook … ms\nlast\n```\n",
    )
    .expect("it is good");
    assert!(page.contains("lines 3 to 4"), "{page}");
    assert!(page.contains("pub fn one() {}"), "{page}");
    assert!(page.contains("Claim 7: “It is so.”"), "{page}");
    assert!(page.contains("<summary>What happens</summary>"), "{page}");
    assert!(page.contains("<figure class=\"diagram\">"), "{page}");
}

#[test]
fn a_session_is_played_on_terminals_and_compared() {
    let start = "```terminal one\n$ ensemble start\nconnect: 127.0.0.1:2181,127.0.0.1:2182\n\
                 > 2    2182\n```\n";
    let shell =
        "```terminal two\n$ ensemble shell\n[zk: localhost:2181(CONNECTED) 0] ls\nls?\n```\n";
    let page =
        built(&format!("# Page\n\n{start}\n{shell}\n```terminal one\npress q\n[...]\n```\n"));
    let page = page.expect("it is good");
    assert!(page.contains("<figcaption>Terminal: two</figcaption>"), "{page}");
    assert!(page.contains("(press q)"), "{page}");

    let what = wrong("# Page\n\n```terminal one\npress q\n```\n", 4);
    assert_eq!(what, "nothing was started on terminal \"one\"");
    let what = wrong("# Page\n\n```terminal one\n$ ensemble fails\nyes\n```\n", 4);
    assert_eq!(what, "terminal \"one\" does not show this, but:\nno");
}

#[test]
fn questions_and_claims_of_other_pages_are_gathered() {
    let question = "::: question 3 Why? | 为什么\nBecause.\n\n::: long\nAt length.\n:::\n";
    let page = built(&format!(
        "# 8. Page\n\n*An hour.*\n\n{question}\n{{{{#questions 3}}}}\n\n\
                               {{{{#claims 7}}}}\n\n{{{{#chapters}}}}\n"
    ));
    let page = page.expect("it is good");
    assert!(page.contains("<a href=\"page.html#question-3\">The whole answer</a>"), "{page}");
    assert_eq!(page.matches("At length.").count(), 1, "{page}");
    assert!(page.contains("It is not.") && page.contains("An hour."), "{page}");
    assert_eq!(wrong("# Page\n\n{{#questions 4}}\n", 3), "no page asks question 4");
    assert_eq!(wrong("# Page\n\n{{#claims 8}}\n", 3), "there is no claim 8");
}

#[test]
fn a_section_of_another_page_ends_where_the_next_begins() {
    let course = course("# Page\n\n{{#section MAP.md The way}}\n\nAfter.\n");
    let map =
        "# Map\n\n## The way\n\nIt goes here.\n\n### Further\n\nAnd there.\n\n## End\n\nNo.\n";
    fs::write(course.path().join("MAP.md"), map).expect("a file");
    let out = course.path().join("out");
    built_in(course.path(), &out, false).expect("it is good");
    let page = fs::read_to_string(out.join("page.html")).expect("it is there");
    assert!(page.contains("It goes here.") && page.contains("And there."), "{page}");
    assert!(!page.contains("<p>No.</p>"), "{page}");
    let what = wrong("# Page\n\n{{#section code.rs The way}}\n", 3);
    assert_eq!(what, "code.rs has no section `The way`");
}

#[test]
fn an_item_that_is_gone_is_told() {
    let what = wrong("# Page\n\n{{#listing code.rs two}}\n", 3);
    assert_eq!(what, "code.rs: there is no `two`");
    let what = wrong("# Page\n\n{{#listing gone.rs two}}\n", 3);
    assert!(what.starts_with("gone.rs: "), "{what}");
}

#[test]
fn a_stale_transcript_is_told_and_can_be_written_anew() {
    let page = "# Page\n\n```console\n$ ensemble run\nfirst\ntook … ms\nend\n```\nText.\n";
    let what = wrong(page, 4);
    assert!(what.contains("the page: end\n    it prints: last"), "{what}");
    let course = course(page);
    built_in(course.path(), &course.path().join("out"), true).expect("it is written anew");
    let anew = fs::read_to_string(course.path().join("book/pages/page.md")).expect("it is there");
    assert_eq!(anew, page.replace("end", "last"));
}

#[test]
fn a_command_that_fails_is_told_unless_the_page_says_so() {
    let what = wrong("# Page\n\n```console\n$ ensemble fails\nno\n```\n", 4);
    assert_eq!(what, "`ensemble fails` ends with 2: no");
    built("# Page\n\n```console\n$ ensemble fails\nno\n[exit 2]\n```\n").expect("it is said");
    let what = wrong("# Page\n\n```console\n$ rm -r here\n```\n", 4);
    assert!(what.starts_with("only `ensemble` is carried out"), "{what}");
}

#[test]
fn a_box_without_its_target_is_told() {
    assert_eq!(wrong("# Page\n\n::: claim 8\n:::\n", 3), "there is no claim 8");
    assert_eq!(wrong("# Page\n\n::: exercise 8.2\n:::\n", 3), "there is no exercise 8.2");
    assert!(wrong("# Page\n\n::: remark\n:::\n", 3).starts_with("there is no box `remark`"));
    assert!(wrong("# Page\n\n::: predict\nText.\n", 3).starts_with("this box is not closed"));
    assert_eq!(wrong("# Page\n\n:::\n", 3), "no box is open here");
}

#[test]
fn a_quiz_whose_answer_is_not_what_happens_is_told() {
    let quiz = "# Page\n\n```quiz\nWhat?\n( ) a\n(x) b\n$ ensemble run\n=> second\n```\n";
    assert_eq!(wrong(quiz, 3), "`ensemble run` does not print a line with \"second\"");
    built(&quiz.replace("second", "took … ms")).expect("it is so");
}

#[test]
fn a_link_that_leads_nowhere_is_told() {
    let what = wrong("# Page\n\n[x](gone.md)\n", 3);
    assert_eq!(what, "a link leads to a page that is not there: gone.html");
    let what = wrong("# Page\n\n[x](front.md#gone)\n", 3);
    assert_eq!(what, "a link leads to an anchor that is not there: front.html#gone");
    let what = wrong("# Page\n\n![x](https://example.org/x.png)\n", 3);
    assert_eq!(what, "the page loads something from another host: https://example.org/x.png");
    built("# Page\n\n[x](https://example.org/)\n\n[y](front.md#front)\n").expect("it is good");
}

#[test]
fn a_page_that_is_in_no_table_of_contents_is_told() {
    let course = course("# Page\n");
    fs::write(course.path().join("book/pages/orphan.md"), "# Orphan\n").expect("a file");
    let why = built_in(course.path(), &course.path().join("out"), false).expect_err("it is told");
    assert_eq!(why, "book/pages/orphan.md: no line of SUMMARY.md names this page");
}

#[test]
fn a_topic_that_nothing_covers_is_told() {
    let course = course("# Page\n");
    let topic = |more: &str| {
        let text = format!("[[topic]]\nid = \"t\"\nwhat = \"T.\"\n{more}");
        fs::write(course.path().join("book/syllabus.toml"), text).expect("a file");
        built_in(course.path(), &course.path().join("out"), false)
    };
    let uncovered = "book/syllabus.toml: topic `t`: it has no section, program and check, and is \
                     not `coming`";
    assert_eq!(topic(""), Err(uncovered.to_string()));
    assert_eq!(topic("coming = true\n"), Ok(()));
    let covered = |section: &str, check: &str| {
        topic(&format!(
            "section = \"{section}\"\nprogram = \"ensemble run\"\ncheck = \"{check}\"\n"
        ))
    };
    assert_eq!(covered("page.md#page", "code.rs::one"), Ok(()));
    let why = covered("page.md#page", "code.rs::two").unwrap_err();
    assert_eq!(why, "book/syllabus.toml: topic `t`: code.rs has no test `two`");
    let why = covered("page.md#gone", "code.rs::one").unwrap_err();
    assert!(why.contains("a link leads to an anchor that is not there: page.md#gone"), "{why}");
}

#[test]
fn an_open_page_is_told_when_it_was_built_anew() {
    let course = course("# Page\n");
    for folder in ["book/theme", "chapters", "solutions", "src", "tests"] {
        fs::create_dir_all(course.path().join(folder)).expect("a folder");
    }
    let path = |name: &str| course.path().join(name);
    let mut server = Command::new(env!("CARGO_BIN_EXE_ensemble-book"))
        .args(["--port", "0", "--course"])
        .arg(course.path())
        .arg("--ensemble")
        .arg(path("ensemble"))
        .arg("--out")
        .arg(path("out"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut address = String::new();
    BufReader::new(server.stdout.take().expect("it is piped")).read_line(&mut address).unwrap();
    let address = address.trim().trim_start_matches("http://").trim_end_matches('/').to_string();
    let page = fs::read_to_string(path("out/page.html")).expect("it was built");
    assert!(page.contains("new WebSocket(wsAddress)"), "the page listens: {page}");
    let mut socket = TcpStream::connect(&address).expect("it serves");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("the socket is open");
    let request = format!(
        "GET /__reload HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: \
         websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \
         dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("it listens");
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("it answers") > 0, "it hung up: {head}");
    }
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    fs::write(path("book/pages/page.md"), "# Page\n\nNew.\n").expect("a file");
    let mut frame = [0; 8];
    reader.read_exact(&mut frame).expect("it is told");
    server.kill().expect("it runs");
    server.wait().expect("it has ended");
    assert_eq!(&frame, b"\x81\x06reload", "a text of six letters");
}
