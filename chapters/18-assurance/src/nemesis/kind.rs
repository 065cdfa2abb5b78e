//! The kinds of faults.

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A server's process is killed.
    Crash,
    /// A server loses its power.
    PowerLoss,
    /// Some servers lose their power at once, perhaps all.
    Blackout,
    /// A server loses its power between two of its next writes, perhaps while it starts.
    PowerLossSoon,
    /// A sync fails, and what it should have forced is lost.
    FailingSync,
    /// A write fails.
    FailingWrite,
    /// A disk is full.
    FullDisk,
    /// A server's process is stopped for a while.
    Pause,
    /// A client's process is stopped for a while.
    SlowClient,
    /// A client's process is killed, and its session is abandoned.
    AbandonedSession,
    /// A server's wall clock is set.
    ClockJump,
    /// A server's clocks run too fast or too slow.
    Drift,
    /// A connection breaks.
    Reset,
    /// Nothing gets through between a client and a server, in one direction or both.
    Partition,
    /// A server's disk becomes slow.
    SlowServer,
    /// Nothing gets through between two servers, in one direction or both.
    Rift,
    /// A server is cut off from all others.
    Isolation,
    /// The servers are split in two.
    Split,
    /// The leader is lost right after one of its steps.
    LostLeader,
    /// A server gets a new disk, when no other needs what was on the old one.
    NewDisk,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Kind; 20] = [
        Kind::Crash,
        Kind::PowerLoss,
        Kind::Blackout,
        Kind::PowerLossSoon,
        Kind::FailingSync,
        Kind::FailingWrite,
        Kind::FullDisk,
        Kind::Pause,
        Kind::SlowClient,
        Kind::AbandonedSession,
        Kind::ClockJump,
        Kind::Drift,
        Kind::Reset,
        Kind::Partition,
        Kind::SlowServer,
        Kind::Rift,
        Kind::Isolation,
        Kind::Split,
        Kind::LostLeader,
        Kind::NewDisk,
    ];

    /// Whether it needs several servers.
    pub(super) fn is_for_many(self) -> bool {
        use Kind::*;
        matches!(self, Blackout | Rift | Isolation | Split | LostLeader | NewDisk)
    }
}
