//! The program of chapter 18: a hunt. Members of an ensemble, perhaps with a rule left out, live
//! through lives that are drawn from seeds, until a law is broken; then the story of that life is
//! made small.
//!
//! Always true: the same hunt finds the same.

use std::time::Duration;

use machines::{Dice, NodeId};

use crate::claims::Bend;
use crate::story::members::play;
use crate::story::{Act, Cue, Ending, Scenery, Setting, Story, Trigger, Ways, minimise_by};

/// What is to be hunted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// Which rules are left out.
    pub bend: Bend,
    /// How many servers vote.
    pub servers: u64,
    /// The first seed.
    pub first: u64,
    /// How many seeds are tried at most.
    pub seeds: u64,
    /// How many runs are tried at most to make the story small.
    pub budget: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The story of the life that broke a law, as it was drawn.
    pub drawn: Story,
    /// What is left of it.
    pub small: Story,
    /// In how many runs it was made small.
    pub runs: usize,
    /// What comes of what is left.
    pub ending: Ending,
}

/// Hunts. Nothing is found if no seed breaks anything.
pub fn run_hunt(hunt: &Hunt) -> Option<Found> {
    let lives = (hunt.first..hunt.first + hunt.seeds).map(|seed| life(seed, hunt.servers));
    let breaks = |story: &Story| play(story, hunt.bend, false).violation.is_some();
    let drawn = lives.into_iter().find(breaks)?;
    let mut runs = 1;
    let tried = |story: &Story| play(story, hunt.bend, false);
    let small = minimise_by(&drawn, hunt.budget, tried, |it| runs = it.tries)?;
    let ending = play(&small, hunt.bend, true);
    Some(Found { drawn, small, runs, ending })
}

/// A life: writes, and what goes wrong between them.
fn life(seed: u64, servers: u64) -> Story {
    let mut dice = Dice::new(seed);
    let cues: Vec<Cue> = (0..dice.between(8, 24)).map(|_| cue(servers, &mut dice)).collect();
    let setting = Setting {
        world: Scenery::Members,
        seed,
        servers: Some(servers),
        duration: Duration::from_secs(40),
        ..Setting::default()
    };
    Story { setting, cues, ..Story::default() }
}

fn cue(servers: u64, dice: &mut Dice) -> Cue {
    let when = Trigger::After(Duration::from_millis(dice.between(1, 20) * 100));
    let node = NodeId::Server(dice.between(1, servers + 1));
    let act = match dice.below(9) {
        0..3 => Act::Write(node, "x".to_string()),
        3 | 4 => Act::Crash(node),
        5 | 6 => Act::Restart(node),
        7 => {
            let all = (1..=servers).map(NodeId::Server);
            let others = all.filter(|other| *other != node).collect();
            Act::Cut(Ways { some: vec![node], others, both: true })
        }
        _ => Act::MendAll,
    };
    Cue { when, act }
}
