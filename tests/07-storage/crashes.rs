//! The power goes: at any moment, in the middle of anything, and during recovery too.

use std::collections::BTreeMap;

use machines::{Dice, Fault, Files, Operation, SimFiles};
use storage::log_format::{HEADER, MARK, read_mark};
use storage::{Damage, Entry, Flaw, Note, Replay, Write, names};
use zxid::Zxid;

use crate::toy::{
    Toy, append, bytes_of, everything, nth, open, open_with, put, refusal, small, snapshot_writes,
    state_after, tail,
};

const SECTOR: usize = 512;

/// A disk on which entries 1 to 9 are forced and 10 to 30 are a last batch: its files before that
/// batch, and after it.
fn two_batches() -> (SimFiles, Vec<u8>, Vec<u8>) {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=4);
    append(&mut store, 5..=9);
    let before = bytes_of(&files, "log.100000001");
    append(&mut store, 10..=30);
    let after = bytes_of(&files, "log.100000001");
    (files, before, after)
}

/// What must hold after any loss: a beginning of the history, with all that was forced.
fn check_prefix(files: &SimFiles, forced: u32, written: u32) -> u32 {
    let found = tail(files);
    let count = found.len() as u32;
    assert!(count >= forced, "{count} of {forced} forced entries are left");
    assert!(count <= written, "{count} entries, but only {written} were written");
    let expected: Vec<Entry> = (1..=count).map(nth).collect();
    assert!(found == expected, "what is left is a beginning of what was written");
    count
}

#[test]
fn a_tail_that_is_cut_at_any_byte_is_dropped() {
    let (files, _, after) = two_batches();
    let begin = (1..=9).map(|n| nth(n).payload.len() + 13).sum::<usize>() + HEADER as usize;
    let mut counts = BTreeMap::new();
    for cut in begin..after.len() {
        let disk = files.copy();
        put(&disk, "log.100000001", &after[..cut]);
        let count = check_prefix(&disk, 9, 30);
        *counts.entry(count).or_insert(0) += 1;
        // The same with zeros behind it, as in a file that was made longer in advance.
        let mut padded = after[..cut].to_vec();
        padded.resize(after.len() + 100, 0);
        put(&disk, "log.100000001", &padded);
        assert!(check_prefix(&disk, 9, 30) >= count, "zeros take nothing away");
    }
    assert_eq!(counts.len(), 22, "every number of entries occurs");
}

#[test]
fn any_sectors_of_the_last_batch_may_be_missing() {
    let (files, mut before, after) = two_batches();
    before.resize(after.len(), 0);
    let changed: Vec<usize> = (0..after.len().div_ceil(SECTOR))
        .map(|sector| sector * SECTOR)
        .filter(|at| before[*at..].iter().zip(&after[*at..]).take(SECTOR).any(|(a, b)| a != b))
        .collect();
    assert!((4..10).contains(&changed.len()), "the batch is in {} sectors", changed.len());
    let mut whole = 0;
    for subset in 0..1u32 << changed.len() {
        let mut image = before.clone();
        for (index, at) in changed.iter().enumerate().filter(|(index, _)| subset >> index & 1 == 1)
        {
            let end = (at + SECTOR).min(after.len());
            image[*at..end].copy_from_slice(&after[*at..end]);
            assert!(index < 32, "a subset fits in a number");
        }
        let disk = files.copy();
        put(&disk, "log.100000001", &image);
        if check_prefix(&disk, 9, 30) == 30 {
            whole += 1;
        }
    }
    assert_eq!(whole, 2, "all entries are there only if all sectors are, that of the mark apart");
}

#[test]
fn a_flipped_bit_below_the_mark_is_never_taken_for_a_torn_tail() {
    let (files, _, after) = two_batches();
    let mark = read_mark(after[MARK as usize..HEADER as usize].try_into().unwrap()).unwrap();
    let mut refused = 0;
    for bit in 0..mark * 8 {
        let disk = files.copy();
        disk.flip("log.100000001", bit);
        match open_with(&disk, small(), Replay::None) {
            Err(damage) => {
                refused += 1;
                let text = damage.to_string();
                assert!(text.starts_with("log.100000001 is damaged at byte"), "{text}");
            }
            Ok((recovered, _)) => {
                assert!(bit / 8 < HEADER, "bit {bit} was not noticed");
                let expected: Vec<Entry> = (1..=30).map(nth).collect();
                assert!(recovered.tail == expected, "bit {bit} cost an entry");
            }
        }
    }
    // Only the mark itself can be damaged without being needed.
    assert_eq!(refused, mark * 8 - 64);
}

#[test]
fn a_flipped_bit_above_the_mark_costs_the_last_batch_at_most() {
    let (files, before, after) = two_batches();
    let end = after.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let begin = before.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
    for bit in (begin * 8..end * 8).step_by(7) {
        let disk = files.copy();
        disk.flip("log.100000001", bit);
        let count = check_prefix(&disk, 9, 30);
        assert!(count < 30, "bit {bit} was not noticed");
    }
}

#[test]
fn damage_in_a_file_that_is_not_the_last_is_refused() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=9);
    store.write(Write::Roll).unwrap();
    append(&mut store, 10..=19);
    let len = bytes_of(&files, "log.100000001").iter().rposition(|byte| *byte != 0).unwrap();
    for bit in (HEADER * 8..len as u64 * 8).step_by(11) {
        let disk = files.copy();
        disk.flip("log.100000001", bit);
        assert!(refusal(&disk).is_some(), "bit {bit} was not noticed");
    }
}

#[test]
fn a_torn_file_is_passed_if_the_next_goes_on_exactly() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=9);
    // As ZooKeeper leaves it: half a record at the end, then a restart and a new file.
    let mut bytes = bytes_of(&files, "log.100000001");
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes.truncate(end);
    bytes.extend([0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 99, 7, 7, 7]);
    let (_, mut store) = open(&files);
    append(&mut store, 10..=12);
    put(&files, "log.100000001", &bytes);
    let (recovered, _) = open(&files);
    let file = "log.100000001".to_string();
    assert_eq!(recovered.notes, [Note::TornMiddle { file, at: end as u64 }]);
    assert_eq!(recovered.state, state_after(12));

    let missing = files.copy();
    missing.clone().remove("log.10000000a").unwrap();
    let (_, mut store) = open(&missing);
    append(&mut store, 10..=12);
    store.write(Write::Append(crate::toy::entry(Zxid::new(1, 14), "/gap="))).unwrap();
    store.sync().unwrap();
    let gap = Damage::Gap {
        file: "log.10000000e".to_string(),
        at: HEADER,
        last: Zxid::new(1, 12),
        next: Zxid::new(1, 14),
    };
    assert_eq!(refusal(&missing), Some(gap));
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let files = SimFiles::new();
    open(&files);
    put(&files, "log.1", b"not a log file, and long enough to be one");
    let file = "log.1".to_string();
    assert_eq!(refusal(&files), Some(Damage::Log { file, at: 0, flaw: Flaw::Header }));
}

#[test]
fn a_log_without_a_snapshot_is_refused() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=3);
    let mut disk = files.copy();
    disk.remove("snapshot.0").unwrap();
    let log = "log.100000001".to_string();
    assert_eq!(refusal(&disk), Some(Damage::NoSnapshot { log }));
    let trusting = storage::Settings { trust_empty: true, ..small() };
    let (recovered, _) = open_with(&disk, trusting, Replay::All).unwrap_or_else(|_| panic!());
    assert_eq!(recovered.state, state_after(3));
    let (recovered, _) = open(&disk);
    assert_eq!(recovered.state, state_after(3), "from now on there is a snapshot");

    put(&files, "snapshot.0", b"half a snap");
    assert!(matches!(refusal(&files), Some(Damage::NoGoodSnapshot(_))));
}

#[test]
fn nothing_is_acknowledged_after_a_sync_has_failed() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=3);
    files.fail(Operation::Sync, 1);
    store.write(Write::Append(nth(4))).unwrap();
    let fault = store.sync().unwrap_err();
    // The disk would say yes from now on; the store does not ask it again.
    assert_eq!(store.sync(), Err(fault.clone()));
    assert_eq!(store.write(Write::Append(nth(5))), Err(fault.clone()));
    assert_eq!(store.write(Write::CurrentEpoch(7)), Err(fault.clone()));
    let fetch = storage::Fetch::Entries { from: Zxid::ZERO, to: Zxid::new(1, 3), bytes: 1 };
    assert_eq!(store.fetch(fetch), Err(fault));
    files.power_loss(&mut Dice::new(1));
    check_prefix(&files, 3, 4);
}

#[test]
fn a_full_disk_stops_everything() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    append(&mut store, 1..=3);
    files.leave_room(Some(100));
    let stopped = (4..100).find_map(|n| {
        let done = store.write(Write::Append(nth(n))).and_then(|()| store.sync());
        done.err().map(|fault| (n, fault))
    });
    let (n, fault) = stopped.expect("the disk is full some time");
    assert_eq!(fault, Fault::Full);
    files.leave_room(None);
    assert_eq!(store.sync(), Err(Fault::Full));
    drop(store);
    check_prefix(&files, n - 1, n);
}

#[test]
fn recovery_may_be_stopped_anywhere_and_gives_the_same() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let files = SimFiles::new();
        let (_, mut store) = open(&files);
        append(&mut store, 1..=9);
        for write in snapshot_writes(Zxid::new(1, 6), &state_after(9)) {
            store.write(write).unwrap();
        }
        (10..=20).for_each(|n| store.write(Write::Append(nth(n))).unwrap());
        let fetch = storage::Fetch::Entries { from: Zxid::ZERO, to: Zxid::new(1, 1), bytes: 1 };
        store.fetch(fetch).unwrap(); // It makes the store write, without forcing.
        store.write(Write::BeginSnapshot { zxid: Zxid::new(1, 20) }).unwrap();
        files.power_loss(&mut dice);

        let reference = files.copy();
        let (expected, _) = open(&reference);
        for changes in 0.. {
            let disk = files.copy();
            disk.lose_power_after(changes);
            let done = open_with(&disk, small(), Replay::All).is_ok();
            disk.power_loss(&mut dice);
            let (recovered, _) = open(&disk);
            assert_eq!(recovered.last, expected.last, "seed {seed}, after {changes} changes");
            assert_eq!(recovered.state, expected.state, "seed {seed}, after {changes} changes");
            let settled = everything(&disk);
            assert_eq!(open(&disk).0.notes, [], "the second time there is nothing to put right");
            assert!(everything(&disk) == settled, "the second time nothing is changed");
            if done {
                break;
            }
        }
    }
}

/// What a machine may rely on, whatever happens.
#[derive(Default)]
struct Promised {
    entries: u32,
    accepted: u32,
    current: u32,
    /// The entries that were forced before the current epoch was replaced.
    history: BTreeMap<u32, u32>,
}

#[test]
fn what_was_forced_survives_whatever_the_machine_was_doing() {
    let (mut snapshots, mut losses) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let files = SimFiles::new();
        let mut promised = Promised::default();
        let mut written = 0;
        for round in 0..4 {
            let (recovered, mut store) = open(&files);
            written = check_round(&recovered.state, recovered.last, &promised, written, seed);
            let accepted = recovered.accepted_epoch.unwrap_or(0);
            let current = recovered.current_epoch.unwrap_or(0);
            assert!(accepted >= promised.accepted, "seed {seed}: a promise was forgotten");
            assert!(current >= promised.current, "seed {seed}: an epoch was forgotten");
            assert!(current <= accepted, "seed {seed}: epoch {current} was not accepted");
            let history = promised.history.get(&current).copied().unwrap_or(0);
            assert!(written >= history, "seed {seed}: an epoch is ahead of its history");
            (promised.entries, promised.accepted, promised.current) = (written, accepted, current);
            snapshots += u32::from(recovered.snapshot > Zxid::ZERO);
            files.lose_power_after(dice.between(1, 250));
            let lost = live(&mut store, &mut promised, &mut written, &mut dice).is_err();
            losses += u32::from(lost);
            if lost || round == 3 || dice.chance(700) {
                files.power_loss(&mut dice);
            } else {
                files.lose_power_after(u64::MAX); // Only the process is killed.
            }
        }
    }
    assert!(snapshots > 100, "some restarts begin from a snapshot: {snapshots}");
    assert!(losses > 500, "the power goes in the middle of something: {losses}");
}

fn check_round(state: &Toy, last: Zxid, promised: &Promised, written: u32, seed: u64) -> u32 {
    let last = last.counter();
    assert!(last >= promised.entries, "seed {seed}: {last} of {} entries", promised.entries);
    assert!(last <= written, "seed {seed}: entry {last} of {written}");
    assert_eq!(*state, state_after(last), "seed {seed}");
    last
}

/// Does what a server does, until the power goes or it has done enough.
fn live(
    store: &mut storage::Store<SimFiles>,
    promised: &mut Promised,
    written: &mut u32,
    dice: &mut Dice,
) -> Result<(), Fault> {
    let (mut accepted, mut current) = (promised.accepted, promised.current);
    // A snapshot that is being written: of which entry, and the rest of its bytes.
    let mut snapshot: Option<std::vec::IntoIter<Write>> = None;
    for _ in 0..150 {
        match dice.below(14) {
            0..=4 => {
                *written += 1;
                store.write(Write::Append(nth(*written)))?;
            }
            5 => store.write(Write::Roll)?,
            6 => {
                accepted += 1;
                store.write(Write::AcceptedEpoch(accepted))?;
            }
            7 if current < accepted => {
                current = accepted;
                promised.history.insert(current, *written);
                store.write(Write::CurrentEpoch(current))?;
            }
            8 => store.write(Write::Purge { keep: dice.between(1, 3) as usize })?,
            9..=11 => match snapshot.as_mut().map(Iterator::next) {
                Some(Some(write)) => store.write(write)?,
                // It is fuzzy: named by an older entry than the last that is in it.
                _ => {
                    let zxid = Zxid::new(1, dice.between(1, u64::from(*written) + 1) as u32);
                    let zxid = if *written == 0 { Zxid::ZERO } else { zxid };
                    snapshot = Some(snapshot_writes(zxid, &state_after(*written)).into_iter());
                }
            },
            _ => {
                store.sync()?;
                promised.entries = *written;
                (promised.accepted, promised.current) = (accepted, current);
            }
        }
    }
    Ok(())
}

#[test]
fn the_names_of_files_that_were_never_finished_are_not_taken() {
    let files = SimFiles::new();
    let (_, mut store) = open(&files);
    store.write(Write::BeginSnapshot { zxid: Zxid::new(1, 3) }).unwrap();
    let names = files.names().unwrap();
    assert!(names.iter().all(|name| name == "snapshot.0" || !name.starts_with("snapshot.")));
    let file = names::UNFINISHED.to_string();
    assert_eq!(open(&files).0.notes, [Note::Leftover { file }]);
}
