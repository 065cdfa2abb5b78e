//! A server's disk: what is safe on it, and what waits to be carried out.
//!
//! It keeps chapter 7's promises and no more. Writes are carried out in their order, some time after
//! they were given; what is behind a `Sync` is safe only when that is done. Whatever ends the
//! process, a kill or the loss of power, leaves some of the first writes done and all others not.
//!
//! Always true: what is done is a beginning of what was given.

use std::collections::VecDeque;

use bytes::Bytes;
use machines::Ticket;
use storage::{Entry, Fetch, Fetched, Write, epochs};
use zab::{Health, Recovered};
use zxid::Zxid;

/// What a disk holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Image {
    pub(super) accepted: u32,
    pub(super) current: u32,
    /// The whole history, with that which the snapshot covers.
    pub(super) log: Vec<Entry>,
    /// Up to where the snapshot covers it.
    pub(super) snapshot: Zxid,
    /// A snapshot that is coming in.
    incoming: Option<(Zxid, Vec<Entry>)>,
}

/// What waits for the disk.
#[derive(Clone, Debug, PartialEq)]
enum Order {
    Write(Write),
    Sync(Ticket),
}

/// A disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Disk {
    /// What is safe.
    pub(super) safe: Image,
    /// The same after all that waits.
    pub(super) written: Image,
    waiting: VecDeque<Order>,
}

impl Image {
    /// The last transaction.
    pub(super) fn last(&self) -> Zxid {
        self.log.last().map_or(self.snapshot, |entry| entry.zxid.max(self.snapshot))
    }

    fn carry_out(&mut self, write: &Write) {
        match write {
            Write::Append(entry) => self.log.push(entry.clone()),
            Write::Truncate(to) => self.log.retain(|entry| entry.zxid <= *to),
            Write::AcceptedEpoch(epoch) => self.accepted = *epoch,
            Write::CurrentEpoch(epoch) => self.current = *epoch,
            Write::BeginSnapshot { zxid } => self.incoming = Some((*zxid, Vec::new())),
            Write::SnapshotBytes(bytes) => {
                let (_, entries) = self.incoming.as_mut().expect("a snapshot was begun");
                entries.extend(unpack(bytes));
            }
            Write::InstallSnapshot { .. } => {
                let (zxid, entries) = self.incoming.take().expect("a snapshot was begun");
                (self.snapshot, self.log) = (zxid, entries);
            }
            Write::AbandonSnapshot => self.incoming = None,
            Write::Roll | Write::EndSnapshot { .. } | Write::Purge { .. } | Write::Convalesced => {
                unreachable!("no machine of an ensemble wants {write:?}")
            }
        }
    }
}

impl Disk {
    /// Takes a write.
    pub(super) fn write(&mut self, write: Write) {
        self.written.carry_out(&write);
        self.waiting.push_back(Order::Write(write));
    }

    /// Takes the wish that everything so far be forced.
    pub(super) fn sync(&mut self, ticket: Ticket) {
        self.waiting.push_back(Order::Sync(ticket));
    }

    /// Whether nothing waits.
    pub(super) fn is_at_rest(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether something is to be forced.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting.iter().any(|order| matches!(order, Order::Sync(_)))
    }

    /// How many writes wait.
    pub(super) fn unsafe_writes(&self) -> usize {
        self.waiting.iter().filter(|order| matches!(order, Order::Write(_))).count()
    }

    /// Carries out everything up to the next wish to force it, and forces it.
    pub(super) fn force(&mut self) -> Option<Ticket> {
        while let Some(order) = self.waiting.pop_front() {
            match order {
                Order::Write(write) => self.safe.carry_out(&write),
                Order::Sync(ticket) => return Some(ticket),
            }
        }
        None
    }

    /// The process ends: so many of the writes that wait are done, and the others never were.
    pub(super) fn crash(&mut self, done: usize) {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let writes = waiting.filter_map(|order| match order {
            Order::Write(write) => Some(write),
            Order::Sync(_) => None,
        });
        writes.take(done).for_each(|write| self.safe.carry_out(&write));
        self.safe.incoming = None;
        self.written = self.safe.clone();
    }

    /// What a process finds that starts.
    pub(super) fn recover(&mut self) -> Recovered {
        let Image { accepted, current, .. } = self.safe;
        let found = epochs(self.safe.last(), Some(accepted), Some(current));
        let (accepted, current) = found.expect("epochs on disk do not contradict each other");
        (self.safe.accepted, self.safe.current) = (accepted, current);
        self.written = self.safe.clone();
        let applied = self.safe.snapshot;
        let tail = self.safe.log.iter().filter(|entry| entry.zxid > applied).cloned().collect();
        Recovered { accepted, current, applied, tail, health: Health::Sound }
    }

    /// Answers a question. What waits counts.
    pub(super) fn fetch(&self, fetch: &Fetch) -> Fetched {
        let Fetch::Entries { from, to, .. } = *fetch;
        let log = &self.written.log;
        let known = from == self.written.snapshot || log.iter().any(|entry| entry.zxid == from);
        if from < self.written.snapshot || !known {
            return Fetched::Missing { from, to };
        }
        let entries = log.iter().filter(|entry| entry.zxid > from && entry.zxid <= to);
        Fetched::Entries { from, to, entries: entries.cloned().collect() }
    }
}

impl Eq for Disk {}

/// What is written follows from what is safe and what waits.
impl std::hash::Hash for Disk {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.safe, &self.written, self.waiting.len()).hash(state);
        for order in &self.waiting {
            match order {
                Order::Sync(_) => 0u8.hash(state),
                Order::Write(Write::Append(entry)) => entry.hash(state),
                Order::Write(Write::Truncate(to)) => (1u8, to).hash(state),
                Order::Write(Write::AcceptedEpoch(epoch)) => (2u8, epoch).hash(state),
                Order::Write(Write::CurrentEpoch(epoch)) => (3u8, epoch).hash(state),
                Order::Write(Write::SnapshotBytes(bytes)) => bytes.hash(state),
                Order::Write(Write::BeginSnapshot { zxid }) => (4u8, zxid).hash(state),
                Order::Write(Write::InstallSnapshot { .. }) => 5u8.hash(state),
                Order::Write(_) => 6u8.hash(state),
            }
        }
    }
}

/// A state as a snapshot's bytes: each transaction's zxid, and the one byte that is its payload.
pub(super) fn pack<'a>(entries: impl Iterator<Item = &'a Entry>) -> Bytes {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(entry.zxid.0.to_be_bytes());
        bytes.extend_from_slice(&entry.payload);
    }
    bytes.into()
}

/// The transactions that a snapshot's bytes say.
pub(super) fn unpack(bytes: &Bytes) -> Vec<Entry> {
    let entry = |nine: &[u8]| {
        let zxid = u64::from_be_bytes(nine[..8].try_into().expect("eight bytes"));
        Entry { zxid: Zxid(zxid), payload: Bytes::copy_from_slice(&nine[8..]) }
    };
    bytes.chunks(9).map(entry).collect()
}
