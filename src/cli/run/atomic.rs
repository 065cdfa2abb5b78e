//! The program of chapter 3: a transfer between two banks, and what may become of it.

use std::collections::{BTreeMap, BTreeSet};

use atomic_commit::Outcome;
use atomic_commit::claims::{self, Experiment};
use atomic_commit::outbox;
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId};

use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct AtomicArgs {
    /// What happens
    #[arg(value_enum, default_value = "commit")]
    what: What,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum What {
    /// Two phases, and nothing fails
    Commit,
    /// A second transaction waits for the locks of the first
    Wait,
    /// The coordinator dies when all have voted
    Block,
    /// The same, and it comes back
    Return,
    /// The coordinator dies when it has told one of two
    Told,
    /// The coordinator dies before it has asked one of two
    Unasked,
    /// The coordinator dies when it has told one of two, and the two cannot talk
    Window,
    /// One vote is late
    Late,
    /// One in doubt aborts on its own
    Heuristic,
    /// The coordinator's log is lost
    LostLog,
    /// Three phases, and nothing fails
    ThreePhases,
    /// Three phases, and the coordinator dies where two phases block
    Termination,
    /// Three phases with timeouts that ask nobody, and one crash
    Alone,
    /// Three phases, and one is cut off
    Partition,
    /// Three phases, and messages are late
    Slow,
    /// Three phases, all crash, and one does not come back
    TotalFailure,
    /// No protocol at all: a message that is delivered until it has arrived
    Outbox,
}

impl AtomicArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let (experiment, title): (fn(u64) -> Experiment, &str) = match self.what {
            What::Commit => (
                claims::two_phases,
                "A transfer from bank 2 to bank 3 ends by two phases. 1 is the transaction manager.",
            ),
            What::Wait => (
                claims::second_waits,
                "Two applications want the same accounts; the second waits for the locks.",
            ),
            What::Block => (
                claims::coordinator_dies,
                "Two phases. The coordinator dies when all have voted and nobody was told.",
            ),
            What::Return => (
                claims::coordinator_returns,
                "Two phases. The coordinator dies when all have voted, and comes back.",
            ),
            What::Told => (
                claims::one_was_told,
                "Two phases. The coordinator dies when it has told one of two.",
            ),
            What::Unasked => (
                claims::one_was_not_asked,
                "Two phases. The coordinator dies before it has asked one of two for its vote.",
            ),
            What::Window => (
                claims::window,
                "Two phases. One of two was told, and the other can reach nobody who knows.",
            ),
            What::Late => {
                (claims::late_vote, "Two phases. All could commit, but one vote is late.")
            }
            What::Heuristic => (
                claims::one_decides_alone,
                "Two phases. A bank in doubt loses patience, and aborts on its own.",
            ),
            What::LostLog => (
                claims::log_is_lost,
                "Two phases. The coordinator loses its disk when it has told one of two.",
            ),
            What::ThreePhases => {
                (claims::three_phases, "A transfer from bank 2 to bank 3 ends by three phases.")
            }
            What::Termination => (
                claims::nobody_is_blocked,
                "Three phases. The coordinator dies where two phases would block.",
            ),
            What::Alone => (
                claims::timeouts_alone,
                "Three phases, and everybody in doubt decides alone. One crash.",
            ),
            What::Partition => {
                (claims::partition, "Three phases. Nobody crashes; one bank is cut off.")
            }
            What::Slow => (
                claims::slow_network,
                "Three phases. Nobody crashes and nothing is lost; messages are late.",
            ),
            What::TotalFailure => (
                claims::total_failure,
                "Three phases. All crash, and the transaction manager does not come back.",
            ),
            What::Outbox => return self.outbox(),
        };
        let came = experiment(self.seed);
        let outcome = outcome(&came);
        tell(title, came, outcome)
    }

    fn outbox(&self) -> Story {
        let (trace, audit) = outbox::crash_in_the_middle(self.seed);
        let (paid, credited) = audit.sums();
        let outcome = format!(
            "{paid} was paid and {credited} was credited, each payment once, though some were \
             delivered twice."
        );
        let title = "No vote, no lock: bank 1 delivers what is in its outbox until it has arrived.";
        let mut narrator = Narrator::default();
        let note = Box::new(move |line: &Line| narrator.note(line));
        Story { title: title.to_string(), trace, shows, note, outcome, next: NEXT }
    }
}

const NEXT: &[(&str, &str)] = &[
    ("block", "two phases: the coordinator dies, and all wait for it"),
    ("told", "two phases: one of those in doubt was told"),
    ("heuristic", "two phases: one in doubt decides alone"),
    ("termination", "three phases: the coordinator dies, and nobody waits"),
    ("partition", "three phases: one is cut off"),
    ("outbox", "no protocol: what is delivered until it has arrived"),
];

fn tell(title: &str, came: Experiment, outcome: String) -> Story {
    let mut narrator = Narrator::default();
    let note = Box::new(move |line: &Line| narrator.note(line));
    Story { title: title.to_string(), trace: came.trace, shows, note, outcome, next: NEXT }
}

/// What a person wants to see: messages, disks, and what comes of them.
fn shows(line: &Line) -> bool {
    let done = matches!(line.kind, Kind::Crashed | Kind::PowerLost | Kind::Cut | Kind::Mended);
    let came = matches!(line.kind, Kind::Received | Kind::Answered | Kind::Expired | Kind::Durable);
    done || came
}

/// What each message is about, said before the first of them.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "Work",
        "The application works at both banks. They lock the accounts, and set the changes aside.",
    ),
    ("Finish", "Both banks can do it. The application asks the transaction manager for the end."),
    (
        "Prepare",
        "The voting phase. Who votes yes writes to its disk first all that it needs to commit; \
         from then on it may not abort on its own.",
    ),
    ("CanCommit", "The first phase is the vote. Who votes yes has written that to its disk first."),
    (
        "PreCommit",
        "The second phase: all have voted yes. Nobody commits before everybody knows that.",
    ),
    (
        "Decision",
        "The decision was made when it was on the disk of whoever made it. Now it is told.",
    ),
    ("Inquire", "Somebody in doubt asks whoever may know."),
    ("InDoubt", "Who is asked is in doubt as well. Neither may decide: they are blocked."),
    (
        "StateRequest",
        "Whoever leads is taken for dead. The next in line asks how far the others have come.",
    ),
    ("Order", "A customer orders. The bank takes the money and fills its outbox in one write."),
    ("Payment", "What is in the outbox is delivered, until it has been acknowledged."),
    ("Credited", "The other bank credits the money and remembers the message in one write."),
];

/// Says what a phase is about, when it begins.
#[derive(Default)]
struct Narrator {
    said: BTreeSet<&'static str>,
    cut: bool,
    down: BTreeSet<NodeId>,
}

impl Narrator {
    fn note(&mut self, line: &Line) -> Option<String> {
        match line.kind {
            Kind::Received => {
                let word = line.text.split(' ').next()?;
                let (what, why) = EXPLAINED.iter().find(|(what, _)| *what == word)?;
                self.said.insert(what).then(|| (*why).to_string())
            }
            Kind::Crashed | Kind::PowerLost => {
                let how = if line.kind == Kind::Crashed { "crashes" } else { "loses its power" };
                self.down.insert(line.node);
                Some(format!("{} {how}.", line.node))
            }
            Kind::Started if self.down.remove(&line.node) => {
                Some(format!("{} is back, and reads its log.", line.node))
            }
            Kind::Cut if !std::mem::replace(&mut self.cut, true) => {
                Some("Nothing gets through any more between these.".to_string())
            }
            Kind::Mended if std::mem::take(&mut self.cut) => {
                Some("Everything gets through again.".to_string())
            }
            Kind::Answered if line.text.starts_with("Waits") => {
                let why = "The account is locked, and whoever wants it waits in line.";
                self.said.insert("Waits").then(|| why.to_string())
            }
            _ => None,
        }
    }
}

/// Who decided what, and who does not know.
fn outcome(came: &Experiment) -> String {
    let those = |decided: &BTreeMap<NodeId, Outcome>, wanted: Outcome| -> Vec<String> {
        let those = decided.iter().filter(|(_, outcome)| **outcome == wanted);
        those.map(|(node, _)| node.to_string()).collect()
    };
    let doubt = came.in_doubt.iter().map(NodeId::to_string).collect();
    let mut parts = Vec::new();
    for (nodes, what) in [
        (those(&came.decided, Outcome::Commit), "committed"),
        (those(&came.decided, Outcome::Abort), "aborted"),
        (doubt, "still in doubt"),
    ] {
        if !nodes.is_empty() {
            parts.push(format!("{}: {what}", listed(&nodes)));
        }
    }
    let split = if came.is_split() { " They disagree for ever." } else { "" };
    format!("In the end {}.{split}", parts.join("; "))
}

/// Names as a person lists them: `1, 2 and c1`.
fn listed(names: &[String]) -> String {
    match names {
        [] => "nobody".to_string(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}
