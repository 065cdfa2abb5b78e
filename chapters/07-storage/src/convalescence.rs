//! What a member of an ensemble does with a damaged disk: it sets the files aside, and convalesces.
//!
//! A server whose history is damaged has lost what it acknowledged, and may have lost what it
//! promised. Alone it must not start. In an ensemble others have what it lost: it may take part, as
//! long as nobody counts on it, until a leader has brought it up to date. A small file, the *mark*,
//! says so from before the first file is set aside until all of that is on disk again.
//!
//! The promise (`acceptedEpoch`) stays if it can be read. If it cannot, the mark stands without one
//! until this server promises anew, and that is how a restart knows that an older one is forgotten.
//!
//! Always true:
//! - nothing that was there is deleted, or read again: it is kept under another name, for a person;
//! - while the files are being set aside the mark says so, and a crash on the way goes on with it; so
//!   no history is ever made of what happens to be left;
//! - the mark goes after the history and the epochs that it waits for are on disk, see
//!   [`Write::Convalesced`](crate::Write::Convalesced).
//!
//! Unlike ZooKeeper, which does not start, so that somebody removes the files by hand, and the server
//! votes as if it had never voted.
//!
//! Book: chapter 7. Paper: Alagappan et al. 2018 (protocol-aware recovery).

use machines::{Fault, Files};

use crate::names::{ACCEPTED_EPOCH, CONVALESCENT, CURRENT_EPOCH, aside, before_aside, list};
use crate::{Damage, Note, epochs};

/// What the mark says while files are being set aside, but for the promise.
const KEEPING_PROMISE: &str = "setting damaged files aside, but for acceptedEpoch\n";
/// What it says while everything is. Any other text that cannot be read says so, too.
const KEEPING_NOTHING: &str = "setting damaged files aside\n";
/// What it says from then on.
const WAITING: &str = "waiting for a leader that brings this server up to date\n";

/// Whether the mark is there.
pub(crate) fn is_marked(files: &dyn Files) -> Result<bool, Fault> {
    files.exists(CONVALESCENT)
}

/// Whether files were still being set aside when the process ended.
pub(crate) fn is_interrupted(files: &dyn Files) -> Result<bool, Fault> {
    Ok(is_marked(files)? && mark(files)? != WAITING.as_bytes())
}

/// Sets everything aside: the log, the snapshots and the epochs, but for a promise that can be read
/// and that `damage` does not contradict. Without `damage`, it goes on with what was interrupted.
pub(crate) fn begin(files: &mut dyn Files, damage: Option<&Damage>) -> Result<Note, Damage> {
    let keeps = match damage {
        Some(Damage::Epochs { .. }) => false,
        Some(_) => !matches!(epochs::read(files, ACCEPTED_EPOCH), Err(Damage::Epoch { .. })),
        None => mark(files)? == KEEPING_PROMISE.as_bytes(),
    };
    let text = if keeps { KEEPING_PROMISE } else { KEEPING_NOTHING };
    epochs::replace(files, CONVALESCENT, text)?;
    files.sync_names()?;
    let nth =
        1 + files.names()?.iter().filter_map(|it| Some(before_aside(it)?.1)).max().unwrap_or(0);
    let (logs, snapshots) = list(files)?;
    let mut names: Vec<String> =
        logs.into_iter().chain(snapshots).map(|file| file.name()).collect();
    names.push(CURRENT_EPOCH.to_string());
    if !keeps {
        names.push(ACCEPTED_EPOCH.to_string());
    }
    let mut kept = Vec::new();
    for name in names {
        if files.exists(&name)? {
            let aside = aside(&name, nth);
            files.rename(&name, &aside)?;
            kept.push(aside);
        }
    }
    files.sync_names()?;
    epochs::replace(files, CONVALESCENT, WAITING)?;
    files.sync_names()?;
    let why = damage.map(|damage| damage.to_string());
    Ok(Note::SetAside { why, files: kept })
}

fn mark(files: &dyn Files) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; 80];
    let read = files.read(CONVALESCENT, 0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// This server has convalesced, and everything that it waited for is on disk.
pub(crate) fn end(files: &mut dyn Files) -> Result<(), Fault> {
    files.remove(CONVALESCENT)?;
    files.sync_names()
}
