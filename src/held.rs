//! Files whose unforced bytes stay in the process: what a loss of power would take, `kill -9` takes.
//!
//! `ensemble chaos` gives this layer to its servers. A killed process loses nothing by itself, since
//! the operating system has its bytes; here it does not have them before they are forced, nor a
//! name before the folder is. The disk can also be full, for as long as somebody says so.
//!
//! It shows less than the simulated disk of chapter 1: all unforced bytes are lost, never some of
//! them, no sector is torn, and whatever the operating system does wrong stays its secret.
//!
//! Always true:
//! - the folder on the disk holds what was forced, and nothing else of this process;
//! - the server sees all that it did, forced or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use machines::{Fault, Files};

use crate::files::OsFiles;

/// The files of one server, and what of them is not forced.
#[derive(Debug)]
pub struct HeldFiles {
    disk: OsFiles,
    /// What the server sees, by name.
    held: BTreeMap<String, Held>,
    /// While there is a file here, the disk is full.
    full: PathBuf,
}

/// One file, as the server sees it: what is on the disk, then the forced changes, then the others.
#[derive(Debug, Default)]
struct Held {
    /// Its name on the disk, if it has one there.
    there: Option<String>,
    /// Changes that were forced while it had no name on the disk.
    forced: Vec<Change>,
    /// Changes that were not forced.
    unforced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Bytes(u64, Vec<u8>),
    Length(u64),
}

impl HeldFiles {
    /// The same files, with unforced bytes kept apart from now on. The disk is full while there is
    /// a file at `full`.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn new(disk: OsFiles, full: &Path) -> Result<HeldFiles, Fault> {
        let held = |name: String| {
            let there = Some(name.clone());
            (name, Held { there, ..Held::default() })
        };
        let held = disk.names()?.into_iter().map(held).collect();
        Ok(HeldFiles { disk, held, full: full.to_path_buf() })
    }

    fn file(&self, name: &str) -> Result<&Held, Fault> {
        self.held.get(name).ok_or_else(|| Fault::Missing(name.to_string()))
    }

    /// The file for a change that takes room; it is made if it is missing.
    fn with_room(&mut self, name: &str) -> Result<&mut Held, Fault> {
        match self.full.exists() {
            true => Err(Fault::Full),
            false => Ok(self.held.entry(name.to_string()).or_default()),
        }
    }

    /// How long the file is on the disk.
    fn length_there(&self, file: &Held) -> Result<u64, Fault> {
        file.there.as_ref().map_or(Ok(0), |there| self.disk.len(there))
    }

    /// Gives the files on the disk the names that the server gave them. A name is free when the
    /// file that had it has moved on.
    fn rename_there(&mut self) -> Result<(), Fault> {
        loop {
            let moved = |(name, file): (&String, &Held)| {
                let there = file.there.clone().filter(|there| there != name)?;
                Some((there, name.clone()))
            };
            let moves: Vec<(String, String)> = self.held.iter().filter_map(moved).collect();
            let waits = |to: &String| moves.iter().any(|(from, _)| from == to);
            let Some((from, to)) = moves.iter().find(|(_, to)| !waits(to)) else {
                assert!(
                    moves.is_empty(),
                    "a store does not exchange the names of files: {moves:?}"
                );
                return Ok(());
            };
            self.disk.rename(from, to)?;
            self.held.get_mut(to).expect("it is one of them").there = Some(to.clone());
        }
    }
}

impl Files for HeldFiles {
    fn names(&self) -> Result<Vec<String>, Fault> {
        Ok(self.held.keys().cloned().collect())
    }

    fn exists(&self, name: &str) -> Result<bool, Fault> {
        Ok(self.held.contains_key(name))
    }

    fn len(&self, name: &str) -> Result<u64, Fault> {
        let file = self.file(name)?;
        let there = self.length_there(file)?;
        Ok(file.changes().fold(there, |length, change| change.lengthens(length)))
    }

    fn read(&self, name: &str, at: u64, into: &mut [u8]) -> Result<usize, Fault> {
        let file = self.file(name)?;
        let there = self.length_there(file)?;
        let length = file.changes().fold(there, |length, change| change.lengthens(length));
        let count = length.saturating_sub(at).min(into.len() as u64) as usize;
        let into = &mut into[..count];
        into.fill(0);
        let mut done = 0;
        while let Some(there) = &file.there
            && done < count
        {
            match self.disk.read(there, at + done as u64, &mut into[done..])? {
                0 => break,
                more => done += more,
            }
        }
        file.changes().for_each(|change| change.show(at, into));
        Ok(count)
    }

    fn write(&mut self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.with_room(name)?.unforced.push(Change::Bytes(at, bytes.to_vec()));
        Ok(())
    }

    fn set_len(&mut self, name: &str, len: u64) -> Result<(), Fault> {
        self.with_room(name)?.unforced.push(Change::Length(len));
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Fault> {
        let file = self.held.remove(from).ok_or_else(|| Fault::Missing(from.to_string()))?;
        self.held.insert(to.to_string(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), Fault> {
        self.held.remove(name);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), Fault> {
        let file = self.held.get_mut(name).ok_or_else(|| Fault::Missing(name.to_string()))?;
        match &file.there {
            None => file.forced.append(&mut file.unforced),
            Some(there) => {
                for change in file.unforced.drain(..) {
                    change.carry_out(&mut self.disk, there)?;
                }
                self.disk.sync(there)?;
            }
        }
        Ok(())
    }

    fn sync_names(&mut self) -> Result<(), Fault> {
        self.rename_there()?;
        for (name, file) in self.held.iter_mut().filter(|(_, file)| file.there.is_none()) {
            // One that was removed may still have this name there.
            self.disk.set_len(name, 0)?;
            for change in file.forced.drain(..) {
                change.carry_out(&mut self.disk, name)?;
            }
            self.disk.sync(name)?;
            file.there = Some(name.clone());
        }
        for name in self.disk.names()? {
            if !self.held.contains_key(&name) {
                self.disk.remove(&name)?;
            }
        }
        self.disk.sync_names()
    }
}

impl Held {
    fn changes(&self) -> impl Iterator<Item = &Change> {
        self.forced.iter().chain(&self.unforced)
    }
}

impl Change {
    /// How long a file is after it.
    fn lengthens(&self, length: u64) -> u64 {
        match self {
            Change::Bytes(at, bytes) => length.max(at + bytes.len() as u64),
            Change::Length(length) => *length,
        }
    }

    /// Makes it visible in a part of the file that begins at byte `from`.
    fn show(&self, from: u64, part: &mut [u8]) {
        let end = from + part.len() as u64;
        match self {
            Change::Bytes(at, bytes) => {
                let (first, last) = (from.max(*at), end.min(at + bytes.len() as u64));
                if first < last {
                    let bytes = &bytes[(first - at) as usize..(last - at) as usize];
                    part[(first - from) as usize..(last - from) as usize].copy_from_slice(bytes);
                }
            }
            // Whatever is there later is zeros, until it is written.
            Change::Length(length) => {
                let first = length.saturating_sub(from).min(part.len() as u64);
                part[first as usize..].fill(0);
            }
        }
    }

    fn carry_out(&self, disk: &mut OsFiles, name: &str) -> Result<(), Fault> {
        match self {
            Change::Bytes(at, bytes) => disk.write(name, *at, bytes),
            Change::Length(length) => disk.set_len(name, *length),
        }
    }
}
