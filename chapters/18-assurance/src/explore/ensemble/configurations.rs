//! The ensembles that are explored by name.

use super::{Bounds, Ensembles};
use crate::explore::Configuration;

/// The ensembles that are explored by name, the smallest first.
///
/// A leader keeps one committed transaction in memory for those who are behind. So who lacks one gets
/// a DIFF, who lacks two a snapshot, and who has one too many a TRUNC.
pub fn ensembles() -> Vec<Configuration<Ensembles>> {
    let bounds =
        |transactions, crashes, drops, epochs| Bounds { transactions, crashes, drops, epochs };
    let configuration =
        |name, what, states, subject| Configuration { name, what, states, subject, promise: false };
    vec![
        configuration(
            "ensemble-calm",
            "one transaction, one reign, no fault: in the smallest steps",
            5_466,
            Ensembles::new(bounds(1, 0, 0, 1), 1, false)
                .in_small_steps()
                .which_sees(&["DIFF", "SNAP"]),
        ),
        configuration(
            "ensemble-cut",
            "one transaction, one crash, one broken connection, three reigns",
            21_247,
            Ensembles::new(bounds(1, 1, 1, 3), 1, false).which_sees(DEATHS),
        ),
        configuration(
            "ensemble-log",
            "two transactions, one crash, two reigns: what others lack is on disk only",
            15_482,
            Ensembles::new(bounds(2, 1, 0, 2), 0, true)
                .which_sees(&["DIFF", "the log on disk is read"]),
        ),
        configuration(
            "ensemble-cuts",
            "two transactions, one crash, one broken connection, three reigns",
            218_109,
            Ensembles::new(bounds(2, 1, 1, 3), 1, false).which_sees(DEATHS).which_sees(KINDS),
        ),
        configuration(
            "ensemble-small",
            "one transaction, one crash, two reigns: in the smallest steps",
            459_210,
            Ensembles::new(bounds(1, 1, 0, 2), 1, false).in_small_steps().which_sees(DEATHS),
        ),
        configuration(
            "ensemble-whole",
            "two transactions, two crashes, one broken connection, four reigns",
            1_813_348,
            Ensembles::new(bounds(2, 2, 1, 4), 1, false).which_sees(DEATHS).which_sees(KINDS),
        ),
    ]
}

/// What is met wherever a process may end.
const DEATHS: &[&str] = &["a leader dies before it is established", "an established leader dies"];

/// How learners are brought up to date.
const KINDS: &[&str] = &["DIFF", "TRUNC", "SNAP"];
