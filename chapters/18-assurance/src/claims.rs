//! What is often said of an ensemble, tried on its production members.
//!
//! Each experiment is a function of a seed: it runs members in the simulated world, and gives back
//! what happened and what came of it. What a claim leaves out is in its header. The laws of an
//! ensemble watch all of it.
//!
//! Book: chapter 18.

mod bent;
mod crowd;
mod early;
mod leaders;
mod order;

pub use bent::Bend;
pub use early::{Early, commit_before_the_leaders_disk};
pub use leaders::{TwoLeaders, two_leaders};
pub use order::{WrongOrder, wrong_vote_order};
