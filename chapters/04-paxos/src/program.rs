//! The chapter's program: Paxos as it happens, in the simulated world.
//!
//! The example of popular notes, message by message, by their rule or by that of Paxos; the
//! schedule on which their rule chooses twice; a duel; and a log whose leader dies and leaves a gap.
//!
//! Book: chapter 4.

use std::time::Duration;

use machines::{Kind, NodeId, Occurrence, Settings, World};

use crate::claims::{three_ballots, worked_example};
use crate::duel::{Fight, fight};
use crate::message::Output;
use crate::role::{Role, boot};
use crate::search::Scope;
use crate::vocabulary::{Ballot, Courtesy, Numbers, Value};
use crate::watched::{Seen, Watched};
use crate::{Learner, LogProposer};

/// For how long something that must happen is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an acceptor answers a prepare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// What it last accepted: Paxos.
    Accepted,
    /// What it last received: popular notes.
    Received,
}

/// What is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// The worked example: A with `[2, 8]`, B with `[4, 5]`.
    Example(Rule),
    /// Three ballots, of which the second reaches one acceptor only.
    Three(Rule),
    /// Two proposers, and how they wait for each other.
    Duel([Courtesy; 2]),
    /// A log: a leader dies, and the next one fills a gap.
    Log,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// What is to be seen.
    pub scene: Scene,
    /// The seed of the world, where anything is left to it: in a log.
    pub seed: u64,
}

impl Rule {
    fn acceptor(self) -> Role {
        match self {
            Rule::Accepted => Scope::ours(),
            Rule::Received => Scope::hearsay(false),
        }
    }
}

/// Runs it, and gives back what was seen.
pub fn run_program(program: &Program) -> Seen {
    match program.scene {
        Scene::Example(rule) => worked_example(&rule.acceptor()).seen,
        Scene::Three(rule) => three_ballots(&rule.acceptor()).seen,
        Scene::Duel(courtesy) => {
            let (limit, later) = (Duration::from_millis(200), Duration::from_millis(10));
            fight(&Fight { limit, ..Fight::between(courtesy, 20, later) }).seen
        }
        Scene::Log => log(program.seed),
    }
}

/// The proposer that is preferred, the other one, and the learner.
const LEADER: NodeId = NodeId::Client(1);
const HEIR: NodeId = NodeId::Client(2);
const LEARNER: NodeId = NodeId::Client(3);

fn log(seed: u64) -> Seen {
    let mut world = World::new(seed, Settings::default());
    world.trace_mut().record();
    let acceptors: Vec<NodeId> = (1..=3).map(NodeId::Server).collect();
    acceptors.iter().for_each(|node| world.add(*node, boot(Scope::ours())));
    for (rank, (me, other)) in (0..).zip([(LEADER, HEIR), (HEIR, LEADER)]) {
        let numbers = Numbers { first: Ballot(u64::from(rank) + 1), step: 2 };
        let role = LogProposer::new(me, numbers, rank, acceptors.clone(), vec![other]);
        world.add(me, boot(Role::LogProposer(role)));
    }
    let learner = Learner::new(acceptors.clone(), vec![LEADER, HEIR]);
    world.add(LEARNER, boot(Role::Learner(learner)));
    let mut watched = Watched::new(world, acceptors.len());
    until(&mut watched, |node, output| node == LEADER && matches!(output, Output::Leads { .. }));
    for number in [11, 12, 13] {
        watched.propose(LEADER, Value::Number(number));
    }
    watched.pass(Duration::from_millis(100));
    leave_a_gap(&mut watched, &acceptors);
    until(&mut watched, |node, output| node == HEIR && matches!(output, Output::Leads { .. }));
    watched.propose(HEIR, Value::Number(16));
    watched.pass(Duration::from_millis(500));
    watched.seen()
}

/// The leader asks for 14 when it reaches nobody, and for 15 when it reaches acceptor 3 again; then
/// it dies, and so does acceptor 1.
fn leave_a_gap(watched: &mut Watched, acceptors: &[NodeId]) {
    let [one, two, three] = [acceptors[0], acceptors[1], acceptors[2]];
    watched.world().crash(three);
    watched.pass(Duration::from_millis(30));
    watched.world().part(&[LEADER], &[one, two]);
    watched.propose(LEADER, Value::Number(14));
    watched.world().restart(three);
    let limit = watched.world().now() + PATIENCE;
    while let Some(Occurrence { line, .. }) = watched.step_until(limit) {
        if line.kind == Kind::Opened && line.node == LEADER && line.peer == Some(three) {
            break;
        }
    }
    watched.propose(LEADER, Value::Number(15));
    until(watched, |node, output| node == three && matches!(output, Output::Accepted { .. }));
    watched.world().crash(LEADER);
    watched.world().crash(one);
}

/// Goes on until somebody says something, or until patience is lost.
fn until(watched: &mut Watched, is: impl Fn(NodeId, &Output) -> bool) {
    let limit = watched.world().now() + PATIENCE;
    while let Some(occurrence) = watched.step_until(limit) {
        if occurrence.answers.iter().any(|output| is(occurrence.line.node, output)) {
            return;
        }
    }
}
