//! The recorder: keeps what happened as frames, each with what is known of its node.

use machines::{Frame, Line, NodeId};

/// Frames of what happened so far.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    frames: Vec<Frame>,
}

impl Recorder {
    /// The trace has these lines now, from the beginning on. `facts` tells what a node is like.
    pub(crate) fn saw(&mut self, lines: &[Line], facts: impl Fn(NodeId) -> Vec<(String, String)>) {
        for line in &lines[self.frames.len()..] {
            self.frames.push(Frame { line: line.clone(), facts: facts(line.node) });
        }
    }

    /// All frames.
    pub(crate) fn into_frames(self) -> Vec<Frame> {
        self.frames
    }
}
