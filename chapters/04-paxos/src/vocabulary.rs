//! The words of Paxos: ballots, slots, values, proposals, and what a process may never forget.
//!
//! Always true:
//! - no two proposers ever use the same ballot.
//!
//! Book: chapter 4. Paper: Lamport 2001 (Paxos Made Simple), §2.2.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use machines::{NodeId, Ticket};

use crate::message::Record;

/// The number of a proposal: `n` in the papers. Zero is below all that are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot(pub u64);

/// The number of a decree: a place in the log. Where one value is all that is wanted, it is that
/// of slot 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

impl Slot {
    /// The first.
    pub const FIRST: Slot = Slot(1);

    /// The one after it.
    pub fn next(self) -> Slot {
        Slot(self.0 + 1)
    }
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Nothing: it fills a slot of the log that nobody knows anything of.
    Noop,
    /// What somebody wanted.
    Number(u64),
}

/// A proposal, `[n, v]` in the papers: a value that is asked for under a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Proposal {
    /// The ballot.
    pub n: Ballot,
    /// The value.
    pub value: Value,
}

/// What an acceptor promised a proposer about one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Promise {
    /// The acceptor.
    pub from: NodeId,
    /// The proposal of the highest ballot that it has accepted, if it has accepted any.
    pub accepted: Option<Proposal>,
}

/// How many of so many acceptors are a majority: any two majorities have one in common.
pub fn majority(acceptors: usize) -> usize {
    acceptors / 2 + 1
}

/// The ballots of one proposer: every `step`th from `first` on. With `step` not less than the
/// number of proposers, each can have ballots of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numbers {
    /// The lowest.
    pub first: Ballot,
    /// How far one is from the next.
    pub step: u64,
}

impl Numbers {
    /// The lowest of them above another proposer's ballot, or one's own last.
    pub fn above(self, other: Ballot) -> Ballot {
        let Ballot(first) = self.first;
        let steps = if other.0 < first { 0 } else { (other.0 - first) / self.step + 1 };
        Ballot(first + steps * self.step)
    }
}

/// How long a proposer waits when another one got in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Courtesy {
    /// Not at all.
    Eager,
    /// As long as dice of this seed say.
    Random {
        /// The seed, another one for each proposer.
        seed: u64,
    },
    /// As long as its rank says. The one of rank 0 is preferred and does not wait; the others wait
    /// before their first attempt too.
    Ranked {
        /// How many are preferred to it.
        rank: u32,
    },
}

/// What a process must know again after a crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// An acceptor's promise: it accepts nothing below this ballot any more.
    pub promised: Ballot,
    /// What an acceptor has accepted: of each slot the last, which has the highest ballot.
    pub accepted: BTreeMap<Slot, Proposal>,
    /// The last ballot that a proposer has used.
    pub begun: Ballot,
}

impl Memory {
    /// Takes in one record, as it is on disk.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Promised(n) => self.promised = n,
            Record::Accepted { slot, proposal } => {
                self.promised = self.promised.max(proposal.n);
                self.accepted.insert(slot, proposal);
            }
            Record::Began(n) => self.begun = n,
        }
    }
}

/// Gives out tickets for the disk. How many it has given tells no two states of a machine apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tickets(u64);

impl Tickets {
    /// The next one.
    pub fn issue(&mut self) -> Ticket {
        self.0 += 1;
        Ticket(self.0)
    }
}

impl PartialEq for Tickets {
    fn eq(&self, _: &Tickets) -> bool {
        true
    }
}

impl Eq for Tickets {}

impl Hash for Tickets {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Noop => write!(f, "no-op"),
            Value::Number(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.n, self.value)
    }
}
