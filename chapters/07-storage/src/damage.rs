//! What can be wrong with a data directory, and what to do about it.
//!
//! Always true:
//! - a server never starts from a history shorter than the one it may have acknowledged: what looks
//!   like that is a [`Damage`], and says file, place and remedy;
//! - what is harmless, and was put right, is a [`Note`].
//!
//! Book: chapter 7.

use std::fmt;

use machines::Fault;
use zxid::Zxid;

/// Why a data directory cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The disk itself failed.
    Disk(Fault),
    /// A log file has something at byte `at` that is no record, where there should be one.
    Log {
        /// The file.
        file: String,
        /// The byte.
        at: u64,
        /// What is there.
        flaw: Flaw,
    },
    /// Transactions are missing from the log.
    Gap {
        /// The file in which the log goes on.
        file: String,
        /// The byte of the record after the hole.
        at: u64,
        /// The last transaction before it.
        last: Zxid,
        /// The first after it.
        next: Zxid,
    },
    /// There is a log, but no snapshot to which it could be applied.
    NoSnapshot {
        /// The first log file.
        log: String,
    },
    /// A snapshot is not whole.
    Snapshot {
        /// The file.
        file: String,
        /// The byte, counted before compression.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// None of the snapshots is whole. They are listed with what is wrong, newest first.
    NoGoodSnapshot(Vec<Damage>),
    /// A transaction could not be applied: its payload cannot be understood.
    Entry {
        /// Which.
        zxid: Zxid,
        /// What is wrong.
        why: String,
    },
    /// An epoch file does not hold a number.
    Epoch {
        /// The file.
        file: String,
        /// What it holds.
        text: String,
    },
    /// The epoch files contradict each other, or the log.
    Epochs {
        /// The epoch of the last transaction.
        last: u32,
        /// `currentEpoch`.
        current: u32,
        /// `acceptedEpoch`.
        accepted: u32,
    },
    /// This directory is that of a member of an ensemble that has yet to be brought up to date, and
    /// no server can stand alone with it.
    Convalescent,
    /// The state at a transaction is not on this disk, so nothing can be cut back to it.
    NoWayBack {
        /// The transaction.
        to: Zxid,
    },
}

/// What is at a place in a log file where a record should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The end of the file, or zeros: nothing was ever written here.
    Nothing,
    /// The file ends inside a record, or its last byte is not there: a write was cut short.
    Partial,
    /// A record's length is not possible.
    Length,
    /// A whole record whose checksum is not that of its bytes.
    Checksum,
    /// The file does not begin as a log file does.
    Header,
}

/// Something harmless that recovery found and put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The last log file ended in a record that was cut short. It is cut off.
    TornTail {
        /// The file.
        file: String,
        /// The byte at which the file ends now.
        at: u64,
        /// What was there.
        flaw: Flaw,
    },
    /// A log file ended in a record that was cut short, but the next file goes on exactly there.
    TornMiddle {
        /// The file.
        file: String,
        /// The byte of the torn record.
        at: u64,
    },
    /// The last log file held no record. It is removed.
    EmptyLog {
        /// The file.
        file: String,
    },
    /// The log repeats a transaction, or goes back. It was passed over.
    Repeated {
        /// The file.
        file: String,
        /// The transaction.
        zxid: Zxid,
    },
    /// A snapshot is not whole; an older one was used.
    SkippedSnapshot(Damage),
    /// A file that was still being written when the process ended. It is removed.
    Leftover {
        /// The file.
        file: String,
    },
    /// The installation of a leader's snapshot was finished.
    Installed {
        /// The snapshot's zxid.
        zxid: Zxid,
    },
    /// What this member of an ensemble had is damaged. It is kept under other names.
    SetAside {
        /// The damage; nothing if the process before this one found it.
        why: Option<String>,
        /// The files, under their new names.
        files: Vec<String>,
    },
    /// This member of an ensemble has yet to be brought up to date, and has no vote until then.
    Convalescent {
        /// The epoch that it once promised; nothing if that is lost as well.
        promise: Option<u32>,
    },
    /// The state's digest is not the one that the snapshot or the log gives.
    Digest {
        /// After which transaction.
        zxid: Zxid,
        /// What it should be.
        expected: u64,
        /// What it is.
        found: u64,
    },
}

impl From<Fault> for Damage {
    fn from(fault: Fault) -> Damage {
        Damage::Disk(fault)
    }
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Fault {
        match damage {
            Damage::Disk(fault) => fault,
            other => Fault::Broken(other.to_string()),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const REJOIN: &str = "if the other servers form a quorum, move this server's version-2 \
             directory away and start it again: it will fetch everything from the leader";
        match self {
            Damage::Disk(fault) => write!(f, "{fault}"),
            Damage::Log { file, at, flaw } => {
                write!(
                    f,
                    "{file} is damaged at byte {at}: {flaw}. Transactions that this server has \
                     acknowledged would be lost; {REJOIN}"
                )
            }
            Damage::Gap { file, at, last, next } => {
                write!(
                    f,
                    "{file} goes on at byte {at} with transaction {next}, but the one before is \
                     {last}: those between are missing; {REJOIN}"
                )
            }
            Damage::NoSnapshot { log } => {
                write!(
                    f,
                    "there is a log, {log}, but no snapshot: put the snapshot back; or {REJOIN}; \
                     or, if the log begins with the very first transaction, set snapshot.trust.empty"
                )
            }
            Damage::Snapshot { file, at, why } => {
                write!(
                    f,
                    "{file} is damaged at byte {at}: {why}; move it away so that an older \
                     snapshot is used"
                )
            }
            Damage::NoGoodSnapshot(all) => {
                write!(f, "no snapshot is whole; {REJOIN}")?;
                all.iter().try_for_each(|damage| write!(f, "\n  {damage}"))
            }
            Damage::Entry { zxid, why } => {
                write!(f, "transaction {zxid} cannot be understood: {why}; {REJOIN}")
            }
            Damage::Epoch { file, text } => {
                write!(f, "{file} holds {text:?}, which is no number; {REJOIN}")
            }
            Damage::Epochs { last, current, accepted } => {
                write!(
                    f,
                    "the last transaction is of epoch {last}, currentEpoch is {current} and \
                     acceptedEpoch is {accepted}: each should be no larger than the next; {REJOIN}"
                )
            }
            Damage::Convalescent => {
                write!(
                    f,
                    "what this server had was damaged and set aside, and its ensemble has yet to \
                     bring it up to date: start it as a member of that ensemble"
                )
            }
            Damage::NoWayBack { to } => {
                write!(
                    f,
                    "the state after transaction {to} is not on this disk, so the log cannot be \
                     cut back to it; {REJOIN}"
                )
            }
        }
    }
}

impl std::error::Error for Damage {}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flaw::Nothing => "there is no record",
            Flaw::Partial => "a record is cut short",
            Flaw::Length => "a record's length is impossible",
            Flaw::Checksum => "a record's checksum is wrong",
            Flaw::Header => "it does not begin as a log file does",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::TornTail { file, at, flaw } => {
                write!(f, "{file} was cut at byte {at}: {flaw}, and it was never acknowledged")
            }
            Note::TornMiddle { file, at } => {
                write!(f, "{file} ends in a torn record at byte {at}; the next file goes on there")
            }
            Note::EmptyLog { file } => write!(f, "{file} held no record and was removed"),
            Note::Repeated { file, zxid } => {
                write!(f, "{file} has transaction {zxid} again; it was passed over")
            }
            Note::SkippedSnapshot(damage) => write!(f, "{damage}"),
            Note::Leftover { file } => write!(f, "{file} was left unfinished and was removed"),
            Note::Installed { zxid } => {
                write!(f, "the snapshot of {zxid} took the place of all that was here before")
            }
            Note::SetAside { why, files } => {
                let why = why.as_deref().unwrap_or("the files of this server were damaged");
                write!(f, "{why}\n  kept, to be looked at and then removed: {}", files.join(", "))
            }
            Note::Convalescent { promise } => {
                let who = match promise {
                    Some(_) => "a quorum of the other servers",
                    None => "all other voters",
                };
                write!(
                    f,
                    "this server convalesces: it has no vote until it is brought up to date by a \
                     leader that {who} have; nothing is to be done if they run. If they cannot run, \
                     no server may have all that was acknowledged: bring back a copy of this folder"
                )
            }
            Note::Digest { zxid, expected, found } => {
                write!(f, "the digest after {zxid} should be 0x{expected:x}, but it is 0x{found:x}")
            }
        }
    }
}
