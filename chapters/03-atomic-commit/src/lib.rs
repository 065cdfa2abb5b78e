//! Chapter 3. Atomic commit: one transaction at several resource managers, everywhere or nowhere.
//!
//! Read `message.rs` and `bank.rs`; then two phases, `solutions/03-coordinator.rs` and
//! `solutions/03-participant.rs`; then three, `site.rs` and `solutions/03-timeouts.rs`; then the
//! way without any of them, `outbox.rs` and `solutions/03-outbox.rs`. What must hold is in
//! `laws.rs`; what goes wrong, as schedules and experiments, in `schedule.rs` and `claims.rs`.

extern crate self as atomic_commit;

mod application;
mod bank;
pub mod claims;
mod heuristic;
pub mod laws;
mod links;
mod log;
mod message;
pub mod outbox;
mod process;
pub mod puzzles;
mod record;
pub mod schedule;
mod site;
pub mod stage;
pub mod sweep;
mod timeouts;

pub use application::{Application, Transfer};
pub use bank::{Bank, Refused};
pub use heuristic::Heuristic;
pub use log::Log;
pub use message::{ANSWER, DOUBT, IDLE, PATIENCE};
pub use message::{Change, Commit, Doubt, Message, Outcome, Timer, Told, Txn, Vote};
pub use process::{Party, Process};
pub use record::Record;
pub use site::Site;
pub use timeouts::{Resort, Ruling, Standing, Timeouts, Waits};

#[cfg(feature = "mine")]
pub use {mine_coordinator::*, mine_outbox::*, mine_participant::*, mine_timeouts::*};
#[cfg(not(feature = "mine"))]
pub use {
    solution_coordinator::*, solution_outbox::*, solution_participant::*, solution_timeouts::*,
};

#[path = "../../../solutions/03-coordinator.rs"]
pub mod solution_coordinator;
#[path = "../../../solutions/03-outbox.rs"]
pub mod solution_outbox;
#[path = "../../../solutions/03-participant.rs"]
pub mod solution_participant;
#[path = "../../../solutions/03-timeouts.rs"]
pub mod solution_timeouts;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/03-coordinator.rs"]
pub mod mine_coordinator;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/03-outbox.rs"]
pub mod mine_outbox;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/03-participant.rs"]
pub mod mine_participant;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/03-timeouts.rs"]
pub mod mine_timeouts;
