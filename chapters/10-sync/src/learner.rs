//! A learner, whole: a follower or an observer.

use std::sync::Arc;

use machines::{Effects, Event, Machine};
use zab::{History, Packet, Zab};
use zxid::{ServerId, SessionId};

use crate::settings::Settings;

/// A server that follows, or tries to.
#[derive(Debug)]
pub struct Learner {}

impl Learner {
    /// A learner that has yet to dial its leader. Everything in `history` is on disk.
    pub fn new(_settings: Arc<Settings>, _leader: ServerId, _history: History) -> Learner {
        todo!()
    }

    /// Begins: dials the leader.
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

    /// Asks the leader: `Request` or `Revalidate`. Only while it serves.
    pub fn ask(&mut self, _packet: Packet, _effects: &mut Effects<Zab>) {
        todo!()
    }

    /// Notes that something was heard of a session: the leader is told with the next answer to a
    /// ping. The timeout is in ms.
    pub fn touch(&mut self, _session: SessionId, _timeout: i32) {
        todo!()
    }
}

impl Machine for Learner {
    type Protocol = Zab;

    fn step(&mut self, _event: Event<Zab>, _effects: &mut Effects<Zab>) {
        todo!()
    }
}
