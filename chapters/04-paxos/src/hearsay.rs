//! An acceptor as popular notes describe it: it answers a prepare with the proposal that it last
//! *received*, where Paxos asks for the one that it last *accepted*.
//!
//! It is the acceptor of this chapter but for one thing: what it hears in a prepare it remembers
//! as if it had been asked to accept it and had done so, only nobody is told. What comes of that,
//! `claims.rs` shows.
//!
//! Book: chapter 4.

use std::collections::BTreeSet;

use machines::{Effect, Effects, Event, Machine};

use crate::Acceptor;
use crate::message::{Message, Output, Paxos};
use crate::vocabulary::{Memory, Proposal, Slot};

/// An acceptor that takes what it was told for what it accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hearsay {
    acceptor: Acceptor,
    /// Whether it answers a prepare that it has answered already.
    again: bool,
    /// What it has only heard of. Nobody is told that it is accepted.
    heard: BTreeSet<Proposal>,
}

impl Hearsay {
    /// One that has yet to start.
    pub fn new(again: bool) -> Hearsay {
        Hearsay { acceptor: Acceptor::default(), again, heard: BTreeSet::new() }
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        self.acceptor.memory()
    }

    /// Lets the acceptor do its work, and keeps back what it says of hearsay.
    fn pass(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        let mut wanted = Effects::at(effects.now());
        self.acceptor.step(event, &mut wanted);
        for effect in wanted.drain() {
            let said = match &effect {
                Effect::Send { message: Message::Accepted { proposal, .. }, .. } => Some(proposal),
                Effect::Answer(Output::Accepted { proposal, .. }) => Some(proposal),
                _ => None,
            };
            if said.is_none_or(|proposal| !self.heard.contains(proposal)) {
                effects.push(effect);
            }
        }
    }
}

impl Machine for Hearsay {
    type Protocol = Paxos;

    fn step(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        let promised = self.memory().promised;
        match event {
            Event::Received { message: Message::Prepare { n, .. }, .. }
                if n == promised && !self.again => {}
            Event::Received { from, message: Message::Prepare { n, first, wish: Some(value) } }
                if n > promised =>
            {
                let message = Message::Prepare { n, first, wish: None };
                self.pass(Event::Received { from, message }, effects);
                let proposal = Proposal { n, value };
                self.heard.insert(proposal);
                let message = Message::Accept { slot: Slot::FIRST, proposal };
                self.pass(Event::Received { from, message }, effects);
            }
            Event::Received { from, message: Message::Accept { slot, proposal } } => {
                self.heard.remove(&proposal);
                self.pass(
                    Event::Received { from, message: Message::Accept { slot, proposal } },
                    effects,
                );
            }
            other => self.pass(other, effects),
        }
    }
}
