//! Chapter 2. Consistency: what a service promises about the order of operations, as programs
//! that read a history and say whether the promise was kept; and a replicated store that keeps
//! one promise or another, as its clients wish.
//!
//! Read `history.rs`, then `solutions/02-consistency.rs`, then `tests/02-consistency.rs`. Then the
//! store: `store.rs` for its words, `solutions/02-store.rs` for its servers, `client.rs` for its
//! clients; `lab.rs` puts them into a world and writes down their history. What is often said of
//! consistency, and what is so, is in `claims.rs`.

extern crate self as consistency;

pub mod claims;
mod client;
mod history;
mod lab;
mod program;
mod shelf;
mod stale;
mod store;

pub use client::Client;
pub use history::{Action, Cause, OpId, Operation, Reply, Violation};
pub use lab::{Lab, Party};
pub use program::{Course, GiveUp, Program, run_program};
pub use shelf::Shelf;
pub use stale::{Misconception, read_history, stale_read_only};
pub use store::{
    Content, Limits, Message, Outcome, Promise, Request, Round, Store, Timer, Version, Wish,
};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(feature = "mine")]
pub use mine_store::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;
#[cfg(not(feature = "mine"))]
pub use solution_store::*;

#[path = "../../../solutions/02-consistency.rs"]
pub mod solution;
#[path = "../../../solutions/02-store.rs"]
pub mod solution_store;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/02-consistency.rs"]
pub mod mine;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/02-store.rs"]
pub mod mine_store;
