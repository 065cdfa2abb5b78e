//! The program of chapter 12: a session, its heartbeats, and how it ends or goes on.

use std::time::Duration;

use assurance::claims::{Absence, Absent, Way, absence};
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId};
use protocol::SessionState;

use super::{PrintArgs, Story, time};

#[derive(Args, Debug)]
pub(super) struct SessionArgs {
    /// How client 1 goes away
    #[arg(value_enum, default_value = "cut")]
    way: WayArg,
    /// For how long it is cut off
    #[arg(long, default_value = "5s", value_parser = time, value_name = "TIME")]
    away: Duration,
    /// The session timeout that it wants; it gets 2 ticks at least, and 20 at most
    #[arg(long, default_value = "6s", value_parser = time, value_name = "TIME")]
    timeout: Duration,
    /// The unit in which sessions expire: tickTime
    #[arg(long, default_value = "2s", value_parser = tick, value_name = "TIME")]
    tick: Duration,
    /// How many servers there are, all of which vote; 1, or 3 if a server crashes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=9))]
    servers: Option<u64>,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WayArg {
    /// It is cut off, and comes back in time or too late
    Cut,
    /// It closes its session
    Close,
    /// Its process is killed
    Crash,
    /// It does not: the server that it talks to crashes
    Server,
}

impl SessionArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Result<Story, String> {
        let SessionArgs { away, timeout, tick, seed, .. } = *self;
        let servers = self.servers.unwrap_or(if self.way == WayArg::Server { 3 } else { 1 });
        let (way, what) = match self.way {
            WayArg::Cut => (Way::Cut(away), format!("is cut off for {}", seconds(away))),
            WayArg::Close => (Way::Close, "closes it".to_string()),
            WayArg::Crash => (Way::Crash, "is killed".to_string()),
            WayArg::Server if servers < 3 => {
                return Err("without 3 servers nobody is left to serve; use --servers 3".into());
            }
            WayArg::Server => (Way::Server, "loses the server that it talks to".to_string()),
        };
        let longest = Duration::from_secs(60);
        if away > longest || timeout > longest {
            return Err("--away and --timeout are at most 60s".to_string());
        }
        let (trace, came) = absence(&Absence { servers, tick, timeout, way, seed });
        let wants = format!("wants a session timeout of {}", seconds(timeout));
        Ok(Story {
            title: format!("Client 1 {wants}, by ticks of {}, and {what}.", seconds(tick)),
            trace,
            shows,
            note: notes(),
            outcome: outcome(&came),
            next: NEXT,
        })
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--away 3s", "it is back before it has noticed anything"),
    ("--away 9s", "it is back too late"),
    ("close", "it says that it goes"),
    ("crash", "it dies, and says nothing"),
    ("server", "it goes on at another server"),
    ("crash --timeout 4s --tick 500ms", "smaller ticks end a session more exactly"),
    ("--all", "with connections, timers and disks"),
];

fn tick(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(100)..=Duration::from_secs(10);
    let tick = time(text)?;
    range.contains(&tick).then_some(tick).ok_or("a tick is from 100ms to 10s".to_string())
}

const ONE: NodeId = NodeId::Client(1);

/// What a person wants to see: what client 1 says and hears, that client 2 watches, and what goes
/// wrong.
fn shows(line: &Line) -> bool {
    let client = |node: NodeId| matches!(node, NodeId::Client(_));
    let between = client(line.node) || line.peer.is_some_and(client);
    let ping = line.text.contains("xid=-2");
    match line.kind {
        Kind::Received => between && (!ping || line.node == ONE || line.peer == Some(ONE)),
        Kind::Answered => line.node == ONE && line.text.contains("session="),
        Kind::Crashed => true,
        Kind::Cut | Kind::Mended => line.node == ONE,
        _ => false,
    }
}

/// Says once what a kind of line is about.
fn notes() -> super::Notes {
    let mut said = [false; 6];
    Box::new(move |line: &Line| {
        let asked = line.kind == Kind::Received && matches!(line.node, NodeId::Server(_));
        let (place, why) = match line.text.as_str() {
            text if asked && text.starts_with("create /alive") => {
                (0, "A node that is there as long as the session is. Client 2 watches it.")
            }
            text if asked && line.peer == Some(ONE) && text.starts_with("ping") => {
                (1, "Whoever has nothing to say sends a heartbeat after a third of its timeout.")
            }
            text if asked && line.peer == Some(ONE) && text.starts_with("closeSession") => {
                (2, "The end of a session is a transaction, and takes the node along.")
            }
            text if line.kind == Kind::Answered && text.starts_with("Disconnected") => (
                3,
                "The client has heard nothing for two thirds of its timeout, or its connection \
                 broke. It does not know whether its session lives: only servers know that.",
            ),
            text if line.kind == Kind::Received && text.contains("event NodeDeleted") => {
                (4, "The session is over, and its node is gone. Client 2 is told.")
            }
            text if line.kind == Kind::Answered && text.starts_with("Expired") => (
                5,
                "The client comes back with its number and password, and learns that it is too \
                 late.",
            ),
            _ => return None,
        };
        (!std::mem::replace(&mut said[place], true)).then(|| why.to_string())
    })
}

fn outcome(came: &Absent) -> String {
    let mut text = String::new();
    if let Some(deadline) = came.deadline {
        let (end, left) = (seconds(deadline), seconds(came.left));
        text += &format!("It went at {left}, and its session was then to end at {end}.\n");
    }
    text += &match came.gone {
        Some(gone) if came.there => format!("Its node was gone at {}, and is back", seconds(gone)),
        Some(gone) => format!("Its node was gone at {}", seconds(gone)),
        None => "Its node is still there".to_string(),
    };
    match came.state {
        Some(SessionState::Expired) => text + "; the client knows that its session expired.",
        Some(SessionState::Closed) => text + ", at once.",
        Some(SessionState::SyncConnected) if came.gone.is_none() => {
            text + ", and so is its client."
        }
        _ => text + ".",
    }
}

fn seconds(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    match tenths % 10 {
        0 => format!("{} s", tenths / 10),
        rest => format!("{}.{rest} s", tenths / 10),
    }
}
