//! Chapter 13. Watches: who hears of which change.
//!
//! Read `event.rs` and `kind.rs`, then `solutions/13-watches.rs`, then `tests/13-watches.rs`.

extern crate self as watches;

mod event;
mod kind;

pub use event::{Changed, Event, EventKind, Watcher};
pub use kind::{Kinds, Removal, WatchKind};

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
