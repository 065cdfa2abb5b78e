//! Stories: a run told in a text that a person can read, change and replay.
//!
//! What is done to a world is a list of [`Cue`]s, and the [`Prompter`] gives them to the
//! [`Stagehand`], who also notes what a nemesis did, so that the same can be done again.

pub mod act;
pub mod cue;
mod director;
mod prompter;
mod stagehand;

pub use self::act::{Act, Ways};
pub use self::cue::{Cue, State, Trigger};
pub(crate) use self::director::Director;
pub use self::prompter::{Prompter, Sight};
pub(crate) use self::stagehand::between;
pub use self::stagehand::{Dark, Stagehand};

use crate::runner::Settings;

/// A run that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The seed of everything that is not told.
    pub seed: u64,
    /// How long and how rough the run is.
    pub settings: Settings,
    /// What is done to the world, in order.
    pub cues: Vec<Cue>,
}
