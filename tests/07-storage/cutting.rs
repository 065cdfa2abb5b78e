//! Taking away: TRUNC, purge; and reading what is left.

use std::collections::BTreeSet;

use machines::{Dice, Files, SimFiles};
use storage::{
    Compression, DataFile, Entry, Fetch, Fetched, Replay, State, Write, deletable, epochs, names,
};
use zxid::Zxid;

use crate::toy::{
    append, bytes_of, entry, everything, nth, open, open_with, refusal, small, snapshot,
    snapshot_writes, state_after, tail,
};

fn log(zxid: u64) -> DataFile {
    DataFile::Log { zxid: Zxid(zxid) }
}

fn snap(zxid: u64) -> DataFile {
    DataFile::Snapshot { zxid: Zxid(zxid), compression: Compression::None }
}

#[test]
fn the_log_that_the_oldest_snapshot_needs_stays() {
    let files = [log(1), log(0x100), log(0x180), log(0x300), snap(0), snap(0x200), snap(0x280)];
    let whole = [Zxid(0x280), Zxid(0x200), Zxid(0)];
    assert_eq!(deletable(&files, &whole, 2), [log(1), log(0x100), snap(0)]);
    assert_eq!(deletable(&files, &whole, 1), [log(1), log(0x100), snap(0), snap(0x200)]);
    assert_eq!(deletable(&files, &whole, 0), deletable(&files, &whole, 1));
    assert_eq!(deletable(&files, &whole, 3), []);
    assert_eq!(deletable(&files, &whole[..1], 2), [], "too few are whole");
    // A log that begins with the snapshot's own transaction may hold later ones.
    let files = [log(1), log(0x200), snap(0x200)];
    assert_eq!(deletable(&files, &[Zxid(0x200)], 1), [log(1)]);
}

#[test]
fn nothing_goes_while_there_are_fewer_whole_snapshots_than_are_kept() {
    let files = [log(1), log(0x100), log(0x300), snap(0), snap(0x200), snap(0x280)];
    assert_eq!(deletable(&files, &[], 1), []);
    assert_eq!(deletable(&files, &[Zxid(0x280)], 2), []);
    assert_eq!(deletable(&files, &[Zxid(0x280), Zxid(0x200)], 3), []);
}

#[test]
fn a_snapshot_that_is_not_whole_takes_nobodys_place() {
    let files = [log(1), log(0x100), log(0x300), snap(0), snap(0x200), snap(0x280), snap(0x380)];
    // Of the four, 0x380 and 0x200 are damaged.
    let whole = [Zxid(0x280), Zxid(0)];
    assert_eq!(deletable(&files, &whole, 1), [log(1), snap(0), snap(0x200)]);
    assert_eq!(deletable(&files, &whole, 2), []);
}

#[test]
fn purge_counts_only_snapshots_that_are_whole() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    for end in [5, 10, 15, 20] {
        append(&mut store, end - 4..=end);
        store.write(Write::Roll).unwrap();
        snapshot(&mut store, Zxid::new(1, end), &state_after(end));
    }
    append(&mut store, 21..=25);
    drop(store);
    // A bit in the middle: the ending still looks right.
    files.flip("snapshot.10000000f", 400 * 8);
    files.flip("snapshot.100000014", 400 * 8);
    let (_, mut store) = open(&files);
    store.write(Write::Purge { keep: 2 }).unwrap();
    store.sync().unwrap();
    let names = files.names().unwrap();
    assert!(names.contains(&"snapshot.100000005".to_string()), "{names:?}");
    assert!(names.contains(&"snapshot.10000000a".to_string()), "{names:?}");
    assert!(!names.contains(&"snapshot.0".to_string()), "{names:?}");
    assert_eq!(open(&files).0.state, state_after(25));
}

#[test]
fn purge_takes_away_nothing_that_recovery_needs_even_if_it_is_stopped() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let files = SimFiles::new();
        let (_, mut store) = open(&files);
        let mut last = 0;
        for _ in 0..dice.between(2, 8) {
            let next = last + dice.between(1, 9) as u32;
            append(&mut store, last + 1..=next);
            let zxid = Zxid::new(1, dice.between(u64::from(last), u64::from(next)) as u32 + 1);
            last = next;
            if dice.chance(600) {
                store.write(Write::Roll).unwrap();
            }
            snapshot(&mut store, zxid.min(Zxid::new(1, last)), &state_after(last));
        }
        drop(store);
        let (logs, _) = names::list(&files).unwrap();
        let keep = dice.between(1, 4) as usize;
        for changes in 0.. {
            let disk = files.copy();
            let (_, mut store) = open(&disk);
            disk.lose_power_after(changes);
            let done = store.write(Write::Purge { keep }).and_then(|()| store.sync()).is_ok();
            disk.power_loss(&mut dice);
            // Even of the snapshots that stay, any one will do.
            let (left, snapshots) = names::list(&disk).unwrap();
            assert!(logs.ends_with(&left), "seed {seed}: a hole between {left:?} of {logs:?}");
            for snapshot in &snapshots {
                let spanning = logs.iter().rfind(|log| log.zxid() <= snapshot.zxid());
                let next = spanning.or(logs.first()).expect("something was logged");
                assert!(left.contains(next), "seed {seed}: nothing goes on from {snapshot:?}");
            }
            for newest in snapshots.iter().rev().take(keep) {
                let (recovered, _) = open(&disk);
                assert_eq!(recovered.state, state_after(last), "seed {seed}");
                assert_eq!(recovered.last, Zxid::new(1, last), "seed {seed}");
                disk.flip(&newest.name(), 300);
            }
            if done {
                break;
            }
        }
    }
}

#[test]
fn truncating_leaves_exactly_the_beginning() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=6);
    store.write(Write::Roll).unwrap();
    append(&mut store, 7..=8);
    snapshot(&mut store, Zxid::new(1, 7), &state_after(7));
    append(&mut store, 9..=12);
    store.write(Write::Roll).unwrap();
    // A fuzzy one: it has effects up to 12, as its digest says.
    let mut writes = snapshot_writes(Zxid::new(1, 10), &state_after(12));
    let digest = state_after(12).digest().map(|digest| (Zxid::new(1, 12), digest));
    *writes.last_mut().unwrap() = Write::EndSnapshot { digest };
    writes.into_iter().for_each(|write| store.write(write).unwrap());
    append(&mut store, 13..=15);
    drop(store);
    for to in 0..=16 {
        let disk = files.copy();
        let (_, mut store) = open(&disk);
        append(&mut store, [16]);
        store.write(Write::Truncate(Zxid::new(1, to))).unwrap();
        assert_eq!(store.last(), Zxid::new(1, to));
        disk.power_loss(&mut Dice::new(u64::from(to)));
        let (recovered, mut store) = open(&disk);
        let last = if to == 0 { Zxid::ZERO } else { Zxid::new(1, to) };
        assert_eq!(recovered.last, last, "to {to}");
        assert_eq!(recovered.state, state_after(to), "to {to}");
        assert!(recovered.snapshot <= Zxid::new(1, to), "no snapshot above {to} is left");
        // The history goes on in another epoch.
        let next = entry(Zxid::new(2, 1), "/new=1");
        store.write(Write::Append(next.clone())).unwrap();
        store.sync().unwrap();
        assert_eq!(tail(&disk).last(), Some(&next));
        let (recovered, _) = open(&disk);
        assert_eq!(recovered.last, Zxid::new(2, 1), "to {to}");
        assert_eq!(recovered.notes, [], "to {to}");
    }
}

#[test]
fn a_truncation_that_is_stopped_leaves_no_hole() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    for end in [5, 10, 15] {
        append(&mut store, end - 4..=end);
        store.write(Write::Roll).unwrap();
        snapshot(&mut store, Zxid::new(1, end), &state_after(end));
    }
    drop(store);
    let mut lasts = BTreeSet::new();
    for to in [2, 5, 7, 14] {
        for seed in 0..8 {
            for changes in 0.. {
                let disk = files.copy();
                let (_, mut store) = open(&disk);
                disk.lose_power_after(changes);
                let done = store.write(Write::Truncate(Zxid::new(1, to))).is_ok();
                disk.power_loss(&mut Dice::new(seed));
                let (recovered, _) = open(&disk);
                let last = recovered.last.counter();
                assert!((to..=15).contains(&last), "cut to {to}, but {last} is the last");
                assert_eq!(recovered.state, state_after(last), "cut to {to}");
                lasts.insert(last);
                if done {
                    assert_eq!(last, to);
                    break;
                }
            }
        }
    }
    assert!(lasts.len() > 4, "some truncations are stopped in between: {lasts:?}");
}

#[test]
fn nothing_is_cut_if_there_is_no_way_back() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=10);
    store.write(Write::Roll).unwrap();
    snapshot(&mut store, Zxid::new(1, 10), &state_after(10));
    append(&mut store, 11..=12);
    store.write(Write::Purge { keep: 1 }).unwrap();
    store.sync().unwrap();
    let before = everything(&files);
    let fault = store.write(Write::Truncate(Zxid::new(1, 5))).unwrap_err();
    assert!(fault.to_string().contains("the state after transaction 1.5"), "{fault}");
    assert!(everything(&files).keys().eq(before.keys()));
    assert_eq!(open(&files).0.last, Zxid::new(1, 12));
}

#[test]
fn what_a_truncation_or_a_recovery_kept_is_below_the_mark() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=5);
    append(&mut store, 6..=9);
    append(&mut store, 10..=12);
    drop(store);
    let truncated = files.copy();
    open(&truncated).1.write(Write::Truncate(Zxid::new(1, 3))).unwrap();
    open(&files);
    for disk in [files, truncated] {
        let len = bytes_of(&disk, "log.100000001").len() as u64;
        for bit in (16 * 8..len * 8).step_by(5) {
            let disk = disk.copy();
            disk.flip("log.100000001", bit);
            assert!(refusal(&disk).is_some(), "bit {bit} was not noticed");
        }
    }
}

#[test]
fn a_range_is_fetched_in_pieces_without_a_hole() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=20);
    store.write(Write::Roll).unwrap();
    append(&mut store, 21..=30);
    (31..=40).for_each(|n| store.write(Write::Append(nth(n))).unwrap());
    store.write(Write::Append(entry(Zxid::new(2, 1), "/new=1"))).unwrap();
    let all: Vec<Entry> = (1..=40).map(nth).chain([entry(Zxid::new(2, 1), "/new=1")]).collect();
    for bytes in [1, 200, 1000, 1 << 20] {
        for begin in [0, 7, 20, 39, 40] {
            let to = Zxid::new(2, 1);
            let mut fetched: Vec<Entry> = Vec::new();
            let first = if begin == 0 { Zxid::ZERO } else { Zxid::new(1, begin) };
            loop {
                let from = fetched.last().map_or(first, |entry| entry.zxid);
                let answer = store.fetch(Fetch::Entries { from, to, bytes }).unwrap();
                let Fetched::Entries { entries, .. } = answer else { panic!("{answer:?}") };
                if entries.is_empty() {
                    break;
                }
                let held: usize = entries.iter().map(|entry| entry.payload.len()).sum();
                assert!(held < bytes + 200, "an answer is not much longer than asked for");
                fetched.extend(entries);
            }
            assert!(fetched == all[begin as usize..], "from {begin}, {bytes} bytes at a time");
        }
    }
    let answer =
        store.fetch(Fetch::Entries { from: Zxid::new(1, 5), to: Zxid::new(1, 7), bytes: 9999 });
    let Fetched::Entries { entries, .. } = answer.unwrap() else { panic!("it is there") };
    assert_eq!(entries, [nth(6), nth(7)]);
    // What was read to see that the range ends is not passed over by the next question.
    let answer =
        store.fetch(Fetch::Entries { from: Zxid::new(1, 7), to: Zxid::new(1, 9), bytes: 9999 });
    let Fetched::Entries { entries, .. } = answer.unwrap() else { panic!("it is there") };
    assert_eq!(entries, [nth(8), nth(9)]);
}

#[test]
fn what_the_log_does_not_say_is_missing() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=10);
    store.write(Write::Roll).unwrap();
    snapshot(&mut store, Zxid::new(1, 10), &state_after(10));
    append(&mut store, 11..=12);
    store.write(Write::Append(entry(Zxid::new(2, 1), "/new=1"))).unwrap();
    store.write(Write::Purge { keep: 1 }).unwrap();
    store.write(Write::Append(entry(Zxid::new(2, 3), "/gap=1"))).unwrap();
    store.sync().unwrap();
    let mut ask = |from, to| store.fetch(Fetch::Entries { from, to, bytes: 9999 }).unwrap();
    let missing = |from, to| Fetched::Missing { from, to };
    let end = Zxid::new(2, 3);
    // Purge left the file that begins with 1.1, since nothing says that it ends before the snapshot.
    for from in [Zxid::new(0, 7), Zxid::new(1, 20), Zxid::new(2, 1)] {
        assert_eq!(ask(from, end), missing(from, end));
    }
    let from = Zxid::new(1, 11);
    let entries = vec![nth(12), entry(Zxid::new(2, 1), "/new=1")];
    assert_eq!(ask(from, end), Fetched::Entries { from, to: end, entries });
    assert_eq!(ask(end, end), Fetched::Entries { from: end, to: end, entries: vec![] });
}

#[test]
fn what_was_cut_off_is_missing_even_if_it_was_read_before() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=6);
    let (from, cut) = (Zxid::new(1, 2), Zxid::new(1, 5));
    let read = store.fetch(Fetch::Entries { from, to: cut, bytes: 9999 }).unwrap();
    assert_eq!(read, Fetched::Entries { from, to: cut, entries: vec![nth(3), nth(4), nth(5)] });
    store.write(Write::Truncate(Zxid::new(1, 4))).unwrap();
    store.write(Write::Append(entry(Zxid::new(2, 1), "/new=1"))).unwrap();
    let to = Zxid::new(2, 1);
    let read = store.fetch(Fetch::Entries { from: cut, to, bytes: 9999 }).unwrap();
    assert_eq!(read, Fetched::Missing { from: cut, to });
}

#[test]
fn after_a_hole_a_new_file_begins() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=3);
    store.write(Write::Append(entry(Zxid::new(1, 9), "/gap=1"))).unwrap();
    store.write(Write::Append(entry(Zxid::new(2, 1), "/next=1"))).unwrap();
    store.sync().unwrap();
    let (logs, _) = names::list(&files).unwrap();
    assert_eq!(logs, [log(0x1_0000_0001), log(0x1_0000_0009)]);
}

#[test]
fn the_epochs_at_the_start_contradict_neither_each_other_nor_the_log() {
    let last = Zxid::new(3, 7);
    assert_eq!(epochs(last, None, None), Ok((3, 3)));
    assert_eq!(epochs(last, Some(4), Some(3)), Ok((4, 3)));
    assert_eq!(epochs(last, Some(5), Some(4)), Ok((5, 4)));
    assert_eq!(epochs(last, None, Some(4)), Ok((4, 4)));
    // The history came to the disk, its epoch did not.
    assert_eq!(epochs(last, Some(3), Some(2)), Ok((3, 3)));
    for (accepted, current) in [(2, 2), (3, 4), (2, 3)] {
        let text = epochs(last, Some(accepted), Some(current)).unwrap_err().to_string();
        assert!(text.contains(&format!("acceptedEpoch is {accepted}")), "{text}");
    }
}

#[test]
fn epoch_files_are_numbers_and_nothing_else() {
    let files = SimFiles::new();
    let (recovered, mut store) = open(&files);
    assert_eq!((recovered.accepted_epoch, recovered.current_epoch), (None, None));
    store.write(Write::AcceptedEpoch(12)).unwrap();
    store.write(Write::CurrentEpoch(11)).unwrap();
    store.sync().unwrap();
    // The number on the first line, as ZooKeeper reads it, and then a check.
    assert_eq!(bytes_of(&files, "acceptedEpoch"), b"12\n347f05ac\n");
    assert_eq!(bytes_of(&files, "currentEpoch"), b"11\n306f0575\n");
    files.power_loss(&mut Dice::new(3));
    let (recovered, _) = open(&files);
    assert_eq!((recovered.accepted_epoch, recovered.current_epoch), (Some(12), Some(11)));
    files.flip("currentEpoch", 6);
    let text = refusal(&files).expect("no number").to_string();
    assert!(text.starts_with("currentEpoch holds \"q1\\n"), "{text}");
    assert!(open_with(&files, small(), Replay::None).is_err());
}

#[test]
fn no_bit_of_an_epoch_file_can_turn_unnoticed() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    store.write(Write::AcceptedEpoch(12)).unwrap();
    store.sync().unwrap();
    for bit in 0..8 * bytes_of(&files, "acceptedEpoch").len() as u64 {
        files.flip("acceptedEpoch", bit);
        // Blanks at the end, and the case of a digit, mean nothing.
        let found = open_with(&files, small(), Replay::None).map(|(found, _)| found.accepted_epoch);
        assert!(found.is_err() || found == Ok(Some(12)), "bit {bit}: {found:?}");
        files.flip("acceptedEpoch", bit);
    }
    // A file of ZooKeeper's has no check.
    let mut plain = files.clone();
    plain.set_len("acceptedEpoch", 2).unwrap();
    assert_eq!(open(&plain).0.accepted_epoch, Some(12));
    // One of ours that has lost the end of its first line is none of those.
    plain.set_len("acceptedEpoch", 0).unwrap();
    plain.write("acceptedEpoch", 0, b"0905420579\n").unwrap();
    assert!(open_with(&plain, small(), Replay::None).is_err());
}
