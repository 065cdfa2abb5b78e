//! The program of chapter 8: an election as it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use machines::{Kind, Line, NodeId, Trace};
use zxid::ServerId;

use super::{PrintArgs, Story, listed, time};

#[derive(Args, Debug)]
pub(super) struct ElectionArgs {
    /// How many servers vote
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=25))]
    servers: u64,
    /// How many more follow without a vote; they have the highest numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=25))]
    observers: u64,
    /// In which order they start; by their numbers if nothing is said
    #[arg(long, value_delimiter = ',', value_name = "3,1,2")]
    order: Vec<u64>,
    /// How much time passes between two starts
    #[arg(long, default_value = "0ms", value_parser = time, value_name = "TIME")]
    gap: Duration,
    /// Let the leader crash, and come back later
    #[arg(long)]
    crash: bool,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

impl ElectionArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Result<Story, String> {
        let order = self.order()?;
        let observers: Vec<u64> = (1..=self.observers).map(|n| self.servers + n).collect();
        let ids = |numbers: &[u64]| numbers.iter().map(|n| ServerId(*n as i64)).collect();
        let trace = ::election::run_program(&::election::Program {
            order: ids(&order),
            gap: self.gap,
            observers: ids(&observers),
            crash: self.crash,
            seed: self.seed,
        });
        let (voters, quorum) = (self.servers, self.servers / 2 + 1);
        let mut title = format!("An election. Voters: {voters}, a quorum: {quorum}");
        if !observers.is_empty() {
            title += &format!("; without a vote: {}", listed(&observers));
        }
        let outcome = outcome(&trace);
        let mut narrator = Narrator { all: order.len(), ..Narrator::default() };
        let note = Box::new(move |line: &Line| narrator.note(line));
        Ok(Story { title, trace, shows, note, outcome, next: NEXT })
    }

    /// Who starts when.
    fn order(&self) -> Result<Vec<u64>, String> {
        let all: Vec<u64> = (1..=self.servers + self.observers).collect();
        let mut named = self.order.clone();
        named.sort_unstable();
        match named.is_empty() {
            true => Ok(all),
            false if named == all => Ok(self.order.clone()),
            false => {
                let last = all.len();
                Err(format!("--order names each server from 1 to {last} once; add --servers"))
            }
        }
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--gap 300ms", "a quorum waits for nobody, however good"),
    ("--order 3,1,2 --gap 50ms", "who starts first matters little"),
    ("--crash", "the leader crashes, and comes back too late"),
    ("--servers 5 --observers 2", "more of them, and some without a vote"),
    ("--seed 2", "the same on another network"),
    ("--all", "with connections, and each message at both ends"),
];

/// What a person wants to see: votes, and what comes of them.
fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Received => line.text.starts_with("Notification"),
        Kind::Started | Kind::Crashed | Kind::Expired | Kind::Answered => true,
        _ => false,
    }
}

/// Says what a phase is about, once, when it begins.
#[derive(Default)]
struct Narrator {
    /// How many servers there are.
    all: usize,
    started: BTreeSet<NodeId>,
    /// Whether the election that goes on has been explained, and its end.
    begun: bool,
    ended: bool,
    crashed: Option<NodeId>,
}

impl Narrator {
    fn note(&mut self, line: &Line) -> Option<String> {
        match line.kind {
            Kind::Started => {
                let again = !self.started.insert(line.node);
                if again {
                    return Some(format!(
                        "Server {} is back and votes for itself. The others answer that they have \
                         a leader, and it follows, however good its own vote is.",
                        line.node
                    ));
                }
                let first = !std::mem::replace(&mut self.begun, true);
                if self.ended {
                    return Some(format!("Server {} comes late.", line.node));
                }
                first.then(|| {
                    "Each votes for itself. Whoever hears of a better vote (by epoch, then by \
                     zxid, then by number) takes it over and says so."
                        .to_string()
                })
            }
            Kind::Expired if line.text == "Settle" && !self.ended => {
                self.ended = true;
                let mut note = "A quorum has one and the same vote, and for 200 ms nobody knew a \
                                better one: it is settled."
                    .to_string();
                if self.started.len() < self.all {
                    note += " Nobody waits for those that have not started yet.";
                }
                Some(note)
            }
            Kind::Crashed => {
                self.crashed = Some(line.node);
                self.ended = false;
                Some(format!(
                    "Server {} leads, has begun epoch 1 and written 7 transactions. It crashes.",
                    line.node
                ))
            }
            Kind::Received if line.text.contains("round=2") && self.crashed.take().is_some() => {
                Some(
                    "The others see their connections break, and vote again, in the next round. \
                     A vote says how far one's log goes: a longer log is better."
                        .to_string(),
                )
            }
            _ => None,
        }
    }
}

/// Who leads in the end, and who follows.
fn outcome(trace: &Trace) -> String {
    let mut roles = BTreeMap::new();
    for line in trace.lines() {
        match line.kind {
            Kind::Answered => drop(roles.insert(line.node, line)),
            Kind::Crashed => drop(roles.remove(&line.node)),
            _ => {}
        }
    }
    let those = |role: &str| -> Vec<u64> {
        let those = roles.values().filter(|line| line.text.starts_with(role));
        those.filter_map(|line| number(line.node)).collect()
    };
    let messages = |line: &&Line| line.kind == Kind::Sent && line.text.starts_with("Notification");
    let sent = trace.lines().iter().filter(messages).count();
    let last = trace.lines().iter().rfind(|line| line.kind == Kind::Answered);
    let took = last.map_or(0, |line| line.time.as_millis());
    let observing = match those("Observing") {
        observers if observers.is_empty() => String::new(),
        observers => format!(", {} observing", listed(&observers)),
    };
    format!(
        "After {took} ms and {sent} votes sent: {} leading, {} following{observing}.",
        listed(&those("Leading")),
        listed(&those("Following")),
    )
}

fn number(node: NodeId) -> Option<u64> {
    match node {
        NodeId::Server(number) => Some(number),
        NodeId::Client(_) => None,
    }
}
