//! The kinds of faults, and their names.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident: $name:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// Its name, as it is written on a command line.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// A server's process is killed.
    Crash: "crash",
    /// A server loses its power.
    PowerLoss: "power-loss",
    /// Some servers lose their power at once, perhaps all.
    Blackout: "blackout",
    /// A server loses its power between two of its next writes, perhaps while it starts.
    PowerLossSoon: "power-loss-soon",
    /// A sync fails, and what it should have forced is lost.
    FailingSync: "failing-sync",
    /// A write fails.
    FailingWrite: "failing-write",
    /// A disk is full.
    FullDisk: "full-disk",
    /// A server's process is stopped for a while.
    Pause: "pause",
    /// A client's process is stopped for a while.
    SlowClient: "slow-client",
    /// A client's process is killed, and its session is abandoned.
    AbandonedSession: "abandoned-session",
    /// A server's wall clock is set.
    ClockJump: "clock-jump",
    /// A server's clocks run too fast or too slow.
    Drift: "drift",
    /// A connection breaks.
    Reset: "reset",
    /// Nothing gets through between a client and a server, in one direction or both.
    Partition: "partition",
    /// A server's disk becomes slow.
    SlowServer: "slow-server",
    /// Nothing gets through between two servers, in one direction or both.
    Rift: "rift",
    /// A server is cut off from all others.
    Isolation: "isolation",
    /// The servers are split in two.
    Split: "split",
    /// The leader is lost right after one of its steps.
    LostLeader: "lost-leader",
    /// A client goes to another server while what it asked for is on its way through the old one.
    MovedSession: "moved-session",
    /// A server gets a new disk, when no other needs what was on the old one.
    NewDisk: "new-disk",
    /// A bit turns on a disk, below the last batch.
    FlippedBit: "flipped-bit",
    /// A write has gone astray on a disk, below the last batch.
    StrayWrite: "stray-write",
}

impl Kind {
    /// All of them, as a set.
    pub fn all() -> BTreeSet<Kind> {
        Kind::ALL.iter().copied().collect()
    }

    /// Whether it needs several servers.
    pub(crate) fn is_for_many(self) -> bool {
        use Kind::*;
        // One that stands alone refuses to start with a damaged disk, and that would be all.
        let damages = matches!(self, FlippedBit | StrayWrite);
        let moves = matches!(self, LostLeader | MovedSession | NewDisk);
        damages || moves || matches!(self, Blackout | Rift | Isolation | Split)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Kind, String> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
            format!("there is no fault {name:?}; there are: {}", names.join(", "))
        })
    }
}
