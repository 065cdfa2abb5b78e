//! Chapter 12. Sessions: who is alive, until when, and under which number.
//!
//! Read `solutions/12-sessions.rs`, then `tracker.rs`, then `tests/12-sessions.rs`.

extern crate self as sessions;

mod tracker;
pub use tracker::Sessions;

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/12-sessions.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/12-sessions.rs"]
pub mod mine;
