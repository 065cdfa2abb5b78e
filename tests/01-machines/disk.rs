//! The simulated disk loses what a disk may lose, and nothing else.

use std::collections::BTreeSet;

use machines::{Dice, Fault, Files, Operation, SimFiles};

use crate::puppet::bytes;

const SEEDS: u64 = 300;

/// A disk on which `file` holds some bytes for sure.
fn synced(content: &[u8]) -> SimFiles {
    let mut files = SimFiles::new();
    files.write("file", 0, content).expect("there is room");
    files.sync("file").expect("the disk works");
    files.sync_names().expect("the disk works");
    files
}

/// What `file` may hold after the loss of power.
fn survivors(files: &SimFiles) -> BTreeSet<Vec<u8>> {
    let lives = (0..SEEDS).map(|seed| {
        let life = files.copy();
        life.power_loss(&mut Dice::new(seed));
        bytes(&life, "file")
    });
    lives.collect()
}

#[test]
fn synced_bytes_are_never_lost() {
    let files = synced(&[7; 3_000]);
    assert_eq!(survivors(&files), BTreeSet::from([vec![7; 3_000]]));
}

#[test]
fn unsynced_bytes_survive_in_any_subset_of_sectors() {
    let mut files = synced(&[0; 2_048]);
    files.write("file", 0, &[1; 2_048]).expect("there is room");
    let all = survivors(&files);
    let whole =
        all.iter().filter(|it| it.chunks(512).all(|sector| sector.iter().all(|b| *b == sector[0])));
    let subsets: BTreeSet<Vec<u8>> =
        whole.map(|it| it.iter().step_by(512).copied().collect()).collect();
    assert_eq!(subsets.len(), 16, "all subsets of four sectors: {subsets:?}");
}

#[test]
fn the_last_sector_may_be_torn_and_no_other() {
    let mut files = synced(&[0; 1_024]);
    files.write("file", 0, &[1; 1_024]).expect("there is room");
    let torn = |sector: &[u8]| sector.iter().any(|b| *b != sector[0]);
    let all = survivors(&files);
    assert!(all.iter().any(|it| torn(&it[512..])), "the last sector is torn sometimes");
    assert!(!all.iter().any(|it| torn(&it[..512])), "the first sector is never torn");
}

#[test]
fn of_one_sector_a_version_between_may_survive() {
    let mut files = synced(&[0; 512]);
    files.write("file", 0, &[1; 512]).expect("there is room");
    files.write("file", 0, &[2; 512]).expect("there is room");
    let all = survivors(&files);
    for version in 0..3 {
        assert!(all.contains(&vec![version; 512]), "version {version} survives sometimes");
    }
}

#[test]
fn a_length_between_the_old_and_the_new_may_survive() {
    let mut files = synced(&[9; 100]);
    files.write("file", 100, &[9; 900]).expect("there is room");
    let lens: BTreeSet<usize> = survivors(&files).iter().map(Vec::len).collect();
    assert_eq!((lens.first(), lens.last()), (Some(&100), Some(&1_000)));
    assert!(lens.len() > 10, "lengths between: {lens:?}");
    assert!(survivors(&files).iter().all(|it| it[..100] == [9; 100]), "the old bytes are safe");
}

#[test]
fn a_cut_that_was_not_synced_may_come_back() {
    let mut files = synced(&[9; 2_000]);
    files.set_len("file", 10).expect("a file can be cut");
    let all = survivors(&files);
    assert!(all.contains(&vec![9; 2_000]) && all.contains(&vec![9; 10]));
    files.sync("file").expect("the disk works");
    assert_eq!(survivors(&files), BTreeSet::from([vec![9; 10]]));
}

#[test]
fn the_name_of_a_new_file_is_safe_only_after_the_folder_is_forced() {
    let mut files = SimFiles::new();
    files.write("file", 0, b"x").expect("there is room");
    files.sync("file").expect("the disk works");
    let found = survivors(&files);
    assert_eq!(found, BTreeSet::from([Vec::new(), b"x".to_vec()]), "there, or not");
    files.sync_names().expect("the disk works");
    assert_eq!(survivors(&files), BTreeSet::from([b"x".to_vec()]));
}

#[test]
fn a_rename_without_forcing_the_bytes_may_leave_an_empty_file() {
    let mut files = synced(b"old");
    files.write("new", 0, b"new").expect("there is room");
    files.rename("new", "file").expect("new is there");
    files.sync_names().expect("the disk works");
    assert!(survivors(&files).contains(&Vec::new()), "neither the old nor the new content");
}

#[test]
fn a_rename_in_the_right_order_leaves_the_old_or_the_new_file() {
    let mut files = synced(b"old");
    files.write("new", 0, b"new").expect("there is room");
    files.sync("new").expect("the disk works");
    files.rename("new", "file").expect("new is there");
    assert_eq!(survivors(&files), BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
}

#[test]
fn a_removal_that_was_not_forced_may_come_back() {
    let mut files = synced(b"here");
    files.remove("file").expect("a file can be removed");
    files.remove("file").expect("it is no fault that it is gone");
    assert_eq!(survivors(&files), BTreeSet::from([Vec::new(), b"here".to_vec()]));
}

#[test]
fn after_a_failed_sync_reads_show_what_the_disk_never_gets() {
    let mut files = synced(b"aaaa");
    files.write("file", 0, b"bbbb").expect("there is room");
    files.fail(Operation::Sync, 1);
    assert!(matches!(files.sync("file"), Err(Fault::Broken(_))));
    assert_eq!(bytes(&files, "file"), b"bbbb");
    files.sync("file").expect("the second sync says that all is well");
    assert_eq!(survivors(&files), BTreeSet::from([b"aaaa".to_vec()]), "and yet it is lost");
}

#[test]
fn the_nth_operation_of_a_kind_fails_once() {
    let mut files = synced(b"aaaa");
    files.fail(Operation::Write, 2);
    files.fail(Operation::Read, 1);
    assert_eq!(files.write("file", 0, b"b"), Ok(()));
    assert!(files.write("file", 1, b"c").is_err() && files.read("file", 0, &mut [0]).is_err());
    assert_eq!(files.write("file", 1, b"c"), Ok(()));
    assert_eq!(bytes(&files, "file"), b"bcaa");
}

#[test]
fn a_disk_that_lies_keeps_nothing() {
    let mut files = synced(b"aaaa");
    files.lie();
    files.write("file", 0, b"bbbb").expect("there is room");
    files.sync("file").expect("the disk says so");
    assert!(survivors(&files).contains(b"aaaa".as_slice()));
}

#[test]
fn a_full_disk_takes_what_fits_and_works_again_when_there_is_room() {
    let mut files = synced(b"aa");
    files.leave_room(Some(3));
    assert_eq!(files.write("file", 1, b"bbbbbb"), Err(Fault::Full));
    assert_eq!(bytes(&files, "file"), b"abbbb");
    assert_eq!(files.set_len("file", 100), Err(Fault::Full));
    assert_eq!(files.write("file", 0, b"cc"), Ok(()), "no room is needed inside a file");
    files.leave_room(None);
    assert_eq!(files.set_len("file", 100), Ok(()));
}

#[test]
fn power_that_fails_stays_away_until_it_comes_back() {
    let mut files = synced(b"aa");
    files.lose_power_after(1);
    assert_eq!(files.write("file", 0, b"b"), Ok(()));
    assert_eq!(files.sync("file"), Err(Fault::PowerLost));
    assert_eq!(files.read("file", 0, &mut [0]), Err(Fault::PowerLost));
    files.power_loss(&mut Dice::new(1));
    assert_eq!(files.len("file"), Ok(2));
}

#[test]
fn a_bit_can_turn() {
    let files = synced(&[0, 0]);
    files.flip("file", 9);
    assert_eq!(survivors(&files), BTreeSet::from([vec![0, 2]]));
    files.flip("file", 10_000);
    files.flip("nothing", 0);
}

#[test]
fn a_missing_file_is_a_fault_and_a_gap_is_zeros() {
    let mut files = SimFiles::new();
    let missing = Fault::Missing("file".to_string());
    assert_eq!(files.len("file"), Err(missing.clone()));
    assert_eq!(files.sync("file"), Err(missing.clone()));
    assert_eq!(files.rename("file", "other"), Err(missing));
    files.write("file", 3, b"x").expect("there is room");
    assert_eq!(bytes(&files, "file"), [0, 0, 0, b'x']);
    assert_eq!(files.names(), Ok(vec!["file".to_string()]));
    files.wipe();
    assert_eq!(files.names(), Ok(vec![]));
}
