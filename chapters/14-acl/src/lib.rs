//! Chapter 14. Permissions: who somebody is, and what they may do.
//!
//! Read `solutions/14-acl.rs`, then `ip.rs` and `settings.rs`, then `tests/14-acl.rs`.

extern crate self as acl;

mod ip;
mod settings;

pub use ip::{Block, address_of, host_address};
pub use settings::{AuthFailed, NodeRef, Settings, UnsupportedAlgorithm, check_digest_algorithm};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/14-acl.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/14-acl.rs"]
pub mod mine;
