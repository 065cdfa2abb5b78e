//! Apache's servers and ours in one ensemble: each leads the other, each brings the other up to
//! date in every way, under load; in the end all have the same nodes, and Apache's servers, which
//! compute a digest of the tree with every transaction, have found nothing to complain of.
//!
//! Where Apache ZooKeeper is not installed, the tests say so and pass.
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
use std::thread;
use std::time::Duration;

use ensemble::{Ensemble, Kind, Role, apache_is_here, eventually};
use load::{Acknowledged, Load};
use session::{Session, create};

/// Whoever is silent for 5 s is given up.
const SETTINGS: &[(&str, &str)] = &[("tickTime", "1000"), ("initLimit", "20"), ("syncLimit", "5")];

/// How long a writer waits for an answer before it goes elsewhere.
const PATIENCE: Duration = Duration::from_secs(5);

/// More writes than a leader keeps in memory for those who are a little behind.
const FAR_BEHIND: u64 = 700;

/// What an Apache server says when after a transaction its tree is not its leader's.
const COMPLAINTS: &[&str] = &["digest mismatch on txn", "Digests are not matching"];

/// The threads that apply what is committed begin like this. (Of what it loads, of snapshots that
/// were written under load, Apache's server complains among its own as well.)
const APPLYING: &str = "[CommitProc";

#[test]
fn ours_leads_apaches_servers_then_one_of_them_leads_ours() {
    use Kind::{Apache, Ours};
    story([Apache, Apache, Ours, Ours]);
}

#[test]
fn apaches_leads_our_servers_then_one_of_ours_leads_it() {
    use Kind::{Apache, Ours};
    story([Ours, Ours, Apache, Apache]);
}

/// Three voters and an observer. At first 3 leads; then 1 or 2 does, and 3 has what nobody else has.
fn story(kinds: [Kind; 4]) {
    if !apache_is_here() {
        return;
    }
    let [one, two, three, four] = kinds;
    let servers =
        [(one, Role::Voter), (two, Role::Voter), (three, Role::Voter), (four, Role::Observer)];
    let mut ensemble = Ensemble::of(&servers, SETTINGS);
    // The largest id wins where nobody has a history; then the others join.
    for id in [1, 3, 2, 4] {
        ensemble.start(id);
        if id == 3 {
            ensemble.await_all_serving();
        }
    }
    ensemble.await_all_serving();
    assert_eq!(ensemble.await_leader(&[1, 2, 3]), 3);
    let mut acknowledged = Vec::new();
    acknowledged.push(rejoin_under_load(&mut ensemble, "first", &[1, 4]));
    leave_a_tail(&mut ensemble);

    ensemble.start(1);
    ensemble.start(2);
    ensemble.await_all_serving();
    let leader = ensemble.await_leader(&[1, 2]);
    ensemble.start(3);
    assert_eq!(ensemble.await_serving(3), "follower");
    acknowledged.push(rejoin_under_load(&mut ensemble, "second", &[3]));

    // The leader leaves, and comes back under another.
    let load = Load::start("third", &addresses(&ensemble), 2, PATIENCE);
    load.await_more(50);
    ensemble.kill(leader);
    load.await_more(50);
    ensemble.start(leader);
    ensemble.await_all_serving();
    load.await_more(50);
    acknowledged.push(load.finish());
    compare(&ensemble, &acknowledged);
    every_way_was_gone(&ensemble);
}

/// Apache's servers tell how they were brought up to date, and how they did it to others: each way
/// was gone between them and ours.
fn every_way_was_gone(ensemble: &Ensemble) {
    let logs: String = ensemble.ids().map(|id| ensemble.log(id)).collect();
    let count = |words: &str| logs.lines().filter(|line| line.contains(words)).count();
    let cuts = logs.lines().filter(|line| orders_a_cut(line)).count();
    for (way, learned, taught) in [
        ("DIFF", count("Getting a diff from the leader"), count("Sending DIFF zxid")),
        ("SNAP", count("Getting a snapshot from leader"), count("Sending snapshot last zxid")),
        ("TRUNC", count("Truncating log to get in sync"), cuts),
    ] {
        println!("{way}: Apache's learned {learned} times, and taught {taught} times");
        assert!(learned + taught > 0, "nobody was brought up to date by {way}");
    }
}

/// Whether Apache's leader finds here that a learner has more than itself. It says no more of TRUNC.
fn orders_a_cut(line: &str) -> bool {
    let field = |name: &str| {
        let (_, rest) = line.split_once(name)?;
        let hex = rest.split(' ').next()?;
        u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok()
    };
    let (learners, own) = (field("peerLastZxid="), field("maxCommittedLog="));
    line.contains("Synchronizing with Learner") && learners > own
}

/// These servers leave and come back: a little behind, far behind, and with nothing.
fn rejoin_under_load(ensemble: &mut Ensemble, name: &str, learners: &[usize]) -> Acknowledged {
    let load = Load::start(name, &addresses(ensemble), 4, PATIENCE);
    for &id in learners {
        for missed in [30, FAR_BEHIND] {
            load.await_more(100);
            ensemble.kill(id);
            load.await_more(missed);
            ensemble.start(id);
            ensemble.await_serving(id);
        }
        load.await_more(100);
        ensemble.kill(id);
        ensemble.wipe(id);
        ensemble.start(id);
        ensemble.await_serving(id);
        load.await_more(100);
    }
    let acknowledged = load.finish();
    compare(ensemble, std::slice::from_ref(&acknowledged));
    acknowledged
}

/// Server 3 leads, loses its followers, and logs a write that nobody else has; then all three are
/// dead.
fn leave_a_tail(ensemble: &mut Ensemble) {
    let mut session = Session::new(10_000, PATIENCE);
    session.connect(ensemble.address(3)).expect("a connection to the leader");
    ensemble.kill(1);
    ensemble.kill(2);
    // It notices once per tick that its quorum is gone; until then it logs and proposes.
    let (op, body) = create("/nobody-else-has-this", b"");
    let answer = thread::spawn(move || session.ask(op, body));
    eventually("the leader logs what it proposes", || {
        ensemble.transaction_logs(3).iter().any(|file| {
            let bytes = fs::read(file).unwrap_or_default();
            bytes.windows(20).any(|part| part == b"/nobody-else-has-thi")
        })
    });
    eventually("the leader steps down", || ensemble.mode(3).is_none());
    ensemble.kill(3);
    let answer = answer.join().expect("the writer does not panic");
    assert!(answer.is_err(), "nothing was acknowledged: {answer:?}");
}

/// All servers have the same nodes, with everything that was acknowledged and without the rest;
/// and Apache's have not complained.
fn compare(ensemble: &Ensemble, acknowledged: &[Acknowledged]) {
    let running = ensemble.running();
    let tree = tree::await_equal(ensemble, &running);
    for acknowledged in acknowledged {
        acknowledged.is_in(&tree);
    }
    assert!(!tree.contains_key("/nobody-else-has-this"), "an uncommitted write is cut off");
    for id in running {
        let log = ensemble.log(id);
        let complaint = log.lines().find(|line| {
            line.starts_with(APPLYING) && COMPLAINTS.iter().any(|it| line.contains(it))
        });
        assert!(complaint.is_none(), "server {id} complains: {complaint:?}");
    }
}

fn addresses(ensemble: &Ensemble) -> Vec<std::net::SocketAddr> {
    ensemble.ids().map(|id| ensemble.address(id)).collect()
}
