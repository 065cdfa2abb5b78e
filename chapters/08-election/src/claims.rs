//! What is often said of elections, tried on the production machines of this chapter.
//!
//! Claim 31: the third of five servers always wins the first election. It does if three of them
//! settle before the fourth is heard, and all histories are equal; otherwise the best does that is
//! heard in time.
//!
//! Claim 18: with 2n servers one survives more failures than with 2n-1. One survives the same
//! number: of 2n servers n are no majority.
//!
//! Book: chapter 8.

use std::collections::BTreeSet;
use std::time::Duration;

use machines::{NodeId, Settings, Trace, World};
use zxid::ServerId;

use crate::first_leader;
use crate::members::Members;
use crate::program::{Program, boot, run_program};
use crate::server::ElectionServer;
use crate::vote::{LogEnd, ServerState};

/// How long an election may take in a world where nothing fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of a first boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBoot {
    /// Who leads.
    pub leader: Option<ServerId>,
    /// Who was to lead, by what is known of elections.
    pub predicted: Option<ServerId>,
}

/// Claim 31. Five empty servers start in the order of their numbers, `gap` apart.
pub fn third_of_five(gap: Duration, seed: u64) -> (Trace, FirstBoot) {
    let program = Program { seed, ..Program::first_boot(5, gap) };
    let trace = run_program(&program);
    let predicted = first_leader(&program.order, &[gap.as_millis() as u64; 5]);
    let led = trace.lines().iter().find(|line| line.text.starts_with("Leading"));
    let leader = led.and_then(|line| match line.node {
        NodeId::Server(number) => Some(ServerId(number as i64)),
        NodeId::Client(_) => None,
    });
    (trace, FirstBoot { leader, predicted })
}

/// Claim 18. How many servers of so many may fail, whichever they are, so that the others are a
/// quorum still. Every set of servers is tried; 16 servers at most.
pub fn failures_survived(servers: u32) -> u32 {
    assert!(servers <= 16, "every set of servers is tried, and {servers} have too many");
    let members = Members::majority(ids(servers));
    let deadly = (0..1_u32 << servers).filter(|failed| {
        let alive = ids(servers).enumerate().filter(|(at, _)| failed & 1 << at == 0);
        !members.is_quorum(&alive.map(|(_, server)| server).collect::<BTreeSet<_>>())
    });
    let fewest = deadly.map(u32::count_ones).min().expect("without servers there is no quorum");
    fewest - 1
}

/// Claim 18. The last `failed` of `servers` servers never start. Who comes to lead, if anybody does.
pub fn election_without(servers: u32, failed: u32, seed: u64) -> (Trace, Option<ServerId>) {
    let mut world: World<ElectionServer> = World::new(seed, Settings::default());
    world.trace_mut().record();
    let members = Members::majority(ids(servers));
    for server in ids(servers - failed) {
        let start = boot(server, members.clone(), |_| LogEnd::default());
        world.add(NodeId::Server(server.0 as u64), start);
    }
    while world.step_until(PATIENCE).is_some() {}
    let leads = |server: &ServerId| {
        let machine = world.machine(NodeId::Server(server.0 as u64));
        machine.is_some_and(|it| it.election().state() == ServerState::Leading)
    };
    let leader = ids(servers - failed).find(leads);
    (world.trace().clone(), leader)
}

fn ids(servers: u32) -> impl Iterator<Item = ServerId> {
    (1..=i64::from(servers)).map(ServerId)
}
