//! Puts a leader's snapshot in the place of everything that is on disk.
//!
//! After SNAP the log on this disk is of another history, or has a hole before the snapshot. If it
//! stayed, an older snapshot and that log could be taken for the truth one day. So a small file says
//! that the snapshot is whole and is to replace the rest; from then on the installation is finished
//! even after a crash, and before it nothing has changed.
//!
//! Unlike ZooKeeper, which leaves the old log and the old snapshots beside the new one.

use machines::{Fault, Files};

use crate::names::{INSTALLING, UNFINISHED, list};
use crate::{Damage, DataFile, Note, check_snapshot};

/// Installs the snapshot that is whole and forced under its temporary name.
pub(crate) fn begin(files: &mut dyn Files, snapshot: DataFile) -> Result<(), Fault> {
    files.set_len(INSTALLING, 0)?;
    files.write(INSTALLING, 0, format!("{}\n", snapshot.name()).as_bytes())?;
    files.sync(INSTALLING)?;
    files.sync_names()?;
    complete(files, snapshot)
}

/// Finishes an installation that a crash interrupted.
pub(crate) fn finish(files: &mut dyn Files, notes: &mut Vec<Note>) -> Result<(), Damage> {
    if !files.exists(INSTALLING)? {
        return Ok(());
    }
    let mut bytes = [0; 64];
    let read = files.read(INSTALLING, 0, &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    if let Some(snapshot) = text.strip_suffix('\n').and_then(DataFile::parse)
        && (files.exists(UNFINISHED)? || check_snapshot(files, snapshot).is_ok())
    {
        complete(files, snapshot)?;
        notes.push(Note::Installed { zxid: snapshot.zxid() });
        return Ok(());
    }
    // The installation had not begun.
    files.remove(INSTALLING)?;
    files.sync_names()?;
    Ok(())
}

fn complete(files: &mut dyn Files, snapshot: DataFile) -> Result<(), Fault> {
    if files.exists(UNFINISHED)? {
        files.rename(UNFINISHED, &snapshot.name())?;
        files.sync_names()?;
    }
    let (logs, snapshots) = list(files)?;
    for file in logs.into_iter().chain(snapshots).filter(|file| *file != snapshot) {
        files.remove(&file.name())?;
    }
    files.sync_names()?;
    files.remove(INSTALLING)?;
    files.sync_names()
}
