//! One file of the simulated disk: what programs see of it, what the disk has, and what is between.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::dice::Dice;

const SECTOR: usize = 512;

/// The bytes of a file, without a name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    /// What programs see.
    pub(crate) cached: Vec<u8>,
    /// What the disk has for sure.
    pub(crate) stable: Vec<u8>,
    dirty: Vec<Dirty>,
    /// Bytes were changed that nobody wrote.
    pub(crate) struck: bool,
}

impl Inode {
    /// Changes bytes that nobody wrote, each with its index in the range, on the disk and in the cache.
    pub(crate) fn strike(&mut self, range: Range<usize>, change: impl Fn(&mut u8, usize)) {
        self.struck = true;
        for side in [&mut self.cached, &mut self.stable] {
            for (index, at) in range.clone().enumerate() {
                if let Some(byte) = side.get_mut(at) {
                    change(byte, index);
                }
            }
        }
    }

    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        if self.cached.len() < at + bytes.len() {
            self.cached.resize(at + bytes.len(), 0);
        }
        self.cached[at..at + bytes.len()].copy_from_slice(bytes);
        self.dirty.push(Dirty::Write { at, bytes: bytes.to_vec() });
    }

    pub(crate) fn set_len(&mut self, len: usize) {
        self.dirty.push(Dirty::SetLen { from: self.cached.len(), to: len });
        self.cached.resize(len, 0);
    }

    /// Forgets what is to be forced, as an operating system does when forcing it has failed.
    pub(crate) fn drop_dirty(&mut self) {
        self.dirty.clear();
    }

    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.dirty) {
            match change {
                Dirty::Write { at, bytes } => {
                    if self.stable.len() < at + bytes.len() {
                        self.stable.resize(at + bytes.len(), 0);
                    }
                    self.stable[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                Dirty::SetLen { to, .. } => self.stable.resize(to, 0),
            }
        }
    }

    pub(crate) fn power_loss(&mut self, dice: &mut Dice) {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.is_empty() {
            self.cached.clone_from(&self.stable);
            return;
        }
        let len = self.surviving_len(&dirty, dice);
        let reach = dirty.iter().map(|change| change.range().1).max().unwrap_or(0);
        let mut image = std::mem::take(&mut self.stable);
        image.resize(image.len().max(reach).max(len), 0);
        survive(&mut image, &dirty, dice);
        image.truncate(len);
        self.stable = image;
        self.cached.clone_from(&self.stable);
    }

    /// The length that the disk knows: one that the file had since the last sync, or one between
    /// the old and the new.
    fn surviving_len(&self, dirty: &[Dirty], dice: &mut Dice) -> usize {
        let mut lens = vec![self.stable.len()];
        for change in dirty {
            let last = lens[lens.len() - 1];
            lens.push(match change {
                Dirty::Write { .. } => last.max(change.range().1),
                Dirty::SetLen { to, .. } => *to,
            });
        }
        let (old, new) = (lens[0], lens[lens.len() - 1]);
        if dice.chance(700) {
            lens[dice.below(lens.len())]
        } else {
            dice.between(old.min(new) as u64, old.max(new) as u64 + 1) as usize
        }
    }
}

/// A change of a file's bytes that has not been synced.
#[derive(Clone, Debug)]
enum Dirty {
    Write { at: usize, bytes: Vec<u8> },
    SetLen { from: usize, to: usize },
}

impl Dirty {
    /// The bytes that change: from, and up to but not including.
    fn range(&self) -> (usize, usize) {
        match self {
            Dirty::Write { at, bytes } => (*at, at + bytes.len()),
            Dirty::SetLen { from, to } => (*to.min(from), *from),
        }
    }

    /// Makes the change within the bytes from `low` up to `high`.
    fn apply(&self, image: &mut [u8], low: usize, high: usize) {
        let (from, to) = self.range();
        let (low, high) = (low.max(from), high.min(to).min(image.len()));
        if low >= high {
            return;
        }
        match self {
            Dirty::Write { at, bytes } => {
                image[low..high].copy_from_slice(&bytes[low - at..high - at]);
            }
            Dirty::SetLen { .. } => image[low..high].fill(0),
        }
    }
}

/// Brings to the disk, for each sector, as many of its changes as the dice say.
fn survive(image: &mut [u8], dirty: &[Dirty], dice: &mut Dice) {
    let mut left: BTreeMap<usize, usize> = BTreeMap::new();
    for change in dirty {
        for sector in sectors(change) {
            *left.entry(sector).or_default() += 1;
        }
    }
    // All, nothing, or anything: storms of independent dice would leave a long file in shreds
    // every time, and the rarer whole outcomes are the more telling.
    let style = dice.below(4);
    for count in left.values_mut() {
        *count = match style {
            0 => 0,
            1 => *count,
            _ => dice.below(*count + 1),
        };
    }
    for change in dirty {
        for sector in sectors(change) {
            let count = left.get_mut(&sector).expect("every sector was counted");
            if *count > 0 {
                *count -= 1;
                change.apply(image, sector * SECTOR, (sector + 1) * SECTOR);
            }
        }
    }
    let last = dirty.iter().rev().find_map(|change| Some((change, sectors(change).last()?)));
    if let Some((change, sector)) = last
        && dice.chance(500)
    {
        let torn = dice.below(SECTOR);
        change.apply(image, sector * SECTOR, sector * SECTOR + torn);
    }
}

fn sectors(change: &Dirty) -> std::ops::Range<usize> {
    let (from, to) = change.range();
    if from >= to { 0..0 } else { from / SECTOR..to.div_ceil(SECTOR) }
}
