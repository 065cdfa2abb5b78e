//! Pictures of what happened in a world: a space-time diagram, made of frames, and a state table.
//!
//! A frame is a line of the trace, and what is known of the line's node after it. It does not matter
//! who made it: a simulated run, a counter-example of a search, or an exercise that failed. Time
//! goes down; each node has a line of life, and messages go from one to another.
//!
//! Always true: every message, and everything else that is shown, is there as text too.
//!
//! Book: chapter 1.

mod rows;
mod svg;
mod table;

use crate::trace::{Facts, Line};

pub use table::{Row, Table, Value};

/// One thing that happened, and what the node is like after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What happened.
    pub line: Line,
    /// The node's state, by name; empty if nothing is known of it, as of a node that is down.
    pub facts: Facts,
}

/// What is to be drawn.
#[derive(Clone, Debug)]
pub struct Picture<'a> {
    /// What it shows, in a sentence.
    pub title: &'a str,
    /// All that happened.
    pub frames: &'a [Frame],
    /// The first words of messages that are left out, since they say nothing new.
    pub noise: &'a [&'a str],
    /// How many lines are shown at most: the last if something breaks, or else the first.
    pub most: usize,
    /// What is said below, line by line.
    pub end: &'a [String],
    /// Whether the first of those lines says that something is broken.
    pub broken: bool,
}

impl Picture<'_> {
    /// The places of the frames that are shown.
    pub fn shown(&self) -> Vec<usize> {
        rows::shown(self)
    }

    /// The drawing, as SVG. What belongs to a frame carries its place in `data-frame`.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }
}
