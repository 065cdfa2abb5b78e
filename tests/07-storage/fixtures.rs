//! Directories that Apache ZooKeeper 3.8.0 wrote, and files that it would write.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use jute::records::Txn;
use machines::SimFiles;
use storage::{
    Compression, Damage, DataFile, Entry, Fetch, Fetched, Flaw, History, Note, Recovered, Replay,
    Settings, SnapshotReader, State, Store, Write, append_record, check_snapshot, names, recover,
};
use zxid::Zxid;

use crate::toy::{bytes_of, everything, put};

/// Takes any snapshot and any transaction that can be decoded, and counts them.
#[derive(Debug, Default, PartialEq)]
struct Count {
    nodes: usize,
    sessions: usize,
    lists: usize,
    entries: usize,
}

impl State for Count {
    fn load(&mut self, body: &mut SnapshotReader<'_>) -> Result<(), Damage> {
        self.sessions = body.count()?;
        for _ in 0..self.sessions {
            body.session()?;
        }
        self.lists = body.count()?;
        for _ in 0..self.lists {
            body.acl()?;
        }
        while body.node()?.is_some() {
            self.nodes += 1;
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Damage> {
        let (header, _, _) = Txn::decode_payload(&entry.payload)
            .map_err(|why| Damage::Entry { zxid: entry.zxid, why: why.to_string() })?;
        assert_eq!(header.zxid, entry.zxid, "the header says which entry it is");
        self.entries += 1;
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        vec![0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'/']
    }

    fn digest(&self) -> Option<u64> {
        None
    }
}

pub(crate) fn folder(fixture: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/datadir");
    root.join(fixture).join("version-2")
}

fn disk(fixture: &str) -> SimFiles {
    let files = SimFiles::new();
    for file in std::fs::read_dir(folder(fixture)).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        put(&files, &name, &std::fs::read(file.path()).unwrap());
    }
    files
}

fn open(files: &SimFiles, replay: Replay) -> Result<(Recovered<Count>, Store<SimFiles>), Damage> {
    recover(files.clone(), Settings::default(), replay, &mut Count::default)
}

/// Fixture, last transaction, snapshot used, transactions replayed, current epoch.
const OPENED: [(&str, u64, u64, usize, Option<u32>); 23] = [
    ("after-trunc/server1", 0x2_0000_0001, 0, 6, Some(2)),
    ("after-trunc/server2", 0x2_0000_0001, 0x1_0000_0005, 1, Some(2)),
    ("after-trunc/server3", 0x2_0000_0001, 0x1_0000_0005, 1, Some(2)),
    ("bad-newest-snapshot", 0xf, 0, 15, None),
    ("basic", 0xf, 0, 15, None),
    // ZooKeeper refuses the next one; its last record is torn, as far as anyone can tell.
    ("corrupt-crc-last", 0xe, 0, 14, None),
    // ZooKeeper refuses the next one too (ZOOKEEPER-2332).
    ("empty-log", 0xf, 0, 15, None),
    ("epochs/server1", 0x3_0000_0003, 0, 9, Some(3)),
    ("epochs/server2", 0x3_0000_0003, 0x1_0000_0003, 6, Some(3)),
    ("epochs/server3", 0x3_0000_0003, 0x2_0000_0003, 3, Some(3)),
    ("fuzzy-snapshot", 0xc82, 0xb2c, 342, None),
    ("multi-and-acl", 0x15, 0, 21, None),
    ("no-digest-old-closesession", 0x7, 0, 7, None),
    ("snapshot-above-trunc", 0x1_0000_0008, 0x1_0000_0008, 0, Some(1)),
    ("snapshot-gzip", 0xa, 8, 2, None),
    ("snapshot-plus-log", 0x61, 0x54, 13, None),
    ("snapshot-snappy", 0xa, 9, 1, None),
    // ZooKeeper refuses the next one when it decodes it (ZOOKEEPER-2623); the log itself is sound.
    ("toplevel-check-txn", 0x3, 0, 3, None),
    ("torn-tail", 0xc, 0, 12, None),
    ("torn-tail-header", 0xc, 0, 12, None),
    ("torn-tail-padded", 0xc, 0, 12, None),
    ("trunc-target-not-in-log", 0x1_0000_0008, 0x1_0000_0005, 3, Some(1)),
    ("uncommitted-tail", 0x1_0000_0008, 0, 8, Some(1)),
];

#[test]
fn every_directory_of_zookeeper_is_read_as_zookeeper_would() {
    for (fixture, last, snapshot, replayed, epoch) in OPENED {
        let files = disk(fixture);
        let (none, _) = open(&files.copy(), Replay::None).unwrap_or_else(|damage| {
            panic!("{fixture}: {damage}");
        });
        assert_eq!(none.last, Zxid(last), "{fixture}");
        assert_eq!(none.snapshot, Zxid(snapshot), "{fixture}");
        assert_eq!(none.tail.len(), replayed, "{fixture}");
        assert_eq!(none.current_epoch, epoch, "{fixture}");
        assert_eq!(none.accepted_epoch, epoch, "{fixture}");
        assert!(none.state.nodes >= 4, "{fixture} has at least the special nodes");

        let (all, _) = open(&files, Replay::All).unwrap();
        assert_eq!((all.last, all.state.entries), (Zxid(last), replayed), "{fixture}");
        let before = everything(&files);
        let (again, _) = open(&files, Replay::All).unwrap();
        assert_eq!(again.state, all.state, "{fixture}");
        assert!(everything(&files) == before, "{fixture}: the second time nothing is changed");
    }
}

#[test]
fn what_recovery_puts_right_is_noted() {
    let notes = |fixture: &str| open(&disk(fixture), Replay::All).unwrap().0.notes;
    let log = || "log.1".to_string();
    let torn = |at, flaw| vec![Note::TornTail { file: log(), at, flaw }];
    assert_eq!(notes("basic"), []);
    assert_eq!(notes("torn-tail"), torn(1425, Flaw::Partial));
    assert_eq!(notes("torn-tail-header"), torn(1425, Flaw::Partial));
    assert_eq!(notes("torn-tail-padded"), torn(1425, Flaw::Partial));
    assert_eq!(notes("corrupt-crc-last"), torn(1588, Flaw::Checksum));
    assert_eq!(notes("empty-log"), [Note::EmptyLog { file: "log.ffff".to_string() }]);
    let bad = notes("bad-newest-snapshot");
    assert!(matches!(&bad[..], [Note::SkippedSnapshot(_), Note::SkippedSnapshot(_)]), "{bad:?}");
}

#[test]
fn a_damaged_record_with_others_behind_it_is_refused() {
    let damage = open(&disk("corrupt-crc"), Replay::All).err().unwrap();
    let expected = Damage::Log { file: "log.1".to_string(), at: 466, flaw: Flaw::Checksum };
    assert_eq!(damage, expected);
    let text = damage.to_string();
    assert!(
        text.starts_with("log.1 is damaged at byte 466: a record's checksum is wrong"),
        "{text}"
    );
    assert!(text.contains("fetch everything from the leader"), "{text}");
}

#[test]
fn our_log_has_the_records_that_zookeeper_wrote() {
    let theirs = disk("basic");
    let original = bytes_of(&theirs, "log.1");
    let entries = entries_of(&theirs, Zxid::ZERO);

    let ours = SimFiles::new();
    let settings = Settings { preallocate: 4096, ..Settings::default() };
    let (_, mut store) = recover(ours.clone(), settings, Replay::All, &mut Count::default).unwrap();
    for entry in entries {
        store.write(Write::Append(entry)).unwrap();
    }
    store.sync().unwrap();
    let copy = bytes_of(&ours, "log.1");
    let padding = original.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert_eq!(copy[..8], original[..8]);
    assert_eq!(copy[16..padding], original[16..padding]);
    assert!(copy[padding..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_record_is_framed_as_zookeeper_frames_it() {
    let files = disk("basic");
    let original = bytes_of(&files, "log.1");
    let mut records = Vec::new();
    entries_of(&files, Zxid::ZERO).iter().for_each(|entry| append_record(entry, &mut records));
    assert_eq!(records, original[16..16 + records.len()]);
}

#[test]
fn our_snapshots_have_the_bytes_that_zookeeper_wrote() {
    for (fixture, ..) in OPENED {
        let files = disk(fixture);
        for file in names::list(&files).unwrap().1 {
            let plain = matches!(file, DataFile::Snapshot { compression: Compression::None, .. });
            let Ok(digest) = check_snapshot(&files, file) else { continue };
            if !plain {
                continue;
            }
            let original = bytes_of(&files, &file.name());
            let seals = if digest.is_some() { 46 } else { 13 };
            let body = original[16..original.len() - seals].to_vec();

            let ours = SimFiles::new();
            let (_, mut store) = open(&ours, Replay::All).unwrap();
            store.write(Write::BeginSnapshot { zxid: file.zxid() }).unwrap();
            store.write(Write::SnapshotBytes(Bytes::from(body))).unwrap();
            store.write(Write::EndSnapshot { digest }).unwrap();
            assert_eq!(bytes_of(&ours, &file.name()), original, "{fixture}/{}", file.name());
        }
    }
}

#[test]
fn a_truncated_server_has_nothing_that_nobody_else_has() {
    let to = Zxid(0x1_0000_0005);
    for fixture in ["uncommitted-tail", "snapshot-above-trunc", "trunc-target-not-in-log"] {
        let files = disk(fixture);
        let (_, mut store) = open(&files, Replay::None).unwrap();
        store.write(Write::Truncate(to)).unwrap();
        let (recovered, _) = open(&files, Replay::None).unwrap();
        assert_eq!(recovered.last, to, "{fixture}");
    }
}

#[test]
fn a_log_of_several_files_is_fetched_as_one() {
    let files = disk("snapshot-plus-log");
    let (_, mut store) = open(&files, Replay::All).unwrap();
    let (mut from, to, mut fetched) = (Zxid::ZERO, Zxid(0x61), Vec::new());
    while from < to {
        match store.fetch(Fetch::Entries { from, to, bytes: 300 }).unwrap() {
            Fetched::Entries { entries, .. } => fetched.extend(entries),
            missing => panic!("{missing:?}"),
        }
        from = fetched.last().expect("something was fetched").zxid;
    }
    assert_eq!(fetched, entries_of(&files, Zxid::ZERO));
    assert_eq!(fetched.len(), 0x61);
}

fn entries_of(files: &SimFiles, after: Zxid) -> Vec<Entry> {
    let (logs, _) = names::list(files).unwrap();
    History::new(files, &logs, after).collect::<Result<_, _>>().unwrap()
}
