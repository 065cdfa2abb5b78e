//! The program of chapter 16: one write's way through a whole ensemble, and what becomes of it if the
//! leader crashes on the way.

use std::collections::BTreeSet;

use assurance::program::{Came, Request, Step, Through, run_request};
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId};

use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct RequestArgs {
    /// How many servers vote
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(3..=9))]
    servers: u64,
    /// How many more follow without a vote; they have the highest numbers
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=9))]
    observers: u64,
    /// Through which server the client writes
    #[arg(long, value_enum, default_value = "follower")]
    through: ThroughArg,
    /// Let the leader crash when the write has come so far
    #[arg(long, value_enum, value_name = "STEP")]
    crash: Option<StepArg>,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq)]
enum ThroughArg {
    Leader,
    Follower,
    Observer,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq)]
enum StepArg {
    /// The client's server has passed it on
    Forward,
    /// The proposal has reached one server
    Propose,
    /// One server has it on disk, and says so
    Log,
    /// One server was told that it is committed
    Commit,
}

impl RequestArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Result<Story, String> {
        if self.through == ThroughArg::Observer && self.observers == 0 {
            return Err("--through observer: there is none; say --observers 1".to_string());
        }
        if self.through == ThroughArg::Leader && self.crash == Some(StepArg::Forward) {
            let why = "--crash forward: the leader passes nothing on; say --through follower";
            return Err(why.to_string());
        }
        let (told, came) = run_request(&Request {
            servers: self.servers,
            observers: self.observers,
            through: match self.through {
                ThroughArg::Leader => Through::Leader,
                ThroughArg::Follower => Through::Follower,
                ThroughArg::Observer => Through::Observer,
            },
            crash: self.crash.map(|step| match step {
                StepArg::Forward => Step::Forward,
                StepArg::Propose => Step::Propose,
                StepArg::Log => Step::Log,
                StepArg::Commit => Step::Commit,
            }),
            seed: self.seed,
        });
        let (servers, leader, through) = (self.servers, came.leaders.0, came.through);
        let watched = came.watched;
        let title = format!(
            "A write through server {through}, one of {servers} that vote. Server {leader} leads."
        );
        let mut narrator = Narrator::default();
        let begin = format!(
            "All have elected a leader and serve: see `ensemble run 08` to `10`. Client c2 is \
             connected to server {watched} and has left a watch on /a there. Client c1 is \
             connected to server {through}."
        );
        let note = Box::new(move |line: &Line| narrator.note(line, &begin));
        let trace = told.seen(self.print.is_whole());
        Ok(Story { title, trace, shows, note, outcome: outcome(&came), next: NEXT })
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--through leader", "nothing has to be passed on"),
    ("--observers 1 --through observer", "one without a vote is told only what is decided"),
    ("--servers 5", "how many must have it on disk?"),
    ("--crash forward", "the leader crashes before it has seen the request"),
    ("--crash propose", "... when one follower has heard of it"),
    ("--crash commit", "... when it is decided, and one follower knows"),
    ("--all", "with votes, connections and disks"),
];

/// What a person wants to see: the write, and what comes of it.
fn shows(line: &Line) -> bool {
    let begins = |words: &[&str]| words.iter().any(|word| line.text.starts_with(word));
    match line.kind {
        Kind::Crashed | Kind::Started | Kind::Driven | Kind::Durable => true,
        Kind::Answered => begins(&["applied", "the program", "leads", "following", "observing"]),
        Kind::Received => {
            !line.text.contains("xid=-2")
                && begins(&[
                    "create",
                    "exists",
                    "reply",
                    "event",
                    "Connect",
                    "setWatches",
                    "Request",
                    "Proposal",
                    "Ack ",
                    "Commit",
                    "Inform",
                    "Revalidate",
                ])
        }
        _ => false,
    }
}

/// What each step is about, said before the first line of it.
const EXPLAINED: &[(Kind, &str, &str)] = &[
    (
        Kind::Received,
        "create",
        "Ask. The frame has reached the client's server. A read would be answered now, from \
         memory. This is a write.",
    ),
    (
        Kind::Received,
        "Request",
        "Forward. Only the leader gives order. The server notes that its client waits, and passes \
         the request on as it is.",
    ),
    (
        Kind::Received,
        "Proposal",
        "Propose. The leader has checked the request against the tree and all that is under way, \
         and made a transaction of it, with the next zxid. It goes to all who vote.",
    ),
    (
        Kind::Durable,
        "",
        "Log. Each server forces it to its own disk; the leader too, at the same time. (What \
         stands here is how far the log on the disk goes.)",
    ),
    (Kind::Received, "Ack", "ACK. It is on my disk: this and nothing else is what an ACK says."),
    (
        Kind::Answered,
        "applied",
        "Commit and apply. A quorum has it on disk, so it is decided. The leader changes its tree \
         in memory and tells the others, and each changes its own when it hears so.",
    ),
    (
        Kind::Received,
        "event",
        "Watch. Who watches at a server hears that something changed when that server applies it, \
         and before any answer that shows it.",
    ),
    (
        Kind::Received,
        "reply",
        "Reply. The client's server knows by session and number that this transaction is what its \
         client waits for.",
    ),
    (Kind::Crashed, "", "The leader crashes."),
    (
        Kind::Received,
        "Connect",
        "The session lives on. Its client finds another server, which asks the leader whether \
         there is such a session.",
    ),
    (
        Kind::Answered,
        "leads",
        "The others have elected a leader. What is in its log when it begins is decided with it.",
    ),
    (Kind::Started, "", "The old leader is back, and follows."),
];

/// Says what a step is about, when it begins.
#[derive(Default)]
struct Narrator {
    said: BTreeSet<&'static str>,
    begun: bool,
    /// The write was asked for and answered, or its leader is gone; now it is looked for.
    asked: bool,
    proposed: bool,
}

impl Narrator {
    fn note(&mut self, line: &Line, begin: &str) -> Option<String> {
        if line.kind == Kind::Driven {
            let first = !std::mem::replace(&mut self.begun, true);
            self.asked = !first;
            return Some(if first { begin } else { "What has become of it?" }.to_string());
        }
        if !self.begun || !shows(line) || !self.is_of_the_write(line) {
            return None;
        }
        let about = |(kind, what, _): &&(Kind, &str, &str)| {
            *kind == line.kind && line.text.starts_with(what)
        };
        let (_, _, why) = EXPLAINED.iter().find(about)?;
        self.said.insert(why).then(|| (*why).to_string())
    }
}

impl Narrator {
    /// Whether a line has to do with the write, if it is one of those that may have to do with
    /// something else: servers force epochs, too, and replies answer every question.
    fn is_of_the_write(&mut self, line: &Line) -> bool {
        self.proposed |= line.kind == Kind::Received && line.text.starts_with("Proposal");
        match line.kind {
            Kind::Durable => self.proposed,
            Kind::Received if line.text.starts_with("reply") => {
                line.node == NodeId::Client(1) && !self.asked
            }
            _ => true,
        }
    }
}

/// What the client was told, and what is so.
fn outcome(came: &Came) -> String {
    let told = match &came.error {
        None => "that it is done".to_string(),
        Some(error) => format!("only {error}"),
    };
    let is = if came.is_there { "is there" } else { "is not there" };
    let (old, new) = came.leaders;
    let leads = if old == new { String::new() } else { format!(" Server {new} leads now.") };
    format!("The client was told {told}. The node {is}, on all servers.{leads}")
}
