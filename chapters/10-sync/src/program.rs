//! The programs of chapters 9 and 10, in the simulated world: how a leader finds its epoch and
//! broadcasts, and how a server that has fallen behind, or gone astray, is brought back.
//!
//! The laws of an ensemble are checked after every step here too.
//!
//! Book: chapters 9 and 10.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Facts, Kind, NodeId, Trace, World};
use zxid::{ServerId, SessionId};

use crate::laws::Laws;
use crate::scribe::{Habits, Scribe, boot};
use crate::settings::Settings;

/// How long anything may take in a world where nothing fails by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long all is quiet between two scenes.
const QUIET: Duration = Duration::from_millis(100);

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// How many servers vote; three at least, or none could be missed.
    pub servers: u32,
    /// How many more follow without a vote. They have the highest numbers.
    pub observers: u32,
    /// The seed of the world.
    pub seed: u64,
    /// What happens when the servers have started.
    pub scene: Scene,
}

/// What happens when the servers have started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Clients write: the first through the leader, the others through a follower.
    Broadcast {
        /// How often.
        writes: u32,
        /// Whether the leader crashes when its last proposal has reached the first follower.
        crash: bool,
    },
    /// A server is away, and is then brought up to date.
    Return(Way),
}

/// How a server is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It lacks a little: the leader has that in memory.
    Diff,
    /// It lacks more than the leader has in memory, but less than is in the log on disk.
    Disk,
    /// It has a transaction that nobody else has.
    Trunc,
    /// It has a transaction that nobody else has, and lacks what the others have decided since.
    TruncDiff,
    /// It lacks so much that the whole state is cheaper.
    Snap,
}

/// Runs it, and gives back all that happened.
///
/// # Panics
/// A law is broken.
pub fn run_program(program: &Program) -> Trace {
    let mut stage = Stage::new(program);
    match program.scene {
        Scene::Broadcast { writes, crash } => stage.broadcast(writes, crash),
        Scene::Return(way) => stage.bring_back(way),
    }
    stage.world.trace().clone()
}

/// What a server is like: its state, the epochs that it has promised and taken over, how far its log
/// goes, and how much of that it has delivered.
fn facts(scribe: &Scribe) -> Facts {
    let (member, history) = (scribe.member(), scribe.member().history());
    let fact = |name: &str, value: String| (name.to_string(), value);
    vec![
        fact("", member.state().to_string()),
        fact("epochs", format!("{}/{}", history.accepted(), history.current())),
        fact("log", history.last().to_string()),
        fact("applied", scribe.applied().to_string()),
    ]
}

/// The world, and who watches it.
struct Stage {
    world: World<Scribe>,
    laws: Rc<RefCell<Laws>>,
    /// How many writes there were.
    writes: i64,
}

impl Stage {
    /// Starts all servers, and waits until they serve.
    fn new(program: &Program) -> Stage {
        let voters = i64::from(program.servers);
        let all = voters + i64::from(program.observers);
        let members = Members::majority((1..=voters).map(ServerId))
            .with_observers((voters + 1..=all).map(ServerId));
        let laws = Rc::new(RefCell::new(Laws::new(members.clone())));
        let mut world = World::new(program.seed, machines::Settings::default());
        world.trace_mut().record();
        world.describe(facts);
        for server in 1..=all {
            let settings = settings(ServerId(server), members.clone(), program.scene);
            let boot = boot(Arc::new(settings), Habits::default(), laws.clone());
            world.add(NodeId::Server(server as u64), boot);
        }
        let mut stage = Stage { world, laws, writes: 0 };
        stage.rest();
        stage
    }

    fn broadcast(&mut self, writes: u32, crash: bool) {
        for number in 1..=writes {
            let leader = self.leader();
            let writer = if number == 1 { leader } else { self.follower() };
            if crash && number == writes {
                return self.lose_the_leader(leader);
            }
            self.write(writer);
            self.rest();
        }
    }

    /// The leader crashes between a proposal and its commit; those who are left decide what became
    /// of it.
    fn lose_the_leader(&mut self, leader: NodeId) {
        self.write(leader);
        let from = self.world.trace().lines().len();
        self.until("the proposal arrives", |stage| {
            let new = &stage.world.trace().lines()[from..];
            new.iter().any(|line| line.kind == Kind::Received && line.text.starts_with("Proposal"))
        });
        self.world.crash(leader);
        self.rest();
        self.world.restart(leader);
        self.rest();
    }

    fn bring_back(&mut self, way: Way) {
        for _ in 0..2 {
            self.write(self.leader());
            self.rest();
        }
        let away = match way {
            Way::Diff | Way::Disk | Way::Snap => {
                let away = self.follower();
                self.world.crash(away);
                away
            }
            Way::Trunc | Way::TruncDiff => self.lead_astray(),
        };
        self.rest();
        let missed = match way {
            Way::Trunc => 0,
            Way::Diff | Way::TruncDiff => 2,
            Way::Disk | Way::Snap => 4,
        };
        for _ in 0..missed {
            self.write(self.leader());
            self.rest();
        }
        self.world.restart(away);
        self.rest();
    }

    /// The leader writes something to its own log that reaches nobody, and crashes.
    fn lead_astray(&mut self) -> NodeId {
        let leader = self.leader();
        let others: Vec<_> =
            self.world.nodes().into_iter().filter(|node| *node != leader).collect();
        self.world.part(&[leader], &others);
        self.write(leader);
        let from = self.world.trace().lines().len();
        self.until("the leader's own log has it", |stage| {
            let new = &stage.world.trace().lines()[from..];
            new.iter().any(|line| line.kind == Kind::Durable && line.node == leader)
        });
        // Or what it sent would arrive as soon as the way is open again.
        for (number, one, other) in self.world.connections() {
            if one == leader || other == leader {
                self.world.reset(number);
            }
        }
        self.world.crash(leader);
        self.world.heal();
        leader
    }

    /// A client of this server writes.
    fn write(&mut self, node: NodeId) {
        self.writes += 1;
        let session = SessionId(self.writes);
        let write = |scribe: &mut Scribe, effects: &mut _| scribe.write(session, b"x", effects);
        self.world.drive(node, write).expect("the server runs");
    }

    /// Goes on until all that run serve and have applied the same, and then for a moment more.
    fn rest(&mut self) {
        self.until("all serve, and have the same", Stage::agrees);
        let quiet = self.world.now() + QUIET;
        while self.world.step_until(quiet).is_some() {}
        self.uphold();
    }

    fn agrees(&self) -> bool {
        let running = self.world.nodes().into_iter().filter_map(|node| self.world.machine(node));
        let scribes: Vec<_> = running.collect();
        let leader = scribes.iter().find(|scribe| scribe.leads());
        leader.is_some_and(|leader| {
            let epoch = leader.member().serving();
            let last = leader.member().history().last();
            scribes.iter().all(|scribe| {
                scribe.member().serving() == epoch
                    && scribe.member().history().last() == last
                    && scribe.applied() == leader.applied()
            }) && (last == leader.applied() || last.counter() == 0)
        })
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Stage) -> bool) {
        let limit = self.world.now() + PATIENCE;
        while !is_so(self) {
            let goes_on = self.world.step_until(limit).is_some();
            self.uphold();
            assert!(goes_on, "never: {what}");
        }
    }

    fn uphold(&self) {
        let laws = self.laws.borrow();
        assert!(laws.broken().is_none(), "a law is broken: {}", laws.broken().expect("one is"));
    }

    fn leader(&self) -> NodeId {
        let leads = |node: &NodeId| self.world.machine(*node).is_some_and(Scribe::leads);
        self.world.nodes().into_iter().find(leads).expect("all have a leader")
    }

    /// The first server that runs, votes and does not lead.
    fn follower(&self) -> NodeId {
        let leader = self.leader();
        let mut nodes = self.world.nodes().into_iter();
        nodes.find(|node| *node != leader && self.world.running(*node)).expect("one follows")
    }
}

fn settings(me: ServerId, members: Members, scene: Scene) -> Settings {
    let little = matches!(scene, Scene::Return(Way::Disk | Way::Snap));
    Settings {
        me,
        members,
        config: Bytes::from_static(b"version=0"),
        election_address: format!("10.0.0.{me}:3888"),
        election_limits: Limits::default(),
        tick: Duration::from_millis(500),
        init_limit: 10,
        sync_limit: 5,
        window: if little { 1 } else { 500 },
        window_bytes: 1 << 20,
        from_disk: scene != Scene::Return(Way::Snap),
        from_disk_bytes: 0,
        force_snapshot: false,
    }
}
