//! Mutants: deliberate breaks of the course, and who catches them.
//!
//! A check that nothing can break says nothing, and a break that nothing notices is a hole in the
//! checks. So each break that somebody could think of is put into a copy of the course, the one who
//! must catch it looks, and what failed is the break's signature. The same mechanism serves the rig
//! (do the invariants see what they should?) and the exercises (which known mistake is this?).
//!
//! Read `mutant.rs`, `judge.rs`, `copy.rs` and `trial.rs`.
//!
//! Always true: the course itself is never touched.

pub mod cases;
pub mod changed;
pub mod copy;
pub mod judge;
pub mod mutant;
pub mod report;
pub mod trial;

use std::path::Path;
use std::time::{Duration, Instant};

pub use copy::Copy;
pub use judge::Judge;
pub use mutant::{Mutant, load};
pub use trial::{Trial, Verdict};

/// Tries mutants one after another, and tells each trial to `tell`. When the time is over it begins
/// no other. With `keep`, the last one stays in the copy.
pub fn try_all(
    mutants: &[Mutant],
    course: &Path,
    limit: Option<Duration>,
    keep: bool,
    mut tell: impl FnMut(&Mutant, Option<&Trial>),
) -> Result<Vec<(Mutant, Trial)>, String> {
    let begin = Instant::now();
    let copy = Copy::of(course)?;
    let mut trials: Vec<(Mutant, Trial)> = Vec::new();
    for mutant in mutants {
        if limit.is_some_and(|limit| begin.elapsed() >= limit) {
            break;
        }
        tell(mutant, None);
        copy.put_in(mutant)?;
        let trial = trial::attempt(mutant, &copy);
        tell(mutant, Some(&trial));
        if !keep || trials.len() + 1 < mutants.len() {
            copy.take_out(mutant)?;
        }
        trials.push((mutant.clone(), trial));
    }
    Ok(trials)
}
