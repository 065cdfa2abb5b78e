//! Claim 26: atomic means that all machines apply a write or none does.
//!
//! There is no partial result: a server has the old content or the new one. But when a write is
//! confirmed a quorum has it, and a minority may lack it: cut off, or down. It catches up later.
//!
//! Book: chapter 2.

use std::time::Duration;

use machines::{NodeId, Trace};

use crate::lab::Lab;
use crate::store::{Promise, Wish};

use super::QUIET;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Atomic {
    /// The servers that had the write on their disks when it was confirmed.
    pub had_it: Vec<u64>,
    /// Those that ran and had not.
    pub lacked_it: Vec<u64>,
    /// Those that had it when all was well again.
    pub caught_up: Vec<u64>,
    /// What else was found on any disk than the old and the new value. Nothing should be.
    pub partial: Vec<u64>,
}

/// Five servers. What server 1 sends does not reach server 4, and server 5 has no power. Client 1
/// writes 7 and then 8.
pub fn atomic(seed: u64) -> (Trace, Atomic) {
    let (old, new) = (7, 8);
    let mut lab = Lab::recorded(5, seed);
    lab.add_client(1, &[1]);
    lab.run(QUIET);
    lab.done(1, Wish::Write(old), Promise::Linearizable).expect("all is well");
    lab.run(Duration::from_millis(300));
    lab.world.cut(NodeId::Server(1), NodeId::Server(4));
    lab.world.power_loss(NodeId::Server(5));
    lab.ask(1, Wish::Write(new), Promise::Linearizable);
    let mut partial = Vec::new();
    while lab.waits(1) && lab.step_until(Duration::MAX) {
        partial.extend(values(&lab).filter(|value| *value != old && *value != new));
    }
    let confirmed = lab.replies().last().is_some_and(|reply| reply.write && reply.sent == 2);
    assert!(confirmed, "1, 2 and 3 are a quorum");
    let had_it = with(&lab, new);
    let lacked_it = with(&lab, old);

    lab.world.heal();
    lab.world.restart(NodeId::Server(5));
    lab.run(Duration::from_secs(20));
    let caught_up = with(&lab, new);
    (lab.trace(), Atomic { had_it, lacked_it, caught_up, partial })
}

/// The values on the disks of the servers that run.
fn values(lab: &Lab) -> impl Iterator<Item = u64> {
    (1..=5).filter_map(|server| lab.stored(server)).map(|content| content.value)
}

/// The servers that run and have a value.
fn with(lab: &Lab, value: u64) -> Vec<u64> {
    let has = |server: &u64| lab.stored(*server).is_some_and(|content| content.value == value);
    (1..=5).filter(has).collect()
}
