//! Claim 30: CAP, pick two of three.
//!
//! P is not chosen: wires are cut whether one likes it or not, and without a cut nothing need be
//! given up. During a partition each operation gives up C or A, and one system may do the one for
//! its writes and the other for its reads.
//!
//! Book: chapter 2. Papers: Gilbert and Lynch 2002; Brewer 2012.

use std::time::Duration;

use crate::program::{Course, GiveUp, Program, run_program};
use crate::store::Promise;

/// The same clients in four worlds.
#[derive(Clone, Debug)]
pub struct Cap {
    /// No partition: as one copy, and every request answered.
    pub whole: Course,
    /// A partition, and every operation gives up availability.
    pub without_a: Course,
    /// A partition, and every operation gives up consistency.
    pub without_c: Course,
    /// A partition; writes give up availability, reads consistency.
    pub each_its_own: Course,
}

/// Runs the chapter's program four times. Each course has its trace.
pub fn cap(seed: u64) -> Cap {
    let without_a = Program::giving_up(GiveUp::Availability, seed);
    let without_c = Program::giving_up(GiveUp::Consistency, seed);
    Cap {
        whole: run_program(&Program { partition: Duration::ZERO, ..without_a }),
        without_a: run_program(&without_a),
        without_c: run_program(&without_c),
        each_its_own: run_program(&Program { reads: Promise::Eventual, ..without_a }),
    }
}
