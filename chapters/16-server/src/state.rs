//! The replicated state: the tree, and the sessions that exist. Every server that has applied the
//! same transactions has the same.
//!
//! Always true:
//! - it holds only what is committed;
//! - it changes only by `apply`, and `last` says up to which transaction it has.
//!
//! ZooKeeper: `ZKDatabase`.

use std::collections::BTreeMap;
use std::fmt;

use jute::records::{Acl, Txn, TxnDigest, TxnHeader};
use storage::{Damage, Entry, SnapshotReader};
use znodes::{Change, Loading, Outcome, SavedNode, Tree};
use zxid::{ServerId, SessionId, Zxid};

/// The tree and the sessions.
#[derive(Clone)]
pub struct State {
    /// The tree.
    pub tree: Tree,
    /// Each session's agreed timeout in ms.
    pub sessions: BTreeMap<SessionId, i32>,
    /// The last transaction applied.
    pub last: Zxid,
    /// The largest session id that was ever given, for each server, as far as it is known: a
    /// snapshot does not tell of sessions that are over.
    pub given: BTreeMap<ServerId, SessionId>,
    seed: u64,
}

/// A transaction that was applied.
#[derive(Debug)]
pub struct Applied<'e> {
    /// Its header.
    pub header: TxnHeader,
    /// What it said.
    pub txn: Txn<'e>,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the tree is now what the transaction says that it must be.
    pub as_foretold: bool,
}

impl State {
    /// The state before the first transaction. The seed decides how paths are hashed.
    pub fn new(seed: u64, extended_types: bool) -> State {
        let tree = Tree::new(seed, extended_types);
        State { tree, sessions: BTreeMap::new(), last: Zxid::ZERO, given: BTreeMap::new(), seed }
    }

    /// Applies one transaction, and adds what changed to `changes`. The only error is a payload
    /// that cannot be understood.
    pub fn apply<'e>(
        &mut self,
        entry: &'e Entry,
        changes: &mut Vec<Change>,
    ) -> Result<Applied<'e>, jute::Error> {
        let (header, txn, digest) = Txn::decode_payload(&entry.payload)?;
        match &txn {
            Txn::CreateSession(created) => {
                self.sessions.insert(header.session, created.timeout);
                let giver = ServerId(header.session.0 >> 56);
                let largest = self.given.entry(giver).or_default();
                *largest = header.session.max(*largest);
            }
            Txn::CloseSession(_) => {
                self.sessions.remove(&header.session);
            }
            _ => {}
        }
        let outcome = znodes::apply(&mut self.tree, &header, &txn, changes);
        self.last = header.zxid;
        let tree = self.tree.digest() as i64;
        let as_foretold =
            digest.is_none_or(|told| told.version != TxnDigest::VERSION || told.tree == tree);
        Ok(Applied { header, txn, outcome, as_foretold })
    }
}

/// The body of a snapshot up to its nodes: the sessions and the map of lists.
pub(crate) fn save_head(state: &State) -> Vec<u8> {
    let mut body = Vec::new();
    jute::append(&mut body, &(state.sessions.len() as i32));
    for (session, timeout) in &state.sessions {
        jute::append(&mut body, &(*session, *timeout));
    }
    let lists: Vec<(i64, &[Acl])> = state.tree.acl_map().map(|(id, list)| (id, &**list)).collect();
    jute::append(&mut body, &(lists.len() as i32));
    for list in &lists {
        jute::append(&mut body, list);
    }
    body
}

/// One node of the body of a snapshot.
pub(crate) fn save_node(body: &mut Vec<u8>, node: &SavedNode<'_>) {
    jute::append(body, &node.path);
    jute::append(body, &node.data.map(serde_bytes::Bytes::new));
    jute::append(body, &(node.acl, node.stat));
}

/// What ends the nodes.
pub(crate) fn save_end(body: &mut Vec<u8>) {
    jute::append(body, &"/");
}

impl storage::State for State {
    fn load(&mut self, body: &mut SnapshotReader<'_>) -> Result<(), Damage> {
        for _ in 0..body.count()? {
            let (session, timeout) = body.session()?;
            self.sessions.insert(session, timeout);
        }
        let open = Acl::open();
        let mut lists = BTreeMap::new();
        for _ in 0..body.count()? {
            let (id, list) = body.acl()?;
            lists.insert(id, list);
        }
        let mut loading = Loading::new(self.seed, self.tree.extended_types());
        while let Some(node) = body.node()? {
            // A number without a list is open until replay sets the node's own: see `znodes`.
            let acl = lists.get(&node.acl).unwrap_or(&open);
            if !loading.add(node.path, node.data, acl, node.stat) {
                let path = node.path.to_owned();
                return Err(body.damage(format!("node {path} has no parent, or is there twice")));
            }
        }
        self.tree = loading.finish();
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Damage> {
        let mut changes = Vec::new();
        State::apply(self, entry, &mut changes)
            .map(|_| ())
            .map_err(|error| Damage::Entry { zxid: entry.zxid, why: error.to_string() })
    }

    fn save(&self) -> Vec<u8> {
        let mut body = save_head(self);
        let mut tree = self.tree.clone();
        let walk = tree.begin_walk(Zxid(u64::MAX));
        tree.go_on(walk, |node| {
            save_node(&mut body, &node);
            true
        });
        save_end(&mut body);
        body
    }

    fn digest(&self) -> Option<u64> {
        Some(self.tree.digest())
    }
}

impl PartialEq for State {
    /// What was given is not replicated: a server knows of it what its log still tells.
    fn eq(&self, other: &State) -> bool {
        self.last == other.last && self.sessions == other.sessions && self.tree == other.tree
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "State {{ last: {}, {:?}, sessions: {} }}",
            self.last,
            self.tree,
            self.sessions.len()
        )
    }
}
