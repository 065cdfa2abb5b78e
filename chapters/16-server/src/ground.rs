//! What every role stands on: the clients and the state, the part in the ensemble if there is one,
//! and the disk's tickets.

use std::sync::Arc;

use machines::{Effects, Now};
use storage::{Entry, Write};
use zab::Ceased;
use zxid::Rollover;

use crate::Front;
use crate::part::Part;
use crate::session_ids::SessionIds;
use crate::settings::Settings;
use crate::state::State;
use crate::tickets::Tickets;
use crate::vocabulary::Zk;

/// What is there in every role.
#[derive(Debug)]
pub struct Ground {
    /// The clients, and what they are shown.
    pub front: Front,
    /// The part in the ensemble; nothing if the server stands alone.
    pub part: Option<Part>,
    /// What is being forced.
    pub tickets: Tickets,
    /// The ids of new sessions.
    pub ids: SessionIds,
}

impl Ground {
    /// Of a server that begins with a state.
    pub fn new(settings: &Arc<Settings>, state: State, now: Now) -> Ground {
        Ground {
            ids: SessionIds::new(settings.id, now.wall_ms, &state),
            front: Front::new(settings, state),
            part: settings.ensemble.clone().map(Part::new),
            tickets: Tickets::default(),
        }
    }

    /// Sends a transaction on its way: to a quorum of disks, or to this server's own.
    pub fn log(&mut self, entry: Entry, effects: &mut Effects<Zk>) {
        match &mut self.part {
            Some(part) => {
                self.front.stats.proposal_size.add(entry.payload.len());
                part.propose(entry);
            }
            None => {
                self.tickets.logged(entry.zxid);
                effects.write(Write::Append(entry));
            }
        }
    }

    /// When the numbers of an epoch are used up its leader steps down, and a new epoch begins.
    pub fn unless_rolled_over(&mut self, done: Result<(), Rollover>) {
        if let (Err(Rollover), Some(part)) = (done, &mut self.part) {
            part.resign(Ceased::RolledOver);
        }
    }
}
