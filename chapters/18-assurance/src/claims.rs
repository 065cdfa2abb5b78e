//! What is often said of an ensemble, tried on its production members.
//!
//! Each experiment is a function of a seed: it runs members in the simulated world, and gives back
//! what happened and what came of it. What a claim leaves out is in its header. The laws of an
//! ensemble watch all of it.
//!
//! Book: chapter 18.

mod absence;
mod bent;
mod crowd;
mod early;
mod epochs;
mod leaders;
mod order;
mod reads;
mod tail;
mod town;
mod watching;

pub use absence::{Absence, Absent, Way, absence};
pub use bent::Bend;
pub(crate) use bent::{Bent, bent};
pub use early::{Early, commit_before_the_leaders_disk};
pub use epochs::{Reused, epoch_of_the_log};
pub use leaders::{TwoLeaders, two_leaders};
pub use order::{WrongOrder, wrong_vote_order};
pub use reads::{Reads, deposed_leader, stale_follower};
pub use tail::{Back, Tail, uncommitted_tail};
pub use watching::{Left, Silent, Watched, Watching, silent, watching};
