//! A member of an ensemble: it looks for a leader, then leads or follows, then looks again.
//!
//! Always true:
//! - between two roles the disk comes to rest, so that what this server votes with is on it;
//! - learners that come too early, before this server knows that it leads, wait.

use std::sync::Arc;

use bytes::Bytes;
use election::ServerState;
use machines::{Effects, Event, Machine};
use storage::Entry;
use zab::{Ceased, History, Packet};
use zxid::{ServerId, SessionId, Zxid};

use crate::settings::Settings;
use crate::vocabulary::Ensemble;

/// One server's part in an ensemble, for as long as its process runs.
#[derive(Debug)]
pub struct Member {}

impl Member {
    /// A member that has yet to start.
    pub fn new(_settings: Arc<Settings>) -> Member {
        todo!()
    }

    /// What it is doing, as the election port tells others: looking until a leader is found.
    pub fn state(&self) -> ServerState {
        todo!()
    }

    /// The leader that it serves under, and its epoch: from `Told::Serving` to `Told::Ceased`.
    pub fn serving(&self) -> Option<(ServerId, u32)> {
        todo!()
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        todo!()
    }

    /// Leading: see [`Leader::propose`](crate::Leader::propose).
    pub fn propose(&mut self, _entry: Entry, _effects: &mut Effects<Ensemble>) {
        todo!()
    }

    /// Leading: see [`Leader::answer`](crate::Leader::answer).
    pub fn answer(&mut self, _link: u64, _packet: Packet, _effects: &mut Effects<Ensemble>) {
        todo!()
    }

    /// Leading: see [`Leader::confirm`](crate::Leader::confirm).
    pub fn confirm(&mut self, _effects: &mut Effects<Ensemble>) -> u64 {
        todo!()
    }

    /// Leading: see [`Leader::snapshot_begin`](crate::Leader::snapshot_begin).
    pub fn snapshot_begin(&mut self, _link: u64, _zxid: Zxid, _effects: &mut Effects<Ensemble>) {
        todo!()
    }

    /// Leading: see [`Leader::snapshot_bytes`](crate::Leader::snapshot_bytes).
    pub fn snapshot_bytes(&mut self, _link: u64, _bytes: Bytes, _effects: &mut Effects<Ensemble>) {
        todo!()
    }

    /// Leading: see [`Leader::snapshot_end`](crate::Leader::snapshot_end).
    pub fn snapshot_end(&mut self, _link: u64, _effects: &mut Effects<Ensemble>) {
        todo!()
    }

    /// Following or observing: see [`Learner::ask`](crate::Learner::ask).
    pub fn ask(&mut self, _packet: Packet, _effects: &mut Effects<Ensemble>) {
        todo!()
    }

    /// Following or observing: see [`Learner::touch`](crate::Learner::touch).
    pub fn touch(&mut self, _session: SessionId, _timeout: i32) {
        todo!()
    }

    /// Steps down, or leaves its leader: a leader whose counter is used up does.
    pub fn resign(&mut self, _why: Ceased, _effects: &mut Effects<Ensemble>) {
        todo!()
    }
}

impl Machine for Member {
    type Protocol = Ensemble;

    fn step(&mut self, _event: Event<Ensemble>, _effects: &mut Effects<Ensemble>) {
        todo!()
    }
}
