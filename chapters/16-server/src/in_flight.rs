//! What is logged but not yet safe: transactions on their way to the disk, in order, with whoever
//! waits for them.
//!
//! Always true:
//! - a transaction lands only after a `Durable` whose `Sync` came after its write;
//! - transactions land in the order in which they were logged.
//!
//! ZooKeeper: `SyncRequestProcessor`.

use std::collections::VecDeque;
use std::time::Duration;

use machines::{Effects, Ticket};
use storage::{Entry, Write};
use zxid::Zxid;

use crate::asked::Asked;
use crate::vocabulary::Zk;

/// A transaction on its way to the disk.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The transaction.
    pub entry: Entry,
    /// Whom to answer: nobody if the server wanted it itself.
    pub origin: Option<Origin>,
}

/// Whom to answer, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The connection's number.
    pub client: u64,
    /// The client's number for the request.
    pub xid: i32,
    /// How it was asked for.
    pub asked: Asked,
    /// When it came.
    pub since: Duration,
}

/// All transactions on their way to the disk.
#[derive(Debug, Default)]
pub struct InFlight {
    flights: VecDeque<Flight>,
    /// What is being forced: each ticket, and the last transaction that it covers.
    tickets: VecDeque<(Ticket, Zxid)>,
    last_ticket: u64,
    last: Zxid,
    unforced: bool,
}

impl InFlight {
    /// Writes a transaction to the log.
    pub fn log(&mut self, flight: Flight, effects: &mut Effects<Zk>) {
        effects.write(Write::Append(flight.entry.clone()));
        self.last = flight.entry.zxid;
        self.flights.push_back(flight);
        self.unforced = true;
    }

    /// Notes that something else was written that is to be forced.
    pub fn written(&mut self, something: bool) {
        self.unforced |= something;
    }

    /// Forces what was written since the last time, if anything was; gives the ticket.
    pub fn force(&mut self, effects: &mut Effects<Zk>) -> Option<Ticket> {
        if !std::mem::take(&mut self.unforced) {
            return None;
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        effects.sync(ticket);
        self.tickets.push_back((ticket, self.last));
        Some(ticket)
    }

    /// The disk has everything up to a ticket: the last transaction among it.
    pub fn durable(&mut self, ticket: Ticket) -> Zxid {
        let mut safe = Zxid::ZERO;
        while self.tickets.front().is_some_and(|(first, _)| *first <= ticket) {
            (_, safe) = self.tickets.pop_front().expect("it was there a line ago");
        }
        safe
    }

    /// Takes the next transaction, if it is not above `safe`.
    pub fn land(&mut self, safe: Zxid) -> Option<Flight> {
        self.flights.pop_front_if(|flight| flight.entry.zxid <= safe)
    }
}
