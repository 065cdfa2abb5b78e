//! A resource manager that loses patience: in doubt, it aborts on its own.
//!
//! X/Open calls this a heuristic decision, and real databases offer it to an operator who wants his
//! locks back. It is a promise broken. Everything else is the honest participant's doing.
//!
//! Book: chapter 3. X/Open: `XA_HEURRB`.

use machines::{Effects, Event, Machine};

use crate::Participant;
use crate::bank::Bank;
use crate::message::{Commit, Message, Outcome, Timer};

/// A participant that takes its own timeout for an abort.
#[derive(Clone, Debug)]
pub struct Heuristic(Participant);

impl Heuristic {
    /// Makes an honest participant impatient.
    pub fn new(participant: Participant) -> Heuristic {
        Heuristic(participant)
    }

    /// Its bank.
    pub fn bank(&self) -> &Bank {
        self.0.bank()
    }
}

impl Machine for Heuristic {
    type Protocol = Commit;

    fn step(&mut self, event: Event<Commit>, effects: &mut Effects<Commit>) {
        let event = match event {
            Event::Expired(Timer::Doubt(txn)) => {
                let message = Message::Decision { txn, outcome: Outcome::Abort };
                Event::Received { from: self.0.node(), message }
            }
            other => other,
        };
        self.0.step(event, effects);
    }
}
