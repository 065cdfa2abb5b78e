//! The disk of a process: one file, to which records are appended.
//!
//! A record is a line of text with a checksum, so that a torn end is noticed.
//!
//! Always true:
//! - after [`Disk::sync`] every record written so far is recovered, whatever the power does;
//! - what is recovered is what was written, up to some record, and it stays so.
//!
//! Book: chapter 4.

use std::convert::Infallible;

use machines::{Disk, Fault, Files, SimFiles};

use crate::message::{Paxos, Record};
use crate::vocabulary::{Ballot, Memory, Proposal, Slot, Value};

const JOURNAL: &str = "journal";

/// Carries out the writes of a process.
#[derive(Debug)]
pub struct Journal {
    files: SimFiles,
    /// Where the next record goes.
    end: u64,
}

impl Journal {
    /// Opens the disk, and says what it holds. What follows the last whole record was never forced,
    /// and is cut. The rest is written once more and forced: after a sync that failed, reads show
    /// what the disk does not have.
    pub fn open(mut files: SimFiles) -> Result<(Journal, Memory), Fault> {
        let mut bytes = Vec::new();
        if files.exists(JOURNAL)? {
            bytes.resize(files.len(JOURNAL)? as usize, 0);
            files.read(JOURNAL, 0, &mut bytes)?;
        }
        let (mut memory, mut end) = (Memory::default(), 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(record) = std::str::from_utf8(line).ok().and_then(parse) else { break };
            memory.apply(record);
            end += line.len();
        }
        files.write(JOURNAL, 0, &bytes[..end])?;
        files.set_len(JOURNAL, end as u64)?;
        files.sync(JOURNAL)?;
        files.sync_names()?;
        Ok((Journal { files, end: end as u64 }, memory))
    }
}

impl Disk<Paxos> for Journal {
    fn write(&mut self, record: Record) -> Result<(), Fault> {
        let text = text(record);
        let line = format!("{text} #{:x}\n", checksum(&text));
        self.files.write(JOURNAL, self.end, line.as_bytes())?;
        self.end += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.files.sync(JOURNAL)
    }

    fn fetch(&mut self, never: Infallible) -> Result<Infallible, Fault> {
        match never {}
    }
}

fn text(record: Record) -> String {
    match record {
        Record::Promised(n) => format!("promised {n}"),
        Record::Began(n) => format!("began {n}"),
        Record::Accepted { slot, proposal: Proposal { n, value } } => match value {
            Value::Noop => format!("accepted {slot} {n} -"),
            Value::Number(number) => format!("accepted {slot} {n} {number}"),
        },
    }
}

/// The record of a whole line; none if it is torn.
fn parse(line: &str) -> Option<Record> {
    let (text, sum) = line.strip_suffix('\n')?.rsplit_once(" #")?;
    if u64::from_str_radix(sum, 16) != Ok(checksum(text)) {
        return None;
    }
    let ballot = |word: &str| word.parse().ok().map(Ballot);
    match text.split(' ').collect::<Vec<&str>>()[..] {
        ["promised", n] => Some(Record::Promised(ballot(n)?)),
        ["began", n] => Some(Record::Began(ballot(n)?)),
        ["accepted", slot, n, value] => {
            let number = |word: &str| word.parse().ok().map(Value::Number);
            let value = if value == "-" { Value::Noop } else { number(value)? };
            let (slot, n) = (Slot(slot.parse().ok()?), ballot(n)?);
            Some(Record::Accepted { slot, proposal: Proposal { n, value } })
        }
        _ => None,
    }
}

/// FNV-1a.
fn checksum(text: &str) -> u64 {
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
