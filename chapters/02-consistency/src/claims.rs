//! What is often said of consistency, tried on the store.
//!
//! Each experiment is a function of a seed: it runs in the simulated world, and gives back what
//! happened and what came of it. What a claim leaves out is in its header. The store has no
//! leader; what the leader of a ZooKeeper ensemble adds is tried where there is one.
//!
//! Book: chapter 2.

mod atomic;
mod bound;
mod cap;
mod image;
mod minority;
mod stale;

pub use atomic::{Atomic, atomic};
pub use bound::{Bounded, bounded};
pub use cap::{Cap, cap};
pub use image::{OneImage, one_image};
pub use minority::{Minority, minority};
pub use stale::{Stale, stale_read};

use std::time::Duration;

/// When every server has made a few beats, and the next one is not near: servers that start
/// together beat together, at every full tenth of a second.
const QUIET: Duration = Duration::from_millis(330);
