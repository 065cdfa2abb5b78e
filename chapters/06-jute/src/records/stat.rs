//! What is known of a znode besides its data.

use serde::{Deserialize, Serialize};

use zxid::Zxid;

/// A znode's state as clients see it: 68 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// The transaction that created the node.
    pub czxid: Zxid,
    /// The transaction that last changed its data.
    pub mzxid: Zxid,
    /// When it was created, in ms since 1970, by the leader's clock.
    pub ctime: i64,
    /// When its data was last changed, likewise.
    pub mtime: i64,
    /// How often its data was changed.
    pub version: i32,
    /// How often its list of children was changed: creations and deletions.
    pub cversion: i32,
    /// How often its ACL was changed.
    pub aversion: i32,
    /// The session that owns an ephemeral node; 0 for every other kind.
    pub ephemeral_owner: i64,
    /// Bytes of data.
    pub data_length: i32,
    /// Direct children.
    pub num_children: i32,
    /// The transaction that last added or removed a child; at first the one that created the node.
    pub pzxid: Zxid,
}

/// A znode's state as it is stored, in snapshots and in memory: 60 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatPersisted {
    /// The transaction that created the node.
    pub czxid: Zxid,
    /// The transaction that last changed its data.
    pub mzxid: Zxid,
    /// When it was created, in ms since 1970, by the leader's clock.
    pub ctime: i64,
    /// When its data was last changed, likewise.
    pub mtime: i64,
    /// How often its data was changed.
    pub version: i32,
    /// How many children were ever created. Unlike [`Stat::cversion`] it does not count deletions.
    pub cversion: i32,
    /// How often its ACL was changed.
    pub aversion: i32,
    /// The kind of node, and the session of an ephemeral one: see `znodes::Kind`.
    pub ephemeral_owner: i64,
    /// The transaction that last added or removed a child.
    pub pzxid: Zxid,
}
