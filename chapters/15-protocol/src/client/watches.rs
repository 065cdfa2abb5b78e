//! The watches of a client: whom to tell of what, and what to leave again after a reconnect.
//!
//! The server knows a watch by connection, path and kind. The client keeps the list of those who
//! asked for it, and leaves the watches again at the next server, because they go with the
//! connection. Paths here are the server's, with the chroot.
//!
//! Always true:
//! - a one-shot watch is told of one event;
//! - nobody is told twice of one event.
//!
//! ZooKeeper: `ZKWatchManager`, `ClientCnxn.primeConnection`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jute::records::{SetWatches, SetWatches2};
use zxid::Zxid;

use super::{EventKind, WatchId, WatchKind};
use crate::Request;

/// How many bytes of paths go into one `setWatches`. ZooKeeper: `SET_WATCHES_MAX_LENGTH`.
const BATCH_BYTES: usize = 128 * 1024;

/// A watch that is to be registered when the reply says that the server holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// By exists: a data watch, or an exist watch if there is no node.
    Exists,
    /// By getData.
    Data,
    /// By getChildren.
    Children,
    /// By addWatch.
    Persistent,
    /// By addWatch, recursive.
    Recursive,
}

type Table = BTreeMap<String, BTreeSet<WatchId>>;

/// All watches of a client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watches {
    data: Table,
    exist: Table,
    child: Table,
    persistent: Table,
    recursive: Table,
    /// Those that nobody listens to, and that may still be in the tables.
    gone: BTreeSet<WatchId>,
}

impl Watches {
    /// Keeps a watch. `exists` says whether there was a node.
    pub fn add(&mut self, how: Registration, exists: bool, path: &str, watch: WatchId) {
        let table = match how {
            Registration::Exists if !exists => &mut self.exist,
            Registration::Exists | Registration::Data => &mut self.data,
            Registration::Children => &mut self.child,
            Registration::Persistent => &mut self.persistent,
            Registration::Recursive => &mut self.recursive,
        };
        table.entry(path.to_owned()).or_default().insert(watch);
    }

    /// Whom to tell of an event, in the order of their numbers; one-shot watches go.
    pub fn fire(&mut self, kind: EventKind, path: &str) -> Vec<WatchId> {
        let mut told = BTreeSet::new();
        let one_shot: &mut [&mut Table] = match kind {
            EventKind::NodeCreated | EventKind::NodeDataChanged => {
                &mut [&mut self.data, &mut self.exist]
            }
            EventKind::NodeDeleted => &mut [&mut self.data, &mut self.exist, &mut self.child],
            EventKind::NodeChildrenChanged => &mut [&mut self.child],
            EventKind::None
            | EventKind::DataWatchRemoved
            | EventKind::ChildWatchRemoved
            | EventKind::PersistentWatchRemoved => &mut [],
        };
        for table in one_shot {
            told.extend(table.remove(path).unwrap_or_default());
        }
        told.extend(self.persistent.get(path).into_iter().flatten());
        // A recursive watch hears of every node, so it need not hear that a list of names changed.
        if kind != EventKind::NodeChildrenChanged {
            for ancestor in ancestors(path) {
                told.extend(self.recursive.get(ancestor).into_iter().flatten());
            }
        }
        told.into_iter().collect()
    }

    /// Forgets the watches of a kind on a path. Gives whom to tell of which removal.
    pub fn remove(&mut self, kind: WatchKind, path: &str) -> Vec<(EventKind, Vec<WatchId>)> {
        let (data, child) = (EventKind::DataWatchRemoved, EventKind::ChildWatchRemoved);
        let lasting = EventKind::PersistentWatchRemoved;
        let tables: Vec<(EventKind, &mut Table)> = match kind {
            WatchKind::Data => vec![(data, &mut self.data), (data, &mut self.exist)],
            WatchKind::Children => vec![(child, &mut self.child)],
            WatchKind::Persistent => vec![(lasting, &mut self.persistent)],
            WatchKind::Recursive => vec![(lasting, &mut self.recursive)],
            WatchKind::Any => vec![
                (data, &mut self.data),
                (data, &mut self.exist),
                (child, &mut self.child),
                (lasting, &mut self.persistent),
                (lasting, &mut self.recursive),
            ],
        };
        let mut removed: Vec<(EventKind, Vec<WatchId>)> = Vec::new();
        for (event, table) in tables {
            let watches = table.remove(path).unwrap_or_default();
            match removed.last_mut() {
                Some((last, list)) if *last == event => list.extend(watches),
                _ => removed.push((event, watches.into_iter().collect())),
            }
        }
        for (_, watches) in &mut removed {
            watches.sort();
            watches.dedup();
        }
        removed.retain(|(_, watches)| !watches.is_empty());
        removed
    }

    /// Forgets a watch that nobody listens to. The tables are searched for many at once.
    pub fn forget(&mut self, watch: WatchId) {
        self.gone.insert(watch);
        let paths: usize = self.tables().iter().map(|table| table.len()).sum();
        if self.gone.len() > paths {
            self.sweep();
        }
    }

    /// Takes out what was forgotten, and with it the paths that nobody watches.
    pub fn sweep(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        let Watches { data, exist, child, persistent, recursive, .. } = self;
        for table in [data, exist, child, persistent, recursive] {
            table.retain(|_, watches| {
                watches.retain(|watch| !gone.contains(watch));
                !watches.is_empty()
            });
        }
    }

    /// Takes every watch out, for a session that is over.
    pub fn clear(&mut self) {
        *self = Watches::default();
    }

    /// The requests that leave every watch again. They are `setWatches` as long as no watch is
    /// persistent, since old servers know nothing else.
    pub fn batches(&self, relative_zxid: Zxid) -> Vec<Request<'_>> {
        let lasting = !self.persistent.is_empty() || !self.recursive.is_empty();
        let mut batches = Vec::new();
        let mut batch = Batch::default();
        for (list, table) in self.tables().into_iter().enumerate() {
            for path in table.keys() {
                if batch.bytes >= BATCH_BYTES {
                    batches.push(std::mem::take(&mut batch).request(relative_zxid, lasting));
                }
                batch.bytes += path.len();
                batch.lists[list].push(Cow::Borrowed(path.as_str()));
            }
        }
        if batch.bytes > 0 {
            batches.push(batch.request(relative_zxid, lasting));
        }
        batches
    }

    fn tables(&self) -> [&Table; 5] {
        [&self.data, &self.exist, &self.child, &self.persistent, &self.recursive]
    }
}

/// The paths of one request: data, exist, child, persistent, recursive.
#[derive(Default)]
struct Batch<'a> {
    lists: [Vec<Cow<'a, str>>; 5],
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn request(self, relative_zxid: Zxid, lasting: bool) -> Request<'a> {
        let [data, exist, child, persistent, recursive] = self.lists;
        let one_shot = SetWatches { relative_zxid: relative_zxid.0 as i64, data, exist, child };
        match lasting {
            false => Request::SetWatches(one_shot),
            true => Request::SetWatches2(SetWatches2 { one_shot, persistent, recursive }),
        }
    }
}

/// A path and the paths above it, up to the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rfind('/') {
        Some(0) if path.len() > 1 => Some("/"),
        Some(0) | None => None,
        Some(end) => Some(&path[..end]),
    })
}
