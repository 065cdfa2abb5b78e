//! The records: shapes without behaviour that all later chapters share.
//!
//! Each struct lists its fields in the order in which they are on the wire or on disk. Borrowed
//! fields point into the bytes from which the record was read. A `String` or `str` that arrives as
//! null is an error, unless the field says otherwise.
//!
//! ZooKeeper: `zookeeper.jute`.

mod acl;
mod error;
mod op;
mod request;
mod response;
mod stat;
mod txn;

pub use acl::{Acl, Id, Perms};
pub use error::ErrorCode;
pub use op::OpCode;
pub use request::*;
pub use response::*;
pub use stat::{Stat, StatPersisted};
pub use txn::*;
