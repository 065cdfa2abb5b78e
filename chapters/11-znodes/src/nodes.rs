//! The memory of the tree: nodes in numbered places, found by path through one index. The places
//! come in pieces, so that growing never moves a node: a server has no time for that.
//!
//! A node costs its slot of 120 bytes, one allocation for its name and data together, and some 12
//! bytes of the index. Siblings are chained through the slots, so that a leaf carries no map of
//! children, and listing children needs no second structure.
//!
//! Always true:
//! - the index finds exactly the nodes that are reachable from the root;
//! - the chain of a node's children is a ring through `prev`, open through `next`;
//! - children are chained in the order in which they came.

use jute::records::StatPersisted;
use machines::Index;

use crate::acls::{AclId, OPEN};

/// A node's place. It is used again when its node is gone.
pub(crate) type NodeId = u32;

/// The root's place.
pub(crate) const ROOT: NodeId = 0;
/// No node.
pub(crate) const NONE: NodeId = NodeId::MAX;

/// Places in a piece.
const PIECE: usize = 1024;

const NULL_DATA: u32 = 1 << 31;
const LEFT_OUT: u32 = 1 << 30;
const LENGTH: u32 = LEFT_OUT - 1;

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) stat: StatPersisted,
    /// The name, then the data.
    body: Box<[u8]>,
    /// The length of the name, and two flags.
    shape: u32,
    /// See `digest::prefix`.
    pub(crate) prefix: u32,
    pub(crate) acl: AclId,
    pub(crate) parent: NodeId,
    pub(crate) children: u32,
    first: NodeId,
    next: NodeId,
    prev: NodeId,
}

impl Slot {
    pub(crate) fn name(&self) -> &str {
        std::str::from_utf8(&self.body[..self.name_length()]).expect("names are made from str")
    }

    pub(crate) fn data(&self) -> Option<&[u8]> {
        (self.shape & NULL_DATA == 0).then(|| &self.body[self.name_length()..])
    }

    pub(crate) fn data_length(&self) -> usize {
        self.body.len() - self.name_length()
    }

    /// Whether the digest of the tree leaves this node out.
    pub(crate) fn left_out(&self) -> bool {
        self.shape & LEFT_OUT != 0
    }

    fn name_length(&self) -> usize {
        (self.shape & LENGTH) as usize
    }

    fn set_body(&mut self, name: &str, data: Option<&[u8]>, left_out: bool) {
        let bytes = data.unwrap_or_default();
        let mut body = Vec::with_capacity(name.len() + bytes.len());
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(bytes);
        self.body = body.into_boxed_slice();
        self.shape = name.len() as u32
            | if data.is_none() { NULL_DATA } else { 0 }
            | if left_out { LEFT_OUT } else { 0 };
    }
}

/// All nodes of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    pieces: Vec<Vec<Slot>>,
    free: Vec<NodeId>,
    index: Index,
}

impl Nodes {
    /// Only the root. The seed decides how paths are hashed.
    pub(crate) fn new(seed: u64, root: StatPersisted, prefix: u32) -> Nodes {
        let mut nodes = Nodes { pieces: Vec::new(), free: Vec::new(), index: Index::new(seed) };
        let mut slot = Slot::empty(root, prefix, NONE);
        slot.set_body("", Some(b""), false);
        nodes.place(slot);
        nodes
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        let last = self.pieces.last().map_or(0, Vec::len);
        (self.pieces.len() - 1) * PIECE + last - self.free.len()
    }

    /// Gives a slot a place.
    fn place(&mut self, slot: Slot) -> NodeId {
        if let Some(id) = self.free.pop() {
            *self.slot_mut(id) = slot;
            return id;
        }
        match self.pieces.last() {
            None => self.pieces.push(Vec::new()),
            Some(last) if last.len() == PIECE => self.pieces.push(Vec::with_capacity(PIECE)),
            Some(_) => {}
        }
        let before = (self.pieces.len() - 1) * PIECE;
        let last = self.pieces.last_mut().expect("there is one now");
        last.push(slot);
        (before + last.len() - 1) as NodeId
    }

    pub(crate) fn slot(&self, id: NodeId) -> &Slot {
        &self.pieces[id as usize / PIECE][id as usize % PIECE]
    }

    pub(crate) fn slot_mut(&mut self, id: NodeId) -> &mut Slot {
        &mut self.pieces[id as usize / PIECE][id as usize % PIECE]
    }

    /// The node of a path.
    pub(crate) fn find(&self, path: &str) -> Option<NodeId> {
        if path == "/" || path.is_empty() {
            return Some(ROOT);
        }
        let hash = self.index.hash(path.as_bytes());
        self.index.find(hash, |id| self.has_path(id, path))
    }

    fn has_path(&self, mut id: NodeId, path: &str) -> bool {
        let mut rest = path.as_bytes();
        while id != ROOT {
            let slot = self.slot(id);
            let name = &slot.body[..slot.name_length()];
            match rest.strip_suffix(name).and_then(|rest| rest.strip_suffix(b"/")) {
                Some(above) => rest = above,
                None => return false,
            }
            id = slot.parent;
        }
        rest.is_empty()
    }

    /// Writes the path of a node over what `path` held.
    pub(crate) fn path_into(&self, id: NodeId, path: &mut String) {
        path.clear();
        if id == ROOT {
            path.push('/');
            return;
        }
        let mut names = Vec::new();
        let mut at = id;
        while at != ROOT {
            let slot = self.slot(at);
            names.push(slot.name());
            at = slot.parent;
        }
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(name);
        }
    }

    /// Adds a node that is not there yet below one that is.
    pub(crate) fn insert(
        &mut self,
        parent: NodeId,
        path: &str,
        data: Option<&[u8]>,
        stat: StatPersisted,
        prefix: u32,
        acl: AclId,
    ) -> NodeId {
        let mut slot = Slot::empty(stat, prefix, parent);
        slot.acl = acl;
        slot.set_body(crate::path::name(path), data, crate::digest::leaves_out(path));
        let id = self.place(slot);
        self.index.insert(self.index.hash(path.as_bytes()), id);
        self.chain(parent, id);
        id
    }

    fn chain(&mut self, parent: NodeId, id: NodeId) {
        let first = self.slot(parent).first;
        if first == NONE {
            self.slot_mut(id).prev = id;
            self.slot_mut(parent).first = id;
        } else {
            let last = self.slot(first).prev;
            self.slot_mut(last).next = id;
            self.slot_mut(id).prev = last;
            self.slot_mut(first).prev = id;
        }
        self.slot_mut(parent).children += 1;
    }

    /// Removes a node without children, not the root.
    pub(crate) fn remove(&mut self, id: NodeId, path: &str) {
        let (parent, next, prev) = {
            let slot = self.slot(id);
            assert!(slot.children == 0, "only a leaf is removed: {path}");
            (slot.parent, slot.next, slot.prev)
        };
        let first = self.slot(parent).first;
        if first == id {
            self.slot_mut(parent).first = next;
            if next != NONE {
                self.slot_mut(next).prev = prev;
            }
        } else {
            self.slot_mut(prev).next = next;
            let after = if next == NONE { first } else { next };
            self.slot_mut(after).prev = prev;
        }
        self.slot_mut(parent).children -= 1;
        self.index.remove(self.index.hash(path.as_bytes()), id);
        self.slot_mut(id).body = Box::default();
        self.free.push(id);
    }

    /// Replaces a node's data.
    pub(crate) fn set_data(&mut self, id: NodeId, data: Option<&[u8]>) {
        let slot = self.slot_mut(id);
        let bytes = data.unwrap_or_default();
        if slot.data_length() == bytes.len() {
            let start = slot.name_length();
            slot.body[start..].copy_from_slice(bytes);
            slot.shape = slot.shape & !NULL_DATA | if data.is_none() { NULL_DATA } else { 0 };
        } else {
            let (name, left_out) = (slot.name().to_owned(), slot.left_out());
            slot.set_body(&name, data, left_out);
        }
    }

    /// The first child of a node, or `NONE`.
    pub(crate) fn first_child(&self, id: NodeId) -> NodeId {
        self.slot(id).first
    }

    /// The sibling after a node, or `NONE`.
    pub(crate) fn next_sibling(&self, id: NodeId) -> NodeId {
        self.slot(id).next
    }

    /// The node after `id` and all below it, parents before children; `NONE` at the end of what is
    /// below `top`.
    pub(crate) fn after(&self, mut id: NodeId, top: NodeId) -> NodeId {
        while id != top {
            let next = self.next_sibling(id);
            if next != NONE {
                return next;
            }
            id = self.slot(id).parent;
        }
        NONE
    }

    /// The node that follows `id`, parents before children; `NONE` at the end of what is below
    /// `top`.
    pub(crate) fn successor(&self, id: NodeId, top: NodeId) -> NodeId {
        let child = self.first_child(id);
        if child != NONE { child } else { self.after(id, top) }
    }
}

impl Slot {
    fn empty(stat: StatPersisted, prefix: u32, parent: NodeId) -> Slot {
        Slot {
            stat,
            body: Box::default(),
            shape: 0,
            prefix,
            acl: OPEN,
            parent,
            children: 0,
            first: NONE,
            next: NONE,
            prev: NONE,
        }
    }
}
