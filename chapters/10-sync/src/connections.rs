//! A member's connections of the quorum port: those of its role, and those that came too early.
//!
//! A learner may know sooner than its leader how the election ended. Unlike ZooKeeper, where it
//! finds nobody at the port and tries again, its connection is accepted and waits.
//!
//! Always true:
//! - no more wait than a fixed number, and none longer than its time.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use machines::Effects;
use zab::Peer;

use crate::vocabulary::{self, Ensemble, Timer};

/// How many connections may wait. One more, and the oldest goes.
const WAITING: usize = 64;

/// The connections of the quorum port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Connections {
    /// Those of the role, open or asked for.
    used: BTreeSet<Peer>,
    /// Those that wait, the oldest first, and until when.
    waiting: VecDeque<(u64, Duration)>,
}

impl Connections {
    /// The role has one more.
    pub(crate) fn add(&mut self, peer: Peer) {
        self.used.insert(peer);
    }

    /// One is gone.
    pub(crate) fn remove(&mut self, peer: Peer) {
        self.used.remove(&peer);
        if let Peer::Learner(number) = peer {
            self.waiting.retain(|(waiting, _)| *waiting != number);
        }
    }

    /// The role is over: closes all that it had.
    pub(crate) fn close_all(&mut self, effects: &mut Effects<Ensemble>) {
        for peer in std::mem::take(&mut self.used) {
            effects.close(vocabulary::Peer::Quorum(peer));
        }
    }

    /// A learner came before it is known who leads. Until then nothing is read from it.
    pub(crate) fn keep_waiting(
        &mut self,
        number: u64,
        until: Duration,
        effects: &mut Effects<Ensemble>,
    ) {
        effects.pause(quorum(number));
        if self.waiting.is_empty() {
            effects.set(TIMER, until - effects.now().monotonic);
        }
        self.waiting.push_back((number, until));
        if self.waiting.len() > WAITING
            && let Some((oldest, _)) = self.waiting.pop_front()
        {
            effects.close(quorum(oldest));
        }
    }

    /// Closes those that have waited long enough.
    pub(crate) fn send_away_late(&mut self, effects: &mut Effects<Ensemble>) {
        let now = effects.now().monotonic;
        while let Some((number, until)) = self.waiting.front().copied() {
            if until > now {
                return effects.set(TIMER, until - now);
            }
            self.waiting.pop_front();
            effects.close(quorum(number));
        }
    }

    /// It is known who leads: gives those that waited for it.
    pub(crate) fn take_waiting(&mut self, effects: &mut Effects<Ensemble>) -> Vec<u64> {
        if !self.waiting.is_empty() {
            effects.clear(TIMER);
        }
        self.waiting.drain(..).map(|(number, _)| number).collect()
    }
}

/// While there is no role, its timer serves those that wait.
const TIMER: Timer = Timer::Quorum(zab::Timer::Tick);

fn quorum(number: u64) -> vocabulary::Peer {
    vocabulary::Peer::Quorum(Peer::Learner(number))
}
