//! How a run went: a line while it goes on, a summary for people, an object for programs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use assurance::invariants::Broken;
use serde_json::{Value, json};

use super::nemesis::Counts;

/// How it stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// For how long there has been load.
    pub elapsed: Duration,
    /// Requests that were answered.
    pub operations: u64,
    /// Writes among them that were confirmed.
    pub writes: u64,
    /// What was done to the servers.
    pub counts: Counts,
    /// Who leads, if somebody does.
    pub leader: Option<u16>,
    /// The longest time in which no write was confirmed.
    pub longest_outage: Duration,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every invariant held; the tree has so many nodes.
    Holds(usize),
    /// One did not.
    Broken(Broken),
    /// So little was done that it means nothing; so many operations a second are the least.
    TooLittle(u32),
    /// Somebody stopped it before anything was judged.
    Stopped,
}

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many servers there were.
    pub servers: u16,
    /// How many clients.
    pub clients: u32,
    /// From which everything was drawn that can be.
    pub seed: u64,
    /// How it stood when the load ended.
    pub status: Status,
    /// How it ended.
    pub end: End,
    /// Where the servers' folders are, their logs, and the history.
    pub dir: PathBuf,
}

impl Status {
    /// Operations per second.
    pub fn rate(&self) -> f64 {
        self.operations as f64 / self.elapsed.as_secs_f64().max(0.001)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { kills, leader_kills, pauses, cuts, full_disks } = self.counts;
        write!(
            f,
            "{:.0} s: {} operations, {} confirmed writes; kills {kills} ({leader_kills} of a leader), \
             pauses {pauses}, cuts {cuts}, full disks {full_disks}; longest outage {:.1} s; ",
            self.elapsed.as_secs_f64(),
            self.operations,
            self.writes,
            self.longest_outage.as_secs_f64(),
        )?;
        match self.leader {
            Some(leader) => write!(f, "server {leader} leads"),
            None => write!(f, "nobody leads"),
        }
    }
}

impl Report {
    /// The line that shows what a violation is about.
    fn shown_by(&self, broken: &Broken) -> String {
        let history = self.dir.join("history");
        let names: Vec<String> = names(&broken.what);
        match names.is_empty() {
            true => format!("less {}", history.display()),
            false => format!("grep -E '^#({}) ' {}", names.join("|"), history.display()),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let Status { elapsed, operations, writes, counts, longest_outage, .. } = self.status;
        let mut all = json!({
            "servers": self.servers,
            "clients": self.clients,
            "seed": self.seed,
            "seconds": elapsed.as_secs_f64(),
            "operations": operations,
            "operationsPerSecond": self.status.rate(),
            "confirmedWrites": writes,
            "kills": counts.kills,
            "leaderKills": counts.leader_kills,
            "pauses": counts.pauses,
            "cuts": counts.cuts,
            "fullDisks": counts.full_disks,
            "longestOutageSeconds": longest_outage.as_secs_f64(),
        });
        let (result, more) = match &self.end {
            End::Holds(nodes) => ("holds", json!({ "nodes": nodes })),
            End::Broken(broken) => (
                "broken",
                json!({
                    "invariant": broken.invariant.to_string(),
                    "what": broken.what,
                    "meaning": broken.invariant.meaning(),
                    "dir": self.dir,
                    "shownBy": self.shown_by(broken),
                }),
            ),
            End::TooLittle(least) => ("too little", json!({ "leastPerSecond": least })),
            End::Stopped => ("stopped", json!({})),
        };
        all["result"] = result.into();
        for (name, value) in more.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        all
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { servers, clients, seed, status, end, .. } = self;
        let counts = status.counts;
        writeln!(f, "{servers} servers, {clients} clients, seed {seed}")?;
        writeln!(
            f,
            "{:.1} s of load: {} operations ({:.0} a second), {} of them confirmed writes",
            status.elapsed.as_secs_f64(),
            status.operations,
            status.rate(),
            status.writes
        )?;
        writeln!(
            f,
            "kills {} ({} of a leader), pauses {}, cuts {}, full disks {}; longest outage {:.2} s",
            counts.kills,
            counts.leader_kills,
            counts.pauses,
            counts.cuts,
            counts.full_disks,
            status.longest_outage.as_secs_f64()
        )?;
        match end {
            End::Holds(nodes) => write!(
                f,
                "every invariant holds: what was confirmed is there, and all servers have the same \
                 {nodes} nodes"
            ),
            End::Broken(broken) => {
                writeln!(f, "{} is broken: {}", broken.invariant, broken.what)?;
                writeln!(f, "what it means: {}", broken.invariant.meaning())?;
                writeln!(f, "kept: {}", self.dir.display())?;
                write!(f, "shown by: {}", self.shown_by(broken))
            }
            End::TooLittle(least) => write!(
                f,
                "fewer than {least} operations a second were answered, so the run says nothing; \
                 give it more time or less to do, or ask for less with --rate"
            ),
            End::Stopped => write!(f, "stopped before the end, so nothing was judged"),
        }
    }
}

/// The numbers of the requests that a text names.
fn names(text: &str) -> Vec<String> {
    let number = |part: &str| -> String { part.chars().take_while(char::is_ascii_digit).collect() };
    text.split('#').skip(1).map(number).filter(|number| !number.is_empty()).collect()
}
