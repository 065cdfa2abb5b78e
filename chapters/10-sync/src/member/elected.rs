//! A member whose elections are held elsewhere.
//!
//! The explorer of chapter 18 follows an ensemble through every order of events. There an election is
//! one step, and the election port has nothing to do.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use election::{LogEnd, Vote};
use machines::Effects;
use zxid::ServerId;

use super::{Member, Role};
use crate::settings::Settings;
use crate::vocabulary::Ensemble;

impl Member {
    /// What it votes with, while it may vote: it looks for a leader, and its disk is at rest.
    pub fn ballot(&self) -> Option<LogEnd> {
        if let Role::Looking(history) = &self.role { Some(history.log_end()) } else { None }
    }

    /// An election is over, for a host that holds it by other means than the election port.
    pub fn elected(&mut self, leader: ServerId, effects: &mut Effects<Ensemble>) {
        let log = self.ballot().expect("only who looks for a leader takes part in an election");
        self.enter(Vote::own(leader, log), effects);
    }

    /// The same under another name, while it looks for a leader: nobody knows its name yet.
    pub fn renamed(&self, settings: Arc<Settings>) -> Member {
        let Role::Looking(history) = &self.role else {
            panic!("server {} is known by its name", self.settings.me)
        };
        Member { role: Role::Looking(history.clone()), ..Member::new(settings) }
    }
}

/// What tells two members apart that are elected by other means than the election port.
impl Hash for Member {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.role, &self.serving, &self.connections, &self.tickets, self.failed).hash(state);
    }
}
