//! The program of chapter 18: seeds are tried until one breaks a law, and its story is made small.

use assurance::claims::Bend;
use assurance::program::{Found, Hunt, run_hunt};
use assurance::story::NOISE;
use clap::{Args, ValueEnum};
use machines::{Kind, Line, Trace};

use super::layout::wrapped;
use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct HuntArgs {
    /// Which rule is left out
    #[arg(long, value_enum, default_value = "vote-and-discovery")]
    without: RuleArg,
    /// How many servers there are
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(2..=5))]
    servers: u64,
    /// How many seeds are tried at most
    #[arg(long, value_name = "N", default_value_t = 200)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(..1 << 62))]
    first: u64,
    /// In how many runs the story is made small; 1 leaves it as it was drawn
    #[arg(long, value_name = "RUNS", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    budget: u16,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum RuleArg {
    /// None: the real code
    Nothing,
    /// A vote is better by its server's number, whatever the histories
    Vote,
    /// That, and a leader does not refuse a follower that is ahead of it
    VoteAndDiscovery,
}

impl HuntArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let (bend, rules) = match self.without {
            RuleArg::Nothing => (Bend::Nothing, "The real rules"),
            RuleArg::Vote => (Bend::VoteOrder, "The larger number wins an election"),
            RuleArg::VoteAndDiscovery => (
                Bend::VoteOrderAndDiscovery,
                "The larger number wins an election, and discovery lets it lead",
            ),
        };
        let found = run_hunt(&Hunt {
            bend,
            servers: self.servers,
            first: self.first,
            seeds: self.seeds,
            budget: self.budget.into(),
        });
        let last = self.first + self.seeds - 1;
        match found {
            None => Story {
                title: format!(
                    "{rules}: seeds {} to {last}, {} servers.",
                    self.first, self.servers
                ),
                trace: Trace::default(),
                shows,
                note: Box::new(|_| None),
                outcome: "Nothing is broken.".to_string(),
                next: NEXT,
            },
            Some(found) => self.tell(rules, &found),
        }
    }

    fn tell(&self, rules: &str, found: &Found) -> Story {
        let Found { drawn, small, runs, ending } = found;
        let (seed, before) = (drawn.setting.seed, survivors(self.first, drawn.setting.seed));
        let broken = small.expect.as_deref().unwrap_or_default();
        let says: Vec<String> =
            small.says(ending)[..2].iter().map(|line| wrapped("", line)).collect();
        let (long, short) = (drawn.cues.len(), small.cues.len());
        let title = format!(
            "{rules}.\n{before}Seed {seed} breaks {broken}.\nIts story had {long} cues; after {runs} runs, \
             {short} are left:\n\n{}",
            indented(&assurance::Story { about: Vec::new(), ..small.clone() }.to_string())
        );
        Story {
            title,
            trace: ending.frames.iter().map(|frame| frame.line.clone()).collect(),
            shows,
            note: Box::new(|_| None),
            outcome: says.join("\n"),
            next: NEXT,
        }
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--without vote", "one of the two rules alone: how many seeds break it?"),
    ("--without nothing", "the real code"),
    ("--budget 1", "the story as it was drawn"),
    ("--first 100", "another seed, another story, the same law"),
];

/// The seeds that broke nothing.
fn survivors(first: u64, found: u64) -> String {
    match found - first {
        0 => String::new(),
        1 => format!("Seed {first} breaks nothing. "),
        _ => format!("Seeds {first} to {} break nothing. ", found - 1),
    }
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(|line| format!("    {line}")).collect();
    lines.join("\n")
}

/// What a person wants to see: who leads, what is written, what is made of it.
fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Started | Kind::Crashed | Kind::Driven | Kind::Cut | Kind::Mended => true,
        Kind::Answered => {
            let words = ["Deliver", "Serving", "Ceased"];
            words.iter().any(|word| line.text.starts_with(word))
        }
        Kind::Received => {
            let quiet = ["Notification", "Initial"].iter().chain(NOISE);
            !quiet.into_iter().any(|word| line.text.starts_with(word))
        }
        _ => false,
    }
}
