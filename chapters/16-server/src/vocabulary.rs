//! The vocabulary of the complete server: with whom it talks, what is said, what is stored.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use machines::Protocol;
use protocol::{Word, describe_reply, describe_request};

use crate::notice::Notice;
use crate::recovered::Recovered;

/// The protocol of the complete server.
#[derive(Clone, Debug, PartialEq)]
pub enum Zk {}

impl Protocol for Zk {
    type Peer = Peer;
    type Message = Message;
    type Timer = Timer;
    type Write = storage::Write;
    type Fetch = storage::Fetch;
    type Fetched = storage::Fetched;
    type Recovered = Recovered;
    type Output = Notice;
}

/// A connection from a client. The host counts them up; a number is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// Which.
    pub number: u64,
    /// Where the client sits.
    pub from: SocketAddr,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A client.
    Client(Connection),
    /// Another server's election port, or a connection to ours.
    Election(election::Link),
    /// A leader's quorum port, or a connection to ours.
    Quorum(zab::Peer),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Client(connection) => write!(f, "client {}", connection.number),
            Peer::Election(link) => write!(f, "election {link}"),
            Peer::Quorum(peer) => write!(f, "{peer}"),
        }
    }
}

impl From<sync::Peer> for Peer {
    fn from(peer: sync::Peer) -> Peer {
        match peer {
            sync::Peer::Election(link) => Peer::Election(link),
            sync::Peer::Quorum(peer) => Peer::Quorum(peer),
        }
    }
}

/// What travels. The host cuts what clients send, see `protocol::Framer`; what servers say to each
/// other it reads and writes with `election::wire` and `zab::wire`.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// From a client: one whole frame, without its four length bytes.
    Frame(Bytes),
    /// From a client: a four-letter word, instead of a first frame.
    Word(Word),
    /// To a client: bytes to be sent as they are, whole frames with their lengths, or plain text.
    Chunk(Bytes),
    /// Between election ports.
    Election(election::Frame),
    /// Between a leader and a learner.
    Quorum(zab::Packet),
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Frame(bytes) => write!(f, "{}", describe_request(bytes)),
            Message::Word(word) => write!(f, "{}", word.name()),
            Message::Chunk(bytes) => write!(f, "{}", describe_reply(bytes)),
            Message::Election(frame) => write!(f, "{frame}"),
            Message::Quorum(packet) => write!(f, "{packet}"),
        }
    }
}

impl From<sync::Message> for Message {
    fn from(message: sync::Message) -> Message {
        match message {
            sync::Message::Election(frame) => Message::Election(frame),
            sync::Message::Quorum(packet) => Message::Quorum(packet),
        }
    }
}

/// The server's timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The next bucket of sessions may have expired.
    Expiry,
    /// Time to look for empty containers and nodes whose time to live is over.
    Reaper,
    /// Time to remove one more of them.
    Reap,
    /// Time to close connections that never began a session.
    Handshakes,
    /// Time to purge old files.
    Purge,
    /// Of this server's part in its ensemble.
    Member(sync::Timer),
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Member(timer) => write!(f, "{timer}"),
            own => write!(f, "{own:?}"),
        }
    }
}
