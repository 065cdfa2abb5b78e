//! The vocabulary of the client machine: its peers, messages, timers and outputs.
//!
//! Always true:
//! - at most one server's connection is open or being opened at a time;
//! - every [`Ask`] with a number is answered by one [`ClientOutput::Completed`] of that number;
//! - a client writes nothing to disk.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use machines::Protocol;
use zxid::{SessionId, Zxid};

use super::{Error, Operation, Reply, SessionState, WatchedEvent};

/// The vocabulary of the client.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientWire {}

impl Protocol for ClientWire {
    type Peer = ClientPeer;
    type Message = ClientMessage;
    type Timer = ClientTimer;
    type Write = Nothing;
    type Fetch = Nothing;
    type Fetched = Nothing;
    type Recovered = ();
    type Output = ClientOutput;
}

/// What a client is given at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// How many servers the connect string names.
    pub servers: usize,
    /// What stands before every path; empty for nothing.
    pub chroot: String,
    /// A session that another client began, and its password. ZooKeeper: the constructor with
    /// `sessionId` and `sessionPasswd`.
    pub session: Option<(SessionId, Bytes)>,
    /// The session timeout to ask for.
    pub timeout: Duration,
    /// Shuffles the servers and draws the pauses.
    pub seed: u64,
}

/// What is never said: a type without values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {}

/// Whom the client talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientPeer {
    /// A server, by its place in the connect string.
    Server(usize),
    /// The program that uses the client.
    Caller,
}

impl fmt::Display for ClientPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientPeer::Server(index) => write!(f, "server {index}"),
            ClientPeer::Caller => write!(f, "caller"),
        }
    }
}

/// What the client hears and says.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientMessage {
    /// From the caller: something to do.
    Ask(Ask),
    /// From a server: one frame, without its length.
    Frame(Bytes),
    /// To a server: one or more whole frames, each with its length.
    Chunk(Bytes),
}

impl fmt::Display for ClientMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientMessage::Ask(ask) => write!(f, "Ask {ask:?}"),
            ClientMessage::Frame(frame) => write!(f, "Frame of {} bytes", frame.len()),
            ClientMessage::Chunk(chunk) => write!(f, "Chunk of {} bytes", chunk.len()),
        }
    }
}

/// What a program asks of the client. The number is the program's; answers carry it.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Do something on the server.
    Request {
        /// Names the request.
        number: u64,
        /// What to do. Paths are the program's, without the chroot.
        operation: Operation,
        /// Whom to tell when the watch fires that the operation leaves, if it is to leave one.
        watch: Option<WatchId>,
    },
    /// Present credentials, now and after every reconnect.
    Authenticate {
        /// Names the request.
        number: u64,
        /// The scheme: `digest`.
        scheme: String,
        /// The credentials, in the terms of the scheme: `user:password`.
        auth: Bytes,
    },
    /// End the session.
    Close {
        /// Names the request.
        number: u64,
    },
    /// Nobody listens to this watch any more. It is not answered.
    Forget(WatchId),
}

impl Ask {
    /// The program's number for it, if it is to be answered.
    pub fn number(&self) -> Option<u64> {
        match self {
            Ask::Request { number, .. }
            | Ask::Authenticate { number, .. }
            | Ask::Close { number } => Some(*number),
            Ask::Forget(_) => None,
        }
    }
}

/// Names one watch of the program. Several may be on one path; the server knows of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchId(pub u64);

/// The timers of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientTimer {
    /// The server has not accepted the session in time.
    Connect,
    /// Time to look whether the server has been silent for too long.
    Read,
    /// Time to look whether the client has been silent for too long.
    Ping,
    /// Time to try the next server.
    Retry,
}

impl fmt::Display for ClientTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What the client tells the program.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// An ask is done.
    Completed {
        /// Which.
        number: u64,
        /// How it ended.
        result: Result<Reply, Error>,
        /// The server's last transaction when it answered, or the write's own; 0 if no server
        /// answered.
        zxid: Zxid,
    },
    /// A watch fired. A one-shot watch is gone with it.
    Fired {
        /// Whom to tell, in the order in which they registered.
        watches: Vec<WatchId>,
        /// What happened.
        event: WatchedEvent,
    },
    /// The session is in another state.
    State {
        /// Which.
        state: SessionState,
        /// The session; none before the first connect.
        session: SessionId,
        /// The session timeout agreed with the server, in ms.
        timeout: i32,
    },
}

impl fmt::Display for ClientOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientOutput::Completed { number, result: Ok(_), zxid } => {
                write!(f, "Completed {number} zxid={zxid}")
            }
            ClientOutput::Completed { number, result: Err(error), .. } => {
                write!(f, "Completed {number} {error}")
            }
            ClientOutput::Fired { event, .. } => write!(f, "Fired {event}"),
            ClientOutput::State { state, session, .. } => write!(f, "{state} session={session}"),
        }
    }
}
