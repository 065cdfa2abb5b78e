//! What must be in the tree, by what clients were told: confirmed, or shown by a read.
//!
//! Each node is made once, under a name of its own, and each value is written once. So a version of
//! a node is one transaction and one value, whoever is told of it, and when all is over the tree has
//! the newest that anybody was told of, or a newer one.

use std::collections::BTreeMap;

use assurance::invariants::Invariant::{S2, S5, S6, S8, S15, S16};
use assurance::invariants::{Broken, Invariant, Verdict};
use consistency::OpId;
use jute::records::Stat;
use zxid::{SessionId, Zxid};

use super::trees::Tree;

/// The node below which each client's ephemeral nodes are.
pub(super) const LOCKS: &str = "/chaos/locks";

/// What clients know.
#[derive(Debug, Default)]
pub(super) struct Facts {
    nodes: BTreeMap<String, Node>,
    /// Pairs of nodes that were to be made by one multi.
    pairs: Vec<[String; 2]>,
    /// Sequential names by transaction.
    queue: BTreeMap<Zxid, (String, OpId)>,
}

#[derive(Debug, Default)]
struct Node {
    /// What is known of each version of its data.
    versions: BTreeMap<i32, Known>,
    /// Who was told that it is deleted.
    deleted: Option<OpId>,
    /// Whether somebody has asked for its deletion.
    in_doubt: bool,
}

#[derive(Debug)]
struct Known {
    zxid: Zxid,
    value: String,
    told: OpId,
}

impl Facts {
    /// Somebody was told what a node holds.
    pub(super) fn learn(&mut self, path: &str, stat: &Stat, value: &str, told: OpId) -> Verdict {
        let versions = &mut self.nodes.entry(path.to_string()).or_default().versions;
        let (version, zxid) = (stat.version, stat.mzxid);
        if let Some(known) = versions.get(&version) {
            let same = known.zxid == zxid && known.value == value;
            return holds(S15, same, || {
                format!(
                    "version {version} of {path} is {:?} of {} to {}, and {value:?} of {zxid} to {told}",
                    known.value, known.zxid, known.told
                )
            });
        }
        let before = versions.range(..version).next_back();
        let after = versions.range(version..).next();
        let rises = before.is_none_or(|(_, known)| known.zxid < zxid)
            && after.is_none_or(|(_, known)| zxid < known.zxid);
        let neighbours: Vec<OpId> = before.into_iter().chain(after).map(|(_, k)| k.told).collect();
        versions.insert(version, Known { zxid, value: value.to_string(), told });
        holds(S2, rises, || {
            format!("version {version} of {path} is {zxid} to {told}, against {neighbours:?}")
        })
    }

    /// The deletion of a node is asked for.
    pub(super) fn may_go(&mut self, path: &str) {
        self.nodes.entry(path.to_string()).or_default().in_doubt = true;
    }

    /// The deletion of a node, asked for once, was answered. It was there.
    pub(super) fn deleted(&mut self, path: &str, was_there: bool, told: OpId) -> Verdict {
        self.nodes.entry(path.to_string()).or_default().deleted = Some(told);
        holds(S5, was_there, || format!("{path} was confirmed, and {told} does not find it"))
    }

    /// A multi is asked to make two nodes.
    pub(super) fn may_come(&mut self, pair: [String; 2]) {
        self.pairs.push(pair);
    }

    /// A sequential node was made.
    pub(super) fn queued(&mut self, path: &str, zxid: Zxid, told: OpId) {
        self.queue.insert(zxid, (path.to_string(), told));
    }

    /// Judges the tree at the end, when no session is left.
    pub(super) fn judge(&self, tree: &Tree) -> Verdict {
        self.nodes.iter().try_for_each(|(path, node)| node.judge(path, tree))?;
        self.judge_pairs(tree)?;
        self.judge_queue()?;
        let left = tree.keys().find(|path| path.starts_with(&format!("{LOCKS}/")));
        holds(S8, left.is_none(), || {
            format!("{} is still there, and no session is", left.cloned().unwrap_or_default())
        })
    }

    fn judge_pairs(&self, tree: &Tree) -> Verdict {
        self.pairs.iter().try_for_each(|[one, other]| {
            let made = |path: &String| tree.get(path).map(|node| node.stat.czxid);
            holds(S6, made(one) == made(other), || {
                format!("{one} is made by {:?}, {other} by {:?}", made(one), made(other))
            })
        })
    }

    /// Sequential names rise with the transactions.
    fn judge_queue(&self) -> Verdict {
        let order: Vec<&(String, OpId)> = self.queue.values().collect();
        order.windows(2).try_for_each(|two| {
            let [(first, one), (second, other)] = two else { return Ok(()) };
            holds(S16, first < second, || {
                format!("{one} is given {first}, and the later {other} {second}")
            })
        })
    }

    /// The session that owned these nodes is live, and one of them is gone.
    pub(super) fn lock_is_there(
        session: SessionId,
        path: &str,
        there: bool,
        told: OpId,
    ) -> Verdict {
        holds(S8, there, || format!("{path} of {session}, which lives, is gone to {told}"))
    }
}

impl Node {
    fn judge(&self, path: &str, tree: &Tree) -> Verdict {
        let Some((version, known)) = self.versions.last_key_value() else { return Ok(()) };
        let Known { zxid, value, told } = known;
        let Some(found) = tree.get(path) else {
            return holds(S5, self.in_doubt, || format!("{path}, {zxid} to {told}, is gone"));
        };
        let back =
            || format!("{path} is there, though {:?} was told that it is deleted", self.deleted);
        holds(S5, self.deleted.is_none(), back)?;
        let (stat, data) = (&found.stat, String::from_utf8_lossy(&found.data));
        let kept = match stat.version == *version {
            true => stat.mzxid == *zxid && data == value.as_str(),
            false => stat.version > *version && stat.mzxid > *zxid,
        };
        holds(S5, kept, || {
            format!(
                "{path} had version {version} with {value:?} of {zxid} to {told}, and has version {} \
                 with {data:?} of {}",
                stat.version, stat.mzxid
            )
        })
    }
}

/// Holds if the condition does; the facts are only put together if not.
pub(super) fn holds(
    invariant: Invariant,
    condition: bool,
    what: impl FnOnce() -> String,
) -> Verdict {
    if condition { Ok(()) } else { Err(Broken { invariant, what: what() }) }
}
