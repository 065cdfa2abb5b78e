//! A node of the simulated world: a process, its disk and its clocks.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Clock;
use crate::files::Disk;
use crate::machine::{Effects, Fault, Machine, Protocol, Ticket};
use crate::schedule::Happening;
use crate::sim_disk::SimFiles;

/// Names a node: `1` is a server, `c1` a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeId {
    /// A server, by its number.
    Server(u64),
    /// A client, by its number.
    Client(u64),
}

impl NodeId {
    /// Its name in full: `server 2`, `client 1`.
    pub fn name(self) -> String {
        match self {
            NodeId::Server(number) => format!("server {number}"),
            NodeId::Client(number) => format!("client {number}"),
        }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NodeId::Server(number) => write!(f, "{number}"),
            NodeId::Client(number) => write!(f, "c{number}"),
        }
    }
}

impl FromStr for NodeId {
    type Err = String;

    fn from_str(text: &str) -> Result<NodeId, String> {
        let (number, node): (&str, fn(u64) -> NodeId) = match text.strip_prefix('c') {
            Some(number) => (number, NodeId::Client),
            None => (text, NodeId::Server),
        };
        let plain = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|number| plain && *number > 0).map(node).ok_or_else(|| {
            format!("`{text}` is no node: write 2 for server 2, and c2 for client 2")
        })
    }
}

/// What a process is given when it starts.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Where it runs.
    pub node: NodeId,
    /// How often it has been started, this time included.
    pub incarnation: u32,
    /// A seed of its own, for all that it must make up.
    pub seed: u64,
    /// Its disk.
    pub files: SimFiles,
}

/// A process that has started.
pub struct Booted<M: Machine> {
    /// The machine, which is told [`Started`](crate::Event::Started) next.
    pub machine: M,
    /// What carries out its writes.
    pub disk: Box<dyn Disk<M::Protocol>>,
    /// What was found on the disk.
    pub recovered: <M::Protocol as Protocol>::Recovered,
}

/// Starts a process, the first time and after every crash.
pub(crate) type Booter<M> = Box<dyn FnMut(Boot) -> Result<Booted<M>, Fault>>;

pub(crate) enum Job<P: Protocol> {
    Write(P::Write),
    Sync(Ticket),
    Fetch(P::Fetch),
}

/// A process that runs, and all that dies with it.
pub(crate) struct Process<M: Machine> {
    pub(crate) machine: M,
    pub(crate) effects: Effects<M::Protocol>,
    pub(crate) disk: Box<dyn Disk<M::Protocol>>,
    pub(crate) jobs: VecDeque<Job<M::Protocol>>,
    /// Why the disk refuses everything.
    pub(crate) fault: Option<Fault>,
    /// The last ticket that was asked for.
    pub(crate) ticket: Ticket,
    /// Each timer, with the number and the place of its expiry in the schedule, and its time by
    /// the local clock.
    pub(crate) timers: BTreeMap<<M::Protocol as Protocol>::Timer, (u64, Duration, Duration)>,
    /// Its connections: number, and side.
    pub(crate) peers: BTreeMap<<M::Protocol as Protocol>::Peer, (u64, usize)>,
    /// Whether it will be told that there are no more events.
    pub(crate) draining: bool,
}

impl<M: Machine> Process<M> {
    pub(crate) fn new(machine: M, disk: Box<dyn Disk<M::Protocol>>) -> Self {
        Process {
            machine,
            effects: Effects::new(),
            disk,
            jobs: VecDeque::new(),
            fault: None,
            ticket: Ticket(0),
            timers: BTreeMap::new(),
            peers: BTreeMap::new(),
            draining: false,
        }
    }
}

pub(crate) struct Node<M: Machine> {
    pub(crate) boot: Booter<M>,
    pub(crate) files: SimFiles,
    pub(crate) clock: Clock,
    pub(crate) incarnation: u32,
    pub(crate) process: Option<Process<M>>,
    /// Without power, nobody answers for the process; with power, the operating system refuses.
    pub(crate) powered: bool,
    pub(crate) paused: bool,
    /// How many times slower than others.
    pub(crate) slowness: u32,
    /// What happened to the process while it was stopped.
    pub(crate) backlog: VecDeque<Happening<M::Protocol>>,
}

impl<M: Machine> Node<M> {
    /// Whether what happens now must wait behind what has happened before.
    pub(crate) fn stopped(&self) -> bool {
        self.paused || !self.backlog.is_empty()
    }
}
