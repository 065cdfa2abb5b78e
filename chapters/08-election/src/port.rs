//! The vocabulary of the election port: connections, and what travels over them.
//!
//! A connection is named by how it came about. One that this server opened goes to a known
//! server. One that it accepted has a number, until the first message says who is there.
//!
//! Book: chapter 8. ZooKeeper: `QuorumCnxManager`.

use std::convert::Infallible;
use std::fmt;

use machines::{NodeId, Protocol, Simulated};
use zxid::ServerId;

use crate::message::{Elected, Notification, Timer};
use crate::vote::LogEnd;

/// The vocabulary of a server's election port.
#[derive(Clone, Debug, PartialEq)]
pub enum ElectionPort {}

impl Protocol for ElectionPort {
    type Peer = Link;
    type Message = Frame;
    type Timer = PortTimer;
    type Write = Infallible;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = LogEnd;
    type Output = Told;
}

impl Simulated for ElectionPort {
    fn dial(peer: &Link) -> NodeId {
        match peer {
            Link::To(server) => NodeId::Server(server.0 as u64),
            Link::From(_) => unreachable!("nobody opens a connection that he accepts"),
        }
    }

    fn accept(_: NodeId, _: &Link, number: u64) -> Link {
        Link::From(number)
    }
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// Opened by this server.
    To(ServerId),
    /// Accepted by this server. No two have the same number.
    From(u64),
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::To(server) => write!(f, "to {server}"),
            Link::From(number) => write!(f, "from #{number}"),
        }
    }
}

/// The first message on a connection, from the side that opened it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Initial {
    /// Who opened it.
    pub server: ServerId,
    /// Where that server's election port is, as `host:port`. Several only if it may have several;
    /// none if it is older than ZooKeeper 3.5.
    pub addresses: Vec<String>,
    /// Whether it says so in the form for several addresses.
    pub several: bool,
}

impl Initial {
    /// The id of an observer that has none.
    pub const NAMELESS: ServerId = ServerId(i64::MAX);
}

/// What travels over a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// Who opened the connection. It comes first, and once.
    Initial(Initial),
    /// What the other server thinks.
    Notification(Notification),
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Initial(initial) => write!(f, "Initial server {}", initial.server),
            Frame::Notification(notification) => write!(f, "{notification}"),
        }
    }
}

/// What an election port waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortTimer {
    /// The first message of the accepted connection of this number.
    Initial(u64),
    /// A timer of the election itself.
    Election(Timer),
}

impl fmt::Display for PortTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PortTimer::Initial(number) => write!(f, "Initial #{number}"),
            PortTimer::Election(timer) => write!(f, "{timer}"),
        }
    }
}

/// What an election port tells its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The election is over.
    Elected(Elected),
    /// A server that is not a member says where it can be reached. A connection to it will be
    /// asked for.
    Located {
        /// The server.
        server: ServerId,
        /// Its election addresses, as `host:port`; one at least.
        addresses: Vec<String>,
    },
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Elected(elected) => write!(f, "{elected}"),
            Told::Located { server, addresses } => {
                write!(f, "Located server {server} at {}", addresses.join(", "))
            }
        }
    }
}
