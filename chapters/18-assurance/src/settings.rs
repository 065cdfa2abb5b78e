//! What a run is told: how many servers, for how long, and which faults.
//!
//! What nobody says is drawn from the seed. Most runs are short: what breaks mostly breaks soon
//! after something else did, and a thousand beginnings try more than one long life. But some things
//! take long, so a few runs are.

use std::collections::BTreeSet;
use std::time::Duration;

use machines::Dice;

use crate::nemesis::Kind;

/// How long and how rough a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many voters there are; drawn from the seed if it does not matter.
    pub voters: Option<u64>,
    /// How many observers there are; drawn from the seed if it does not matter.
    pub observers: Option<u64>,
    /// How many programs use the service at most.
    pub clients: u64,
    /// For how long the nemesis acts, in the world's time; drawn from the seed if it does not matter.
    pub duration: Option<Duration>,
    /// For how long everything may take to come to rest.
    pub patience: Duration,
    /// What may go wrong.
    pub faults: BTreeSet<Kind>,
    /// How many of the last lines of the trace the report shows.
    pub tail: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            voters: None,
            observers: None,
            clients: 4,
            duration: None,
            patience: Duration::from_secs(180),
            faults: Kind::all(),
            tail: 0,
        }
    }
}

/// How long one run is, and by how much it shortens what would take too long in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// For how long the nemesis acts.
    pub duration: Duration,
}

/// The longest life, in which everything takes its full time.
const FULL: Duration = Duration::from_secs(15);

impl Measure {
    /// How long the run of a seed is.
    pub(crate) fn of_seed(seed: u64, said: Option<Duration>) -> Measure {
        Measure::draw(said, &mut Dice::new(seed))
    }

    /// Draws how long a run is, if nobody has said it: the first thing that is drawn of a seed.
    pub(crate) fn draw(said: Option<Duration>, dice: &mut Dice) -> Measure {
        let drawn = match dice.below(50) {
            0 => FULL,
            1..8 => dice.time(Duration::from_secs(2), Duration::from_secs(6)),
            _ => dice.time(Duration::from_millis(300), Duration::from_millis(1_500)),
        };
        Measure { duration: said.unwrap_or(drawn) }
    }

    /// A time, as long as it is in a run of this length: in the shortest, a fifth of it.
    pub fn of(self, time: Duration) -> Duration {
        let part = self.duration.clamp(FULL / 5, FULL).as_millis() as u32;
        time * part / FULL.as_millis() as u32
    }

    /// Milliseconds, as many as there are in a run of this length.
    pub fn of_ms(self, ms: u64) -> u64 {
        self.of(Duration::from_millis(ms)).as_millis() as u64
    }
}
