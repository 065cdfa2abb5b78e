//! What `ensemble bench` cannot measure, since it has to kill servers and start them: how soon all
//! clients write again after their leader was killed, and how well two servers serve while a third
//! fetches a large state from them.
//!
//! Nothing is timed in an ordinary run. To measure, alone on a machine:
//!
//! ```sh
//! cargo test --release --test ensemble_speed -- --ignored --nocapture --test-threads 1
//! ```
//!
//! `ROUNDS` says how many leaders are killed per ensemble, `NODES` how large the state is.
#![allow(clippy::disallowed_methods, reason = "real servers live in real time")]

#[path = "support/ensemble.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod ensemble;
#[path = "support/session.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod session;
#[path = "support/wire.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod wire;

use std::env;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ensemble::{Ensemble, Kind, Role, apache_is_here};
use session::{Session, create, set};

/// As servers come, but with sessions that survive a slow leader.
const SETTINGS: &[(&str, &str)] = &[("tickTime", "2000"), ("initLimit", "60"), ("syncLimit", "30")];

/// Clients of the ensemble whose leader is killed.
const CLIENTS: usize = 32;

/// How long a client without a server waits before it tries the next.
const PAUSE: Duration = Duration::from_millis(5);

/// Nodes that one client asks for at once.
const AT_ONCE: u64 = 500;

/// Children of one node.
const SIBLINGS: u64 = 1_000;

#[test]
#[ignore = "it measures: see above"]
fn all_clients_write_again_after_their_leader_was_killed() {
    let rounds = setting("ROUNDS", 5);
    let mut ensembles = vec![("ours", three(Kind::Ours))];
    if apache_is_here() {
        ensembles.push(("Apache", three(Kind::Apache)));
    }
    // In turn, so that both see the same machine.
    for round in 1..=rounds {
        for (name, ensemble) in &mut ensembles {
            let mut waits = kill_the_leader(ensemble);
            waits.sort();
            let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
            println!("round {round}, {name}: median {median:?}, all after {longest:?}");
        }
    }
}

fn three(kind: Kind) -> Ensemble {
    let mut ensemble = Ensemble::of(&[(kind, Role::Voter); 3], SETTINGS);
    ensemble.start_all();
    ensemble
}

/// Kills the leader under load. For each client, how long after that it had the answer to a write
/// that it sent after that.
fn kill_the_leader(ensemble: &mut Ensemble) -> Vec<Duration> {
    let ids: Vec<usize> = ensemble.ids().collect();
    let addresses: Vec<SocketAddr> = ids.iter().map(|id| ensemble.address(*id)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<JoinHandle<Vec<(Instant, Instant)>>> = (0..CLIENTS)
        .map(|client| {
            let (stop, addresses) = (stop.clone(), addresses.clone());
            thread::spawn(move || write_until(&stop, client, &addresses))
        })
        .collect();
    thread::sleep(Duration::from_secs(2));
    let leader = ensemble.await_leader(&ids);
    let killed = Instant::now();
    ensemble.kill(leader);
    thread::sleep(Duration::from_secs(8));
    stop.store(true, Ordering::Relaxed);
    let mut waits = Vec::new();
    for client in clients {
        let writes = client.join().expect("a client does not panic");
        let again = writes.iter().find(|(sent, _)| *sent >= killed);
        let (_, answered) = again.expect("every client writes again");
        waits.push(*answered - killed);
    }
    ensemble.start(leader);
    ensemble.await_all_serving();
    waits
}

/// Writes one thing after the other; when the connection is lost, at the next server, in the same
/// session. Gives when each write that succeeded was sent and answered.
fn write_until(
    stop: &AtomicBool,
    client: usize,
    addresses: &[SocketAddr],
) -> Vec<(Instant, Instant)> {
    let path = format!("/client-{client}");
    let mut session = Session::new(20_000, Duration::from_secs(20));
    let mut writes = Vec::new();
    let mut server = client;
    let mut is_there = false;
    while !stop.load(Ordering::Relaxed) {
        if !session.is_connected() && session.connect(addresses[server % 3]).is_err() {
            server += 1;
            thread::sleep(PAUSE);
            continue;
        }
        let (op, body) = if is_there { set(&path, b"data") } else { create(&path, b"data") };
        let sent = Instant::now();
        if let Ok((error, _)) = session.ask(op, body) {
            // It is there from an earlier round.
            assert!(matches!(error, 0 | -110), "a write is refused with {error}");
            is_there = true;
            writes.push((sent, Instant::now()));
        }
    }
    session.close().ok();
    writes
}

#[test]
#[ignore = "it measures: see above"]
fn a_large_state_is_handed_over_while_others_are_served() {
    let nodes = setting("NODES", 2_000_000);
    let mut ensemble = three(Kind::Ours);
    let leader = ensemble.await_leader(&[1, 2, 3]);
    let joining = ensemble.ids().find(|id| *id != leader).expect("somebody follows");
    let others: Vec<usize> = ensemble.ids().filter(|id| *id != joining).collect();
    let began = Instant::now();
    fill(&ensemble, leader, nodes);
    println!("{nodes} nodes made in {:?}", began.elapsed());
    ensemble.kill(joining);
    ensemble.wipe(joining);

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..16)
        .map(|client| {
            let (stop, address) = (stop.clone(), ensemble.address(others[client % 2]));
            thread::spawn(move || ask_until(&stop, client, address))
        })
        .collect();
    thread::sleep(Duration::from_secs(10));
    let started = Instant::now();
    ensemble.start(joining);
    ensemble.await_serving(joining);
    let joined = Instant::now();
    thread::sleep(Duration::from_secs(3));
    stop.store(true, Ordering::Relaxed);
    println!("joined after {:?}", joined - started);
    let mut before = Vec::new();
    let mut meanwhile = Vec::new();
    for client in clients {
        for (sent, latency) in client.join().expect("a client does not panic") {
            match sent {
                sent if sent + latency < started => before.push(latency),
                sent if sent < joined => meanwhile.push(latency),
                _ => {}
            }
        }
    }
    show("before", &mut before);
    let p99 = show("meanwhile", &mut meanwhile);
    for id in ensemble.ids() {
        println!("server {id} holds {} MiB", ensemble.memory(id));
    }
    assert!(p99 < Duration::from_millis(50), "nobody waits long while a server joins: {p99:?}");
}

/// Makes so many nodes of 100 bytes, some clients at a time.
fn fill(ensemble: &Ensemble, at: usize, nodes: u64) {
    let address = ensemble.address(at);
    let families = nodes / SIBLINGS;
    let fillers: Vec<_> = (0..4)
        .map(|filler| {
            thread::spawn(move || {
                let mut session = Session::new(40_000, Duration::from_secs(60));
                session.connect(address).expect("a connection");
                for family in (filler..families).step_by(4) {
                    let parent = format!("/family-{family}");
                    let mut paths = vec![parent.clone()];
                    paths.extend((1..SIBLINGS).map(|child| format!("{parent}/child-{child}")));
                    for paths in paths.chunks(AT_ONCE as usize) {
                        let requests = paths.iter().map(|path| create(path, &[b'x'; 100]));
                        let answers = session.ask_all(requests.collect()).expect("answers");
                        assert!(answers.iter().all(|(error, _)| *error == 0), "all are made");
                    }
                }
                session.close().expect("an end");
            })
        })
        .collect();
    for filler in fillers {
        filler.join().expect("a filler does not panic");
    }
}

/// Reads and writes in turn, with a little pause. Gives when each request was sent, and how long
/// its answer took.
fn ask_until(stop: &AtomicBool, client: usize, address: SocketAddr) -> Vec<(Instant, Duration)> {
    let mut session = Session::new(40_000, Duration::from_secs(60));
    session.connect(address).expect("a connection");
    let path = format!("/asking-{client}");
    let (op, body) = create(&path, b"");
    session.ask(op, body).expect("a node of its own");
    let mut asked = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let (op, body) = match asked.len() % 2 {
            0 => set(&path, b"data"),
            _ => (4, wire::Writer::default().buffer(path.as_bytes()).byte(0)),
        };
        let sent = Instant::now();
        let (error, _) = session.ask(op, body).expect("an answer");
        assert_eq!(error, 0, "it is done");
        asked.push((sent, sent.elapsed()));
        thread::sleep(Duration::from_millis(2));
    }
    session.close().expect("an end");
    asked
}

/// Prints what latencies there were; gives the 99th percentile.
fn show(when: &str, latencies: &mut [Duration]) -> Duration {
    latencies.sort();
    let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize];
    println!(
        "{when}: {} requests, p50 {:?}, p99 {:?}, longest {:?}",
        latencies.len(),
        at(0.5),
        at(0.99),
        at(0.999_999),
    );
    at(0.99)
}

/// A number from the environment.
fn setting(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}
