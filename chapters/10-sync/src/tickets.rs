//! A member's tickets to the disk, and those of its role behind them.
//!
//! A role asks for its writes to be forced whenever it likes; its member forces once for a whole
//! batch of events. Tickets of a role that is over mean nothing to the next.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use machines::{Effects, Ticket};

use crate::vocabulary::Ensemble;

/// Which of a role's tickets is done when one of the member's is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tickets {
    /// The last ticket that was given.
    last: u64,
    /// What the next one stands for, if one is wanted.
    wanted: Option<Option<Ticket>>,
    /// What was given and is not done, the oldest first.
    given: VecDeque<(Ticket, Option<Ticket>)>,
}

impl Tickets {
    /// The role wants everything so far forced, under a ticket of its own.
    pub(crate) fn want(&mut self, ticket: Ticket) {
        self.wanted = Some(Some(ticket));
    }

    /// The role is over, and its tickets with it; but everything that it wrote is to be forced.
    pub(crate) fn want_rest(&mut self) {
        self.wanted = Some(None);
        for (_, roles) in &mut self.given {
            *roles = None;
        }
    }

    /// Asks the disk, if anything is wanted.
    pub(crate) fn give(&mut self, effects: &mut Effects<Ensemble>) {
        if let Some(wanted) = self.wanted.take() {
            self.last += 1;
            self.given.push_back((Ticket(self.last), wanted));
            effects.sync(Ticket(self.last));
        }
    }

    /// The disk has done it. Gives the role's last ticket that is done with it.
    pub(crate) fn done(&mut self, ticket: Ticket) -> Option<Ticket> {
        let mut roles = None;
        while let Some((given, theirs)) = self.given.front().copied()
            && given <= ticket
        {
            self.given.pop_front();
            roles = theirs.or(roles);
        }
        roles
    }

    /// Whether nothing is left to be done.
    pub(crate) fn all_done(&self) -> bool {
        self.given.is_empty() && self.wanted.is_none()
    }
}

/// How many tickets a process has given is no matter: two members differ by those that are not done.
impl Hash for Tickets {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wanted.hash(state);
        self.given.len().hash(state);
        for (ticket, roles) in &self.given {
            (self.last - ticket.0, roles).hash(state);
        }
    }
}
