//! The explorer: every order of events, not only those that a seed happens to try.
//!
//! A [`Subject`] says what may happen in each state of a small world of machines. The [`Search`]
//! follows all of it, breadth first: all states that one step leads to, then all that two steps
//! lead to, and so on, each state once. When something breaks, no shorter way to it exists. What
//! makes this possible is that a machine is a value: it can be copied, compared and hashed, and
//! its step does the same wherever it is made.
//!
//! Read `subject.rs`, then `search.rs`; how states are remembered is in `seen.rs`, and how the way
//! to one is found again in `account.rs`.
//!
//! Book: chapter 18.

mod account;
mod configuration;
mod drawing;
mod election;
mod ensemble;
mod graph;
mod notes;
mod promise;
mod search;
mod seen;
mod subject;

pub use account::{Account, Told};
pub use configuration::Configuration;
pub use election::{Bounds, Elections, State as ElectionState, Step as ElectionStep, elections};
pub use ensemble::{
    Bounds as EnsembleBounds, Ensembles, State as EnsembleState, Step as EnsembleStep, ensembles,
};
pub use graph::{Edge, Graph, TooLarge, Vertex};
pub use notes::Notes;
pub use search::{Expansion, Limits, Piece, Search, Tally};
pub use seen::Fingerprint;
pub use subject::Subject;
