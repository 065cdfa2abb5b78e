//! The switch between the nodes: where wires are cut, mended and broken.

use crate::connection::{ACCEPTOR, DIALLER};
use crate::machine::Machine;
use crate::node::NodeId;
use crate::schedule::Happening;
use crate::trace::Kind;
use crate::world::{Simulated, World};

impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    /// Lets nothing through from one node to another; the other direction stays as it is.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        if self.network.cuts.insert((from, to)) {
            self.note(from, Kind::Cut, Some(to), None, String::new());
        }
    }

    /// Lets nothing through between two groups of nodes, in either direction.
    pub fn part(&mut self, some: &[NodeId], others: &[NodeId]) {
        for (one, other) in some.iter().flat_map(|one| others.iter().map(move |two| (*one, *two))) {
            self.cut(one, other);
            self.cut(other, one);
        }
    }

    /// Lets everything through again from one node to another.
    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        if self.network.cuts.remove(&(from, to)) {
            self.note(from, Kind::Mended, Some(to), None, String::new());
            self.unblock();
        }
    }

    /// Mends everything that was cut.
    pub fn heal(&mut self) {
        for (from, to) in self.network.cuts.clone() {
            self.mend(from, to);
        }
    }

    /// Lets both ends of every connection that broke learn of it soon.
    pub fn tell_what_broke(&mut self) {
        for (number, it) in self.network.connections.iter().filter(|(_, it)| it.broken) {
            for side in [DIALLER, ACCEPTOR] {
                let delay = self.settings.delay.roll(&mut self.network.dice);
                let (node, connection) = (it.ends[side].node, *number);
                self.schedule.after(delay, Happening::Learn { node, connection, side });
            }
        }
    }

    /// The connections that are not gone at both ends: number, who asked for it, who was asked.
    pub fn connections(&self) -> Vec<(u64, NodeId, NodeId)> {
        let all = self.network.connections.iter();
        all.map(|(number, it)| (*number, it.ends[DIALLER].node, it.ends[ACCEPTOR].node)).collect()
    }

    /// Breaks a connection: all that travels on it is lost, and its ends learn of it each in its
    /// own time.
    pub fn reset(&mut self, number: u64) {
        let Some(connection) = self.network.connections.get_mut(&number) else { return };
        if std::mem::replace(&mut connection.broken, true) {
            return;
        }
        let nodes = [DIALLER, ACCEPTOR].map(|side| connection.ends[side].node);
        for (side, end) in connection.ends.iter_mut().enumerate() {
            end.inbox.clear();
            let delay = self.settings.learn.roll(&mut self.network.dice);
            let learn = Happening::Learn { node: nodes[side], connection: number, side };
            self.schedule.after(delay, learn);
        }
        self.note(nodes[DIALLER], Kind::Broken, Some(nodes[ACCEPTOR]), None, String::new());
    }
}
