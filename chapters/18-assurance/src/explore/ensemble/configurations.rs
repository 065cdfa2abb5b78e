//! The ensembles that are explored by name.

use super::{Bounds, Ensembles};
use crate::explore::Configuration;

/// The ensembles that are explored by name, the smallest first.
///
/// A leader keeps one committed transaction in memory for those who are behind. So who lacks one gets
/// a DIFF, who lacks two a snapshot, and who has one too many a TRUNC.
pub fn ensembles() -> Vec<Configuration<Ensembles>> {
    let bounded = |transactions, crashes, drops, epochs| {
        Ensembles::new(Bounds { transactions, crashes, drops, epochs }, 1, false)
    };
    let configuration =
        |name, what, states, subject| Configuration { name, what, states, subject, promise: false };
    vec![
        configuration(
            "ensemble-calm",
            "one transaction, one reign, no fault: in the smallest steps",
            5_466,
            bounded(1, 0, 0, 1).in_small_steps().which_sees(&["DIFF", "SNAP"]),
        ),
        configuration(
            "ensemble-small",
            "one transaction, one crash, two reigns: in the smallest steps",
            463_626,
            bounded(1, 1, 0, 2).in_small_steps().which_sees(FAULTS),
        ),
        configuration(
            "ensemble-cut",
            "one transaction, one crash, one broken connection, three reigns",
            429_561,
            bounded(1, 1, 1, 3).which_sees(FAULTS),
        ),
    ]
}

/// What is met wherever a process may end.
const FAULTS: &[&str] =
    &["DIFF", "SNAP", "a leader dies before it is established", "an established leader dies"];
