//! The nemesis: what goes wrong, when, and how often, drawn from a seed.
//!
//! Each run has weights of its own for the kinds of faults, and many of them are zero: faults hide
//! each other, and a run with one kind of fault finds what a run with all of them never would.
//! Every fault is noted in a ledger, since what may be expected of a server depends on it.
//!
//! Always true: when it is told to stop, everything is mended that it broke.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::{Dice, NodeId, Operation, World};

use crate::anyone::Anyone;
use crate::coverage::Coverage;

/// The server of the run.
pub const SERVER: NodeId = NodeId::Server(1);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The server's process is killed.
    Crash,
    /// The server loses its power.
    PowerLoss,
    /// The server loses its power between two of its next writes, perhaps while it starts.
    PowerLossSoon,
    /// A sync fails, and what it should have forced is lost.
    FailingSync,
    /// A write fails.
    FailingWrite,
    /// The disk is full.
    FullDisk,
    /// The server's process is stopped for a while.
    Pause,
    /// A client's process is stopped for a while.
    SlowClient,
    /// A client's process is killed, and its session is abandoned.
    AbandonedSession,
    /// The server's wall clock is set.
    ClockJump,
    /// A connection breaks.
    Reset,
    /// Nothing gets through between a client and the server, in one direction or both.
    Partition,
    /// The server's disk becomes slow.
    SlowServer,
}

impl Kind {
    const ALL: [Kind; 13] = [
        Kind::Crash,
        Kind::PowerLoss,
        Kind::PowerLossSoon,
        Kind::FailingSync,
        Kind::FailingWrite,
        Kind::FullDisk,
        Kind::Pause,
        Kind::SlowClient,
        Kind::AbandonedSession,
        Kind::ClockJump,
        Kind::Reset,
        Kind::Partition,
        Kind::SlowServer,
    ];
}

/// What was done to the server, as far as it matters for what may be expected of it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// How often each kind of fault was caused.
    pub faults: BTreeMap<Kind, u64>,
    /// The power went since the server last started.
    pub power_lost: bool,
    /// The disk failed since the power last went: what is in its cache may never reach it, so only
    /// a loss of power shows what there is.
    pub disk_failed: bool,
    /// A fault of the disk may still come.
    pub armed: bool,
}

impl Ledger {
    fn power_went(&mut self) {
        (self.power_lost, self.disk_failed, self.armed) = (true, false, false);
    }
}

/// Causes faults.
pub struct Nemesis {
    dice: Dice,
    weights: [u32; Kind::ALL.len()],
    clients: u64,
    /// The longest time between two faults.
    pace: Duration,
    next: Duration,
    /// What the server's wall clock showed when it last started.
    started_at: i64,
    /// What is to be mended, and when.
    mends: Vec<(Duration, Mend)>,
    /// What was done.
    pub ledger: Ledger,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mend {
    Restart,
    Resume(NodeId),
    Join(NodeId),
    Speed,
    Room,
    Reboot,
    Return(NodeId),
}

impl Nemesis {
    /// A nemesis with tastes of its own. Client nodes are 1 to `clients`.
    pub fn new(seed: u64, clients: u64) -> Nemesis {
        let mut dice = Dice::new(seed);
        let mut weights = [0; Kind::ALL.len()];
        for weight in &mut weights {
            *weight = [0, 0, 1, 5][dice.below(4)];
        }
        let pace = Duration::from_millis([300, 1_000, 4_000, 15_000][dice.below(4)]);
        let (next, mends, ledger) = (pace, Vec::new(), Ledger::default());
        Nemesis { dice, weights, clients, pace, next, started_at: 0, mends, ledger }
    }

    /// When it wants to act next.
    pub fn next(&self) -> Duration {
        self.mends.iter().map(|(time, _)| *time).min().map_or(self.next, |mend| mend.min(self.next))
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
                *self.ledger.faults.entry(kind).or_default() += 1;
                self.cause(kind, world);
            }
        }
    }

    /// The world tells that the server lost its power, or that its disk failed, by itself.
    pub fn saw(&mut self, line: &machines::Line, world: &World<Anyone>) {
        let now = world.now();
        match line.kind {
            machines::Kind::PowerLost if line.node == SERVER => {
                self.ledger.power_went();
                self.later(now, 3_000, Mend::Restart);
            }
            machines::Kind::Failed if line.node == SERVER && !self.ledger.disk_failed => {
                self.ledger.disk_failed = true;
                self.later(now, 3_000, Mend::Reboot);
            }
            machines::Kind::Refused if line.node == SERVER => self.later(now, 500, Mend::Reboot),
            machines::Kind::Started if line.node == SERVER => {
                self.ledger.power_lost = false;
                self.started_at = world.clock(SERVER).wall_ms;
            }
            _ => {}
        }
    }

    /// Stops, and mends everything.
    pub fn stop(&mut self, world: &mut World<Anyone>) {
        self.next = Duration::MAX;
        for (_, mend) in std::mem::take(&mut self.mends) {
            self.mend(mend, world);
        }
        world.heal();
        world.files(SERVER).leave_room(None);
        // Faults that are still to come are forgotten only when the power goes.
        if !world.running(SERVER) || self.ledger.disk_failed || self.ledger.armed {
            self.mend(Mend::Reboot, world);
        }
    }

    /// Counts what was done.
    pub fn cover(&self, coverage: &mut Coverage) {
        for kind in self.ledger.faults.keys() {
            coverage.saw(format!("fault {kind:?}"));
        }
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
        match kind {
            Kind::Crash => {
                world.crash(SERVER);
                self.later(now, 3_000, Mend::Restart);
            }
            Kind::PowerLoss => {
                self.lose_power(world);
                self.later(now, 3_000, Mend::Restart);
            }
            Kind::PowerLossSoon => {
                self.ledger.armed = true;
                world.files(SERVER).lose_power_after(self.dice.between(0, 60));
            }
            Kind::FailingSync => {
                self.ledger.armed = true;
                world.files(SERVER).fail(Operation::Sync, self.dice.between(1, 20) as u32);
            }
            Kind::FailingWrite => {
                self.ledger.armed = true;
                world.files(SERVER).fail(Operation::Write, self.dice.between(1, 20) as u32);
            }
            Kind::FullDisk => {
                world.files(SERVER).leave_room(Some(self.dice.between(0, 5_000)));
                self.later(now, 5_000, Mend::Room);
            }
            Kind::Pause => {
                world.pause(SERVER);
                self.later(now, 20_000, Mend::Resume(SERVER));
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
                let back = world.clock(SERVER).wall_ms - self.started_at - 10;
                let ms = self.dice.between(0, 200_000) as i64 - 100_000;
                world.jump(SERVER, ms.max(-back.max(0)));
            }
            Kind::Reset => {
                let connections = world.connections();
                if let Some((number, _, _)) = self.dice.pick(&connections) {
                    world.reset(*number);
                }
            }
            Kind::Partition => {
                match self.dice.below(3) {
                    0 => world.cut(client, SERVER),
                    1 => world.cut(SERVER, client),
                    _ => world.part(&[client], &[SERVER]),
                }
                self.later(now, 20_000, Mend::Join(client));
            }
            Kind::SlowServer => {
                world.slow(SERVER, self.dice.between(2, 40) as u32);
                self.later(now, 10_000, Mend::Speed);
            }
        }
    }

    fn lose_power(&mut self, world: &mut World<Anyone>) {
        world.power_loss(SERVER);
        self.ledger.power_went();
    }

    fn later(&mut self, now: Duration, within_ms: u64, mend: Mend) {
        let after = self.dice.time(Duration::ZERO, Duration::from_millis(within_ms));
        self.mends.push((now + after, mend));
    }

    fn mend(&mut self, mend: Mend, world: &mut World<Anyone>) {
        match mend {
            Mend::Restart if !self.ledger.disk_failed => world.restart(SERVER),
            // Only a loss of power shows what a disk that failed really holds.
            Mend::Restart | Mend::Reboot => {
                world.files(SERVER).leave_room(None);
                self.lose_power(world);
                world.restart(SERVER);
            }
            Mend::Resume(node) => world.resume(node),
            Mend::Join(node) => {
                world.mend(node, SERVER);
                world.mend(SERVER, node);
            }
            Mend::Speed => world.slow(SERVER, 1),
            Mend::Room => world.files(SERVER).leave_room(None),
            Mend::Return(node) => world.restart(node),
        }
    }
}
