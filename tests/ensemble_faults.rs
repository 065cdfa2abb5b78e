//! Three servers under load, and what the world does to them: all are killed at once, a leader sleeps
//! through its own end, strangers come to the ports where servers talk. What can be drawn from a
//! seed, `ensemble chaos` does.
//!
//! Always true:
//! - no write is lost that was acknowledged, and no deleted node comes back;
//! - in the end all servers have the same nodes.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

#[path = "support/ensemble.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod ensemble;
#[path = "support/load.rs"]
mod load;
#[path = "support/session.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod session;
#[path = "support/strangers.rs"]
mod strangers;
#[path = "support/tree.rs"]
mod tree;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ensemble::{Ensemble, eventually};
use load::Load;
use strangers::Strangers;

/// Whoever is silent for 2 s is given up.
const SETTINGS: &[(&str, &str)] = &[("tickTime", "500"), ("initLimit", "20"), ("syncLimit", "4")];

/// The time after which a silent leader is given up, by those settings.
const SILENCE: Duration = Duration::from_secs(2);

/// How long a writer waits for an answer before it goes elsewhere.
const PATIENCE: Duration = Duration::from_secs(3);

fn three() -> (Ensemble, Vec<usize>, Vec<SocketAddr>) {
    let mut ensemble = Ensemble::ours(3, 0, SETTINGS);
    ensemble.start_all();
    let ids: Vec<usize> = ensemble.ids().collect();
    let addresses = ids.iter().map(|id| ensemble.address(*id)).collect();
    (ensemble, ids, addresses)
}

#[test]
fn all_servers_are_killed_at_once_and_no_acknowledged_write_is_lost() {
    let (mut ensemble, ids, addresses) = three();
    let load = Load::start("load", &addresses, 6, PATIENCE);
    for _ in 0..3 {
        load.await_more(100);
        for id in &ids {
            ensemble.kill(*id);
        }
        for id in &ids {
            ensemble.start(*id);
        }
        ensemble.await_all_serving();
    }
    load.await_more(100);
    let acknowledged = load.finish();
    let tree = tree::await_equal(&ensemble, &ids);
    acknowledged.is_in(&tree);
}

#[test]
fn a_leader_that_slept_through_its_own_end_steps_down() {
    let (ensemble, ids, addresses) = three();
    let load = Load::start("load", &addresses, 4, PATIENCE);
    let mut acknowledged = Vec::new();
    for round in 0..2 {
        load.await_more(100);
        let old = ensemble.await_leader(&ids);
        let others: Vec<usize> = ids.iter().copied().filter(|id| *id != old).collect();
        // These stay with the leader: it finds their writes when it wakes up.
        let patient = Duration::from_secs(20);
        let name = format!("faithful-{round}");
        let faithful = Load::start(&name, &[ensemble.address(old)], 4, patient);
        faithful.await_more(50);
        ensemble.pause(old);
        let asleep = Instant::now();
        let new = ensemble.await_leader(&others);
        load.await_more(100);
        eventually("it has slept for long", || asleep.elapsed() > 2 * SILENCE);
        ensemble.resume(old);
        let follows = || ensemble.mode(old).as_deref() == Some("follower");
        eventually(format!("server {old} follows {new}"), follows);
        assert_eq!(ensemble.await_leader(&ids), new, "who led meanwhile leads on");
        faithful.await_more(50);
        acknowledged.push(faithful.finish());
    }
    acknowledged.push(load.finish());
    let tree = tree::await_equal(&ensemble, &ids);
    for acknowledged in acknowledged {
        acknowledged.is_in(&tree);
    }
}

#[test]
fn strangers_at_the_ports_of_the_servers_hinder_nobody() {
    let (mut ensemble, ids, addresses) = three();
    let load = Load::start("load", &addresses, 4, PATIENCE);
    load.await_more(200);
    let before: Vec<u64> = ids.iter().map(|id| ensemble.memory(*id)).collect();
    let ports: Vec<SocketAddr> = ids.iter().flat_map(|id| ensemble.server_ports(*id)).collect();
    let strangers = Strangers::come(&ports);
    load.await_more(500);
    // Elections take place among them, too.
    for _ in 0..2 {
        let leader = ensemble.await_leader(&ids);
        ensemble.kill(leader);
        load.await_more(100);
        ensemble.start(leader);
        ensemble.await_all_serving();
    }
    load.await_more(500);
    println!("{} strangers came", strangers.leave());
    for (id, before) in ids.iter().zip(before) {
        let now = ensemble.memory(*id);
        println!("server {id}: {before} MiB, then {now} MiB");
        assert!(now < before + 150, "server {id} grew from {before} to {now} MiB");
    }
    let acknowledged = load.finish();
    let tree = tree::await_equal(&ensemble, &ids);
    acknowledged.is_in(&tree);
}
