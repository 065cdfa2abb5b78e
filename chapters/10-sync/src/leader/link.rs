//! One learner's connection, as its leader sees it.
//!
//! Always true:
//! - a learner is given up only while the leader waits for it, never while it waits for the leader;
//! - what was sent and not yet taken by the connection is counted.
//!
//! Book: chapter 10. ZooKeeper: `LearnerHandler`.

use std::time::Duration;

use machines::Effects;
use zab::{Peer, Zab};
use zxid::{ServerId, Zxid};

/// Bytes after which the connection is asked whether it has taken them.
const ASK_AFTER: u64 = 1 << 20;

/// Bytes that a learner may leave untaken. It is cheaper to bring one that is further behind up to
/// date again than to keep what it does not read.
///
/// Unlike ZooKeeper, whose queue for a learner has no bound.
const UNTAKEN: u64 = 128 << 20;

/// Who a learner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) server: ServerId,
    /// Whether it is told what is committed rather than what is proposed.
    pub(super) observes: bool,
}

/// How far a learner has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// It has said nothing.
    Stranger,
    /// It has said who it is, and waits for an epoch.
    Joined,
    /// It was told the epoch, and has yet to promise.
    Offered,
    /// It has promised, and waits to be synchronised. Its history ends here.
    Promised(Zxid),
    /// The disk was asked for what follows, up to and with `to`. If it was `told` DIFF, there is no
    /// way back to a snapshot.
    Fetching {
        /// Where what it has, or was sent, ends.
        after: Zxid,
        /// The first transaction that was in memory when the disk was asked.
        to: Zxid,
        /// Whether it was told how it is synchronised.
        told: bool,
    },
    /// It has to take what was sent, up to here, before it gets more.
    Taking(Zxid),
    /// The service above was asked for its state.
    SnapshotWanted,
    /// The state is on its way, whole up to here.
    Snapshot(Zxid),
    /// It has NEWLEADER, and has yet to acknowledge it.
    Beginning(Begun),
    /// It has acknowledged NEWLEADER, and waits for UPTODATE.
    Begun(Begun),
    /// It has UPTODATE.
    Following,
}

/// What a learner between NEWLEADER and UPTODATE has missed, and what it has said too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Begun {
    /// The last transaction that it knows to be committed.
    pub(super) committed: Zxid,
    /// The last proposal that it acknowledged.
    pub(super) acked: Zxid,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) peer: Peer,
    pub(super) who: Option<Who>,
    pub(super) stage: Stage,
    /// Since when the leader waits for it to say something, or to take something.
    pub(super) waiting: Option<Duration>,
    /// A proposal, and a time at which it had been sent.
    pub(super) mark: (Zxid, Duration),
    /// The last proposal that it acknowledged since UPTODATE.
    pub(super) acked: Zxid,
    sent: u64,
    taken: u64,
    /// How much was sent when the connection was asked.
    asked: Option<u64>,
}

impl Link {
    pub(super) fn new(number: u64, now: Duration) -> Link {
        Link {
            peer: Peer::Learner(number),
            who: None,
            stage: Stage::Stranger,
            waiting: Some(now),
            mark: (Zxid::ZERO, now),
            acked: Zxid::ZERO,
            sent: 0,
            taken: 0,
            asked: None,
        }
    }

    /// Whether it is an observer.
    pub(super) fn observes(&self) -> bool {
        self.who.is_some_and(|who| who.observes)
    }

    /// Whether what it says counts, if it is a voter: a voter that observes is convalescent.
    pub(super) fn counts(&self) -> bool {
        self.who.is_some_and(|who| !who.observes)
    }

    /// Whether it gets all that happens: it has everything that happened before.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Beginning(_) | Stage::Begun(_) | Stage::Following)
    }

    /// Whether it is being sent what happened before.
    pub(super) fn is_catching_up(&self) -> bool {
        use Stage::*;
        matches!(self.stage, Fetching { .. } | Taking(_) | SnapshotWanted | Snapshot(_))
    }

    /// Whether the service above is sending it the state, or about to.
    pub(super) fn wants_snapshot(&self) -> bool {
        matches!(self.stage, Stage::SnapshotWanted | Stage::Snapshot(_))
    }

    /// Counts what was sent while nobody waits for it to be taken. False if it is too much.
    pub(super) fn count(&mut self, bytes: usize, effects: &mut Effects<Zab>) -> bool {
        self.sent += bytes as u64;
        self.ask_after(ASK_AFTER, effects);
        self.sent - self.taken <= UNTAKEN
    }

    /// Asks to be told when everything is taken.
    pub(super) fn flush(&mut self, effects: &mut Effects<Zab>) {
        self.waiting = Some(effects.now().monotonic);
        self.ask_after(0, effects);
    }

    /// The connection has taken what was sent when it was asked.
    pub(super) fn take(&mut self, effects: &mut Effects<Zab>) {
        self.taken = self.asked.take().unwrap_or(self.taken);
        if self.is_live() {
            self.ask_after(ASK_AFTER, effects);
        }
    }

    fn ask_after(&mut self, bytes: u64, effects: &mut Effects<Zab>) {
        if self.asked.is_none() && self.sent - self.taken >= bytes {
            self.asked = Some(self.sent);
            effects.flush(self.peer);
        }
    }
}
