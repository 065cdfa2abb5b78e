//! A real server whose disk was damaged while it was down: it says so, has no vote, gets back from the
//! others what it lost, and votes again. And its epoch files, which have a check on their second line,
//! are read by Apache's server, as Apache's are by ours.
//!
//! Always true:
//! - no write is lost that was acknowledged;
//! - while a server convalesces, no ensemble comes together that would need its vote.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

#[path = "support/ensemble.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod ensemble;
#[path = "support/load.rs"]
mod load;
#[path = "support/session.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod session;
#[path = "support/tree.rs"]
mod tree;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use ensemble::{Ensemble, Kind, apache_is_here, eventually};
use load::Load;

/// Whoever is silent for 2 s is given up.
const SETTINGS: &[(&str, &str)] = &[("tickTime", "500"), ("initLimit", "20"), ("syncLimit", "4")];

/// How long two servers that can elect a leader would take at most to do so: usually a fifth of it.
const ELECTION: Duration = Duration::from_secs(5);

/// How long a writer waits for an answer before it goes elsewhere.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn a_server_with_a_damaged_log_has_no_vote_until_it_is_up_to_date() {
    let mut ensemble = Ensemble::ours(3, 0, SETTINGS);
    ensemble.start_all();
    let ids: Vec<usize> = ensemble.ids().collect();
    let addresses: Vec<SocketAddr> = ids.iter().map(|id| ensemble.address(*id)).collect();
    let load = Load::start("load", &addresses, 6, PATIENCE);
    load.await_more(300);
    let leader = ensemble.await_leader(&ids);
    let followers: Vec<usize> = ids.iter().copied().filter(|id| *id != leader).collect();
    let (ill, other) = (followers[0], followers[1]);
    ensemble.kill(ill);
    load.await_more(50);
    let acknowledged = load.finish();
    ensemble.kill(other);
    flip_in_the_middle(&ensemble.transaction_logs(ill)[0]);

    // With its vote, these two could elect a leader.
    ensemble.start(ill);
    eventually("it says that it convalesces", || said(&ensemble, ill, "convalesces"));
    assert!(said(&ensemble, ill, "is damaged at byte"));
    let alone = Instant::now();
    eventually("a while has passed", || {
        let serves = [leader, ill].into_iter().find(|id| ensemble.mode(*id).is_some());
        assert_eq!(serves, None, "it serves, though only one of three has a vote");
        alone.elapsed() > ELECTION
    });
    ensemble.start(other);
    eventually("it votes again", || ensemble.mode(ill).as_deref() == Some("follower"));
    let log = ensemble.log(ill);
    let observed = log.find("role=observing").expect("it observes at first");
    let convalesced = log.find("convalesced").expect("it says that it has convalesced");
    assert!(observed < convalesced, "{log}");
    acknowledged.is_in(&tree::await_equal(&ensemble, &ids));

    // Now the others can do without the one that led.
    let leader = ensemble.await_leader(&ids);
    ensemble.kill(leader);
    let rest: Vec<usize> = ids.iter().copied().filter(|id| *id != leader).collect();
    ensemble.await_leader(&rest);
    let more = Load::start("more", &[ensemble.address(ill)], 2, PATIENCE);
    more.await_more(50);
    let more = more.finish();
    let tree = tree::await_equal(&ensemble, &rest);
    acknowledged.is_in(&tree);
    more.is_in(&tree);
    let kept = fs::read_dir(ensemble.history(ill)).expect("its folder");
    let names = kept.map(|entry| entry.expect("a file").file_name().into_string().expect("a name"));
    let names: Vec<String> = names.collect();
    assert!(names.iter().any(|name| name.starts_with("damaged-1.log.")), "{names:?}");
    assert!(!names.iter().any(|name| name == "convalescent"), "{names:?}");
}

#[test]
fn apaches_server_reads_epochs_with_a_check_and_ours_reads_those_without() {
    if !apache_is_here() {
        return;
    }
    let mut ensemble = Ensemble::ours(3, 0, SETTINGS);
    ensemble.start_all();
    let ids: Vec<usize> = ensemble.ids().collect();
    let address = [ensemble.address(1)];
    let load = Load::start("ours", &address, 2, PATIENCE);
    load.await_more(50);
    let first = load.finish();
    // All of them stop, so that Apache's server is alone with what ours has written.
    for id in &ids {
        ensemble.kill(*id);
    }
    let written = epochs(&ensemble, 3);
    assert!(written.iter().all(|(_, lines)| *lines == 2), "{written:?}");
    let (promised, _) = written[0];
    ensemble.becomes(3, Kind::Apache);
    ensemble.start(3);
    ensemble.start(1);
    ensemble.await_all_serving();
    // Each election begins with the epoch after the one that was promised.
    let after = epochs(&ensemble, 3);
    assert!(after.iter().all(|(epoch, lines)| *epoch > promised && *lines == 1), "{after:?}");
    let load = Load::start("apaches", &address, 2, PATIENCE);
    load.await_more(50);
    let second = load.finish();
    ensemble.kill(3);
    ensemble.becomes(3, Kind::Ours);
    ensemble.start(3);
    ensemble.start(2);
    ensemble.await_all_serving();
    assert!(!said(&ensemble, 3, "convalesces"));
    let tree = tree::await_equal(&ensemble, &ids);
    first.is_in(&tree);
    second.is_in(&tree);
}

/// A server's two epochs, the promised one first, each with the lines of its file.
fn epochs(ensemble: &Ensemble, id: usize) -> Vec<(u32, usize)> {
    let read = |name: &str| {
        let text = fs::read_to_string(ensemble.history(id).join(name)).expect("an epoch");
        let epoch = text.lines().next().and_then(|line| line.parse().ok());
        (epoch.expect("a number"), text.lines().count())
    };
    ["acceptedEpoch", "currentEpoch"].map(read).to_vec()
}

fn said(ensemble: &Ensemble, id: usize, what: &str) -> bool {
    ensemble.log(id).contains(what)
}

/// Turns a bit of a byte in the middle of what was written to a file; the rest of it is zeros.
fn flip_in_the_middle(log: &Path) {
    let mut bytes = fs::read(log).expect("a log");
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("something is in it");
    bytes[last / 2] ^= 1;
    fs::write(log, bytes).expect("it can be written");
}
