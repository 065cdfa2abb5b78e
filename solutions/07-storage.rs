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
        assert!(
            entry.zxid > self.last,
            "entries are appended in order: {} after {}",
            entry.zxid,
            self.last
        );
        // A file has no holes: where a leader's snapshot took the place of some entries, a new
        // file begins.
        if !entry.zxid.follows(self.last) {
            self.roll(files)?;
        }
        if self.file.is_none() {
            self.create(files, entry.zxid)?;
        }
        append_record(entry, &mut self.pending);
        self.last = entry.zxid;
        if self.pending.len() >= GATHER { self.flush(files) } else { Ok(()) }
        // End of 7.1.
    }

    /// Writes what was gathered, without forcing it.
    pub fn flush(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        // Exercise 7.1: write what was gathered, and the mark before it
        let Some(file) = &mut self.file else { return Ok(()) };
        if self.pending.is_empty() {
            return Ok(());
        }
        // The first write of a batch says that all before it is on disk.
        if file.mark != file.durable {
            files.write(&file.name, MARK, &mark_bytes(file.durable))?;
            file.mark = file.durable;
        }
        let end = file.end + self.pending.len() as u64;
        if self.preallocate > 0 && end + MARGIN >= file.size {
            file.size = end + self.preallocate;
            files.set_len(&file.name, file.size)?;
        }
        files.write(&file.name, file.end, &self.pending)?;
        file.end = end;
        self.pending.clear();
        Ok(())
        // End of 7.1.
    }

    /// Forces every entry so far to the disk.
    pub fn sync(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        // Exercise 7.1: force every entry so far to the disk
        self.flush(files)?;
        if let Some(file) = &mut self.file
            && file.durable < file.end
        {
            files.sync(&file.name)?;
            file.durable = file.end;
        }
        Ok(())
        // End of 7.1.
    }

    /// Ends the file: forces it, and lets the next entry begin a new one. So only the last log file
    /// can have a torn tail, and the mark of every other says that all of it was on disk.
    pub fn roll(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        // Exercise 7.1: end the file; its mark covers all of it
        self.sync(files)?;
        if let Some(file) = self.file.take()
            && file.mark != file.durable
        {
            files.write(&file.name, MARK, &mark_bytes(file.durable))?;
            files.sync(&file.name)?;
        }
        Ok(())
        // End of 7.1.
    }

    /// Begins a file. Its name and header are on disk before anything is in it.
    fn create(&mut self, files: &mut dyn Files, first: Zxid) -> Result<(), Fault> {
        // Exercise 7.1: begin a file; its name and header are on disk first
        let name = DataFile::Log { zxid: first }.name();
        files.set_len(&name, 0)?;
        files.write(&name, 0, &header(HEADER))?;
        let size = HEADER + self.preallocate;
        files.set_len(&name, size)?;
        files.sync(&name)?;
        files.sync_names()?;
        self.file = Some(LogFile { name, size, end: HEADER, durable: HEADER, mark: HEADER });
        Ok(())
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
    into.extend(u64::from(checksum(&entry.payload)).to_be_bytes());
    into.extend((entry.payload.len() as u32).to_be_bytes());
    into.extend_from_slice(&entry.payload);
    into.push(END);
    // End of 7.1.
}

/// Looks for a record at the beginning of some bytes. The file may have more bytes than these.
pub fn find_record(bytes: &[u8]) -> Found {
    // Exercise 7.1: is there a record at the beginning of these bytes?
    let Some((prefix, rest)) = bytes.split_at_checked(PREFIX) else { return Found::More(PREFIX) };
    let (sum, length) = prefix.split_at(8);
    let sum = u64::from_be_bytes(sum.try_into().expect("eight bytes"));
    let length = i32::from_be_bytes(length.try_into().expect("four bytes"));
    if length == 0 {
        return Found::Flaw(if sum == 0 { Flaw::Nothing } else { Flaw::Partial });
    }
    let length = match usize::try_from(length) {
        Ok(length) if length >= SHORTEST => length,
        _ => return Found::Flaw(Flaw::Length),
    };
    let Some(&end) = rest.get(length) else { return Found::More(PREFIX + length + 1) };
    if end != END {
        return Found::Flaw(Flaw::Partial);
    }
    if u64::from(checksum(&rest[..length])) != sum {
        return Found::Flaw(Flaw::Checksum);
    }
    Found::Record(PREFIX..PREFIX + length)
    // End of 7.1.
}

/// What it means that a log file has no further record at some place.
pub fn judge(end: &End) -> Verdict {
    // Exercise 7.1: what does it mean that no record is there?
    if end.flaw == Flaw::Header || end.at < end.mark {
        return Verdict::Refuse;
    }
    if !end.last_file {
        // This file was on disk before the next one was begun, its header before anything was in it.
        return match end.flaw {
            Flaw::Nothing if end.at < HEADER => Verdict::Refuse,
            Flaw::Nothing => Verdict::Cut,
            _ => Verdict::Doubt,
        };
    }
    // In the last batch anything may be missing. In a file without a mark we do not know where the
    // last batch begins, but its last record is surely in it.
    if end.mark == 0 && end.record_follows { Verdict::Refuse } else { Verdict::Cut }
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
    let mut last = snapshot;
    for entry in history {
        let entry = entry?;
        if entry.zxid > snapshot {
            state.apply(&entry)?;
            last = entry.zxid;
        }
    }
    Ok(last)
    // End of 7.2.
}

/// Which files recovery will not need if `keep` snapshots stay. `whole` are the snapshots that were
/// checked to the last byte, newest first; others do not count.
///
/// Unlike ZooKeeper, which keeps the newest that look whole by their last bytes, and purges even if
/// there are fewer.
pub fn deletable(files: &[DataFile], whole: &[Zxid], keep: usize) -> Vec<DataFile> {
    // Exercise 7.3: which files will recovery not need?
    let Some(&oldest) = whole.get(keep.max(1) - 1) else { return Vec::new() };
    // The log file that begins before the oldest snapshot may go on after it.
    let spanning = files
        .iter()
        .filter(|file| file.is_log() && file.zxid() <= oldest)
        .map(|file| file.zxid())
        .max();
    let needed = |file: &&DataFile| {
        file.zxid() >= oldest || (file.is_log() && Some(file.zxid()) == spanning)
    };
    files.iter().filter(|file| !needed(file)).copied().collect()
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
    let (logs, snapshots) = list(files)?;
    let whole: Vec<(DataFile, Zxid)> =
        snapshots.iter().filter_map(|file| Some((*file, reach(files, *file)?))).collect();
    let base = whole.iter().rev().find(|(_, reach)| *reach <= to);
    if !base.is_some_and(|(base, _)| leads_to(files, &logs, base.zxid(), to)) {
        return Err(Damage::NoWayBack { to });
    }
    let beyond = whole.iter().filter(|(_, reach)| *reach > to).map(|(file, _)| file);
    for snapshot in snapshots.iter().filter(|file| file.zxid() > to).chain(beyond) {
        files.remove(&snapshot.name())?;
    }
    files.sync_names()?;
    // Newest first, and one after another on disk, so that no hole appears.
    for log in logs.iter().rev() {
        let cut = match log.zxid() > to {
            true => Some(HEADER),
            false => first_above(files, &log.name(), to)?,
        };
        match cut {
            None => break,
            Some(HEADER) => {
                files.remove(&log.name())?;
                files.sync_names()?;
            }
            Some(at) => cut_log(files, &log.name(), at)?,
        }
    }
    Ok(())
    // End of 7.4.
}

// Part of 7.4.
/// The last transaction of which a snapshot may have an effect: it is named by the last one when it
/// was begun, and its digest by the last one when it was done. Nothing if it is not whole.
fn reach(files: &dyn Files, snapshot: DataFile) -> Option<Zxid> {
    let digest = storage::check_snapshot(files, snapshot).ok()?;
    Some(digest.map_or(snapshot.zxid(), |(zxid, _)| zxid.max(snapshot.zxid())))
}

/// Whether the log leads without a hole from the transaction after `from` to `to`.
fn leads_to(files: &dyn Files, logs: &[DataFile], from: Zxid, to: Zxid) -> bool {
    // What is damaged beyond `to` will be removed.
    let history = History::new(files, logs, from).map_while(|entry| entry.ok());
    let last = history.map(|entry| entry.zxid).take_while(|zxid| *zxid <= to).last();
    // The beginning of an epoch has no record of its own.
    last.unwrap_or(from) == to || to.counter() == 0
}

/// Where the first record above `to` begins.
fn first_above(files: &dyn Files, name: &str, to: Zxid) -> Result<Option<u64>, Damage> {
    let mut log = LogReader::open(files, name, HEADER)?;
    while let Ok((at, entry)) = log.next_record()? {
        if entry.zxid > to {
            return Ok(Some(at));
        }
    }
    Ok(None)
}
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
