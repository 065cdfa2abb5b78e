//! The reaper: removes containers that are empty and nodes whose time is over, one at a time, so
//! that clients are not disturbed.
//!
//! ZooKeeper: `ContainerManager`.

use std::collections::VecDeque;
use std::time::Duration;

use machines::Effects;
use znodes::Tree;

use crate::settings::Settings;
use crate::vocabulary::{Timer, Zk};

/// The reaper of a server that gives order.
#[derive(Debug)]
pub struct Reaper {
    interval: Duration,
    pause: Duration,
    unused_ms: Option<i64>,
    paths: VecDeque<String>,
}

impl Reaper {
    /// A reaper that has not begun.
    pub fn new(settings: &Settings) -> Reaper {
        Reaper {
            interval: Duration::from_millis(settings.reap_interval_ms),
            pause: Duration::from_millis(60_000 / settings.reap_per_minute.max(1)),
            unused_ms: settings.reap_unused_ms,
            paths: VecDeque::new(),
        }
    }

    /// Sets the timer for the next look.
    pub fn begin(&self, effects: &mut Effects<Zk>) {
        effects.set(Timer::Reaper, self.interval);
    }

    /// Looks for nodes that may go.
    pub fn look(&mut self, tree: &Tree, effects: &mut Effects<Zk>) {
        self.paths = tree.reapable(effects.now().wall_ms, self.unused_ms).into();
        self.begin(effects);
        effects.set(Timer::Reap, Duration::ZERO);
    }

    /// The next node to be removed. Whether it may still go is checked when it is prepared.
    pub fn next(&mut self, effects: &mut Effects<Zk>) -> Option<String> {
        let path = self.paths.pop_front()?;
        effects.set(Timer::Reap, self.pause);
        Some(path)
    }
}
