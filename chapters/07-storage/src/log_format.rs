//! The layout of a log file: a header of 16 bytes, records, and zeros to the end.
//!
//! A record is a checksum (8 bytes), the payload's length (4), the payload, and the letter B.
//!
//! Unlike ZooKeeper, which leaves the last 8 bytes of the header zero and never looks at them, we
//! keep *the mark* there: the byte at which the last batch begins. A batch is written only after the
//! one before it was forced to the disk, so everything below the mark was, and damage there is no
//! torn tail. A file of ZooKeeper's own has no mark. The mark's last 16 bits are a check of the rest:
//! a mark that was being written when the power went counts as none, and the batch that it was to
//! announce is not there.
//!
//! ZooKeeper: `FileTxnLog`.

use std::ops::Range;

use crate::Flaw;

/// Bytes of the header.
pub const HEADER: u64 = 16;
/// Where in the header the mark is.
pub const MARK: u64 = 8;
/// The first four bytes of a log file: "ZKLG".
pub const MAGIC: u32 = 0x5a4b_4c47;
/// The version of the log format.
pub const VERSION: u32 = 2;
/// What a record ends with.
pub const END: u8 = b'B';
/// Bytes of a record before its payload.
pub const PREFIX: usize = 12;
/// The shortest payload: a transaction's header.
pub const SHORTEST: usize = 32;

/// The bytes of a mark.
pub fn mark_bytes(at: u64) -> [u8; 8] {
    (at << 16 | check(at)).to_be_bytes()
}

/// The mark that some bytes are. Nothing if they are none.
pub fn read_mark(bytes: [u8; 8]) -> Option<u64> {
    let bytes = u64::from_be_bytes(bytes);
    let at = bytes >> 16;
    (at >= HEADER && bytes & 0xffff == check(at)).then_some(at)
}

/// Sixteen bits that depend on all bits of a mark.
fn check(at: u64) -> u64 {
    at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48
}

/// What is found where a record should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A record. The payload's place is counted from the record's first byte.
    Record(Range<usize>),
    /// It cannot be told before this many bytes of the record are there.
    More(usize),
    /// No record.
    Flaw(Flaw),
}

/// How a log file ends: the place at which there is no further record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The byte.
    pub at: u64,
    /// What is there.
    pub flaw: Flaw,
    /// The file's mark; 0 if it has none.
    pub mark: u64,
    /// Whether it is the last log file.
    pub last_file: bool,
    /// Whether there is a whole record somewhere after the place, or, without a header, anything. Only
    /// asked of files without a mark.
    pub record_follows: bool,
}

/// What the end of a log file means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The log file ends here. What follows was never acknowledged, and is cut off.
    Cut,
    /// Something is missing, unless the next log file goes on with exactly the next transaction.
    Doubt,
    /// Something is missing that may have been acknowledged.
    Refuse,
}
