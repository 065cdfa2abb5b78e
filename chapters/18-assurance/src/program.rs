//! The programs of chapters 15, 16 and 18.
//!
//! Those of 15 and 16 have production servers and clients do what they are asked, one thing at a time,
//! so that a person can follow it. It is the judge's own world, with its hosts for servers and
//! clients, and without its nemesis: the witness looks on here too, and a step that breaks an
//! invariant ends the program. That of 18 hunts: it has members with a rule left out live through
//! many lives, until something breaks.
//!
//! Book: chapters 15, 16 and 18.

mod conversation;
mod hunt;
mod overheard;
mod request;
mod stage;

use std::collections::BTreeMap;

use bytes::Bytes;
use machines::Trace;

pub use conversation::{Conversation, Scene, run_conversation};
pub use hunt::{Found, Hunt, run_hunt};
pub use request::{Came, Request, Step, Through, run_request};

/// What happened, in words.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened. What travels between clients and servers is in words.
    pub trace: Trace,
    /// The bytes of what travelled between clients and servers, by the number of the message.
    pub bytes: BTreeMap<u64, Bytes>,
    /// How many lines there are before what it is about begins.
    pub begin: usize,
}

impl Told {
    /// What is to be seen: all of it, or what it is about.
    pub fn seen(&self, whole: bool) -> Trace {
        let from = if whole { 0 } else { self.begin };
        self.trace.lines()[from..].iter().cloned().collect()
    }
}
