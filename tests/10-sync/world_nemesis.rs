//! What goes wrong, when, and how often, drawn from a seed. Each run has weights of its own, many of
//! them zero: faults hide each other.

use std::collections::BTreeSet;
use std::time::Duration;

use election::ServerState;
use machines::{Dice, NodeId, Operation};
use sync::Stage;
use zxid::ServerId;

use crate::world_run::Run;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A process is killed.
    Crash,
    /// A server loses its power.
    PowerLoss,
    /// Some servers lose their power at once, or all.
    PowerLossOfMany,
    /// A server loses its power between two of its next writes.
    PowerLossSoon,
    /// A sync fails, and what it should have forced is lost.
    FailingSync,
    /// A process is stopped for a while.
    Pause,
    /// A disk and its host become slow for a while.
    Slow,
    /// A connection breaks.
    Reset,
    /// The servers are parted for a while.
    Partition,
    /// One server is alone for a while.
    Isolate,
    /// Nothing gets through from one server to another, though the other way is open.
    OneWay,
    /// The next server that is at a certain point dies there.
    Ambush,
    /// A bit turns on a disk, below the last batch.
    FlippedBit,
    /// A write has gone astray, below the last batch.
    StrayWrite,
}

impl Fault {
    const ALL: [Fault; 14] = [
        Fault::Crash,
        Fault::PowerLoss,
        Fault::PowerLossOfMany,
        Fault::PowerLossSoon,
        Fault::FailingSync,
        Fault::Pause,
        Fault::Slow,
        Fault::Reset,
        Fault::Partition,
        Fault::Isolate,
        Fault::OneWay,
        Fault::Ambush,
        Fault::FlippedBit,
        Fault::StrayWrite,
    ];
}

/// Where servers are ambushed.
const AMBUSHES: [&str; 14] = [
    "leader dies: joining",
    "leader dies: accepting",
    "leader dies: offering",
    "leader dies: entering",
    "leader dies: establishing",
    "leader dies: serving",
    "learner dies: Introduced",
    "learner dies: Promising",
    "learner dies: Promised",
    "learner dies: Loading",
    "learner dies: Receiving",
    "learner dies: Beginning",
    "learner dies: Begun",
    "learner dies: Serving",
];

#[derive(Clone, Copy, Debug)]
enum Mend {
    Restart(NodeId),
    /// The same; the process may still run.
    Reboot(NodeId),
    Resume(NodeId),
    Speed(NodeId),
    Join(NodeId, NodeId),
}

pub(crate) struct Nemesis {
    dice: Dice,
    weights: [u32; Fault::ALL.len()],
    /// The longest time between two faults, in ms.
    pace: u64,
    next: Duration,
    mends: Vec<(Duration, Mend)>,
    /// Whose disk has failed, or will. What is in its cache may never reach the disk, so it is read
    /// again only after the power went.
    sick: BTreeSet<NodeId>,
    ambush: Option<&'static str>,
}

impl Nemesis {
    pub(crate) fn new(seed: u64) -> Nemesis {
        let mut dice = Dice::new(seed);
        let mut weights = [0; Fault::ALL.len()];
        for weight in &mut weights {
            *weight = [0, 0, 1, 1, 4][dice.below(5)];
        }
        let pace = [300, 1_000, 3_000][dice.below(3)];
        let (next, mends, sick) = (Duration::ZERO, Vec::new(), BTreeSet::new());
        Nemesis { dice, weights, pace, next, mends, sick, ambush: None }
    }

    /// Kills whoever comes to where it is waited for.
    pub(crate) fn watch(&mut self, run: &mut Run) {
        let Some(place) = self.ambush else { return };
        for node in run.nodes.clone() {
            if self::place(run, node) == Some(place) {
                self.ambush = None;
                self.kill(run, node);
                return;
            }
        }
    }

    /// Does harm, if it is time.
    pub(crate) fn act(&mut self, run: &mut Run) {
        let now = run.world.now();
        let due: Vec<_> = self.mends.extract_if(.., |(time, _)| *time <= now).collect();
        for (_, mend) in due {
            self.undo(run, mend);
        }
        if now < self.next {
            return;
        }
        self.next = now + self.time(self.pace);
        let total: u32 = self.weights.iter().sum();
        let mut rest = self.dice.between(0, u64::from(total)) as u32;
        for (fault, weight) in Fault::ALL.into_iter().zip(self.weights) {
            if rest < weight {
                run.count(&format!("fault {fault:?}"));
                return self.harm(run, fault);
            }
            rest -= weight;
        }
    }

    fn harm(&mut self, run: &mut Run, fault: Fault) {
        let now = run.world.now();
        let later = now + self.time(4_000);
        let node = self.victim(run);
        let other = run.nodes[self.dice.below(run.nodes.len())];
        match fault {
            Fault::Crash | Fault::PowerLoss => self.kill_by(run, node, fault == Fault::PowerLoss),
            Fault::PowerLossOfMany => {
                let all = self.dice.chance(500);
                for node in run.nodes.clone() {
                    if all || self.dice.chance(600) {
                        self.kill_by(run, node, true);
                    }
                }
            }
            Fault::PowerLossSoon => {
                run.world.files(node).lose_power_after(self.dice.between(0, 30));
                self.mends.push((later, Mend::Restart(node)));
                let again = later + self.time(2_000);
                self.mends.push((again, Mend::Restart(node)));
            }
            Fault::FailingSync => {
                run.world.files(node).fail(Operation::Sync, self.dice.between(1, 10) as u32);
                self.sick.insert(node);
                self.mends.push((later, Mend::Reboot(node)));
            }
            Fault::Pause => {
                run.world.pause(node);
                self.mends.push((later, Mend::Resume(node)));
            }
            Fault::Slow => {
                run.world.slow(node, [3, 20, 200][self.dice.below(3)]);
                self.mends.push((later, Mend::Speed(node)));
            }
            Fault::Reset => {
                let connections = run.world.connections();
                if let Some((number, ..)) = self.dice.pick(&connections) {
                    run.world.reset(*number);
                }
            }
            Fault::Partition => {
                let some: Vec<NodeId> =
                    run.nodes.iter().copied().filter(|_| self.dice.chance(500)).collect();
                self.part(run, &some, later);
            }
            Fault::Isolate => self.part(run, &[node], later),
            Fault::OneWay => {
                run.world.cut(node, other);
                self.mends.push((later, Mend::Join(node, other)));
            }
            Fault::Ambush => self.ambush = self.dice.pick(&AMBUSHES).copied(),
            Fault::FlippedBit | Fault::StrayWrite => self.damage(run, node, fault),
        }
    }

    /// Damages a disk, if all that may be damaged at a time are fewer than a quorum. Mostly its server
    /// is killed soon, for nobody reads a disk that runs on.
    fn damage(&mut self, run: &mut Run, node: NodeId, fault: Fault) {
        if !run.may_be_damaged(node) {
            return;
        }
        let files = run.world.files(node);
        let settled = storage::settled(&files).unwrap_or_default();
        let Some((name, range)) = self.dice.pick(&settled) else { return };
        let from = self.dice.between(range.start, range.end);
        match fault {
            Fault::FlippedBit => files.flip(name, from * 8 + self.dice.between(0, 8)),
            _ => {
                let Some((other, place)) = self.dice.pick(&settled) else { return };
                let at = self.dice.between(place.start, place.end);
                let most = (range.end - from).min(place.end - at).min(512);
                let length = self.dice.between(1, most + 1);
                files.misdirect(name, from..from + length, other, at);
            }
        }
        run.laws.borrow_mut().damaged(id(node));
        run.count(&format!("damage to {}", name.split('.').next().unwrap_or_default()));
        if self.dice.chance(700) {
            self.kill(run, node);
        }
    }

    /// Often a leader.
    fn victim(&mut self, run: &Run) -> NodeId {
        let leads = |node: &&NodeId| {
            let scribe = run.world.machine(**node);
            scribe.is_some_and(|it| it.member().state() == ServerState::Leading)
        };
        let leaders: Vec<NodeId> = run.nodes.iter().filter(leads).copied().collect();
        match self.dice.pick(&leaders) {
            Some(leader) if self.dice.chance(500) => *leader,
            _ => run.nodes[self.dice.below(run.nodes.len())],
        }
    }

    fn kill(&mut self, run: &mut Run, node: NodeId) {
        let power = self.dice.chance(500);
        self.kill_by(run, node, power);
    }

    fn kill_by(&mut self, run: &mut Run, node: NodeId, power: bool) {
        if let Some(place) = place(run, node) {
            run.count(place);
        }
        match power || self.sick.remove(&node) {
            true => run.world.power_loss(node),
            false => run.world.crash(node),
        }
        let longest = [100, 1_000, 5_000][self.dice.below(3)];
        let later = run.world.now() + self.time(longest);
        self.mends.push((later, Mend::Restart(node)));
    }

    fn part(&mut self, run: &mut Run, some: &[NodeId], until: Duration) {
        for one in some {
            for other in run.nodes.clone().into_iter().filter(|node| !some.contains(node)) {
                run.world.part(&[*one], &[other]);
                self.mends.push((until, Mend::Join(*one, other)));
                self.mends.push((until, Mend::Join(other, *one)));
            }
        }
    }

    fn time(&mut self, longest: u64) -> Duration {
        Duration::from_millis(self.dice.between(0, longest))
    }

    fn undo(&mut self, run: &mut Run, mend: Mend) {
        match mend {
            Mend::Restart(node) => {
                if self.sick.remove(&node) {
                    run.world.power_loss(node);
                }
                run.world.restart(node);
            }
            Mend::Reboot(node) => {
                run.world.power_loss(node);
                self.sick.remove(&node);
                run.world.restart(node);
            }
            Mend::Resume(node) => run.world.resume(node),
            Mend::Speed(node) => run.world.slow(node, 1),
            Mend::Join(from, to) => run.world.mend(from, to),
        }
    }

    /// Mends everything that was broken. A disk that is about to fail gets its fault now.
    pub(crate) fn mend(&mut self, run: &mut Run) {
        *run.world.settings_mut() = machines::Settings::default();
        run.world.heal();
        for node in run.nodes.clone() {
            run.world.slow(node, 1);
            run.world.resume(node);
            run.world.power_loss(node);
            run.world.restart(node);
        }
    }
}

pub(crate) fn id(node: NodeId) -> ServerId {
    let NodeId::Server(server) = node else { panic!("{node} is no server") };
    ServerId(server as i64)
}

/// How far a member has come.
fn place(run: &Run, node: NodeId) -> Option<&'static str> {
    let member = run.world.machine(node)?.member();
    if let Some(leader) = member.leader() {
        let NodeId::Server(server) = node else { return None };
        let (accepted, current) = run.laws.borrow().epochs_on_disk(ServerId(server as i64));
        let begun = leader.epoch() == Some(member.history().current());
        return Some(match leader.epoch() {
            _ if member.serving().is_some() => "leader dies: serving",
            None => "leader dies: joining",
            Some(epoch) if accepted < epoch => "leader dies: accepting",
            Some(_) if !begun => "leader dies: offering",
            Some(epoch) if current < epoch => "leader dies: entering",
            Some(_) => "leader dies: establishing",
        });
    }
    Some(match member.learner()?.stage() {
        Stage::Introduced => "learner dies: Introduced",
        Stage::Promising(_) => "learner dies: Promising",
        Stage::Promised => "learner dies: Promised",
        Stage::Loading(_) => "learner dies: Loading",
        Stage::Receiving => "learner dies: Receiving",
        Stage::Beginning(_) => "learner dies: Beginning",
        Stage::Begun => "learner dies: Begun",
        Stage::Serving => "learner dies: Serving",
    })
}
