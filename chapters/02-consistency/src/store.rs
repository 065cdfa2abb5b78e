//! The vocabulary of a replicated store: one register, and a copy of it on every server.
//!
//! A client asks any server, and says with each request what it wants to be promised. That is the
//! choice which CAP is about, and it is made per operation: a [`Promise::Linearizable`] operation
//! needs a quorum, and gives up availability when there is none; a [`Promise::Eventual`] one is
//! answered by the one server that was asked, and gives up consistency.
//!
//! Always true:
//! - two different writes never have one version, so that a version names a value;
//! - of two copies the one with the higher version is the newer: the last writer wins.
//!
//! Book: chapter 2. Papers: Gilbert and Lynch 2002 (CAP); Pritchett 2008 (BASE).

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use machines::{NodeId, Protocol};

/// The vocabulary of the store's servers and clients.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {}

impl Protocol for Store {
    type Peer = NodeId;
    type Message = Message;
    type Timer = Timer;
    type Write = Content;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = Content;
    type Output = Outcome;
}

impl machines::Simulated for Store {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

/// Which write a value is of. Versions are ordered by counter, then by server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// One more than all that were known where the version was given.
    pub counter: u64,
    /// The server that gave it: two servers may come to the same counter at the same time.
    pub server: u64,
}

/// What a copy of the register holds: 0, of no server, at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Which write it is of.
    pub version: Version,
    /// What was written.
    pub value: u64,
}

/// What a client wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To be told the value.
    Read,
    /// To put a value in place of the one before.
    Write(u64),
}

/// What a client wants to be promised of one operation, from much to little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// As if there were one copy only. A quorum is asked; without one there is no answer.
    Linearizable,
    /// A read may be old, but never older than [`Limits::bound`], nor than what the session has
    /// seen before. The server answers from its memory, as long as it is in touch with a quorum.
    /// A write is as under `Linearizable`.
    Sequential,
    /// What the server has, whatever others have; a write reaches the others when it can.
    Eventual,
}

/// A request, with all that a server must know to carry it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number in its session: later requests have larger ones. No number is used twice.
    pub number: u64,
    /// What is to be done.
    pub wish: Wish,
    /// What is to be promised.
    pub promise: Promise,
    /// The newest version that the session has been told of.
    pub seen: Version,
}

/// What a round of questions is about. Its name goes with the answers, to tell rounds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Round {
    /// The server's own, made again and again: is there a quorum, and what does it have?
    Beat(u64),
    /// For a request: its client and its number.
    Request(NodeId, u64),
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// From a client.
    Ask(Request),
    /// To a client: the request of this number is done, and this is what it read or wrote.
    Answered {
        /// Which request.
        number: u64,
        /// What it read, or wrote.
        content: Content,
    },
    /// Between servers: what do you have?
    Tell(Round),
    /// This is on my disk.
    Told(Round, Content),
    /// Keep this, unless you have something newer.
    Keep(Round, Content),
    /// I have it on my disk, or something newer.
    Kept(Round),
}

/// What servers and clients wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A server's: time to ask the others what they have.
    Beat,
    /// A client's: no answer will be waited for any longer.
    Patience,
    /// A client's: time to try the next server.
    Retry,
}

/// What became of a client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which request.
    pub request: Request,
    /// What it read or wrote. If nothing: there was no answer, and it may or may not have happened.
    pub content: Option<Content>,
}

/// How long what takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After what time a server asks the others again what they have.
    pub beat: Duration,
    /// How long a server believes that it is in touch with a quorum, counted from when it last
    /// asked and a quorum answered. No sequential read is older.
    pub bound: Duration,
    /// How long a client waits for an answer.
    pub patience: Duration,
    /// How long a client waits before it tries the next server.
    pub retry: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            beat: Duration::from_millis(100),
            bound: Duration::from_millis(400),
            patience: Duration::from_secs(1),
            retry: Duration::from_millis(20),
        }
    }
}

impl Version {
    /// The version as one number, for checkers: in the same order.
    pub fn position(self) -> u64 {
        assert!(self.server < 1 << 16, "a server's number has 16 bits, {} has not", self.server);
        self.counter << 16 | self.server
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.counter, self.server)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version={}", self.value, self.version)
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::Read => write!(f, "read"),
            Wish::Write(value) => write!(f, "write {value}"),
        }
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Promise::Linearizable => "linearizable",
            Promise::Sequential => "sequential",
            Promise::Eventual => "eventual",
        })
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Round::Beat(number) => write!(f, "beat={number}"),
            Round::Request(client, number) => write!(f, "for={client}.{number}"),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Ask(Request { number, wish, promise, .. }) => {
                write!(f, "Ask {number}: {wish}, {promise}")
            }
            Message::Answered { number, content } => write!(f, "Answered {number}: {content}"),
            Message::Tell(round) => write!(f, "Tell {round}"),
            Message::Told(round, content) => write!(f, "Told {round} {content}"),
            Message::Keep(round, content) => write!(f, "Keep {round} {content}"),
            Message::Kept(round) => write!(f, "Kept {round}"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wish = self.request.wish;
        match (wish, self.content) {
            (Wish::Read, Some(content)) => write!(f, "{wish} {}", content.value),
            (Wish::Write(_), Some(_)) => write!(f, "{wish}: done"),
            (_, None) => write!(f, "{wish}: no answer"),
        }
    }
}
