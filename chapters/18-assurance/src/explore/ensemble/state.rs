//! One moment of an ensemble: the servers with their disks, the connections with what is on its way,
//! and what the laws must remember.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use machines::NodeId;
use storage::{Entry, Fetch};
use sync::{Member, Settings};
use zab::Packet;
use zxid::Zxid;

use super::SERVERS;
use super::disk::Disk;
use super::laws::Memory;
use crate::explore::seen::Fingerprint;

/// How much may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// How many transactions are proposed.
    pub transactions: u8,
    /// How many processes end, by a kill or by a loss of power.
    pub crashes: u8,
    /// How many connections break between two processes that go on.
    pub drops: u8,
    /// How many elections are won.
    pub epochs: u8,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    /// Its process. One that ends starts again at once: who looks for a leader and finds none does
    /// no more than who is down.
    pub(super) member: Member,
    pub(super) disk: Disk,
    /// What its service was told to apply.
    pub(super) delivered: Vec<Entry>,
    /// A leader's snapshot that is coming in.
    pub(super) loading: Vec<Entry>,
    /// The last transaction that it proposed.
    pub(super) last: Zxid,
    /// What the disk was asked and has not answered.
    pub(super) asked: VecDeque<Fetch>,
    /// The snapshots that it sends: over which connection, and up to where.
    pub(super) sending: BTreeMap<u64, Zxid>,
}

/// A connection from a learner to its leader. It is there while the leader believes that it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wire {
    pub(super) leader: usize,
    pub(super) learner: usize,
    /// Its number at the leader.
    pub(super) number: u64,
    /// The learner is gone, and the leader has yet to notice.
    pub(super) gone: bool,
    /// What is on its way to each end: the leader's, then the learner's.
    pub(super) to: [VecDeque<Packet>; 2],
    /// The leader wants to know when what it sent is taken.
    pub(super) flush: bool,
}

/// How the servers of a state are called where nothing is renamed. States that differ in nothing
/// else are the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names(pub(super) [usize; SERVERS]);

impl PartialEq for Names {
    fn eq(&self, _: &Names) -> bool {
        true
    }
}

impl Eq for Names {}

impl Hash for Names {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// One moment of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(super) servers: Vec<Arc<Server>>,
    pub(super) wires: Vec<Wire>,
    pub(super) memory: Memory,
    pub(super) left: Bounds,
    pub(super) names: Names,
}

impl Server {
    /// A process that starts.
    pub(super) fn new(settings: Arc<Settings>, disk: Disk) -> Server {
        Server {
            member: Member::new(settings),
            disk,
            delivered: Vec::new(),
            loading: Vec::new(),
            last: Zxid::ZERO,
            asked: VecDeque::new(),
            sending: BTreeMap::new(),
        }
    }

    pub(super) fn looks(&self) -> bool {
        self.member.ballot().is_some()
    }

    /// Whether its role is over, and its disk has yet to come to rest.
    pub(super) fn is_leaving(&self) -> bool {
        let idle = self.member.leader().is_none() && self.member.learner().is_none();
        idle && !self.looks() && self.disk.is_busy()
    }

    pub(super) fn is_learning(&self) -> bool {
        self.member.learner().is_some()
    }

    /// What two servers that look for a leader differ in, besides their names.
    fn traits(&self) -> Fingerprint {
        Fingerprint::of(&(self.member.history(), &self.disk, &self.delivered))
    }
}

impl State {
    pub(super) fn server(&mut self, at: usize) -> &mut Server {
        Arc::make_mut(&mut self.servers[at])
    }

    pub(super) fn member(&self, at: usize) -> &Member {
        &self.servers[at].member
    }

    pub(super) fn leads(&self, at: usize) -> bool {
        self.member(at).leader().is_some()
    }

    /// How many learners a leader believes to be connected.
    pub(super) fn learners(&self, leader: usize) -> usize {
        self.wires.iter().filter(|wire| wire.leader == leader).count()
    }

    /// How many servers have dialled a leader and have not given it up.
    pub(super) fn supporters(&self, leader: usize) -> usize {
        self.wires.iter().filter(|wire| wire.leader == leader && !wire.gone).count()
    }

    /// The wire of this number at a leader.
    pub(super) fn wire(&self, leader: usize, number: u64) -> usize {
        let is = |wire: &Wire| (wire.leader, wire.number) == (leader, number);
        self.wires.iter().position(is).expect("what happens on a wire happens while it is there")
    }

    /// A server, as a picture names it.
    pub(super) fn node(&self, at: usize) -> NodeId {
        super::node(self.names.0[at])
    }

    /// The end of a connection that is at a server: which wire, and which of its ends.
    pub(super) fn end(&self, at: usize, peer: zab::Peer) -> Option<(usize, usize)> {
        let is = |wire: &Wire| match peer {
            zab::Peer::Learner(number) => (wire.leader == at && wire.number == number).then_some(0),
            zab::Peer::Leader(_) => (wire.learner == at && !wire.gone).then_some(1),
        };
        self.wires.iter().enumerate().find_map(|(index, wire)| Some((index, is(wire)?)))
    }

    /// Whether all servers look for a leader. Then nobody knows anybody's name.
    pub(super) fn all_look(&self) -> bool {
        self.servers.iter().all(|server| server.looks())
    }

    /// Whether two servers that look for a leader differ in their names only.
    pub(super) fn alike(&self, one: usize, other: usize) -> bool {
        self.servers[one].traits() == self.servers[other].traits()
    }

    /// Puts servers that look for a leader into an order that does not depend on their names, and
    /// names them anew.
    pub(super) fn sort(&mut self, settings: &[Arc<Settings>]) {
        let mut order: [usize; SERVERS] = std::array::from_fn(|at| at);
        order.sort_by_cached_key(|at| self.servers[*at].traits());
        let servers = order.iter().zip(settings).map(|(old, settings)| {
            let mut server = self.servers[*old].clone();
            let member = server.member.renamed(settings.clone());
            Arc::make_mut(&mut server).member = member;
            server
        });
        self.servers = servers.collect();
        self.names = Names(order.map(|old| self.names.0[old]));
    }
}
