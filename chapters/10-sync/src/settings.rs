//! What an operator may choose of an ensemble's inner life. Each field names its key.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use zxid::ServerId;

/// The settings of one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `myid`.
    pub me: ServerId,
    /// `server.N` lines: who is in the ensemble.
    pub members: Members,
    /// The same as text, as it goes over the wire and into `/zookeeper/config`: `QuorumMaj.toString`.
    pub config: Bytes,
    /// This server's election address as `host:port`.
    pub election_address: String,
    /// How patient the election port is.
    pub election_limits: Limits,
    /// `tickTime`.
    pub tick: Duration,
    /// `initLimit`: ticks that connecting, discovery and synchronisation may take.
    pub init_limit: u32,
    /// `syncLimit`: ticks of silence after which the other side is given up.
    pub sync_limit: u32,
    /// `commitLogCount`: committed entries kept in memory for learners that are a little behind.
    pub window: usize,
    /// Bytes of them at most.
    pub window_bytes: usize,
    /// Whether a learner that is further behind gets what it lacks from the log on disk.
    /// `snapshotSizeFactor` of 0 or more.
    pub from_disk: bool,
    /// How many entries from disk are cheaper than a snapshot, in bytes; from `snapshotSizeFactor`.
    /// 0: any number.
    pub from_disk_bytes: u64,
    /// `forceSnapshotSync`: every learner gets a snapshot. For tests.
    pub force_snapshot: bool,
}

impl Settings {
    /// Whether this server has no vote.
    pub fn is_observer(&self) -> bool {
        !self.members.is_voter(self.me)
    }

    /// The time that connecting, discovery and synchronisation may take.
    pub fn init_time(&self) -> Duration {
        self.tick * self.init_limit
    }

    /// The silence after which the other side is given up.
    pub fn sync_time(&self) -> Duration {
        self.tick * self.sync_limit
    }
}

/// The settings of a member never change, so that its number stands for them.
impl Hash for Settings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.me.hash(state);
    }
}
