//! The programs of chapters 9 and 10: epochs, broadcast, and the way back of a server.

use std::collections::BTreeSet;

use ::sync::{Program, Scene, Way, run_program};
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId, Trace};

use super::{PrintArgs, Story};

#[derive(Args, Debug)]
struct WorldArgs {
    /// How many servers vote
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u32).range(3..=25))]
    servers: u32,
    /// How many more follow without a vote; they have the highest numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=25))]
    observers: u32,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Args, Debug)]
pub(super) struct BroadcastArgs {
    #[command(flatten)]
    world: WorldArgs,
    /// How often clients write: first by the leader, then by a follower
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    writes: u32,
    /// Let the leader crash when its last proposal has reached the first follower
    #[arg(long)]
    crash: bool,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(Args, Debug)]
pub(super) struct ReturnArgs {
    /// How the server is brought up to date
    #[arg(value_enum, default_value = "diff")]
    way: WayArg,
    #[command(flatten)]
    world: WorldArgs,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum WayArg {
    Diff,
    Disk,
    Trunc,
    TruncDiff,
    Snap,
}

impl WorldArgs {
    fn run(&self, scene: Scene) -> Trace {
        let (servers, observers, seed) = (self.servers, self.observers, self.seed);
        run_program(&Program { servers, observers, seed, scene })
    }
}

impl BroadcastArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let trace = self.world.run(Scene::Broadcast { writes: self.writes, crash: self.crash });
        let title = "A new leader finds an epoch of its own, and broadcasts what clients \
                     write.";
        tell(title, trace, NEXT_BROADCASTS)
    }
}

impl ReturnArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let (way, title) = match self.way {
            WayArg::Diff => (Way::Diff, "A server that lacks a little gets what it lacks: DIFF."),
            WayArg::Disk => (
                Way::Disk,
                "A server lacks more than its leader has in memory: DIFF, from the log on disk.",
            ),
            WayArg::Trunc => (
                Way::Trunc,
                "A server has something in its log that was never decided, and has to drop it: \
                 TRUNC.",
            ),
            WayArg::TruncDiff => (
                Way::TruncDiff,
                "A server drops what was never decided, and gets what was: TRUNC, then DIFF.",
            ),
            WayArg::Snap => {
                (Way::Snap, "A server lacks so much that it gets the whole state: SNAP.")
            }
        };
        tell(title, self.world.run(Scene::Return(way)), NEXT_RETURNS)
    }
}

const NEXT_BROADCASTS: &[(&str, &str)] = &[
    ("--crash", "what becomes of a proposal that one follower has?"),
    ("--observers 1", "a server without a vote is told what is decided"),
    ("--servers 5 --writes 1", "how many must acknowledge?"),
    ("--all", "with votes, connections and disks"),
];

const NEXT_RETURNS: &[(&str, &str)] = &[
    ("disk", "it lacks more than the leader has in memory"),
    ("trunc", "it has something that was never decided"),
    ("trunc-diff", "both: drop the one, get the other"),
    ("snap", "it gets the whole state"),
    ("diff --all", "with votes, connections and disks"),
];

fn tell(title: &str, trace: Trace, next: &'static [(&'static str, &'static str)]) -> Story {
    let outcome = outcome(&trace);
    let mut narrator = Narrator::default();
    let note = Box::new(move |line: &Line| narrator.note(line));
    Story { title: title.to_string(), trace, shows, note, outcome, next }
}

/// What a person wants to see: what goes over the quorum port, and what comes of it.
fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Received => {
            !["Notification", "Initial", "Ping"].iter().any(|what| line.text.starts_with(what))
        }
        Kind::Started | Kind::Crashed | Kind::Fetched => true,
        Kind::Answered => {
            ["Deliver", "Serving", "Ceased"].iter().any(|what| line.text.starts_with(what))
        }
        _ => false,
    }
}

/// What each kind of packet is about, said before the first of them.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "FollowerInfo",
        "Discovery. Who was not elected tells the leader the last epoch that it has promised.",
    ),
    ("LeaderInfo", "A quorum has come. The leader's epoch is above all that it was told."),
    (
        "AckEpoch",
        "Each promises the epoch on its own disk, and says where its history ends. It will follow \
         no earlier leader from now on.",
    ),
    ("Diff", "Synchronisation. The learner lacks nothing, or what follows here."),
    ("Trunc", "Synchronisation. What lies after this in the learner's log was never decided."),
    ("Snap", "Synchronisation. The leader sends all of its state."),
    (
        "NewLeader",
        "That was the leader's history. When a learner has all of it on disk, and the epoch after \
         that, it acknowledges.",
    ),
    ("UpToDate", "A quorum has the leader's history: it is decided. Clients are served."),
    ("Request", "A follower passes its client's write on to the leader, which alone gives order."),
    (
        "Commit",
        "A quorum has it on disk, the leader included: it is decided, whatever happens now.",
    ),
    ("Inform", "An observer gets what is decided, with no question asked."),
];

/// What is said again when another leader begins, and when a server is back.
const AGAIN: (&[&str], &[&str]) = (
    &["FollowerInfo", "LeaderInfo", "AckEpoch", "Diff", "NewLeader", "UpToDate"],
    &["Diff", "Trunc", "Snap"],
);

/// Says what a phase is about, when it begins.
#[derive(Default)]
struct Narrator {
    started: BTreeSet<NodeId>,
    said: BTreeSet<&'static str>,
}

impl Narrator {
    fn note(&mut self, line: &Line) -> Option<String> {
        match line.kind {
            Kind::Started if self.started.is_empty() => {
                self.started.insert(line.node);
                Some("All start, and elect a leader: see `ensemble run 08`.".to_string())
            }
            Kind::Started if !self.started.insert(line.node) => {
                self.forget(AGAIN.1);
                Some(format!("Server {} is back.", line.node))
            }
            Kind::Crashed => Some(format!("Server {} crashes.", line.node)),
            Kind::Answered if line.text.starts_with("Ceased") => {
                self.forget(AGAIN.0);
                None
            }
            Kind::Fetched => {
                Some("The leader reads in its log what it no longer has in memory.".to_string())
            }
            Kind::Cut if self.said.insert("Cut") => Some(format!(
                "Server {} is cut off. What it logs from now on reaches nobody else.",
                line.node
            )),
            Kind::Driven => Some(format!("A client of server {} writes.", line.node)),
            Kind::Received => {
                let about = |(what, _): &&(&str, &str)| line.text.starts_with(what);
                let (what, why) = EXPLAINED.iter().find(about)?;
                self.said.insert(what).then(|| (*why).to_string())
            }
            _ => None,
        }
    }

    fn forget(&mut self, what: &[&str]) {
        self.said.retain(|said| !what.contains(said));
    }
}

/// Who leads in the end, and what all have.
fn outcome(trace: &Trace) -> String {
    let answers = || trace.lines().iter().rev().filter(|line| line.kind == Kind::Answered);
    let said = |what: &str| {
        answers().find_map(|line| line.text.strip_prefix(what)).unwrap_or("nothing").to_string()
    };
    let serving = said("Serving ");
    let place = serving.split_once(' ').map_or(serving.as_str(), |(_, place)| place);
    format!("In the end: {place}, and all have everything up to {}.", last(trace))
}

/// The last transaction that anybody delivered.
fn last(trace: &Trace) -> String {
    let delivered = trace.lines().iter().filter(|line| line.kind == Kind::Answered);
    let zxids = delivered.filter_map(|line| {
        let (epoch, counter) = line.text.strip_prefix("Deliver ")?.split_once('.')?;
        Some((epoch.parse::<u32>().ok()?, counter.parse::<u32>().ok()?))
    });
    zxids.max().map_or("nothing".to_string(), |(epoch, counter)| format!("{epoch}.{counter}"))
}
