//! Claim 3: a change is seen by all servers in real time.
//!
//! It is seen within a bound, or the client learns that its server is cut off. The server cannot
//! know what it misses; but it knows when a quorum answered it last, and stops answering when that
//! is too long ago.
//!
//! Book: chapter 2.

use std::time::Duration;

use machines::Trace;

use crate::history::{Action, Operation};
use crate::lab::Lab;
use crate::store::{Limits, Promise, Wish};

use super::QUIET;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Bounded {
    /// No read may miss what was confirmed longer ago than this.
    pub bound: Duration,
    /// How long ago the oldest write that a read missed had been confirmed, at the worst of reads.
    pub oldest_missed: Duration,
    /// How many reads the server that was cut off answered, and how many of them were stale.
    pub reads: usize,
    /// See `reads`.
    pub stale: usize,
    /// How long after the cut the client's connection was closed; nothing if it never was.
    pub told_after: Option<Duration>,
}

/// Three servers, of which the third is cut off. Client 1 writes by server 1 all the time, client 2
/// reads by server 3 as long as it is answered.
pub fn bounded(seed: u64) -> (Trace, Bounded) {
    let mut lab = Lab::recorded(3, seed);
    lab.add_client(1, &[1]);
    lab.add_client(2, &[3]);
    lab.run(QUIET);
    lab.part(&[3], &[2]);
    let (cut, from) = (lab.world.now(), lab.ticks());
    let mut told_after = None;
    for value in 1..=100 {
        for (client, wish) in [(1, Wish::Write(value)), (2, Wish::Read)] {
            if !lab.waits(client) {
                lab.ask(client, wish, Promise::Sequential);
            }
        }
        lab.run(Duration::from_millis(10));
        if !lab.is_connected(2) {
            told_after = Some(lab.world.now() - cut);
            break;
        }
    }

    let reads = lab.history().iter().filter(|op| {
        op.invoked >= from && op.answered.is_some() && matches!(op.action, Action::Read(_))
    });
    let missed: Vec<Option<Duration>> = reads.map(|read| missed(lab.history(), read)).collect();
    let bounded = Bounded {
        bound: Limits::default().bound,
        oldest_missed: missed.iter().flatten().max().copied().unwrap_or_default(),
        reads: missed.len(),
        stale: missed.iter().flatten().count(),
        told_after,
    };
    (lab.trace(), bounded)
}

/// How long ago, when a read was asked, the first write that it did not see had been confirmed.
/// Values are written in rising order.
fn missed(history: &[Operation], read: &Operation) -> Option<Duration> {
    let Action::Read(told) = read.action else { return None };
    let unseen = history.iter().filter(|op| matches!(op.action, Action::Write(new) if new > told));
    let confirmed = unseen.filter_map(|op| op.answered).min()?;
    let ago = read.invoked.checked_sub(confirmed)?;
    Some(Duration::from_micros(ago))
}
