//! What a transaction changed: what chapter 13 tells the watchers.

use std::sync::Arc;

use jute::records::Acl;

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was created.
    Created,
    /// It was deleted.
    Deleted,
    /// Its data was replaced, be it by the same.
    DataChanged,
}

/// One node that was changed, with what decides who may hear of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// To which node: its full path, "/" for the root.
    pub path: Box<str>,
    /// The node's list: the new one if it was created, the last one if it was deleted.
    pub acl: Arc<[Acl]>,
    /// The parent's list; the node's own for the root.
    pub parent_acl: Arc<[Acl]>,
}
