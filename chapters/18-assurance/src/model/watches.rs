//! What a connection must be told: the rules of watches once more.
//!
//! ZooKeeper: `WatchManager`, `DataTree.setWatches`.

use std::collections::BTreeSet;

use jute::records::{ErrorCode, Perms, SetWatches2, WatchRequest, zxid_from_wire};

use super::{Change, Effect, Model, Who, split};
use crate::ask::Ask;
use crate::invariants::watching::Told;

const CREATED: i32 = 1;
const DELETED: i32 = 2;
const CHANGED: i32 = 3;
const CHILDREN: i32 = 4;

/// The watches of one connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Watches {
    /// Left by exists and getData, until they fire.
    pub(crate) data: BTreeSet<String>,
    /// Left by getChildren, until they fire.
    pub(crate) child: BTreeSet<String>,
    /// For one path, until removed.
    pub(crate) persistent: BTreeSet<String>,
    /// For a path and all below, until removed.
    pub(crate) recursive: BTreeSet<String>,
}

impl Watches {
    /// What the connection must be told of a change, in order. Consumes what fires once.
    pub(crate) fn fire(&mut self, change: &Change, who: &Who) -> Vec<Told> {
        let path = change.path.as_str();
        let mut told = Vec::new();
        let kind = match change.effect {
            Effect::Created => CREATED,
            Effect::Deleted => DELETED,
            Effect::Changed => CHANGED,
        };
        let mut hit = self.data.remove(path);
        hit |= self.persistent.contains(path) || self.recursive.iter().any(|at| below(at, path));
        if change.effect == Effect::Deleted {
            hit |= self.child.remove(path);
        }
        if hit && who.may(Perms::READ, &change.acl) {
            told.push((kind, path.to_string()));
        }
        let parent = split(path).0;
        if change.effect != Effect::Changed
            && (self.child.remove(parent) | self.persistent.contains(parent))
            && who.may(Perms::READ, &change.parent_acl)
        {
            told.push((CHILDREN, parent.to_string()));
        }
        told
    }

    /// Sets watches again on a new connection; gives what was missed, in order.
    pub(crate) fn set_again(&mut self, model: &Model, request: &SetWatches2) -> Vec<Told> {
        let since = zxid_from_wire(request.one_shot.relative_zxid);
        let mut told = Vec::new();
        for path in &request.one_shot.data {
            match model.node(path) {
                None => told.push((DELETED, path.to_string())),
                Some(node) if node.stat.mzxid > since => told.push((CHANGED, path.to_string())),
                Some(_) => drop(self.data.insert(path.to_string())),
            }
        }
        for path in &request.one_shot.exist {
            match model.node(path) {
                None => drop(self.data.insert(path.to_string())),
                Some(_) => told.push((CREATED, path.to_string())),
            }
        }
        for path in &request.one_shot.child {
            match model.node(path) {
                None => told.push((DELETED, path.to_string())),
                Some(node) if node.stat.pzxid > since => told.push((CHILDREN, path.to_string())),
                Some(_) => drop(self.child.insert(path.to_string())),
            }
        }
        self.persistent.extend(request.persistent.iter().map(|path| path.to_string()));
        self.recursive.extend(request.recursive.iter().map(|path| path.to_string()));
        told
    }

    /// Adds the watch that a request left, given how it ended.
    pub(crate) fn left_by(&mut self, ask: &Ask, end: &Result<(), ErrorCode>) {
        match ask {
            Ask::Exists(request) if request.watch && *end != Err(ErrorCode::NoAuth) => {
                self.data.insert(request.path.to_string());
            }
            Ask::GetData(request) if request.watch && end.is_ok() => {
                self.data.insert(request.path.to_string());
            }
            Ask::GetChildren(request) | Ask::GetChildren2(request)
                if request.watch && end.is_ok() =>
            {
                self.child.insert(request.path.to_string());
            }
            Ask::AddWatch(request) => {
                let persistent = request.kind == 0;
                let table = if persistent { &mut self.persistent } else { &mut self.recursive };
                table.insert(request.path.to_string());
            }
            _ => {}
        }
    }

    /// Whether there is a watch such as checkWatches and removeWatches name it.
    pub(crate) fn has(&self, request: &WatchRequest) -> bool {
        let path = &*request.path;
        match request.kind {
            1 => self.child.contains(path),
            2 => self.data.contains(path),
            3 => [&self.child, &self.data, &self.persistent, &self.recursive]
                .iter()
                .any(|table| table.contains(path)),
            4 => self.persistent.contains(path),
            _ => self.recursive.contains(path),
        }
    }

    /// Removes what removeWatches names.
    pub(crate) fn remove(&mut self, request: &WatchRequest) {
        let (path, kind) = (&*request.path, request.kind);
        for (table, kinds) in [
            (&mut self.child, [1, 3]),
            (&mut self.data, [2, 3]),
            (&mut self.persistent, [4, 3]),
            (&mut self.recursive, [5, 3]),
        ] {
            if kinds.contains(&kind) {
                table.remove(path);
            }
        }
    }
}

/// Whether a path is `at` or below it.
fn below(at: &str, path: &str) -> bool {
    at == "/" || path.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
