//! Quotas: how many nodes and bytes a subtree may have, and has.
//!
//! Limits and use are kept in ordinary nodes below `/zookeeper/quota`, which clients write. The
//! server replaces the data of the node that shows the use in place: without a transaction, a
//! version or a watch. Soft limits are only logged; hard ones are enforced if the server is told to.
//!
//! ZooKeeper: `Quotas`, `StatsTrack`, `DataTree.updateQuotaStat`.

use std::collections::BTreeSet;

use crate::nodes::NONE;
use crate::path;
use crate::tree::{Node, Tree};

const LIMITS: &str = "zookeeper_limits";
const STATS: &str = "zookeeper_stats";

/// The paths that have a quota.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas(BTreeSet<String>);

/// Numbers of a quota: a limit or a use. -1 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) count: i64,
    pub(crate) bytes: i64,
    pub(crate) hard_count: i64,
    pub(crate) hard_bytes: i64,
}

/// A limit that a subtree has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// The root of the subtree.
    pub path: String,
    /// What is counted: nodes or bytes.
    pub what: &'static str,
    /// The limit.
    pub limit: i64,
    /// The use.
    pub used: i64,
}

impl Track {
    /// Reads `count=5,bytes=10` and `=;byteHardLimit=1;countHardLimit=2`. What is not there or not
    /// a number is no limit.
    pub(crate) fn parse(data: Option<&[u8]>) -> Track {
        let text = String::from_utf8_lossy(data.unwrap_or_default());
        let mut track = Track { count: -1, bytes: -1, hard_count: -1, hard_bytes: -1 };
        for part in text.split([',', ';']) {
            let mut words = part.split('=').filter(|word| !word.is_empty());
            let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
            let Ok(value) = value.trim().parse() else { continue };
            match key {
                "count" => track.count = value,
                "bytes" => track.bytes = value,
                "countHardLimit" => track.hard_count = value,
                "byteHardLimit" => track.hard_bytes = value,
                _ => {}
            }
        }
        track
    }

    fn text(self) -> String {
        let mut text = format!("count={},bytes={}", self.count, self.bytes);
        if self.hard_bytes >= 0 || self.hard_count >= 0 {
            text +=
                &format!("=;byteHardLimit={};countHardLimit={}", self.hard_bytes, self.hard_count);
        }
        text
    }
}

impl Tree {
    /// Keeps the books after a node was created.
    pub(crate) fn count_created(&mut self, path: &str, bytes: usize) {
        if let Some(root) = quota_root(path) {
            match path::name(path) {
                LIMITS => {
                    self.quotas.0.insert(root.to_owned());
                }
                STATS => self.recount(root),
                _ => {}
            }
        }
        self.count_use(path, 1, bytes as i64);
    }

    /// Keeps the books after a node was deleted.
    pub(crate) fn count_deleted(&mut self, path: &str, bytes: usize) {
        if path::name(path) == LIMITS
            && let Some(root) = quota_root(path)
        {
            self.quotas.0.remove(root);
        }
        self.count_use(path, -1, -(bytes as i64));
    }

    /// Keeps the books after a node's data was replaced.
    pub(crate) fn count_replaced(&mut self, path: &str, old: usize, new: usize) {
        if old != new {
            self.count_use(path, 0, new as i64 - old as i64);
        }
    }

    /// Finds all quotas in a tree that was loaded, and counts their use again.
    pub(crate) fn restore_quotas(&mut self) {
        let mut roots = Vec::new();
        if let Some(top) = self.nodes.find(path::QUOTA) {
            let mut at = self.nodes.successor(top, top);
            while at != NONE {
                if self.nodes.slot(at).name() == LIMITS {
                    roots.extend(quota_root(&self.path_of(at)).map(str::to_owned));
                }
                at = self.nodes.successor(at, top);
            }
        }
        for root in roots {
            self.recount(&root);
            self.quotas.0.insert(root);
        }
    }

    /// The hard limit that creating `nodes` nodes and adding `bytes` bytes at a path would pass.
    pub(crate) fn passes_hard_limit(&self, path: &str, nodes: i64, bytes: i64) -> bool {
        let Some(root) = self.quota_of(path) else { return false };
        let (limit, used) = self.limit_and_use(root);
        let over = |limit: i64, used: i64, more: i64| limit > -1 && used + more > limit;
        over(limit.hard_count, used.count, nodes)
            || bytes != 0 && over(limit.hard_bytes, used.bytes, bytes)
    }

    /// The soft limits that the subtree around a path has passed.
    pub fn over_quota(&self, path: &str) -> Vec<OverQuota> {
        let Some(root) = self.quota_of(path) else { return Vec::new() };
        let (limit, used) = self.limit_and_use(root);
        [("nodes", limit.count, used.count), ("bytes", limit.bytes, used.bytes)]
            .into_iter()
            .filter(|(_, limit, used)| *limit > -1 && used > limit)
            .map(|(what, limit, used)| OverQuota { path: root.to_owned(), what, limit, used })
            .collect()
    }

    fn limit_and_use(&self, root: &str) -> (Track, Track) {
        let track = |name| {
            let node = self.node(&format!("{}{root}/{name}", path::QUOTA));
            Track::parse(node.and_then(Node::data))
        };
        (track(LIMITS), track(STATS))
    }

    /// The deepest path with a quota that a path is at or below.
    fn quota_of<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.quotas.0.is_empty() {
            return None;
        }
        let mut at = path;
        while at != "/" {
            if self.quotas.0.contains(at) {
                return Some(at);
            }
            at = path::parent(at)?;
        }
        None
    }

    fn count_use(&mut self, path: &str, nodes: i64, bytes: i64) {
        let Some(root) = self.quota_of(path) else { return };
        let stats = format!("{}{root}/{STATS}", path::QUOTA);
        let Some(id) = self.nodes.find(&stats) else { return };
        let mut used = Track::parse(self.nodes.slot(id).data());
        used.count += nodes;
        used.bytes += bytes;
        self.replace_data(id, &stats, Some(used.text().as_bytes()));
    }

    /// Counts a whole subtree and shows the result.
    fn recount(&mut self, root: &str) {
        let stats = format!("{}{root}/{STATS}", path::QUOTA);
        let Some(shown) = self.nodes.find(&stats) else { return };
        let (mut count, mut bytes) = (0, 0);
        if let Some(top) = self.nodes.find(root) {
            let mut at = top;
            while at != NONE {
                count += 1;
                bytes += self.nodes.slot(at).data_length() as i64;
                at = self.nodes.successor(at, top);
            }
        }
        let used = Track { count, bytes, ..Track::parse(self.nodes.slot(shown).data()) };
        self.replace_data(shown, &stats, Some(used.text().as_bytes()));
    }
}

/// The path whose quota is kept in the parent of a node below `/zookeeper/quota`.
fn quota_root(path: &str) -> Option<&str> {
    let root = path::parent(path)?.strip_prefix(path::QUOTA)?;
    root.starts_with('/').then_some(root)
}
