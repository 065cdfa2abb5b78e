//! The files of a server on a real disk.

use std::fs;
use std::path::Path;

use ensemble::files::OsFiles;
use ensemble::held::HeldFiles;
use machines::{Fault, Files};
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().expect("there is room for a folder")
}

fn open(folder: &Path) -> OsFiles {
    OsFiles::open(folder, folder).expect("the folder is free")
}

fn content(files: &OsFiles, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; files.len(name).expect("the file is there") as usize];
    assert_eq!(files.read(name, 0, &mut bytes), Ok(bytes.len()));
    bytes
}

#[test]
fn what_is_written_is_read_with_zeros_in_gaps() {
    let folder = folder();
    let mut files = open(folder.path());
    files.write("log.1", 2, b"cd").expect("it can be written");
    files.write("log.1", 6, b"g").expect("it can be written");
    assert_eq!(content(&files, "log.1"), b"\0\0cd\0\0g");
    let mut two = [0; 2];
    assert_eq!(files.read("log.1", 3, &mut two), Ok(2));
    assert_eq!(&two, b"d\0");
    assert_eq!(files.read("log.1", 7, &mut two), Ok(0));
    files.set_len("log.1", 3).expect("it can be cut");
    files.set_len("log.1", 4).expect("it can grow");
    assert_eq!(content(&files, "log.1"), b"\0\0c\0");
    files.sync("log.1").expect("it can be forced");
    files.sync_names().expect("it can be forced");
}

#[test]
fn names_are_sorted_changed_and_removed() {
    let folder = folder();
    let mut files = open(folder.path());
    for name in ["snapshot.0", "log.2", "currentEpoch.tmp"] {
        files.write(name, 0, name.as_bytes()).expect("it can be written");
    }
    fs::create_dir(folder.path().join("version-2/sub")).expect("it can be made");
    files.write("currentEpoch", 0, b"old").expect("it can be written");
    files.rename("currentEpoch.tmp", "currentEpoch").expect("it can be renamed");
    assert_eq!(files.names().expect("it can be listed"), ["currentEpoch", "log.2", "snapshot.0"]);
    assert_eq!(content(&files, "currentEpoch"), b"currentEpoch.tmp");
    files.remove("log.2").expect("it can be removed");
    files.remove("log.2").expect("it is gone already, which is no fault");
    assert_eq!(files.exists("log.2"), Ok(false));
    assert_eq!(files.exists("snapshot.0"), Ok(true));
    let missing = Fault::Missing("log.2".to_string());
    assert_eq!(files.len("log.2"), Err(missing.clone()));
    assert_eq!(files.sync("log.2"), Err(missing.clone()));
    assert_eq!(files.rename("log.2", "log.3"), Err(missing));
}

#[test]
fn more_files_than_stay_open_are_all_usable() {
    let folder = folder();
    let mut files = open(folder.path());
    for round in 0..2u8 {
        for number in 0..40 {
            files.write(&format!("log.{number}"), 0, &[round]).expect("it can be written");
        }
    }
    assert!((0..40).all(|number| content(&files, &format!("log.{number}")) == [1]));
}

#[test]
fn a_file_that_is_read_first_can_be_written_later() {
    let folder = folder();
    let mut files = open(folder.path());
    fs::write(folder.path().join("version-2/log.1"), "abc").expect("it can be written");
    assert_eq!(content(&files, "log.1"), b"abc");
    files.write("log.1", 1, b"x").expect("it can be written");
    assert_eq!(content(&files, "log.1"), b"axc");
}

#[test]
fn logs_lie_in_their_own_folder_if_there_is_one() {
    let (data, logs) = (folder(), folder());
    let mut files = OsFiles::open(data.path(), logs.path()).expect("the folders are free");
    files.write("log.1", 0, b"l").expect("it can be written");
    files.write("snapshot.1", 0, b"s").expect("it can be written");
    assert!(logs.path().join("version-2/log.1").exists());
    assert!(data.path().join("version-2/snapshot.1").exists());
    assert_eq!(files.names().expect("they can be listed"), ["log.1", "snapshot.1"]);
    drop(files);
    OsFiles::open(data.path(), logs.path()).expect("nothing lies in the wrong folder");
    let error = OsFiles::open(logs.path(), data.path()).expect_err("everything does");
    assert!(error.to_string().contains("holds transaction logs"), "{error}");
    fs::remove_file(logs.path().join("version-2/log.1")).expect("it can be removed");
    let error = OsFiles::open(logs.path(), data.path()).expect_err("the snapshot does");
    assert!(error.to_string().contains("holds snapshots"), "{error}");
}

#[test]
fn a_second_server_does_not_get_the_folder() {
    let folder = folder();
    let first = open(folder.path());
    let error = OsFiles::open(folder.path(), folder.path()).expect_err("it is taken");
    assert!(error.to_string().contains("another server uses this folder"), "{error}");
    drop(first);
    open(folder.path());
}

#[test]
fn held_files_lose_what_was_not_forced_and_nothing_else() {
    let dir = TempDir::new().expect("a temporary directory");
    let full = dir.path().join("full");
    let open = || {
        let files = OsFiles::open(dir.path(), dir.path()).expect("the folder is free");
        HeldFiles::new(files, &full).expect("the folder can be read")
    };
    let all = |files: &HeldFiles, name: &str| {
        let mut bytes = vec![1; 64];
        let count = files.read(name, 0, &mut bytes).expect("the file is there");
        bytes.truncate(count);
        String::from_utf8(bytes).expect("it is text")
    };
    let mut files = open();
    files.write("log.1", 0, b"forced").expect("there is room");
    files.write("old", 0, b"both").expect("there is room");
    for name in ["log.1", "old"] {
        files.sync(name).expect("it is forced");
    }
    files.sync_names().expect("they are forced");
    files.set_len("log.1", 4).expect("it can be cut");
    files.write("log.1", 5, b"not").expect("there is room");
    files.rename("old", "new").expect("it is there");
    files.write("log.2", 0, b"without a name").expect("there is room");
    files.sync("log.2").expect("it is forced");
    assert_eq!(all(&files, "log.1"), "forc\0not");
    assert_eq!(files.names().expect("they are known"), ["log.1", "log.2", "new"]);
    drop(files);

    let mut files = open();
    assert_eq!(files.names().expect("they are known"), ["log.1", "old"]);
    assert_eq!(all(&files, "log.1"), "forced");
    files.rename("old", "new").expect("it is there");
    files.remove("log.1").expect("it is there");
    files.write("log.2", 0, b"with a name").expect("there is room");
    files.sync("log.2").expect("it is forced");
    files.sync_names().expect("they are forced");
    drop(files);

    let mut files = open();
    assert_eq!(files.names().expect("they are known"), ["log.2", "new"]);
    assert_eq!([all(&files, "log.2"), all(&files, "new")], ["with a name", "both"]);
    fs::write(&full, "").expect("the file that says so");
    assert_eq!(files.write("log.2", 0, b"more"), Err(Fault::Full));
}
