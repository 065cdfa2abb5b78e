//! Dice: randomness that can be repeated.
//!
//! Everything random in a simulation comes from one seed through this type, so that the seed is
//! the whole story of a run. The generator is a fixed algorithm (PCG) whose outputs do not change
//! between releases, machines or build profiles.

use std::time::Duration;

/// A source of repeatable randomness.
#[derive(Clone, Debug)]
pub struct Dice(oorandom::Rand64);

impl Dice {
    /// Dice that roll the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Dice(oorandom::Rand64::new(u128::from(seed)))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.rand_u64()
    }

    /// A number from `low` up to but not including `high`. An empty range gives `low`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { self.0.rand_range(low..high) }
    }

    /// A number below `high`; 0 when `high` is 0.
    pub fn below(&mut self, high: usize) -> usize {
        self.between(0, high as u64) as usize
    }

    /// True in `per_mille` of 1000 cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.between(0, 1000) < u64::from(per_mille)
    }

    /// One of the things in a list, or nothing if it is empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() { None } else { Some(&list[self.below(list.len())]) }
    }

    /// A time from `low` up to but not including `high`.
    pub fn time(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_nanos(self.between(low.as_nanos() as u64, high.as_nanos() as u64))
    }

    /// New dice whose rolls do not disturb these: one roll of these is their seed.
    pub fn split(&mut self) -> Dice {
        Dice::new(self.any())
    }
}
