//! A stage: a simulated world with a transaction manager, banks and applications, watched by the
//! laws.
//!
//! Server 1 is the transaction manager, servers 2, 3 and so on are banks, clients are applications.
//!
//! Book: chapter 3.

use std::time::Duration;

use machines::{Boot, Booted, Fault, Kind, NodeId, Occurrence, Settings, Trace, World};

use crate::application::{Application, Transfer};
use crate::bank::Bank;
use crate::heuristic::Heuristic;
use crate::laws::Laws;
use crate::log::Log;
use crate::message::{Change, Commit, Txn};
use crate::process::{Party, Process};
use crate::timeouts::Timeouts;
use crate::{Coordinator, Participant, Site};

/// The node of the transaction manager.
pub const MANAGER: NodeId = NodeId::Server(1);

/// The first transaction of the first application.
pub const FIRST: Txn = Txn { application: 1, number: 1 };

/// What each account holds at first. Every bank has the accounts 1 to [`ACCOUNTS`].
pub const OPENING: i64 = 100;
/// How many accounts every bank has.
pub const ACCOUNTS: u64 = 3;

const SECOND: Duration = Duration::from_secs(1);

/// So long after the last fault everybody must have decided.
const LONG: Duration = Duration::from_secs(120);

/// By which protocol transactions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// Two phases.
    TwoPhases,
    /// Two phases, and the banks abort on their own when they are in doubt for too long.
    Heuristics,
    /// Three phases.
    ThreePhases(Timeouts),
}

/// Who is there, and what they want.
#[derive(Clone, Debug)]
pub struct Scene {
    /// By which protocol transactions end.
    pub play: Play,
    /// How many banks there are.
    pub banks: u64,
    /// What each application does.
    pub transfers: Vec<Vec<Transfer>>,
    /// How fast and how friendly the world is.
    pub settings: Settings,
    /// The seed of the world.
    pub seed: u64,
}

impl Scene {
    /// Two banks, in a friendly world, and one application that moves 30 from account 1 of the first
    /// to account 1 of the second.
    pub fn transfer(play: Play, seed: u64) -> Scene {
        let transfers = vec![vec![transfer(&[(2, -30), (3, 30)])]];
        Scene { play, banks: 2, transfers, settings: Settings::default(), seed }
    }

    /// The same with a third bank, which gets 10 of the 30.
    pub fn three_banks(play: Play, seed: u64) -> Scene {
        let transfers = vec![vec![transfer(&[(2, -30), (3, 20), (4, 10)])]];
        Scene { banks: 3, transfers, ..Scene::transfer(play, seed) }
    }

    /// All servers: the transaction manager, and the banks.
    pub fn servers(&self) -> Vec<NodeId> {
        (1..=self.banks + 1).map(NodeId::Server).collect()
    }
}

/// A transfer that changes account 1 of each of these banks.
pub fn transfer(changes: &[(u64, i64)]) -> Transfer {
    let change = |(bank, amount): &(u64, i64)| {
        (NodeId::Server(*bank), Change { account: 1, amount: *amount })
    };
    Transfer(changes.iter().map(change).collect())
}

/// A world, and the laws beside it.
pub struct Stage {
    /// The world.
    pub world: World<Process>,
    laws: Laws,
    servers: Vec<NodeId>,
}

impl Stage {
    /// Everybody starts.
    pub fn new(scene: &Scene) -> Stage {
        let mut world = World::new(scene.seed, scene.settings.clone());
        for server in scene.servers() {
            let play = scene.play;
            world.add(server, move |boot| start(server_party(play, server), boot));
        }
        for (index, transfers) in scene.transfers.iter().cloned().enumerate() {
            let number = index as u64 + 1;
            world.add(NodeId::Client(number), move |boot| {
                let mine = if boot.incarnation == 1 { transfers.clone() } else { Vec::new() };
                start(Party::Application(Application::new(number, MANAGER, mine)), boot)
            });
        }
        Stage { world, laws: Laws::default(), servers: scene.servers() }
    }

    /// The same, and the trace is kept.
    pub fn recorded(scene: &Scene) -> Stage {
        let mut stage = Stage::new(scene);
        stage.world.trace_mut().record();
        stage
    }

    /// What the laws have seen.
    pub fn laws(&self) -> &Laws {
        &self.laws
    }

    /// What happened so far.
    pub fn trace(&self) -> Trace {
        self.world.trace().clone()
    }

    /// Does the next thing, if it happens no later than `limit`. A process whose disk has failed does
    /// nothing any more: it is started again.
    pub fn step_until(&mut self, limit: Duration) -> Option<Occurrence<Commit>> {
        let occurrence = self.world.step_until(limit)?;
        self.laws.observe(&self.world, &occurrence);
        if occurrence.line.kind == Kind::Failed {
            self.world.crash(occurrence.line.node);
            self.world.restart(occurrence.line.node);
        }
        Some(occurrence)
    }

    /// Breaks the connections between two nodes: what travels on them is lost.
    pub fn reset(&mut self, one: NodeId, other: NodeId) {
        for (number, from, to) in self.world.connections() {
            if (from, to) == (one, other) || (to, from) == (one, other) {
                self.world.reset(number);
            }
        }
    }

    /// Goes on for so long.
    pub fn run(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.step_until(limit).is_some() {}
    }

    /// Goes on until everything that was begun has ended, or for so long. Says whether it has.
    pub fn run_until_quiet(&mut self, time: Duration) -> bool {
        let limit = self.world.now() + time;
        while !self.is_quiet() {
            if self.step_until(limit).is_none() {
                return false;
            }
        }
        true
    }

    /// Whether everybody has started, all applications that run are done, and no account is locked at
    /// any bank that runs.
    pub fn is_quiet(&self) -> bool {
        self.world.nodes().into_iter().all(|node| {
            let Some(process) = self.world.machine(node) else {
                return self.world.incarnation(node) > 0;
            };
            let free = process.bank().is_none_or(|bank| bank.holders().next().is_none());
            let idle = match process.party() {
                Party::Application(application) => application.is_done(),
                _ => true,
            };
            free && idle
        })
    }

    /// Whether everybody runs, and nothing is left to be done.
    fn is_well(&self) -> bool {
        self.is_quiet() && self.world.nodes().into_iter().all(|node| self.world.running(node))
    }

    /// Repairs everything, waits for long, and lets the laws look at what has come of it.
    pub fn end(&mut self) {
        self.world.heal();
        *self.world.settings_mut() = Settings::default();
        self.world.tell_what_broke();
        let limit = self.world.now() + LONG;
        while self.world.now() < limit {
            // A fault that was still to come may have come.
            for node in self.world.nodes() {
                self.world.resume(node);
                self.world.restart(node);
            }
            self.run(SECOND);
            if self.is_well() {
                // Whoever decided last has yet to tell the others.
                self.run(5 * SECOND);
            }
            if self.is_well() {
                break;
            }
        }
        self.laws.observe_end(&self.world, self.total());
    }

    /// What all banks held at first.
    fn total(&self) -> i64 {
        (self.servers.len() as i64 - 1) * OPENING * ACCOUNTS as i64
    }

    /// As [`Stage::end`], where nothing has failed.
    pub fn end_without_faults(&mut self) {
        self.run_until_quiet(LONG);
        self.run(5 * SECOND);
        self.laws.observe_success(&self.world);
        self.laws.observe_end(&self.world, self.total());
    }
}

fn server_party(play: Play, node: NodeId) -> Party {
    let bank = || Bank::new((1..=ACCOUNTS).map(|account| (account, OPENING)));
    match (play, node == MANAGER) {
        (Play::TwoPhases | Play::Heuristics, true) => Party::Coordinator(Coordinator::new()),
        (Play::TwoPhases, false) => Party::Participant(Participant::new(node, bank())),
        (Play::Heuristics, false) => {
            Party::Heuristic(Heuristic::new(Participant::new(node, bank())))
        }
        (Play::ThreePhases(timeouts), true) => Party::Site(Site::manager(node, timeouts)),
        (Play::ThreePhases(timeouts), false) => Party::Site(Site::resource(node, bank(), timeouts)),
    }
}

fn start(party: Party, boot: Boot) -> Result<Booted<Process>, Fault> {
    let (log, recovered) = Log::open(boot.files)?;
    Ok(Booted { machine: Process::new(party), disk: Box::new(log), recovered })
}
