//! The vocabulary of a member: its election port and its quorum port together.

use std::fmt;

use election::{Frame, Link, PortTimer};
use machines::Protocol;
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
