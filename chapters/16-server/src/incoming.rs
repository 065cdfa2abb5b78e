//! A leader's state on its way to this server: SNAP, taken apart as it comes.
//!
//! Always true:
//! - what has come so far is nowhere else: the state stays as it was until the new one is whole;
//! - bytes that are no state are found out, and nothing is allocated because they say so.
//!
//! ZooKeeper: `Learner.syncWithLeader`, `SerializeUtils.deserializeSnapshot`.

use std::collections::BTreeMap;

use jute::records::Acl;
use storage::{Item, Items};
use znodes::Loading;
use zxid::{SessionId, Zxid};

use crate::state::State;

/// The most bytes that an item may have. ZooKeeper: `jute.maxbuffer` and its extra size; a member
/// may be set to more.
const LONGEST: usize = 64 << 20;

/// A state that is being loaded.
#[derive(Debug)]
pub(crate) struct Incoming {
    zxid: Zxid,
    items: Items,
    /// What has come of the next item.
    rest: Vec<u8>,
    sessions: BTreeMap<SessionId, i32>,
    lists: BTreeMap<i64, Vec<Acl>>,
    loading: Loading,
}

impl Incoming {
    /// Nothing has come yet of the state after a transaction. `like` says how nodes are kept.
    pub(crate) fn new(zxid: Zxid, like: &State) -> Incoming {
        Incoming {
            zxid,
            items: Items::new(LONGEST),
            rest: Vec::new(),
            sessions: BTreeMap::new(),
            lists: BTreeMap::new(),
            loading: like.loading(),
        }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// What they are not, in words.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut joined = std::mem::take(&mut self.rest);
        let mut bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined[..]
        };
        while let Some(item) = self.items.next(&mut bytes).map_err(|bad| bad.to_string())? {
            match item {
                Item::Session(session, timeout) => {
                    self.sessions.insert(session, timeout);
                }
                Item::Acl(number, list) => {
                    self.lists.insert(number, list);
                }
                Item::Node(node) => {
                    let open = Acl::open();
                    let acl = self.lists.get(&node.acl).unwrap_or(&open);
                    if !self.loading.add(node.path, node.data, acl, node.stat) {
                        let path = node.path;
                        return Err(format!("node {path} has no parent, or is there twice"));
                    }
                }
                Item::End => {}
            }
        }
        self.rest = bytes.to_vec();
        Ok(())
    }

    /// The state, if it is whole.
    ///
    /// # Errors
    /// What is missing, in words.
    pub(crate) fn finish(self, old: &State) -> Result<State, String> {
        if !self.items.is_ended() || !self.rest.is_empty() {
            return Err("the snapshot ends too early or too late".to_owned());
        }
        Ok(old.replaced(self.loading.finish(), self.sessions, self.zxid))
    }
}
