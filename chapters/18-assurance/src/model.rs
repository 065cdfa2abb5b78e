//! The reference model: what the service is, in one ordered map and as few words as possible.
//!
//! It takes the transactions that a server logged, in order, and holds what the tree, the sessions
//! and every Stat must then be. It shares no code with the server: it was written from the
//! specification, it is slow and plain, and where the two differ one of them is wrong.
//!
//! Always true:
//! - it depends on the transactions alone, so two servers that logged the same agree with it;
//! - every path in the map has its parent in the map, and its name among the parent's children;
//! - `digest` is the sum over all nodes, kept up to date by the difference that each change makes.
//!
//! ZooKeeper: `DataTree.processTxn`, `DigestCalculator`.

mod answer;
mod expect;
mod watches;
mod who;

use std::collections::{BTreeMap, BTreeSet};

use jute::records::{Acl, Id, Perms, Stat, StatPersisted, Txn, TxnHeader};
use zxid::{SessionId, Zxid};

pub(crate) use answer::normal;
pub(crate) use watches::Watches;
pub(crate) use who::Who;

/// The node that shows the members.
pub const CONFIG: &str = "/zookeeper/config";
/// The owner that marks a container node.
pub const CONTAINER: i64 = i64::MIN;
/// The bits that mark a node with a time to live; the low 40 bits are the time in ms.
pub const TTL: i64 = 0xff00_0000_0000_0000_u64 as i64;

/// A znode.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its data; null and empty are kept apart.
    pub data: Option<Vec<u8>>,
    /// Who may do what with it.
    pub acl: Vec<Acl>,
    /// The rest, as it is stored.
    pub stat: StatPersisted,
    /// The names of its children.
    pub children: BTreeSet<String>,
}

/// A node that a transaction changed, with the lists that decide who may hear of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened to it.
    pub effect: Effect,
    /// Its path.
    pub path: String,
    /// Its list; the last one if it is gone.
    pub acl: Vec<Acl>,
    /// Its parent's list.
    pub parent_acl: Vec<Acl>,
}

/// What a transaction did to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is new.
    Created,
    /// It is gone.
    Deleted,
    /// It has new data.
    Changed,
}

/// The state of the service after some transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The transaction.
    pub zxid: Zxid,
    /// The nodes by full path; "/" is the root.
    pub nodes: BTreeMap<String, Node>,
    /// The open sessions and their timeouts in ms.
    pub sessions: BTreeMap<SessionId, i32>,
    /// The digest of the tree.
    pub digest: u64,
}

impl Default for Model {
    fn default() -> Self {
        let node = |perms, aversion, children: &[&str]| Node {
            data: Some(Vec::new()),
            acl: vec![Acl { perms, id: Id::anyone() }],
            stat: StatPersisted { aversion, ..StatPersisted::default() },
            children: children.iter().map(|name| name.to_string()).collect(),
        };
        let nodes = [
            ("/", node(Perms::ALL, 0, &["zookeeper"])),
            ("/zookeeper", node(Perms::ALL, 0, &["config", "quota"])),
            ("/zookeeper/config", node(Perms::READ, -1, &[])),
            ("/zookeeper/quota", node(Perms::ALL, 0, &[])),
        ];
        let nodes = nodes.map(|(path, node)| (path.to_string(), node)).into();
        let mut model = Model { zxid: Zxid::ZERO, nodes, sessions: BTreeMap::new(), digest: 0 };
        model.digest = model.counted_digest();
        model
    }
}

impl Model {
    /// The state before the first transaction, of a member of an ensemble: every server shows there
    /// who the members are. ZooKeeper: `DataTree.addConfigNode`, `QuorumPeer`.
    pub fn of_member(config: &[u8]) -> Model {
        let mut model = Model::default();
        if let Some(node) = model.nodes.get_mut(CONFIG) {
            node.data = Some(config.to_vec());
            node.stat.version = -1;
        }
        model
    }

    /// Applies the next transaction; says which nodes it changed, in order.
    pub fn apply(&mut self, header: &TxnHeader, txn: &Txn) -> Vec<Change> {
        let mut changes = Vec::new();
        self.apply_part(header, txn, &mut changes);
        self.zxid = header.zxid;
        changes
    }

    /// One node, if it is there.
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The Stat of a node as clients see it.
    pub fn stat(&self, path: &str) -> Option<Stat> {
        self.nodes.get(path).map(Node::visible)
    }

    /// The paths of a session's ephemeral nodes, sorted.
    pub fn ephemerals(&self, session: SessionId) -> Vec<String> {
        let mine = |node: &Node| session != SessionId::NONE && node.owner() == Some(session);
        self.nodes.iter().filter(|(_, node)| mine(node)).map(|(path, _)| path.clone()).collect()
    }

    /// How many ephemeral nodes there are.
    pub fn ephemerals_count(&self) -> usize {
        self.nodes.values().filter(|node| node.owner().is_some()).count()
    }

    /// The digest, counted anew from all nodes.
    pub fn counted_digest(&self) -> u64 {
        self.nodes.iter().fold(0, |sum: u64, (path, node)| sum.wrapping_add(node.digest(path)))
    }

    fn apply_part(&mut self, header: &TxnHeader, txn: &Txn, changes: &mut Vec<Change>) {
        match txn {
            Txn::Create(txn) => {
                let owner = if txn.ephemeral { header.session.0 } else { 0 };
                let new = New { data: txn.data, acl: &txn.acl, count: txn.parent_cversion, owner };
                self.create(header, &txn.path, new, changes);
            }
            Txn::CreateContainer(txn) => {
                let (count, owner) = (txn.parent_cversion, CONTAINER);
                let new = New { data: txn.data, acl: &txn.acl, count, owner };
                self.create(header, &txn.path, new, changes);
            }
            Txn::CreateTtl(txn) => {
                let (count, owner) = (txn.parent_cversion, TTL | txn.ttl);
                let new = New { data: txn.data, acl: &txn.acl, count, owner };
                self.create(header, &txn.path, new, changes);
            }
            Txn::Delete(txn) => self.delete(header, &txn.path, changes),
            Txn::SetData(txn) => {
                self.change(&txn.path, |node| {
                    node.data = txn.data.map(<[u8]>::to_vec);
                    node.stat.version = txn.version;
                    node.stat.mzxid = header.zxid;
                    node.stat.mtime = header.time;
                });
                changes.extend(self.changed(Effect::Changed, &txn.path));
            }
            Txn::SetAcl(txn) => self.change(&txn.path, |node| {
                node.acl = txn.acl.clone();
                node.stat.aversion = txn.version;
            }),
            Txn::Multi(parts) => {
                if !parts.iter().any(|part| matches!(part, Txn::Error(_))) {
                    parts.iter().for_each(|part| self.apply_part(header, part, changes));
                }
            }
            Txn::CreateSession(txn) => {
                self.sessions.insert(header.session, txn.timeout);
            }
            Txn::CloseSession(listed) => {
                self.sessions.remove(&header.session);
                for path in listed.iter().flat_map(|txn| &txn.paths) {
                    self.delete(header, path, changes);
                }
                for path in self.ephemerals(header.session) {
                    self.delete(header, &path, changes);
                }
            }
            Txn::Check(_) | Txn::Error(_) => {}
        }
    }

    fn create(&mut self, header: &TxnHeader, path: &str, new: New, changes: &mut Vec<Change>) {
        let (parent, name) = split(path);
        if self.nodes.contains_key(path) || !self.nodes.contains_key(parent) {
            return;
        }
        self.change(parent, |node| {
            let count = if new.count == -1 { node.stat.cversion + 1 } else { new.count };
            if count > node.stat.cversion {
                node.stat.cversion = count;
                node.stat.pzxid = header.zxid;
            }
            node.children.insert(name.to_string());
        });
        let stat = StatPersisted {
            czxid: header.zxid,
            mzxid: header.zxid,
            pzxid: header.zxid,
            ctime: header.time,
            mtime: header.time,
            ephemeral_owner: new.owner,
            ..StatPersisted::default()
        };
        let data = new.data.map(<[u8]>::to_vec);
        let node = Node { data, acl: new.acl.to_vec(), stat, children: BTreeSet::new() };
        self.digest = self.digest.wrapping_add(node.digest(path));
        self.nodes.insert(path.to_string(), node);
        changes.extend(self.changed(Effect::Created, path));
    }

    fn delete(&mut self, header: &TxnHeader, path: &str, changes: &mut Vec<Change>) {
        let (parent, name) = split(path);
        self.change(parent, |node| {
            node.children.remove(name);
            node.stat.pzxid = node.stat.pzxid.max(header.zxid);
        });
        changes.extend(self.changed(Effect::Deleted, path));
        if let Some(node) = self.nodes.remove(path) {
            self.digest = self.digest.wrapping_sub(node.digest(path));
        }
    }

    /// What to say of a change to a node that is there.
    fn changed(&self, effect: Effect, path: &str) -> Option<Change> {
        let acl = self.nodes.get(path)?.acl.clone();
        let parent_acl = self.nodes.get(split(path).0).map_or(acl.clone(), |node| node.acl.clone());
        Some(Change { effect, path: path.to_string(), acl, parent_acl })
    }

    /// Changes a node, if it is there, and the digest with it.
    fn change(&mut self, path: &str, how: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(path) {
            self.digest = self.digest.wrapping_sub(node.digest(path));
            how(node);
            self.digest = self.digest.wrapping_add(node.digest(path));
        }
    }
}

impl Node {
    /// The session that owns it, if it is an ephemeral node.
    pub fn owner(&self) -> Option<SessionId> {
        let owner = self.stat.ephemeral_owner;
        let special = owner == 0 || owner == CONTAINER || owner & TTL == TTL;
        (!special).then_some(SessionId(owner))
    }

    /// Its Stat as clients see it.
    pub fn visible(&self) -> Stat {
        let (stat, children) = (&self.stat, self.children.len() as i32);
        Stat {
            czxid: stat.czxid,
            mzxid: stat.mzxid,
            ctime: stat.ctime,
            mtime: stat.mtime,
            version: stat.version,
            cversion: stat.cversion.wrapping_mul(2).wrapping_sub(children),
            aversion: stat.aversion,
            ephemeral_owner: self.owner().map_or(0, |session| session.0),
            data_length: self.data.as_ref().map_or(0, |data| data.len() as i32),
            num_children: children,
            pzxid: stat.pzxid,
        }
    }

    /// What the node adds to the digest of the tree.
    fn digest(&self, path: &str) -> u64 {
        if path.starts_with("/zookeeper/") {
            return 0;
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(if path == "/" { b"" } else { path.as_bytes() });
        crc.update(self.data.as_deref().unwrap_or_default());
        let stat = &self.stat;
        for zxid in [stat.czxid, stat.mzxid, stat.pzxid] {
            crc.update(&zxid.0.to_be_bytes());
        }
        crc.update(&stat.ctime.to_be_bytes());
        crc.update(&stat.mtime.to_be_bytes());
        for version in [stat.version, stat.cversion, stat.aversion] {
            crc.update(&version.to_be_bytes());
        }
        crc.update(&stat.ephemeral_owner.to_be_bytes());
        u64::from(crc.finalize())
    }
}

/// A path's parent and its last name. The parent of "/a" is "/".
pub fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((parent, name)) => (parent, name),
        None => ("", path),
    }
}

/// What a create transaction says of the new node.
struct New<'a> {
    data: Option<&'a [u8]>,
    acl: &'a [Acl],
    count: i32,
    owner: i64,
}
