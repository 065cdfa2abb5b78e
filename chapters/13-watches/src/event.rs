//! What a watcher is told: that something changed, never what is there now.
//!
//! Book: chapter 13. ZooKeeper: `Watcher.Event.EventType`.

use std::fmt;
use std::sync::Arc;

use zxid::Zxid;

/// Somebody who watches: a connection, by its number in its server. Watches do not outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Watcher(pub u64);

/// What happened to a node. The numbers are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum EventKind {
    /// It was created.
    NodeCreated = 1,
    /// It was deleted.
    NodeDeleted = 2,
    /// Its data was replaced.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
}

/// What a watcher is told. Events of one change to one node share the path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which node.
    pub path: Arc<str>,
}

/// What decides whether a watch that is set again has missed something: a node's last changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The transaction that last changed its data.
    pub mzxid: Zxid,
    /// The transaction that last added or removed a child.
    pub pzxid: Zxid,
}

impl fmt::Display for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "watcher {}", self.0)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.path)
    }
}
