//! Reads one log file, record by record.
//!
//! ZooKeeper: `FileTxnLog.FileTxnIterator`.

use bytes::Bytes;
use machines::{Fault, Files};

use crate::log_format::{
    END, End, Found, HEADER, MAGIC, MARK, PREFIX, SHORTEST, VERSION, read_mark,
};
use crate::{Entry, Flaw, find_record};

/// Bytes to ask the disk for at once.
const PIECE: usize = 1 << 20;

/// The checksum of a record: Adler-32 of its payload.
pub fn checksum(payload: &[u8]) -> u32 {
    simd_adler32::adler32(&payload)
}

/// A log file that is being read.
pub struct LogReader<'a> {
    files: &'a dyn Files,
    name: String,
    /// The byte of the next record.
    at: u64,
    mark: u64,
    /// What is wrong with the header.
    header: Option<Flaw>,
    /// Bytes from `at` on. Entries share them.
    buffer: Bytes,
}

impl<'a> LogReader<'a> {
    /// Opens a file to read records from byte `at` on, where one begins.
    pub fn open(files: &'a dyn Files, name: &str, at: u64) -> Result<LogReader<'a>, Fault> {
        let mut header = Vec::new();
        read_to(files, name, 0, &mut header, HEADER as usize)?;
        let mut expected = MAGIC.to_be_bytes().to_vec();
        expected.extend(VERSION.to_be_bytes());
        let torn = header.iter().zip(&expected).all(|(byte, right)| byte == right || *byte == 0);
        let (flaw, mark) = match header.split_at_checked(MARK as usize) {
            Some((begin, mark)) if begin == expected && mark.len() == 8 => {
                (None, read_mark(mark.try_into().expect("eight bytes")).unwrap_or(0))
            }
            // The file was just being created.
            _ if torn => (Some(Flaw::Nothing), 0),
            _ => (Some(Flaw::Header), 0),
        };
        let at = if flaw.is_some() { 0 } else { at };
        let name = name.to_string();
        Ok(LogReader { files, name, at, mark, header: flaw, buffer: Bytes::new() })
    }

    /// The file's mark; 0 if it has none.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// Where the next record begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The next record, with the byte at which it begins; or, if there is none, what is there.
    pub fn next_record(&mut self) -> Result<Result<(u64, Entry), Flaw>, Fault> {
        if let Some(flaw) = self.header {
            return Ok(Err(flaw));
        }
        loop {
            match find_record(&self.buffer) {
                Found::Record(payload) => {
                    let at = self.at;
                    let end = payload.end + 1;
                    self.at += end as u64;
                    let record = self.buffer.split_to(end);
                    let entry = Entry::from_payload(record.slice(payload));
                    return Ok(Ok((at, entry.expect("a payload has a header"))));
                }
                Found::Flaw(flaw) => return Ok(Err(flaw)),
                Found::More(bytes) => {
                    if !self.refill(bytes)? {
                        let zeros = self.buffer.iter().all(|byte| *byte == 0);
                        return Ok(Err(if zeros { Flaw::Nothing } else { Flaw::Partial }));
                    }
                }
            }
        }
    }

    /// What is to be known of the place at hand, where there is a flaw and no record.
    pub fn end(&self, flaw: Flaw, last_file: bool) -> Result<End, Fault> {
        let asked = last_file && self.mark == 0;
        let record_follows = asked
            && match self.header {
                Some(_) => self.anything_follows()?,
                None => self.record_follows()?,
            };
        Ok(End { at: self.at, flaw, mark: self.mark, last_file, record_follows })
    }

    /// Whether anything was written after the header. Before the header was forced, nothing was.
    fn anything_follows(&self) -> Result<bool, Fault> {
        let (mut at, mut bytes) = (HEADER, Vec::new());
        loop {
            bytes.clear();
            read_to(self.files, &self.name, at, &mut bytes, PIECE)?;
            if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
                return Ok(!bytes.is_empty());
            }
            at += bytes.len() as u64;
        }
    }

    /// Whether a whole record begins anywhere after the place at hand. Bytes that were written over
    /// a torn tail, or never, have none.
    fn record_follows(&self) -> Result<bool, Fault> {
        let mut at = self.at + 1;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            read_to(self.files, &self.name, at, &mut bytes, PIECE)?;
            let places = bytes.len().saturating_sub(PREFIX);
            if places == 0 {
                return Ok(false);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                for place in 0..places {
                    if self.record_at(at + place as u64, &bytes[place..place + PREFIX])? {
                        return Ok(true);
                    }
                }
            }
            at += places as u64;
        }
    }

    /// Whether a whole record begins at byte `at`, where `prefix` is.
    fn record_at(&self, at: u64, prefix: &[u8]) -> Result<bool, Fault> {
        let length = u32::from_be_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
        // The cheap questions first: a checksum of four bytes, a length, the last byte.
        if prefix[..4] != [0; 4] || length < SHORTEST as u32 || length > i32::MAX as u32 {
            return Ok(false);
        }
        let mut last = Vec::new();
        read_to(self.files, &self.name, at + PREFIX as u64 + u64::from(length), &mut last, 1)?;
        if last != [END] {
            return Ok(false);
        }
        let mut record = Vec::new();
        read_to(self.files, &self.name, at, &mut record, PREFIX + length as usize + 1)?;
        Ok(matches!(find_record(&record), Found::Record(_)))
    }

    /// Makes the buffer at least `bytes` long. False if the file has not that many.
    fn refill(&mut self, bytes: usize) -> Result<bool, Fault> {
        let held = self.buffer.len() as u64;
        // A damaged length must not make us ask for memory.
        if self.files.len(&self.name)? < self.at + bytes as u64 {
            let mut rest = self.buffer.to_vec();
            read_to(self.files, &self.name, self.at + held, &mut rest, PIECE)?;
            self.buffer = rest.into();
            return Ok(false);
        }
        let mut more = Vec::with_capacity(bytes.max(PIECE));
        more.extend_from_slice(&self.buffer);
        read_to(self.files, &self.name, self.at + held, &mut more, bytes.max(PIECE))?;
        self.buffer = more.into();
        Ok(self.buffer.len() >= bytes)
    }
}

/// Adds bytes of a file, from `at` on, until `into` has `len` or the file ends.
fn read_to(
    files: &dyn Files,
    name: &str,
    at: u64,
    into: &mut Vec<u8>,
    len: usize,
) -> Result<(), Fault> {
    let held = into.len();
    let mut end = held;
    into.resize(len.max(held), 0);
    while end < into.len() {
        match files.read(name, at + (end - held) as u64, &mut into[end..])? {
            0 => break,
            read => end += read,
        }
    }
    into.truncate(end);
    Ok(())
}
