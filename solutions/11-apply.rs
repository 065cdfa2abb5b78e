//! Applying: making a transaction so.
//!
//! Every server applies every transaction, in order, to its own tree, and all trees stay equal. The
//! same code replays the log at start, over a snapshot that may already hold a part of what is
//! replayed; so each change must be harmless when it is made again.
//!
//! Always true:
//! - nothing here can refuse: what is agreed is done;
//! - a parent's count of creations and its pzxid never go back.
//!
//! Book: chapter 11. ZooKeeper: `DataTree.processTxn`.

use jute::records::{Acl, ErrorCode, Txn, TxnHeader};
use znodes::{Change, Kind, Outcome, Tree};

/// Applies one transaction, adds what changed to `changes`, and says what came of it.
pub fn apply(
    tree: &mut Tree,
    header: &TxnHeader,
    txn: &Txn<'_>,
    changes: &mut Vec<Change>,
) -> Outcome {
    match txn {
        Txn::Create(txn) => {
            let kind =
                if txn.ephemeral { Kind::Ephemeral(header.session) } else { Kind::Persistent };
            let new = Newcomer { path: &txn.path, data: txn.data, acl: &txn.acl, kind };
            create(tree, header, new, txn.parent_cversion, changes)
        }
        Txn::CreateContainer(txn) => {
            let kind = Kind::Container;
            let new = Newcomer { path: &txn.path, data: txn.data, acl: &txn.acl, kind };
            create(tree, header, new, txn.parent_cversion, changes)
        }
        Txn::CreateTtl(txn) => {
            let kind = Kind::Ttl(txn.ttl);
            let new = Newcomer { path: &txn.path, data: txn.data, acl: &txn.acl, kind };
            create(tree, header, new, txn.parent_cversion, changes)
        }
        Txn::Delete(txn) => delete(tree, header, &txn.path, changes),
        Txn::SetData(txn) => {
            // Exercise 11.2: new data: which fields of its Stat change?
            let changed = tree.set_data(&txn.path, txn.data, |stat| {
                stat.version = txn.version;
                stat.mzxid = header.zxid;
                stat.mtime = header.time;
            });
            changes.extend(changed);
            stat_of(tree, &txn.path)
            // End of 11.2.
        }
        Txn::SetAcl(txn) => {
            tree.set_acl(&txn.path, &txn.acl, txn.version);
            stat_of(tree, &txn.path)
        }
        Txn::Multi(parts) => multi(tree, header, parts, changes),
        Txn::CloseSession(closed) => {
            let listed = closed.iter().flat_map(|txn| &txn.paths).map(|path| path.to_string());
            let paths: Vec<String> = listed.collect();
            for path in paths.iter().chain(&tree.ephemerals_of(header.session)) {
                delete(tree, header, path, changes);
            }
            Outcome::Done
        }
        Txn::Check(_) | Txn::CreateSession(_) => Outcome::Done,
        Txn::Error(error) => Outcome::Failed(error.err),
    }
}

/// A node that a transaction creates.
struct Newcomer<'a> {
    path: &'a str,
    data: Option<&'a [u8]>,
    acl: &'a [Acl],
    kind: Kind,
}

fn create(
    tree: &mut Tree,
    header: &TxnHeader,
    new: Newcomer<'_>,
    parent_cversion: i32,
    changes: &mut Vec<Change>,
) -> Outcome {
    let Some(parent) = znodes::path::parent(new.path) else {
        return Outcome::failed(ErrorCode::NoNode);
    };
    let below = tree.change_parent(parent, |stat| {
        // Exercise 11.2: a child comes: what of its parent's Stat?
        let count =
            if parent_cversion == -1 { stat.cversion.wrapping_add(1) } else { parent_cversion };
        if count > stat.cversion {
            stat.cversion = count;
            stat.pzxid = header.zxid;
        }
        // End of 11.2.
    });
    if !below {
        return Outcome::failed(ErrorCode::NoNode);
    }
    if tree.node(new.path).is_some() {
        // Only in replay over a fuzzy snapshot. Its list may be one that the snapshot did not hold.
        // Unlike ZooKeeper, which repairs the parent for plain creates only (disk format 10.13).
        tree.set_acl_only(new.path, new.acl);
        return Outcome::failed(ErrorCode::NodeExists);
    }
    let born = (header.zxid, header.time, new.kind);
    changes.push(tree.create(new.path, new.data, new.acl, born));
    stat_of(tree, new.path)
}

fn delete(tree: &mut Tree, header: &TxnHeader, path: &str, changes: &mut Vec<Change>) -> Outcome {
    // Exercise 11.2: a child goes, and what of its parent's Stat?
    let parent = znodes::path::parent(path).unwrap_or("/");
    // Even if the node is gone already: the parent in a fuzzy snapshot may be older (ZOOKEEPER-3125).
    tree.change_parent(parent, |stat| stat.pzxid = stat.pzxid.max(header.zxid));
    match tree.delete(path) {
        Some(change) => {
            changes.push(change);
            Outcome::Done
        }
        None => Outcome::failed(ErrorCode::NoNode),
    }
    // End of 11.2.
}

/// All parts, or none if one of them is an error: then the ones before it report 0.
fn multi(
    tree: &mut Tree,
    header: &TxnHeader,
    parts: &[Txn<'_>],
    changes: &mut Vec<Change>,
) -> Outcome {
    let failed = parts.iter().any(|part| matches!(part, Txn::Error(_)));
    let outcomes = parts.iter().map(|part| match part {
        Txn::Error(error) => Outcome::Failed(error.err),
        _ if failed => Outcome::Failed(0),
        part => apply(tree, header, part, changes),
    });
    Outcome::Parts(outcomes.collect())
}

fn stat_of(tree: &Tree, path: &str) -> Outcome {
    match tree.node(path) {
        Some(node) => Outcome::Stat(node.stat()),
        None => Outcome::failed(ErrorCode::NoNode),
    }
}
