//! Claims of chapter 3, on transfers between two banks.

use atomic_commit::claims::{
    coordinator_dies, log_is_lost, nobody_is_blocked, one_decides_alone, partition,
};

use super::{Experiment, SEED, Scene, scene};

/// Claim 12: three phases do not block, and have no inconsistency.
pub(super) fn three_phases() -> Experiment {
    let (calm, cut) = (nobody_is_blocked(SEED), partition(SEED));
    let holds = [
        (calm.in_doubt.is_empty() && !calm.is_split(), "they were blocked, or split, by a crash"),
        (cut.is_split(), "the partition did not split them"),
    ];
    let scenes = vec![
        told("The coordinator dies when all have voted yes: two phases block here", calm),
        told("Nobody dies; one bank is cut off, and each side takes the other for dead", cut),
    ];
    Experiment::of(scenes, &holds)
}

/// Claim 28: the coordinator's death makes two phases inconsistent.
pub(super) fn coordinator() -> Experiment {
    let (doubt, alone, lost) = (coordinator_dies(SEED), one_decides_alone(SEED), log_is_lost(SEED));
    let holds = [
        (doubt.in_doubt.len() == 2 && !doubt.is_split(), "they were not just left in doubt"),
        (alone.is_split(), "deciding alone did not split them"),
        (lost.is_split(), "losing the log did not split them"),
    ];
    let scenes = vec![
        told("The coordinator dies when all have voted, and nobody was told", doubt),
        told("It dies when one was told; the other loses patience, and decides alone", alone),
        told("It dies when one was told, and comes back without its log", lost),
    ];
    Experiment::of(scenes, &holds)
}

fn told(title: &str, came: atomic_commit::claims::Experiment) -> Scene {
    let decided: Vec<String> =
        came.decided.iter().map(|(node, outcome)| format!("{node} {outcome}")).collect();
    let doubt: Vec<String> = came.in_doubt.iter().map(ToString::to_string).collect();
    let mut outcome = match decided.is_empty() {
        true => "Nobody has decided".to_string(),
        false => format!("In the end: {}", decided.join(", ")),
    };
    if !doubt.is_empty() {
        outcome += &format!("; in doubt: {}", doubt.join(" and "));
    }
    if came.is_split() {
        outcome += ". They disagree for ever";
    }
    scene(title, came.trace, outcome + ".")
}
