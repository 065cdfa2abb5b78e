//! Chapter 7: what must hold of files, whatever happens to the power.

#[path = "07-storage/convalescence.rs"]
mod convalescence;
#[path = "07-storage/crashes.rs"]
mod crashes;
#[path = "07-storage/cutting.rs"]
mod cutting;
#[path = "07-storage/fixtures.rs"]
mod fixtures;
#[path = "07-storage/items.rs"]
mod items;
#[path = "07-storage/snapshots.rs"]
mod snapshots;
#[path = "07-storage/toy.rs"]
mod toy;
#[path = "07-storage/writing.rs"]
mod writing;

use storage::log_format::{mark_bytes, read_mark};
use storage::{Compression, DataFile};
use zxid::Zxid;

#[test]
fn only_names_that_we_would_give_count() {
    for (name, file) in [
        ("log.1", Some(DataFile::Log { zxid: Zxid(1) })),
        ("log.10000001a", Some(DataFile::Log { zxid: Zxid::new(1, 0x1a) })),
        (
            "snapshot.0.gz",
            Some(DataFile::Snapshot { zxid: Zxid(0), compression: Compression::Gzip }),
        ),
        ("snapshot.5.tmp", None),
        ("log.5.bak", None),
        ("log.1.gz", None),
        ("log.01", None),
        ("log.A", None),
        ("log.+1", None),
        ("currentEpoch", None),
        ("unfinished.tmp", None),
    ] {
        assert_eq!(DataFile::parse(name), file, "{name}");
    }
}

#[test]
fn a_mark_that_was_cut_while_it_was_written_is_none() {
    let marks = (16..2_000_000u64).step_by(997);
    let mut chances = 0;
    for (old, new) in marks.clone().zip(marks.skip(1)) {
        let (old_bytes, new_bytes) = (mark_bytes(old), mark_bytes(new));
        assert_eq!((read_mark(old_bytes), read_mark(new_bytes)), (Some(old), Some(new)));
        for cut in 1..8 {
            let mut torn = old_bytes;
            torn[..cut].copy_from_slice(&new_bytes[..cut]);
            let read = read_mark(torn);
            chances += u32::from(read.is_some_and(|mark| mark != old && mark != new));
        }
    }
    assert_eq!(chances, 0, "the check tells them apart");
    assert_eq!(read_mark([0; 8]), None, "ZooKeeper's own files have none");
}
