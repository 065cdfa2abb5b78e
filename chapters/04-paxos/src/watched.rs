//! A world with a witness: nothing happens in it that nobody has seen.
//!
//! Book: chapter 4.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::{Effects, NodeId, Occurrence, Trace, World};

use crate::laws::{Broken, Witness};
use crate::message::Paxos;
use crate::role::Role;
use crate::vocabulary::{Proposal, Slot, Value};

/// A world, its witness, and the first law that was broken.
pub struct Watched {
    world: World<Role>,
    witness: Witness,
    broken: Option<Broken>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// All that happened.
    pub trace: Trace,
    /// What is chosen, and under which ballot it was chosen first.
    pub chosen: BTreeMap<Slot, Proposal>,
    /// The first law that was broken, if one was.
    pub broken: Option<Broken>,
}

impl Watched {
    /// A world in which nothing has happened yet, with so many acceptors.
    pub fn new(mut world: World<Role>, acceptors: usize) -> Watched {
        world.describe(Role::facts);
        Watched { world, witness: Witness::new(acceptors), broken: None }
    }

    /// The world.
    pub fn world(&mut self) -> &mut World<Role> {
        &mut self.world
    }

    /// The witness.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// The first law that was broken.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Does the next thing, if it happens no later than `limit`.
    pub fn step_until(&mut self, limit: Duration) -> Option<Occurrence<Paxos>> {
        let occurrence = self.world.step_until(limit)?;
        self.see(&occurrence);
        Some(occurrence)
    }

    /// Lets some time pass.
    pub fn pass(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.step_until(limit).is_some() {}
    }

    /// Tells a proposer that a value is wanted. Says whether it runs.
    pub fn propose(&mut self, proposer: NodeId, value: Value) -> bool {
        self.witness.want(value);
        self.drive(proposer, |role, effects| role.propose(value, effects))
    }

    /// Uses a machine as its host would. Says whether it runs.
    pub fn drive(
        &mut self,
        node: NodeId,
        drive: impl FnOnce(&mut Role, &mut Effects<Paxos>),
    ) -> bool {
        let driven = self.world.drive(node, drive);
        driven.inspect(|occurrence| self.see(occurrence)).is_some()
    }

    /// What came of it so far.
    pub fn seen(&self) -> Seen {
        let chosen = self.witness.votes().chosen().clone();
        Seen { trace: self.world.trace().clone(), chosen, broken: self.broken.clone() }
    }

    fn see(&mut self, occurrence: &Occurrence<Paxos>) {
        if let Err(broken) = self.witness.see(&self.world, occurrence) {
            self.broken.get_or_insert(broken);
        }
    }
}

impl Seen {
    /// What is chosen in the first slot.
    pub fn decree(&self) -> Option<Value> {
        self.chosen.get(&Slot::FIRST).map(|proposal| proposal.value)
    }
}
