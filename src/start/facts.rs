//! What is known of the servers of an ensemble in this process.

use std::fmt;
use std::net::SocketAddr;

use zxid::{ServerId, Zxid};

/// One server, as it was a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its number.
    pub server: ServerId,
    /// Where its clients connect.
    pub address: SocketAddr,
    /// Whether it runs.
    pub condition: Condition,
    /// Whether it is cut off from the others.
    pub cut: bool,
    /// What it said when it was asked last.
    pub seen: Seen,
}

/// Whether a server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is being started.
    Starting,
    /// It does.
    Running,
    /// It has been stopped, and can go on.
    Paused,
    /// It has been killed.
    Killed,
    /// It has ended by itself, for this reason.
    Ended(String),
}

/// What a server does in its ensemble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It looks for a leader, or brings itself up to date.
    #[default]
    Looking,
    /// It stands alone.
    Standalone,
    /// It leads.
    Leader,
    /// It follows, and votes.
    Follower,
    /// It follows, and has no vote.
    Observer,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What it does.
    pub role: Role,
    /// The reign under which it serves, or served last; a server that stands alone has none.
    pub epoch: Option<u32>,
    /// The last transaction in its tree.
    pub zxid: Zxid,
    /// Sessions that it knows of.
    pub sessions: usize,
    /// Clients that are connected to it.
    pub clients: usize,
}

impl Facts {
    /// Whether clients are served.
    pub fn serves(&self) -> bool {
        self.condition == Condition::Running && self.seen.role != Role::Looking
    }

    /// Its role, or why it has none.
    pub fn state(&self) -> String {
        let cut = if self.cut { ", cut off" } else { "" };
        match &self.condition {
            Condition::Running => format!("{}{cut}", self.seen.role),
            Condition::Starting => "starting".to_string(),
            Condition::Paused => format!("paused{cut}"),
            Condition::Killed => "killed".to_string(),
            Condition::Ended(_) => "ended".to_string(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Looking => "looking",
            Role::Standalone => "standalone",
            Role::Leader => "leader",
            Role::Follower => "follower",
            Role::Observer => "observer",
        })
    }
}
