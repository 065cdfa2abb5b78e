//! The vocabulary of ZAB: who talks, what is stored, and what the service above is told.
//!
//! Book: chapter 9.

use std::fmt;

use bytes::Bytes;
use election::{LogEnd, ServerState};
use machines::Protocol;
use storage::Entry;
use zxid::{ServerId, Zxid};

use crate::packet::Packet;

/// The vocabulary of a leader and its learners.
#[derive(Clone, Debug, PartialEq)]
pub enum Zab {}

impl Protocol for Zab {
    type Peer = Peer;
    type Message = Packet;
    type Timer = Timer;
    type Write = storage::Write;
    type Fetch = storage::Fetch;
    type Fetched = storage::Fetched;
    type Recovered = Recovered;
    type Output = Told;
}

/// The other end of a connection of the quorum port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// To a learner: its leader, whom it has dialled.
    Leader(ServerId),
    /// To a leader: the connection of this number, which it accepted. Its first packet says who is
    /// there. No two have the same number.
    Learner(u64),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Leader(server) => write!(f, "leader {server}"),
            Peer::Learner(number) => write!(f, "learner #{number}"),
        }
    }
}

/// What a leader or learner waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Half a tick is over: time to ping, and to see who is silent.
    Tick,
    /// Time to dial the leader again.
    Retry,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Whether others may count on what a server says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// They may.
    #[default]
    Sound,
    /// Its disk was damaged: it has lost what it acknowledged, and no leader has brought it up to date
    /// yet.
    Convalescent,
    /// Moreover it does not know what it promised.
    Forgetful,
}

impl Health {
    /// The health of a server that found, or did not find, on its disk that it is convalescent, and
    /// what it promised.
    pub fn found(convalescent: bool, promise: Option<u32>) -> Health {
        match (convalescent, promise) {
            (false, _) => Health::Sound,
            (true, Some(_)) => Health::Convalescent,
            (true, None) => Health::Forgetful,
        }
    }
}

/// What a server's disk held when it started, as far as the ensemble goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recovered {
    /// The highest epoch that it ever promised.
    pub accepted: u32,
    /// The epoch of the last leader whose beginning is in its history.
    pub current: u32,
    /// Up to where the state above has the history: the snapshot's zxid.
    pub applied: Zxid,
    /// The entries after that, in order. Only a leader can say which of them are committed.
    pub tail: Vec<Entry>,
    /// Whether this is what it ever said that it has.
    pub health: Health,
}

impl Recovered {
    /// Where the history ends.
    pub fn log_end(&self) -> LogEnd {
        let last = self.tail.last().map_or(self.applied, |entry| entry.zxid);
        LogEnd { current_epoch: self.current, last }
    }
}

/// What the service above is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// This is committed: apply it. Entries come in order, each once. (After a snapshot of the
    /// leader's, its effects may be in the state already.)
    Deliver(Entry),
    /// From now on this server serves clients. Everything committed in earlier epochs has been
    /// delivered.
    Serving {
        /// Leading, following or observing.
        role: ServerState,
        /// The leader.
        leader: ServerId,
        /// The leader's epoch.
        epoch: u32,
    },
    /// It does so no longer, or gives up before it began: the leader, or the leader's quorum, is
    /// lost. What is logged but not delivered stays logged.
    Ceased(Ceased),
    /// A snapshot of the leader's comes in place of the state: begin an empty one beside it. It will
    /// be whole up to this transaction. If `Ceased` comes before `SnapshotEnded`, it never was: the
    /// state of before is the one that this server's log leads to.
    SnapshotBegun(Zxid),
    /// The next whole items of the snapshot's body.
    SnapshotBytes(Bytes),
    /// The snapshot is complete: it is the state now.
    SnapshotEnded,
    /// Leader: this learner needs a snapshot. Answer with `snapshot_begin`, then `snapshot_bytes`
    /// once for each `SnapshotMore`, then `snapshot_end`.
    SnapshotWanted(u64),
    /// Leader: this learner has taken the last bytes, and wants more.
    SnapshotMore(u64),
    /// Leader: this learner is gone; no more bytes are needed.
    SnapshotUnwanted(u64),
    /// Leader: a learner passes on what concerns sessions: `Request`, `Revalidate`, or the sessions
    /// that a `Ping` was answered with.
    Asked {
        /// The learner's number.
        server: ServerId,
        /// Its connection, for `answer`.
        link: u64,
        /// What it passes on.
        packet: Packet,
    },
    /// Learner: the leader answers: `Revalidated` or `Sync`.
    Answered(Packet),
    /// Leader: a quorum has confirmed that it follows this leader, after `confirm` gave out this
    /// number.
    Confirmed(u64),
}

/// Why a server leads or follows no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ceased {
    /// A leader found no quorum in time.
    NoQuorum,
    /// A leader lost its quorum.
    QuorumLost,
    /// A learner could not reach its leader.
    Unreachable,
    /// The connection to the leader was lost.
    LeaderLost,
    /// Nothing was heard of the leader for too long.
    LeaderSilent,
    /// The leader's epoch is below one that this server promised; or this is the leader, and a
    /// server that would follow it has.
    OldLeader,
    /// The other side broke the protocol.
    BadPacket,
    /// The counter of the epoch is used up.
    RolledOver,
    /// The server was convalescent, and is up to date: it looks again, as a voter.
    Convalesced,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Deliver(entry) => write!(f, "Deliver {}", entry.zxid),
            Told::Serving { role, leader, epoch } => {
                write!(f, "Serving {role} leader={leader} epoch={epoch}")
            }
            Told::Ceased(why) => write!(f, "Ceased {why:?}"),
            Told::SnapshotBegun(zxid) => write!(f, "SnapshotBegun {zxid}"),
            Told::SnapshotBytes(bytes) => write!(f, "SnapshotBytes {}", bytes.len()),
            Told::SnapshotEnded => write!(f, "SnapshotEnded"),
            Told::SnapshotWanted(link) => write!(f, "SnapshotWanted learner #{link}"),
            Told::SnapshotMore(link) => write!(f, "SnapshotMore learner #{link}"),
            Told::SnapshotUnwanted(link) => write!(f, "SnapshotUnwanted learner #{link}"),
            Told::Asked { server, packet, .. } => write!(f, "Asked server {server} {packet}"),
            Told::Answered(packet) => write!(f, "Answered {packet}"),
            Told::Confirmed(number) => write!(f, "Confirmed {number}"),
        }
    }
}
