//! A schedule: who begins, which message arrives next, who dies; and the stage on which it is
//! played.
//!
//! On the stage every wire is cut. One message is let through at a time, and what its receiver does
//! with it, its disk included, is done before the next one. So a story that somebody tells of Paxos
//! can be replayed message by message, and judged.
//!
//! A schedule is text, one act a line; what follows a `#` is for people:
//!
//! ```text
//! begin c1        # its host wants its value to be decided
//! deliver c1 2    # what c1 sent to 2 first, of what is still on its way, arrives
//! wake c1         # c1 has waited long enough
//! crash c1        # c1 dies, and does not come back
//! ```
//!
//! Always true:
//! - messages from one to another arrive in the order of sending;
//! - no act happens that is not in the schedule.
//!
//! Book: chapter 4.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use machines::{Event, Kind, Line, Machine, NodeId, Settings, Span, World};

use crate::Proposer;
use crate::message::{Output, Timer};
use crate::role::{Role, boot};
use crate::vocabulary::{Ballot, Courtesy, Numbers, Proposal, Value};
use crate::watched::{Seen, Watched};

/// How long an act takes: long enough for a disk of the stage, and short of any patience.
const ACT: Duration = Duration::from_micros(100);

/// One thing that is let happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A proposer is told that its value is wanted.
    Begin(NodeId),
    /// The first message that is on its way from one to the other arrives.
    Deliver {
        /// Who sent it.
        from: NodeId,
        /// Who gets it.
        to: NodeId,
    },
    /// A proposer that waits for its turn has waited long enough.
    Wake(NodeId),
    /// A process dies.
    Crash(NodeId),
}

/// What happens, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule(pub Vec<Act>);

/// Why a schedule cannot be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foul(pub String);

impl fmt::Display for Foul {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Begin(node) => write!(f, "begin {node}"),
            Act::Deliver { from, to } => write!(f, "deliver {from} {to}"),
            Act::Wake(node) => write!(f, "wake {node}"),
            Act::Crash(node) => write!(f, "crash {node}"),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|act| writeln!(f, "{act}"))
    }
}

impl FromStr for Schedule {
    type Err = Foul;

    fn from_str(text: &str) -> Result<Schedule, Foul> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines
            .filter(|line| !line.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Schedule)
    }
}

impl FromStr for Act {
    type Err = Foul;

    fn from_str(line: &str) -> Result<Act, Foul> {
        let node = |word: &str| word.parse::<NodeId>().map_err(Foul);
        match line.split_whitespace().collect::<Vec<&str>>()[..] {
            ["begin", who] => Ok(Act::Begin(node(who)?)),
            ["deliver", from, to] => Ok(Act::Deliver { from: node(from)?, to: node(to)? }),
            ["wake", who] => Ok(Act::Wake(node(who)?)),
            ["crash", who] => Ok(Act::Crash(node(who)?)),
            _ => Err(Foul(format!("`{line}` is no act: write begin, deliver, wake or crash"))),
        }
    }
}

/// Where a schedule is played: three acceptors, 1 to 3, and proposers c1, c2, and so on.
pub struct Stage {
    watched: Watched,
    wishes: BTreeMap<NodeId, Value>,
    preemptions: usize,
}

/// What came of a schedule.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was seen.
    pub seen: Seen,
    /// How often a proposer that had the promises of a majority was refused.
    pub preemptions: usize,
}

impl Stage {
    /// Everybody has started, and nobody has said anything. Of each proposer it is given the first
    /// ballot, and what it would like.
    pub fn new(acceptor: &Role, proposals: &[Proposal], courtesy: Courtesy) -> Stage {
        let hour = Span::millis(3_600_000, 3_600_000);
        let settings = Settings {
            delay: Span::micros(5, 5),
            write: Span::micros(1, 1),
            sync: Span::micros(5, 5),
            drain: Span::micros(1, 1),
            dial: hour,
            patience: hour,
            learn: hour,
            ..Settings::default()
        };
        let mut world = World::new(1, settings);
        world.trace_mut().record();
        let acceptors: Vec<NodeId> = (1..=3).map(NodeId::Server).collect();
        acceptors.iter().for_each(|node| world.add(*node, boot(acceptor.clone())));
        let mut wishes = BTreeMap::new();
        let step = proposals.len() as u64;
        for (number, proposal) in (1..).zip(proposals) {
            let numbers = Numbers { first: proposal.n, step };
            let role = Role::Proposer(Proposer::new(numbers, acceptors.clone(), courtesy));
            world.add(NodeId::Client(number), boot(role));
            wishes.insert(NodeId::Client(number), proposal.value);
        }
        let proposers: Vec<NodeId> = wishes.keys().copied().collect();
        let watched = Watched::new(world, acceptors.len());
        let mut stage = Stage { watched, wishes, preemptions: 0 };
        stage.settle();
        stage.watched.world().part(&acceptors, &proposers);
        stage
    }

    /// What there is so far.
    pub fn played(&self) -> Played {
        Played { seen: self.watched.seen(), preemptions: self.preemptions }
    }

    /// Plays a schedule to its end.
    pub fn play(mut self, schedule: &Schedule) -> Result<Played, Foul> {
        for (number, act) in (1..).zip(&schedule.0) {
            self.act(act).map_err(|Foul(why)| Foul(format!("act {number}, {act}: {why}")))?;
        }
        Ok(self.played())
    }

    /// Plays one act.
    pub fn act(&mut self, act: &Act) -> Result<(), Foul> {
        let (Act::Begin(who) | Act::Wake(who) | Act::Crash(who) | Act::Deliver { to: who, .. }) =
            act;
        if !self.watched.world().running(*who) {
            return Err(Foul(format!("{who} does not run")));
        }
        match act {
            Act::Begin(proposer) => {
                let wish = self.wishes.get(proposer).copied();
                let wish = wish.ok_or(Foul(format!("{proposer} is no proposer")))?;
                self.watched.propose(*proposer, wish);
            }
            Act::Wake(proposer) => {
                let begin = Event::Expired(Timer::Begin);
                self.watched.drive(*proposer, |role, effects| role.step(begin, effects));
            }
            Act::Deliver { from, to } => self.deliver(*from, *to)?,
            Act::Crash(node) => self.watched.world().crash(*node),
        }
        self.settle();
        Ok(())
    }

    /// Lets one message through.
    fn deliver(&mut self, from: NodeId, to: NodeId) -> Result<(), Foul> {
        let is_it =
            |line: &Line| line.kind == Kind::Received && line.peer == Some(from) && line.node == to;
        self.watched.world().mend(from, to);
        let limit = self.watched.world().now() + ACT;
        let mut arrived = false;
        while !arrived && let Some(line) = self.step(limit) {
            arrived = is_it(&line);
        }
        self.watched.world().cut(from, to);
        let nothing = Foul(format!("nothing is on its way from {from} to {to}"));
        if arrived { Ok(()) } else { Err(nothing) }
    }

    fn settle(&mut self) {
        let limit = self.watched.world().now() + ACT;
        while self.step(limit).is_some() {}
    }

    fn step(&mut self, limit: Duration) -> Option<Line> {
        let occurrence = self.watched.step_until(limit)?;
        let preempted = |it: &&Output| matches!(it, Output::Preempted { promised: true, .. });
        self.preemptions += occurrence.answers.iter().filter(preempted).count();
        Some(occurrence.line)
    }
}

/// A proposal of a number.
pub(crate) fn proposal(n: u64, number: u64) -> Proposal {
    Proposal { n: Ballot(n), value: Value::Number(number) }
}
