//! Chapter 5. Zxids, epochs, and the ids of servers and sessions.
//!
//! Read `solutions/05-zxid.rs`, then `tests/05-zxid.rs`.

extern crate self as zxid;

mod ids;
pub use ids::{ServerId, SessionId};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/05-zxid.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/05-zxid.rs"]
pub mod mine;
