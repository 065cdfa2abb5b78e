//! What a site of three-phase commit knows of one transaction.
//!
//! Book: chapter 3.

use std::collections::{BTreeMap, BTreeSet};

use machines::{NodeId, Ticket};

use crate::leader;
use crate::message::{Doubt, Message, Outcome};
use crate::timeouts::{Standing, Waits};

/// How far a transaction has come at one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Work was done, or waits for locks. Nothing is promised.
    Working,
    /// What comes next is on its way to the disk. Then these are told.
    Forcing(Ticket, Next, Vec<(NodeId, Message)>),
    /// It does not know how the transaction ends.
    InDoubt(Doubt),
    /// It is over.
    Decided(Outcome),
}

/// What is true as soon as it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    InDoubt(Doubt),
    Decided(Outcome),
}

/// What a leader is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// The first phase: these votes are missing.
    Voting(BTreeSet<NodeId>),
    /// A new leader has asked how far the others have come.
    Asking(BTreeMap<NodeId, Standing>),
    /// The second phase: these know that all have voted yes.
    PreCommitting(BTreeSet<NodeId>),
}

/// What a site knows of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) phase: Phase,
    /// The coordinator, and then the resource managers: the order in which they lead.
    pub(super) sites: Vec<NodeId>,
    /// Those that lead no more.
    pub(super) silent: BTreeSet<NodeId>,
    /// It has run ever since it took part.
    pub(super) steady: bool,
    pub(super) lead: Option<Lead>,
}

impl Part {
    pub(super) fn new(phase: Phase, coordinator: NodeId, resources: &[NodeId]) -> Part {
        let sites = [coordinator].iter().chain(resources).copied().collect();
        Part { phase, sites, silent: BTreeSet::new(), steady: true, lead: None }
    }

    /// Who leads, as far as this site knows.
    pub(super) fn leader(&self) -> Option<NodeId> {
        leader(&self.sites, &self.silent)
    }

    /// Somebody leads: those before it do so no more.
    pub(super) fn follow(&mut self, leader: NodeId) {
        let before = self.sites.iter().take_while(|site| **site != leader);
        self.silent = before.copied().collect();
    }

    /// What it waits for, if a timer may still run out.
    pub(super) fn waits(&self) -> Option<Waits> {
        match (&self.phase, &self.lead) {
            (Phase::Working, _) => Some(Waits::ToBeAsked),
            (Phase::InDoubt(_), Some(Lead::Voting(_))) => Some(Waits::Votes),
            (Phase::InDoubt(_), Some(Lead::PreCommitting(_))) => Some(Waits::Acks),
            (Phase::InDoubt(_), Some(Lead::Asking(_))) => Some(Waits::States),
            (Phase::InDoubt(doubt), None) => Some(Waits::Leader(*doubt)),
            (Phase::Forcing(..) | Phase::Decided(_), _) => None,
        }
    }
}
