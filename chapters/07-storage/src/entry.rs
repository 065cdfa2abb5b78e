//! What is stored, and the questions and orders that a machine gives to its disk.
//!
//! Always true:
//! - an entry's bytes are the same in memory, on the wire and on disk; only chapter 11 and later
//!   decode them;
//! - orders are carried out one after another, so that what a later one relies on is there.
//!
//! Book: chapter 7. ZooKeeper: `TxnHeader`, `SerializeUtils.serializeTxn`.

use std::fmt;

use bytes::Bytes;
use zxid::Zxid;

/// One transaction in its place in the order of all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its place. The payload's header says the same.
    pub zxid: Zxid,
    /// Header, record and, maybe, digest.
    pub payload: Bytes,
}

impl Entry {
    /// The entry that a payload is: its zxid is in its header. Nothing if it is shorter than that.
    pub fn from_payload(payload: Bytes) -> Option<Entry> {
        let zxid = payload.get(12..20)?.try_into().ok()?;
        Some(Entry { zxid: Zxid(u64::from_be_bytes(zxid)), payload })
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {} bytes)", self.zxid, self.payload.len())
    }
}

/// A change to what is on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Adds an entry to the log. Entries come in rising order.
    Append(Entry),
    /// Ends the current log file; the next entry begins a new one.
    Roll,
    /// Removes every entry above a zxid, and every snapshot above it: TRUNC.
    Truncate(Zxid),
    /// Promises to follow no leader of an earlier epoch.
    AcceptedEpoch(u32),
    /// Says that this server's history holds all that the leader of this epoch began with.
    CurrentEpoch(u32),
    /// Begins a snapshot of the state after this transaction. It counts from `EndSnapshot` on.
    BeginSnapshot {
        /// The last transaction whose effects are all in it.
        zxid: Zxid,
    },
    /// The next bytes of the snapshot's body: sessions, access control lists, nodes, and the path
    /// `/` that ends them. They are what [`State::load`](crate::State::load) reads.
    SnapshotBytes(Bytes),
    /// Seals the snapshot that this server took of its own state, and gives it its name.
    EndSnapshot {
        /// The digest of the tree after some transaction, if digests are kept. It is taken after the
        /// last node was written: the transaction is not below the snapshot's.
        digest: Option<(Zxid, u64)>,
    },
    /// Seals a snapshot that a leader sent (SNAP), in place of everything that was here: the log and
    /// all older snapshots are forgotten.
    InstallSnapshot {
        /// As in `EndSnapshot`.
        digest: Option<(Zxid, u64)>,
    },
    /// This server was convalescent, and everything that it waited for was written: from now on
    /// others may count on it.
    Convalesced,
    /// Gives up the snapshot that was begun.
    AbandonSnapshot,
    /// Removes the snapshots and log files that recovery will not need.
    Purge {
        /// How many snapshots to keep; at least one. ZooKeeper: `autopurge.snapRetainCount`.
        keep: usize,
    },
}

/// A question to the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// The entries after `from`, up to and with `to`, or as many of them as fit in `bytes`, but at
    /// least one.
    Entries {
        /// The last transaction that is not wanted.
        from: Zxid,
        /// The last one that is.
        to: Zxid,
        /// About how many bytes of payload to answer with.
        bytes: usize,
    },
}

/// The disk's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetched {
    /// The entries that follow `from`, in order and without a hole. Ask again, from the last of
    /// them, until it is the one wanted; none at all means that nothing follows.
    Entries {
        /// As asked.
        from: Zxid,
        /// As asked.
        to: Zxid,
        /// What there is.
        entries: Vec<Entry>,
    },
    /// The log does not say what followed `from`: that part is purged, or has a hole.
    Missing {
        /// As asked.
        from: Zxid,
        /// As asked.
        to: Zxid,
    },
}
