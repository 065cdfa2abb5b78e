//! Claim 2: it is strongly consistent, all clients see the same data at all times.
//!
//! Writes are linearizable, but a server answers a read from what it has, and it may be behind.
//! Before it reads, a client can have its server ask a quorum; then it sees all that was confirmed
//! to anybody before. In ZooKeeper that is `sync`, and it goes through the leader.
//!
//! Book: chapter 2.

use machines::{NodeId, Trace};

use crate::history::{Operation, Violation};
use crate::lab::Lab;
use crate::store::{Promise, Wish};
use crate::{linearizable, sequential};

use super::QUIET;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Stale {
    /// What was written, and confirmed to client 1.
    pub written: u64,
    /// What client 2 was then told by a server that is behind.
    pub plain: u64,
    /// What the same server told the same client when it had asked a quorum.
    pub synced: u64,
    /// What the write and the plain read break: linearizability.
    pub violation: Option<Violation>,
    /// Whether all of it is sequential nevertheless.
    pub sequential: bool,
    /// Whether without the plain read it is linearizable.
    pub linearizable_if_synced: bool,
    /// What the clients asked and were told.
    pub history: Vec<Operation>,
}

/// Three servers. What server 1 sends does not reach server 3. Client 1 writes by server 1, and
/// client 2 then reads by server 3.
pub fn stale_read(seed: u64) -> (Trace, Stale) {
    let written = 7;
    let mut lab = Lab::recorded(3, seed);
    lab.add_client(1, &[1]);
    lab.add_client(2, &[3]);
    lab.run(QUIET);
    lab.world.cut(NodeId::Server(1), NodeId::Server(3));
    lab.done(1, Wish::Write(written), Promise::Sequential).expect("1 and 2 are a quorum");
    let plain = lab.done(2, Wish::Read, Promise::Sequential).expect("3 is still in touch");
    let synced = lab.done(2, Wish::Read, Promise::Linearizable).expect("2 and 3 are a quorum");

    let history = lab.history().to_vec();
    let without: Vec<Operation> = [history[0], history[2]].to_vec();
    let stale = Stale {
        written,
        plain: plain.value,
        synced: synced.value,
        violation: linearizable(&history).err(),
        sequential: sequential(&history).is_ok(),
        linearizable_if_synced: linearizable(&without).is_ok(),
        history,
    };
    (lab.trace(), stale)
}
