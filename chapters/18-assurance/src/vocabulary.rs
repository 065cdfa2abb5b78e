//! The vocabulary of the simulation: servers and clients in one world, with bytes between them.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use machines::{NodeId, Protocol, Simulated};
use protocol::{ClientOutput, ClientTimer};
use server::{Connection, Notice};

use crate::invariants::Broken;

/// The protocol of the simulated world.
#[derive(Clone, Debug, PartialEq)]
pub enum Sim {}

impl Protocol for Sim {
    type Peer = Peer;
    type Message = Chunk;
    type Timer = Timer;
    type Write = storage::Write;
    type Fetch = storage::Fetch;
    type Fetched = storage::Fetched;
    type Recovered = Found;
    type Output = Told;
}

impl Simulated for Sim {
    fn dial(peer: &Peer) -> NodeId {
        match peer {
            Peer::Server(place) => NodeId::Server(*place as u64 + 1),
            Peer::Client(connection) => panic!("nobody dials client {}", connection.number),
        }
    }

    fn accept(from: NodeId, _: &Peer, number: u64) -> Peer {
        let host = match from {
            NodeId::Client(host) | NodeId::Server(host) => host as u8,
        };
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 0, host), number as u16));
        Peer::Client(Connection { number, from })
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    /// To a client: a server, by its place in the connect string.
    Server(usize),
    /// To a server: a client's connection.
    Client(Connection),
}

/// Bytes on their way: any part of any frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk(pub Bytes);

/// The timers of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A server's.
    Server(server::Timer),
    /// A client's.
    Client(ClientTimer),
    /// The program that uses the client does something.
    Program,
}

/// What a process finds when it starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A server's state.
    Server(Box<server::Recovered>),
    /// A client has no disk.
    Nothing,
}

/// What comes out of the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A server tells its host.
    Server(Notice),
    /// A client tells its program.
    Client(ClientOutput),
    /// An invariant does not hold.
    Broken(Broken),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Server(place) => write!(f, "server {place}"),
            Peer::Client(connection) => write!(f, "connection {}", connection.number),
        }
    }
}

impl fmt::Display for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The checksum makes traces differ whose bytes do.
        write!(f, "{} bytes {:08x}", self.0.len(), crc32fast::hash(&self.0))
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Server(timer) => write!(f, "{timer}"),
            Timer::Client(timer) => write!(f, "{timer}"),
            Timer::Program => write!(f, "Program"),
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Server(notice) => write!(f, "{notice}"),
            Told::Client(output) => write!(f, "{output}"),
            Told::Broken(broken) => write!(f, "{broken}"),
        }
    }
}
