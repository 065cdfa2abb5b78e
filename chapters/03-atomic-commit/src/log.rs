//! The log: records as lines of text in one file, each with a checksum.
//!
//! Every kind of log of this chapter is one of these: of resource managers, of the transaction
//! manager, of the outbox. A machine's `Write` is a record, and its `Recovered` is all of them.
//!
//! Always true:
//! - after [`Disk::sync`] every record written so far is recovered, whatever the power does;
//! - what is recovered is a beginning of what was written, in its order.
//!
//! Book: chapter 3.

use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

use machines::{Disk, Fault, Files, Protocol, SimFiles};

const NAME: &str = "log";

/// A log on a disk.
#[derive(Debug)]
pub struct Log {
    files: SimFiles,
    /// Where the next record goes.
    end: u64,
}

impl Log {
    /// Opens the log, and says what it holds. What follows the last whole line was never forced to
    /// the disk, and is cut. The rest is written once more and forced: after a sync that failed, and
    /// a restart without loss of power, reads show bytes that the disk does not have.
    pub fn open<R: FromStr>(mut files: SimFiles) -> Result<(Log, Vec<R>), Fault> {
        let (records, whole) = read(&files)?;
        let end = whole.len() as u64;
        files.write(NAME, 0, &whole)?;
        files.set_len(NAME, end)?;
        files.sync(NAME)?;
        files.sync_names()?;
        Ok((Log { files, end }, records))
    }

    /// What a log holds that nobody has open, such as what would be left if the power went now.
    pub fn peek<R: FromStr>(files: &SimFiles) -> Result<Vec<R>, Fault> {
        Ok(read(files)?.0)
    }
}

impl<P> Disk<P> for Log
where
    P: Protocol<Fetch = Infallible, Fetched = Infallible>,
    P::Write: Display,
{
    fn write(&mut self, record: P::Write) -> Result<(), Fault> {
        let text = record.to_string();
        let line = format!("{text} #{:x}\n", checksum(&text));
        self.files.write(NAME, self.end, line.as_bytes())?;
        self.end += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.files.sync(NAME)
    }

    fn fetch(&mut self, never: Infallible) -> Result<Infallible, Fault> {
        match never {}
    }
}

/// The records of the whole lines, up to the first that is not whole; and the bytes of those lines.
fn read<R: FromStr>(files: &SimFiles) -> Result<(Vec<R>, Vec<u8>), Fault> {
    if !files.exists(NAME)? {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut bytes = vec![0; files.len(NAME)? as usize];
    let count = files.read(NAME, 0, &mut bytes)?;
    let (mut records, mut end) = (Vec::new(), 0);
    for line in bytes[..count].split_inclusive(|byte| *byte == b'\n') {
        let Some(text) = whole(line) else { break };
        // A whole line that says nothing was not written by this program.
        let record = text.parse().map_err(|_| Fault::Broken(format!("log: `{text}`")))?;
        records.push(record);
        end += line.len();
    }
    bytes.truncate(end);
    Ok((records, bytes))
}

/// The text of a line, if its checksum is right.
fn whole(line: &[u8]) -> Option<&str> {
    let (text, sum) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.rsplit_once(" #")?;
    (u64::from_str_radix(sum, 16) == Ok(checksum(text))).then_some(text)
}

/// FNV-1a.
fn checksum(line: &str) -> u64 {
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    line.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
