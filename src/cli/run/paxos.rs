//! The program of chapter 4: Paxos, message by message.

use std::collections::BTreeSet;

use ::paxos::{Courtesy, Program, Rule, Scene, Seen, run_program};
use clap::{Args, ValueEnum};
use machines::{Kind, Line};

use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct PaxosArgs {
    /// What is to be seen
    #[arg(value_enum, default_value = "example")]
    what: What,
    /// What an acceptor answers a prepare with: the rule of Paxos, or that of popular notes
    #[arg(long, value_enum, default_value = "accepted")]
    rule: RuleArg,
    /// How the proposers of a duel wait for each other
    #[arg(long, value_enum, default_value = "eager")]
    wait: Wait,
    /// Another seed is another network, and other dice
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum What {
    /// The worked example of popular notes: [2, 8] against [4, 5]
    Example,
    /// Three ballots, of which the second reaches one acceptor only
    Three,
    /// Two proposers that get in between each other
    Duel,
    /// A log: the leader dies, and the next one fills a gap
    Log,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum RuleArg {
    /// What it last accepted: Paxos
    Accepted,
    /// What it last received: popular notes
    Received,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Wait {
    /// Not at all
    Eager,
    /// As long as dice say, and longer each time
    Random,
    /// One is preferred, and the other waits
    Ranked,
}

impl PaxosArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let rule = match self.rule {
            RuleArg::Accepted => Rule::Accepted,
            RuleArg::Received => Rule::Received,
        };
        let courtesy = match self.wait {
            Wait::Eager => [Courtesy::Eager; 2],
            Wait::Random => [0, 1].map(|which| Courtesy::Random { seed: self.seed * 2 + which }),
            Wait::Ranked => [0, 1].map(|rank| Courtesy::Ranked { rank }),
        };
        let (scene, title) = match self.what {
            What::Example => (
                Scene::Example(rule),
                "Proposers A and B are c1, with [2, 8], and c2, with [4, 5]; acceptors X, Y, Z are \
                 1, 2, 3.",
            ),
            What::Three => (
                Scene::Three(rule),
                "Proposers c1, c2 and c3 have the ballots 2, 4 and 6 and want 8, 5 and 1; \
                 acceptors are 1, 2, 3.",
            ),
            What::Duel => (
                Scene::Duel(courtesy),
                "Proposers c1 and c2 want 8 and 5, for a fifth of a second; acceptors are 1, 2, 3.",
            ),
            What::Log => (
                Scene::Log,
                "Proposers c1 and c2 fill a log, and c3 learns it; acceptors are 1, 2, 3.",
            ),
        };
        let seen = run_program(&Program { scene, seed: self.seed });
        let outcome = outcome(&seen);
        let (title, mut said) = (title.to_string(), BTreeSet::new());
        let note = Box::new(move |line: &Line| explain(line, &mut said));
        Story { title, trace: seen.trace, shows, note, outcome, next: NEXT }
    }
}

const NEXT: &[(&str, &str)] = &[
    ("example --rule received", "the same, as popular notes have it"),
    ("three --rule received", "three ballots, and their rule chooses twice"),
    ("three", "the same by the rule of Paxos"),
    ("duel", "two that never decide"),
    ("duel --wait random", "and what ends it; ranked does too"),
    ("log", "one value after another"),
    ("--all", "with connections, and each message at both ends"),
];

/// What a person wants to see: what arrives, and what comes of it.
fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Received => !["Ask", "Leading"].iter().any(|what| line.text.starts_with(what)),
        Kind::Answered => !["Promised", "Accepted"].iter().any(|what| line.text.starts_with(what)),
        Kind::Crashed | Kind::PowerLost => true,
        _ => false,
    }
}

/// What each kind of line is about, said before the first of them.
const EXPLAINED: &[(Kind, &str, &str)] = &[
    (
        Kind::Received,
        "Prepare",
        "Phase 1. A proposer asks a majority to accept nothing below its ballot any more.",
    ),
    (
        Kind::Received,
        "Promise",
        "Each acceptor that promises says what it has: the proposal of the highest ballot counts.",
    ),
    (
        Kind::Received,
        "Accept ",
        "Phase 2. A majority has promised; the proposer asks all to accept what it had to pick.",
    ),
    (Kind::Received, "Nack", "Somebody has promised a higher ballot meanwhile."),
    (
        Kind::Answered,
        "Preempted",
        "A proposer gives up its ballot, and will try again with a higher one.",
    ),
    (
        Kind::Answered,
        "Leads",
        "A majority has promised every slot at once: from here on a value needs phase 2 only.",
    ),
    (Kind::Answered, "Chosen", "A majority has accepted one proposal: its value is chosen."),
    (Kind::Answered, "Learned", "A learner has heard it from a majority of acceptors."),
    (
        Kind::Answered,
        "Learned 4:no-op",
        "Nobody knew what was asked for in slot 4: a no-op fills it.",
    ),
];

fn explain(line: &Line, said: &mut BTreeSet<&'static str>) -> Option<String> {
    if line.kind == Kind::Crashed {
        return Some(format!("{} dies.", line.node));
    }
    let about = |(kind, what, _): &&(Kind, &str, &str)| {
        line.kind == *kind && line.text.starts_with(what) && !said.contains(what)
    };
    let (_, what, why) = EXPLAINED.iter().rev().find(about)?;
    said.insert(what);
    Some((*why).to_string())
}

/// What came of it.
fn outcome(seen: &Seen) -> String {
    let chosen: Vec<String> =
        seen.chosen.iter().map(|(slot, proposal)| format!("{slot}:{proposal}")).collect();
    let given_up = |line: &&Line| line.kind == Kind::Answered && line.text.starts_with("Preempted");
    let given_up = seen.trace.lines().iter().filter(given_up).count();
    let mut text = match chosen.is_empty() {
        true => "Nothing is chosen".to_string(),
        false => format!("Chosen: {}", chosen.join(", ")),
    };
    if given_up > 0 {
        text += &format!("; ballots that were given up: {given_up}");
    }
    match &seen.broken {
        Some(broken) => format!("{text}. What must never be: {}.", broken.what),
        None => text + ".",
    }
}
