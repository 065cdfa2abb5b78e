//! What a server has in memory of its history: the entries committed of late, for learners that are
//! a little behind, and all those of which it is not known whether they are committed.
//!
//! The log on disk is the history; this is its end. What is in it is written to the log, though not
//! always forced.
//!
//! Always true:
//! - entries are in order, without a hole;
//! - what is committed never changes, and no committed entry is ever taken away but from the front;
//! - entries that are not known to be committed are all here.
//!
//! Book: chapter 9. ZooKeeper: `ZKDatabase.committedLog`, `Leader.outstandingProposals`,
//! `FollowerZooKeeperServer.pendingTxns`.

use std::collections::VecDeque;

use election::{LogEnd, Vote};
use storage::Entry;
use zxid::Zxid;

use crate::vocabulary::{Health, Recovered};

/// The end of a server's history, and the two epochs that its disk knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    accepted: u32,
    current: u32,
    /// The transaction before the first entry.
    from: Zxid,
    entries: VecDeque<Entry>,
    /// Bytes of all payloads.
    bytes: usize,
    /// Up to where the history is known to be committed.
    committed: Zxid,
    /// How many of the entries are committed.
    settled: usize,
    health: Health,
}

impl History {
    /// What a server begins with.
    pub fn new(recovered: Recovered) -> History {
        let Recovered { accepted, current, applied, tail, health } = recovered;
        let bytes = tail.iter().map(|entry| entry.payload.len()).sum();
        let (from, committed, entries) = (applied, applied, tail.into());
        History { accepted, current, from, entries, bytes, committed, settled: 0, health }
    }

    /// The highest epoch that this server promised.
    pub fn accepted(&self) -> u32 {
        self.accepted
    }

    /// The epoch of the last leader whose beginning is in the history.
    pub fn current(&self) -> u32 {
        self.current
    }

    /// The last entry, committed or not.
    pub fn last(&self) -> Zxid {
        self.entries.back().map_or(self.from, |entry| entry.zxid)
    }

    /// Where the history ends, as votes say it. A server that has lost a part of it cannot say.
    pub fn log_end(&self) -> LogEnd {
        let last = if self.is_convalescent() { Vote::UNKNOWN } else { self.last() };
        LogEnd { current_epoch: self.current, last }
    }

    /// Whether others may count on this server.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Whether they may not.
    pub fn is_convalescent(&self) -> bool {
        self.health != Health::Sound
    }

    /// Notes that this server has all that it may have lost.
    pub fn convalesce(&mut self) {
        self.health = Health::Sound;
    }

    /// Up to where it is known to be committed.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// The last transaction that is known to be committed: what the state above has.
    pub fn settled(&self) -> Zxid {
        self.window().next_back().map_or(self.from, |entry| entry.zxid)
    }

    /// The transaction after which entries are in memory.
    pub fn from(&self) -> Zxid {
        self.from
    }

    /// Notes a promise.
    pub fn promise(&mut self, epoch: u32) {
        assert!(epoch >= self.accepted, "epoch {epoch} after a promise of {}", self.accepted);
        // Whatever it promised before, this it will remember.
        if self.health == Health::Forgetful && epoch > self.accepted {
            self.health = Health::Convalescent;
        }
        self.accepted = epoch;
    }

    /// Notes that the history now has a leader's beginning.
    pub fn begin_epoch(&mut self, epoch: u32) {
        assert!(epoch >= self.current, "epoch {epoch} after {}", self.current);
        self.current = epoch;
    }

    /// Adds an entry, which must follow the last.
    pub fn append(&mut self, entry: Entry) {
        let last = self.last();
        assert!(entry.zxid.follows(last), "no hole in a history: {} after {last}", entry.zxid);
        self.bytes += entry.payload.len();
        self.entries.push_back(entry);
    }

    /// Everything up to a transaction is committed. Gives the entries that were not known to be.
    pub fn commit(&mut self, to: Zxid) -> Vec<Entry> {
        let new: Vec<Entry> =
            self.entries.range(self.settled..).take_while(|e| e.zxid <= to).cloned().collect();
        self.settled += new.len();
        self.committed = self.committed.max(to);
        new
    }

    /// The entries in memory after a transaction, in order.
    pub fn after(&self, zxid: Zxid) -> impl Iterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.zxid <= zxid);
        self.entries.range(first..)
    }

    /// The committed entries in memory, in order.
    pub fn window(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.range(..self.settled)
    }

    /// The entries that are not known to be committed, in order.
    pub fn pending(&self) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.settled..)
    }

    /// Drops the entries after a transaction, none of which may be committed.
    pub fn truncate(&mut self, to: Zxid) {
        assert!(to >= self.settled(), "{to} is below {}, which is committed", self.settled());
        while self.entries.back().is_some_and(|entry| entry.zxid > to) {
            let entry = self.entries.pop_back().expect("it was there a line ago");
            self.bytes -= entry.payload.len();
        }
    }

    /// Forgets everything: a leader's snapshot, whole up to a transaction, takes its place.
    pub fn reset(&mut self, to: Zxid) {
        self.entries.clear();
        (self.bytes, self.settled, self.from, self.committed) = (0, 0, to, to);
    }

    /// Forgets the oldest committed entries, so that no more than so many, of so many bytes, remain.
    pub fn forget(&mut self, count: usize, bytes: usize) {
        while self.settled > 0 && (self.settled > count || self.bytes > bytes) {
            let entry = self.entries.pop_front().expect("settled entries are there");
            self.bytes -= entry.payload.len();
            self.from = entry.zxid;
            self.settled -= 1;
        }
    }
}
