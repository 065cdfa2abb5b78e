//! A server in the background: `ensemble server start|stop|restart|status`.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use ensemble::ports::Port;
use rustix::process::{Pid, Signal, getsid, kill_process};
use serde_json::Value as Json;
use tempfile::TempDir;

use super::{PATIENCE, command, config, folder, run, text};

/// A server's folder and configuration. What runs there is killed at the end.
struct Site {
    folder: TempDir,
    config: PathBuf,
    port: Port,
}

impl Site {
    fn new() -> Site {
        let (folder, port) = (folder(), Port::keep().expect("a free port"));
        let config = config(&folder, &format!("clientPort={port}\nclientPortAddress=127.0.0.1"));
        Site { folder, config, port }
    }

    /// A member of an ensemble, whose lines in the configuration are these.
    fn member(number: usize, members: &str) -> Site {
        let site = Site::new();
        let lines = format!("initLimit=20\nsyncLimit=5\ntickTime=500\n{members}");
        let text = fs::read_to_string(&site.config).expect("it was written") + &lines;
        fs::write(&site.config, text).expect("it can be written");
        let data = site.folder.path().join("data");
        fs::create_dir_all(&data).expect("it can be made");
        fs::write(data.join("myid"), number.to_string()).expect("it can be written");
        site
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.path().join("data/zookeeper_server.pid")
    }

    fn run(&self, action: &str, options: &[&str]) -> Output {
        let mut command = command(&["server", action, text(&self.config)]);
        command.args(options).env_remove("ZOOPIDFILE").env_remove("ZOO_LOG_DIR");
        command.output().expect("the program starts")
    }

    /// What a command says, and its exit code.
    fn says(&self, action: &str, options: &[&str]) -> (i32, String) {
        let output = self.run(action, options);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().expect("it ends"), String::from_utf8(said).expect("it is text"))
    }

    /// Starts the server. Gives its process.
    fn start(&self) -> Pid {
        let (code, said) = self.says("start", &[]);
        assert_eq!(code, 0, "{said}");
        let pid = said.strip_prefix("started: process ").and_then(|rest| rest.split(',').next());
        let pid = pid.and_then(|pid| pid.parse::<i32>().ok()).expect("it names the process");
        let data = self.folder.path().join("data");
        let (port, log) = (self.port.number(), data.join("zookeeper_server.log"));
        let rest = format!("process {pid}, connect: 127.0.0.1:{port}, log: {}\n", log.display());
        assert!(said.ends_with(&rest), "{said}");
        assert_eq!(fs::read_to_string(self.pid_file()).expect("it is there"), pid.to_string());
        Pid::from_raw(pid).expect("a process has a number")
    }

    fn shell(&self, words: &[&str]) -> Output {
        run(&[&["shell", "-server", &format!("127.0.0.1:{}", self.port)], words].concat())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.run("stop", &["--wait", "0", "--force"]);
    }
}

#[test]
fn a_server_is_started_asked_and_stopped() {
    let site = Site::new();
    let (code, said) = site.says("status", &[]);
    assert_eq!((code, said.starts_with("not running: there is no ")), (1, true), "{said}");
    let pid = site.start();
    assert_eq!(getsid(Some(pid)).ok(), Some(pid), "it has left the session that started it");
    let running = format!("running: process {pid}\nMode: standalone\n");
    assert_eq!(site.says("status", &[]), (0, running));
    let status = site.run("status", &["--json"]);
    let status: Json = serde_json::from_slice(&status.stdout).expect("it is JSON");
    assert_eq!(status["mode"], "standalone");
    assert_eq!(status["running"], true);
    let again = format!("ensemble: already running as process {pid}\n");
    assert_eq!(site.says("start", &[]), (1, again));
    assert_eq!(site.says("stop", &[]), (0, format!("stopped: process {pid}\n")));
    assert!(!site.pid_file().exists());
    assert_eq!(site.says("status", &[]).0, 1);
    let (code, said) = site.says("stop", &[]);
    assert_eq!((code, said.starts_with("no server to stop: ")), (0, true), "{said}");
}

#[test]
fn a_restart_brings_another_process_with_the_same_data() {
    let site = Site::new();
    let before = site.start();
    assert!(site.shell(&["create", "/kept", "for ever"]).status.success());
    let (code, said) = site.says("restart", &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with(&format!("stopped: process {before}\nstarted: process ")), "{said}");
    assert!(site.shell(&["get", "/kept"]).status.success());
}

#[test]
fn a_killed_server_is_not_taken_for_one_that_runs() {
    let site = Site::new();
    let pid = site.start();
    kill_process(pid, Signal::KILL).expect("it runs");
    let begun = Instant::now();
    while site.says("status", &[]).0 == 0 {
        assert!(begun.elapsed() < PATIENCE, "it does not end");
    }
    let (code, said) = site.says("status", &[]);
    assert_eq!(code, 1);
    // Where nobody has asked yet how it ended, its number is still taken.
    let left = "zookeeper_server.pid was left behind by one that has ended";
    assert!(said.contains(left) || said.contains("is no server of `server start`"), "{said}");
    assert_ne!(site.start(), pid);
}

#[test]
fn a_pid_file_that_names_somebody_else_harms_nobody() {
    let site = Site::new();
    let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().expect("there is a cat");
    fs::create_dir_all(site.folder.path().join("data")).expect("it can be made");
    fs::write(site.pid_file(), other.id().to_string()).expect("it can be written");
    for action in ["status", "stop"] {
        let (_, said) = site.says(action, &[]);
        let names = format!("names process {}, which is no server of `server start`", other.id());
        assert!(said.contains(&names), "{said}");
    }
    assert!(other.try_wait().expect("it can be asked").is_none(), "it lives");
    assert!(site.pid_file().exists(), "its file is its own");
    site.start();
    drop(other.stdin.take());
    other.wait().expect("it ends");
}

#[test]
fn a_server_that_does_not_end_is_killed_only_on_demand() {
    let site = Site::new();
    let pid = site.start();
    kill_process(pid, Signal::STOP).expect("it runs");
    let (code, said) = site.says("stop", &["--wait", "0"]);
    assert_eq!(code, 1);
    let expected = format!("process {pid} has not ended in 0 s; wait longer with --wait, or add");
    assert!(said.contains(&expected), "{said}");
    let (code, said) = site.says("stop", &["--wait", "0", "--force"]);
    assert_eq!((code, said), (0, format!("killed: process {pid}, which did not end by itself\n")));
}

#[test]
fn a_start_that_fails_says_what_the_log_says() {
    let site = Site::new();
    let _taken = TcpListener::bind(("127.0.0.1", site.port.number())).expect("the port is free");
    let (code, said) = site.says("start", &[]);
    assert_eq!(code, 1);
    assert!(said.contains("the server ended with 1; "), "{said}");
    assert!(said.contains(" is in use; stop who uses it, or choose another port"), "{said}");
    assert!(!site.pid_file().exists());
    let (code, said) = site.says("start", &["-DtickTime=soon"]);
    assert_eq!((code, said.contains("tickTime=soon")), (2, true), "{said}");
}

#[test]
fn a_server_in_the_foreground_has_a_status_too() {
    let site = Site::new();
    let child = command(&["server", text(&site.config)]).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program starts");
    let begun = Instant::now();
    let said = loop {
        let (code, said) = site.says("status", &[]);
        if code == 0 {
            break said;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not serve: {said}");
    };
    assert_eq!(said, "running, but not by `ensemble server start`\nMode: standalone\n");
    let (code, said) = site.says("stop", &[]);
    assert_eq!((code, said.starts_with("no server to stop: ")), (0, true), "{said}");
    child.kill().expect("it runs");
    let mut log = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut log).expect("it is text");
    child.wait().expect("it has ended");
}

#[test]
fn members_of_an_ensemble_tell_their_roles_when_there_is_a_quorum() {
    let ports: Vec<Port> = (0..6).map(|_| Port::keep().expect("a free port")).collect();
    let member = |(number, ports): (u64, &[Port])| {
        format!("server.{number}=127.0.0.1:{}:{}\n", ports[0], ports[1])
    };
    let members: String = (1..).zip(ports.chunks(2)).map(member).collect();
    let sites: Vec<Site> = (1..=2).map(|number| Site::member(number, &members)).collect();
    sites[0].start();
    let (code, said) = sites[0].says("status", &[]);
    assert_eq!((code, said.contains("\nnot serving: ")), (1, true), "{said}");
    sites[1].start();
    let begun = Instant::now();
    let status = |site: &Site| -> Json {
        let output = site.run("status", &["--json"]);
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    };
    while sites.iter().any(|site| status(site)["mode"].is_null()) {
        assert!(begun.elapsed() < PATIENCE, "no leader is elected");
    }
    assert_eq!(status(&sites[0])["mode"], "follower");
    assert_eq!(status(&sites[1])["mode"], "leader");
}
