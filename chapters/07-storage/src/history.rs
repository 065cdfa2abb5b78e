//! Reads the log as one: file after file, in order, without a hole.
//!
//! Always true:
//! - every entry that is given follows the one before, and the first follows the transaction after
//!   which the history was asked for;
//! - if it ends without an error, nothing is missing that was ever acknowledged.
//!
//! Unlike ZooKeeper, which goes on with the next file whatever its first transaction is.
//!
//! ZooKeeper: `FileTxnLog.read`.

use machines::Files;
use zxid::Zxid;

use crate::log_format::{End, HEADER, Verdict};
use crate::{Damage, DataFile, Entry, Flaw, LogReader, Note, judge};

/// The entries of a log after some transaction. An iterator.
pub struct History<'a> {
    files: &'a dyn Files,
    /// The files that may hold wanted entries, and which of them is next.
    logs: Vec<DataFile>,
    next: usize,
    reader: Option<LogReader<'a>>,
    after: Zxid,
    last: Zxid,
    before: Option<Zxid>,
    /// The last entry of the file that is being read.
    in_file: Option<Zxid>,
    pause: Option<Zxid>,
    /// A file that ended badly, though not the last.
    doubt: Option<End>,
    end: Option<End>,
    notes: Vec<Note>,
}

impl<'a> History<'a> {
    /// The entries after a transaction. `logs` are all log files, in order.
    pub fn new(files: &'a dyn Files, logs: &[DataFile], after: Zxid) -> History<'a> {
        // The newest file that begins at or before it may go on after it.
        let first = logs.partition_point(|log| log.zxid() <= after).saturating_sub(1);
        History {
            files,
            logs: logs[first..].to_vec(),
            next: 0,
            reader: None,
            after,
            last: after,
            before: None,
            in_file: None,
            pause: None,
            doubt: None,
            end: None,
            notes: Vec::new(),
        }
    }

    /// The same, known to begin at a place: the end of the record of `after`.
    pub(crate) fn from_place(
        files: &'a dyn Files,
        logs: &[DataFile],
        after: Zxid,
        (file, at): (DataFile, u64),
    ) -> Result<History<'a>, Damage> {
        let logs: Vec<DataFile> = logs.iter().copied().filter(|log| *log >= file).collect();
        let mut history = History::new(files, &[], after);
        history.reader = Some(LogReader::open(files, &file.name(), at)?);
        history.before = Some(after);
        (history.logs, history.next) = (logs, 1);
        Ok(history)
    }

    /// The file that is being read, and where its next record begins.
    pub(crate) fn place(&self) -> Option<(DataFile, u64)> {
        Some((*self.logs.get(self.next.checked_sub(1)?)?, self.reader.as_ref()?.at()))
    }

    /// The last entry that was passed over because it is not after the transaction asked for.
    pub(crate) fn before(&self) -> Option<Zxid> {
        self.before
    }

    /// Makes the iterator end, once, after an entry. Then it goes on.
    pub(crate) fn pause_after(&mut self, zxid: Zxid) {
        self.pause = Some(zxid);
    }

    /// The files that are read.
    pub(crate) fn logs(&self) -> &[DataFile] {
        &self.logs
    }

    /// Where the last file ends, and what was found on the way. Ask when the iterator has ended.
    pub(crate) fn finish(self) -> (Option<End>, Vec<Note>) {
        (self.end, self.notes)
    }

    fn advance(&mut self) -> Result<Option<Entry>, Damage> {
        loop {
            let Some(reader) = &mut self.reader else {
                if !self.open_next()? {
                    return Ok(None);
                }
                continue;
            };
            match reader.next_record()? {
                Ok((at, entry)) => {
                    if self.accept(at, &entry)? {
                        return Ok(Some(entry));
                    }
                }
                Err(flaw) => {
                    let end = reader.end(flaw, self.next == self.logs.len())?;
                    self.end_file(end)?;
                }
            }
        }
    }

    /// Opens the next file. False if there is none.
    fn open_next(&mut self) -> Result<bool, Damage> {
        if let Some(log) = self.logs.get(self.next) {
            self.reader = Some(LogReader::open(self.files, &log.name(), HEADER)?);
            self.next += 1;
            self.in_file = None;
            return Ok(true);
        }
        match self.doubt.take() {
            // The file before the last one is torn, and nothing goes on from there.
            Some(end) => Err(self.damage(self.next.saturating_sub(2), &end)),
            None => Ok(false),
        }
    }

    /// Whether an entry is wanted.
    fn accept(&mut self, at: u64, entry: &Entry) -> Result<bool, Damage> {
        let file = self.logs[self.next - 1].name();
        let ours = self.reader.as_ref().is_some_and(|reader| at < reader.mark());
        // We write none twice: here one was written over another.
        if let Some(last) = self.in_file.replace(entry.zxid)
            && entry.zxid <= last
            && ours
        {
            return Err(Damage::Gap { file, at, last, next: entry.zxid });
        }
        let wanted = if entry.zxid <= self.after {
            self.before = Some(entry.zxid);
            false
        } else if entry.zxid <= self.last {
            self.notes.push(Note::Repeated { file, zxid: entry.zxid });
            false
        } else if entry.zxid.follows(self.last) {
            self.last = entry.zxid;
            true
        } else {
            return Err(Damage::Gap { file, at, last: self.last, next: entry.zxid });
        };
        if let Some(end) = self.doubt.take() {
            let file = self.logs[self.next - 2].name();
            self.notes.push(Note::TornMiddle { file, at: end.at });
        }
        Ok(wanted)
    }

    fn end_file(&mut self, end: End) -> Result<(), Damage> {
        let index = self.next - 1;
        match judge(&end) {
            Verdict::Refuse => return Err(self.damage(index, &end)),
            Verdict::Doubt => self.doubt = Some(end),
            Verdict::Cut => {}
        }
        if end.last_file {
            if end.flaw != Flaw::Nothing {
                let file = self.logs[index].name();
                self.notes.push(Note::TornTail { file, at: end.at, flaw: end.flaw });
            }
            self.end = Some(end);
        }
        self.reader = None;
        Ok(())
    }

    fn damage(&self, index: usize, end: &End) -> Damage {
        Damage::Log { file: self.logs[index].name(), at: end.at, flaw: end.flaw }
    }
}

impl Iterator for History<'_> {
    type Item = Result<Entry, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pause == Some(self.last) {
            self.pause = None;
            return None;
        }
        self.advance().transpose()
    }
}
