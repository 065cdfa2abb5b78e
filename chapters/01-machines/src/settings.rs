//! How fast and how friendly a simulated world is.

use std::time::Duration;

use crate::dice::Dice;

/// A span of time from which the dice choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest time.
    pub low: Duration,
    /// The longest time, not itself included unless it is also the shortest.
    pub high: Duration,
}

impl Span {
    /// From `low` to `high` microseconds.
    pub fn micros(low: u64, high: u64) -> Self {
        Span { low: Duration::from_micros(low), high: Duration::from_micros(high) }
    }

    /// From `low` to `high` milliseconds.
    pub fn millis(low: u64, high: u64) -> Self {
        Span { low: Duration::from_millis(low), high: Duration::from_millis(high) }
    }

    /// One time of the span.
    pub fn roll(self, dice: &mut Dice) -> Duration {
        dice.time(self.low, self.high)
    }
}

/// How a world behaves when nobody does anything to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a message travels.
    pub delay: Span,
    /// How many of a million messages break their connection.
    pub breaks: u32,
    /// How many of a thousand connections that could be opened are refused.
    pub refusals: u32,
    /// After what time a connection that is not yet open is given up.
    pub dial: Span,
    /// After what time a sender gives up a connection on which nothing gets through.
    pub patience: Span,
    /// How long after a connection broke each of its ends learns of it.
    pub learn: Span,
    /// How long the disk takes for a write or an answer.
    pub write: Span,
    /// How long the disk takes to force what was written.
    pub sync: Span,
    /// How soon after an event its host finds that there are no more.
    pub drain: Span,
    /// What the wall clocks show when the world begins, in ms since 1970.
    pub wall_ms: i64,
}

impl Default for Settings {
    /// A friendly data centre: nothing fails by itself.
    fn default() -> Self {
        Settings {
            delay: Span::micros(100, 1_000),
            breaks: 0,
            refusals: 0,
            dial: Span::millis(1_000, 5_000),
            patience: Span::millis(2_000, 15_000),
            learn: Span::millis(0, 10_000),
            write: Span::micros(5, 50),
            sync: Span::micros(200, 4_000),
            drain: Span::micros(1, 100),
            wall_ms: 1_600_000_000_000,
        }
    }
}

impl Settings {
    /// A world drawn by dice: its speeds and its dangers differ from seed to seed, and some of
    /// the dangers are often absent, because a world in which everything fails tries little.
    pub fn rough(dice: &mut Dice) -> Self {
        let slowest = [1, 5, 20, 100, 400][dice.below(5)];
        let sync = [1, 10, 50, 1_000][dice.below(4)];
        Settings {
            delay: Span::micros(50, slowest * 1_000),
            breaks: [0, 0, 1_000, 10_000, 50_000][dice.below(5)],
            refusals: [0, 0, 50, 300][dice.below(4)],
            learn: Span::millis(0, [1, 100, 10_000, 60_000][dice.below(4)]),
            sync: Span::micros(50, sync * 1_000),
            drain: Span::micros(1, [2, 100, 5_000][dice.below(3)]),
            ..Settings::default()
        }
    }
}
