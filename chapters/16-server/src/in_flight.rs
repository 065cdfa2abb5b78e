//! What is decided but not applied: transactions on their way to the disk, or to a quorum of disks,
//! in order, with whoever waits for them.
//!
//! Always true:
//! - transactions land in the order in which they took off.
//!
//! ZooKeeper: `SyncRequestProcessor`, `Leader.outstandingProposals`.

use std::collections::VecDeque;
use std::time::Duration;

use storage::Entry;
use zxid::Zxid;

use crate::asked::Asked;

/// A transaction on its way.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The transaction.
    pub entry: Entry,
    /// Whom to answer: nobody if the server wanted it itself, or if another server will.
    pub origin: Option<Origin>,
}

/// Whom to answer, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The connection's number.
    pub client: u64,
    /// The place in which the connection keeps waiting for it.
    pub turn: u64,
    /// The client's number for the request.
    pub xid: i32,
    /// How it was asked for.
    pub asked: Asked,
    /// When it came.
    pub since: Duration,
}

/// All transactions on their way.
#[derive(Debug, Default)]
pub struct InFlight {
    flights: VecDeque<Flight>,
}

impl InFlight {
    /// A transaction takes off.
    pub fn add(&mut self, flight: Flight) {
        self.flights.push_back(flight);
    }

    /// The last transaction on its way; none if everything has landed.
    pub fn last(&self) -> Option<Zxid> {
        self.flights.back().map(|flight| flight.entry.zxid)
    }

    /// Takes the next transaction, if it is not above `safe`.
    pub fn land(&mut self, safe: Zxid) -> Option<Flight> {
        self.flights.pop_front_if(|flight| flight.entry.zxid <= safe)
    }
}
