//! Chapter 4. Paxos: how processes that crash, over a network that loses messages, agree on one
//! value; and then on a log of them.
//!
//! Read `vocabulary.rs` and `message.rs`, then `solutions/04-decree.rs`: an acceptor, a proposer,
//! and what a proposer may propose. `search.rs` tries it in every order of events; `duel.rs` shows
//! how it may never end. Then `solutions/04-log.rs`, which decides one value after another, and
//! `tests/04-paxos.rs`.

extern crate self as paxos;

pub mod claims;
pub mod duel;
mod hearsay;
mod journal;
pub mod laws;
mod message;
mod program;
mod role;
pub mod schedule;
pub mod search;
mod vocabulary;
mod watched;

pub use hearsay::Hearsay;
pub use journal::Journal;
pub use message::{Message, Output, Paxos, Record, Timer};
pub use program::{Program, Rule, Scene, run_program};
pub use role::{Role, boot};
pub use vocabulary::{
    Ballot, Courtesy, Memory, Numbers, Promise, Proposal, Slot, Tickets, Value, majority,
};
pub use watched::{Seen, Watched};

#[cfg(feature = "mine")]
pub use {mine_decree::*, mine_log::*};
#[cfg(not(feature = "mine"))]
pub use {solution_decree::*, solution_log::*};

#[path = "../../../solutions/04-decree.rs"]
pub mod solution_decree;
#[path = "../../../solutions/04-log.rs"]
pub mod solution_log;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/04-decree.rs"]
pub mod mine_decree;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/04-log.rs"]
pub mod mine_log;
