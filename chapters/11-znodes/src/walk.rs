//! Walks: saving a tree in slices while it goes on changing, and loading it again.
//!
//! A walk visits nodes parents first. A node that is deleted under it is stepped over; nodes
//! created after it began are left out: they are in the log, and replay brings them. So a snapshot
//! is fuzzy, as ZooKeeper's, yet never names a parent that it does not hold, nor an ACL that came
//! after its map of ACLs, except on a node whose `setACL` replay will see.
//!
//! ZooKeeper: `DataTree.serializeNode`, `DataTree.deserialize`.

use std::sync::Arc;

use jute::records::{Acl, StatPersisted};
use zxid::Zxid;

use crate::acls::OPEN;
use crate::nodes::{NONE, ROOT};
use crate::path;
use crate::tree::{Node, Tree};

/// A walk under way: which, and the last transaction whose nodes it visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Walk {
    number: u32,
    upto: Zxid,
}

/// A node as a snapshot holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedNode<'a> {
    /// The path; "" for the root, as in the file.
    pub path: &'a str,
    /// The data.
    pub data: Option<&'a [u8]>,
    /// The number of the ACL in the snapshot's own map; -1 is the open list.
    pub acl: i64,
    /// The stat.
    pub stat: StatPersisted,
}

impl Tree {
    /// Begins a walk over the nodes that were created by `upto` or earlier.
    pub fn begin_walk(&mut self, upto: Zxid) -> Walk {
        let number = self.walks.keys().next_back().map_or(0, |last| last + 1);
        self.walks.insert(number, ROOT);
        Walk { number, upto }
    }

    /// Visits nodes until `visit` says that it has enough (false), or all are done. Says whether
    /// there are more.
    pub fn go_on(&mut self, walk: Walk, mut visit: impl FnMut(SavedNode<'_>) -> bool) -> bool {
        let mut at = *self.walks.get(&walk.number).expect("a walk is ended only once");
        let mut path = String::new();
        while at != NONE {
            let slot = self.nodes.slot(at);
            if slot.stat.czxid > walk.upto {
                at = self.nodes.after(at, ROOT);
                continue;
            }
            self.nodes.path_into(at, &mut path);
            let acl = if slot.acl == OPEN { -1 } else { i64::from(slot.acl) };
            let saved = SavedNode {
                path: if at == ROOT { "" } else { &path },
                data: slot.data(),
                acl,
                stat: slot.stat,
            };
            let more = visit(saved);
            at = self.nodes.successor(at, ROOT);
            if !more {
                break;
            }
        }
        self.walks.insert(walk.number, at);
        at != NONE
    }

    /// Ends a walk, done or not.
    pub fn end_walk(&mut self, walk: Walk) {
        self.walks.remove(&walk.number);
    }

    /// The lists that nodes refer to by number, for a snapshot.
    pub fn acl_map(&self) -> impl Iterator<Item = (i64, &Arc<[Acl]>)> {
        self.acls.iter().map(|(id, list)| (i64::from(id), list))
    }

    /// Visits every node with its path, until `visit` says no; says whether it never did.
    pub fn visit_all(&self, mut visit: impl FnMut(&str, Node<'_>) -> bool) -> bool {
        let (mut at, mut path) = (ROOT, String::new());
        while at != NONE {
            self.nodes.path_into(at, &mut path);
            if !visit(&path, Node { tree: self, id: at }) {
                return false;
            }
            at = self.nodes.successor(at, ROOT);
        }
        true
    }
}

/// A tree that is being loaded from a snapshot.
#[derive(Debug)]
pub struct Loading {
    tree: Tree,
    /// The parent of the last node: the next one is likely to be its sibling.
    parent: (String, u32),
}

impl Loading {
    /// Begins with nothing but the root. For the arguments see [`Tree::new`].
    pub fn new(seed: u64, extended_types: bool) -> Loading {
        Loading { tree: Tree::bare(seed, extended_types), parent: ("/".to_owned(), ROOT) }
    }

    /// Adds a node, with its list by value. False if it has no parent, or is there twice.
    pub fn add(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl: &[Acl],
        stat: StatPersisted,
    ) -> bool {
        let tree = &mut self.tree;
        if path.is_empty() {
            tree.change_stat(ROOT, |old| *old = stat);
            tree.replace_data(ROOT, "/", data);
            tree.replace_acl(ROOT, acl);
            return true;
        }
        let Some(parent) = path::parent(path) else { return false };
        if parent != self.parent.0 {
            let Some(id) = tree.nodes.find(parent) else { return false };
            self.parent.0.clear();
            self.parent.0.push_str(parent);
            self.parent.1 = id;
        }
        if tree.nodes.find(path).is_some() {
            return false;
        }
        let acl = tree.acls.take(acl);
        tree.insert(self.parent.1, path, data, stat, acl);
        true
    }

    /// The tree, with the system nodes that the snapshot lacked, and its quotas.
    pub fn finish(mut self) -> Tree {
        self.tree.ensure_system_nodes();
        self.tree.restore_quotas();
        self.tree
    }
}
