//! Every recorded data directory of Apache ZooKeeper, opened by our server: the tree that clients
//! then see is the listed one, or the server refuses to start and says why.
//!
//! `ENSEMBLE_SERVER=tests/clients/apache.sh ENSEMBLE_LINE=3.8` opens them with Apache 3.8 instead,
//! which refuses some that need not be refused.
#![allow(clippy::disallowed_methods, reason = "a real server lives in real time")]

#[path = "support/server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod server;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use server::Server;
use wire::{Client, Reader};

/// TTL nodes are in one of them; the super user reads what is protected.
const SETTINGS: &[(&str, &str)] = &[
    ("tickTime", "2000"),
    ("extendedTypesEnabled", "true"),
    ("DigestAuthenticationProvider.superDigest", "super:lK75jTNcA+U9vtVEw5vB51mj/w4="),
];

/// What our server must not open: a record in the middle of the log is damaged.
const REFUSED: &[&str] = &["corrupt-crc"];

/// Each server rewrites this one at its start.
const CONFIG: &str = "/zookeeper/config";

macro_rules! directories {
    ($($test:ident $directory:literal)*) => {
        $(
            #[test]
            fn $test() {
                open($directory);
            }
        )*

        const OPENED: &[&str] = &[$($directory),*];
    };
}

directories! {
    after_trunc_1 "after-trunc/server1"
    after_trunc_2 "after-trunc/server2"
    after_trunc_3 "after-trunc/server3"
    bad_newest_snapshot "bad-newest-snapshot"
    basic "basic"
    corrupt_crc "corrupt-crc"
    corrupt_crc_last "corrupt-crc-last"
    empty_log "empty-log"
    epochs_1 "epochs/server1"
    epochs_2 "epochs/server2"
    epochs_3 "epochs/server3"
    fuzzy_snapshot "fuzzy-snapshot"
    multi_and_acl "multi-and-acl"
    no_digest_old_closesession "no-digest-old-closesession"
    snapshot_above_trunc "snapshot-above-trunc"
    snapshot_gzip "snapshot-gzip"
    snapshot_plus_log "snapshot-plus-log"
    snapshot_snappy "snapshot-snappy"
    toplevel_check_txn "toplevel-check-txn"
    torn_tail "torn-tail"
    torn_tail_header "torn-tail-header"
    torn_tail_padded "torn-tail-padded"
    trunc_target_not_in_log "trunc-target-not-in-log"
    uncommitted_tail "uncommitted-tail"
}

#[test]
fn every_directory_is_opened() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(fixtures()).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.join("README.json").exists() {
            found.insert(name);
        } else {
            found.extend((1..=3).map(|server| format!("{name}/server{server}")));
        }
    }
    assert_eq!(found, OPENED.iter().map(ToString::to_string).collect());
}

/// Starts a server on a copy of the directory and compares what a client sees.
fn open(name: &str) {
    let directory = fixtures().join(name);
    let about = read_json(&directory.join("README.json"));
    let apache = env::var("ENSEMBLE_LINE").is_ok_and(|line| line == "3.8");
    let refused =
        if apache { about["server_3_8_0_opens_it"] == false } else { REFUSED.contains(&name) };
    let started = Server::launch(SETTINGS, |data| copy(&directory, data)).serving();
    let server = match started {
        Ok(server) => server,
        Err(told) => {
            assert!(refused, "{name}: {told}");
            assert!(!told.status.success(), "{name}: a refusal is no success");
            assert!(apache || told.said.contains("log.1"), "{name}: the file is named: {told}");
            return;
        }
    };
    assert!(!refused, "{name} must be refused");
    let recorded = match &about["tree_file"] {
        Json::String(file) => read_json(&directory.join(file)),
        _ => about["tree"].clone(),
    };
    let mut client = Client::connect(server.address(), 30_000);
    let auth = |request: wire::Writer| request.int(0).buffer(b"digest").buffer(b"super:secret");
    assert_eq!(client.ask(100, auth).0, 0, "the super user is known");
    let mut found = BTreeMap::new();
    read_tree(&mut client, "/", &mut found);
    compare(name, &recorded, &found);
}

/// Adds the node and all below it, in the form of the fixtures.
fn read_tree(client: &mut Client, path: &str, found: &mut BTreeMap<String, Json>) {
    if path == CONFIG {
        return;
    }
    let named = |request: wire::Writer| request.buffer(path.as_bytes());
    let (error, body) = client.ask(4, |request| named(request).byte(0));
    assert_eq!(error, 0, "getData {path}");
    let mut reader = Reader(&body);
    let data = reader.buffer().expect("data").map(to_hex);
    let stat = read_stat(&mut reader).expect("a Stat");
    let (error, body) = client.ask(6, named);
    assert_eq!(error, 0, "getACL {path}");
    let acl = read_acl(&mut Reader(&body)).expect("an ACL");
    found.insert(path.to_string(), json!({ "data": data, "acl": acl, "stat": stat }));
    let (error, body) = client.ask(8, |request| named(request).byte(0));
    assert_eq!(error, 0, "getChildren {path}");
    let mut reader = Reader(&body);
    for _ in 0..reader.int().expect("a count") {
        let name = reader.text().expect("a name");
        read_tree(client, &format!("{}/{name}", path.trim_end_matches('/')), found);
    }
}

fn read_stat(reader: &mut Reader) -> Option<Json> {
    Some(json!({
        "czxid": reader.long()?,
        "mzxid": reader.long()?,
        "ctime": reader.long()?,
        "mtime": reader.long()?,
        "version": reader.int()?,
        "cversion": reader.int()?,
        "aversion": reader.int()?,
        "ephemeralOwner": reader.long()?,
        "dataLength": reader.int()?,
        "numChildren": reader.int()?,
        "pzxid": reader.long()?,
    }))
}

fn read_acl(reader: &mut Reader) -> Option<Json> {
    let mut acl = Vec::new();
    for _ in 0..reader.int()? {
        acl.push(json!([reader.int()?, reader.text()?, reader.text()?]));
    }
    Some(Json::Array(acl))
}

fn compare(name: &str, recorded: &Json, found: &BTreeMap<String, Json>) {
    let nodes = recorded.as_array().expect("a list of nodes").iter();
    let recorded: BTreeMap<&str, &Json> = nodes
        .map(|node| (node["path"].as_str().expect("a path"), node))
        .filter(|(path, _)| *path != CONFIG)
        .collect();
    // Some fixtures leave the system nodes out.
    let system = |path: &str| path.starts_with("/zookeeper");
    for (path, node) in found.iter().filter(|(path, _)| !system(path)) {
        let was = recorded.get(path.as_str()).unwrap_or_else(|| panic!("{name}: {path} is new"));
        for part in ["data", "acl", "stat"] {
            assert_eq!(node[part], was[part], "{name}: {part} of {path}");
        }
    }
    for path in recorded.keys() {
        assert!(found.contains_key(*path), "{name}: {path} is missing");
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/datadir")
}

fn read_json(path: &Path) -> Json {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Copies `version-2` and `myid`.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a directory");
            copy(&path, &target);
        } else if path.extension().is_none_or(|extension| extension != "json") {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}
