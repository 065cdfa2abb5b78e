//! Snapshots: fuzzy ones, compressed ones, broken ones, and those of a leader.

use bytes::Bytes;
use machines::{Dice, SimFiles};
use storage::{
    Compression, Damage, DataFile, Entry, Note, Replay, Settings, SnapshotReader, State, Write,
    check_snapshot, restore,
};
use zxid::Zxid;

use crate::toy::{
    Toy, add_node, append, before_nodes, bytes_of, entry, everything, nth, open, open_with, put,
    small, snapshot, snapshot_writes, state_after, tail,
};

#[test]
fn a_snapshot_taken_while_writes_go_on_is_made_whole_by_replay() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let files = SimFiles::new();
        let (_, mut store) = open(&files);
        let mut live = Toy::default();
        let mut last = 0;
        let mut write = |live: &mut Toy, dice: &mut Dice| {
            last += 1;
            let name = dice.below(12);
            let what = match dice.chance(300) {
                true => format!("/{name:02}"),
                false => format!("/{name:02}={last}"),
            };
            let entry = entry(Zxid::new(1, last), &what);
            live.apply(&entry).unwrap();
            entry
        };
        for _ in 0..dice.between(1, 40) {
            let entry = write(&mut live, &mut dice);
            store.write(Write::Append(entry)).unwrap();
        }
        let zxid = store.last();
        if dice.chance(500) {
            store.write(Write::Roll).unwrap();
        }
        store.write(Write::BeginSnapshot { zxid }).unwrap();
        store.write(Write::SnapshotBytes(Bytes::from(before_nodes()))).unwrap();
        // A slice at a time, in order of names, from where the last one ended.
        let mut cursor = String::new();
        while let Some((name, value)) = live.nodes.range(cursor.clone()..).next() {
            let mut bytes = Vec::new();
            add_node(&mut bytes, name, value);
            cursor = format!("{name}\0");
            store.write(Write::SnapshotBytes(Bytes::from(bytes))).unwrap();
            for _ in 0..dice.below(4) {
                let entry = write(&mut live, &mut dice);
                store.write(Write::Append(entry)).unwrap();
            }
        }
        store.write(Write::SnapshotBytes(Bytes::from_static(&[0, 0, 0, 1, b'/']))).unwrap();
        let digest = live.digest().map(|digest| (store.last(), digest));
        store.write(Write::EndSnapshot { digest }).unwrap();
        for _ in 0..dice.below(9) {
            let entry = write(&mut live, &mut dice);
            store.write(Write::Append(entry)).unwrap();
        }
        store.sync().unwrap();
        files.power_loss(&mut dice);
        let (recovered, _) = open(&files);
        assert_eq!(recovered.snapshot, zxid, "seed {seed}");
        assert_eq!(recovered.state, live, "seed {seed}");
        assert_eq!(recovered.notes, [], "seed {seed}: the digest is right");
    }
}

#[test]
fn replay_begins_after_the_transaction_that_names_the_snapshot() {
    // The snapshot of transaction 2 saw the effect of 4, but not that of 3.
    let mut state = Toy::default();
    for what in [entry(Zxid(1), "/a=1"), entry(Zxid(2), "/b=2"), entry(Zxid(4), "/a=4")] {
        state.apply(&what).unwrap();
    }
    let log: Vec<_> = [(1, "/a=1"), (2, "/b=2"), (3, "/c=3"), (4, "/a=4"), (5, "/b")]
        .map(|(zxid, what)| Ok(entry(Zxid(zxid), what)))
        .into();
    let last = restore(&mut state, Zxid(2), &mut log.into_iter()).unwrap();
    assert_eq!(last, Zxid(5));
    let expected = [("/a", "4"), ("/c", "3")];
    let nodes = expected.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    assert_eq!(state.nodes, nodes.into());
}

#[test]
fn what_the_snapshot_has_is_not_applied_again() {
    // The snapshot of transaction 3 is a leader's; the log ends before it.
    let mut state = Toy::default();
    state.apply(&entry(Zxid(3), "/b=3")).unwrap();
    let snapshot = state.clone();
    let log = [Ok(entry(Zxid(1), "/a=1")), Ok(entry(Zxid(2), "/b=2"))];
    assert_eq!(restore(&mut state, Zxid(3), &mut log.into_iter()), Ok(Zxid(3)));
    assert_eq!(state, snapshot);
}

#[test]
fn damage_in_the_log_is_not_taken_for_its_end() {
    let mut state = Toy::default();
    let gap = Damage::Gap { file: "log.1".to_string(), at: 16, last: Zxid(2), next: Zxid(4) };
    let log = [Ok(entry(Zxid(2), "/a=2")), Err(gap.clone()), Ok(entry(Zxid(4), "/a=4"))];
    assert_eq!(restore(&mut state, Zxid(1), &mut log.into_iter()), Err(gap));
}

#[test]
fn a_digest_that_does_not_fit_is_noted() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=5);
    let zxid = Zxid::new(1, 3);
    let mut writes = snapshot_writes(zxid, &state_after(3));
    let at = Zxid::new(1, 5);
    *writes.last_mut().unwrap() = Write::EndSnapshot { digest: Some((at, 1)) };
    for write in writes {
        store.write(write).unwrap();
    }
    let found = state_after(5).digest().unwrap();
    let (recovered, _) = open(&files);
    assert_eq!(recovered.notes, [Note::Digest { zxid: at, expected: 1, found }]);
    assert_eq!(recovered.state, state_after(5), "it is only noted");
    let (recovered, _) = open_with(&files, small(), Replay::None).unwrap_or_else(|_| panic!());
    assert_eq!(recovered.digest, Some((at, 1)), "not comparable yet");
}

#[test]
fn snapshots_are_read_as_they_were_written_compressed_or_not() {
    let mut big = Toy::default();
    let mut dice = Dice::new(7);
    for n in 0..3000 {
        let value = (0..dice.below(900)).map(|at| (at % 7) as u8 + dice.below(3) as u8);
        big.nodes.insert(format!("/{n}"), value.collect());
    }
    let mut lengths = Vec::new();
    for compression in [Compression::None, Compression::Gzip, Compression::Snappy] {
        let files = SimFiles::new();
        let settings = Settings { compression, ..small() };
        let (_, mut store) =
            open_with(&files, settings, Replay::All).unwrap_or_else(|_| panic!("it opens"));
        append(&mut store, 1..=3);
        snapshot(&mut store, Zxid::new(1, 3), &big);
        let name = DataFile::Snapshot { zxid: Zxid::new(1, 3), compression }.name();
        lengths.push(bytes_of(&files, &name).len());
        let (recovered, _) = open(&files);
        assert!(recovered.state == big, "{name}");
        assert_eq!(recovered.notes, [], "{name}");
    }
    assert!(lengths[1] < lengths[2] && lengths[2] < lengths[0], "{lengths:?}");
}

#[test]
fn every_flipped_bit_of_a_snapshot_is_noticed() {
    for compression in [Compression::None, Compression::Gzip, Compression::Snappy] {
        let files = SimFiles::new();
        let settings = Settings { compression, ..small() };
        let (_, mut store) =
            open_with(&files, settings, Replay::All).unwrap_or_else(|_| panic!("it opens"));
        append(&mut store, 1..=12);
        snapshot(&mut store, Zxid::new(1, 12), &state_after(12));
        let file = DataFile::Snapshot { zxid: Zxid::new(1, 12), compression };
        let len = bytes_of(&files, &file.name()).len() as u64;
        for bit in (0..len * 8).step_by(3) {
            let disk = files.copy();
            disk.flip(&file.name(), bit);
            let (recovered, _) = open(&disk);
            assert_eq!(recovered.state, state_after(12), "bit {bit}");
            // Some bits of a packed file say nothing, such as the time in the header of gzip.
            let noticed = recovered.snapshot == Zxid::ZERO;
            assert_eq!(noticed, check_snapshot(&disk, file).is_err(), "bit {bit}");
            assert!(noticed || compression != Compression::None, "bit {bit}");
        }
    }
}

#[test]
fn a_broken_snapshot_leaves_nothing_behind() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=4);
    let mut other = Toy::default();
    other.nodes.insert("/stranger".to_string(), b"x".to_vec());
    snapshot(&mut store, Zxid::new(1, 4), &other);
    let len = bytes_of(&files, "snapshot.100000004").len() as u64;
    files.flip("snapshot.100000004", (len - 10) * 8);
    let (recovered, _) = open(&files);
    assert_eq!(recovered.state, state_after(4));
    let skipped = &recovered.notes[..];
    assert!(matches!(skipped, [Note::SkippedSnapshot(Damage::Snapshot { .. })]), "{skipped:?}");
}

#[test]
fn a_snapshot_of_a_later_release_is_read() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=4);
    snapshot(&mut store, Zxid::new(1, 4), &state_after(4));
    let mut bytes = bytes_of(&files, "snapshot.100000004");
    bytes.extend(Zxid::new(1, 4).0.to_be_bytes());
    bytes.extend(u64::from(storage::checksum(&bytes)).to_be_bytes());
    bytes.extend([0, 0, 0, 1, b'/']);
    put(&files, "snapshot.100000004", &bytes);
    assert_eq!(open(&files).0.snapshot, Zxid::new(1, 4));
}

#[test]
fn values_longer_than_a_piece_are_read_and_lengths_are_not_believed() {
    let mut body = Vec::new();
    jute::append(&mut body, &"x".repeat(3 << 20));
    jute::append(&mut body, &vec!["a".repeat(3 << 20), "b".to_string()]);
    body.extend([0xff; 4]);
    body.extend(i32::MAX.to_be_bytes());
    body.extend([1, 2, 3]);
    let mut reader = SnapshotReader::new("body", &body[..]);
    assert_eq!(reader.text().unwrap().len(), 3 << 20);
    assert_eq!(reader.record::<Vec<String>>().unwrap()[1], "b");
    assert_eq!(reader.buffer().unwrap(), None);
    let at = body.len() as u64 - 7;
    let damage = reader.buffer().unwrap_err();
    let why = "it ends too early".to_string();
    assert_eq!(damage, Damage::Snapshot { file: "body".to_string(), at, why });
}

#[test]
fn losing_power_while_a_snapshot_is_written_never_costs_the_older_one() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=6);
    snapshot(&mut store, Zxid::new(1, 6), &state_after(6));
    append(&mut store, 7..=12);
    drop(store);
    for seed in 0..5 {
        for changes in 0.. {
            let mut dice = Dice::new(seed);
            let disk = files.copy();
            let (_, mut store) = open(&disk);
            disk.lose_power_after(changes);
            let mut writes = snapshot_writes(Zxid::new(1, 12), &state_after(12));
            writes.push(Write::Purge { keep: 1 });
            let done = writes.into_iter().try_for_each(|write| store.write(write));
            let done = done.and_then(|()| store.sync()).is_ok();
            disk.power_loss(&mut dice);
            let (recovered, _) = open(&disk);
            assert_eq!(recovered.last, Zxid::new(1, 12), "after {changes} changes");
            assert_eq!(recovered.state, state_after(12), "after {changes} changes");
            if done {
                assert_eq!(recovered.snapshot, Zxid::new(1, 12));
                break;
            }
        }
    }
}

#[test]
fn a_leaders_snapshot_replaces_everything_or_nothing() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=6);
    snapshot(&mut store, Zxid::new(1, 6), &state_after(6));
    append(&mut store, 7..=12); // Nobody else has these.
    drop(store);
    let old: Vec<Entry> = (7..=12).map(nth).collect();
    let zxid = Zxid::new(2, 3);
    let mut sent = Toy::default();
    sent.nodes.insert("/leader".to_string(), b"says".to_vec());
    let (mut kept, mut replaced) = (0, 0);
    for seed in 0..8 {
        for changes in 0.. {
            let mut dice = Dice::new(seed);
            let disk = files.copy();
            let (_, mut store) = open(&disk);
            disk.lose_power_after(changes);
            let mut writes = snapshot_writes(zxid, &sent);
            let digest = sent.digest().map(|digest| (zxid, digest));
            *writes.last_mut().unwrap() = Write::InstallSnapshot { digest };
            writes.push(Write::Append(entry(Zxid::new(2, 4), "/next=1")));
            let done = writes.into_iter().try_for_each(|write| store.write(write));
            let done = done.and_then(|()| store.sync()).is_ok();
            disk.power_loss(&mut dice);
            let names = {
                let (recovered, _) =
                    open_with(&disk, small(), Replay::None).unwrap_or_else(|why| panic!("{why}"));
                if recovered.snapshot == zxid {
                    replaced += 1;
                    assert_eq!(recovered.state, sent);
                    assert!(recovered.tail.len() <= 1 && recovered.last >= zxid);
                    assert!(!done || recovered.last == Zxid::new(2, 4));
                    everything(&disk).into_keys().collect::<Vec<_>>()
                } else {
                    kept += 1;
                    assert!(recovered.tail == old && !done);
                    continue;
                }
            };
            assert!(
                names.iter().all(|name| name == "snapshot.200000003" || name == "log.200000004"),
                "nothing of the old history is left: {names:?}"
            );
            if done {
                break;
            }
        }
    }
    assert!(kept > 20 && replaced > 20, "{kept} {replaced}");
    assert_eq!(tail(&files), old, "the disk that was copied is as before");
}

#[test]
fn a_snapshot_that_is_given_up_leaves_no_trace() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=3);
    let before = everything(&files);
    let mut writes = snapshot_writes(Zxid::new(1, 3), &state_after(3));
    *writes.last_mut().unwrap() = Write::AbandonSnapshot;
    for write in writes {
        store.write(write).unwrap();
    }
    store.sync().unwrap();
    assert!(everything(&files) == before);
}

#[test]
fn a_snapshot_is_there_only_if_all_is_that_its_effects_are_of() {
    let mut found = 0;
    for seed in 0..60 {
        let files = SimFiles::new();
        let (_, mut store) = open(&files);
        append(&mut store, 1..=3);
        // It is applied, since others have it on their disks, but not forced here.
        store.write(Write::Append(nth(4))).unwrap();
        let mut writes = snapshot_writes(Zxid::new(1, 3), &state_after(4));
        writes.pop();
        writes.push(Write::EndSnapshot { digest: None });
        writes.into_iter().for_each(|write| store.write(write).unwrap());
        files.power_loss(&mut Dice::new(seed));
        let (recovered, _) = open(&files);
        found += u32::from(recovered.snapshot == Zxid::new(1, 3));
        let last = recovered.last.counter();
        assert_eq!(recovered.state, state_after(last), "seed {seed}: the log ends at {last}");
    }
    assert!(found > 0, "its name never came to the disk by itself");
}
