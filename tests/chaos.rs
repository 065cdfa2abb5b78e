//! `ensemble chaos`: real servers are killed, stopped and cut off under load, and no confirmed write
//! is lost; and whatever becomes of the run itself, no server is left behind.
//!
//! `ENSEMBLE_KILLS=50` kills so many leaders.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tempfile::TempDir;

/// How long anything may take before a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ensemble"));
    command.arg("chaos").args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end, which must be a good one; gives what it says.
fn holds(arguments: &[&str]) -> Json {
    let output = command(arguments).arg("--json").output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let json: Json = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{output:?}"));
    if let (Some(invariant), Some(what)) = (json["invariant"].as_str(), json["what"].as_str()) {
        println!("  at {:.1}s {invariant}: {what}", json["seconds"].as_f64().expect("a number"));
    }
    println!("{json:#}");
    assert_eq!(json["result"], "holds", "{}", json["what"]);
    assert_eq!(output.status.code(), Some(0));
    json
}

#[test]
fn leaders_are_killed_under_load_and_no_confirmed_write_is_lost() {
    let kills = env::var("ENSEMBLE_KILLS").unwrap_or_else(|_| "10".into());
    let said = holds(&["--kills", &kills, "--rate", "20"]);
    let leaders = said["leaderKills"].as_u64().expect("a number");
    assert!(leaders >= kills.parse().expect("ENSEMBLE_KILLS is a number"));
}

#[test]
fn five_servers_are_killed_stopped_cut_off_and_filled_and_every_invariant_holds() {
    let said = holds(&["--servers", "5", "--seconds", "15", "--rate", "20"]);
    let deeds = ["kills", "pauses", "cuts", "fullDisks"];
    let done: u64 = deeds.iter().filter_map(|deed| said[deed].as_u64()).sum();
    assert!(done >= 5, "{done} faults in 15 s");
}

#[test]
fn who_asked_for_a_sync_is_not_shown_the_past_by_a_server_that_is_cut_off() {
    let said = holds(&["--faults", "cut", "--seconds", "20", "--rate", "20"]);
    assert!(said["cuts"].as_u64() >= Some(2), "{said:#}");
}

#[test]
fn a_run_in_which_little_was_done_says_nothing() {
    let output = command(&["--seconds", "1", "--rate", "1000000"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("the run says nothing"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_folder_that_holds_something_is_refused() {
    let home = TempDir::new().expect("a temporary directory");
    fs::create_dir_all(home.path().join("2/data/version-2")).expect("a folder");
    let output = command(&["--dir", &name(&home)]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("is not empty; name another folder"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn an_interrupt_ends_the_run_and_its_servers() {
    let (run, home) = paused();
    let output = end(run, Signal::INT);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("stopped before the end, so nothing was judged"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    nobody_is_left(home.path());
}

#[test]
fn no_server_outlives_a_run_that_is_killed_not_even_one_that_is_stopped() {
    let (run, home) = paused();
    end(run, Signal::KILL);
    let deed = last_deed(home.path());
    assert!(deed.contains(" pause "), "a server was stopped: {deed:?}");
    nobody_is_left(home.path());
}

fn name(home: &TempDir) -> String {
    home.path().display().to_string()
}

/// A run that has just stopped one of its servers, if it ever does.
fn paused() -> (Child, TempDir) {
    let home = TempDir::new().expect("a temporary directory");
    let arguments = ["--faults", "pause", "--seconds", "600", "--dir", &name(&home)];
    let run = command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let began = Instant::now();
    while !last_deed(home.path()).contains(" pause ") && began.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5));
    }
    (run, home)
}

/// What was done last to the servers.
fn last_deed(home: &Path) -> String {
    let history = fs::read_to_string(home.join("history")).unwrap_or_default();
    let deed = history.lines().rfind(|line| line.starts_with("--"));
    deed.unwrap_or_default().to_string()
}

fn end(run: Child, signal: Signal) -> Output {
    kill_process(Pid::from_child(&run), signal).expect("a signal to it");
    run.wait_with_output().expect("it ends")
}

/// Waits until no process has a server's folder locked.
fn nobody_is_left(home: &Path) {
    let began = Instant::now();
    for id in 1..=3 {
        let folder = home.join(format!("{id}/data/version-2"));
        let folder = File::open(folder).expect("the server has made its folder");
        while folder.try_lock().is_err() {
            assert!(began.elapsed() < PATIENCE, "server {id} is still there");
            sleep(Duration::from_millis(20));
        }
    }
}
