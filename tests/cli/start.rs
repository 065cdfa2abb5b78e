//! `ensemble start`: what it shows, what it understands, and a real ensemble that is disturbed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use ensemble::start::command::{Command, Deed, Key, Keys, keys, parse};
use ensemble::start::facts::{Condition, Facts, Role, Seen};
use ensemble::start::table::{change, json, summary, table};
use serde_json::Value as Json;
use zxid::{ServerId, Zxid};

use super::{PATIENCE, command, run};

fn facts(server: i64, role: Role) -> Facts {
    let seen = Seen { role, epoch: Some(1), zxid: Zxid(1 << 32 | 7), sessions: 2, clients: 1 };
    let port = 2180 + server as u16;
    let address = ([127, 0, 0, 1], port).into();
    Facts { server: ServerId(server), address, condition: Condition::Running, cut: false, seen }
}

fn three() -> [Facts; 3] {
    [facts(1, Role::Follower), facts(2, Role::Leader), facts(3, Role::Follower)]
}

fn press(keys: &mut Keys, text: &str, all: &[Facts]) -> Option<Command> {
    text.chars().map(|letter| keys.press(Key::Letter(letter), all)).last().flatten()
}

#[test]
fn the_table_shows_each_server_in_a_line() {
    let mut all = three();
    all[0].condition = Condition::Killed;
    all[2].cut = true;
    let expected = "\
connect: 127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183

  server  state              epoch  zxid          sessions  clients   port
  1       killed                 1  0x100000007          -        -   2181
> 2       leader                 1  0x100000007          2        1   2182
  3       follower, cut off      1  0x100000007          2        1   2183

server 2 leads
1-3 select  k kill  r restart  p pause/resume  c cut off/rejoin  q quit";
    assert_eq!(table(&all, 1, &summary(&all)).join("\n"), expected);
    assert!(expected.lines().all(|line| line.len() < 80), "it fits on the smallest terminal");
}

#[test]
fn the_summary_says_what_is_waited_for() {
    let mut all = three();
    all[0].seen.role = Role::Looking;
    assert_eq!(summary(&all), "server 2 leads; still looking: 1");
    all[1].condition = Condition::Paused;
    assert_eq!(summary(&all), "electing a leader ...");
    all[0].seen.role = Role::Follower;
    assert_eq!(summary(&all), "nobody leads; nobody has noticed yet ...");
    all.iter_mut().for_each(|facts| facts.condition = Condition::Killed);
    assert_eq!(summary(&all), "nobody runs");
    assert_eq!(summary(&[facts(1, Role::Standalone)]), "serving");
}

#[test]
fn only_changes_of_state_are_worth_a_line() {
    let before = facts(2, Role::Follower);
    let mut now = before.clone();
    now.seen.zxid = Zxid(1 << 32 | 8);
    now.seen.sessions = 9;
    assert_eq!(change(Some(&before), &now), None);
    now.seen.role = Role::Leader;
    let line = "server 2: leader, zxid 0x100000008, clients at 127.0.0.1:2182".to_string();
    assert_eq!(change(Some(&before), &now), Some(line.clone()));
    assert_eq!(change(None, &now), Some(line));
    now.condition = Condition::Ended("the disk is full".to_string());
    let line = "server 2: ended: the disk is full".to_string();
    assert_eq!(change(Some(&before), &now), Some(line));
    assert_eq!(json(&now)["why"], "the disk is full");
    assert_eq!(json(&before)["role"], "follower");
}

#[test]
fn a_key_does_something_to_the_selected_server() {
    let mut all = three();
    let mut keys = Keys::default();
    let done = |deed, server| Some(Command::Do(deed, ServerId(server)));
    assert_eq!(press(&mut keys, "k", &all), done(Deed::Kill, 1));
    assert_eq!(press(&mut keys, "3r", &all), done(Deed::Restart, 3));
    assert_eq!(press(&mut keys, "2p", &all), done(Deed::Pause, 2));
    assert_eq!(press(&mut keys, "c", &all), done(Deed::CutOff, 2));
    all[1].condition = Condition::Paused;
    all[1].cut = true;
    assert_eq!(press(&mut keys, "p", &all), done(Deed::Resume, 2));
    assert_eq!(press(&mut keys, "c", &all), done(Deed::Rejoin, 2));
    assert_eq!(press(&mut keys, "x", &all), None);
    assert_eq!(press(&mut keys, "9k", &all), done(Deed::Kill, 2), "there is no server 9");
    assert_eq!(press(&mut keys, "q", &all), Some(Command::Quit));
}

#[test]
fn arrows_and_numbers_of_two_digits_select_too() {
    let all: Vec<Facts> = (1..=12).map(|server| facts(server, Role::Follower)).collect();
    let mut state = Keys::default();
    let select = |state: &mut Keys, text: &str| {
        press(state, text, &all);
        state.selected + 1
    };
    assert_eq!(select(&mut state, "12"), 12);
    assert_eq!(select(&mut state, "13"), 3, "there is no server 13, but a server 3");
    assert_eq!(select(&mut state, "x"), 3);
    for (bytes, selected) in
        [(&b"\x1b[A"[..], 2), (b"\x1bOB", 3), (b"\x1b[A\x1b[A\x1b[A", 1), (b"\x1b[C", 1)]
    {
        for key in keys(bytes) {
            state.press(key, &all);
        }
        assert_eq!(state.selected + 1, selected);
    }
}

#[test]
fn a_line_is_a_command_or_says_what_there_is() {
    assert_eq!(parse(" kill  2 ", 3), Ok(Command::Do(Deed::Kill, ServerId(2))));
    assert_eq!(parse("cut 3", 3), Ok(Command::Do(Deed::CutOff, ServerId(3))));
    assert_eq!(parse("quit", 3), Ok(Command::Quit));
    assert_eq!(parse("kill 4", 3), Err("4 is no server; there are 1 to 3".to_string()));
    let unknown = "no such command: stop 1; there are kill N, restart N, pause N, resume N, \
                   cut N, rejoin N, quit";
    assert_eq!(parse("stop 1", 3), Err(unknown.to_string()));
}

/// An ensemble that is told what to do in lines.
pub(super) struct Told {
    child: Child,
    lines: Receiver<String>,
    pub(super) connect: String,
}

impl Told {
    pub(super) fn start(arguments: &[&str]) -> Told {
        let mut child = command(&["start", "--port", "0", "--log", "off", "--json"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let (say, lines) = channel();
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).for_each(|line| drop(say.send(line)));
        });
        let mut told = Told { child, lines, connect: String::new() };
        let first = told.line();
        told.connect = first["connect"].as_str().expect("it says where it is").to_string();
        told
    }

    fn line(&self) -> Json {
        let line = self.lines.recv_timeout(PATIENCE).expect("something is said");
        serde_json::from_str(&line).expect("a line is JSON")
    }

    /// Waits until something is said that is so.
    fn until(&self, what: &str, is_so: impl Fn(&Json) -> bool) -> Json {
        let begun = Instant::now();
        loop {
            let line = self.line();
            if is_so(&line) {
                return line;
            }
            assert!(begun.elapsed() < PATIENCE, "never: {what}");
        }
    }

    fn tell(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("it listens");
    }

    /// Tells it to do something, and waits until it is done.
    pub(super) fn perform(&mut self, deed: &str, server: i64) {
        self.tell(&format!("{deed} {server}"));
        self.until(deed, |line| line["done"] == deed && line["server"] == server);
    }
}

impl Told {
    fn shell(&self, words: &[&str]) -> Output {
        run(&[&["shell", "-server", &self.connect], words].concat())
    }

    /// Waits until a server has a role.
    pub(super) fn role(&self, role: &str, is_it: impl Fn(i64) -> bool) -> i64 {
        let is_so =
            |line: &Json| line["role"] == role && line["server"].as_i64().is_some_and(&is_it);
        self.until(role, is_so)["server"].as_i64().expect("it has a number")
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_server_is_killed_and_restarted_by_lines() {
    let mut told = Told::start(&["--servers", "1"]);
    assert!(told.shell(&["create", "/kept", "for ever"]).status.success());
    told.perform("kill", 1);
    told.tell("pause 1");
    let refused = told.until("a refusal", |line| line["error"].is_string());
    assert_eq!(refused["error"], "server 1 does not run; restart it");
    told.perform("restart", 1);
    told.until("it serves", |line| line["role"] == "standalone");
    let kept = told.shell(&["get", "/kept"]);
    assert!(String::from_utf8_lossy(&kept.stdout).contains("for ever"));
    told.perform("pause", 1);
    told.perform("resume", 1);
    assert!(told.shell(&["get", "/kept"]).status.success());
    told.tell("kill 2");
    let refused = told.until("a refusal", |line| line["error"].is_string());
    assert_eq!(refused["error"], "2 is no server; there are 1 to 1");
    told.tell("quit");
    assert_eq!(told.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn an_ensemble_survives_its_leader_and_takes_it_back() {
    let mut told = Told::start(&["--observers", "1", "-DtickTime=200"]);
    assert_eq!(told.connect.split(',').count(), 4);
    let leader = told.role("leader", |_| true);
    assert!(told.shell(&["create", "/kept", "for ever"]).status.success());
    told.perform("kill", leader);
    let next = told.role("leader", |server| server != leader);
    let kept = told.shell(&["get", "/kept"]);
    assert!(String::from_utf8_lossy(&kept.stdout).contains("for ever"));
    told.perform("restart", leader);
    told.role("follower", |server| server == leader);
    // Those that follow notice, elect another, and it comes back to follow.
    told.perform("pause", next);
    let third = told.role("leader", |server| server != next);
    told.perform("resume", next);
    told.role("follower", |server| server == next);
    told.perform("cut", third);
    let fourth = told.role("leader", |server| server != third);
    assert_ne!(fourth, 4, "an observer never leads");
    told.perform("rejoin", third);
    told.role("follower", |server| server == third);
    let kept = told.shell(&["get", "/kept"]);
    assert!(String::from_utf8_lossy(&kept.stdout).contains("for ever"));
    told.tell("quit");
    assert_eq!(told.child.wait().expect("it ends").code(), Some(0));
}
