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
use znodes::{Change, Loading, Outcome, SavedNode, Tree, Walk};
use zxid::{ServerId, SessionId, Zxid};

/// Bytes of nodes in a slice of a snapshot.
const SLICE: usize = 256 << 10;

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
    /// snapshot does not tell of sessions that are over. The server is named by the byte of its
    /// number that is in the id.
    given: BTreeMap<u8, SessionId>,
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
                let giver = (header.session.0 >> 56) as u8;
                let largest = self.given.entry(giver).or_insert(header.session);
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

    /// The largest session id that a server has given, as far as it is known.
    pub fn largest_of(&self, server: ServerId) -> Option<SessionId> {
        let first = server.0 << 56;
        let of_server = SessionId(first)..=SessionId(first | ((1 << 56) - 1));
        let open = self.sessions.range(of_server).next_back().map(|(session, _)| *session);
        open.max(self.given.get(&(server.0 as u8)).copied())
    }

    /// Shows the members of the ensemble, as `/zookeeper/config` does: this server's own text, since
    /// this moment. It is no transaction, and the digest leaves it out.
    pub fn show_config(&mut self, text: &[u8], wall_ms: i64) {
        self.tree.set_data(znodes::path::CONFIG, Some(text), |stat| {
            (stat.version, stat.mzxid, stat.mtime) = (-1, Zxid::ZERO, wall_ms);
        });
    }

    /// An empty tree to be filled, whose nodes will be kept as in this one.
    pub(crate) fn loading(&self) -> Loading {
        Loading::new(self.seed, self.tree.extended_types())
    }

    /// Another tree and other sessions in place of these, after transaction `last`. What this
    /// server knew of given ids stays.
    pub(crate) fn replaced(
        &self,
        tree: Tree,
        sessions: BTreeMap<SessionId, i32>,
        last: Zxid,
    ) -> State {
        State { tree, sessions, last, given: self.given.clone(), seed: self.seed }
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
fn save_node(body: &mut Vec<u8>, node: &SavedNode<'_>) {
    jute::append(body, &node.path);
    jute::append(body, &node.data.map(serde_bytes::Bytes::new));
    jute::append(body, &(node.acl, node.stat));
}

/// The next nodes of the body of a snapshot, and what ends them if they are the last. Says whether
/// there are more.
pub(crate) fn save_slice(body: &mut Vec<u8>, state: &mut State, walk: Walk) -> bool {
    let enough = body.len() + SLICE;
    body.reserve(SLICE + SLICE / 4);
    let more = state.tree.go_on(walk, |node| {
        save_node(body, &node);
        body.len() < enough
    });
    if !more {
        save_end(body);
    }
    more
}

/// What ends the nodes.
fn save_end(body: &mut Vec<u8>) {
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
        let mut loading = self.loading();
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
