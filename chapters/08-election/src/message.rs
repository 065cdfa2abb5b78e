//! The vocabulary of elections: there is one message, and it says all that its sender thinks.
//!
//! Book: chapter 8. ZooKeeper: `FastLeaderElection.Notification`.

use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;
use machines::Protocol;
use zxid::ServerId;

use crate::vote::{LogEnd, ServerState, Vote};

/// The vocabulary of fast leader election. It needs no disk: no vote is ever written down.
#[derive(Clone, Debug, PartialEq)]
pub enum Fle {}

impl Protocol for Fle {
    type Peer = ServerId;
    type Message = Notification;
    type Timer = Timer;
    type Write = Infallible;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = LogEnd;
    type Output = Elected;
}

/// What a server thinks: whom it would follow, or whom it follows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notification {
    /// What the sender is doing.
    pub state: ServerState,
    /// Its vote.
    pub vote: Vote,
    /// The round in which it votes, or in which its leader was elected; -1 before there was one.
    pub round: i64,
    /// The version of the message's format.
    pub version: i32,
    /// The members as the sender knows them, in text; empty before version 2. Unlike ZooKeeper,
    /// which begins the election anew when it hears of a newer config than its own, we take no
    /// notice of what others say here.
    pub config: Bytes,
}

impl Notification {
    /// The version that servers of today send.
    pub const VERSION: i32 = 2;
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notification ")?;
        if self.state != ServerState::Looking {
            write!(f, "{} ", self.state)?;
        }
        write!(f, "vote={} round={}", self.vote, self.round)
    }
}

/// What a looking server waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Nobody has said anything: time to say again what one thinks.
    Resend,
    /// A quorum agrees, and no better vote has come.
    Settle,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The election is over for this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elected {
    /// What the server does from now on; never `Looking`.
    pub role: ServerState,
    /// The vote that won. Its server leads.
    pub vote: Vote,
    /// The round in which it won.
    pub round: i64,
}

impl fmt::Display for Elected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            ServerState::Leading => write!(f, "Leading vote={} round={}", self.vote, self.round),
            role => {
                write!(f, "{role:?} {} vote={} round={}", self.vote.leader, self.vote, self.round)
            }
        }
    }
}
