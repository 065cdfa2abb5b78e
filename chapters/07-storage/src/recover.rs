//! Finds out what is on disk, and leaves it so that finding out again gives the same.
//!
//! Recovery changes the disk in three ways only: it removes what was never finished, it cuts off
//! what was never acknowledged, and in an empty directory it writes the snapshot of an empty state.
//! (What it does with damage is in `convalescence.rs`.) It may be stopped at any point and begun again.
//!
//! ZooKeeper: `FileTxnSnapLog.restore`, `FileSnap.deserialize`.

use machines::Files;
use zxid::Zxid;

use crate::convalescence;
use crate::epochs;
use crate::install;
use crate::log_format::{End, HEADER, Verdict};
use crate::names::{ACCEPTED_EPOCH, CONVALESCENT, CURRENT_EPOCH, UNFINISHED, list};
use crate::snapshot_writer::SnapshotWriter;
use crate::{
    Compression, Damage, DataFile, Entry, History, LogReader, Note, SnapshotReader, State, Store,
    compress, cut_log, judge, restore,
};

/// How many snapshots are tried, newest first.
const TRIES: usize = 100;

/// How a store is to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// By how many bytes of zeros a log file grows at a time; 0 for none. ZooKeeper: `preAllocSize`.
    pub preallocate: u64,
    /// How snapshots are written. All are read. ZooKeeper: `snapshot.compression.method`.
    pub compression: Compression,
    /// Whether a log without a snapshot is replayed from an empty state, if it begins with the very
    /// first transaction. ZooKeeper: `snapshot.trust.empty`.
    pub trust_empty: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { preallocate: 64 << 20, compression: Compression::None, trust_empty: false }
    }
}

/// Which part of the log is applied to the state at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// All of it: for a server that is alone, and for tools.
    All,
    /// Nothing. The entries after the snapshot are given as [`Recovered::tail`], since only a leader
    /// can say which of them are committed.
    None,
}

/// What was on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered<S> {
    /// The newest whole snapshot, and with [`Replay::All`] everything after it.
    pub state: S,
    /// The snapshot's transaction: the state has all effects up to it.
    pub snapshot: Zxid,
    /// The entries after the snapshot, if they are not applied.
    pub tail: Vec<Entry>,
    /// The last transaction on disk: forced, so that it can be answered for.
    pub last: Zxid,
    /// The epoch below which no leader will be followed.
    pub accepted_epoch: Option<u32>,
    /// The epoch of the last leader whose beginning is in the history.
    pub current_epoch: Option<u32>,
    /// A digest that the snapshot gives, and that the state must have after this transaction, which
    /// is not applied yet.
    pub digest: Option<(Zxid, u64)>,
    /// Whether this server has yet to be brought up to date, after damage, by a leader: then nobody
    /// may count on it. See `convalescence.rs`.
    pub convalescent: bool,
    /// What was put right.
    pub notes: Vec<Note>,
}

/// Reads what is on disk and opens it for writing. `fresh` gives an empty state, as often as needed.
///
/// This is for a server that is alone, and for tools: what is damaged is an error.
pub fn recover<F: Files, S: State>(
    mut files: F,
    settings: Settings,
    replay: Replay,
    fresh: &mut dyn FnMut() -> S,
) -> Result<(Recovered<S>, Store<F>), Damage> {
    if convalescence::is_marked(&files)? {
        return Err(Damage::Convalescent);
    }
    let (recovered, file) = read(&mut files, settings, replay, fresh)?;
    let store = Store::new(files, settings, recovered.last, file);
    Ok((recovered, store))
}

/// The same for a member of an ensemble. Only a leader can say how much of the log is committed, so
/// none of it is replayed. What is damaged is set aside, and the server convalesces.
pub fn recover_member<F: Files, S: State>(
    mut files: F,
    settings: Settings,
    fresh: &mut dyn FnMut() -> S,
) -> Result<(Recovered<S>, Store<F>), Damage> {
    let mut notes = Vec::new();
    if convalescence::is_interrupted(&files)? {
        notes.push(convalescence::begin(&mut files, None)?);
    }
    let found = match read_member(&mut files, settings, fresh) {
        // A disk that fails may work again; and whoever lost all snapshots, but nothing else, did not
        // lose them to the disk.
        Err(damage) if !matches!(damage, Damage::Disk(_) | Damage::NoSnapshot { .. }) => {
            notes.push(convalescence::begin(&mut files, Some(&damage))?);
            read_member(&mut files, settings, fresh)
        }
        found => found,
    };
    let (mut recovered, file) = found?;
    recovered.convalescent = convalescence::is_marked(&files)?;
    if recovered.convalescent {
        notes.push(Note::Convalescent { promise: recovered.accepted_epoch });
    }
    recovered.notes.extend(notes);
    let store = Store::new(files, settings, recovered.last, file);
    Ok((recovered, store))
}

fn read_member<S: State>(
    files: &mut dyn Files,
    settings: Settings,
    fresh: &mut dyn FnMut() -> S,
) -> Result<(Recovered<S>, DataFile), Damage> {
    let (found, file) = read(files, settings, Replay::None, fresh)?;
    epochs::epochs(found.last, found.accepted_epoch, found.current_epoch)?;
    Ok((found, file))
}

/// Reads what is on disk, and puts right what is harmless. Gives the snapshot that was loaded, too.
fn read<S: State>(
    files: &mut dyn Files,
    settings: Settings,
    replay: Replay,
    fresh: &mut dyn FnMut() -> S,
) -> Result<(Recovered<S>, DataFile), Damage> {
    let mut notes = Vec::new();
    install::finish(files, &mut notes)?;
    remove_leftovers(files, &mut notes)?;
    remove_empty_logs(files, &mut notes)?;
    let accepted_epoch = epochs::read(files, ACCEPTED_EPOCH)?;
    let current_epoch = epochs::read(files, CURRENT_EPOCH)?;
    let Loaded { mut state, file, mut digest } = load(files, settings, fresh, &mut notes)?;
    let snapshot = file.zxid();
    check_digest(&state, snapshot, &mut digest, &mut notes);

    let (logs, _) = list(files)?;
    let mut history = History::new(files, &logs, snapshot);
    let (last, tail) = match replay {
        Replay::All => {
            if let Some((zxid, _)) = digest {
                history.pause_after(zxid);
            }
            let paused = restore(&mut state, snapshot, &mut history)?;
            check_digest(&state, paused, &mut digest, &mut notes);
            (restore(&mut state, paused, &mut history)?, Vec::new())
        }
        Replay::None => {
            let tail = history.by_ref().collect::<Result<Vec<Entry>, Damage>>()?;
            (tail.last().map_or(snapshot, |entry| entry.zxid), tail)
        }
    };
    let used = history.logs().to_vec();
    let (end, more) = history.finish();
    notes.extend(more);
    make_durable(files, file, &used, end)?;
    let convalescent = false;
    let recovered = Recovered {
        state,
        snapshot,
        tail,
        last,
        accepted_epoch,
        current_epoch,
        digest,
        convalescent,
        notes,
    };
    Ok((recovered, file))
}

/// Reads a snapshot from the first byte to the last, and says whether it is whole. Gives the digest
/// that it ends with, if any.
pub fn check_snapshot(files: &dyn Files, file: DataFile) -> Result<Option<(Zxid, u64)>, Damage> {
    let name = file.name();
    let mut body = open_snapshot(files, &name, file)?;
    body.skip_body()?;
    body.seals()
}

/// A snapshot that was loaded.
struct Loaded<S> {
    state: S,
    file: DataFile,
    digest: Option<(Zxid, u64)>,
}

/// Loads the newest snapshot that is whole.
fn load<S: State>(
    files: &mut dyn Files,
    settings: Settings,
    fresh: &mut dyn FnMut() -> S,
    notes: &mut Vec<Note>,
) -> Result<Loaded<S>, Damage> {
    let (logs, snapshots) = list(files)?;
    let mut bad = Vec::new();
    for file in snapshots.iter().rev().copied() {
        if bad.len() == TRIES {
            break;
        }
        // Unlike ZooKeeper, each attempt begins with a fresh state: nothing of a failed one stays.
        let mut state = fresh();
        match load_one(files, file, &mut state) {
            Ok(digest) => {
                notes.extend(bad.into_iter().map(Note::SkippedSnapshot));
                return Ok(Loaded { state, file, digest });
            }
            Err(damage) => bad.push(damage),
        }
    }
    // A first start that was cut short leaves a piece of a `snapshot.0`, and no more.
    if snapshots.iter().any(|file| file.zxid() != Zxid::ZERO) {
        return Err(Damage::NoGoodSnapshot(bad));
    }
    for log in &logs {
        let name = log.name();
        let any = LogReader::open(files, &name, HEADER)?.next_record()?.is_ok();
        if any && !(settings.trust_empty && snapshots.is_empty()) {
            return Err(match bad.is_empty() {
                true => Damage::NoSnapshot { log: name },
                false => Damage::NoGoodSnapshot(bad),
            });
        }
    }
    notes.extend(bad.into_iter().map(Note::SkippedSnapshot));
    let state = fresh();
    let file = write_first(files, settings, &state)?;
    Ok(Loaded { state, file, digest: None })
}

fn load_one<S: State>(
    files: &dyn Files,
    file: DataFile,
    state: &mut S,
) -> Result<Option<(Zxid, u64)>, Damage> {
    let name = file.name();
    let mut body = open_snapshot(files, &name, file)?;
    state.load(&mut body)?;
    body.seals()
}

/// A reader at the beginning of a snapshot's body.
fn open_snapshot<'a>(
    files: &'a dyn Files,
    name: &'a str,
    file: DataFile,
) -> Result<SnapshotReader<'a>, Damage> {
    let compression = match file {
        DataFile::Snapshot { compression, .. } => compression,
        DataFile::Log { .. } => panic!("{name} is no snapshot"),
    };
    if !compress::looks_whole(files, name, compression)? {
        let (file, at) = (name.to_string(), files.len(name)?);
        return Err(Damage::Snapshot { file, at, why: "it is not finished".to_string() });
    }
    let mut reader = SnapshotReader::new(name, compress::reader(files, name, compression));
    reader.header()?;
    Ok(reader)
}

/// Writes the snapshot of an empty state: the foundation for the log that will follow.
fn write_first(
    files: &mut dyn Files,
    settings: Settings,
    state: &impl State,
) -> Result<DataFile, Damage> {
    let mut writer = SnapshotWriter::begin(files, Zxid::ZERO, settings.compression)?;
    writer.push(files, &state.save())?;
    let file = writer.seal(files, state.digest().map(|digest| (Zxid::ZERO, digest)))?;
    files.rename(UNFINISHED, &file.name())?;
    files.sync_names()?;
    Ok(file)
}

/// Compares the state's digest with the one that the snapshot gave, if this is the place to do so.
fn check_digest(
    state: &impl State,
    at: Zxid,
    digest: &mut Option<(Zxid, u64)>,
    notes: &mut Vec<Note>,
) {
    let Some((zxid, expected)) = *digest else { return };
    if zxid > at {
        return;
    }
    // Some snapshots of ZooKeeper's carry the digest of an earlier transaction, which says nothing.
    if let Some(found) =
        state.digest().filter(|found| zxid == at && zxid != Zxid::ZERO && *found != expected)
    {
        notes.push(Note::Digest { zxid, expected, found });
    }
    *digest = None;
}

fn remove_leftovers(files: &mut dyn Files, notes: &mut Vec<Note>) -> Result<(), Damage> {
    let replaced = [ACCEPTED_EPOCH, CURRENT_EPOCH, CONVALESCENT].map(|name| format!("{name}.tmp"));
    for file in [UNFINISHED.to_string()].into_iter().chain(replaced) {
        if files.exists(&file)? {
            files.remove(&file)?;
            notes.push(Note::Leftover { file });
        }
    }
    Ok(())
}

/// Removes log files at the end that hold no record: a crash came between creating and filling them.
/// ZooKeeper 3.8 does not start with an empty one (ZOOKEEPER-2332).
fn remove_empty_logs(files: &mut dyn Files, notes: &mut Vec<Note>) -> Result<(), Damage> {
    let (logs, _) = list(files)?;
    for log in logs.iter().rev() {
        let file = log.name();
        let mut reader = LogReader::open(files, &file, HEADER)?;
        let Err(flaw) = reader.next_record()? else { break };
        if judge(&reader.end(flaw, true)?) != Verdict::Cut {
            break;
        }
        files.remove(&file)?;
        files.sync_names()?;
        notes.push(Note::EmptyLog { file });
    }
    Ok(())
}

/// Cuts off the torn tail, and forces everything that was relied on: the last process may have ended
/// before it did.
fn make_durable(
    files: &mut dyn Files,
    snapshot: DataFile,
    logs: &[DataFile],
    end: Option<End>,
) -> Result<(), Damage> {
    files.sync(&snapshot.name())?;
    let (rest, last) = match (logs.split_last(), end) {
        (Some((last, rest)), Some(end)) => (rest, Some((last.name(), end))),
        _ => (logs, None),
    };
    for log in rest {
        files.sync(&log.name())?;
    }
    if let Some((file, end)) = last {
        cut_log(files, &file, end.at)?;
    }
    files.sync_names()?;
    Ok(())
}
