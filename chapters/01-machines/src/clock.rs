//! A node's clocks: one that runs a little fast or slow, and one that people set.
//!
//! Always true:
//! - the monotonic clock never goes back, whatever is done to its speed or to the wall clock;
//! - a timer set for some time by the node's clock has not run out a nanosecond before.

use std::time::Duration;

use crate::machine::Now;

const MILLION: i128 = 1_000_000;

/// The clocks of one node, as functions of the world's time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// World time and local time at the moment when the speed was set.
    since: (Duration, Duration),
    /// How much too fast, in parts per million; negative is slow.
    drift: i32,
    /// The wall clock at local time zero, in ms since 1970.
    wall_ms: i64,
}

impl Clock {
    /// A clock that runs right, and whose wall clock shows `wall_ms` when the world begins.
    pub(crate) fn new(wall_ms: i64) -> Self {
        Clock { wall_ms, ..Clock::default() }
    }

    /// What the node's clocks show when the world's time is `time`.
    pub(crate) fn now(&self, time: Duration) -> Now {
        let monotonic = self.local(time);
        Now { monotonic, wall_ms: self.wall_ms + monotonic.as_millis() as i64 }
    }

    /// The world's time when the monotonic clock will show `local`, or its present time if that
    /// is past.
    pub(crate) fn when(&self, local: Duration) -> Duration {
        let to_go = local.saturating_sub(self.since.1).as_nanos() as i128;
        let speed = MILLION + i128::from(self.drift);
        self.since.0 + nanos((to_go * MILLION + speed - 1) / speed)
    }

    /// Changes the speed from world time `time` on.
    pub(crate) fn set_drift(&mut self, time: Duration, drift: i32) {
        assert!(drift > -500_000, "a clock runs at half its speed at least, not {drift} ppm");
        self.since = (time, self.local(time));
        self.drift = drift;
    }

    /// Sets the wall clock forward, or back.
    pub(crate) fn jump(&mut self, ms: i64) {
        self.wall_ms += ms;
    }

    fn local(&self, time: Duration) -> Duration {
        let elapsed = time.saturating_sub(self.since.0).as_nanos() as i128;
        self.since.1 + nanos(elapsed * (MILLION + i128::from(self.drift)) / MILLION)
    }
}

fn nanos(nanos: i128) -> Duration {
    Duration::from_nanos(nanos as u64)
}
