//! The simulated disk: files in memory that forget what a real disk may forget.
//!
//! An operating system keeps writes in its cache and carries them to the disk when it likes. As
//! long as the machine has power, every program sees the cache, so a killed process loses nothing
//! that it had written. When the power goes, only what was synced is certain; of the rest, any
//! part may have reached the disk. This disk keeps both sides apart and rolls dice about the rest.
//!
//! Always true:
//! - what was synced by a sync that worked, and not changed since, survives every loss of power;
//! - of unsynced changes any subset of 512-byte sectors survives, and of one sector any version;
//! - one sector, the last that was written, may be torn at any byte;
//! - a name that was not synced may come back, be missing, or be the old one, and renaming is
//!   atomic: the file is under the one name or the other;
//! - names are safe only after `sync_names`, even of a file that was itself synced.
//!
//! Book: chapter 1. Paper: Rebello et al. 2020 (what file systems do when fsync fails).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use crate::dice::Dice;
use crate::files::Files;
use crate::inode::Inode;
use crate::machine::Fault;

/// What a disk is asked to do, as far as it can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reading from a file.
    Read,
    /// Writing to a file or changing its length.
    Write,
    /// Forcing a file or the folder to the disk.
    Sync,
}

/// A handle on a simulated disk. Clones are handles on the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimFiles(Rc<RefCell<Platter>>);

impl SimFiles {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another disk with the same contents, cached and stable, and the same faults to come.
    pub fn copy(&self) -> SimFiles {
        SimFiles(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    /// Another disk, with what this one has for sure: what it shows after a loss of power of which
    /// nothing survives that was not synced.
    pub fn forced(&self) -> SimFiles {
        let forced = self.copy();
        forced.forget_unforced();
        forced.power_loss(&mut Dice::new(0));
        forced
    }

    /// The power goes and comes back. What was not synced survives as the dice will have it, and
    /// faults that were still to come are forgotten, except for a full disk.
    pub fn power_loss(&self, dice: &mut Dice) {
        self.0.borrow_mut().power_loss(dice);
    }

    /// Drops what was not synced, so that nothing of it survives the next loss of power.
    pub fn forget_unforced(&self) {
        let mut platter = self.0.borrow_mut();
        platter.names = platter.stable_names.clone();
        platter.renamed.clear();
        platter.inodes.values_mut().for_each(Inode::drop_dirty);
    }

    /// Makes the `nth` operation of this kind from now on fail, once; 1 is the next. When a sync
    /// fails, what it should have forced is dropped: reads still show it, but no later sync
    /// brings it to the disk.
    pub fn fail(&self, operation: Operation, nth: u32) {
        assert!(nth > 0, "operations to come are counted from 1");
        self.0.borrow_mut().failing.insert(operation, nth);
    }

    /// Makes syncs lie from now on, until the power goes: they succeed and force nothing.
    pub fn lie(&self) {
        self.0.borrow_mut().lying = true;
    }

    /// Leaves room for so many more bytes; none is no limit.
    pub fn leave_room(&self, bytes: Option<u64>) {
        self.0.borrow_mut().room = bytes;
    }

    /// Lets the power fail after so many more changes and syncs. From then on everything is
    /// refused with [`Fault::PowerLost`], until [`SimFiles::power_loss`] brings the power back.
    pub fn lose_power_after(&self, changes: u64) {
        self.0.borrow_mut().changes_left = Some(changes);
    }

    /// How many changes and syncs there were, so that a test can stop before each of them.
    pub fn changes(&self) -> u64 {
        self.0.borrow().changes
    }

    /// Turns one bit of a file, on the disk and in the cache. `bit` counts from the file's first
    /// byte, lowest bit first. It is no fault if the file is shorter.
    pub fn flip(&self, name: &str, bit: u64) {
        let mut platter = self.0.borrow_mut();
        let (byte, mask) = ((bit / 8) as usize, 1 << (bit % 8));
        let Ok(inode) = platter.inode_mut(name) else { return };
        inode.strike(byte..byte + 1, |byte, _| *byte ^= mask);
    }

    /// A write has gone astray: what should have come to `range` of one file lies in another, or
    /// elsewhere in the same, from byte `at` on. Where it belongs are zeros, as in a file that has
    /// grown. It is no fault if the files are shorter.
    pub fn misdirect(&self, from: &str, range: Range<u64>, to: &str, at: u64) {
        let mut platter = self.0.borrow_mut();
        let (range, at) = (range.start as usize..range.end as usize, at as usize);
        let Ok(inode) = platter.inode_mut(from) else { return };
        let Some(bytes) = inode.cached.get(range.clone()).map(<[u8]>::to_vec) else { return };
        inode.strike(range, |byte, _| *byte = 0);
        if let Ok(inode) = platter.inode_mut(to) {
            inode.strike(at..at + bytes.len(), |byte, index| *byte = bytes[index]);
        }
    }

    /// The files of which bytes were changed by [`SimFiles::flip`] or [`SimFiles::misdirect`], under
    /// the names that they have now.
    pub fn struck(&self) -> Vec<String> {
        let platter = self.0.borrow();
        let struck = platter.names.iter().filter(|(_, id)| platter.inodes[id].struck);
        struck.map(|(name, _)| name.clone()).collect()
    }

    /// Forgets everything: somebody has put in a new disk.
    pub fn wipe(&self) {
        *self.0.borrow_mut() = Platter::default();
    }
}

impl Files for SimFiles {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let platter = self.0.borrow();
        platter.powered()?;
        Ok(platter.names.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> Result<u64, Fault> {
        let platter = self.0.borrow();
        platter.powered()?;
        Ok(platter.inode(name)?.cached.len() as u64)
    }

    fn read(&self, name: &str, at: u64, into: &mut [u8]) -> Result<usize, Fault> {
        let mut platter = self.0.borrow_mut();
        platter.powered()?;
        platter.try_to(Operation::Read)?;
        let bytes = &platter.inode(name)?.cached;
        let from = (at as usize).min(bytes.len());
        let count = into.len().min(bytes.len() - from);
        into[..count].copy_from_slice(&bytes[from..from + count]);
        Ok(count)
    }

    fn write(&mut self, name: &str, at: u64, bytes: &[u8]) -> Result<(), Fault> {
        let mut platter = self.0.borrow_mut();
        platter.change()?;
        platter.try_to(Operation::Write)?;
        platter.write(name, at as usize, bytes)
    }

    fn set_len(&mut self, name: &str, len: u64) -> Result<(), Fault> {
        let mut platter = self.0.borrow_mut();
        platter.change()?;
        platter.try_to(Operation::Write)?;
        platter.set_len(name, len as usize)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Fault> {
        let mut platter = self.0.borrow_mut();
        platter.change()?;
        let id = platter.names.remove(from).ok_or_else(|| Fault::Missing(from.to_string()))?;
        platter.names.insert(to.to_string(), id);
        platter.renamed.push(vec![(from.to_string(), None), (to.to_string(), Some(id))]);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), Fault> {
        let mut platter = self.0.borrow_mut();
        platter.change()?;
        if platter.names.remove(name).is_some() {
            platter.renamed.push(vec![(name.to_string(), None)]);
        }
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), Fault> {
        let mut platter = self.0.borrow_mut();
        platter.change()?;
        platter.inode(name)?;
        if let Err(fault) = platter.try_to(Operation::Sync) {
            platter.inode_mut(name)?.drop_dirty();
            return Err(fault);
        }
        if !platter.lying {
            platter.inode_mut(name)?.sync();
        }
        Ok(())
    }

    fn sync_names(&mut self) -> Result<(), Fault> {
        let mut platter = self.0.borrow_mut();
        platter.change()?;
        platter.try_to(Operation::Sync)?;
        if !platter.lying {
            platter.sync_names();
        }
        Ok(())
    }
}

/// A change of names: each name with the file that it has from now on. A renaming has two.
type Renamed = Vec<(String, Option<u64>)>;

#[derive(Clone, Debug, Default)]
struct Platter {
    names: BTreeMap<String, u64>,
    stable_names: BTreeMap<String, u64>,
    renamed: Vec<Renamed>,
    inodes: BTreeMap<u64, Inode>,
    created: u64,
    changes: u64,
    failing: BTreeMap<Operation, u32>,
    lying: bool,
    room: Option<u64>,
    changes_left: Option<u64>,
}

impl Platter {
    fn powered(&self) -> Result<(), Fault> {
        if self.changes_left == Some(0) { Err(Fault::PowerLost) } else { Ok(()) }
    }

    fn change(&mut self) -> Result<(), Fault> {
        self.powered()?;
        self.changes += 1;
        if let Some(left) = &mut self.changes_left {
            *left -= 1;
        }
        Ok(())
    }

    fn try_to(&mut self, operation: Operation) -> Result<(), Fault> {
        let Some(left) = self.failing.get_mut(&operation) else { return Ok(()) };
        *left -= 1;
        if *left > 0 {
            return Ok(());
        }
        self.failing.remove(&operation);
        Err(Fault::Broken("input/output error".to_string()))
    }

    fn inode(&self, name: &str) -> Result<&Inode, Fault> {
        let id = self.names.get(name).ok_or_else(|| Fault::Missing(name.to_string()))?;
        Ok(&self.inodes[id])
    }

    fn inode_mut(&mut self, name: &str) -> Result<&mut Inode, Fault> {
        let id = self.names.get(name).ok_or_else(|| Fault::Missing(name.to_string()))?;
        Ok(self.inodes.get_mut(id).expect("a name has a file"))
    }

    fn create(&mut self, name: &str) {
        if !self.names.contains_key(name) {
            self.created += 1;
            self.inodes.insert(self.created, Inode::default());
            self.names.insert(name.to_string(), self.created);
            self.renamed.push(vec![(name.to_string(), Some(self.created))]);
        }
    }

    /// A write that finds the disk full writes what fits and then says so, as `write` does.
    fn write(&mut self, name: &str, at: usize, bytes: &[u8]) -> Result<(), Fault> {
        self.create(name);
        let grown = (at + bytes.len()).saturating_sub(self.inode(name)?.cached.len());
        let fits = self.take_room(grown as u64) as usize;
        let kept = bytes.len().saturating_sub(grown - fits);
        self.inode_mut(name)?.write(at, &bytes[..kept]);
        if kept < bytes.len() { Err(Fault::Full) } else { Ok(()) }
    }

    fn set_len(&mut self, name: &str, len: usize) -> Result<(), Fault> {
        self.create(name);
        let grown = len.saturating_sub(self.inode(name)?.cached.len()) as u64;
        if self.room.is_some_and(|room| room < grown) {
            return Err(Fault::Full);
        }
        self.take_room(grown);
        self.inode_mut(name)?.set_len(len);
        Ok(())
    }

    fn take_room(&mut self, bytes: u64) -> u64 {
        let Some(room) = &mut self.room else { return bytes };
        let taken = bytes.min(*room);
        *room -= taken;
        taken
    }

    fn sync_names(&mut self) {
        self.stable_names.clone_from(&self.names);
        self.renamed.clear();
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.inodes.retain(|id, _| named.contains(id));
    }

    fn power_loss(&mut self, dice: &mut Dice) {
        let mut names = std::mem::take(&mut self.stable_names);
        let mut lost = BTreeSet::new();
        // A change survives only if every earlier change of the same names did.
        for renamed in std::mem::take(&mut self.renamed) {
            if renamed.iter().any(|(name, _)| lost.contains(name)) || dice.chance(500) {
                lost.extend(renamed.into_iter().map(|(name, _)| name));
                continue;
            }
            for (name, id) in renamed {
                match id {
                    Some(id) => names.insert(name, id),
                    None => names.remove(&name),
                };
            }
        }
        self.names = names;
        self.sync_names();
        for inode in self.inodes.values_mut() {
            inode.power_loss(dice);
        }
        self.failing.clear();
        self.lying = false;
        self.changes_left = None;
    }
}
