//! The vocabulary of a member: its election port and its quorum port together.

use std::fmt;

use election::{ElectionPort, Frame, Link, PortTimer};
use machines::{Disk, Fault, Files, NodeId, Protocol, Simulated};
use storage::{Fetch, Fetched, Store, Write};
use zab::{Packet, Recovered, Told};

/// The vocabulary of a member of an ensemble.
#[derive(Clone, Debug, PartialEq)]
pub enum Ensemble {}

impl Protocol for Ensemble {
    type Peer = Peer;
    type Message = Message;
    type Timer = Timer;
    type Write = storage::Write;
    type Fetch = storage::Fetch;
    type Fetched = storage::Fetched;
    type Recovered = Recovered;
    type Output = Told;
}

impl Simulated for Ensemble {
    fn dial(peer: &Peer) -> NodeId {
        match peer {
            Peer::Election(link) => ElectionPort::dial(link),
            Peer::Quorum(zab::Peer::Leader(leader)) => NodeId::Server(leader.0 as u64),
            Peer::Quorum(zab::Peer::Learner(_)) => {
                unreachable!("nobody opens a connection that he accepts")
            }
        }
    }

    fn accept(from: NodeId, dialled: &Peer, number: u64) -> Peer {
        match dialled {
            Peer::Election(link) => Peer::Election(ElectionPort::accept(from, link, number)),
            Peer::Quorum(_) => Peer::Quorum(zab::Peer::Learner(number)),
        }
    }
}

impl<F: Files> Disk<Ensemble> for Store<F> {
    fn write(&mut self, write: Write) -> Result<(), Fault> {
        Store::write(self, write)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Store::sync(self)
    }

    fn fetch(&mut self, fetch: Fetch) -> Result<Fetched, Fault> {
        Store::fetch(self, fetch)
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Of the election port.
    Election(Link),
    /// Of the quorum port.
    Quorum(zab::Peer),
}

/// What travels.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Over the election port.
    Election(Frame),
    /// Over the quorum port.
    Quorum(Packet),
}

/// What a member waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The election's.
    Election(PortTimer),
    /// The leader's or learner's.
    Quorum(zab::Timer),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Election(link) => write!(f, "election {link}"),
            Peer::Quorum(peer) => write!(f, "{peer}"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Election(frame) => write!(f, "{frame}"),
            Message::Quorum(packet) => write!(f, "{packet}"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Election(timer) => write!(f, "{timer}"),
            Timer::Quorum(timer) => write!(f, "{timer}"),
        }
    }
}
