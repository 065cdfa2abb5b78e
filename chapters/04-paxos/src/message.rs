//! What proposers, acceptors and learners say to each other, write down, and tell their hosts.
//!
//! Book: chapter 4. Paper: Lamport 2001 (Paxos Made Simple), §2.2 and §2.3.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use machines::{NodeId, Protocol, Simulated};

use crate::vocabulary::{Ballot, Memory, Proposal, Slot, Value};

/// The vocabulary of Paxos.
#[derive(Clone, Debug, PartialEq)]
pub enum Paxos {}

impl Protocol for Paxos {
    type Peer = NodeId;
    type Message = Message;
    type Timer = Timer;
    type Write = Record;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = Memory;
    type Output = Output;
}

impl Simulated for Paxos {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

/// What they say to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// Phase 1, from a proposer: accept nothing below this ballot any more, and say what you have
    /// accepted so far.
    Prepare {
        /// The ballot.
        n: Ballot,
        /// From which slot on.
        first: Slot,
        /// What the proposer would propose if it were free to. Paxos has no use for it: it is here
        /// for the acceptor of popular notes, which takes what it was told for what it accepted.
        wish: Option<Value>,
    },
    /// Phase 1, from an acceptor: it is promised.
    Promise {
        /// The ballot.
        n: Ballot,
        /// What was accepted before in each of the slots.
        accepted: BTreeMap<Slot, Proposal>,
    },
    /// Phase 2, from a proposer: accept this.
    Accept {
        /// In which slot.
        slot: Slot,
        /// What.
        proposal: Proposal,
    },
    /// Phase 2, from an acceptor, to the proposer and to learners: it is accepted.
    Accepted {
        /// In which slot.
        slot: Slot,
        /// What.
        proposal: Proposal,
    },
    /// From an acceptor: no, somebody else was promised more.
    Nack {
        /// The ballot that comes too late.
        n: Ballot,
        /// The ballot that was promised.
        promised: Ballot,
    },
    /// From a proposer that leads to the others: it is still there.
    Leading {
        /// Its ballot.
        n: Ballot,
    },
    /// From a proposer that does not lead to the one that does: somebody wants this.
    Request(Value),
    /// From a learner: tell me what you know of the slots from this one on. Acceptors will tell it
    /// from now on whatever they accept.
    Ask {
        /// The first slot of which it does not know.
        first: Slot,
    },
    /// From a proposer, to a learner that asked: this is decided.
    Chosen {
        /// In which slot.
        slot: Slot,
        /// What.
        value: Value,
    },
}

/// What they wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// To begin with a ballot.
    Begin,
    /// To say it again.
    Resend,
}

/// What they write down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// An acceptor promises to accept nothing below this ballot.
    Promised(Ballot),
    /// An acceptor accepts.
    Accepted {
        /// In which slot.
        slot: Slot,
        /// What.
        proposal: Proposal,
    },
    /// A proposer is about to use this ballot.
    Began(Ballot),
}

/// What they tell their hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// An acceptor: this promise is on disk.
    Promised(Ballot),
    /// An acceptor: it has accepted, and has it on disk.
    Accepted {
        /// In which slot.
        slot: Slot,
        /// What.
        proposal: Proposal,
    },
    /// A proposer: a majority has promised, and this is what it asks for.
    Proposed {
        /// In which slot.
        slot: Slot,
        /// What.
        proposal: Proposal,
    },
    /// A proposer: another one got in between.
    Preempted {
        /// The ballot that it gives up.
        n: Ballot,
        /// The one that took its place.
        by: Ballot,
        /// Whether it had the promises of a majority.
        promised: bool,
    },
    /// A proposer: a majority has promised it every slot from this one on.
    Leads {
        /// The ballot.
        n: Ballot,
        /// The slot.
        first: Slot,
    },
    /// A proposer: a majority has accepted this.
    Chosen {
        /// In which slot.
        slot: Slot,
        /// What.
        value: Value,
    },
    /// A learner: this is decided, and so is all before it.
    Learned {
        /// In which slot.
        slot: Slot,
        /// What.
        value: Value,
    },
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Prepare { n, first, wish } => {
                write!(f, "Prepare n={n} slots={first}..")?;
                wish.map_or(Ok(()), |wish| write!(f, " wish={wish}"))
            }
            Message::Promise { n, accepted } => {
                write!(f, "Promise n={n} accepted=")?;
                let words: Vec<String> =
                    accepted.iter().map(|(slot, proposal)| format!("{slot}:{proposal}")).collect();
                if words.is_empty() { write!(f, "-") } else { write!(f, "{}", words.join(",")) }
            }
            Message::Accept { slot, proposal } => write!(f, "Accept {slot}:{proposal}"),
            Message::Accepted { slot, proposal } => write!(f, "Accepted {slot}:{proposal}"),
            Message::Nack { n, promised } => write!(f, "Nack n={n} promised={promised}"),
            Message::Leading { n } => write!(f, "Leading n={n}"),
            Message::Request(value) => write!(f, "Request {value}"),
            Message::Ask { first } => write!(f, "Ask slots={first}.."),
            Message::Chosen { slot, value } => write!(f, "Chosen {slot}:{value}"),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Promised(n) => write!(f, "Promised n={n}"),
            Output::Accepted { slot, proposal } => write!(f, "Accepted {slot}:{proposal}"),
            Output::Proposed { slot, proposal } => write!(f, "Proposed {slot}:{proposal}"),
            Output::Preempted { n, by, promised: false } => {
                write!(f, "Preempted n={n} by={by} unpromised")
            }
            Output::Preempted { n, by, promised: true } => write!(f, "Preempted n={n} by={by}"),
            Output::Leads { n, first } => write!(f, "Leads n={n} slots={first}.."),
            Output::Chosen { slot, value } => write!(f, "Chosen {slot}:{value}"),
            Output::Learned { slot, value } => write!(f, "Learned {slot}:{value}"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
