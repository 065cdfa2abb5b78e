//! The zxid: one number that orders everything an ensemble ever decides.
//!
//! A transaction id has two halves. The high one is the epoch, the reign of one leader; the low one
//! counts that leader's transactions from 1. So any two transactions can be compared without asking
//! who made them, and a new leader's first transaction is above everything that came before.
//!
//! Always true:
//! - a larger epoch makes a larger zxid, whatever the counters;
//! - the counter never runs over into the epoch: that would be a reign that nobody was elected for.
//!
//! Book: chapter 5. ZooKeeper: `ZxidUtils`.
#![allow(unused)]

use std::fmt;

use serde::{Deserialize, Serialize};

/// A transaction id: epoch in the high 32 bits, counter in the low 32. Printed as `epoch.counter`
/// in decimal, and as one hexadecimal number by [`Zxid::hex`], as in file names and in `srvr`.
///
/// Unlike ZooKeeper, which compares zxids as signed numbers, all of the range is in order: epoch
/// 0x80000000 is after 0x7fffffff.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Zxid(pub u64);

/// The counter of an epoch is used up. The leader must step down; the next one starts a new epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rollover;

impl Zxid {
    /// No transaction at all.
    pub const ZERO: Zxid = Zxid(0);

    /// The id of transaction `counter` of `epoch`.
    pub fn new(epoch: u32, counter: u32) -> Zxid {
        // Exercise 5.1: put two halves together
        todo!("5.1: put two halves together")
        // End of 5.1.
    }

    /// The reign to which the transaction belongs.
    pub fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The transaction's number within its epoch, from 1. Zero names the epoch itself.
    pub fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The id of the transaction that follows in the same epoch. The last counter, 0xffffffff, is
    /// never used. ZooKeeper: `Leader.propose` (ZOOKEEPER-1277).
    pub fn next(self) -> Result<Zxid, Rollover> {
        // Exercise 5.1: the number after this one, or none
        todo!("5.1: the number after this one, or none")
        // End of 5.1.
    }

    /// Whether this transaction may follow `last`: the next of its epoch, or the first of a later
    /// one. Anything else is a hole in a history.
    pub fn follows(self, last: Zxid) -> bool {
        // Exercise 5.1: may it come right after `last`?
        todo!("5.1: may it come right after `last`?")
        // End of 5.1.
    }

    /// As one hexadecimal number without leading zeros or `0x`.
    pub fn hex(self) -> String {
        // Exercise 5.1: as one hexadecimal number
        todo!("5.1: as one hexadecimal number")
        // End of 5.1.
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch(), self.counter())
    }
}

impl fmt::Display for Rollover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the epoch has used up its counter")
    }
}

impl std::error::Error for Rollover {}
