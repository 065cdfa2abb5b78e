//! The bank's disk: a snapshot of its books, and a log of the requests since.
//!
//! Both are text, one record a line, each line with a checksum, so that a torn end is noticed. The
//! snapshot is written beside the old one and takes its name when it is whole.
//!
//! Always true:
//! - after [`Disk::sync`] every record written so far is recovered, whatever the power does;
//! - the log is emptied only when the snapshot that replaces it is on disk under its name.
//!
//! Book: chapter 1.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::bank::{
    Accounts, Bank, Books, InsufficientFunds, Order, Record, Recovered, Reply, Request,
};
use crate::files::{Disk, Files};
use crate::machine::Fault;
use crate::sim_disk::SimFiles;

const LOG: &str = "log";
const SNAPSHOT: &str = "snapshot";
const NEW_SNAPSHOT: &str = "snapshot.new";

/// Carries out the bank's writes.
#[derive(Debug)]
pub struct Ledger {
    files: SimFiles,
    /// Where the next record of the log goes.
    end: u64,
}

impl Ledger {
    /// Opens the disk, and says what it holds. What follows the last whole line of the log was
    /// never forced to the disk, and is cut. The rest is written once more and forced: after a
    /// sync that failed, and a restart without loss of power, reads show bytes that the disk does
    /// not have, and a sync alone would not bring them there.
    pub fn open(mut files: SimFiles) -> Result<(Ledger, Recovered), Fault> {
        let (lines, _) = lines(&files, SNAPSHOT)?;
        let books = books(&lines).ok_or_else(|| Fault::Broken("the snapshot".to_string()))?;
        let (lines, whole) = self::lines(&files, LOG)?;
        let end = whole.len() as u64;
        let log = lines.iter().map(|line| request(line)).collect::<Option<Vec<Request>>>();
        let log = log.ok_or_else(|| Fault::Broken("the log".to_string()))?;
        files.write(LOG, 0, &whole)?;
        files.set_len(LOG, end)?;
        files.sync(LOG)?;
        files.sync_names()?;
        Ok((Ledger { files, end }, Recovered { books, log }))
    }

    fn snapshot(&mut self, books: &Books) -> Result<(), Fault> {
        let mut text = String::new();
        for (account, balance) in &books.accounts.0 {
            add_line(&mut text, &format!("account {account} {balance}"));
        }
        for Reply { client, seq, result } in books.replies.values() {
            match result {
                Ok(balance) => add_line(&mut text, &format!("reply {client} {seq} {balance}")),
                Err(InsufficientFunds) => add_line(&mut text, &format!("reply {client} {seq} -")),
            }
        }
        self.files.set_len(NEW_SNAPSHOT, 0)?;
        self.files.write(NEW_SNAPSHOT, 0, text.as_bytes())?;
        self.files.sync(NEW_SNAPSHOT)?;
        self.files.rename(NEW_SNAPSHOT, SNAPSHOT)?;
        self.files.sync_names()?;
        self.files.set_len(LOG, 0)?;
        self.end = 0;
        self.files.sync(LOG)
    }
}

impl Disk<Bank> for Ledger {
    fn write(&mut self, record: Record) -> Result<(), Fault> {
        match record {
            Record::Request(Request { client, seq, order }) => {
                let mut text = String::new();
                add_line(&mut text, &format!("{client} {seq} {order}"));
                self.files.write(LOG, self.end, text.as_bytes())?;
                self.end += text.len() as u64;
                Ok(())
            }
            Record::Books(books) => self.snapshot(&books),
        }
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.files.sync(LOG)
    }

    fn fetch(
        &mut self,
        never: std::convert::Infallible,
    ) -> Result<std::convert::Infallible, Fault> {
        match never {}
    }
}

/// The whole lines of a file, without their checksums, up to the first that is not whole; and
/// their bytes as they are in the file.
fn lines(files: &SimFiles, name: &str) -> Result<(Vec<String>, Vec<u8>), Fault> {
    if !files.exists(name)? {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut bytes = vec![0; files.len(name)? as usize];
    let count = files.read(name, 0, &mut bytes)?;
    let (mut lines, mut end) = (Vec::new(), 0);
    for line in bytes[..count].split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix('\n'));
        let Some((text, sum)) = text.and_then(|text| text.rsplit_once(" #")) else { break };
        if u64::from_str_radix(sum, 16) != Ok(checksum(text)) {
            break;
        }
        lines.push(text.to_string());
        end += line.len();
    }
    bytes.truncate(end);
    Ok((lines, bytes))
}

fn add_line(text: &mut String, line: &str) {
    writeln!(text, "{line} #{:x}", checksum(line)).expect("text can grow");
}

/// FNV-1a.
fn checksum(line: &str) -> u64 {
    let mix = |sum: u64, byte: u8| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    line.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

fn request(line: &str) -> Option<Request> {
    let words: Vec<&str> = line.split(' ').collect();
    let (client, seq) = (words.first()?.parse().ok()?, words.get(1)?.parse().ok()?);
    let order = match words.get(2..)? {
        ["deposit", amount, "to", account] => {
            Order::Deposit { account: account.parse().ok()?, amount: amount.parse().ok()? }
        }
        ["withdraw", amount, "from", account] => {
            Order::Withdraw { account: account.parse().ok()?, amount: amount.parse().ok()? }
        }
        ["balance", "of", account] => Order::Balance { account: account.parse().ok()? },
        _ => return None,
    };
    Some(Request { client, seq, order })
}

fn books(lines: &[String]) -> Option<Books> {
    let (mut accounts, mut replies) = (BTreeMap::new(), BTreeMap::new());
    for line in lines {
        match line.split(' ').collect::<Vec<&str>>()[..] {
            ["account", account, balance] => {
                accounts.insert(account.parse().ok()?, balance.parse().ok()?);
            }
            ["reply", client, seq, result] => {
                let (client, seq) = (client.parse().ok()?, seq.parse().ok()?);
                let balance = if result == "-" { None } else { Some(result.parse().ok()?) };
                let result = balance.ok_or(InsufficientFunds);
                replies.insert(client, Reply { client, seq, result });
            }
            _ => return None,
        }
    }
    Some(Books { accounts: Accounts(accounts), replies })
}
