//! Clients that others wrote, against our server: kazoo and ZooKeeper's own zkCli.sh.
//!
//! The suites are scripts in `tests/clients/`. Where Python, kazoo, Java or zkCli.sh is not
//! installed, the test says so and passes.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;

use std::path::Path;
use std::process::{Command, Stdio};

use server::Server;

const SETTINGS: &[(&str, &str)] = &[
    ("tickTime", "2000"),
    ("maxClientCnxns", "0"),
    ("extendedTypesEnabled", "true"),
    ("4lw.commands.whitelist", "*"),
];

#[test]
fn kazoo_is_content() {
    if !succeeds("python3", &["-c", "import kazoo"]) {
        println!("skipped: Python's kazoo is not installed");
        return;
    }
    run_suite("kazoo_suite.py");
}

#[test]
fn zkcli_is_content() {
    if !succeeds("java", &["-version"]) || !succeeds("python3", &["--version"]) {
        println!("skipped: Java or Python is not installed");
        return;
    }
    if !succeeds("python3", &[&script("zkcli_suite.py"), "--installed"]) {
        println!("skipped: zkCli.sh is not installed");
        return;
    }
    run_suite("zkcli_suite.py");
}

fn run_suite(name: &str) {
    let server = Server::start(SETTINGS);
    let suite = Command::new("python3")
        .args([script(name), server.address().to_string()])
        .output()
        .expect("python3");
    let said = String::from_utf8_lossy(&suite.stderr);
    println!("{said}");
    assert!(suite.status.success(), "{name} fails; the server said:\n{}", server.log());
}

fn script(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name);
    path.to_string_lossy().into_owned()
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
