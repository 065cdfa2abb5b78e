//! A search that goes on, as a person at a terminal sees it.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use assurance::explore::Tally;

use super::row::grouped;

/// How long nothing is said while a search goes on.
const SILENCE: Duration = Duration::from_millis(500);

/// A search that goes on.
pub(super) struct Progress {
    name: &'static str,
    begun: Instant,
    said: Instant,
}

impl Progress {
    /// It begins.
    pub(super) fn new(name: &'static str) -> Progress {
        Progress { name, begun: Instant::now(), said: Instant::now() }
    }

    /// Says how far it is, now and then.
    pub(super) fn tell(&mut self, tally: &Tally) {
        if !stderr().is_terminal() || self.said.elapsed() < SILENCE {
            return;
        }
        self.said = Instant::now();
        let rate = tally.transitions as f64 / self.begun.elapsed().as_secs_f64();
        eprint!(
            "\r\x1b[K{}: {} states, {} to go, depth {}, {} transitions a second",
            self.name,
            grouped(tally.states),
            grouped(tally.states - tally.expanded),
            tally.depth,
            grouped(rate as u64),
        );
    }

    /// It is over; gives the time that it took.
    pub(super) fn end(&self) -> Duration {
        if stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        self.begun.elapsed()
    }
}
