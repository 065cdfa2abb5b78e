//! What must hold of Paxos, by name, and who watches over it.
//!
//! A witness is shown everything that happens in a world and says when a law is broken. It believes
//! acceptors only what they have on disk, and nobody that something is chosen: it counts.
//!
//! Book: chapter 4. Paper: Lamport 2001 (Paxos Made Simple), §2.1 (the first three).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use machines::{Kind, NodeId, Occurrence, World};

use crate::message::{Output, Paxos};
use crate::role::Role;
use crate::vocabulary::{Ballot, Memory, Proposal, Slot, Value, majority};

machines::laws! {
    /// A law.
    pub enum Law {
        /// Only one value is chosen in a slot.
        P1: "Two clients were told different outcomes of the same decision.",
        /// Only a value that somebody wants is chosen, or a no-op.
        P2: "Something was decided that nobody had asked for.",
        /// A learner learns only what is chosen, and every slot in its turn.
        P3: "A client was told of a decision that was never made.",
        /// An acceptor's promise never goes back.
        P4: "An acceptor broke its word, and an old attempt may undo a decision.",
        /// A ballot has one value in a slot.
        P5: "One attempt asked for two things, and some heard the one and some the other.",
    }
}

/// A law that does not hold, and the facts that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: Law,
    /// The facts.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.what)
    }
}

/// Whether all is well.
pub type Verdict = Result<(), Broken>;

fn broken(law: Law, what: String) -> Verdict {
    Err(Broken { law, what })
}

/// Who has accepted what, ever; and what is chosen by that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Votes {
    cast: BTreeMap<(Slot, Ballot), (Value, BTreeSet<NodeId>)>,
    chosen: BTreeMap<Slot, Proposal>,
}

impl Votes {
    /// What is chosen, and under which ballot first.
    pub fn chosen(&self) -> &BTreeMap<Slot, Proposal> {
        &self.chosen
    }

    /// An acceptor, one of so many, has accepted a proposal.
    pub fn cast(
        &mut self,
        from: NodeId,
        slot: Slot,
        proposal: Proposal,
        acceptors: usize,
    ) -> Verdict {
        let Proposal { n, value } = proposal;
        let first = || (value, BTreeSet::new());
        let (other, those) = self.cast.entry((slot, n)).or_insert_with(first);
        if *other != value {
            let what = format!("ballot {n} has {other} and {value} in slot {slot}");
            return broken(Law::P5, what);
        }
        those.insert(from);
        if those.len() >= majority(acceptors) {
            let first = *self.chosen.entry(slot).or_insert(proposal);
            if first.value != value {
                let what = format!("in slot {slot} {first} was chosen, then {proposal}");
                return broken(Law::P1, what);
            }
        }
        Ok(())
    }

    /// Nothing is chosen that nobody wants.
    pub fn are_wanted(&self, wanted: &BTreeSet<Value>) -> Verdict {
        let is_wanted = |it: &Value| *it == Value::Noop || wanted.contains(it);
        match self.chosen.iter().find(|(_, it)| !is_wanted(&it.value)) {
            Some((slot, it)) => broken(Law::P2, format!("nobody wanted {it} in slot {slot}")),
            None => Ok(()),
        }
    }
}

/// Watches over a world.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    acceptors: usize,
    /// What anybody ever wanted.
    wanted: BTreeSet<Value>,
    votes: Votes,
    /// What acceptors have promised and have on disk.
    promised: BTreeMap<NodeId, Ballot>,
    /// The slot that each learner learned last.
    learned: BTreeMap<NodeId, Slot>,
}

impl Witness {
    /// A witness of a world of so many acceptors.
    pub fn new(acceptors: usize) -> Witness {
        Witness { acceptors, ..Witness::default() }
    }

    /// Somebody wants a value.
    pub fn want(&mut self, value: Value) {
        self.wanted.insert(value);
    }

    /// What is chosen so far.
    pub fn votes(&self) -> &Votes {
        &self.votes
    }

    /// The slot that a learner has learned last, in this life of its process.
    pub fn learned(&self, learner: NodeId) -> Option<Slot> {
        self.learned.get(&learner).copied()
    }

    /// Something has happened.
    pub fn see(&mut self, world: &World<Role>, occurrence: &Occurrence<Paxos>) -> Verdict {
        let node = occurrence.line.node;
        if occurrence.line.kind == Kind::Started {
            self.learned.remove(&node);
            self.remember(node, world.machine(node).and_then(Role::memory))?;
        }
        for output in &occurrence.answers {
            match *output {
                Output::Promised(n) => self.promise(node, n),
                Output::Accepted { slot, proposal } => {
                    self.promise(node, proposal.n);
                    self.votes.cast(node, slot, proposal, self.acceptors)?;
                    self.votes.are_wanted(&self.wanted)?;
                }
                Output::Learned { slot, value } => self.learn(node, slot, value)?,
                // A proposer that believes in a value is a learner too.
                Output::Chosen { slot, value } => self.is_chosen(node, slot, value)?,
                Output::Proposed { .. } | Output::Preempted { .. } | Output::Leads { .. } => {}
            }
        }
        self.promise_holds(world, node)
    }

    /// What an acceptor finds on its disk it has accepted, whether or not it came to say so.
    fn remember(&mut self, node: NodeId, memory: Option<&Memory>) -> Verdict {
        let accepted = memory.iter().flat_map(|memory| &memory.accepted);
        for (slot, proposal) in accepted {
            self.votes.cast(node, *slot, *proposal, self.acceptors)?;
        }
        self.votes.are_wanted(&self.wanted)
    }

    fn promise(&mut self, node: NodeId, n: Ballot) {
        let last = self.promised.entry(node).or_default();
        *last = n.max(*last);
    }

    fn promise_holds(&self, world: &World<Role>, node: NodeId) -> Verdict {
        let now = world.machine(node).and_then(Role::memory).map(|memory| memory.promised);
        match (now, self.promised.get(&node)) {
            (Some(now), Some(before)) if now < *before => {
                broken(Law::P4, format!("acceptor {node} promised {before}, and is back at {now}"))
            }
            _ => Ok(()),
        }
    }

    fn learn(&mut self, node: NodeId, slot: Slot, value: Value) -> Verdict {
        let turn = self.learned.get(&node).map_or(Slot::FIRST, |last| last.next());
        if slot != turn {
            let what = format!("learner {node} learned slot {slot} when slot {turn} was next");
            return broken(Law::P3, what);
        }
        self.learned.insert(node, slot);
        self.is_chosen(node, slot, value)
    }

    fn is_chosen(&self, node: NodeId, slot: Slot, value: Value) -> Verdict {
        match self.votes.chosen.get(&slot) {
            Some(chosen) if chosen.value == value => Ok(()),
            Some(chosen) => {
                let what = format!("{node} learned {value} in slot {slot}, and {chosen} is chosen");
                broken(Law::P3, what)
            }
            None => {
                broken(Law::P3, format!("{node} learned {value} in slot {slot}: nothing is chosen"))
            }
        }
    }
}
