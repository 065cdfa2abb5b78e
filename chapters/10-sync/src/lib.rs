//! Chapter 10. Synchronisation: how a leader brings a learner to its own history, with as little as
//! will do; and the member of an ensemble, whole: election, leader, learner.
//!
//! Read `solutions/10-sync.rs`, then `leader.rs`, `learner.rs` and `member.rs`, then
//! `tests/10-sync.rs`.

extern crate self as sync;

mod leader;
mod learner;
mod member;
mod settings;
mod vocabulary;

pub use leader::Leader;
pub use learner::Learner;
pub use member::Member;
pub use settings::Settings;
pub use vocabulary::{Ensemble, Message, Peer, Timer};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
#[allow(unused_imports)]
pub use solution::*;

#[path = "../../../solutions/10-sync.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/10-sync.rs"]
pub mod mine;
