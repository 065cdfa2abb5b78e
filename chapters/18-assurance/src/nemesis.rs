//! The nemesis: what goes wrong, when, and how often, drawn from a seed.
//!
//! Each run has weights of its own for the kinds of faults, and many of them are zero: faults hide
//! each other, and a run with one kind of fault finds what a run with all of them never would.
//! Every fault is noted in a ledger, since what may be expected of a server depends on it.
//!
//! Always true: when it is told to stop, everything is mended that it broke.

mod kind;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use machines::{Dice, NodeId, Operation, World};

use crate::anyone::Anyone;
use crate::coverage::Coverage;

pub use self::kind::Kind;

/// The steps of a leader, by the message that shows to others that it has made them, and whether
/// that message reaches the leader.
const STEPS: [(&str, bool); 8] = [
    ("FollowerInfo", true),
    ("LeaderInfo", false),
    ("AckEpoch", true),
    ("Diff", false),
    ("NewLeader", false),
    ("Ack", true),
    ("UpToDate", false),
    ("Commit", false),
];

/// The servers that lost their power since they last started.
pub type Dark = Rc<RefCell<BTreeSet<NodeId>>>;

/// What was done to a server, as far as it matters for what may be expected of it.
#[derive(Clone, Debug, Default)]
struct Ledger {
    /// The disk failed since the power last went: what is in its cache may never reach it, so only
    /// a loss of power shows what there is.
    disk_failed: bool,
    /// A fault of the disk may still come.
    armed: bool,
    /// What the wall clock showed when the server last started.
    started_at: i64,
}

/// Causes faults.
pub struct Nemesis {
    dice: Dice,
    weights: [u32; Kind::ALL.len()],
    clients: u64,
    servers: u64,
    /// The longest time between two faults.
    pace: Duration,
    /// How long a fault lasts, in thousandths of how long it would with a server alone.
    haste: u64,
    next: Duration,
    /// What is to be mended, and when.
    mends: Vec<(Duration, Mend)>,
    ledgers: BTreeMap<NodeId, Ledger>,
    dark: Dark,
    /// The step after which the leader is to be lost.
    hunt: Option<(&'static str, bool)>,
    /// The server that is to get a new disk, when it can.
    spare: Option<NodeId>,
    coverage: Coverage,
}

#[derive(Clone, Debug, PartialEq)]
enum Mend {
    Restart(NodeId),
    Resume(NodeId),
    /// These two hear each other again.
    Join(Vec<(NodeId, NodeId)>),
    Speed(NodeId),
    Room(NodeId),
    Reboot(NodeId),
    Return(NodeId),
}

impl Nemesis {
    /// A nemesis with tastes of its own. Client nodes are 1 to `clients`, servers 1 to `servers`.
    pub fn new(seed: u64, clients: u64, servers: u64) -> Nemesis {
        let mut dice = Dice::new(seed);
        let mut weights = [0; Kind::ALL.len()];
        for (kind, weight) in Kind::ALL.into_iter().zip(&mut weights) {
            let drawn = [0, 0, 1, 5][dice.below(4)];
            *weight = if kind.is_for_many() && servers == 1 { 0 } else { drawn };
        }
        let pace = Duration::from_millis([300, 1_000, 4_000, 15_000][dice.below(4)]);
        let haste = if servers == 1 { 1_000 } else { [50, 150, 400][dice.below(3)] };
        Nemesis {
            dice,
            weights,
            clients,
            servers,
            pace,
            haste,
            next: pace,
            mends: Vec::new(),
            ledgers: (1..=servers).map(|n| (NodeId::Server(n), Ledger::default())).collect(),
            dark: Dark::default(),
            hunt: None,
            spare: None,
            coverage: Coverage::default(),
        }
    }

    /// When it wants to act next.
    pub fn next(&self) -> Duration {
        self.mends.iter().map(|(time, _)| *time).min().map_or(self.next, |mend| mend.min(self.next))
    }

    /// The servers that lost their power since they last started.
    pub fn dark(&self) -> Dark {
        self.dark.clone()
    }

    /// Does what is due.
    pub fn act(&mut self, world: &mut World<Anyone>) {
        let now = world.now();
        let due = |(time, _): &(Duration, Mend)| *time <= now;
        let (done, later) = std::mem::take(&mut self.mends).into_iter().partition(due);
        self.mends = later;
        let done: Vec<(Duration, Mend)> = done;
        done.into_iter().for_each(|(_, mend)| self.mend(mend, world));
        if self.next <= now {
            self.next = now + self.dice.time(Duration::from_millis(10), self.pace);
            if let Some(kind) = self.kind() {
                self.coverage.saw(format!("fault {kind:?}"));
                self.cause(kind, world);
            }
        }
    }

    /// The world tells what happened: perhaps a server lost its power, or its disk failed, by
    /// itself; perhaps a leader has made the step after which it is to be lost.
    pub fn saw(&mut self, line: &machines::Line, world: &mut World<Anyone>) {
        let (now, node) = (world.now(), line.node);
        let Some(ledger) = self.ledgers.get_mut(&node) else { return };
        match line.kind {
            machines::Kind::PowerLost => {
                ledger.power_went();
                self.dark.borrow_mut().insert(node);
                self.later(now, 3_000, Mend::Restart(node));
            }
            machines::Kind::Failed if !ledger.disk_failed => {
                ledger.disk_failed = true;
                self.later(now, 3_000, Mend::Reboot(node));
            }
            machines::Kind::Refused => self.later(now, 500, Mend::Reboot(node)),
            machines::Kind::Started => {
                self.dark.borrow_mut().remove(&node);
                ledger.started_at = world.clock(node).wall_ms;
            }
            machines::Kind::Received => self.lose_leader(line, world),
            _ => {}
        }
    }

    /// The server that is waiting for a new disk.
    pub fn spare(&self) -> Option<NodeId> {
        self.spare
    }

    /// No other server needs what is on the disk of the one that is waiting.
    pub fn replace_disk(&mut self, world: &mut World<Anyone>) {
        let Some(server) = self.spare.take() else { return };
        self.lose_power(server, world);
        world.files(server).wipe();
        self.coverage.saw("a server gets a new disk");
        self.later(world.now(), 3_000, Mend::Restart(server));
    }

    /// Stops, and mends everything.
    pub fn stop(&mut self, world: &mut World<Anyone>) {
        self.next = Duration::MAX;
        (self.hunt, self.spare) = (None, None);
        for (_, mend) in std::mem::take(&mut self.mends) {
            self.mend(mend, world);
        }
        world.heal();
        for server in self.ledgers.keys().copied().collect::<Vec<NodeId>>() {
            world.files(server).leave_room(None);
            world.set_drift(server, 0);
            // Faults that are still to come are forgotten only when the power goes.
            let ledger = &self.ledgers[&server];
            if !world.running(server) || ledger.disk_failed || ledger.armed {
                self.mend(Mend::Reboot(server), world);
            }
        }
    }

    /// Takes the power of all servers at once, and gives it back.
    pub fn black_out(&mut self, world: &mut World<Anyone>) {
        let servers: Vec<NodeId> = self.ledgers.keys().copied().collect();
        servers.iter().for_each(|server| self.lose_power(*server, world));
        servers.iter().for_each(|server| world.restart(*server));
    }

    /// What was done.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    fn kind(&mut self) -> Option<Kind> {
        let total: u32 = self.weights.iter().sum();
        let mut rolled = self.dice.between(0, u64::from(total)) as u32;
        for (kind, weight) in Kind::ALL.into_iter().zip(self.weights) {
            if rolled < weight {
                return Some(kind);
            }
            rolled -= weight;
        }
        None
    }

    fn cause(&mut self, kind: Kind, world: &mut World<Anyone>) {
        let now = world.now();
        let client = NodeId::Client(self.dice.between(1, self.clients + 1));
        let server = NodeId::Server(self.dice.between(1, self.servers + 1));
        match kind {
            Kind::Crash => {
                world.crash(server);
                self.later(now, 3_000, Mend::Restart(server));
            }
            Kind::PowerLoss => {
                self.lose_power(server, world);
                self.later(now, 3_000, Mend::Restart(server));
            }
            Kind::Blackout => {
                let all = self.dice.chance(500);
                for server in self.servers() {
                    if all || self.dice.chance(500) {
                        self.lose_power(server, world);
                        self.later(now, 3_000, Mend::Restart(server));
                    }
                }
            }
            Kind::PowerLossSoon => {
                self.arm(server);
                world.files(server).lose_power_after(self.dice.between(0, 60));
            }
            Kind::FailingSync => {
                self.arm(server);
                world.files(server).fail(Operation::Sync, self.dice.between(1, 20) as u32);
            }
            Kind::FailingWrite => {
                self.arm(server);
                world.files(server).fail(Operation::Write, self.dice.between(1, 20) as u32);
            }
            Kind::FullDisk => {
                world.files(server).leave_room(Some(self.dice.between(0, 5_000)));
                self.later(now, 5_000, Mend::Room(server));
            }
            Kind::Pause => {
                world.pause(server);
                self.later(now, 20_000, Mend::Resume(server));
            }
            Kind::SlowClient => {
                world.pause(client);
                self.later(now, 20_000, Mend::Resume(client));
            }
            Kind::AbandonedSession => {
                world.crash(client);
                self.later(now, 10_000, Mend::Return(client));
            }
            Kind::ClockJump => {
                // A clock that shows a time before the server's last start could make it give the
                // number of an old session again: the book states this limit.
                let back = world.clock(server).wall_ms - self.ledgers[&server].started_at - 10;
                let ms = self.dice.between(0, 200_000) as i64 - 100_000;
                world.jump(server, ms.max(-back.max(0)));
            }
            Kind::Drift => world.set_drift(server, self.dice.between(0, 400_000) as i32 - 200_000),
            Kind::Reset => {
                let connections = world.connections();
                if let Some((number, _, _)) = self.dice.pick(&connections) {
                    world.reset(*number);
                }
            }
            Kind::Partition => self.cut(&[client], &[server], world),
            Kind::SlowServer => {
                world.slow(server, self.dice.between(2, 40) as u32);
                self.later(now, 10_000, Mend::Speed(server));
            }
            Kind::Rift => {
                let others = self.others(server);
                if let Some(other) = self.dice.pick(&others).copied() {
                    self.cut(&[server], &[other], world);
                }
            }
            Kind::Isolation => {
                let others = self.others(server);
                self.cut(&[server], &others, world);
            }
            Kind::Split => {
                let (mut some, mut others) = (Vec::new(), Vec::new());
                for server in self.servers() {
                    if self.dice.chance(500) { &mut some } else { &mut others }.push(server);
                }
                self.cut(&some, &others, world);
            }
            Kind::LostLeader => self.hunt = Some(STEPS[self.dice.below(STEPS.len())]),
            Kind::NewDisk => self.spare = Some(server),
        }
    }

    /// Cuts the ways between some and others: all, or those in one direction.
    fn cut(&mut self, some: &[NodeId], others: &[NodeId], world: &mut World<Anyone>) {
        let pairs = |from: &[NodeId], to: &[NodeId]| -> Vec<(NodeId, NodeId)> {
            from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))).collect()
        };
        let cuts = match self.dice.below(4) {
            0 => pairs(some, others),
            1 => pairs(others, some),
            _ => [pairs(some, others), pairs(others, some)].concat(),
        };
        cuts.iter().for_each(|(from, to)| world.cut(*from, *to));
        self.later(world.now(), 20_000, Mend::Join(cuts));
    }

    /// Loses the leader in one way or another, if it has just made the step.
    fn lose_leader(&mut self, line: &machines::Line, world: &mut World<Anyone>) {
        let Some((step, reaches_leader)) = self.hunt else { return };
        let word = line.text.split(' ').next().unwrap_or_default();
        let synchronises = step == "Diff" && matches!(word, "Diff" | "Trunc" | "Snap");
        let leader = if reaches_leader { Some(line.node) } else { line.peer };
        let Some(leader) = leader.filter(|_| word == step || synchronises) else { return };
        self.hunt = None;
        self.coverage.saw(format!("the leader is lost after {step}"));
        let now = world.now();
        match self.dice.below(4) {
            0 => {
                world.crash(leader);
                self.later(now, 3_000, Mend::Restart(leader));
            }
            1 => {
                self.lose_power(leader, world);
                self.later(now, 3_000, Mend::Restart(leader));
            }
            2 => {
                world.pause(leader);
                self.later(now, 10_000, Mend::Resume(leader));
            }
            _ => {
                let others = self.others(leader);
                self.cut(&[leader], &others, world);
            }
        }
    }

    fn servers(&self) -> Vec<NodeId> {
        self.ledgers.keys().copied().collect()
    }

    fn others(&self, server: NodeId) -> Vec<NodeId> {
        self.ledgers.keys().copied().filter(|other| *other != server).collect()
    }

    fn arm(&mut self, server: NodeId) {
        if let Some(ledger) = self.ledgers.get_mut(&server) {
            ledger.armed = true;
        }
    }

    fn lose_power(&mut self, server: NodeId, world: &mut World<Anyone>) {
        world.power_loss(server);
        if let Some(ledger) = self.ledgers.get_mut(&server) {
            ledger.power_went();
        }
        self.dark.borrow_mut().insert(server);
    }

    fn later(&mut self, now: Duration, within_ms: u64, mend: Mend) {
        let within = Duration::from_millis((within_ms * self.haste / 1_000).max(1));
        let after = self.dice.time(Duration::ZERO, within);
        self.mends.push((now + after, mend));
    }

    fn mend(&mut self, mend: Mend, world: &mut World<Anyone>) {
        match mend {
            Mend::Restart(server) if !self.ledgers[&server].disk_failed => world.restart(server),
            // Only a loss of power shows what a disk that failed really holds.
            Mend::Restart(server) | Mend::Reboot(server) => {
                world.files(server).leave_room(None);
                self.lose_power(server, world);
                world.restart(server);
            }
            Mend::Resume(node) => world.resume(node),
            Mend::Join(cuts) => cuts.iter().for_each(|(from, to)| world.mend(*from, *to)),
            Mend::Speed(server) => world.slow(server, 1),
            Mend::Room(server) => world.files(server).leave_room(None),
            Mend::Return(node) => world.restart(node),
        }
    }
}

impl Ledger {
    fn power_went(&mut self) {
        (self.disk_failed, self.armed) = (false, false);
    }
}
