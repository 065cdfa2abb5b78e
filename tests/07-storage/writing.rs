//! The log as it is written: records, batches and the mark; and what the end of a file means.

use std::ops::RangeInclusive;

use machines::{Dice, SimFiles};
use storage::log_format::{End, Found, HEADER, PREFIX, Verdict};
use storage::{
    Damage, DataFile, Entry, Flaw, History, Log, LogReader, append_record, checksum, find_record,
    judge, names,
};
use zxid::Zxid;

use crate::toy::{entry, nth};

/// The record of an entry.
fn record(entry: &Entry) -> Vec<u8> {
    let mut record = Vec::new();
    append_record(entry, &mut record);
    record
}

/// An empty disk, and a log for it.
fn empty() -> (SimFiles, Log) {
    (SimFiles::new(), Log::new(Zxid::ZERO, 1024))
}

/// Adds entries, and forces them.
fn batch(log: &mut Log, files: &mut SimFiles, numbers: RangeInclusive<u32>) {
    for n in numbers {
        log.append(files, &nth(n)).unwrap();
    }
    log.sync(files).unwrap();
}

/// What is in the log.
fn found(files: &SimFiles) -> Result<Vec<Entry>, Damage> {
    let (logs, _) = names::list(files).unwrap();
    History::new(files, &logs, Zxid::ZERO).collect()
}

/// The mark of the log file that begins with 1.1.
fn mark(files: &SimFiles) -> u64 {
    LogReader::open(files, "log.100000001", HEADER).unwrap().mark()
}

#[test]
fn a_record_is_found_when_all_of_it_is_there() {
    let entry = nth(1);
    let record = record(&entry);
    let end = PREFIX + entry.payload.len();
    assert_eq!(record[..8], u64::from(checksum(&entry.payload)).to_be_bytes());
    assert_eq!(record[8..PREFIX], (entry.payload.len() as u32).to_be_bytes());
    assert_eq!(record[PREFIX..end], entry.payload[..]);
    assert_eq!(record[end..], *b"B");
    assert_eq!(find_record(&record), Found::Record(PREFIX..end));
    for cut in 0..record.len() {
        match find_record(&record[..cut]) {
            Found::More(wanted) => assert!(cut < wanted && wanted <= record.len(), "cut at {cut}"),
            found => panic!("cut at {cut}: {found:?}"),
        }
    }
}

#[test]
fn zeros_are_no_record() {
    assert_eq!(find_record(&[0; 100]), Found::Flaw(Flaw::Nothing));
    let mut begun = [0u8; 100];
    begun[7] = 9;
    assert_eq!(find_record(&begun), Found::Flaw(Flaw::Partial), "a checksum and nothing else");
    for length in [-1i32, i32::MIN, 31] {
        begun[8..PREFIX].copy_from_slice(&length.to_be_bytes());
        assert_eq!(find_record(&begun), Found::Flaw(Flaw::Length), "length {length}");
    }
}

#[test]
fn a_record_with_any_bit_turned_is_none() {
    let record = record(&nth(1));
    for bit in 0..record.len() * 8 {
        let mut turned = record.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        let found = find_record(&turned);
        assert!(!matches!(found, Found::Record(_)), "bit {bit} was not noticed");
    }
}

/// The flaws that a record can have.
const FLAWS: [Flaw; 4] = [Flaw::Nothing, Flaw::Partial, Flaw::Length, Flaw::Checksum];

/// The end of the last file, whose mark is at byte 100.
fn end(at: u64, flaw: Flaw) -> End {
    End { at, flaw, mark: 100, last_file: true, record_follows: false }
}

#[test]
fn nothing_below_the_mark_may_be_missing() {
    for flaw in FLAWS {
        for last_file in [true, false] {
            let end = End { last_file, ..end(99, flaw) };
            assert_eq!(judge(&end), Verdict::Refuse, "{end:?}");
        }
    }
    let other = End { mark: 0, ..end(0, Flaw::Header) };
    assert_eq!(judge(&other), Verdict::Refuse, "it is no log file");
}

#[test]
fn in_the_last_batch_anything_may_be_missing() {
    for flaw in FLAWS {
        assert_eq!(judge(&end(100, flaw)), Verdict::Cut, "{flaw:?}");
        assert_eq!(judge(&end(250, flaw)), Verdict::Cut, "{flaw:?}");
        // Without a mark, only a record that another one follows is known to have been whole.
        let unmarked = End { mark: 0, ..end(99, flaw) };
        assert_eq!(judge(&unmarked), Verdict::Cut, "{flaw:?}");
        let followed = End { record_follows: true, ..unmarked };
        assert_eq!(judge(&followed), Verdict::Refuse, "{flaw:?}");
    }
}

#[test]
fn what_looks_torn_in_a_file_that_is_not_the_last_is_in_doubt() {
    let judged = |at, flaw| judge(&End { last_file: false, ..end(at, flaw) });
    for flaw in [Flaw::Partial, Flaw::Length, Flaw::Checksum] {
        assert_eq!(judged(100, flaw), Verdict::Doubt, "{flaw:?}");
    }
    assert_eq!(judged(100, Flaw::Nothing), Verdict::Cut, "zeros up to the end");
    let headless = End { mark: 0, last_file: false, ..end(0, Flaw::Nothing) };
    assert_eq!(judge(&headless), Verdict::Refuse, "its header was there before the next file");
}

#[test]
fn the_mark_is_where_the_last_batch_begins() {
    let (mut files, mut log) = empty();
    let length = |numbers: RangeInclusive<u32>| -> u64 {
        numbers.map(|n| record(&nth(n)).len() as u64).sum()
    };
    batch(&mut log, &mut files, 1..=3);
    assert_eq!(mark(&files), HEADER, "nothing was forced before the first batch");
    batch(&mut log, &mut files, 4..=5);
    assert_eq!(mark(&files), HEADER + length(1..=3));
    batch(&mut log, &mut files, 6..=6);
    assert_eq!(mark(&files), HEADER + length(1..=5));
    log.roll(&mut files).unwrap();
    assert_eq!(mark(&files), HEADER + length(1..=6), "all of a file that has ended was forced");
    assert_eq!(found(&files), Ok((1..=6).map(nth).collect()));
}

#[test]
fn after_a_gap_the_log_goes_on_in_a_new_file() {
    let (mut files, mut log) = empty();
    batch(&mut log, &mut files, 1..=3);
    for zxid in [Zxid::new(1, 9), Zxid::new(2, 1)] {
        log.append(&mut files, &entry(zxid, "/gap=1")).unwrap();
    }
    log.sync(&mut files).unwrap();
    assert_eq!(log.last(), Zxid::new(2, 1));
    let begin = [Zxid::new(1, 1), Zxid::new(1, 9)].map(|zxid| DataFile::Log { zxid });
    assert_eq!(names::list(&files).unwrap().0, begin);
}

#[test]
fn what_was_forced_survives_and_the_rest_may() {
    let mut torn = 0;
    for seed in 0..50 {
        let (mut files, mut log) = empty();
        batch(&mut log, &mut files, 1..=3);
        batch(&mut log, &mut files, 4..=5);
        for n in 6..=30 {
            log.append(&mut files, &nth(n)).unwrap();
        }
        log.flush(&mut files).unwrap();
        files.power_loss(&mut Dice::new(seed));
        let left = found(&files).unwrap_or_else(|damage| panic!("seed {seed}: {damage}"));
        let count = left.len();
        assert!(count >= 5, "seed {seed}: {count} entries are left, and 5 were forced");
        let expected: Vec<Entry> = (1..=count as u32).map(nth).collect();
        assert!(left == expected, "seed {seed}: what is left is a beginning of what was written");
        torn += usize::from(count < 30);
    }
    assert!(torn > 0, "sometimes something is lost");
}
