//! Which bytes of a directory are *settled*: written and forced so long ago that damage to them cannot
//! be taken for something else.
//!
//! That is all of a snapshot and of an epoch file, and of a log all below its mark. There is the limit
//! of these files:
//! - a batch that was acknowledged, the last of the last log file, and of which a byte was changed
//!   later, looks like one that was being written when the power went. It is cut off, and what it held
//!   is lost on this disk, without a word. So do ZooKeeper's own files look, which have no mark: there
//!   only a record that another one follows is known to have been whole;
//! - a file of which nothing is left but zeros looks like one that was just made;
//! - the mark has a check of sixteen bits, a record and an epoch file have one of 32, and an epoch file
//!   that ZooKeeper wrote has none: what is changed to fit is not noticed.
//!
//! A server that lost something so does not know it, and votes with less than it acknowledged. That is
//! why nobody who tests this server turns bits elsewhere than in what is settled.
//!
//! Book: chapter 7.

use std::ops::Range;

use machines::{Fault, Files, SimFiles};

use crate::LogReader;
use crate::log_format::{HEADER, MARK};
use crate::names::{ACCEPTED_EPOCH, CURRENT_EPOCH, list};

/// The settled bytes of a simulated directory: of each file, ranges of them. They are settled whether
/// the power goes or not. What is in the cache alone settles nothing: a mark that is lost with the
/// power leaves the batch below it as the last one.
pub fn settled(files: &SimFiles) -> Result<Vec<(String, Range<u64>)>, Fault> {
    let forced = ranges(&files.forced())?;
    let mut both = Vec::new();
    for (name, range) in ranges(files)? {
        for (_, other) in forced.iter().filter(|(other, _)| *other == name) {
            let range = range.start.max(other.start)..range.end.min(other.end);
            both.push((name.clone(), range));
        }
    }
    both.retain(|(_, range)| !range.is_empty());
    Ok(both)
}

fn ranges(files: &dyn Files) -> Result<Vec<(String, Range<u64>)>, Fault> {
    let (logs, snapshots) = list(files)?;
    let mut ranges = Vec::new();
    for log in logs {
        let name = log.name();
        let mark = LogReader::open(files, &name, HEADER)?.mark();
        ranges.push((name.clone(), 0..MARK));
        ranges.push((name, HEADER..mark));
    }
    let epochs = [ACCEPTED_EPOCH, CURRENT_EPOCH].map(str::to_string);
    for name in snapshots.into_iter().map(|file| file.name()).chain(epochs) {
        if files.exists(&name)? {
            let length = files.len(&name)?;
            ranges.push((name, 0..length));
        }
    }
    Ok(ranges)
}
