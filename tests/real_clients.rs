//! Clients that others wrote, against our server: kazoo, ZooKeeper's own zkCli.sh, and its Java
//! client.
//!
//! The suites are programs in `tests/clients/`. Where Python, kazoo, Java or zkCli.sh is not
//! installed, the test says so and passes. `ZOOKEEPER_CLASSPATH` names ZooKeeper's jars; without
//! it, those of the Debian package libzookeeper-java are used.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
#[path = "support/suites.rs"]
mod suites;

use std::env;
use std::path::Path;
use std::process::Command;

use server::Server;
use suites::{script, succeeds};
use tempfile::TempDir;

/// Where Debian keeps ZooKeeper's client for Java; the first jar names the others it needs.
const JARS: &str = "/usr/share/java/zookeeper.jar:/usr/share/java/zookeeper-jute.jar";

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

#[test]
fn the_java_client_is_content() {
    let jars = env::var("ZOOKEEPER_CLASSPATH").unwrap_or_else(|_| JARS.into());
    if !succeeds("java", &["-version"]) || !succeeds("javac", &["-version"]) {
        println!("skipped: Java's compiler is not installed");
        return;
    }
    if !jars.split(':').any(|jar| Path::new(jar).exists()) {
        println!("skipped: ZooKeeper's jars are not installed");
        return;
    }
    let classes = TempDir::new().expect("a temporary directory");
    let classes = classes.path().to_string_lossy();
    let source = script("Suite.java");
    assert!(
        succeeds("javac", &["-nowarn", "-cp", &jars, "-d", &classes, &source]),
        "Suite.java does not compile"
    );
    run("java", &["-XX:TieredStopAtLevel=1", "-cp", &format!("{classes}:{jars}"), "Suite"]);
}

fn run_suite(name: &str) {
    run("python3", &[&script(name)]);
}

/// Runs a suite; the address of a server is its last argument.
fn run(program: &str, arguments: &[&str]) {
    let server = Server::start(SETTINGS);
    let suite = Command::new(program)
        .args(arguments)
        .arg(server.address().to_string())
        .output()
        .unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    let said = String::from_utf8_lossy(&suite.stderr);
    println!("{said}");
    assert!(suite.status.success(), "{program} fails; the server said:\n{}", server.log());
}
