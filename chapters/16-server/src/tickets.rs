//! What is being forced to the disk: one sync for a whole batch, whoever wanted it.
//!
//! Always true:
//! - tickets rise;
//! - a ticket covers everything that was written before it was given, and nothing after.
//!
//! ZooKeeper: `SyncRequestProcessor.flush`.

use std::collections::VecDeque;

use machines::{Effects, Ticket};
use zxid::Zxid;

use crate::vocabulary::Zk;

/// The syncs of one server.
#[derive(Debug, Default)]
pub struct Tickets {
    given: VecDeque<(Ticket, Covered)>,
    last: u64,
    wanted: bool,
    covers: Covered,
}

/// What a ticket covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// The last transaction that a server that stands alone has logged.
    pub logged: Zxid,
    /// The last ticket of the member's own count that was not covered before.
    pub member: Option<Ticket>,
}

impl Tickets {
    /// A server that stands alone has logged a transaction.
    pub fn logged(&mut self, zxid: Zxid) {
        self.covers.logged = zxid;
        self.wanted = true;
    }

    /// The member wants everything forced, and calls it so.
    pub fn member_wants(&mut self, ticket: Ticket) {
        self.covers.member = Some(ticket);
        self.wanted = true;
    }

    /// Notes that something else was written that is to be forced.
    pub fn written(&mut self, something: bool) {
        self.wanted |= something;
    }

    /// Forces what was written since the last time, if anything was; gives the ticket.
    pub fn force(&mut self, effects: &mut Effects<Zk>) -> Option<Ticket> {
        if !std::mem::take(&mut self.wanted) {
            return None;
        }
        self.last += 1;
        let ticket = Ticket(self.last);
        effects.sync(ticket);
        self.given.push_back((ticket, self.covers));
        self.covers.member = None;
        Some(ticket)
    }

    /// The disk has everything up to a ticket: what that is; nothing if it was known.
    pub fn durable(&mut self, ticket: Ticket) -> Option<Covered> {
        let mut safe: Option<Covered> = None;
        while let Some((_, covered)) = self.given.pop_front_if(|(given, _)| *given <= ticket) {
            let member = covered.member.or(safe.and_then(|safe| safe.member));
            safe = Some(Covered { member, ..covered });
        }
        safe
    }
}
