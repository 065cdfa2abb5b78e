//! The stagehand: performs acts on a world, keeps the ledger of what was broken, and notes what was
//! done when, so that a run can be told as a story.
//!
//! Always true:
//! - what is done to a world between two of its steps is done here;
//! - what may be expected of a server depends only on what the ledger says of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use machines::{Kind, Line, Machine, NodeId, Operation, Simulated, World};

use super::act::{Act, Stray};
use super::cue::{Cue, Trigger};

/// The servers that lost their power since they last started.
pub type Dark = Rc<RefCell<BTreeSet<NodeId>>>;

/// What was done to a server, as far as it matters for what may be expected of it.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// The disk failed since the power last went: what is in its cache may never reach it, so only
    /// a loss of power shows what there is.
    disk_failed: bool,
    /// A fault of the disk may still come.
    armed: bool,
    /// What the wall clock showed when the server last started.
    started_at: i64,
}

/// Performs acts.
#[derive(Debug, Default)]
pub struct Stagehand {
    ledger: BTreeMap<NodeId, Entry>,
    dark: Dark,
    /// The time of the last thing that happened, and how many things happened at that instant.
    instant: (Duration, u32),
    done: Vec<Cue>,
}

impl Stagehand {
    /// For a world with servers 1 to `servers`.
    pub fn new(servers: u64) -> Stagehand {
        let ledger = (1..=servers).map(|n| (NodeId::Server(n), Entry::default())).collect();
        Stagehand { ledger, ..Stagehand::default() }
    }

    /// The servers that lost their power since they last started.
    pub fn dark(&self) -> Dark {
        self.dark.clone()
    }

    /// The servers.
    pub fn servers(&self) -> Vec<NodeId> {
        self.ledger.keys().copied().collect()
    }

    /// Whether a server's disk has failed since its power last went.
    pub fn disk_failed(&self, server: NodeId) -> bool {
        self.ledger.get(&server).is_some_and(|entry| entry.disk_failed)
    }

    /// What was done so far, as cues that let it be done again.
    pub fn done(&self) -> &[Cue] {
        &self.done
    }

    /// How many things have happened at this instant.
    pub fn happened(&self, now: Duration) -> u32 {
        if self.instant.0 == now { self.instant.1 } else { 0 }
    }

    /// Something has happened in the world: perhaps a server lost its power, or its disk failed, by
    /// itself.
    pub fn saw<M: Machine>(&mut self, line: &Line, world: &World<M>)
    where
        M::Protocol: Simulated,
    {
        self.instant = (line.time, self.happened(line.time) + 1);
        let Some(entry) = self.ledger.get_mut(&line.node) else { return };
        match line.kind {
            Kind::PowerLost => {
                entry.power_went();
                self.dark.borrow_mut().insert(line.node);
            }
            Kind::Failed => entry.disk_failed = true,
            Kind::Started => {
                self.dark.borrow_mut().remove(&line.node);
                entry.started_at = world.clock(line.node).wall_ms;
            }
            _ => {}
        }
    }

    /// Does it, and notes that it was done.
    ///
    /// # Panics
    /// The act is one that only a certain world knows.
    pub fn perform<M: Machine>(&mut self, act: &Act, world: &mut World<M>)
    where
        M::Protocol: Simulated,
    {
        self.note(act, world.now());
        match act {
            Act::Crash(node) => world.crash(*node),
            Act::PowerLoss(node) => self.lose_power(*node, world),
            Act::WorstPowerLoss(node) => {
                world.files(*node).forget_unforced();
                self.lose_power(*node, world);
            }
            Act::PowerLossAfter(node, changes) => {
                self.arm(*node);
                world.files(*node).lose_power_after(*changes);
            }
            // Only a loss of power shows what a disk that failed really holds.
            Act::Restart(node) if self.disk_failed(*node) => self.reboot(*node, world),
            Act::Restart(node) => world.restart(*node),
            Act::Reboot(node) => self.reboot(*node, world),
            Act::Pause(node) => world.pause(*node),
            Act::Resume(node) => world.resume(*node),
            Act::Jump(node, ms) => {
                // A clock that shows a time before the server's last start could make it give the
                // number of an old session again: the book states this limit.
                let started_at = self.ledger.get(node).map_or(0, |entry| entry.started_at);
                let back = world.clock(*node).wall_ms - started_at - 10;
                world.jump(*node, *ms.max(&-back.max(0)));
            }
            Act::Drift(node, ppm) => world.set_drift(*node, *ppm),
            Act::Slow(node, times) => world.slow(*node, *times),
            Act::FailSync(node, nth) => {
                self.arm(*node);
                world.files(*node).fail(Operation::Sync, *nth);
            }
            Act::FailWrite(node, nth) => {
                self.arm(*node);
                world.files(*node).fail(Operation::Write, *nth);
            }
            Act::Room(node, bytes) => {
                // A write that has failed already may not have been told yet when there is room again.
                if bytes.is_some() {
                    self.arm(*node);
                }
                world.files(*node).leave_room(*bytes);
            }
            Act::NewDisk(node) => {
                self.lose_power(*node, world);
                world.files(*node).wipe();
            }
            Act::Flip(node, file, bit) => world.files(*node).flip(file, *bit),
            Act::Stray(node, Stray { from, at, length, to, place }) => {
                world.files(*node).misdirect(from, *at..at + length, to, *place);
            }
            Act::Reset(one, other, nth) => reset(*one, *other, *nth, world),
            Act::Cut(ways) => ways.pairs().iter().for_each(|(from, to)| world.cut(*from, *to)),
            Act::Mend(ways) => ways.pairs().iter().for_each(|(from, to)| world.mend(*from, *to)),
            Act::MendAll => world.heal(),
            Act::Write(..) | Act::Confirm(_) => panic!("not every world knows how to {act}"),
        }
    }

    /// Notes that an act is performed.
    pub fn note(&mut self, act: &Act, now: Duration) {
        let when = Trigger::At { time: now, nth: self.happened(now).max(1) };
        self.done.push(Cue { when, act: act.clone() });
    }

    /// Undoes all that was done, and whatever broke by itself. None of it is noted: it belongs to
    /// every story.
    pub fn mend_all<M: Machine>(&mut self, world: &mut World<M>)
    where
        M::Protocol: Simulated,
    {
        world.heal();
        self.mend(&world.nodes(), world);
    }

    /// Undoes all that was done to some nodes, but not to the ways between them.
    pub fn mend<M: Machine>(&mut self, nodes: &[NodeId], world: &mut World<M>)
    where
        M::Protocol: Simulated,
    {
        for node in nodes.iter().copied() {
            world.resume(node);
            world.slow(node, 1);
            world.set_drift(node, 0);
            let Some(entry) = self.ledger.get(&node) else {
                // A client that never came is not needed.
                if world.incarnation(node) > 0 {
                    world.restart(node);
                }
                continue;
            };
            world.files(node).leave_room(None);
            // Faults that are still to come are forgotten only when the power goes.
            if !world.running(node) || entry.disk_failed || entry.armed {
                self.reboot(node, world);
            }
        }
    }

    /// Takes the power of all servers at once, and gives it back.
    pub fn black_out<M: Machine>(&mut self, world: &mut World<M>)
    where
        M::Protocol: Simulated,
    {
        let servers = self.servers();
        servers.iter().for_each(|server| self.lose_power(*server, world));
        servers.iter().for_each(|server| world.restart(*server));
    }

    fn reboot<M: Machine>(&mut self, server: NodeId, world: &mut World<M>)
    where
        M::Protocol: Simulated,
    {
        world.files(server).leave_room(None);
        self.lose_power(server, world);
        world.restart(server);
    }

    fn lose_power<M: Machine>(&mut self, server: NodeId, world: &mut World<M>)
    where
        M::Protocol: Simulated,
    {
        world.power_loss(server);
        if let Some(entry) = self.ledger.get_mut(&server) {
            entry.power_went();
            self.dark.borrow_mut().insert(server);
        }
    }

    fn arm(&mut self, server: NodeId) {
        if let Some(entry) = self.ledger.get_mut(&server) {
            entry.armed = true;
        }
    }
}

impl Entry {
    fn power_went(&mut self) {
        (self.disk_failed, self.armed) = (false, false);
    }
}

/// Breaks the connections between two nodes, or the so-manieth of them, the oldest first.
fn reset<M: Machine>(one: NodeId, other: NodeId, nth: Option<usize>, world: &mut World<M>)
where
    M::Protocol: Simulated,
{
    let between = between(one, other, world);
    for (index, number) in between.into_iter().enumerate() {
        if nth.is_none_or(|nth| nth == index + 1) {
            world.reset(number);
        }
    }
}

/// The numbers of the connections between two nodes, the oldest first.
pub(crate) fn between<M: Machine>(one: NodeId, other: NodeId, world: &World<M>) -> Vec<u64>
where
    M::Protocol: Simulated,
{
    let all = world.connections().into_iter();
    let these = all.filter(|(_, a, b)| (*a, *b) == (one, other) || (*a, *b) == (other, one));
    these.map(|(number, ..)| number).collect()
}
