//! The trace: what happened in a simulated world, one line for each thing, in order.
//!
//! One format serves everybody: tests compare it, the book prints it, diagrams are drawn from it,
//! and a failing exercise shows it. A message has a line where it was sent and another where it
//! arrived, and both carry the same number. The hash of a trace is what two runs of one seed are
//! compared by; it covers time and text of every line, whether lines are kept or not.
//!
//! Always true:
//! - two runs of one seed have equal hashes, in debug and in release, on every platform.
//!
//! Book: chapter 1.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::time::Duration;

use crate::node::NodeId;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The process has started.
    Started,
    /// The process could not start; the text says why.
    Refused,
    /// The process was killed.
    Crashed,
    /// The power went, and the process with it.
    PowerLost,
    /// The process was stopped, as by `SIGSTOP`.
    Paused,
    /// The process goes on.
    Resumed,
    /// The wall clock was set; the text says by how much.
    ClockSet,
    /// The way from node to peer was cut.
    Cut,
    /// The way from node to peer was mended.
    Mended,
    /// The connection between node and peer broke. Both ends have yet to learn of it.
    Broken,
    /// The node asked for a connection.
    Dialled,
    /// The connection that the node asked for is open.
    Opened,
    /// The node has a connection that its peer asked for.
    Accepted,
    /// The node closed a connection.
    Left,
    /// The node learned that a connection is gone or cannot be opened.
    Closed,
    /// The node sent a message.
    Sent,
    /// The node sent a message to somebody with whom it has no open connection.
    Lost,
    /// A message reached the node.
    Received,
    /// What the node sent so far has been taken.
    Flushed,
    /// A timer ran out.
    Expired,
    /// Everything before a ticket is on disk.
    Durable,
    /// The disk failed.
    Failed,
    /// The disk answered.
    Fetched,
    /// The machine told its host something.
    Answered,
    /// A test drove the machine by hand.
    Driven,
    /// The disk carried out a write. Not in the trace.
    Wrote,
    /// The host had no more events. Not in the trace.
    Drained,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, since the world began.
    pub time: Duration,
    /// Where.
    pub node: NodeId,
    /// What.
    pub kind: Kind,
    /// The other node, if there is one.
    pub peer: Option<NodeId>,
    /// The number of the message; the line that sent it and the line that received it share it.
    pub number: Option<u64>,
    /// What was said, which timer, which ticket.
    pub text: String,
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.node)?;
        if let Some(peer) = self.peer {
            write!(f, " {} {peer}", self.kind.arrow())?;
        }
        for word in [self.kind.word(), &self.text] {
            if !word.is_empty() {
                write!(f, " {word}")?;
            }
        }
        Ok(())
    }
}

impl Kind {
    fn arrow(self) -> &'static str {
        match self {
            Kind::Received => "←",
            Kind::Accepted => "⇠",
            Kind::Dialled | Kind::Opened | Kind::Left | Kind::Closed | Kind::Broken => "⇢",
            _ => "→",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Started => "started",
            Kind::Refused => "cannot start:",
            Kind::Crashed => "crashed",
            Kind::PowerLost => "lost power",
            Kind::Paused => "paused",
            Kind::Resumed => "resumed",
            Kind::ClockSet => "clock set by",
            Kind::Cut => "cut",
            Kind::Mended => "mended",
            Kind::Broken => "broken",
            Kind::Dialled => "dials",
            Kind::Opened => "opened",
            Kind::Accepted => "accepted",
            Kind::Left => "leaves",
            Kind::Closed => "closed",
            Kind::Lost => "lost:",
            Kind::Flushed => "flushed",
            Kind::Expired => "expired",
            Kind::Durable => "durable",
            Kind::Failed => "failed",
            Kind::Fetched => "fetched",
            Kind::Answered => "answered",
            Kind::Driven => "driven",
            Kind::Wrote => "wrote",
            Kind::Drained => "drained",
            Kind::Sent | Kind::Received => "",
        }
    }
}

/// What a node is like, as names and values for a person to read; nothing if it is down.
pub type Facts = Vec<(String, String)>;

/// What happened in a world so far: its hash always, its lines if they are recorded.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    count: u64,
    lines: Option<Vec<Line>>,
    /// What a node was like when it had done what a line made it do, by the line's place.
    facts: BTreeMap<usize, Facts>,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { hash: 0xcbf2_9ce4_8422_2325, count: 0, lines: None, facts: BTreeMap::new() }
    }
}

impl Trace {
    /// Keeps the lines from now on.
    pub fn record(&mut self) {
        self.lines.get_or_insert_default();
    }

    /// The lines kept so far.
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// What the node of a line was like afterwards, for each line of which that was asked: see
    /// [`World::describe`](crate::World::describe). The hash does not cover it.
    pub fn facts(&self) -> impl Iterator<Item = (&Line, &Facts)> {
        self.facts.iter().map(|(place, facts)| (&self.lines()[*place], facts))
    }

    /// How many lines there were, kept or not.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// FNV-1a, 64 bits, over each line's time (nanoseconds, eight bytes, lowest first), its text
    /// as displayed in UTF-8, and a line feed.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn push(&mut self, line: &Line) {
        let nanos = line.time.as_nanos() as u64;
        self.mix(&nanos.to_le_bytes());
        writeln!(self, "{line}").expect("hashing cannot fail");
        self.count += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(line.clone());
        }
    }

    /// What the node of the line at a place is like now.
    pub(crate) fn describe(&mut self, place: usize, facts: Facts) {
        self.facts.insert(place, facts);
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Lines of another trace, for a reader: some are left out, or told in other words.
impl FromIterator<Line> for Trace {
    fn from_iter<I: IntoIterator<Item = Line>>(lines: I) -> Trace {
        let mut trace = Trace::default();
        trace.record();
        lines.into_iter().for_each(|line| trace.push(&line));
        trace
    }
}

/// Text that is written to a trace goes into its hash.
impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.mix(text.as_bytes());
        Ok(())
    }
}

impl Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
