//! What happens at once in an explored ensemble, because nobody could tell if it came later.
//!
//! Every order that two independent events can have doubles the number of states. So an event that
//! takes part in no race is no step of its own:
//! - Whoever has left its role waits for its disk, and nobody waits for it. Had its process ended
//!   meanwhile, it could have ended before.
//!
//! And in worlds of larger steps, which are all but the smallest:
//! - A learner's disk forces at once what it hears, unless its process ends in the middle of that.
//! - What a learner says arrives at once: it is only about what is on its disk. A word that is late or
//!   lost is like a learner that hears later, or is gone before it speaks.
//! - So nothing can come any more of a learner that is gone, and its leader notices at once. A leader
//!   that has nobody and nothing to do gives up.
//! - News of commits, which are on no disk, arrive at once, and wires take at once what is sent.
//!   Whoever dies before it hears them forgets them in any case; only who goes on after its leader died
//!   would know less, and decides nothing by it. The small steps have that too.
//!
//! What was committed by the time that something happens is never less for it, so that the laws ask
//! no less.

use zab::Packet;

use super::laws::QUORUM;
use super::state::State;
use super::{Ensembles, SERVERS, Step};
use crate::explore::notes::Notes;
use crate::invariants::Verdict;

impl Ensembles {
    /// What happens at once, until nothing does.
    pub(super) fn come_to_rest(&self, state: &mut State, notes: &mut Notes) -> Verdict {
        while let Some(step) = self.at_once(state) {
            self.happen(state, &step, notes)?;
        }
        Ok(())
    }

    /// The next thing that happens at once.
    fn at_once(&self, state: &State) -> Option<Step> {
        let forces = |at: &usize| {
            let server = &state.servers[*at];
            server.is_leaving() || !self.fine && server.is_learning() && server.disk.is_busy()
        };
        if let Some(at) = (0..SERVERS).find(forces) {
            return Some(Step::Force(at));
        }
        if self.fine {
            return None;
        }
        let on_wire = state.wires.iter().find_map(|wire| {
            let (leader, number) = (wire.leader, wire.number);
            match wire.to[1].front() {
                _ if wire.gone => Some(Step::Notice(leader, number)),
                _ if wire.flush => Some(Step::Flush(leader, number)),
                _ if !wire.to[0].is_empty() => Some(Step::Deliver(leader, number, 0)),
                Some(packet) if is_news(packet) => Some(Step::Deliver(leader, number, 1)),
                _ => None,
            }
        });
        let vain = |at: &usize| self.is_left(state, *at) && !self.may_propose(state, *at);
        let in_vain = (0..SERVERS).find(|at| vain(at) && state.servers[*at].disk.is_at_rest());
        on_wire.or(in_vain.map(Step::GiveUp))
    }

    /// Whether a leader has too few learners.
    pub(super) fn is_left(&self, state: &State, at: usize) -> bool {
        state.leads(at) && state.learners(at) + 1 < QUORUM
    }

    /// Whether a leader may propose something.
    pub(super) fn may_propose(&self, state: &State, at: usize) -> bool {
        let serves = state.leads(at) && state.member(at).serving().is_some();
        serves && state.left.transactions > 0
    }
}

/// Whether a packet only says what is committed.
pub(super) fn is_news(packet: &Packet) -> bool {
    matches!(packet, Packet::UpToDate | Packet::Commit(_))
}
