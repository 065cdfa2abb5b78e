//! The simulated world: nodes, each a machine with a disk and clocks, and the network between.
//!
//! One thread, one queue of what will happen, one seed. A world does one thing at a time, and
//! between two of them a runner may look at every machine and check what must hold, kill a node,
//! cut a wire or set a clock. A run is repeated by its seed and the same calls, to the last byte
//! of its trace.
//!
//! Always true:
//! - the same seed and the same calls make the same trace, in debug and release alike;
//! - a machine is stepped only while its process runs, one event at a time;
//! - a process that was killed takes with it what it had not yet handed to its operating system,
//!   and the loss of power also what was not forced to the disk;
//! - the effects of a step are carried out in order, and completely, before the next step.
//!
//! Book: chapter 1.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Clock;
use crate::connection::{ACCEPTOR, Parcel};
use crate::dice::Dice;
use crate::machine::{Effects, Fault, Machine, Now, Protocol};
use crate::network::Network;
use crate::node::{Boot, Booted, Node, NodeId, Process};
use crate::schedule::{Happening, Schedule};
use crate::settings::Settings;
use crate::sim_disk::SimFiles;
use crate::trace::{Facts, Kind, Line, Trace};

/// A protocol whose machines can be put on nodes: it says which node a peer is.
pub trait Simulated: Protocol {
    /// The node that is asked when a machine opens a connection to this peer.
    fn dial(peer: &Self::Peer) -> NodeId;

    /// What an accepting machine calls the connection of this number, that node `from` asked for
    /// under the name `dialled`. Where names name nodes, a node that had a connection of that name
    /// hears `Closed` of it first; where every connection has a name of its own, it has both.
    fn accept(from: NodeId, dialled: &Self::Peer, number: u64) -> Self::Peer;
}

/// One step of the world: what happened, and what machines told their host because of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence<P: Protocol> {
    /// What happened.
    pub line: Line,
    /// The machine's answers, in order.
    pub answers: Vec<P::Output>,
}

/// A simulated world of machines.
pub struct World<M: Machine>
where
    M::Protocol: Simulated,
{
    pub(crate) settings: Settings,
    pub(crate) schedule: Schedule<M::Protocol>,
    pub(crate) network: Network<M::Protocol>,
    pub(crate) nodes: BTreeMap<NodeId, Node<M>>,
    pub(crate) dice: Dice,
    trace: Trace,
    describe: Option<fn(&M) -> Facts>,
}

impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    /// A world without nodes.
    pub fn new(seed: u64, settings: Settings) -> Self {
        let mut dice = Dice::new(seed);
        World {
            settings,
            schedule: Schedule::new(),
            network: Network::new(dice.split()),
            nodes: BTreeMap::new(),
            trace: Trace::default(),
            describe: None,
            dice,
        }
    }

    /// Adds a node with an empty disk and starts its process, by a function that is called again
    /// at every restart.
    pub fn add(
        &mut self,
        node: NodeId,
        boot: impl FnMut(Boot) -> Result<Booted<M>, Fault> + 'static,
    ) {
        let added = Node {
            boot: Box::new(boot),
            files: SimFiles::new(),
            clock: Clock::new(self.settings.wall_ms),
            incarnation: 0,
            process: None,
            powered: true,
            paused: false,
            slowness: 1,
            backlog: Default::default(),
        };
        assert!(self.nodes.insert(node, added).is_none(), "there is one node {node} at most");
        self.schedule.at(self.schedule.now, Happening::Boot(node));
    }

    /// Lets a node that was added wait until it is started.
    pub fn keep_down(&mut self, node: NodeId) {
        self.schedule.forget_boots(node);
    }

    /// Does the next thing and says what it was; none if nothing will ever happen again.
    pub fn step(&mut self) -> Option<Occurrence<M::Protocol>> {
        self.step_until(Duration::MAX)
    }

    /// Does the next thing if it happens no later than `limit`; otherwise lets the time go on to
    /// `limit`.
    pub fn step_until(&mut self, limit: Duration) -> Option<Occurrence<M::Protocol>> {
        while let Some(happening) = self.schedule.next(limit) {
            let occurrence = self.happen(happening);
            if occurrence.is_some() {
                return occurrence;
            }
        }
        if limit < Duration::MAX {
            self.schedule.now = self.schedule.now.max(limit);
        }
        None
    }

    /// The time since the world began.
    pub fn now(&self) -> Duration {
        self.schedule.now
    }

    /// When the next thing happens.
    pub fn next_time(&self) -> Option<Duration> {
        self.schedule.next_time()
    }

    /// What happened so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The trace, to have it recorded.
    pub fn trace_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }

    /// Keeps, from now on, what each node is like when it has done something. The trace has to be
    /// recorded.
    pub fn describe(&mut self, describe: fn(&M) -> Facts) {
        self.describe = Some(describe);
    }

    /// How this world behaves; may be changed at any time.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// A node's machine, while its process runs or is stopped.
    pub fn machine(&self, node: NodeId) -> Option<&M> {
        Some(&self.process(node)?.machine)
    }

    /// A node's machine, to be changed by a test.
    pub fn machine_mut(&mut self, node: NodeId) -> Option<&mut M> {
        Some(&mut self.process_mut(node)?.machine)
    }

    /// Lets a test use a node's machine as its host would: what the machine wants done is carried
    /// out. None if its process does not run.
    pub fn drive(
        &mut self,
        node: NodeId,
        drive: impl FnOnce(&mut M, &mut Effects<M::Protocol>),
    ) -> Option<Occurrence<M::Protocol>> {
        if self.stopped(node) {
            return None;
        }
        self.process(node)?;
        let line = self.note(node, Kind::Driven, None, None, String::new());
        self.with_machine(node, line, drive)
    }

    /// A node's disk.
    pub fn files(&self, node: NodeId) -> SimFiles {
        self.node(node).files.clone()
    }

    /// What a node's clocks show.
    pub fn clock(&self, node: NodeId) -> Now {
        self.node(node).clock.now(self.schedule.now)
    }

    /// How often a node's process was started.
    pub fn incarnation(&self, node: NodeId) -> u32 {
        self.node(node).incarnation
    }

    /// Whether a node's process runs, and is not stopped.
    pub fn running(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|it| it.process.is_some() && !it.paused)
    }
}

/// What can be done to nodes.
impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    /// Kills a process, as by `kill -9`. Its operating system closes its connections and keeps
    /// what it had written.
    pub fn crash(&mut self, node: NodeId) {
        if self.end_process(node, true) {
            self.note(node, Kind::Crashed, None, None, String::new());
            self.look_at(node, self.last_line());
        }
    }

    /// Takes a node's power, whether its process runs or not. Nobody is told, and what was not
    /// forced to the disk survives as the dice will have it.
    pub fn power_loss(&mut self, node: NodeId) {
        self.lose_power(node);
    }

    /// Starts the process of a node where none runs.
    pub fn restart(&mut self, node: NodeId) {
        if self.node(node).process.is_none() {
            self.schedule.at(self.schedule.now, Happening::Boot(node));
        }
    }

    /// Stops a process, as by `SIGSTOP`: what happens to it waits.
    pub fn pause(&mut self, node: NodeId) {
        let it = self.node_mut(node);
        if it.process.is_some() && !std::mem::replace(&mut it.paused, true) {
            self.note(node, Kind::Paused, None, None, String::new());
        }
    }

    /// Lets a stopped process go on.
    pub fn resume(&mut self, node: NodeId) {
        if std::mem::replace(&mut self.node_mut(node).paused, false) {
            self.note(node, Kind::Resumed, None, None, String::new());
            self.schedule.at(self.schedule.now, Happening::CatchUp(node));
        }
    }

    /// Sets a node's wall clock forward by so many ms, or back.
    pub fn jump(&mut self, node: NodeId, ms: i64) {
        self.node_mut(node).clock.jump(ms);
        self.note(node, Kind::ClockSet, None, None, format!("{ms} ms"));
    }

    /// Makes a node so many times slower than others: its disk, and its host between events.
    pub fn slow(&mut self, node: NodeId, times: u32) {
        self.node_mut(node).slowness = times;
    }

    /// Lets a node's clocks run fast by so many parts per million, or slow if negative.
    pub fn set_drift(&mut self, node: NodeId, ppm: i32) {
        let now = self.schedule.now;
        let it = self.nodes.get_mut(&node).expect("the node was added");
        it.clock.set_drift(now, ppm);
        let Some(process) = &mut it.process else { return };
        for (timer, (number, planned, due)) in &mut process.timers {
            self.schedule.cancel(*planned, *number);
            *number = self.schedule.number();
            let (incarnation, timer) = (it.incarnation, *timer);
            let expire = Happening::Expire { node, incarnation, timer, number: *number };
            *planned = self.schedule.at_number(it.clock.when(*due), *number, expire);
        }
    }

    pub(crate) fn lose_power(&mut self, node: NodeId) -> Line {
        self.end_process(node, false);
        let it = self.nodes.get_mut(&node).expect("the node was added");
        it.powered = false;
        it.files.power_loss(&mut self.dice);
        let line = self.note(node, Kind::PowerLost, None, None, String::new());
        self.look_at(node, self.last_line());
        line
    }

    fn end_process(&mut self, node: NodeId, told: bool) -> bool {
        let it = self.node_mut(node);
        it.paused = false;
        let backlog = std::mem::take(&mut it.backlog);
        let process = it.process.take();
        // Timers are taken out of the plan; what else is planned for the process knows its number.
        for (timer_number, planned, _) in process.iter().flat_map(|it| it.timers.values()) {
            self.schedule.cancel(*planned, *timer_number);
        }
        for happening in backlog {
            if let Happening::Take { connection, to: ACCEPTOR, parcel: Parcel::Dial, .. } =
                happening
            {
                self.refuse(connection, told);
            }
        }
        self.hang_up(node, told);
        process.is_some()
    }
}

/// Finding things, and noting them down.
impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    pub(crate) fn note(
        &mut self,
        node: NodeId,
        kind: Kind,
        peer: Option<NodeId>,
        number: Option<u64>,
        text: String,
    ) -> Line {
        let line = Line { time: self.schedule.now, node, kind, peer, number, text };
        // What happens after nearly every event would drown the rest.
        if !matches!(kind, Kind::Wrote | Kind::Drained) {
            self.trace.push(&line);
        }
        line
    }

    /// The place of the last line of the trace, if lines are kept.
    pub(crate) fn last_line(&self) -> Option<usize> {
        self.trace.lines().len().checked_sub(1)
    }

    /// Keeps what a node is like after the line at a place, if that is wanted.
    pub(crate) fn look_at(&mut self, node: NodeId, place: Option<usize>) {
        let (Some(describe), Some(place)) = (self.describe, place) else { return };
        let facts = self.process(node).map_or_else(Facts::new, |it| describe(&it.machine));
        self.trace.describe(place, facts);
    }

    pub(crate) fn node(&self, node: NodeId) -> &Node<M> {
        self.nodes.get(&node).unwrap_or_else(|| panic!("node {node} was added"))
    }

    pub(crate) fn node_mut(&mut self, node: NodeId) -> &mut Node<M> {
        self.nodes.get_mut(&node).unwrap_or_else(|| panic!("node {node} was added"))
    }

    pub(crate) fn process(&self, node: NodeId) -> Option<&Process<M>> {
        self.nodes.get(&node)?.process.as_ref()
    }

    pub(crate) fn process_mut(&mut self, node: NodeId) -> Option<&mut Process<M>> {
        self.nodes.get_mut(&node)?.process.as_mut()
    }

    pub(crate) fn stopped(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(Node::stopped)
    }

    pub(crate) fn powered(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|it| it.powered)
    }
}
