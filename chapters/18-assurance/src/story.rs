//! Stories: a run told in a text that a person can read, change and replay.
//!
//! A [`Story`] says in which world it plays, what is done to the world and when, and what is
//! expected. What is done is a list of [`Cue`]s; the [`Prompter`] gives them to the [`Stagehand`],
//! who also notes what a nemesis did, so that the same can be done again.
//!
//! Read `act.rs` and `cue.rs` for what can be written, then `replay.rs`.

pub mod act;
pub mod cue;
mod director;
pub(crate) mod facts;
pub(crate) mod members;
mod minimise;
mod page;
mod prompter;
mod recorder;
mod replay;
mod setting;
mod stagehand;
mod text;

pub use self::act::{Act, Stray, Ways};
pub use self::cue::{Cue, State, Trigger};
pub(crate) use self::director::Director;
pub use self::minimise::{Progress, minimise, minimise_by};
pub use self::page::NOISE;
pub use self::prompter::{Prompter, Sight};
pub(crate) use self::recorder::Recorder;
pub use self::replay::{Ending, replay};
pub use self::setting::{Habits, Scenery, Setting};
pub(crate) use self::stagehand::between;
pub use self::stagehand::{Dark, Stagehand};

/// A run that is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// What it is about, in the words of whoever tells it, line by line.
    pub about: Vec<String>,
    /// Where it plays, and who is there.
    pub setting: Setting,
    /// The deliberate break with which it happens. The real code breaks nothing.
    pub mutant: Option<String>,
    /// The name of the invariant that is broken in the end, if one is.
    pub expect: Option<String>,
    /// The hash of the trace, if the story was recorded.
    pub hash: Option<u64>,
    /// What is done to the world, in order.
    pub cues: Vec<Cue>,
}
