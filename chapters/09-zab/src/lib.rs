//! Chapter 9. ZAB: how a leader finds an epoch that nobody can dispute, and how everything that it
//! proposes is committed in one order.
//!
//! Read `packet.rs` and `history.rs`, then `solutions/09-zab.rs`, then `tests/09-zab.rs`. What is on
//! the wire is in `wire.rs`. Chapter 10 brings learners up to date, and puts the machines together.

extern crate self as zab;

mod history;
mod packet;
mod packets;
mod vocabulary;
pub mod wire;

pub use history::History;
pub use packet::{Learner, Packet, Request};
pub use vocabulary::{Ceased, Peer, Recovered, Timer, Told, Zab};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/09-zab.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/09-zab.rs"]
pub mod mine;
