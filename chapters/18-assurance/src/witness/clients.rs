//! What crosses a server's boundary to its clients and to its disk: whoever hosts a server tells the
//! witness of it here.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use machines::Ticket;

use super::Witness;
use crate::invariants::Verdict;

impl Witness {
    /// The time of the step that follows, by a server's monotonic clock.
    pub fn at(&mut self, server: u64, now: Duration) {
        self.of(server).0.at(now);
    }

    /// A client's connection is open.
    pub fn opened(&mut self, server: u64, connection: u64, from: SocketAddr) {
        self.of(server).0.opened(connection, from);
    }

    /// A client's connection is gone, whoever closed it.
    pub fn closed(&mut self, server: u64, connection: u64) {
        self.of(server).0.closed(connection);
    }

    /// A server takes in a frame from a client, without its length.
    pub fn asked(&mut self, server: u64, connection: u64, frame: &Bytes) {
        let (view, all) = self.of(server);
        view.heard(all, connection, frame);
    }

    /// A server says something to a client: whole frames, each with its length.
    pub fn said(&mut self, server: u64, connection: u64, frames: &Bytes) -> Verdict {
        self.of(server).0.said(connection, frames)
    }

    /// A server asks its disk to force what it wrote.
    pub fn asked_to_force(&mut self, server: u64, ticket: Ticket) {
        self.of(server).0.disk.asked_to_force(ticket);
    }

    /// A server learns that what it wrote before a ticket is forced.
    pub fn is_forced(&mut self, server: u64, ticket: Ticket) {
        self.of(server).0.forced(ticket);
    }
}
