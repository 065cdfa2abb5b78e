//! Chapter 10. Synchronisation: how a leader brings a learner to its own history, with as little as
//! will do; and the member of an ensemble, whole: election, leader, learner.
//!
//! Read the hearts, `solutions/10-plan.rs` and `solutions/10-learner.rs`, then `leader.rs`,
//! `learner.rs` and `member.rs`, which put them to work, then `tests/10-sync.rs`.

extern crate self as sync;

mod connections;
pub mod laws;
mod leader;
mod learner;
mod member;
mod program;
mod scribe;
mod settings;
mod tickets;
mod vocabulary;

pub use leader::Leader;
pub use learner::Learner;
pub use member::Member;
pub use program::{Program, Scene, Way, run_program};
pub use scribe::{Habits, Scribe, boot};
pub use settings::Settings;
pub use vocabulary::{Ensemble, Message, Peer, Timer};

#[cfg(feature = "mine")]
#[allow(unused_imports)]
pub use {mine_learner::*, mine_plan::*};
#[cfg(not(feature = "mine"))]
#[allow(unused_imports)]
pub use {solution_learner::*, solution_plan::*};

#[path = "../../../solutions/10-learner.rs"]
pub mod solution_learner;
#[path = "../../../solutions/10-plan.rs"]
pub mod solution_plan;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/10-learner.rs"]
pub mod mine_learner;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/10-plan.rs"]
pub mod mine_plan;
