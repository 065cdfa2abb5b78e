//! The tree: all znodes of one server, in memory.
//!
//! It knows how nodes hang together, what they weigh and what their digest is. It does not know
//! which changes are allowed (that is `solutions/11-prepare.rs`) nor which a transaction makes
//! (`solutions/11-apply.rs`).
//!
//! Always true:
//! - the four system nodes are there;
//! - `digest` is the sum over all nodes that it covers;
//! - a node with an ephemeral kind is in the list of its session, and nowhere else.
//!
//! Book: chapter 11. ZooKeeper: `DataTree`, `DataNode`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jute::records::{Acl, Perms, Stat, StatPersisted};
use zxid::{SessionId, Zxid};

use crate::acls::{Acls, OPEN};
use crate::digest;
use crate::kind::Kind;
use crate::nodes::{NONE, NodeId, Nodes, ROOT};
use crate::path;
use crate::quota::Quotas;

/// The znodes of one server.
#[derive(Clone)]
pub struct Tree {
    pub(crate) nodes: Nodes,
    pub(crate) acls: Acls,
    pub(crate) ephemerals: BTreeMap<SessionId, BTreeSet<NodeId>>,
    /// Containers and nodes with a time to live: what the reaper looks at.
    mortals: BTreeSet<NodeId>,
    digest: u64,
    data_size: u64,
    extended_types: bool,
    seed: u64,
    pub(crate) quotas: Quotas,
    pub(crate) walks: BTreeMap<u32, NodeId>,
}

/// One node, as a reader sees it.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) id: NodeId,
}

impl Tree {
    /// A tree with only the system nodes. The seed decides how paths are hashed. Nodes with a time
    /// to live are known as such only with `extended_types`.
    pub fn new(seed: u64, extended_types: bool) -> Tree {
        let mut tree = Tree::bare(seed, extended_types);
        tree.ensure_system_nodes();
        tree
    }

    /// A tree with only the root, to be filled from a snapshot.
    pub(crate) fn bare(seed: u64, extended_types: bool) -> Tree {
        let (stat, prefix) = (StatPersisted::default(), digest::prefix("/", None));
        Tree {
            nodes: Nodes::new(seed, stat, prefix),
            acls: Acls::new(),
            ephemerals: BTreeMap::new(),
            mortals: BTreeSet::new(),
            digest: digest::node(prefix, &stat),
            data_size: 0,
            extended_types,
            seed,
            quotas: Quotas::default(),
            walks: BTreeMap::new(),
        }
    }

    /// Adds the system nodes that are missing. ZooKeeper: `DataTree` constructor, `addConfigNode`.
    pub(crate) fn ensure_system_nodes(&mut self) {
        let readable = [Acl { perms: Perms::READ, id: jute::records::Id::anyone() }];
        for path in [path::ZOOKEEPER, path::QUOTA, path::CONFIG] {
            if self.nodes.find(path).is_some() {
                continue;
            }
            let mut stat = StatPersisted::default();
            let mut acl = OPEN;
            if path == path::CONFIG {
                stat.aversion = -1;
                acl = self.acls.take(&readable);
            }
            let parent = path::parent(path).and_then(|parent| self.nodes.find(parent));
            self.insert(parent.expect("parents come first"), path, Some(b""), stat, acl);
        }
    }

    /// The node of a path; "" is the root too.
    pub fn node(&self, path: &str) -> Option<Node<'_>> {
        self.nodes.find(path).map(|id| Node { tree: self, id })
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node: never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest of the whole tree.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Bytes of all paths' last parts and data, roughly what `approximate_data_size` means.
    pub fn data_size(&self) -> u64 {
        self.data_size
    }

    /// A list, shared with the nodes that have the same.
    pub fn share(&self, acl: &[Acl]) -> Arc<[Acl]> {
        self.acls.share(acl)
    }

    /// What decides how paths are hashed.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether nodes with a time to live are known as such.
    pub fn extended_types(&self) -> bool {
        self.extended_types
    }

    /// The ephemeral nodes of a session, as paths in order.
    pub fn ephemerals_of(&self, session: SessionId) -> Vec<String> {
        let ids = self.ephemerals.get(&session).into_iter().flatten();
        let mut paths: Vec<String> = ids.map(|id| self.path_of(*id)).collect();
        paths.sort();
        paths
    }

    /// The sessions that own ephemeral nodes, in order.
    pub fn sessions_with_ephemerals(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.ephemerals.keys().copied()
    }

    /// How many ephemeral nodes there are.
    pub fn ephemerals_count(&self) -> usize {
        self.ephemerals.values().map(BTreeSet::len).sum()
    }

    /// How many nodes are below a node, at any depth.
    pub fn count_below(&self, node: Node<'_>) -> usize {
        if node.id == ROOT {
            return self.len() - 1;
        }
        let mut count = 0;
        let mut at = self.nodes.successor(node.id, node.id);
        while at != NONE {
            count += 1;
            at = self.nodes.successor(at, node.id);
        }
        count
    }

    /// The containers and nodes with a time to live that may go now: they have no children, and
    /// have had some, or their time is over. `unused_for` is how long a container that never had a
    /// child is kept, in ms; `None` keeps it. ZooKeeper: `ContainerManager.getCandidates`.
    pub fn reapable(&self, wall_ms: i64, unused_for: Option<i64>) -> Vec<String> {
        let may_go = |id: &&NodeId| {
            let slot = self.nodes.slot(**id);
            let age = wall_ms.saturating_sub(slot.stat.mtime);
            slot.children == 0
                && match Kind::of(slot.stat.ephemeral_owner, self.extended_types) {
                    Kind::Container if slot.stat.cversion > 0 => true,
                    Kind::Container => unused_for.is_some_and(|limit| age > limit),
                    Kind::Ttl(ms) => age > ms,
                    Kind::Persistent | Kind::Ephemeral(_) => false,
                }
        };
        self.mortals.iter().filter(may_go).map(|id| self.path_of(*id)).collect()
    }

    pub(crate) fn path_of(&self, id: NodeId) -> String {
        let mut path = String::new();
        self.nodes.path_into(id, &mut path);
        path
    }

    /// Adds a node below `parent`, whose own stat is left alone.
    pub(crate) fn insert(
        &mut self,
        parent: NodeId,
        path: &str,
        data: Option<&[u8]>,
        stat: StatPersisted,
        acl: u32,
    ) -> NodeId {
        let prefix = digest::prefix(path, data);
        let id = self.nodes.insert(parent, path, data, stat, prefix, acl);
        self.data_size += (path::name(path).len() + data.map_or(0, <[u8]>::len)) as u64;
        self.index_kind(id, stat.ephemeral_owner);
        self.add_digest(id);
        id
    }

    fn index_kind(&mut self, id: NodeId, owner: i64) {
        match Kind::of(owner, self.extended_types) {
            Kind::Ephemeral(session) => {
                self.ephemerals.entry(session).or_default().insert(id);
            }
            Kind::Container | Kind::Ttl(_) => {
                self.mortals.insert(id);
            }
            Kind::Persistent => {}
        }
    }

    /// Removes a leaf; its parent's stat is left alone.
    pub(crate) fn remove(&mut self, id: NodeId, path: &str) {
        self.subtract_digest(id);
        let after = self.nodes.after(id, ROOT);
        for at in self.walks.values_mut().filter(|at| **at == id) {
            *at = after;
        }
        let slot = self.nodes.slot(id);
        self.data_size -= (slot.name().len() + slot.data_length()) as u64;
        if let Kind::Ephemeral(session) = Kind::of(slot.stat.ephemeral_owner, self.extended_types) {
            let nodes = self.ephemerals.get_mut(&session).expect("an ephemeral has a session");
            nodes.remove(&id);
            if nodes.is_empty() {
                self.ephemerals.remove(&session);
            }
        }
        self.mortals.remove(&id);
        self.acls.give_back(slot.acl);
        self.nodes.remove(id, path);
    }

    /// Changes a node's stat.
    pub(crate) fn change_stat(&mut self, id: NodeId, change: impl FnOnce(&mut StatPersisted)) {
        self.subtract_digest(id);
        change(&mut self.nodes.slot_mut(id).stat);
        self.add_digest(id);
    }

    /// Replaces a node's data, and says how long it was; its stat is left alone.
    pub(crate) fn replace_data(&mut self, id: NodeId, path: &str, data: Option<&[u8]>) -> usize {
        self.subtract_digest(id);
        let old = self.nodes.slot(id).data_length();
        self.nodes.set_data(id, data);
        self.nodes.slot_mut(id).prefix = digest::prefix(path, data);
        self.data_size = self.data_size - old as u64 + data.map_or(0, <[u8]>::len) as u64;
        self.add_digest(id);
        old
    }

    /// Replaces a node's ACL.
    pub(crate) fn replace_acl(&mut self, id: NodeId, acl: &[Acl]) {
        let new = self.acls.take(acl);
        let slot = self.nodes.slot_mut(id);
        let old = std::mem::replace(&mut slot.acl, new);
        self.acls.give_back(old);
    }

    fn add_digest(&mut self, id: NodeId) {
        let slot = self.nodes.slot(id);
        if !slot.left_out() {
            self.digest = self.digest.wrapping_add(digest::node(slot.prefix, &slot.stat));
        }
    }

    fn subtract_digest(&mut self, id: NodeId) {
        let slot = self.nodes.slot(id);
        if !slot.left_out() {
            self.digest = self.digest.wrapping_sub(digest::node(slot.prefix, &slot.stat));
        }
    }
}

impl<'a> Node<'a> {
    /// The stat that is stored.
    pub fn persisted(self) -> StatPersisted {
        self.tree.nodes.slot(self.id).stat
    }

    /// The stat that clients see. ZooKeeper: `DataNode.copyStat`.
    pub fn stat(self) -> Stat {
        let slot = self.tree.nodes.slot(self.id);
        visible(&slot.stat, slot.children as i32, slot.data_length() as i32, self.kind())
    }

    /// What kind of node it is.
    pub fn kind(self) -> Kind {
        Kind::of(self.tree.nodes.slot(self.id).stat.ephemeral_owner, self.tree.extended_types)
    }

    /// The data; null and empty are kept apart.
    pub fn data(self) -> Option<&'a [u8]> {
        self.tree.nodes.slot(self.id).data()
    }

    /// Who may do what.
    pub fn acl(self) -> &'a Arc<[Acl]> {
        self.tree.acls.list(self.tree.nodes.slot(self.id).acl)
    }

    /// How many children there are.
    pub fn children_count(self) -> usize {
        self.tree.nodes.slot(self.id).children as usize
    }

    /// The names of the children, in the order in which they were created.
    pub fn children(self) -> impl Iterator<Item = &'a str> {
        let nodes = &self.tree.nodes;
        let first = nodes.first_child(self.id);
        std::iter::successors((first != NONE).then_some(first), |id| {
            let next = nodes.next_sibling(*id);
            (next != NONE).then_some(next)
        })
        .map(|id| nodes.slot(id).name())
    }

    /// The part of its digest that does not depend on its stat.
    pub(crate) fn prefix(self) -> u32 {
        self.tree.nodes.slot(self.id).prefix
    }
}

/// The stat that clients see of a stored one: cversion counts deletions too, and only the owner of
/// an ephemeral node shows.
pub(crate) fn visible(stat: &StatPersisted, children: i32, data: i32, kind: Kind) -> Stat {
    Stat {
        czxid: stat.czxid,
        mzxid: stat.mzxid,
        ctime: stat.ctime,
        mtime: stat.mtime,
        version: stat.version,
        cversion: stat.cversion.wrapping_mul(2).wrapping_sub(children),
        aversion: stat.aversion,
        ephemeral_owner: match kind {
            Kind::Ephemeral(session) => session.0,
            Kind::Persistent | Kind::Container | Kind::Ttl(_) => 0,
        },
        data_length: data,
        num_children: children,
        pzxid: stat.pzxid,
    }
}

/// A new node's stat.
pub(crate) fn newborn(zxid: Zxid, time: i64, kind: Kind) -> StatPersisted {
    StatPersisted {
        czxid: zxid,
        mzxid: zxid,
        pzxid: zxid,
        ctime: time,
        mtime: time,
        ephemeral_owner: kind.owner(),
        ..StatPersisted::default()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tree {{ nodes: {}, digest: {:x} }}", self.len(), self.digest)
    }
}

impl PartialEq for Tree {
    /// Two trees are equal if all their nodes are.
    fn eq(&self, other: &Tree) -> bool {
        let same = |path: &str, mine: Node<'_>| {
            other.node(path).is_some_and(|theirs| {
                mine.persisted() == theirs.persisted()
                    && mine.data() == theirs.data()
                    && mine.acl() == theirs.acl()
            })
        };
        self.len() == other.len()
            && self.digest == other.digest
            && self.visit_all(|path, node| same(path, node))
    }
}
