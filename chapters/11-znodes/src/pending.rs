//! What is agreed to happen but not yet applied: an overlay over the tree, keyed by path.
//!
//! The leader prepares a request while earlier ones are still on their way to the disk. It must see
//! their effects, or two of them would both find the version that they expect.
//!
//! Always true:
//! - a record is here from its preparation until the last transaction that touched it is applied;
//! - `digest` is the digest that the tree will have when all records are applied.
//!
//! ZooKeeper: `ZooKeeperServer.outstandingChanges`, `ChangeRecord`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jute::records::{Acl, StatPersisted};
use machines::Lookup;
use zxid::{SessionId, Zxid};

use crate::digest;
use crate::kind::Kind;
use crate::tree::Tree;

/// What a node will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whether it will be there at all.
    pub exists: bool,
    /// Its stat.
    pub stat: StatPersisted,
    /// How many children it will have.
    pub children: u32,
    /// Its ACL.
    pub acl: Arc<[Acl]>,
    /// Bytes of data.
    pub data_length: usize,
    /// See `digest::prefix`.
    pub(crate) prefix: u32,
}

impl Record {
    /// What a node of this path will be when it is created.
    pub fn newborn(
        path: &str,
        data: Option<&[u8]>,
        acl: Arc<[Acl]>,
        zxid: Zxid,
        time: i64,
        kind: Kind,
    ) -> Record {
        let stat = crate::tree::newborn(zxid, time, kind);
        let mut record = Record { exists: true, stat, children: 0, acl, data_length: 0, prefix: 0 };
        record.set_data(path, data);
        record
    }

    /// What the node adds to the digest of its tree.
    pub fn weight(&self, path: &str) -> u64 {
        if !self.exists || digest::leaves_out(path) {
            return 0;
        }
        digest::node(self.prefix, &self.stat)
    }

    /// Gives it other data; the stat is left alone.
    pub fn set_data(&mut self, path: &str, data: Option<&[u8]>) {
        self.data_length = data.map_or(0, <[u8]>::len);
        self.prefix = digest::prefix(path, data);
    }
}

/// The overlay.
#[derive(Clone, Debug)]
pub struct Pending {
    records: Lookup<Arc<str>, (Zxid, Record)>,
    /// Which paths each transaction touched, in order.
    order: VecDeque<(Zxid, Arc<str>)>,
    /// Ephemeral nodes that will be there (true) or gone (false), by session.
    owned: BTreeMap<SessionId, BTreeMap<Arc<str>, bool>>,
    digest: u64,
}

/// What a path had before a change: its record, if there was one, and whose it was.
type Before = (Arc<str>, Option<(Zxid, Record)>);

/// A moment to go back to, should a multi fail.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    order: usize,
    digest: u64,
    undo: Vec<Before>,
}

impl Pending {
    /// Nothing pending over a tree.
    pub fn over(tree: &Tree) -> Pending {
        Pending {
            records: Lookup::new(tree.seed()),
            order: VecDeque::new(),
            owned: BTreeMap::new(),
            digest: tree.digest(),
        }
    }

    /// The digest that the tree will have.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many changes wait to be applied.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What the node of a path will be; nothing if it will not be there.
    pub fn node(&self, tree: &Tree, path: &str) -> Option<Record> {
        if let Some((_, record)) = self.records.find(path) {
            return record.exists.then(|| record.clone());
        }
        let node = tree.node(path)?;
        Some(Record {
            exists: true,
            stat: node.persisted(),
            children: node.children_count() as u32,
            acl: node.acl().clone(),
            data_length: node.data().map_or(0, <[u8]>::len),
            prefix: node.prefix(),
        })
    }

    /// Says what a node will be after transaction `zxid`. `old` is what it weighed before.
    pub fn put(
        &mut self,
        tree: &Tree,
        zxid: Zxid,
        path: &str,
        (old, record): (u64, Record),
        undo: Option<&mut Checkpoint>,
    ) {
        self.digest = self.digest.wrapping_sub(old).wrapping_add(record.weight(path));
        let path: Arc<str> = path.into();
        let kind = Kind::of(record.stat.ephemeral_owner, tree.extended_types());
        if let Kind::Ephemeral(session) = kind {
            self.owned.entry(session).or_default().insert(path.clone(), record.exists);
        }
        self.order.push_back((zxid, path.clone()));
        let owner = record.stat.ephemeral_owner;
        let before = self.records.insert(path.clone(), (zxid, record));
        // What was said of an earlier node of this path is over: it may have been another's.
        let old_owner = before.as_ref().map_or(0, |(_, old)| old.stat.ephemeral_owner);
        if old_owner != owner {
            self.forget_owned(&path, old_owner);
        }
        if let Some(undo) = undo {
            undo.undo.push((path, before));
        }
    }

    /// The ephemeral nodes that a session will own, in order.
    pub fn ephemerals_of(&self, tree: &Tree, session: SessionId) -> Vec<String> {
        let mut paths: BTreeSet<String> = tree.ephemerals_of(session).into_iter().collect();
        for (path, exists) in self.owned.get(&session).into_iter().flatten() {
            if *exists {
                paths.insert(path.to_string());
            } else {
                paths.remove(&**path);
            }
        }
        // A node of this session may be pending to be another one's by now.
        paths.retain(|path| {
            self.node(tree, path).is_some_and(|record| {
                let kind = Kind::of(record.stat.ephemeral_owner, tree.extended_types());
                kind == Kind::Ephemeral(session)
            })
        });
        paths.into_iter().collect()
    }

    /// Remembers this moment.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { order: self.order.len(), digest: self.digest, undo: Vec::new() }
    }

    /// Goes back to a moment.
    pub fn roll_back(&mut self, to: Checkpoint) {
        self.order.truncate(to.order);
        self.digest = to.digest;
        for (path, before) in to.undo.into_iter().rev() {
            let undone = match before {
                Some(record) => self.records.insert(path.clone(), record),
                None => self.records.remove(&*path),
            };
            let (_, undone) = undone.expect("what is undone was done");
            self.forget_owned(&path, undone.stat.ephemeral_owner);
            if let Some((_, record)) = self.records.find(&*path).cloned()
                && record.stat.ephemeral_owner != 0
            {
                let session = SessionId(record.stat.ephemeral_owner);
                self.owned.entry(session).or_default().insert(path, record.exists);
            }
        }
    }

    /// Transaction `zxid` is applied: forgets what only it had said.
    pub fn applied(&mut self, zxid: Zxid) {
        while self.order.front().is_some_and(|(first, _)| *first <= zxid) {
            let (_, path) = self.order.pop_front().expect("it was there a line ago");
            if self.records.find(&*path).is_some_and(|(last, _)| *last <= zxid) {
                let (_, record) = self.records.remove(&*path).expect("it was there a line ago");
                self.forget_owned(&path, record.stat.ephemeral_owner);
            }
        }
    }

    fn forget_owned(&mut self, path: &str, owner: i64) {
        let session = SessionId(owner);
        if let Some(paths) = self.owned.get_mut(&session) {
            paths.remove(path);
            if paths.is_empty() {
                self.owned.remove(&session);
            }
        }
    }
}
