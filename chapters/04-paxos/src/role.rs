//! Any machine of this chapter, so that one world can hold them all; and how a process starts.
//!
//! Book: chapter 4.

use machines::{Boot, Booted, Effects, Event, Facts, Fault, Machine};

use crate::hearsay::Hearsay;
use crate::journal::Journal;
use crate::message::Paxos;
use crate::vocabulary::{Memory, Value};
use crate::{Acceptor, Learner, LogProposer, Proposer};

/// The part that a process plays.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It promises and accepts.
    Acceptor(Acceptor),
    /// It promises and accepts as popular notes say.
    Hearsay(Hearsay),
    /// It wants one decree.
    Proposer(Proposer),
    /// It wants to lead, and fills a log.
    LogProposer(LogProposer),
    /// It finds out what is decided.
    Learner(Learner),
}

impl Role {
    /// What it remembers, if it is an acceptor.
    pub fn memory(&self) -> Option<&Memory> {
        match self {
            Role::Acceptor(acceptor) => Some(acceptor.memory()),
            Role::Hearsay(acceptor) => Some(acceptor.memory()),
            Role::Proposer(_) | Role::LogProposer(_) | Role::Learner(_) => None,
        }
    }

    /// What it remembers, for a person to read; nothing if it is no acceptor. Of each slot it says
    /// the last proposal that was accepted.
    pub fn facts(&self) -> Facts {
        let Some(memory) = self.memory() else { return Facts::new() };
        let accepted: Vec<String> = match &memory.accepted {
            accepted if accepted.is_empty() => vec!["nothing".to_string()],
            accepted => accepted.iter().map(|(slot, it)| format!("{slot}:{it}")).collect(),
        };
        let fact = |name: &str, value: String| (name.to_string(), value);
        vec![fact("promised", memory.promised.to_string()), fact("accepted", accepted.join(" "))]
    }

    /// Its host wants a value to be decided; only proposers can do anything about it.
    pub fn propose(&mut self, wish: Value, effects: &mut Effects<Paxos>) {
        match self {
            Role::Proposer(proposer) => proposer.propose(wish, effects),
            Role::LogProposer(proposer) => proposer.propose(wish, effects),
            Role::Acceptor(_) | Role::Hearsay(_) | Role::Learner(_) => {}
        }
    }
}

impl Machine for Role {
    type Protocol = Paxos;

    fn step(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        match self {
            Role::Acceptor(machine) => machine.step(event, effects),
            Role::Hearsay(machine) => machine.step(event, effects),
            Role::Proposer(machine) => machine.step(event, effects),
            Role::LogProposer(machine) => machine.step(event, effects),
            Role::Learner(machine) => machine.step(event, effects),
        }
    }
}

/// Starts a process over its disk, each time with the role as it is here: what it knew before is
/// what the disk says.
pub fn boot(role: Role) -> impl FnMut(Boot) -> Result<Booted<Role>, Fault> + 'static {
    move |boot| {
        let (journal, recovered) = Journal::open(boot.files)?;
        Ok(Booted { machine: role.clone(), disk: Box::new(journal), recovered })
    }
}
