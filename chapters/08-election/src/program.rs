//! The chapter's program: an election as it happens, in the simulated world.
//!
//! Servers start one after another. When all that run have a leader, the leader may be made to
//! crash; the others notice, elect another, and the old leader comes back.
//!
//! Book: chapter 8.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use machines::{Boot, Booted, Disk, Facts, Fault, NodeId, Settings, Trace, World};
use zxid::{ServerId, Zxid};

use crate::connections::Limits;
use crate::members::Members;
use crate::port::ElectionPort;
use crate::server::ElectionServer;
use crate::vote::{LogEnd, ServerState};

/// How long servers take to notice that their leader is gone.
const NOTICE: Duration = Duration::from_millis(50);

/// How long a server stays down.
const DOWN: Duration = Duration::from_millis(500);

/// Where all logs end when the leader crashes: it has established epoch 1 and written something.
const AFTERWARDS: LogEnd = LogEnd { current_epoch: 1, last: Zxid(1 << 32 | 7) };

/// What is to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Who starts, in order. All of them are members.
    pub order: Vec<ServerId>,
    /// How much time passes between two starts.
    pub gap: Duration,
    /// Which of them have no vote.
    pub observers: Vec<ServerId>,
    /// Whether the leader crashes, and comes back later.
    pub crash: bool,
    /// The seed of the world.
    pub seed: u64,
}

impl Program {
    /// Voters 1 to `servers`, started in order, `gap` apart.
    pub fn first_boot(servers: u64, gap: Duration) -> Program {
        let order = (1..=servers).map(|server| ServerId(server as i64)).collect();
        Program { order, gap, observers: Vec::new(), crash: false, seed: 1 }
    }
}

/// Runs it, and gives back all that happened.
pub fn run_program(program: &Program) -> Trace {
    let mut world = World::new(program.seed, Settings::default());
    world.trace_mut().record();
    world.describe(facts);
    let voters = program.order.iter().filter(|server| !program.observers.contains(server));
    let members =
        Members::majority(voters.copied()).with_observers(program.observers.iter().copied());
    for server in &program.order {
        let log = |incarnation| if incarnation == 1 { LogEnd::default() } else { AFTERWARDS };
        world.add(node(*server), boot(*server, members.clone(), log));
        let next = world.now() + program.gap;
        while world.step_until(next).is_some() {}
    }
    elect(&mut world);
    if program.crash
        && let Some(leader) = leader(&world)
    {
        crash(&mut world, leader);
    }
    world.trace().clone()
}

/// What a server is like: its state, its round, and for whom it votes, with the end of that
/// candidate's log if there is one.
fn facts(server: &ElectionServer) -> Facts {
    let election = server.election();
    let vote = election.vote();
    let log = if vote.zxid == Zxid::ZERO { String::new() } else { format!(" ({})", vote.zxid) };
    let fact = |name: &str, value: String| (name.to_string(), value);
    vec![
        fact("", election.state().to_string()),
        fact("round", election.round().to_string()),
        fact("votes", format!("{}{log}", vote.leader)),
    ]
}

/// Starts a server of the simulated world. `log` says where its log ends when it is started for
/// the first, second, third time.
pub fn boot(
    me: ServerId,
    members: Members,
    log: impl Fn(u32) -> LogEnd + 'static,
) -> impl FnMut(Boot) -> Result<Booted<ElectionServer>, Fault> + 'static {
    move |boot| {
        let (address, config) = (format!("10.0.0.{me}:3888"), Bytes::from_static(b"version=0"));
        let limits = Limits::default();
        let machine = ElectionServer::new(me, address, members.clone(), config, limits);
        Ok(Booted { machine, disk: Box::new(NoDisk), recovered: log(boot.incarnation) })
    }
}

/// The leader has established its epoch and crashes; the others notice, and it comes back.
fn crash(world: &mut World<ElectionServer>, leader: NodeId) {
    for node in world.nodes() {
        world.machine_mut(node).expect("all servers run").update_epoch(1);
    }
    world.crash(leader);
    pass(world, NOTICE);
    for node in world.nodes() {
        world.drive(node, |server, effects| server.look(AFTERWARDS, effects));
    }
    elect(world);
    pass(world, DOWN);
    world.restart(leader);
    pass(world, NOTICE);
    elect(world);
}

/// Goes on until no server that runs is looking, or no election can end any more.
fn elect(world: &mut World<ElectionServer>) {
    let limit = world.now() + Duration::from_secs(60);
    let looking = |world: &World<ElectionServer>| {
        let states = world.nodes().into_iter().filter_map(|node| state(world, node));
        states.into_iter().any(|state| state == ServerState::Looking)
    };
    while looking(world) && world.step_until(limit).is_some() {}
}

fn pass(world: &mut World<ElectionServer>, time: Duration) {
    let limit = world.now() + time;
    while world.step_until(limit).is_some() {}
}

fn leader(world: &World<ElectionServer>) -> Option<NodeId> {
    world.nodes().into_iter().find(|node| state(world, *node) == Some(ServerState::Leading))
}

fn state(world: &World<ElectionServer>, node: NodeId) -> Option<ServerState> {
    Some(world.machine(node)?.election().state())
}

fn node(server: ServerId) -> NodeId {
    NodeId::Server(server.0 as u64)
}

/// An election stores nothing.
struct NoDisk;

impl Disk<ElectionPort> for NoDisk {
    fn write(&mut self, write: Infallible) -> Result<(), Fault> {
        match write {}
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn fetch(&mut self, fetch: Infallible) -> Result<Infallible, Fault> {
        match fetch {}
    }
}
