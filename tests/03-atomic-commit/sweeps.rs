//! Crashes at every point of a run.

use atomic_commit::Timeouts;
use atomic_commit::laws::Law;
use atomic_commit::stage::{Play, Scene};
use atomic_commit::sweep::{Crash, Run, Sweep, one_crash, show_crashes, try_crashes, two_crashes};

const THREE_PHASES: Play = Play::ThreePhases(Timeouts::Together);

/// Says what happened in a run, if a law was broken in it.
fn all_is_well(scene: &Scene, sweep: &Sweep) {
    if let Some(Run { crashes, broken: Some(broken), .. }) = &sweep.broken {
        let (_, trace) = show_crashes(scene, crashes);
        let list: Vec<String> = crashes.iter().map(|crash| crash.to_string()).collect();
        panic!("seed {}: {}\n{trace}{broken}", scene.seed, list.join("; "));
    }
}

#[test]
fn no_crash_of_anybody_at_any_point_makes_two_phases_inconsistent() {
    for seed in 1..=4 {
        for scene in
            [Scene::transfer(Play::TwoPhases, seed), Scene::three_banks(Play::TwoPhases, seed)]
        {
            let sweep = one_crash(&scene);
            all_is_well(&scene, &sweep);
            assert!(sweep.runs > 500, "{} runs", sweep.runs);
            assert!(sweep.blocked > 0, "somewhere the coordinator's death must block the others");
        }
    }
}

#[test]
fn no_loss_of_power_at_any_point_of_a_transfer_makes_two_phases_inconsistent() {
    let scene = Scene::transfer(Play::TwoPhases, 1);
    for step in 0..try_crashes(&scene, &[]).steps {
        for node in scene.servers() {
            let run = try_crashes(&scene, &[Crash { step, node, lost: Vec::new(), power: true }]);
            all_is_well(&scene, &Sweep { broken: Some(run), ..Sweep::default() });
        }
    }
}

#[test]
fn only_the_coordinators_death_blocks_two_phases() {
    let scene = Scene::transfer(Play::TwoPhases, 1);
    let first = one_crash(&scene).first_blocked.expect("somebody is blocked");
    assert_eq!(first.crashes[0].node, atomic_commit::stage::MANAGER, "{:?}", first.crashes);
}

#[test]
fn no_crash_of_anybody_at_any_point_splits_or_blocks_three_phases() {
    for seed in 1..=4 {
        for scene in [Scene::transfer(THREE_PHASES, seed), Scene::three_banks(THREE_PHASES, seed)] {
            let sweep = one_crash(&scene);
            all_is_well(&scene, &sweep);
            assert!(sweep.runs > 500, "{} runs", sweep.runs);
            assert_eq!(sweep.blocked, 0, "{:?}", sweep.first_blocked);
        }
    }
}

#[test]
fn no_two_crashes_split_or_block_three_phases() {
    for scene in [Scene::transfer(THREE_PHASES, 1), Scene::three_banks(THREE_PHASES, 2)] {
        let sweep = two_crashes(&scene, 499);
        all_is_well(&scene, &sweep);
        assert!(sweep.runs > 500, "{} runs", sweep.runs);
        assert_eq!(sweep.blocked, 0, "{:?}", sweep.first_blocked);
    }
}

#[test]
fn no_two_crashes_make_two_phases_inconsistent() {
    let scene = Scene::transfer(Play::TwoPhases, 1);
    let sweep = two_crashes(&scene, 499);
    all_is_well(&scene, &sweep);
    assert!(sweep.runs > 500, "{} runs", sweep.runs);
}

#[test]
#[ignore = "takes minutes: every pair of crashes"]
fn no_two_crashes_of_all_that_there_are_split_or_block_three_phases() {
    for scene in [Scene::transfer(THREE_PHASES, 1), Scene::transfer(THREE_PHASES, 2)] {
        let sweep = two_crashes(&scene, 1);
        all_is_well(&scene, &sweep);
        assert_eq!(sweep.blocked, 0, "{:?}", sweep.first_blocked);
        println!("{} runs", sweep.runs);
    }
}

#[test]
fn timeouts_that_ask_nobody_are_found_out_by_one_crash() {
    let alone = one_crash(&Scene::transfer(Play::ThreePhases(Timeouts::Alone), 1));
    let broken = alone.broken.expect("one crash between two messages is enough");
    assert_eq!(broken.broken.expect("it says what").law, Law::AC1);
}

#[test]
fn heuristic_decisions_are_found_out_by_one_crash() {
    let found = (1..=4).any(|seed| {
        let sweep = two_crashes(&Scene::transfer(Play::Heuristics, seed), 499);
        let law = sweep.broken.and_then(|run| run.broken).map(|broken| broken.law);
        matches!(law, Some(Law::AC1 | Law::AC2))
    });
    assert!(found, "somebody that aborts on its own must be noticed");
}
