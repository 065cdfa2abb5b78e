//! `ensemble bench`: it measures a server or an ensemble, compares two, and leaves nothing behind.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "support/ensemble.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod ensemble;
#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;

use std::process::{Command, Output};

use serde_json::Value as Json;

use ensemble::Ensemble;
use server::Server;
use wire::{Client, Reader};

const MEASURES: [&str; 7] =
    ["set", "create", "get", "mixed", "latency set", "latency get", "watch"];

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ensemble"))
        .arg("bench")
        .args(arguments)
        .output()
        .expect("the benchmark")
}

fn quick(connect: &str) -> [&str; 9] {
    [connect, "--seconds", "0.1", "--rounds", "1", "--clients", "3", "--depth", "5"]
}

#[test]
fn it_compares_two_servers_and_leaves_nothing_behind() {
    let server = Server::start(&[("tickTime", "2000")]);
    let connect = server.address().to_string();
    let arguments = [&quick(&connect)[..], &["--against", &connect, "--json"]].concat();
    let output = bench(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let results = results.as_array().expect("a list");
    assert_eq!(results.len(), 2 * MEASURES.len());
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["workload"], MEASURES[index / 2]);
        assert_eq!(result["target"], connect);
        assert!(result["per_second"].as_f64() > Some(0.0), "{result}");
        assert!(result["p99_us"].as_f64() >= result["p50_us"].as_f64(), "{result}");
        assert_eq!(result["ratio"].is_object(), index % 2 == 0, "{result}");
    }
    let mut client = Client::connect(server.address(), 30_000);
    let (_, body) = client.ask(8, |request| request.buffer(b"/").byte(0));
    assert_eq!(Reader(&body).int(), Some(1), "only /zookeeper is left");
}

#[test]
fn it_deals_its_clients_out_to_the_servers_of_an_ensemble() {
    let settings = [("tickTime", "1000"), ("initLimit", "20"), ("syncLimit", "10")];
    let mut ensemble = Ensemble::ours(3, 0, &settings);
    ensemble.start_all();
    let ids: Vec<usize> = ensemble.ids().collect();
    let output = bench(&[&quick(&ensemble.connect(&ids))[..], &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(results.as_array().expect("a list").len(), MEASURES.len());
    for id in ids {
        let mut client = Client::connect(ensemble.address(id), 10_000);
        let received = ensemble.count_of(id, "zk_packets_received");
        assert!(received > 100, "server {id} was asked {received} times");
        client.ask(9, |request| request.buffer(b"/"));
        let (_, body) = client.ask(8, |request| request.buffer(b"/").byte(0));
        assert_eq!(Reader(&body).int(), Some(1), "only /zookeeper is left");
    }
}

#[test]
fn it_prints_a_table() {
    let server = Server::start(&[("tickTime", "2000")]);
    let connect = server.address().to_string();
    let output = bench(&[&quick(&connect)[..], &["--workload", "get,set"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("workload") && lines[0].ends_with("p99.9"), "{table}");
    assert!(lines[1].starts_with("set ") && lines[2].starts_with("get "), "{table}");
}

#[test]
fn it_says_why_it_cannot_measure() {
    for (connect, reason) in [("nowhere", "not host:port"), ("127.0.0.1:1", "refused")] {
        let output = bench(&[connect]);
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(reason), "{said}");
    }
}
