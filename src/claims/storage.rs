//! Claims of chapter 7, on a server that is a log with a network in front.

use ::storage::program::{Outcome, Program, Trouble, run_program};

use super::{Experiment, SEED, Scene, scene};

/// Claim 6: memory first, and the disk later.
pub(super) fn memory_first() -> Experiment {
    let play = |careless: bool| {
        let trouble = Trouble::Appended;
        run_program(&Program { writes: 7, bytes: 300, trouble, careless, seed: SEED })
    };
    let (careful, careless) = (play(false), play(true));
    let keeps =
        |outcome: &Outcome| outcome.found.as_ref().is_ok_and(|(last, _)| *last >= outcome.told);
    let holds = [
        (careful.told.counter() > 0, "the careful server told nobody anything"),
        (keeps(&careful), "the careful server has lost what it acknowledged"),
        (!keeps(&careless), "to answer from memory has lost nothing"),
    ];
    let first = "The log is forced before the answer; the power goes when a batch is in memory";
    let second = "Memory first, and the disk later: the power goes at the same moment";
    Experiment::of(vec![told(first, careful), told(second, careless)], &holds)
}

fn told(title: &str, came: Outcome) -> Scene {
    let Outcome { trace, told, found, .. } = came;
    let found = match found {
        Ok((last, _)) => format!("Found after the restart is everything up to {last}."),
        Err(why) => format!("It does not start: {why}"),
    };
    scene(title, trace, format!("The client was told of everything up to {told}. {found}"))
}
