//! Everything that a four-letter word may tell, gathered for one answer.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::Now;
use sessions::Sessions;
use watches::Watches;
use zxid::{ServerId, Zxid};

use crate::client::Client;
use crate::settings::Settings;
use crate::state::State;
use crate::stats::Stats;

/// A look at a server.
pub struct Facts<'a> {
    /// What the operator chose.
    pub settings: &'a Settings,
    /// The time.
    pub now: Now,
    /// The connections, by number, the asking one too.
    pub clients: &'a BTreeMap<u64, Client>,
    /// The asking connection's number.
    pub asking: u64,
    /// The tree and the sessions.
    pub state: &'a State,
    /// The sessions and when they expire, where that is decided.
    pub sessions: Option<&'a Sessions>,
    /// The watches.
    pub watches: &'a Watches,
    /// The counts.
    pub stats: &'a Stats,
    /// Requests at work.
    pub outstanding: usize,
    /// Whether clients are served.
    pub serving: bool,
    /// What the server is in its ensemble.
    pub standing: Standing,
    /// In an ensemble: who leads, and in which epoch. Nothing while there is no leader.
    pub reign: Option<(ServerId, u32)>,
}

/// What a server is in its ensemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It stands alone.
    Alone,
    /// It has no place yet, or no more.
    Looking,
    /// It leads.
    Leading(Followers),
    /// It follows, and votes.
    Following,
    /// It follows, and has no vote.
    Observing,
}

/// Whom a leader leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followers {
    /// Learners that are connected, observers among them.
    pub learners: usize,
    /// Followers that are up to date.
    pub followers: usize,
    /// Observers that are.
    pub observers: usize,
    /// Learners' clients that wait for the answer to a sync.
    pub pending_syncs: usize,
}

impl Facts<'_> {
    /// What this server is in its ensemble, as `srvr` and `mntr` show it.
    pub fn mode(&self) -> &'static str {
        match self.standing {
            Standing::Alone => "standalone",
            Standing::Looking => "looking",
            Standing::Leading(_) => "leader",
            Standing::Following => "follower",
            Standing::Observing => "observer",
        }
    }

    /// The last transaction, as `srvr` shows it: a leader's epoch is one before its first.
    pub fn shown_zxid(&self) -> Zxid {
        match (self.standing, self.reign) {
            (Standing::Leading(_), Some((_, epoch))) => self.state.last.max(Zxid::new(epoch, 0)),
            _ => self.state.last,
        }
    }

    /// The server's number, as `conf` shows it: a server that stands alone has none.
    pub fn shown_id(&self) -> i64 {
        self.settings.ensemble.as_ref().map_or(0, |ensemble| ensemble.me.0)
    }

    /// The wall clock in ms at a time of the monotonic clock, by what both show now.
    pub fn wall_ms(&self, monotonic: Duration) -> i64 {
        self.now.wall_ms + monotonic.as_millis() as i64 - self.now.monotonic.as_millis() as i64
    }
}
