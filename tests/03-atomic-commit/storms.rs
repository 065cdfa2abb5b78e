//! Two phases while everything fails that can fail, and three while everybody may crash.

use std::time::Duration;

use atomic_commit::laws::Law;
use atomic_commit::stage::{FIRST, Play, Scene, Stage, transfer};
use atomic_commit::{Outcome, Timeouts, Told};
use machines::{Dice, Kind, NodeId, Operation, Settings};

/// What happened in some runs: each must have happened at least once in many.
#[derive(Default)]
struct Seen {
    commits: usize,
    aborts: usize,
    doubts: usize,
    waits: usize,
    failed: usize,
}

/// Three banks and two applications that want the same accounts.
fn scene(play: Play, seed: u64, settings: Settings) -> Scene {
    let one = vec![
        transfer(&[(2, -30), (3, 30)]),
        transfer(&[(2, 5), (3, -10), (4, 5)]),
        transfer(&[(4, -200), (2, 200)]),
        transfer(&[(3, -1), (4, 1)]),
    ];
    let other = vec![transfer(&[(3, -20), (2, 20)]), transfer(&[(4, -10), (2, 10)])];
    Scene { play, banks: 3, transfers: vec![one, other], settings, seed }
}

fn look(stage: &Stage, seen: &mut Seen) {
    let decided = stage.laws().decided(FIRST);
    let is = |wanted| decided.values().any(|outcome| *outcome == wanted);
    seen.commits += usize::from(is(Outcome::Commit));
    seen.aborts += usize::from(is(Outcome::Abort));
}

/// Goes on for a while.
fn go_on(stage: &mut Stage, time: Duration, seen: &mut Seen) {
    let limit = stage.world.now() + time;
    while let Some(occurrence) = stage.step_until(limit) {
        let waits = occurrence.answers.iter().any(|told| matches!(told, Told::Waits(..)));
        seen.waits += usize::from(waits);
        seen.failed += usize::from(occurrence.line.kind == Kind::Failed);
    }
    seen.doubts += stage.laws().in_doubt(FIRST).len();
}

fn hurt(stage: &mut Stage, dice: &mut Dice) {
    let world = &mut stage.world;
    let nodes = world.nodes();
    let (one, other) = (nodes[dice.below(nodes.len())], nodes[dice.below(nodes.len())]);
    let server = NodeId::Server(dice.between(1, 5));
    match dice.below(14) {
        0 | 1 => world.crash(server),
        2 | 3 => world.power_loss(server),
        4 => world.pause(server),
        5 | 6 => world.cut(one, other),
        7 => world.heal(),
        8 => world.files(server).fail(Operation::Sync, dice.between(1, 4) as u32),
        9 => world.files(server).lose_power_after(dice.between(1, 12)),
        10 => stage.reset(one, other),
        11 => {
            let others: Vec<NodeId> = nodes.into_iter().filter(|node| *node != one).collect();
            world.part(&[one], &others);
        }
        _ => {
            for node in nodes {
                world.resume(node);
                world.restart(node);
            }
        }
    }
}

/// A run in which everything fails for a while, and then is repaired.
fn storm(play: Play, seed: u64, seen: &mut Seen) -> Stage {
    let mut dice = Dice::new(seed);
    // In a world that is rough as well, few transactions come as far as a promise.
    let rough = dice.chance(400);
    let settings = if rough { Settings::rough(&mut dice) } else { Settings::default() };
    let mut stage = Stage::recorded(&scene(play, seed, settings));
    for _ in 0..40 {
        let pause = [8, 30, 800, 2_500][dice.below(4)];
        go_on(&mut stage, Duration::from_millis(dice.between(0, pause)), seen);
        hurt(&mut stage, &mut dice);
    }
    stage.end();
    look(&stage, seen);
    stage
}

fn assert_lawful(stage: &Stage, seed: u64) {
    if let Some(broken) = stage.laws().broken() {
        panic!("seed {seed}: a law is broken\n{}{broken}", stage.trace());
    }
}

#[test]
fn two_phases_keep_every_law_whatever_fails() {
    let mut seen = Seen::default();
    for seed in 0..1_000 {
        assert_lawful(&storm(Play::TwoPhases, seed, &mut seen), seed);
    }
    let Seen { commits, aborts, doubts, waits, failed } = seen;
    assert!(commits > 50 && aborts > 50, "{commits} commits, {aborts} aborts");
    assert!(doubts > 50 && waits > 10 && failed > 10, "{doubts} {waits} {failed}");
}

#[test]
#[ignore = "takes minutes"]
fn two_phases_keep_every_law_in_20000_storms() {
    for seed in 0..20_000 {
        assert_lawful(&storm(Play::TwoPhases, seed, &mut Seen::default()), seed);
    }
}

#[test]
fn without_faults_everything_that_can_commit_does() {
    for play in [Play::TwoPhases, Play::ThreePhases(Timeouts::Together)] {
        for seed in 0..100 {
            let mut stage = Stage::recorded(&Scene::three_banks(play, seed));
            stage.end_without_faults();
            assert_lawful(&stage, seed);
        }
    }
}

/// Servers crash and come back, in a world where whoever is silent has crashed.
fn crashes(play: Play, seed: u64, seen: &mut Seen) {
    let mut dice = Dice::new(seed);
    let mut stage = Stage::recorded(&scene(play, seed, Settings::default()));
    for _ in 0..20 {
        let server = NodeId::Server(dice.between(1, 5));
        match dice.below(4) {
            0 => stage.world.crash(server),
            1 => stage.world.power_loss(server),
            _ => stage.world.nodes().into_iter().for_each(|node| stage.world.restart(node)),
        }
        let short = [20, 200, 3_000][dice.below(3)];
        go_on(&mut stage, Duration::from_millis(dice.between(0, short)), seen);
    }
    stage.end();
    look(&stage, seen);
    assert_lawful(&stage, seed);
}

#[test]
fn three_phases_keep_every_law_while_servers_crash_and_come_back() {
    let mut seen = Seen::default();
    (0..400).for_each(|seed| crashes(Play::ThreePhases(Timeouts::Together), seed, &mut seen));
    assert!(seen.commits > 50 && seen.aborts > 50, "{} {}", seen.commits, seen.aborts);
}

#[test]
fn storms_find_out_who_decides_alone() {
    let split = |seed: &u64| {
        let stage = storm(Play::Heuristics, *seed, &mut Seen::default());
        let law = stage.laws().broken().map(|broken| broken.law);
        matches!(law, Some(Law::AC1 | Law::AC2))
    };
    let first = (0..400).find(split);
    println!("{first:?}");
    assert!(first.is_some(), "a heuristic decision must break a law in some storm");
}
