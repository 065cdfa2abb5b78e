//! The state as learners get it that cannot be brought up to date otherwise: SNAP, a slice at a time,
//! each when the learner has taken the last.
//!
//! Always true:
//! - no slice takes long, and no more than one waits for each learner;
//! - what changes meanwhile is in the history, which the learner gets afterwards.
//!
//! ZooKeeper: `LearnerHandler.run`, `ZKDatabase.serializeSnapshot`.

use std::collections::BTreeMap;

use bytes::Bytes;
use znodes::Walk;

use crate::part::Part;
use crate::state::{State, save_head, save_slice};

/// The snapshots on their way to learners.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// By connection: what comes before the nodes, until it is sent, and the walk over the nodes.
    under_way: BTreeMap<u64, (Option<Vec<u8>>, Walk)>,
}

impl Streams {
    /// A learner wants the state.
    pub(crate) fn begin(&mut self, link: u64, state: &mut State, part: &mut Part) {
        self.end(link, state);
        let stream = (Some(save_head(state)), state.tree.begin_walk(state.last));
        self.under_way.insert(link, stream);
        part.snapshot_begin(link, state.last);
    }

    /// It has taken what it got, and wants more.
    pub(crate) fn go_on(&mut self, link: u64, state: &mut State, part: &mut Part) {
        let Some((head, walk)) = self.under_way.get_mut(&link) else { return };
        let mut slice = head.take().unwrap_or_default();
        let more = save_slice(&mut slice, state, *walk);
        part.snapshot_bytes(link, Bytes::from(slice));
        if !more {
            self.end(link, state);
            part.snapshot_end(link);
        }
    }

    /// It is gone, or has all.
    pub(crate) fn end(&mut self, link: u64, state: &mut State) {
        if let Some((_, walk)) = self.under_way.remove(&link) {
            state.tree.end_walk(walk);
        }
    }

    /// All are gone.
    pub(crate) fn end_all(&mut self, state: &mut State) {
        for (_, walk) in std::mem::take(&mut self.under_way).into_values() {
            state.tree.end_walk(walk);
        }
    }
}
