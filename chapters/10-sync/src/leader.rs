//! A leader, whole.

use std::sync::Arc;

use bytes::Bytes;
use machines::{Effects, Event, Machine};
use storage::Entry;
use zab::{History, Packet, Zab};
use zxid::Zxid;

use crate::settings::Settings;

/// A server that leads, from the moment when it was elected.
#[derive(Debug)]
pub struct Leader {}

impl Leader {
    /// A leader that has yet to find its epoch. Everything in `history` is on disk.
    pub fn new(_settings: Arc<Settings>, _history: History) -> Leader {
        todo!()
    }

    /// Begins: sets its timers, and waits for learners.
    pub fn begin(&mut self, _effects: &mut Effects<Zab>) {
        todo!()
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        todo!()
    }

    /// Ends: gives the history back.
    pub fn into_history(self) -> History {
        todo!()
    }

    /// The epoch, once it is found.
    pub fn epoch(&self) -> Option<u32> {
        todo!()
    }

    /// Logs a transaction, and proposes it to all that follow. It must follow the last.
    pub fn propose(&mut self, _entry: Entry, _effects: &mut Effects<Zab>) {
        todo!()
    }

    /// Sends a learner what concerns sessions: `Revalidated` or `Sync`. Nothing if it is gone.
    pub fn answer(&mut self, _link: u64, _packet: Packet, _effects: &mut Effects<Zab>) {
        todo!()
    }

    /// Asks a quorum whether it still follows: `Told::Confirmed` of this number, or of a larger one,
    /// will say that it does. All asked for in one batch share a number.
    pub fn confirm(&mut self, _effects: &mut Effects<Zab>) -> u64 {
        todo!()
    }

    /// The state that a learner asked for begins, whole up to a transaction.
    pub fn snapshot_begin(&mut self, _link: u64, _zxid: Zxid, _effects: &mut Effects<Zab>) {
        todo!()
    }

    /// The next items of its body.
    pub fn snapshot_bytes(&mut self, _link: u64, _bytes: Bytes, _effects: &mut Effects<Zab>) {
        todo!()
    }

    /// It is complete.
    pub fn snapshot_end(&mut self, _link: u64, _effects: &mut Effects<Zab>) {
        todo!()
    }
}

impl Machine for Leader {
    type Protocol = Zab;

    fn step(&mut self, _event: Event<Zab>, _effects: &mut Effects<Zab>) {
        todo!()
    }
}
