//! Chapter 7: what must hold of files, whatever happens to the power.

#[path = "07-storage/crashes.rs"]
mod crashes;
#[path = "07-storage/cutting.rs"]
mod cutting;
#[path = "07-storage/fixtures.rs"]
mod fixtures;
#[path = "07-storage/snapshots.rs"]
mod snapshots;
#[path = "07-storage/toy.rs"]
mod toy;

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
