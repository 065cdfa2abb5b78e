//! Chapter 2. Consistency: what a service promises about the order of operations, as programs
//! that read a history and say whether the promise was kept.
//!
//! Read `history.rs`, then `solutions/02-consistency.rs`, then `tests/02-consistency.rs`.

extern crate self as consistency;

mod history;
pub use history::{Action, Cause, OpId, Operation, Reply, Violation};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/02-consistency.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/02-consistency.rs"]
pub mod mine;
