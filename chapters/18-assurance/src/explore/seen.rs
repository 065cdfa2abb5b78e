//! The states that were met, remembered by little.
//!
//! Of each state there is a fingerprint of 64 bits, and the number of the state from which it was
//! first reached: some twenty bytes, where the state itself has thousands. Two states of one
//! fingerprint would be taken for one: among ten million states that happens with a probability
//! of three in a million.
//!
//! Always true:
//! - states are numbered in the order in which they were met, so that a parent's number is lower;
//! - a fingerprint depends on the state alone, not on the process or the machine.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;
use hashbrown::HashTable;

/// A state's fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of anything.
    pub fn of(state: &impl Hash) -> Fingerprint {
        Fingerprint(FixedState::with_seed(0).hash_one(state))
    }
}

/// A state's number, in the order in which states were met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number(pub(crate) u32);

/// The states that were met.
#[derive(Default)]
pub(crate) struct Seen {
    fingerprints: Vec<Fingerprint>,
    /// The state before each; the first is its own parent.
    parents: Vec<Number>,
    /// Where in these lists a fingerprint is.
    numbers: HashTable<u32>,
}

impl Seen {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// The number of the state with this fingerprint, if it was met.
    pub(crate) fn find(&self, fingerprint: Fingerprint) -> Option<Number> {
        let same = |number: &u32| self.fingerprints[*number as usize] == fingerprint;
        self.numbers.find(fingerprint.0, same).copied().map(Number)
    }

    /// Adds a state; gives its number if it is new.
    pub(crate) fn insert(&mut self, fingerprint: Fingerprint, parent: Number) -> Option<Number> {
        if self.find(fingerprint).is_some() {
            return None;
        }
        let number = u32::try_from(self.len()).expect("there are fewer than four billion states");
        self.fingerprints.push(fingerprint);
        self.parents.push(parent);
        let fingerprints = &self.fingerprints;
        self.numbers.insert_unique(fingerprint.0, number, |it| fingerprints[*it as usize].0);
        Some(Number(number))
    }

    /// The fingerprints on the way from the first state to this one, both included.
    pub(crate) fn way_to(&self, mut number: Number) -> Vec<Fingerprint> {
        let mut way = vec![self.fingerprints[number.0 as usize]];
        while self.parents[number.0 as usize] != number {
            number = self.parents[number.0 as usize];
            way.push(self.fingerprints[number.0 as usize]);
        }
        way.reverse();
        way
    }
}
