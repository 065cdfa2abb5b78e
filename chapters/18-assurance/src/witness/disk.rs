//! A server's disk, as the witness follows it: what was written, and what is forced.
//!
//! Always true:
//! - what is forced was written, and the disk said that it is forced;
//! - orders are carried out in order, as the disk does.

use std::collections::VecDeque;

use bytes::Bytes;
use machines::Ticket;
use server::Recovered;
use storage::{Entry, Write};
use zxid::Zxid;

use crate::invariants::{Verdict, durability};

/// A disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    written: Held,
    forced: Held,
    /// What was written and is not known to be forced.
    pending: VecDeque<Order>,
    /// The name of the snapshot that is being written.
    snapshot: Zxid,
    /// The last transaction of which a snapshot may have effects.
    fuzzy: Zxid,
    /// A snapshot was ended in this step, in which more may have been applied than is known yet.
    ended: bool,
    failed: bool,
}

/// What a disk holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    /// The accepted and the current epoch.
    epochs: (u32, u32),
    /// The transaction before the first entry.
    base: Zxid,
    entries: Vec<(Zxid, Bytes)>,
}

#[derive(Clone, Debug)]
enum Order {
    Append(Zxid, Bytes),
    Truncate(Zxid),
    Accepted(u32),
    Current(u32),
    Install(Zxid),
    Force(Ticket),
}

impl Disk {
    /// The server starts with what it found, which is forced from now on.
    pub(crate) fn start(&mut self, found: &Recovered) {
        let mut held = std::mem::take(&mut self.written);
        match &found.member {
            Some(member) => {
                held.epochs = (member.accepted, member.current);
                held.base = member.applied;
                let tail = member.tail.iter();
                held.entries = tail.map(|entry| (entry.zxid, entry.payload.clone())).collect();
            }
            None => held.truncate(found.state.last),
        }
        *self = Disk { forced: held.clone(), written: held, fuzzy: self.fuzzy, ..Disk::default() };
    }

    /// Somebody put in a new disk.
    pub(crate) fn wipe(&mut self) {
        *self = Disk::default();
    }

    /// Whether a server that starts may find this: all that is forced, and nothing that never was.
    /// `kept` is the last transaction that it showed by itself.
    pub(crate) fn may_be_found(&self, last: Zxid, kept: Zxid, power_lost: bool) -> Verdict {
        let (low, high) = self.ends();
        durability::recovered_history(last, low.max(kept), high, power_lost)
    }

    /// Whether the epochs that are found are not below those that are forced.
    pub(crate) fn epochs_may_be_found(&self, accepted: u32, current: u32) -> Verdict {
        let (before, now) = self.forced.epochs;
        durability::epochs_rise((before, accepted), (now, current))
    }

    /// The last transaction of which a snapshot may have effects.
    pub(crate) fn fuzzy(&self) -> Zxid {
        self.fuzzy
    }

    /// The server has applied this in the step that is over.
    pub(crate) fn applied(&mut self, applied: Zxid) {
        if std::mem::take(&mut self.ended) {
            self.fuzzy = self.fuzzy.max(applied);
        }
    }

    /// Something is written, when this server has applied what is up to `applied`, and the last
    /// transaction that is committed anywhere is `last`.
    pub(crate) fn writes(&mut self, write: &Write, applied: Zxid, last: Zxid) -> Verdict {
        let order = match write {
            Write::Append(Entry { zxid, payload }) => {
                durability::without_a_hole(*zxid, self.written.last())?;
                Order::Append(*zxid, payload.clone())
            }
            Write::Truncate(to) => Order::Truncate(*to),
            Write::AcceptedEpoch(epoch) => {
                let (accepted, current) = self.written.epochs;
                durability::epochs_rise((accepted, *epoch), (current, current))?;
                Order::Accepted(*epoch)
            }
            Write::CurrentEpoch(epoch) => {
                let (accepted, current) = self.written.epochs;
                durability::epochs_rise((accepted, accepted), (current, *epoch))?;
                Order::Current(*epoch)
            }
            Write::BeginSnapshot { zxid } => {
                self.snapshot = *zxid;
                return Ok(());
            }
            Write::InstallSnapshot { .. } => {
                self.fuzzy = self.fuzzy.max(last);
                Order::Install(self.snapshot)
            }
            Write::EndSnapshot { .. } => {
                self.fuzzy = self.fuzzy.max(applied);
                self.ended = true;
                return Ok(());
            }
            Write::Roll
            | Write::Convalesced
            | Write::SnapshotBytes(_)
            | Write::AbandonSnapshot
            | Write::Purge { .. } => return Ok(()),
        };
        self.written.carry_out(&order);
        self.pending.push_back(order);
        Ok(())
    }

    /// The server asks for what it wrote to be forced.
    pub(crate) fn asked_to_force(&mut self, ticket: Ticket) {
        self.pending.push_back(Order::Force(ticket));
    }

    /// The server learns that what it wrote before a ticket is forced.
    pub(crate) fn is_forced(&mut self, ticket: Ticket) {
        while let Some(order) = self.pending.pop_front() {
            match order {
                Order::Force(reached) if reached >= ticket => return,
                order => self.forced.carry_out(&order),
            }
        }
    }

    /// The server learns that its disk failed.
    pub(crate) fn fail(&mut self) {
        self.failed = true;
    }

    /// Whether it knows that its disk failed.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// What is forced.
    pub(crate) fn forced(&self) -> &Held {
        &self.forced
    }

    /// What is written, forced or not.
    pub(crate) fn written(&self) -> &Held {
        &self.written
    }

    /// The shortest and the longest history that a loss of power may leave, by their ends.
    fn ends(&self) -> (Zxid, Zxid) {
        let mut last = self.forced.last();
        let (mut low, mut high) = (last, last);
        for order in &self.pending {
            last = match order {
                Order::Append(zxid, _) | Order::Install(zxid) => *zxid,
                Order::Truncate(to) => last.min(*to),
                Order::Accepted(_) | Order::Current(_) | Order::Force(_) => last,
            };
            (low, high) = (low.min(last), high.max(last));
        }
        (low, high)
    }
}

impl Held {
    /// The accepted and the current epoch.
    pub(crate) fn epochs(&self) -> (u32, u32) {
        self.epochs
    }

    /// The last transaction.
    pub(crate) fn last(&self) -> Zxid {
        self.entries.last().map_or(self.base, |(zxid, _)| *zxid)
    }

    /// The entries after a transaction, as far as they are not in a snapshot only.
    pub(crate) fn after(&self, zxid: Zxid) -> &[(Zxid, Bytes)] {
        &self.entries[self.entries.partition_point(|(entry, _)| *entry <= zxid)..]
    }

    /// Whether it holds a transaction, by itself or in a snapshot.
    pub(crate) fn holds(&self, zxid: Zxid, payload: &Bytes) -> bool {
        let found = self.entries.binary_search_by_key(&zxid, |(entry, _)| *entry);
        zxid <= self.base || found.is_ok_and(|index| self.entries[index].1 == payload)
    }

    fn truncate(&mut self, to: Zxid) {
        let keep = self.entries.partition_point(|(entry, _)| *entry <= to);
        self.entries.truncate(keep);
        if self.entries.is_empty() {
            self.base = self.base.min(to);
        }
    }

    fn carry_out(&mut self, order: &Order) {
        match order {
            Order::Append(zxid, payload) => self.entries.push((*zxid, payload.clone())),
            Order::Truncate(to) => self.truncate(*to),
            Order::Accepted(epoch) => self.epochs.0 = *epoch,
            Order::Current(epoch) => self.epochs.1 = *epoch,
            Order::Install(zxid) => {
                self.entries.clear();
                self.base = *zxid;
            }
            Order::Force(_) => {}
        }
    }
}
