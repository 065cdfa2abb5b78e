//! Sweeps: a run is repeated, and each time somebody crashes at another point of it.
//!
//! A process may die between any two things that it does, and in the middle of one: then some of what
//! it was saying gets out and some does not. So a crash here is a moment, a node, and the connections
//! on which what the node has just said is lost. Nothing is lost between those that live.
//!
//! Book: chapter 3.

use std::fmt;
use std::time::Duration;

use machines::{NodeId, Trace};

use crate::laws::Broken;
use crate::stage::{FIRST, Scene, Stage};

/// How long those that are left have to come to a decision.
const AFTERWARDS: Duration = Duration::from_secs(20);

/// A crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// After how many things that have happened.
    pub step: usize,
    /// Who crashes.
    pub node: NodeId,
    /// To whom what it has said last is lost.
    pub lost: Vec<NodeId>,
    /// Whether the power goes as well, and with it what was not forced to the disk.
    pub power: bool,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.power { "loses its power" } else { "crashes" };
        write!(f, "{} {how} after step {}", self.node, self.step)?;
        for lost in &self.lost {
            write!(f, ", what it has said to {lost} is lost")?;
        }
        Ok(())
    }
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The crashes that were tried.
    pub crashes: Vec<Crash>,
    /// Those that ran, had promised, and had to wait for somebody who had crashed.
    pub blocked: Vec<NodeId>,
    /// How many things had happened until nobody did anything more, before everybody was restarted.
    pub steps: usize,
    /// The first law that was broken, the restart included.
    pub broken: Option<Broken>,
}

/// What came of many runs.
#[derive(Clone, Debug, Default)]
pub struct Sweep {
    /// How many runs there were.
    pub runs: usize,
    /// The first run in which a law was broken.
    pub broken: Option<Run>,
    /// In how many runs somebody was blocked.
    pub blocked: usize,
    /// The first of them.
    pub first_blocked: Option<Run>,
}

impl Sweep {
    fn add(&mut self, run: Run) {
        self.runs += 1;
        if !run.blocked.is_empty() {
            self.blocked += 1;
            self.first_blocked.get_or_insert_with(|| run.clone());
        }
        if self.broken.is_none() && run.broken.is_some() {
            self.broken = Some(run);
        }
    }
}

/// Crashes everybody at every point of the run, one crash in each.
pub fn one_crash(scene: &Scene) -> Sweep {
    let mut sweep = Sweep::default();
    for crash in crashes(scene, 0, try_crashes(scene, &[]).steps) {
        sweep.add(try_crashes(scene, &[crash]));
    }
    sweep
}

/// Crashes two of them, at every pair of points; of all pairs only one in `stride` is tried.
pub fn two_crashes(scene: &Scene, stride: usize) -> Sweep {
    let mut sweep = Sweep::default();
    let mut number = 0;
    for first in crashes(scene, 0, try_crashes(scene, &[]).steps) {
        let steps = try_crashes(scene, std::slice::from_ref(&first)).steps;
        for second in crashes(scene, first.step, steps) {
            if second.node == first.node {
                continue;
            }
            number += 1;
            if number % stride == 0 {
                sweep.add(try_crashes(scene, &[first.clone(), second]));
            }
        }
    }
    sweep
}

/// Every crash of a server between two points of a run.
fn crashes(scene: &Scene, from: usize, to: usize) -> Vec<Crash> {
    let servers = scene.servers();
    let mut all = Vec::new();
    for (step, node) in (from..to).flat_map(|step| servers.iter().map(move |node| (step, *node))) {
        let others = servers.iter().copied().filter(|other| *other != node);
        let mut losses = vec![Vec::new()];
        losses.extend(others.clone().map(|other| vec![other]));
        losses.push(others.collect());
        for (index, lost) in losses.into_iter().enumerate() {
            all.push(Crash { step, node, lost, power: (step + index) % 2 == 1 });
        }
    }
    all
}

/// Runs a scene with these crashes, in the order of their steps. Those that are left have some time;
/// then everybody is restarted.
pub fn try_crashes(scene: &Scene, crashes: &[Crash]) -> Run {
    play(Stage::new(scene), crashes).0
}

/// The same once more, with its trace.
pub fn show_crashes(scene: &Scene, crashes: &[Crash]) -> (Run, Trace) {
    play(Stage::recorded(scene), crashes)
}

fn play(mut stage: Stage, crashes: &[Crash]) -> (Run, Trace) {
    let (mut steps, mut limit) = (0, AFTERWARDS);
    let mut rest = crashes.iter().peekable();
    loop {
        while let Some(crash) = rest.next_if(|crash| crash.step <= steps) {
            crash.lost.iter().for_each(|lost| stage.reset(crash.node, *lost));
            match crash.power {
                true => stage.world.power_loss(crash.node),
                false => stage.world.crash(crash.node),
            }
            limit = stage.world.now() + AFTERWARDS;
        }
        if rest.peek().is_none() && stage.is_quiet() || stage.step_until(limit).is_none() {
            break;
        }
        steps += 1;
    }
    let running = |node: &NodeId| stage.world.running(*node);
    let blocked = stage.laws().in_doubt(FIRST).into_iter().filter(running).collect();
    stage.end();
    let broken = stage.laws().broken().cloned();
    (Run { crashes: crashes.to_vec(), blocked, steps, broken }, stage.trace())
}
