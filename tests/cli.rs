//! The command line: what it prints, where, and with which exit code it ends.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "cli/background.rs"]
mod background;
#[path = "cli/explore.rs"]
mod explore;
#[path = "cli/run.rs"]
mod programs;
#[path = "cli/run_acl.rs"]
mod run_acl;
#[path = "cli/run_conversation.rs"]
mod run_conversation;
#[path = "cli/run_hunt.rs"]
mod run_hunt;
#[path = "cli/run_jute.rs"]
mod run_jute;
#[path = "cli/run_request.rs"]
mod run_request;
#[path = "cli/run_sessions.rs"]
mod run_sessions;
#[path = "cli/run_storage.rs"]
mod run_storage;
#[path = "cli/run_watches.rs"]
mod run_watches;
#[path = "cli/run_znodes.rs"]
mod run_znodes;
#[path = "cli/start.rs"]
mod start;
#[path = "cli/tour.rs"]
mod tour;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tempfile::TempDir;

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ensemble"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// What a command that fails says, and its exit code.
fn failure(arguments: &[&str]) -> (i32, String) {
    let output = run(arguments);
    assert!(output.stdout.is_empty(), "standard output is for results");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("it ends by itself"), said)
}

/// A server that `ensemble start` runs.
struct Started {
    child: Child,
    connect: String,
}

impl Started {
    /// Starts a server on any port, and waits for the line that says where it is.
    fn new(arguments: &[&str]) -> Started {
        let mut child = command(&["start", "--servers", "1", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("it prints a line");
        let connect = line.trim_end().strip_prefix("connect: ").expect("the line says so");
        Started { connect: connect.to_string(), child }
    }

    fn word(&self, word: &str) -> String {
        let mut stream = TcpStream::connect(&self.connect).expect("it serves");
        stream.set_read_timeout(Some(PATIENCE)).expect("the socket is open");
        stream.write_all(word.as_bytes()).expect("the socket is open");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("it answers and closes");
        reply
    }

    fn shell(&self, words: &[&str]) -> Output {
        run(&[&["shell", "-server", &self.connect], words].concat())
    }

    /// Sends a signal, and gives the exit code and what was logged.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("there is a kill");
        assert!(sent.success(), "the server runs");
        let begun = Instant::now();
        while self.child.try_wait().expect("it can be asked").is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
        let mut log = String::new();
        let mut err = self.child.stderr.take().expect("it is piped");
        err.read_to_string(&mut log).expect("the log is text");
        (self.child.wait().expect("it has ended").code(), log)
    }
}

fn folder() -> TempDir {
    TempDir::new().expect("there is room for a folder")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

fn config(folder: &TempDir, lines: &str) -> PathBuf {
    let path = folder.path().join("zoo.cfg");
    let data = folder.path().join("data");
    fs::write(&path, format!("{lines}\ndataDir={}\n", data.display())).expect("it can be written");
    path
}

#[test]
fn start_serves_without_any_configuration_and_stops_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let temporary = folder();
        let mut child =
            command(&["start", "--servers", "1", "--port", "0", "--log-format", "json"])
                .env("TMPDIR", temporary.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("it is piped");
        BufReader::new(out).read_line(&mut line).expect("it prints a line");
        let connect = line.trim_end().strip_prefix("connect: ").expect("it says where it is");
        let server = Started { connect: connect.to_string(), child };
        assert!(server.word("srvr").contains("\nMode: standalone\n"));
        assert_eq!(
            server.word("ruok"),
            "ruok is not executed because it is not in the whitelist.\n"
        );
        let files = || fs::read_dir(temporary.path()).expect("it is there").count();
        assert_eq!(files(), 1, "its data is in a temporary folder");
        let (code, log) = server.end(signal);
        assert_eq!(code, Some(0));
        assert_eq!(files(), 0, "the temporary folder is removed");
        let events: Vec<Json> =
            log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        let listening = events.iter().find(|event| event["message"] == "listening");
        assert_eq!(listening.expect("it is logged")["address"], connect);
    }
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = folder();
    let dir = ["--dir", text(folder.path())];
    let server = Started::new(&dir);
    let created = server.shell(&["create", "/kept", "for ever"]);
    assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
    assert_eq!(server.end("-TERM").0, Some(0));
    let server = Started::new(&dir);
    let got = server.shell(&["get", "/kept"]);
    assert!(String::from_utf8_lossy(&got.stdout).contains("for ever"));
    assert!(!server.shell(&["get", "/not there"]).status.success());
    assert_eq!(server.end("-TERM").0, Some(0));
}

#[test]
fn options_set_keys_and_properties() {
    let server = Started::new(&["-D4lw.commands.whitelist=*", "-D", "maxClientCnxns=7"]);
    assert_eq!(server.word("ruok"), "imok");
    assert!(server.word("conf").contains("\nmaxClientCnxns=7\n"));
    server.end("-TERM");
}

#[test]
fn a_port_or_a_folder_that_is_taken_is_a_failure_that_says_so() {
    let (first, second) = (folder(), folder());
    let server = Started::new(&["--dir", text(first.path())]);
    let port = server.connect.rsplit(':').next().expect("it has a port").to_string();
    let (code, said) =
        failure(&["start", "--servers", "1", "--port", &port, "--dir", text(second.path())]);
    assert_eq!(code, 1);
    let expected = format!("127.0.0.1:{port} is in use; stop who uses it, or choose another port");
    assert!(said.contains(&expected), "{said}");
    let (code, said) =
        failure(&["start", "--servers", "1", "--port", "0", "--dir", text(first.path())]);
    assert_eq!(code, 1);
    assert!(said.contains("another server uses this folder; stop that server"), "{said}");
    server.end("-TERM");
}

#[test]
fn mistakes_end_with_2_and_say_where_they_are() {
    let folder = folder();
    let bad = config(&folder, "clientPort=2181\ntickTime=soon");
    let (code, said) = failure(&["server", text(&bad)]);
    assert_eq!(code, 2);
    let expected = format!("ensemble: {}:2: tickTime=soon: not a whole number; ", bad.display());
    assert!(said.starts_with(&expected), "{said}");
    for arguments in [
        &["start", "--servers", "0"][..],
        &["start", "--servers", "3", "--port", "65535"],
        &["start", "--port", "x"],
        &["start", "--log", "=="],
        &["server"],
        &["server", "no such file"],
        &["server", "2181"],
        &["no-such-command"],
    ] {
        let (code, said) = failure(arguments);
        assert_eq!(code, 2, "{arguments:?} said {said}");
    }
}

#[test]
fn keys_that_change_nothing_are_named_once_for_each_reason() {
    let folder = folder();
    let port = "clientPort=0\nclientPortAddress=127.0.0.1\n";
    let config = config(&folder, &format!("{port}initLimit=5\nsyncLimit=2\nno.such.key=1"));
    let child = command(&["server", text(&config)]).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut log = Vec::new();
    while !log.last().is_some_and(|line: &String| line.contains("listening")) {
        log.push(lines.next().expect("the log goes on").expect("the log is text"));
    }
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("ignored keys")).collect();
    assert_eq!(warnings.len(), 2, "{log:?}");
    assert!(warnings[0].contains("keys=\"initLimit syncLimit\""), "{log:?}");
    assert!(warnings[1].contains("keys=\"no.such.key\""), "{log:?}");
}
