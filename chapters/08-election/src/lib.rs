//! Chapter 8. Electing a leader: at first boot, after a crash, and when a server comes late.
//!
//! Read `vote.rs`, `members.rs` and `message.rs`, then `solutions/08-election.rs`, then
//! `tests/08-election.rs`. What the election port adds, bytes and connections, is in `wire.rs`,
//! `port.rs` and `connections.rs`; `server.rs` puts them together.

extern crate self as election;

pub mod claims;
mod connections;
mod members;
mod message;
mod port;
mod program;
mod server;
mod vote;
pub mod wire;

pub use connections::{Connections, Limits};
pub use members::{Members, Share};
pub use message::{Elected, Fle, Notification, Timer};
pub use port::{ElectionPort, Frame, Initial, Link, PortTimer, Told};
pub use program::{Program, boot, run_program};
pub use server::ElectionServer;
pub use vote::{Ballot, LogEnd, ServerState, Vote};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/08-election.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/08-election.rs"]
pub mod mine;
