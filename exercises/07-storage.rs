//! A history on disk: how it is written so that a crash costs nothing that was promised, how it is
//! read back, and how it is cut and cleared away.
//!
//! A disk keeps a promise only when it is forced to. What was written since the last time may be
//! there after a crash, or not, or in part, in any order. So a server answers for nothing before it
//! is forced, and after a crash it must tell two things apart: a tail that was being written, which
//! nobody was told of, and damage to what was promised. The first is cut off. The second is a reason
//! not to start: a server with a shorter history than it acknowledged can make an ensemble lose data.
//!
//! Always true:
//! - a batch of records is written only after the one before is on disk, and the file's mark says
//!   where the last batch begins;
//! - recovery never cuts anything below the mark;
//! - replay begins right after the transaction that the snapshot is named by.
//!
//! Book: chapter 7. ZooKeeper: `FileTxnLog`, `FileTxnSnapLog`, `PurgeTxnLog`.
#![allow(unused)]

use machines::{Fault, Files};
use storage::log_format::{
    END, End, Found, HEADER, MAGIC, MARK, PREFIX, SHORTEST, VERSION, Verdict, mark_bytes,
};
use storage::names::list;
use storage::{Damage, DataFile, Entry, Flaw, History, LogReader, State, checksum};
use zxid::Zxid;

/// Bytes to gather before they are written, though not forced.
const GATHER: usize = 1 << 20;
/// The file is made longer when this little of it would be left. ZooKeeper: `FilePadding`.
const MARGIN: u64 = 4096;

/// Writes the log: gathers entries, and forces them to the disk in batches.
#[derive(Debug)]
pub struct Log {
    last: Zxid,
    preallocate: u64,
    file: Option<LogFile>,
    pending: Vec<u8>,
}

/// The log file that is being written.
#[derive(Debug)]
struct LogFile {
    name: String,
    /// How long it is, zeros included.
    size: u64,
    /// Where the next byte goes.
    end: u64,
    /// Below this, everything is forced to the disk.
    durable: u64,
    /// The mark in the file's header.
    mark: u64,
}

impl Log {
    /// A log whose last entry is `last`. It never adds to a file that is there already. Files grow
    /// by `preallocate` bytes of zeros at a time.
    pub fn new(last: Zxid, preallocate: u64) -> Log {
        Log { last, preallocate, file: None, pending: Vec::new() }
    }

    /// The last entry, forced or not.
    pub fn last(&self) -> Zxid {
        self.last
    }

    /// Adds an entry. It is safe only after the next `sync`.
    pub fn append(&mut self, files: &mut dyn Files, entry: &Entry) -> Result<(), Fault> {
        // Exercise 7.1: add an entry
        todo!("7.1: add an entry")
        // End of 7.1.
    }

    /// Writes what was gathered, without forcing it.
    pub fn flush(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        // Exercise 7.1: write what was gathered, and the mark before it
        todo!("7.1: write what was gathered, and the mark before it")
        // End of 7.1.
    }

    /// Forces every entry so far to the disk.
    pub fn sync(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        // Exercise 7.1: force every entry so far to the disk
        todo!("7.1: force every entry so far to the disk")
        // End of 7.1.
    }

    /// Ends the file: forces it, and lets the next entry begin a new one. So only the last log file
    /// can have a torn tail, and the mark of every other says that all of it was on disk.
    pub fn roll(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        // Exercise 7.1: end the file; its mark covers all of it
        todo!("7.1: end the file; its mark covers all of it")
        // End of 7.1.
    }

    /// Begins a file. Its name and header are on disk before anything is in it.
    fn create(&mut self, files: &mut dyn Files, first: Zxid) -> Result<(), Fault> {
        // Exercise 7.1: begin a file; its name and header are on disk first
        todo!("7.1: begin a file; its name and header are on disk first")
        // End of 7.1.
    }
}

/// The header of a log file with a mark.
pub fn header(mark: u64) -> Vec<u8> {
    let mut header = MAGIC.to_be_bytes().to_vec();
    header.extend(VERSION.to_be_bytes());
    header.extend(mark_bytes(mark));
    header
}

/// Adds an entry's record to some bytes.
pub fn append_record(entry: &Entry, into: &mut Vec<u8>) {
    // Exercise 7.1: checksum, length, payload and end
    todo!("7.1: checksum, length, payload and end")
    // End of 7.1.
}

/// Looks for a record at the beginning of some bytes. The file may have more bytes than these.
pub fn find_record(bytes: &[u8]) -> Found {
    // Exercise 7.1: is there a record at the beginning of these bytes?
    todo!("7.1: is there a record at the beginning of these bytes?")
    // End of 7.1.
}

/// What it means that a log file has no further record at some place.
pub fn judge(end: &End) -> Verdict {
    // Exercise 7.1: what does it mean that no record is there?
    todo!("7.1: what does it mean that no record is there?")
    // End of 7.1.
}

/// Makes a state whole that was loaded from a snapshot: applies the entries after `snapshot`, which
/// `history` gives. Says which was the last.
///
/// The snapshot was taken while entries went on being applied. All effects up to `snapshot` are in
/// it, and some of later ones; applied once more, from the first, they end in the same state.
pub fn restore<S: State>(
    state: &mut S,
    snapshot: Zxid,
    history: &mut dyn Iterator<Item = Result<Entry, Damage>>,
) -> Result<Zxid, Damage> {
    // Exercise 7.2: apply what the snapshot may lack
    todo!("7.2: apply what the snapshot may lack")
    // End of 7.2.
}

/// Which files recovery will not need if `keep` snapshots stay. `whole` are the snapshots that were
/// checked to the last byte, newest first; others do not count.
///
/// Unlike ZooKeeper, which keeps the newest that look whole by their last bytes, and purges even if
/// there are fewer.
pub fn deletable(files: &[DataFile], whole: &[Zxid], keep: usize) -> Vec<DataFile> {
    // Exercise 7.3: which files will recovery not need?
    todo!("7.3: which files will recovery not need?")
    // End of 7.3.
}

/// Removes every entry above `to`, and every snapshot above it. If it fails with
/// [`Damage::NoWayBack`], nothing was changed.
///
/// Unlike ZooKeeper, which cuts after the first record not below `to` and leaves snapshots alone, so
/// that transactions that nobody else has come back. After a crash on the way the history ends at
/// its old end, or at `to`, or somewhere between; it has no hole.
pub fn truncate(files: &mut dyn Files, to: Zxid) -> Result<(), Damage> {
    // Exercise 7.4: remove every entry and every snapshot above `to`
    todo!("7.4: remove every entry and every snapshot above `to`")
    // End of 7.4.
}

// Part of 7.4.
// Items of your own, if you need any.
// End of 7.4.

/// Ends a log file at byte `at`, where a record ends, and forces it. From then on everything in it is
/// below its mark.
pub fn cut_log(files: &mut dyn Files, name: &str, at: u64) -> Result<(), Damage> {
    let mark = LogReader::open(files, name, HEADER)?.mark();
    // The mark is never above what is on disk.
    if mark > at {
        files.write(name, MARK, &mark_bytes(at))?;
        files.sync(name)?;
    }
    files.set_len(name, at)?;
    files.sync(name)?;
    if mark < at {
        files.write(name, MARK, &mark_bytes(at))?;
        files.sync(name)?;
    }
    Ok(())
}
