//! Watches: a client asks to be told when something changes, instead of asking again and again.
//!
//! A watch lies on a path, not on a node: it may wait for a node that does not exist yet. Most
//! watches are spent when they fire, and the client leaves a new one with its next read. What
//! happened between the two it sees in what it reads, so it may miss a change but never the last
//! one. Persistent watches stay until they are removed.
//!
//! The server tells the event before it answers any read that shows the change: it calls
//! [`Watches::trigger`] while it applies the transaction, and puts the events into the
//! connections' queues at once.
//!
//! Always true:
//! - a one-shot watch fires once, also if its watcher may not read what it would be told;
//! - a watcher gets at most one event of a kind and path for one change, however many of its
//!   watches match;
//! - events of one change are in the order of their kinds, and of the watchers' numbers;
//! - a watcher that is dropped leaves nothing behind.
//!
//! Book: chapter 13. ZooKeeper: `WatchManager`, `DataTree.setWatches`. Where its versions differ, as
//! version 3.9.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jute::records::{Acl, SetWatches2, zxid_from_wire};
use watches::{Changed, Event, EventKind, Kinds, Removal, WatchKind, Watcher};
use znodes::{Change, ChangeKind, path};

/// All watches of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Watches {
    /// Who watches each path, and how. Neither a path without watchers nor a watcher without kinds
    /// is kept.
    paths: BTreeMap<Arc<str>, BTreeMap<Watcher, Kinds>>,
    /// The same the other way round, to drop a watcher.
    watchers: BTreeMap<Watcher, BTreeSet<Arc<str>>>,
    /// How many pairs of path and watcher are in ZooKeeper's table of data watches, how many in
    /// that of child watches, and how many are recursive.
    data: usize,
    child: usize,
    recursive: usize,
}

impl Watches {
    /// No watches.
    pub fn new() -> Watches {
        Watches::default()
    }

    /// Sets a watch. Setting it twice changes nothing, and the kinds do not disturb each other.
    pub fn add(&mut self, path: &str, watcher: Watcher, kind: WatchKind) {
        let path = self.shared(path);
        let before = self.kinds(&path, watcher);
        self.replace(&path, watcher, before | kind.into());
    }

    /// Removes watches of a watcher on exactly this path. Returns whether there were any: if not,
    /// the answer is `NoWatcher`. No event is made of it.
    pub fn remove(&mut self, path: &str, watcher: Watcher, removal: Removal) -> bool {
        let before = self.kinds(path, watcher);
        let found = before.meets(removal.kinds());
        if found {
            let path = self.shared(path);
            self.replace(&path, watcher, before.without(removal.kinds()));
        }
        found
    }

    /// Whether a watcher has such watches on exactly this path.
    pub fn check(&self, path: &str, watcher: Watcher, removal: Removal) -> bool {
        self.kinds(path, watcher).meets(removal.kinds())
    }

    /// Removes all watches of a watcher, as its connection is gone.
    pub fn drop_watcher(&mut self, watcher: Watcher) {
        for path in self.watchers.get(&watcher).cloned().unwrap_or_default() {
            self.replace(&path, watcher, Kinds::NONE);
        }
    }

    /// Appends to `out` who is to be told what about one change, and removes the one-shot watches
    /// that it fires. `may_read` says whether a watcher may read a node with such an ACL; if not,
    /// the event is left out.
    pub fn trigger(
        &mut self,
        change: &Change,
        may_read: &mut dyn FnMut(Watcher, &[Acl]) -> bool,
        out: &mut Vec<(Watcher, Event)>,
    ) {
        // Exercise 13.1: who is told what about this change?
        if self.paths.is_empty() {
            return;
        }
        let data = Kinds::from(WatchKind::Data);
        let child = Kinds::from(WatchKind::Child);
        let (kind, one_shot) = match change.kind {
            ChangeKind::Created => (EventKind::NodeCreated, data),
            ChangeKind::DataChanged => (EventKind::NodeDataChanged, data),
            // Both kinds hear of the end in the same words, so a watcher hears of it once.
            ChangeKind::Deleted => (EventKind::NodeDeleted, data | child),
        };
        let told = self.fire(&change.path, one_shot, true);
        self.tell(told, kind, &change.path, &mut |to| may_read(to, &change.acl), out);
        let Some(parent) = above(&change.path) else { return };
        if change.kind != ChangeKind::DataChanged {
            let told = self.fire(parent, child, false);
            let may_read = &mut |to| may_read(to, &change.parent_acl);
            self.tell(told, EventKind::NodeChildrenChanged, parent, may_read, out);
        }
        // End of 13.1.
    }

    /// Sets the watches again that a client had on an earlier connection. Whatever happened since
    /// the zxid that it names is told at once, and takes the place of the watch. `node` looks up a
    /// path. No permission is asked for. ZooKeeper: `DataTree.setWatches`.
    pub fn set_watches(
        &mut self,
        watcher: Watcher,
        request: &SetWatches2<'_>,
        node: &mut dyn FnMut(&str) -> Option<Changed>,
        out: &mut Vec<(Watcher, Event)>,
    ) {
        // Exercise 13.3: which of these watches have missed something, and which are set again?
        let relative = zxid_from_wire(request.one_shot.relative_zxid);
        for path in &request.one_shot.data {
            let missed = match node(path) {
                None => Some(EventKind::NodeDeleted),
                Some(last) if last.mzxid > relative => Some(EventKind::NodeDataChanged),
                Some(_) => None,
            };
            self.catch_up(watcher, path, WatchKind::Data, missed, out);
        }
        for path in &request.one_shot.exist {
            // A node that came and went in between leaves no trace: that gap cannot be closed.
            let missed = node(path).map(|_| EventKind::NodeCreated);
            self.catch_up(watcher, path, WatchKind::Data, missed, out);
        }
        for path in &request.one_shot.child {
            let missed = match node(path) {
                None => Some(EventKind::NodeDeleted),
                Some(last) if last.pzxid > relative => Some(EventKind::NodeChildrenChanged),
                Some(_) => None,
            };
            self.catch_up(watcher, path, WatchKind::Child, missed, out);
        }
        // What these missed is not told: their clients read again after they have come back.
        request.persistent.iter().for_each(|path| self.add(path, watcher, WatchKind::Persistent));
        request.recursive.iter().for_each(|path| self.add(path, watcher, WatchKind::Recursive));
        // End of 13.3.
    }

    /// How many watches there are, counted as ZooKeeper does: one for each path and watcher in the
    /// table of data watches, and in that of child watches.
    pub fn count(&self) -> usize {
        self.data + self.child
    }

    /// The paths in order that have data watches, each with their watchers in order: what the word
    /// `wchp` shows. Persistent and recursive watches are among them, as with ZooKeeper.
    pub fn data_by_path(&self) -> BTreeMap<Arc<str>, Vec<Watcher>> {
        let mut listed = BTreeMap::<_, Vec<_>>::new();
        for (path, watchers) in &self.paths {
            for (watcher, _) in watchers.iter().filter(|(_, kinds)| kinds.meets(Kinds::IN_DATA)) {
                listed.entry(Arc::clone(path)).or_default().push(*watcher);
            }
        }
        listed
    }

    /// The same the other way round: what the word `wchc` shows.
    pub fn data_by_watcher(&self) -> BTreeMap<Watcher, Vec<Arc<str>>> {
        let mut listed = BTreeMap::<_, Vec<_>>::new();
        for (path, watchers) in self.data_by_path() {
            for watcher in watchers {
                listed.entry(watcher).or_default().push(Arc::clone(&path));
            }
        }
        listed
    }

    /// How many watchers have data watches, on how many paths, and how many there are: what the
    /// word `wchs` shows.
    pub fn summary(&self) -> (usize, usize, usize) {
        (self.data_by_watcher().len(), self.data_by_path().len(), self.data)
    }

    /// What a watcher has on a path.
    pub fn kinds(&self, path: &str, watcher: Watcher) -> Kinds {
        let found = self.paths.get(path).and_then(|watchers| watchers.get(&watcher));
        found.copied().unwrap_or_default()
    }

    /// Spends the one-shot watches on a path that are of the given kinds. Returns whom they, the
    /// persistent ones and, if asked for, the recursive ones here and above belong to: once each,
    /// in order.
    fn fire(&mut self, path: &str, one_shot: Kinds, recursive: bool) -> Vec<Watcher> {
        // Exercise 13.1: whose watches match, and which of them are spent?
        let mut told = Vec::new();
        let mut spent = Vec::new();
        let fired = one_shot | WatchKind::Persistent.into();
        for (watcher, kinds) in self.paths.get(path).into_iter().flatten() {
            if kinds.meets(fired) {
                told.push(*watcher);
            }
            if kinds.meets(one_shot) {
                spent.push((*watcher, kinds.without(one_shot)));
            }
        }
        if recursive && self.recursive > 0 {
            self.add_recursive(path, &mut told);
        }
        if !spent.is_empty() {
            let path = self.shared(path);
            spent.into_iter().for_each(|(watcher, left)| self.replace(&path, watcher, left));
        }
        told
        // End of 13.1.
    }

    // Part of 13.1.
    /// Adds to `told` whoever has a recursive watch on a path or above, and sorts it again.
    fn add_recursive(&self, path: &str, told: &mut Vec<Watcher>) {
        let mut at = Some(path);
        while let Some(path) = at {
            for (watcher, kinds) in self.paths.get(path).into_iter().flatten() {
                if kinds.meets(WatchKind::Recursive.into()) {
                    told.push(*watcher);
                }
            }
            at = above(path);
        }
        told.sort_unstable();
        told.dedup();
    }
    // End of 13.1.

    /// Appends one event for each of the watchers that may have it.
    fn tell(
        &self,
        told: Vec<Watcher>,
        kind: EventKind,
        path: &str,
        may_read: &mut dyn FnMut(Watcher) -> bool,
        out: &mut Vec<(Watcher, Event)>,
    ) {
        if !told.is_empty() {
            let event = Event { kind, path: self.shared(path) };
            let allowed = told.into_iter().filter(|watcher| may_read(*watcher));
            out.extend(allowed.map(|watcher| (watcher, event.clone())));
        }
    }

    // Part of 13.3.
    /// Tells what a watch has missed, or sets it again if it has missed nothing.
    fn catch_up(
        &mut self,
        watcher: Watcher,
        path: &str,
        kind: WatchKind,
        missed: Option<EventKind>,
        out: &mut Vec<(Watcher, Event)>,
    ) {
        match missed {
            Some(kind) => out.push((watcher, Event { kind, path: self.shared(path) })),
            None => self.add(path, watcher, kind),
        }
    }
    // End of 13.3.

    /// The path as it lies in the table, so that it is kept once however many watch it.
    fn shared(&self, path: &str) -> Arc<str> {
        self.paths.get_key_value(path).map_or_else(|| path.into(), |(path, _)| Arc::clone(path))
    }

    /// Makes `after` what a watcher has on a path.
    fn replace(&mut self, path: &Arc<str>, watcher: Watcher, after: Kinds) {
        let before = if after == Kinds::NONE {
            self.forget(path, watcher)
        } else {
            self.watchers.entry(watcher).or_default().insert(Arc::clone(path));
            let watchers = self.paths.entry(Arc::clone(path)).or_default();
            watchers.insert(watcher, after).unwrap_or_default()
        };
        for (count, table) in [
            (&mut self.data, Kinds::IN_DATA),
            (&mut self.child, Kinds::IN_CHILD),
            (&mut self.recursive, WatchKind::Recursive.into()),
        ] {
            *count += usize::from(after.meets(table));
            *count -= usize::from(before.meets(table));
        }
    }

    /// Takes a watcher off a path. Returns what it had there.
    fn forget(&mut self, path: &str, watcher: Watcher) -> Kinds {
        let Some(watchers) = self.paths.get_mut(path) else { return Kinds::NONE };
        let Some(before) = watchers.remove(&watcher) else { return Kinds::NONE };
        if watchers.is_empty() {
            self.paths.remove(path);
        }
        let paths = self.watchers.get_mut(&watcher).expect("whoever watches has paths");
        paths.remove(path);
        if paths.is_empty() {
            self.watchers.remove(&watcher);
        }
        before
    }
}

/// The path above, if there is one: nothing is above the root, nor above a path without a slash.
fn above(path: &str) -> Option<&str> {
    path::parent(path).filter(|parent| *parent != path)
}
