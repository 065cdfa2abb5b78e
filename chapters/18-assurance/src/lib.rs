//! Chapter 18. Assurance: why we believe it.
//!
//! The production servers, one or an ensemble of them, and the production client run in the
//! simulated world of chapter 1, with crashes, losses of power, failing disks, pauses, partitions
//! and broken connections, from seeds. After every step the [`Witness`] compares what crossed the
//! servers' boundaries with a reference [`model`] and with the [`invariants`], each of which says
//! what its violation would mean to a user.
//!
//! Read `invariants.rs`, then `model.rs`, `witness.rs` and `runner.rs`, then
//! `tests/18-assurance.rs`.

mod anyone;
mod ask;
mod by_hand;
pub mod claims;
mod coverage;
pub mod explore;
mod history;
pub mod invariants;
pub mod model;
pub mod nemesis;
mod plan;
pub mod program;
pub mod reached;
mod rehearsal;
mod runner;
mod settings;
mod starter;
pub mod story;
pub mod vocabulary;
mod witness;
mod workload;

pub use anyone::{Anyone, ClientHost, ServerHost};
pub use coverage::Coverage;
pub use history::{Armed, History};
pub use rehearsal::Rehearsal;
pub use runner::{FLOOR, Report, Violation, run};
pub use settings::{Measure, Settings};
pub use story::{Act, Cue, Ending, Setting, Story, Trigger, minimise, replay};
pub use witness::Witness;
pub use workload::Program;
