//! Votes: whom a server would follow, and why that one.
//!
//! A vote names a server and says how much of the history that server has. It says so by two
//! numbers: the last epoch that the server took part in, and the last transaction in its log.
//!
//! Book: chapter 8. ZooKeeper: `Vote`, `QuorumPeer.ServerState`.

use std::fmt;

use zxid::{ServerId, Zxid};

/// What a server is doing, as it tells others. The numbers are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerState {
    /// It looks for a leader.
    Looking = 0,
    /// It follows a leader, and votes.
    Following = 1,
    /// It leads.
    Leading = 2,
    /// It follows a leader, and has no vote.
    Observing = 3,
}

impl ServerState {
    /// The state of this number, if there is one.
    pub fn from_number(number: i32) -> Option<ServerState> {
        use ServerState::*;
        [Looking, Following, Leading, Observing].into_iter().find(|it| *it as i32 == number)
    }
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServerState::Looking => "looking",
            ServerState::Following => "following",
            ServerState::Leading => "leading",
            ServerState::Observing => "observing",
        })
    }
}

/// A vote for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Vote {
    /// Who should lead.
    pub leader: ServerId,
    /// The last transaction in that server's log.
    pub zxid: Zxid,
    /// The last epoch that server took part in: its `currentEpoch`.
    pub epoch: i64,
}

impl Vote {
    /// The vote of a server that has none: it is below every other.
    pub const NONE: Vote =
        Vote { leader: ServerId(i64::MIN), zxid: Zxid(i64::MIN as u64), epoch: i64::MIN };

    /// The zxid of a server that does not know what it has, because its database is marked
    /// missing. Such a server takes no part in choosing.
    pub const UNKNOWN: Zxid = Zxid(u64::MAX);

    /// A server's vote for itself.
    pub fn own(me: ServerId, log: LogEnd) -> Vote {
        Vote { leader: me, zxid: log.last, epoch: i64::from(log.current_epoch) }
    }
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Vote::NONE {
            return write!(f, "none");
        }
        write!(f, "(epoch {}, zxid {}, server {})", self.epoch, self.zxid, self.leader)
    }
}

/// Where a server's history ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogEnd {
    /// The last epoch whose leader brought this server up to date.
    pub current_epoch: u32,
    /// The last transaction in its log, committed or not.
    pub last: Zxid,
}

/// A vote as it was cast: by a server in this state, in this round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ballot {
    /// What the server was doing.
    pub state: ServerState,
    /// The round in which it voted, or in which its leader was elected.
    pub round: i64,
    /// Its vote.
    pub vote: Vote,
    /// The version of the format in which it said so; 0 if that is not known.
    pub version: i32,
}
