//! Clients that others wrote, against ensembles: kazoo and ZooKeeper's own zkCli.sh, through every
//! server, with observers.
//!
//! The suites are programs in `tests/clients/`. Where Python, kazoo, Java or zkCli.sh is not
//! installed, the test says so and passes. `ENSEMBLE_SERVER=tests/clients/apache.sh` judges the
//! suites by the original.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

#[path = "support/ensemble.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod ensemble;
#[path = "support/suites.rs"]
mod suites;

use std::process::{Command, Output};
use std::thread;

use ensemble::Ensemble;
use suites::{script, succeeds};

/// Sessions of 2 to 20 s.
const SETTINGS: &[(&str, &str)] = &[("tickTime", "1000"), ("initLimit", "20"), ("syncLimit", "10")];

#[test]
fn kazoo_is_content_with_all_servers_of_an_ensemble() {
    if !kazoo_is_here() {
        return;
    }
    for (voters, observers) in [(3, 1), (5, 1)] {
        let mut ensemble = Ensemble::ours(voters, observers, SETTINGS);
        ensemble.start_all();
        let all: Vec<usize> = ensemble.ids().collect();
        content("ensemble_suite.py", &[ensemble.connect(&all)]);
    }
}

#[test]
fn kazoo_is_content_with_each_server_of_an_ensemble() {
    if !kazoo_is_here() {
        return;
    }
    let mut ensemble = Ensemble::ours(3, 1, SETTINGS);
    ensemble.start_all();
    // Each suite sees one server: the leader, the followers, the observer.
    thread::scope(|scope| {
        for id in ensemble.ids() {
            let server = ensemble.connect(&[id]);
            scope.spawn(move || content("kazoo_suite.py", &[server]));
        }
    });
}

#[test]
fn zkcli_is_content_with_each_server_of_an_ensemble() {
    if !succeeds("java", &["-version"]) || !succeeds("python3", &["--version"]) {
        println!("skipped: Java or Python is not installed");
        return;
    }
    if !succeeds("python3", &[&script("zkcli_suite.py"), "--installed"]) {
        println!("skipped: zkCli.sh is not installed");
        return;
    }
    for (voters, observers) in [(3, 1), (5, 1)] {
        let mut ensemble = Ensemble::ours(voters, observers, SETTINGS);
        ensemble.start_all();
        let members = (voters + observers).to_string();
        for id in ensemble.ids() {
            content("ensemble_zkcli.py", &[ensemble.connect(&[id]), members.clone()]);
        }
    }
}

fn kazoo_is_here() -> bool {
    let here = succeeds("python3", &["-c", "import kazoo"]);
    if !here {
        println!("skipped: Python's kazoo is not installed");
    }
    here
}

/// Runs a suite, which must succeed.
fn content(suite: &str, arguments: &[String]) {
    let run: Output = Command::new("python3")
        .arg(script(suite))
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("Python does not start: {error}"));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{suite} {arguments:?} fails:\n{said}");
    println!("{suite} {arguments:?}:\n{said}");
}
