//! Replaying a story, and what came of it.

use std::fmt::Write as _;

use machines::Frame;

use super::cue::written;
use super::setting::{Scenery, Setting};
use super::{Story, members};
use crate::claims::Bend;
use crate::runner::{self, Report, Violation};
use crate::settings::Settings;

/// What came of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// The hash of the trace.
    pub hash: u64,
    /// How many things happened.
    pub steps: u64,
    /// How many of its cues were given.
    pub given: usize,
    /// What was broken, if something was.
    pub violation: Option<Violation>,
    /// All that happened, and what the nodes were like, if that was kept.
    pub frames: Vec<Frame>,
}

/// Plays a story, and says what came of it.
pub fn replay(story: &Story) -> Ending {
    play(story, true)
}

/// Plays a story, and keeps the frames if they are wanted.
pub(super) fn play(story: &Story, frames: bool) -> Ending {
    match story.setting.world {
        Scenery::Ensemble => runner::play(story, frames),
        Scenery::Members => members::play(story, Bend::Nothing, frames),
    }
}

impl Story {
    /// The story of a run that was drawn from a seed.
    pub fn of_run(report: &Report, settings: &Settings) -> Story {
        let broken = report.violation.as_ref().map(|it| it.broken.invariant.to_string());
        Story {
            setting: Setting::of_run(report.seed, settings),
            expect: broken,
            hash: Some(report.hash),
            cues: report.cues.clone(),
            ..Story::default()
        }
    }

    /// What is to be said of its ending: the invariant, the facts, what it means to a user, and
    /// where the book explains it.
    pub fn says(&self, ending: &Ending) -> Vec<String> {
        let Some(Violation { broken, time }) = &ending.violation else {
            return vec![format!("Nothing is broken after {} steps.", ending.steps)];
        };
        let invariant = broken.invariant;
        vec![
            format!("{invariant} is broken at {}: {}", written(*time), broken.what),
            format!("To a user this means: {}", invariant.meaning()),
            format!("book: {}", invariant.page()),
        ]
    }

    /// The name of the invariant that this code breaks, if any: the real code, or a mutant.
    pub fn expected(&self, mutant: Option<&str>) -> Option<&str> {
        let happens = self.mutant.is_none() || self.mutant.as_deref() == mutant;
        self.expect.as_deref().filter(|_| happens)
    }

    /// Says how the ending differs from what is expected of this code, if it does.
    pub fn differs(&self, ending: &Ending, mutant: Option<&str>) -> Option<String> {
        let expected = self.expected(mutant);
        let broken = ending.violation.as_ref().map(|violation| violation.broken.invariant);
        let mut text = String::new();
        match (expected, broken) {
            (None, None) => {}
            (Some(name), Some(broken)) if broken.to_string() == name => {}
            (Some(name), Some(broken)) => {
                let _ = write!(text, "{name} was to be broken, and {broken} was");
            }
            (Some(name), None) => {
                let _ = write!(text, "{name} was to be broken, and nothing was");
            }
            (None, Some(broken)) => {
                let _ = write!(text, "nothing was to be broken, and {broken} was");
            }
        }
        // What only happens with the mutant need not get as far with the real code.
        let astray = self.mutant.is_some() && expected.is_none();
        if let (Some(cue), None, false) = (self.cues.get(ending.given), broken, astray) {
            let and = if text.is_empty() { "" } else { ": " };
            let _ = write!(text, "{and}its cue was never given: {cue}");
        }
        (!text.is_empty()).then_some(text)
    }
}
