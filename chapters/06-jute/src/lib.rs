//! Chapter 6. How ZooKeeper writes bytes: jute, as a serde data format, and the records.
//!
//! Read `solutions/06-jute.rs`, then `error.rs`, `de.rs` and `ser.rs`, then `tests/06-jute.rs`. The
//! shapes that travel and are stored are in [`records`]; all later chapters share them. What the bytes
//! of a record say, one field after another, is found by `explain.rs`.
//!
//! Everything is big endian and packed: no tags, no field numbers, no alignment. A record is its
//! fields, in order. So whoever reads must know what was written, and the order of the fields of a
//! struct in [`records`] is a promise.

extern crate self as jute;

mod de;
mod error;
mod explain;
pub mod records;
mod ser;

pub use de::{Decoder, from_slice};
pub use error::Error;
pub use explain::{Field, explain};
pub use ser::{append, to_vec};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/06-jute.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/06-jute.rs"]
pub mod mine;
