//! A machine's timers: a few names, each with the time at which it runs out.

use std::collections::BTreeMap;
use std::time::Duration;

use server::Timer;

/// The timers of one machine, in its monotonic time.
#[derive(Default)]
pub(super) struct Timers(BTreeMap<Timer, Duration>);

impl Timers {
    /// Starts a timer, in place of an earlier one of the same name.
    pub(super) fn set(&mut self, timer: Timer, at: Duration) {
        self.0.insert(timer, at);
    }

    /// Stops a timer.
    pub(super) fn clear(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    /// When the next timer runs out. There are few, so looking at all is the fastest.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.values().min().copied()
    }

    /// Takes out the timers that have run out by `now`, the earliest first.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Timer> {
        let mut due: Vec<_> =
            self.0.iter().filter(|(_, at)| **at <= now).map(|(timer, at)| (*at, *timer)).collect();
        due.sort();
        for (_, timer) in &due {
            self.0.remove(timer);
        }
        due.into_iter().map(|(_, timer)| timer).collect()
    }
}
