//! Carries out writes and answers questions, over the files of one server.
//!
//! Always true:
//! - after `sync`, everything written before it survives a power loss, names included;
//! - an epoch file, a snapshot's name, a purge and the end of a convalescence come to the disk only
//!   after the log before them;
//! - after the first fault nothing is done any more: what a disk has lost once, a second `sync` does
//!   not bring back, though it may say so.
//!
//! Book: chapter 7. ZooKeeper: `SyncRequestProcessor`, `FileTxnSnapLog`.

use std::collections::{BTreeMap, BTreeSet};

use machines::{Fault, Files};
use zxid::Zxid;

use crate::names::{ACCEPTED_EPOCH, CURRENT_EPOCH, UNFINISHED, list};
use crate::snapshot_writer::SnapshotWriter;
use crate::{
    Damage, DataFile, Entry, Fetch, Fetched, History, Log, Settings, Write, check_snapshot,
    convalescence, deletable, epochs, install, truncate,
};

/// How many places in the log are remembered, for whoever reads it piece by piece.
const PLACES: usize = 64;

/// The disk of one server, opened by [`recover`](crate::recover).
pub struct Store<F> {
    files: F,
    settings: Settings,
    log: Log,
    /// Names were given or removed that are not forced yet.
    names_changed: bool,
    snapshot: Option<SnapshotWriter>,
    /// The snapshots that were read to the end and found whole.
    whole: BTreeSet<DataFile>,
    /// Where in the log the record after a transaction begins.
    places: BTreeMap<Zxid, (DataFile, u64)>,
    failed: Option<Fault>,
}

impl<F: Files> Store<F> {
    pub(crate) fn new(files: F, settings: Settings, last: Zxid, whole: DataFile) -> Store<F> {
        Store {
            files,
            settings,
            log: Log::new(last, settings.preallocate),
            names_changed: false,
            snapshot: None,
            whole: BTreeSet::from([whole]),
            places: BTreeMap::new(),
            failed: None,
        }
    }

    /// The files.
    pub fn files(&self) -> &F {
        &self.files
    }

    /// The last entry of the log, forced or not; that of the snapshot if the log is empty.
    pub fn last(&self) -> Zxid {
        self.log.last()
    }

    /// Carries out one write. Nothing of it is safe before [`Store::sync`]. Writes that must not
    /// overtake others force those by themselves.
    pub fn write(&mut self, write: Write) -> Result<(), Fault> {
        self.guarded(|store| store.carry_out(write))
    }

    /// Forces every write so far to the disk. A snapshot that is being written does not count yet.
    pub fn sync(&mut self) -> Result<(), Fault> {
        self.guarded(Store::force)
    }

    /// Answers a question. What was written counts, forced or not.
    pub fn fetch(&mut self, fetch: Fetch) -> Result<Fetched, Fault> {
        let Fetch::Entries { from, to, bytes } = fetch;
        self.guarded(|store| store.entries(from, to, bytes))
    }

    /// Does something unless something failed before.
    fn guarded<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if let Some(fault) = &self.failed {
            return Err(fault.clone());
        }
        let done = act(self);
        self.failed = done.as_ref().err().cloned();
        done
    }

    fn carry_out(&mut self, write: Write) -> Result<(), Fault> {
        match write {
            Write::Append(entry) => self.log.append(&mut self.files, &entry),
            Write::Roll => self.log.roll(&mut self.files),
            Write::Truncate(to) => self.truncate(to),
            Write::AcceptedEpoch(epoch) => self.replace(ACCEPTED_EPOCH, epoch),
            Write::CurrentEpoch(epoch) => self.replace(CURRENT_EPOCH, epoch),
            Write::BeginSnapshot { zxid } => {
                let compression = self.settings.compression;
                self.snapshot = Some(SnapshotWriter::begin(&mut self.files, zxid, compression)?);
                Ok(())
            }
            Write::SnapshotBytes(bytes) => {
                let snapshot = self.snapshot.as_mut().expect("a snapshot was begun");
                snapshot.push(&mut self.files, &bytes)
            }
            Write::EndSnapshot { digest } => self.end_snapshot(digest),
            Write::InstallSnapshot { digest } => self.install_snapshot(digest),
            Write::Convalesced => {
                self.force()?;
                convalescence::end(&mut self.files)
            }
            Write::AbandonSnapshot => {
                self.snapshot = None;
                self.names_changed = true;
                self.files.remove(UNFINISHED)
            }
            Write::Purge { keep } => self.purge(keep),
        }
    }

    fn force(&mut self) -> Result<(), Fault> {
        self.log.sync(&mut self.files)?;
        if self.names_changed {
            self.files.sync_names()?;
            self.names_changed = false;
        }
        Ok(())
    }

    fn truncate(&mut self, to: Zxid) -> Result<(), Fault> {
        if to >= self.log.last() {
            return Ok(());
        }
        self.log.roll(&mut self.files)?;
        self.force()?;
        truncate(&mut self.files, to)?;
        self.whole.retain(|snapshot| snapshot.zxid() <= to);
        self.begin_log(to);
        Ok(())
    }

    /// Replaces an epoch file. The history that an epoch speaks of is on disk before it.
    fn replace(&mut self, name: &str, epoch: u32) -> Result<(), Fault> {
        self.force()?;
        epochs::replace(&mut self.files, name, &epochs::text(name, epoch))?;
        self.names_changed = true;
        Ok(())
    }

    fn end_snapshot(&mut self, digest: Option<(Zxid, u64)>) -> Result<(), Fault> {
        // Effects in it may be of entries that are not forced yet.
        self.force()?;
        let file = self.seal(digest)?;
        self.whole.remove(&file);
        self.files.rename(UNFINISHED, &file.name())?;
        self.names_changed = true;
        Ok(())
    }

    fn install_snapshot(&mut self, digest: Option<(Zxid, u64)>) -> Result<(), Fault> {
        self.log.roll(&mut self.files)?;
        self.force()?;
        let file = self.seal(digest)?;
        install::begin(&mut self.files, file)?;
        self.whole.clear();
        self.begin_log(file.zxid());
        Ok(())
    }

    fn seal(&mut self, digest: Option<(Zxid, u64)>) -> Result<DataFile, Fault> {
        let snapshot = self.snapshot.take().expect("a snapshot was begun");
        snapshot.seal(&mut self.files, digest)
    }

    fn begin_log(&mut self, last: Zxid) {
        self.log = Log::new(last, self.settings.preallocate);
        self.places.clear();
    }

    /// Removes what is not needed, once enough newer snapshots are proved to be whole and on disk.
    fn purge(&mut self, keep: usize) -> Result<(), Fault> {
        self.force()?;
        let (logs, snapshots) = list(&self.files)?;
        let mut whole = Vec::new();
        for file in snapshots.iter().rev() {
            if whole.len() == keep.max(1) {
                break;
            }
            if !self.whole.contains(file) {
                self.files.sync(&file.name())?;
                if check_snapshot(&self.files, *file).is_err() {
                    continue;
                }
                self.whole.insert(*file);
            }
            whole.push(file.zxid());
        }
        let all: Vec<DataFile> = logs.into_iter().chain(snapshots).collect();
        // Snapshots first, then the log from its beginning, and one after another on disk: so that no
        // hole appears, nor a snapshot after which the log does not go on.
        let mut gone = deletable(&all, &whole, keep);
        gone.sort_by_key(|file| (file.is_log(), file.zxid()));
        for file in gone {
            self.files.remove(&file.name())?;
            self.files.sync_names()?;
            self.whole.remove(&file);
        }
        self.places.clear();
        Ok(())
    }

    fn entries(&mut self, from: Zxid, to: Zxid, bytes: usize) -> Result<Fetched, Fault> {
        self.log.flush(&mut self.files)?;
        let (logs, snapshots) = list(&self.files)?;
        let missing = Fetched::Missing { from, to };
        let mut history = match self.places.get(&from) {
            Some(place) => History::from_place(&self.files, &logs, from, *place)?,
            None => History::new(&self.files, &logs, from),
        };
        let (mut entries, mut held, mut place) = (Vec::<Entry>::new(), 0, None);
        while held < bytes.max(1) {
            let entry = match history.next() {
                Some(Ok(entry)) if entry.zxid <= to => entry,
                Some(Err(Damage::Disk(fault))) => return Err(fault),
                // Who asks gets a snapshot instead. What recovery needs, it will look at itself.
                Some(Err(_)) if entries.is_empty() => return Ok(missing),
                Some(Ok(_)) | Some(Err(_)) | None => break,
            };
            held += entry.payload.len();
            entries.push(entry);
            // Now, for the next one that is read may not be wanted.
            place = history.place();
        }
        // Between two epochs nothing tells that the end of the first is missing, unless `from` is
        // here.
        let here = history.before() == Some(from)
            || snapshots.iter().any(|snapshot| snapshot.zxid() == from);
        let joins = match entries.first() {
            Some(first) => here || first.zxid.epoch() == from.epoch(),
            None => from >= self.log.last() || from >= to,
        };
        if !joins {
            return Ok(missing);
        }
        if let (Some(last), Some(place)) = (entries.last(), place) {
            let last = last.zxid;
            self.places.insert(last, place);
            if self.places.len() > PLACES {
                self.places.pop_first();
            }
        }
        Ok(Fetched::Entries { from, to, entries })
    }
}
