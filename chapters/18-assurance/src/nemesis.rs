//! The nemesis: what goes wrong, when, and how often, drawn from a seed.
//!
//! Each run has weights of its own for the kinds of faults, and many of them are zero: faults hide
//! each other, and a run with one kind of fault finds what a run with all of them never would.
//! What it draws are acts; the stagehand performs them and keeps the ledger.
//!
//! Always true: the same seed draws the same acts in the same world.

mod kind;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use machines::{Dice, Line, NodeId, World};

use crate::anyone::Anyone;
use crate::coverage::Coverage;
use crate::settings::Measure;
use crate::story::{Act, Stagehand, Stray, Ways, between};

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

/// Draws faults.
pub struct Nemesis {
    dice: Dice,
    weights: [u32; Kind::ALL.len()],
    clients: u64,
    servers: Vec<NodeId>,
    /// The longest time between two faults.
    pace: Duration,
    /// How long a fault lasts, in thousandths of how long it would with a server alone.
    haste: u64,
    next: Duration,
    /// What is to be mended, and when.
    mends: Vec<(Duration, Act)>,
    /// What is to be done now.
    due: VecDeque<Act>,
    /// The step after which the leader is to be lost.
    hunt: Option<(&'static str, bool)>,
    /// The server that is to get a new disk, when it can.
    spare: Option<NodeId>,
    /// The server whose disk is to be damaged, when it can be, and whether by a stray write.
    wound: Option<(NodeId, bool)>,
    coverage: Coverage,
}

impl Nemesis {
    /// A nemesis with tastes of its own. Client nodes are 1 to `clients`, servers 1 to `servers`.
    /// It causes faults of these kinds.
    pub fn new(
        seed: u64,
        clients: u64,
        servers: u64,
        measure: Measure,
        faults: &BTreeSet<Kind>,
    ) -> Nemesis {
        let mut dice = Dice::new(seed);
        let mut weights = [0; Kind::ALL.len()];
        // What was asked for by name is not left out.
        let weighty = if faults.len() < Kind::ALL.len() { [1, 1, 2, 5] } else { [0, 0, 1, 5] };
        for (kind, weight) in Kind::ALL.iter().zip(&mut weights) {
            let drawn = weighty[dice.below(4)];
            let can_be = faults.contains(kind) && (servers > 1 || !kind.is_for_many());
            *weight = if can_be { drawn } else { 0 };
        }
        // In a short run as much is tried as in a long one, only closer together.
        let pace = measure.duration / [50, 15, 4, 1][dice.below(4)];
        let haste = if servers == 1 { 1_000 } else { [50, 150, 400][dice.below(3)] };
        let haste = measure.of_ms(haste);
        Nemesis {
            dice,
            weights,
            clients,
            servers: (1..=servers).map(NodeId::Server).collect(),
            pace,
            haste,
            next: pace,
            mends: Vec::new(),
            due: VecDeque::new(),
            hunt: None,
            spare: None,
            wound: None,
            coverage: Coverage::default(),
        }
    }

    /// When it wants to act next.
    pub fn next(&self) -> Duration {
        self.mends.iter().map(|(time, _)| *time).min().map_or(self.next, |mend| mend.min(self.next))
    }

    /// The next thing to do now. When it is done, there may be more.
    pub fn act(&mut self, world: &World<Anyone>) -> Option<Act> {
        if let Some(act) = self.due.pop_front() {
            return Some(act);
        }
        let now = world.now();
        let due = |(time, _): &(Duration, Act)| *time <= now;
        let (done, later) = std::mem::take(&mut self.mends).into_iter().partition(due);
        self.mends = later;
        let done: Vec<(Duration, Act)> = done;
        self.due.extend(done.into_iter().map(|(_, mend)| mend));
        if self.due.is_empty() && self.next <= now {
            self.next = now + self.dice.time(Duration::from_millis(10), self.pace);
            if let Some(kind) = self.kind() {
                self.coverage.saw(format!("fault {kind:?}"));
                self.cause(kind, world);
            }
        }
        self.due.pop_front()
    }

    /// The world tells what happened, before the stagehand knows of it: perhaps a server lost its
    /// power, or its disk failed, by itself; perhaps a leader has made the step after which it is
    /// to be lost.
    pub fn saw(&mut self, line: &Line, hands: &Stagehand) {
        let (now, node) = (line.time, line.node);
        let is_over = self.next == Duration::MAX;
        if is_over || !self.servers.contains(&node) {
            return;
        }
        match line.kind {
            machines::Kind::PowerLost => self.later(now, 3_000, Act::Restart(node)),
            machines::Kind::Failed if !hands.disk_failed(node) => {
                self.later(now, 3_000, Act::Reboot(node));
            }
            machines::Kind::Refused => self.later(now, 500, Act::Reboot(node)),
            machines::Kind::Received => self.lose_leader(line),
            _ => {}
        }
    }

    /// The server that is waiting for a new disk.
    pub fn spare(&self) -> Option<NodeId> {
        self.spare
    }

    /// No other server needs what is on the disk of the one that is waiting.
    pub fn replace_disk(&mut self, now: Duration) {
        let Some(server) = self.spare.take() else { return };
        self.due.push_back(Act::NewDisk(server));
        self.coverage.saw("a server gets a new disk");
        self.later(now, 3_000, Act::Restart(server));
    }

    /// The server whose disk is to be damaged.
    pub fn wound(&self) -> Option<NodeId> {
        self.wound.map(|(server, _)| server)
    }

    /// The disk of that server may be damaged now, below its last batch. Mostly the server is killed
    /// then, for nobody reads a disk that runs on.
    pub fn damage(&mut self, world: &World<Anyone>) {
        let Some((server, stray)) = self.wound.take() else { return };
        let settled = storage::settled(&world.files(server)).unwrap_or_default();
        let Some((name, range)) = self.dice.pick(&settled).cloned() else { return };
        let at = self.dice.between(range.start, range.end);
        let act = if stray {
            let Some((to, other)) = self.dice.pick(&settled).cloned() else { return };
            let place = self.dice.between(other.start, other.end);
            let most = (range.end - at).min(other.end - place).min(512);
            let length = self.dice.between(1, most + 1);
            Act::Stray(server, Stray { from: name, at, length, to, place })
        } else {
            Act::Flip(server, name, 8 * at + self.dice.between(0, 8))
        };
        self.due.push_back(act);
        if self.dice.chance(700) {
            self.due.push_back(Act::Crash(server));
            self.later(world.now(), 3_000, Act::Restart(server));
        }
    }

    /// Draws nothing more.
    pub fn stop(&mut self) {
        self.next = Duration::MAX;
        (self.hunt, self.spare, self.wound) = (None, None, None);
        self.mends.clear();
        self.due.clear();
    }

    /// What was drawn.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    fn kind(&mut self) -> Option<Kind> {
        let total: u32 = self.weights.iter().sum();
        let mut rolled = self.dice.between(0, u64::from(total)) as u32;
        for (kind, weight) in Kind::ALL.iter().zip(self.weights) {
            if rolled < weight {
                return Some(*kind);
            }
            rolled -= weight;
        }
        None
    }

    fn cause(&mut self, kind: Kind, world: &World<Anyone>) {
        let now = world.now();
        let client = NodeId::Client(self.dice.between(1, self.clients + 1));
        let server = NodeId::Server(self.dice.between(1, self.servers.len() as u64 + 1));
        match kind {
            Kind::Crash => {
                self.due.push_back(Act::Crash(server));
                self.later(now, 3_000, Act::Restart(server));
            }
            Kind::PowerLoss => {
                self.due.push_back(Act::PowerLoss(server));
                self.later(now, 3_000, Act::Restart(server));
            }
            Kind::Blackout => {
                let all = self.dice.chance(500);
                for server in self.servers.clone() {
                    if all || self.dice.chance(500) {
                        self.due.push_back(Act::PowerLoss(server));
                        self.later(now, 3_000, Act::Restart(server));
                    }
                }
            }
            Kind::PowerLossSoon => {
                let changes = self.dice.between(0, 60);
                self.due.push_back(Act::PowerLossAfter(server, changes));
            }
            Kind::FailingSync => {
                let nth = self.dice.between(1, 20) as u32;
                self.due.push_back(Act::FailSync(server, nth));
            }
            Kind::FailingWrite => {
                let nth = self.dice.between(1, 20) as u32;
                self.due.push_back(Act::FailWrite(server, nth));
            }
            Kind::FullDisk => {
                let room = self.dice.between(0, 5_000);
                self.due.push_back(Act::Room(server, Some(room)));
                self.later(now, 5_000, Act::Room(server, None));
            }
            Kind::Pause => {
                self.due.push_back(Act::Pause(server));
                self.later(now, 20_000, Act::Resume(server));
            }
            Kind::SlowClient => {
                self.due.push_back(Act::Pause(client));
                self.later(now, 20_000, Act::Resume(client));
            }
            Kind::AbandonedSession => {
                self.due.push_back(Act::Crash(client));
                self.later(now, 10_000, Act::Restart(client));
            }
            Kind::ClockJump => {
                let ms = self.dice.between(0, 200_000) as i64 - 100_000;
                self.due.push_back(Act::Jump(server, ms));
            }
            Kind::Drift => {
                let ppm = self.dice.between(0, 400_000) as i32 - 200_000;
                self.due.push_back(Act::Drift(server, ppm));
            }
            Kind::Reset => {
                if let Some((number, one, other)) = self.dice.pick(&world.connections()) {
                    let place = between(*one, *other, world).iter().position(|it| it == number);
                    self.due.push_back(Act::Reset(*one, *other, place.map(|place| place + 1)));
                }
            }
            Kind::Partition => self.cut(&[client], &[server], now),
            Kind::SlowServer => {
                let times = self.dice.between(2, 40) as u32;
                self.due.push_back(Act::Slow(server, times));
                self.later(now, 10_000, Act::Slow(server, 1));
            }
            Kind::Rift => {
                let others = self.others(server);
                if let Some(other) = self.dice.pick(&others).copied() {
                    self.cut(&[server], &[other], now);
                }
            }
            Kind::Isolation => {
                let others = self.others(server);
                self.cut(&[server], &others, now);
            }
            Kind::Split => {
                let (mut some, mut others) = (Vec::new(), Vec::new());
                for server in self.servers.clone() {
                    if self.dice.chance(500) { &mut some } else { &mut others }.push(server);
                }
                self.cut(&some, &others, now);
            }
            Kind::LostLeader => self.hunt = Some(STEPS[self.dice.below(STEPS.len())]),
            Kind::MovedSession => self.move_session(client, world),
            Kind::NewDisk => self.spare = Some(server),
            Kind::FlippedBit => self.wound = Some((server, false)),
            Kind::StrayWrite => self.wound = Some((server, true)),
        }
    }

    /// Cuts the ways between some and others: all, or those in one direction.
    fn cut(&mut self, some: &[NodeId], others: &[NodeId], now: Duration) {
        if some.is_empty() || others.is_empty() {
            return;
        }
        let (one, two) = (some.to_vec(), others.to_vec());
        let ways = match self.dice.below(4) {
            0 => Ways { some: one, others: two, both: false },
            1 => Ways { some: two, others: one, both: false },
            _ => Ways { some: one, others: two, both: true },
        };
        self.due.push_back(Act::Cut(ways.clone()));
        self.later(now, 20_000, Act::Mend(ways));
    }

    /// What a client's server says to others waits, and so do the client's requests. Before that is
    /// noticed, the client goes to another server; then the old one is heard again.
    fn move_session(&mut self, client: NodeId, world: &World<Anyone>) {
        let lines = world.connections();
        let Some((_, _, server)) = lines.iter().find(|(_, from, _)| *from == client) else {
            return;
        };
        let (server, some, others) = (*server, vec![*server], self.others(*server));
        let silence = Ways { some: some.clone(), others, both: false };
        let line = Ways { some: vec![client], others: some, both: true };
        self.due.push_back(Act::Cut(silence.clone()));
        let mut time = world.now();
        let mut wait = |dice: &mut Dice, ms| {
            time += dice.time(Duration::from_millis(1), Duration::from_millis(ms));
            time
        };
        let leaves = wait(&mut self.dice, 100);
        self.mends.push((leaves, Act::Cut(line.clone())));
        self.mends.push((leaves, Act::Reset(client, server, None)));
        self.mends.push((wait(&mut self.dice, 800), Act::Mend(silence)));
        self.mends.push((wait(&mut self.dice, 300), Act::Mend(line)));
    }

    /// Loses the leader in one way or another, if it has just made the step.
    fn lose_leader(&mut self, line: &Line) {
        let Some((step, reaches_leader)) = self.hunt else { return };
        let word = line.text.split(' ').next().unwrap_or_default();
        let synchronises = step == "Diff" && matches!(word, "Diff" | "Trunc" | "Snap");
        let leader = if reaches_leader { Some(line.node) } else { line.peer };
        let Some(leader) = leader.filter(|_| word == step || synchronises) else { return };
        self.hunt = None;
        self.coverage.saw(format!("the leader is lost after {step}"));
        let now = line.time;
        match self.dice.below(4) {
            0 => {
                self.due.push_back(Act::Crash(leader));
                self.later(now, 3_000, Act::Restart(leader));
            }
            1 => {
                self.due.push_back(Act::PowerLoss(leader));
                self.later(now, 3_000, Act::Restart(leader));
            }
            2 => {
                self.due.push_back(Act::Pause(leader));
                self.later(now, 10_000, Act::Resume(leader));
            }
            _ => {
                let others = self.others(leader);
                self.cut(&[leader], &others, now);
            }
        }
    }

    fn others(&self, server: NodeId) -> Vec<NodeId> {
        self.servers.iter().copied().filter(|other| *other != server).collect()
    }

    fn later(&mut self, now: Duration, within_ms: u64, mend: Act) {
        let within = Duration::from_millis((within_ms * self.haste / 1_000).max(1));
        let after = self.dice.time(Duration::ZERO, within);
        self.mends.push((now + after, mend));
    }
}
