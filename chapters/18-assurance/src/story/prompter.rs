//! The prompter: gives the cues of a story, one after another, when what they wait for is there.

use std::time::Duration;

use machines::Line;

use super::act::Act;
use super::cue::{Cue, State, Trigger};

/// Knows which cue is next, and what it waits for.
#[derive(Clone, Debug)]
pub struct Prompter {
    cues: Vec<Cue>,
    next: usize,
    /// When the cue before was given.
    since: Duration,
    /// How many lines of the trace were looked at.
    seen: usize,
    /// How many of them had the text that is waited for.
    found: u32,
}

/// What the prompter sees of a world.
pub struct Sight<'a> {
    /// The time.
    pub now: Duration,
    /// How many things have happened at this instant.
    pub happened: u32,
    /// Whether nothing more happens at this instant.
    pub idle: bool,
    /// Whether the world is in a state.
    pub is: &'a dyn Fn(State) -> bool,
}

impl Prompter {
    /// With these cues.
    pub fn new(cues: Vec<Cue>) -> Prompter {
        Prompter { cues, next: 0, since: Duration::ZERO, seen: 0, found: 0 }
    }

    /// How many cues were given.
    pub fn given(&self) -> usize {
        self.next
    }

    /// Gives no more cues.
    pub fn stop(&mut self) {
        self.cues.truncate(self.next);
    }

    /// When the world must not go on without being looked at.
    pub fn next(&self) -> Duration {
        match self.cues.get(self.next).map(|cue| &cue.when) {
            Some(Trigger::At { time, .. }) => *time,
            Some(Trigger::After(time)) => self.since + *time,
            Some(Trigger::Line { .. } | Trigger::State(_)) | None => Duration::MAX,
        }
    }

    /// The trace has these lines now, from the beginning on.
    pub fn saw(&mut self, lines: &[Line]) {
        let new = &lines[self.seen..];
        self.seen = lines.len();
        if let Some(Trigger::Line { text, .. }) = self.cues.get(self.next).map(|cue| &cue.when) {
            self.found += new.iter().filter(|line| line.to_string().contains(text)).count() as u32;
        }
    }

    /// The next act, if it is time for it.
    pub fn cue(&mut self, sight: &Sight<'_>) -> Option<Act> {
        let cue = self.cues.get(self.next)?;
        let due = match &cue.when {
            Trigger::At { time, nth } => {
                let there = sight.idle || sight.happened >= *nth;
                sight.now > *time || (sight.now == *time && there)
            }
            Trigger::After(time) => sight.now >= self.since + *time,
            Trigger::Line { nth, .. } => self.found >= *nth,
            Trigger::State(state) => (sight.is)(*state),
        };
        if !due {
            return None;
        }
        (self.since, self.found) = (sight.now, 0);
        self.next += 1;
        Some(cue.act.clone())
    }
}
