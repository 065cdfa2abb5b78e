//! The vocabulary of the simulation: servers and clients in one world. Between a client and a server
//! there are bytes; between two servers there is what they say, which their hosts also write and
//! read.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use election::Link;
use machines::{NodeId, Protocol, Simulated};
use protocol::{ClientOutput, ClientTimer, describe_asked, describe_chunk};
use server::{Connection, Notice};

use crate::invariants::Broken;

/// The protocol of the simulated world.
#[derive(Clone, Debug, PartialEq)]
pub enum Sim {}

impl Protocol for Sim {
    type Peer = Peer;
    type Message = Message;
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
            Peer::Election(Link::To(server)) | Peer::Quorum(zab::Peer::Leader(server)) => {
                NodeId::Server(server.0 as u64)
            }
            accepted => panic!("nobody dials {accepted}: it is accepted"),
        }
    }

    fn accept(from: NodeId, dialled: &Peer, number: u64) -> Peer {
        match dialled {
            Peer::Election(_) => return Peer::Election(Link::From(number)),
            Peer::Quorum(_) => return Peer::Quorum(zab::Peer::Learner(number)),
            Peer::Server(_) | Peer::Client(_) => {}
        }
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
    /// To a server: another's election port.
    Election(Link),
    /// To a server: its leader, or a learner.
    Quorum(zab::Peer),
}

/// What travels.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To and from clients: any part of any frames.
    Chunk(Bytes),
    /// From a client that somebody drives: whole frames, which a trace tells in words.
    Asked(Bytes),
    /// To such a client.
    Said(Bytes),
    /// Between election ports.
    Election(election::Frame),
    /// Between a leader and a learner.
    Quorum(zab::Packet),
}

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
            Peer::Election(link) => write!(f, "election {link}"),
            Peer::Quorum(peer) => write!(f, "{peer}"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The checksum makes traces differ whose bytes do.
            Message::Chunk(bytes) => {
                write!(f, "{} bytes {:08x}", bytes.len(), crc32fast::hash(bytes))
            }
            Message::Asked(frames) => write!(f, "{}", describe_asked(frames)),
            Message::Said(frames) => write!(f, "{}", describe_chunk(frames)),
            Message::Election(frame) => write!(f, "{frame}"),
            Message::Quorum(packet) => write!(f, "{packet}"),
        }
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
