//! Hash tables for machines: finding by key in constant time, without an order to be misled by.
//!
//! Machines use ordered maps. Where measurement asks for hashing, a machine uses these two. Neither
//! can be iterated, because the order of a hash table is a source of randomness that no seed in a
//! trace would explain. The hash itself depends on a seed given to `new`: random in production, so
//! that nobody can choose keys that collide, and the world's seed in tests.
//!
//! Always true:
//! - what is found depends on what was inserted and removed, never on the seed;
//! - an insertion moves at most the entries of one of 256 parts, so that no step of a machine is
//!   stopped by a table that doubles: at two million entries a part holds about eight thousand;
//! - growing never asks the caller for anything: the part of the hash that is needed is kept.
//!
//! Book: chapter 1.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;
use hashbrown::HashTable;

/// A hash table of numbers whose keys lie elsewhere, such as the places of znodes in an arena.
///
/// The caller computes a key's hash with [`Index::hash`], and says whether the thing of a given
/// number has that key. Eight bytes are kept for each number.
#[derive(Clone)]
pub struct Index {
    seed: SharedSeed,
    parts: Parts<u32>,
}

impl Index {
    /// An empty table. Two tables of the same seed hash alike.
    pub fn new(seed: u64) -> Self {
        Index { seed: SharedSeed::from_u64(seed), parts: Parts::new() }
    }

    /// The hash of a key, for the other calls.
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(0, &self.seed);
        hasher.write(key);
        hasher.finish()
    }

    /// The number inserted under this hash for which `is` holds. `is` is asked about few numbers
    /// besides the right one.
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.parts.find(hash, |id| is(*id)).copied()
    }

    /// Adds a number. The caller knows that there is none for the same key yet.
    pub fn insert(&mut self, hash: u64, id: u32) {
        self.parts.insert(hash, id);
    }

    /// Removes a number; says whether it was there.
    pub fn remove(&mut self, hash: u64, id: u32) -> bool {
        self.parts.remove(hash, |other| *other == id).is_some()
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.parts.len
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.parts.len == 0
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} numbers)", self.len())
    }
}

/// A map by hash, which cannot be iterated.
#[derive(Clone)]
pub struct Lookup<K, V> {
    seed: SharedSeed,
    parts: Parts<(K, V)>,
}

impl<K: Hash + Eq, V> Lookup<K, V> {
    /// An empty map.
    pub fn new(seed: u64) -> Self {
        Lookup { seed: SharedSeed::from_u64(seed), parts: Parts::new() }
    }

    /// The value of a key.
    pub fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.parts.find(self.hash(key), |(other, _)| other.borrow() == key).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn find_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hash(key);
        self.parts.find_mut(hash, |(other, _)| other.borrow() == key).map(|(_, value)| value)
    }

    /// Gives a key a value; returns the value that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hash(&key);
        if let Some((_, old)) = self.parts.find_mut(hash, |(other, _)| *other == key) {
            return Some(std::mem::replace(old, value));
        }
        self.parts.insert(hash, (key, value));
        None
    }

    /// Removes a key; returns the value that it had.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hash(key);
        self.parts.remove(hash, |(other, _)| other.borrow() == key).map(|(_, value)| value)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.parts.len
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.parts.len == 0
    }

    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        let mut hasher = FoldHasher::with_seed(0, &self.seed);
        key.hash(&mut hasher);
        hasher.finish()
    }
}

impl<K, V> fmt::Debug for Lookup<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lookup({} keys)", self.parts.len)
    }
}

/// The low byte of a hash chooses the part; the high half of it is kept beside the entry, and
/// places the entry within the part.
#[derive(Clone)]
struct Parts<T> {
    parts: Vec<HashTable<(u32, T)>>,
    len: usize,
}

impl<T> Parts<T> {
    const COUNT: usize = 256;

    fn new() -> Self {
        Parts { parts: (0..Self::COUNT).map(|_| HashTable::new()).collect(), len: 0 }
    }

    fn find(&self, hash: u64, is: impl Fn(&T) -> bool) -> Option<&T> {
        let kept = kept(hash);
        let part = &self.parts[part(hash)];
        part.find(spread(kept), |(other, it)| *other == kept && is(it)).map(|(_, it)| it)
    }

    fn find_mut(&mut self, hash: u64, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        let kept = kept(hash);
        let part = &mut self.parts[part(hash)];
        part.find_mut(spread(kept), |(other, it)| *other == kept && is(it)).map(|(_, it)| it)
    }

    fn insert(&mut self, hash: u64, it: T) {
        let kept = kept(hash);
        let part = &mut self.parts[part(hash)];
        part.insert_unique(spread(kept), (kept, it), |(kept, _)| spread(*kept));
        self.len += 1;
    }

    fn remove(&mut self, hash: u64, is: impl Fn(&T) -> bool) -> Option<T> {
        let kept = kept(hash);
        let part = &mut self.parts[part(hash)];
        let found = part.find_entry(spread(kept), |(other, it)| *other == kept && is(it)).ok()?;
        self.len -= 1;
        Some(found.remove().0.1)
    }
}

fn part(hash: u64) -> usize {
    (hash & 0xff) as usize
}

fn kept(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// A table looks at the low bits of a hash and at the seven highest: both come from the kept half.
fn spread(kept: u32) -> u64 {
    u64::from(kept) << 32 | u64::from(kept)
}
