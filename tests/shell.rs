//! The shell, as a person or a script has it: in lines, out lines, and an exit code.
//!
//! `tests/shell/dialogue.txt` is typed into our shell and, where it is installed, into ZooKeeper's
//! own, one after the other on one server. What they answer must be the same.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use server::Server;

const SETTINGS: &[(&str, &str)] =
    &[("tickTime", "2000"), ("extendedTypesEnabled", "true"), ("4lw.commands.whitelist", "*")];

/// What a shell did.
#[derive(Debug, PartialEq)]
struct Said {
    code: Option<i32>,
    out: Vec<String>,
    err: Vec<String>,
}

/// Runs a shell with these arguments, and types `lines` into it.
fn run(command: &mut Command, arguments: &[&str], lines: &str) -> Said {
    let mut shell = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut input = shell.stdin.take().expect("a pipe");
    input.write_all(lines.as_bytes()).ok(); // It may have ended already.
    drop(input);
    let done = shell.wait_with_output().expect("the shell ends");
    let lines = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    Said { code: done.status.code(), out: lines(&done.stdout), err: lines(&done.stderr) }
}

fn ours(arguments: &[&str], lines: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ensemble"));
    command.arg("shell");
    run(&mut command, arguments, lines)
}

/// ZooKeeper's shell, if it is installed.
fn theirs() -> Option<Command> {
    let jars = "/usr/share/java";
    let installed = Path::new(jars).join("zookeeper.jar").exists()
        && Command::new("java").arg("-version").output().is_ok_and(|done| done.status.success());
    let mut command = Command::new("java");
    let classes = format!("{jars}/zookeeper.jar:{jars}/*");
    command.args(["-XX:TieredStopAtLevel=1", "-cp", &classes]);
    command.arg("org.apache.zookeeper.ZooKeeperMain");
    installed.then_some(command)
}

/// The lines without what cannot be the same twice, or comes from another thread: greetings, watch
/// events, zxids, times, and session ids.
fn comparable(lines: Vec<String>) -> Vec<String> {
    let noise = ["SLF4J", "Connecting to", "Welcome to", "JLine", "WATCHER::", "WatchedEvent"];
    let mask = |line: String| {
        let long_id = line.strip_prefix("ephemeralOwner = 0x").is_some_and(|id| id.len() > 1);
        match line.split_once(" = ") {
            Some((name @ ("ctime" | "mtime" | "cZxid" | "mZxid" | "pZxid"), _)) => name.to_owned(),
            Some((name, _)) if long_id => name.to_owned(),
            _ => line.replace("org.apache.commons.cli.UnrecognizedOptionException: ", ""),
        }
    };
    lines
        .into_iter()
        .filter(|line| !line.is_empty() && !noise.iter().any(|noise| line.starts_with(noise)))
        .map(mask)
        .collect()
}

/// The watch events, sorted.
fn events(lines: &[String]) -> Vec<&str> {
    let mut events: Vec<&str> =
        lines.iter().filter_map(|line| line.strip_prefix("WatchedEvent ")).collect();
    events.sort();
    events
}

#[test]
fn a_dialogue_is_answered_as_zookeepers_own_shell_answers_it() {
    let Some(mut theirs) = theirs() else {
        println!("skipped: Java or ZooKeeper's classes are not installed");
        return;
    };
    let server = Server::start(SETTINGS);
    let address = server.address().to_string();
    let dialogue = include_str!("shell/dialogue.txt");
    let ours = ours(&["-server", &address], dialogue);
    let theirs = run(&mut theirs, &["-server", &address], dialogue);
    assert_eq!(events(&ours.out), events(&theirs.out));
    assert_eq!(comparable(ours.err), comparable(theirs.err));
    assert_eq!(comparable(ours.out), comparable(theirs.out));
}

#[test]
fn a_dialogue_can_come_through_a_pipe() {
    let server = Server::start(SETTINGS);
    let address = server.address().to_string();
    let lines = "create /a hello\nget -w /a\nset /a 'two words'\nget /a\nhistory\nredo 3\nquit\n";
    let said = ours(&["-server", &address], lines);
    let connecting = format!("Connecting to {address}");
    let expected = [
        &connecting,
        "Welcome to Ensemble!",
        "",
        "WATCHER::",
        "",
        "WatchedEvent state:SyncConnected type:None path:null",
        "hello",
        "",
        "WATCHER::",
        "",
        "WatchedEvent state:SyncConnected type:NodeDataChanged path:/a",
        "two words",
        "0 - create /a hello",
        "1 - get -w /a",
        "2 - set /a 'two words'",
        "3 - get /a",
        "4 - history",
        "two words",
        "",
        "WATCHER::",
        "",
        "WatchedEvent state:Closed type:None path:null",
    ];
    assert_eq!(said.out, expected);
    assert_eq!(said.err, ["Created /a"]);
    assert_eq!(said.code, Some(0));
}

#[test]
fn the_exit_code_says_how_a_command_ended() {
    let server = Server::start(SETTINGS);
    let address = server.address().to_string();
    let code = |words: &[&str]| ours(&[&["-server", &address], words].concat(), "").code;
    assert_eq!(code(&["create", "/a", "x"]), Some(0));
    assert_eq!(code(&["create", "/a", "x"]), Some(1));
    assert_eq!(code(&["get", "/a"]), Some(0));
    assert_eq!(code(&["get", "/b"]), Some(1));
    assert_eq!(code(&["get"]), Some(2));
    assert_eq!(code(&["addauth", "nonsense", "x"]), Some(1));
}

#[test]
fn a_path_behind_the_servers_stands_before_every_path() {
    let server = Server::start(SETTINGS);
    let address = server.address().to_string();
    let below = format!("{address}/app");
    assert_eq!(ours(&["-server", &address, "create", "/app"], "").code, Some(0));
    assert_eq!(ours(&["-server", &below, "create", "/x"], "").err, ["Created /x"]);
    let said = ours(&["-server", &address, "ls", "-R", "/app"], "");
    assert_eq!(said.out[said.out.len() - 2..], ["/app", "/app/x"]);
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    // Nobody listens on port 1.
    let said = ours(&["-server", "127.0.0.1:1", "-timeout", "300", "ls", "/"], "");
    assert_eq!(said.code, Some(1));
    let last = said.err.last().expect("a reason");
    assert!(
        last.starts_with("No server of 127.0.0.1:1 can be reached: 127.0.0.1:1: "),
        "the reason is {last:?}"
    );
    let said = ours(&["-server", "127.0.0.1:port", "ls", "/"], "");
    assert_eq!(said.err, ["\"port\" in \"127.0.0.1:port\" is no port"]);
}

#[test]
fn what_is_no_command_is_refused_without_a_server() {
    let usage_of_ls = "ls [-s] [-w] [-R] path";
    let refused: &[(&[&str], &[&str], i32)] = &[
        (&["ls"], &[usage_of_ls], 2),
        (&["ls", "-Q", "/"], &["Unrecognized option: -Q", usage_of_ls], 2),
        (&["ls", "x"], &["Path must start with / character"], 1),
        (&["ls", "/x/"], &["Path must not end with / character"], 1),
        (
            &["get", "/x//y"],
            &["Invalid path string \"/x//y\" caused by empty node name specified @3"],
            1,
        ),
        (
            &["get", "/x/../y"],
            &["Invalid path string \"/x/../y\" caused by relative paths not allowed @4"],
            1,
        ),
        (&["delete", "-v", "x", "/a"], &["version must be a number, and x is none"], 2),
        (&["create", "/a", "d", "world:anyone:q"], &["Unknown perm type: q"], 2),
        (&["create", "/a", "d", "anyone"], &["anyone does not have the form scheme:id:perm"], 2),
        (&["set", "-v"], &["Missing argument for option: v", "set [-s] [-v version] path data"], 2),
        (&["redo", "5"], &["Command index out of range"], 1),
    ];
    for (words, err, code) in refused {
        let said = ours(&[&["-server", "127.0.0.1:1"], *words].concat(), "");
        assert_eq!(said.err, *err, "{words:?}");
        assert_eq!(said.code, Some(*code), "{words:?}");
    }
    let said = ours(&["nonsense"], "");
    assert_eq!(said.err.last().map(String::as_str), Some("Command not found: nonsense"));
    assert_eq!(said.code, Some(2));
    assert_eq!(ours(&["-nonsense"], "").code, Some(2));
    assert_eq!(ours(&["version"], "").code, Some(0));
    assert!(ours(&["help"], "").out.iter().any(|line| line.contains(usage_of_ls)));
}
