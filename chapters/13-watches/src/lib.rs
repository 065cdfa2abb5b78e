//! Chapter 13. Watches: who hears of which change.
//!
//! Read `event.rs` and `kind.rs`, then `solutions/13-watches.rs`, then `tests/13-watches.rs`.
//! What `ensemble run 13` prints is in `program.rs`.

extern crate self as watches;

mod event;
mod kind;
mod program;

pub use event::{Changed, Event, EventKind, Watcher};
pub use kind::{Kinds, Removal, WatchKind};
pub use program::{Fired, KINDS, Write, fire};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/13-watches.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/13-watches.rs"]
pub mod mine;
