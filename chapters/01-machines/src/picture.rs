//! Pictures of what happened in a world: each begins as a list of frames.
//!
//! A frame is a line of the trace, and what is known of the line's node after it. It does not matter
//! who made it: a simulated run, a counter-example of a search, or an exercise that failed.
//!
//! Book: chapter 1.

use crate::trace::Line;

/// One thing that happened, and what the node is like after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What happened.
    pub line: Line,
    /// The node's state, by name; empty if nothing is known of it, as of a node that is down.
    pub facts: Vec<(String, String)>,
}
