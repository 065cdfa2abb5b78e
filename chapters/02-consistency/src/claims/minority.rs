//! Claim 19: CP means that it may wait for ever.
//!
//! Nobody waits for ever. A server that has lost its quorum stops serving: it drops its clients,
//! and takes none that want what it cannot promise. The majority goes on as if nothing had happened.
//!
//! Book: chapter 2.

use std::time::Duration;

use machines::{Kind, NodeId, Trace};

use crate::lab::Lab;
use crate::store::{Limits, Promise, Wish};

use super::QUIET;

/// What came of it.
#[derive(Clone, Debug)]
pub struct Minority {
    /// How many writes the majority's client made, and how many were answered.
    pub majority: (usize, usize),
    /// How many requests the minority's client made after it had been dropped once, and how many
    /// of them were answered.
    pub minority: (usize, usize),
    /// How long after the cut the minority's client was dropped; nothing if it never was.
    pub dropped_after: Option<Duration>,
    /// When the latest it had to be.
    pub allowed: Duration,
    /// How often servers of the minority closed a connection of that client.
    pub closed: usize,
    /// What an eventual read by the minority's server was told all the same: old, but an answer.
    pub eventual: Option<u64>,
    /// What the same client was told when the partition was over.
    pub after_healing: Option<u64>,
    /// The last value that the majority's client wrote.
    pub last_written: u64,
}

/// Five servers, of which 4 and 5 are cut off, with client 2.
pub fn minority(seed: u64) -> (Trace, Minority) {
    let limits = Limits::default();
    let mut lab = Lab::recorded(5, seed);
    lab.add_client(1, &[1]);
    lab.add_client(2, &[5, 4]);
    lab.add_client(3, &[5]);
    lab.run(QUIET);
    lab.done(2, Wish::Read, Promise::Linearizable).expect("all is well");
    lab.part(&[4, 5], &[2, 3]);
    let cut = lab.world.now();

    let (mut majority, mut minority, mut dropped_after) = ((0, 0), (0, 0), None);
    for value in 1..=20 {
        if !lab.waits(2) {
            lab.ask(2, Wish::Read, Promise::Linearizable);
            minority.0 += usize::from(dropped_after.is_some());
        }
        majority.0 += 1;
        let answer = lab.done(1, Wish::Write(value), Promise::Linearizable);
        majority.1 += usize::from(answer.is_some());
        let wait = lab.world.now() + Duration::from_millis(90);
        while lab.step_until(wait) {
            if dropped_after.is_none() && !lab.is_connected(2) {
                dropped_after = Some(lab.world.now() - cut);
            }
        }
    }
    minority.1 = answered_after(&lab, cut + dropped_after.unwrap_or_default());
    let eventual = lab.done(3, Wish::Read, Promise::Eventual).map(|content| content.value);
    let closed = closed_by_servers(&lab, NodeId::Client(2));

    lab.world.heal();
    lab.run(Duration::from_secs(20));
    lab.wait(2);
    let after_healing = lab.done(2, Wish::Read, Promise::Linearizable);
    let facts = Minority {
        majority,
        minority,
        dropped_after,
        allowed: limits.bound + limits.beat + Duration::from_millis(10),
        closed,
        eventual,
        after_healing: after_healing.map(|content| content.value),
        last_written: 20,
    };
    (lab.trace(), facts)
}

/// How many of client 2's requests were answered after a time.
fn answered_after(lab: &Lab, time: Duration) -> usize {
    let after = time.as_micros() as u64;
    let answered = lab.replies().iter().filter(|reply| reply.session == 2);
    answered.filter(|reply| reply.answered > after).count()
}

/// How often servers left a client.
fn closed_by_servers(lab: &Lab, client: NodeId) -> usize {
    let lines = lab.world.trace().lines().iter();
    lines.filter(|line| line.kind == Kind::Left && line.peer == Some(client)).count()
}
