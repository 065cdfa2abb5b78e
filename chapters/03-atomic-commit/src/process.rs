//! A process of the simulated world: one of the chapter's machines, and its connections.
//!
//! Book: chapter 3.

use machines::{Effect, Effects, Event, Machine};

use crate::application::Application;
use crate::bank::Bank;
use crate::heuristic::Heuristic;
use crate::links::Links;
use crate::message::Commit;
use crate::{Coordinator, Participant, Site};

/// What a process is.
#[derive(Clone, Debug)]
pub enum Party {
    /// An application.
    Application(Application),
    /// The transaction manager, in two phases.
    Coordinator(Coordinator),
    /// A resource manager, in two phases.
    Participant(Participant),
    /// A resource manager that does not keep its promise.
    Heuristic(Heuristic),
    /// Either of the two, in three phases.
    Site(Site),
}

/// A machine with connections.
#[derive(Clone, Debug)]
pub struct Process {
    party: Party,
    links: Links<Commit>,
}

impl Process {
    /// A process that has yet to start.
    pub fn new(party: Party) -> Process {
        Process { party, links: Links::new() }
    }

    /// What it is.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Its bank, if it is a resource manager.
    pub fn bank(&self) -> Option<&Bank> {
        match &self.party {
            Party::Participant(participant) => Some(participant.bank()),
            Party::Heuristic(heuristic) => Some(heuristic.bank()),
            Party::Site(site) => site.bank(),
            Party::Application(_) | Party::Coordinator(_) => None,
        }
    }
}

impl Machine for Process {
    type Protocol = Commit;

    fn step(&mut self, event: Event<Commit>, effects: &mut Effects<Commit>) {
        match event {
            Event::Opened(peer) => return self.links.on_opened(peer, effects),
            Event::Closed(peer) => return self.links.on_closed(peer, effects),
            _ => {}
        }
        let mut wanted = Effects::at(effects.now());
        match &mut self.party {
            Party::Application(machine) => machine.step(event, &mut wanted),
            Party::Coordinator(machine) => machine.step(event, &mut wanted),
            Party::Participant(machine) => machine.step(event, &mut wanted),
            Party::Heuristic(machine) => machine.step(event, &mut wanted),
            Party::Site(machine) => machine.step(event, &mut wanted),
        }
        for effect in wanted.drain() {
            match effect {
                Effect::Send { to, message } => self.links.send(to, message, effects),
                other => effects.push(other),
            }
        }
    }
}
