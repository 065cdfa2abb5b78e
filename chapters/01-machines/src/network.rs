//! The simulated network: connections as TCP gives them, and the ways in which they fail.
//!
//! A connection carries parcels in order in each direction, each after a delay of its own. What
//! cannot get through waits: because the way is cut, because nobody is at the other end, or
//! because the other end does not read. The sender of what does not get through gives up after a
//! while and closes its end; the other end may not notice for long, and is then half open. An end
//! that is gone answers what still comes with a reset, as an operating system does.
//!
//! Always true:
//! - messages of one connection and direction arrive in the order of sending, and none is missing
//!   before one that arrives;
//! - on one connection an end hears `Opened` at most once, before everything else, and `Closed` at
//!   most once, after everything else;
//! - after a machine closed a connection it hears nothing more of it.
//!
//! Book: chapter 1.

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::{ACCEPTOR, Connection, DIALLER, End, Parcel, State};
use crate::dice::Dice;
use crate::machine::{Event, Machine, Protocol};
use crate::node::NodeId;
use crate::schedule::Happening;
use crate::trace::Kind;
use crate::world::{Occurrence, Simulated, World};

pub(crate) struct Network<P: Protocol> {
    pub(crate) connections: BTreeMap<u64, Connection<P>>,
    pub(crate) cuts: BTreeSet<(NodeId, NodeId)>,
    pub(crate) dice: Dice,
}

impl<P: Protocol> Network<P> {
    pub(crate) fn new(dice: Dice) -> Self {
        Network { connections: BTreeMap::new(), cuts: BTreeSet::new(), dice }
    }
}

/// What machines do.
impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    /// Asks for a connection, unless the machine is already asking for it. One that was open is
    /// left first.
    pub(crate) fn dial(&mut self, node: NodeId, peer: PeerOf<M>) {
        if self
            .named(node, peer)
            .is_some_and(|(number, side)| self.state(number, side) == State::Opening)
        {
            return;
        }
        self.leave(node, peer);
        let number = self.schedule.number();
        let to = M::Protocol::dial(&peer);
        self.note(node, Kind::Dialled, Some(to), None, String::new());
        let ends = [End::new(node, Some(peer)), End::new(to, None)];
        self.network.connections.insert(number, Connection { ends, broken: false });
        self.name(node, peer, number, DIALLER);
        self.post(number, ACCEPTOR, Parcel::Dial);
        let patience = self.settings.dial.roll(&mut self.network.dice);
        self.schedule.after(patience, Happening::DialTimeout { node, connection: number });
    }

    /// Sends a message, if there is an open connection.
    pub(crate) fn send(&mut self, node: NodeId, to: PeerOf<M>, message: MessageOf<M>) {
        let open = self.named(node, to).filter(|at| self.state(at.0, at.1) == State::Open);
        let Some((number, side)) = open else {
            self.note(node, Kind::Lost, None, None, message.to_string());
            return;
        };
        let other = self.network.connections[&number].ends[1 - side].node;
        let mark = self.schedule.number();
        self.note(node, Kind::Sent, Some(other), Some(mark), message.to_string());
        if self.network.dice.between(0, 1_000_000) < u64::from(self.settings.breaks) {
            self.reset(number);
        }
        self.post(number, 1 - side, Parcel::Message { number: mark, message });
    }

    /// Closes a connection after what was sent on it.
    pub(crate) fn leave(&mut self, node: NodeId, peer: PeerOf<M>) {
        let Some((number, side)) = self.named(node, peer) else { return };
        let other = self.network.connections[&number].ends[1 - side].node;
        self.note(node, Kind::Left, Some(other), None, String::new());
        self.post(number, 1 - side, Parcel::Finished);
        self.end(number, side);
    }

    /// Asks to be told when everything sent so far has arrived.
    pub(crate) fn flush(&mut self, node: NodeId, peer: PeerOf<M>) {
        let open = self.named(node, peer).filter(|at| self.state(at.0, at.1) == State::Open);
        if let Some((number, side)) = open {
            self.post(number, 1 - side, Parcel::Mark);
        }
    }

    /// Stops reading, or goes on.
    pub(crate) fn read(&mut self, node: NodeId, peer: PeerOf<M>, reads: bool) {
        let Some((connection, to)) = self.named(node, peer) else { return };
        let it = self.network.connections.get_mut(&connection).expect("a named connection exists");
        it.ends[to].unread = !reads;
        if reads {
            self.schedule.at(self.schedule.now, Happening::Unblock { connection, to });
        }
    }
}

/// What happens to connections.
impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    /// A parcel comes to the end of its way, or to where the way is cut.
    pub(crate) fn arrive(
        &mut self,
        number: u64,
        to: usize,
        parcel: Parcel<M::Protocol>,
    ) -> Option<Occurrence<M::Protocol>> {
        let (blocked, waiting) = (self.blocked(number, to)?, self.waits(number, to));
        // But that there is no such connection is said by whoever is asked then.
        let lost = self.network.connections[&number].ends[to].lost;
        if lost && !matches!(parcel, Parcel::Finished) {
            return None;
        }
        if self.unheard(number, to) {
            self.expect_nothing(number, to);
        }
        if blocked || waiting {
            let connection = self.network.connections.get_mut(&number)?;
            connection.ends[to].inbox.push_back(parcel);
            return None;
        }
        self.take_soon(number, to, parcel)
    }

    /// What waited goes on, one parcel at a time.
    pub(crate) fn go_on(&mut self, number: u64, to: usize) -> Option<Occurrence<M::Protocol>> {
        if self.blocked(number, to)? {
            return None;
        }
        let end = &mut self.network.connections.get_mut(&number)?.ends[to];
        let parcel = end.inbox.pop_front()?;
        if !end.inbox.is_empty() {
            let next = Happening::Unblock { connection: number, to };
            self.schedule.at(self.schedule.now, next);
        }
        self.take_soon(number, to, parcel)
    }

    /// The operating system has the parcel; the process takes it when it runs. A process that is
    /// stopped does not keep its operating system from accepting connections.
    fn take_soon(
        &mut self,
        connection: u64,
        to: usize,
        parcel: Parcel<M::Protocol>,
    ) -> Option<Occurrence<M::Protocol>> {
        let node = self.network.connections.get(&connection)?.ends[to].node;
        if matches!(parcel, Parcel::Dial) && self.stopped(node) {
            self.post(connection, DIALLER, Parcel::Accepted);
        }
        self.happen(Happening::Take { node, connection, to, parcel })
    }

    /// A process takes a parcel in, or its operating system says that there is no such process.
    pub(crate) fn take(
        &mut self,
        number: u64,
        to: usize,
        parcel: Parcel<M::Protocol>,
    ) -> Option<Occurrence<M::Protocol>> {
        let connection = self.network.connections.get_mut(&number)?;
        let (end, other) = (&connection.ends[to], connection.ends[1 - to].node);
        let (node, state) = (end.node, end.state);
        match (parcel, state) {
            (Parcel::Dial, State::Opening) => self.accept(number),
            (Parcel::Accepted, State::Opening) => {
                connection.ends[to].state = State::Open;
                let peer = connection.ends[to].peer?;
                self.tell(node, Event::Opened(peer), Kind::Opened, Some(other), None, "".into())
            }
            (Parcel::Message { number: mark, message }, State::Open) => {
                let from = end.peer?;
                let text = message.to_string();
                let event = Event::Received { from, message };
                self.tell(node, event, Kind::Received, Some(other), Some(mark), text)
            }
            (Parcel::Mark, State::Open) => {
                self.post(number, 1 - to, Parcel::Marked);
                None
            }
            (Parcel::Marked, State::Open) => {
                let peer = end.peer?;
                self.tell(node, Event::Flushed(peer), Kind::Flushed, Some(other), None, "".into())
            }
            (Parcel::Finished, State::Open | State::Opening) => self.lose(number, to),
            // What comes for an end that is gone is answered by a reset; a reset is not.
            (Parcel::Message { .. } | Parcel::Mark | Parcel::Accepted, State::Gone) => {
                self.post(number, 1 - to, Parcel::Finished);
                None
            }
            (Parcel::Dial, _)
            | (Parcel::Accepted, State::Open)
            | (Parcel::Message { .. } | Parcel::Mark | Parcel::Marked, State::Opening)
            | (Parcel::Marked, State::Gone)
            | (Parcel::Finished, State::Gone) => None,
        }
    }

    /// A node is asked for a connection.
    fn accept(&mut self, number: u64) -> Option<Occurrence<M::Protocol>> {
        let ends = &self.network.connections[&number].ends;
        let (from, node, dialled) = (ends[DIALLER].node, ends[ACCEPTOR].node, ends[DIALLER].peer?);
        let refused = self.network.dice.chance(self.settings.refusals);
        let peer = M::Protocol::accept(from, &dialled, number);
        // Two nodes may ask each other for the connection of one name at the same time. The wish
        // of the larger node goes; otherwise each could refuse the other for ever.
        let crossing = self.named(node, peer).filter(|at| self.state(at.0, at.1) == State::Opening);
        if !self.running(node) || refused || (crossing.is_some() && from < node) {
            self.refuse(number, true);
            return None;
        }
        // An open connection of that name is one that the other end has given up.
        let mut answers = Vec::new();
        if let Some((old, side)) = self.named(node, peer) {
            if crossing.is_none() {
                self.post(old, 1 - side, Parcel::Finished);
                answers = self.lose(old, side)?.answers;
            }
            self.abandon(node, peer);
        }
        let end = &mut self.network.connections.get_mut(&number)?.ends[ACCEPTOR];
        (end.state, end.peer) = (State::Open, Some(peer));
        self.name(node, peer, number, ACCEPTOR);
        self.post(number, DIALLER, Parcel::Accepted);
        let event = Event::Opened(peer);
        let mut occurrence = self.tell(node, event, Kind::Accepted, Some(from), None, "".into())?;
        occurrence.answers.splice(0..0, answers);
        Some(occurrence)
    }

    /// Forgets what the machine was asking for, before anything can come of it.
    fn abandon(&mut self, node: NodeId, peer: PeerOf<M>) {
        let Some((number, side)) = self.named(node, peer) else { return };
        let unasked = self.state(number, 1 - side) == State::Opening;
        self.post(number, 1 - side, Parcel::Finished);
        self.end(number, side);
        if unasked {
            self.network.connections.remove(&number);
        }
    }

    /// An end learns that its connection is gone.
    pub(crate) fn lose(&mut self, number: u64, side: usize) -> Option<Occurrence<M::Protocol>> {
        let ends = &self.network.connections.get(&number)?.ends;
        let (node, peer, other) = (ends[side].node, ends[side].peer, ends[1 - side].node);
        if ends[side].state == State::Gone {
            return None;
        }
        self.end(number, side);
        self.tell(node, Event::Closed(peer?), Kind::Closed, Some(other), None, "".into())
    }

    /// Closed because it did not open in time.
    pub(crate) fn dial_timeout(&mut self, number: u64) -> Option<Occurrence<M::Protocol>> {
        let opening = self.network.connections.contains_key(&number)
            && self.state(number, DIALLER) == State::Opening;
        if opening { self.lose(number, DIALLER) } else { None }
    }

    /// Closed because nothing of it got through. What was on the way may still arrive.
    pub(crate) fn give_up(
        &mut self,
        number: u64,
        sender: usize,
    ) -> Option<Occurrence<M::Protocol>> {
        let receiver = 1 - sender;
        self.network.connections.get_mut(&number)?.ends[receiver].giving_up = false;
        if !self.unheard(number, receiver) {
            return None;
        }
        if self.network.dice.chance(500) {
            // Nothing arrives after something that does not.
            let end = &mut self.network.connections.get_mut(&number)?.ends[receiver];
            end.inbox.clear();
            end.lost = true;
        }
        self.lose(number, sender)
    }

    /// Closes every connection of a node whose process is gone. With the power gone as well,
    /// nobody is left to tell the other ends.
    pub(crate) fn hang_up(&mut self, node: NodeId, told: bool) {
        let numbers: Vec<u64> = self.network.connections.keys().copied().collect();
        for (number, side) in numbers.into_iter().flat_map(|it| [(it, DIALLER), (it, ACCEPTOR)]) {
            let Some(connection) = self.network.connections.get(&number) else { continue };
            let end = &connection.ends[side];
            let unasked = side == ACCEPTOR && end.state == State::Opening;
            if end.node == node && end.state != State::Gone && !unasked {
                if told {
                    self.post(number, 1 - side, Parcel::Finished);
                }
                self.end(number, side);
            }
        }
    }

    /// Refuses a connection that the operating system accepted for a process that is gone.
    pub(crate) fn refuse(&mut self, number: u64, told: bool) {
        if told {
            self.post(number, DIALLER, Parcel::Finished);
        }
        self.end(number, ACCEPTOR);
    }

    /// Lets everything go on that can.
    pub(crate) fn unblock(&mut self) {
        for (number, connection) in &self.network.connections {
            for to in [DIALLER, ACCEPTOR] {
                if !connection.ends[to].inbox.is_empty() {
                    let delay = self.settings.delay.roll(&mut self.network.dice);
                    self.schedule.after(delay, Happening::Unblock { connection: *number, to });
                }
            }
        }
    }

    fn post(&mut self, number: u64, to: usize, parcel: Parcel<M::Protocol>) {
        let Some(connection) = self.network.connections.get_mut(&number) else { return };
        if connection.broken {
            return;
        }
        let delay = self.settings.delay.roll(&mut self.network.dice);
        let end = &mut connection.ends[to];
        end.last = end.last.max(self.schedule.now + delay);
        self.schedule.at(end.last, Happening::Arrive { connection: number, to, parcel });
    }

    fn end(&mut self, number: u64, side: usize) {
        let Some(connection) = self.network.connections.get_mut(&number) else { return };
        connection.ends[side].state = State::Gone;
        let (node, peer) = (connection.ends[side].node, connection.ends[side].peer);
        if connection.ends.iter().all(|end| end.state == State::Gone) {
            self.network.connections.remove(&number);
        }
        if let (Some(process), Some(peer)) = (self.process_mut(node), peer)
            && process.peers.get(&peer) == Some(&(number, side))
        {
            process.peers.remove(&peer);
        }
    }

    /// Whether a parcel for this end cannot be taken in now. None if it is lost.
    fn blocked(&self, number: u64, to: usize) -> Option<bool> {
        let connection = self.network.connections.get(&number).filter(|it| !it.broken)?;
        let (end, from) = (&connection.ends[to], connection.ends[1 - to].node);
        Some(end.unread || !self.reaches(from, end.node))
    }

    fn waits(&self, number: u64, to: usize) -> bool {
        !self.network.connections[&number].ends[to].inbox.is_empty()
    }

    /// Whether what is sent to this end does not get through, or nobody learns that it does.
    fn unheard(&self, number: u64, to: usize) -> bool {
        let Some(connection) = self.network.connections.get(&number) else { return false };
        let (to, from) = (connection.ends[to].node, connection.ends[1 - to].node);
        !self.reaches(from, to) || !self.reaches(to, from)
    }

    fn expect_nothing(&mut self, number: u64, to: usize) {
        let Some(connection) = self.network.connections.get_mut(&number) else { return };
        if std::mem::replace(&mut connection.ends[to].giving_up, true) {
            return;
        }
        let (node, side) = (connection.ends[1 - to].node, 1 - to);
        let patience = self.settings.patience.roll(&mut self.network.dice);
        self.schedule.after(patience, Happening::GiveUp { node, connection: number, side });
    }

    fn reaches(&self, from: NodeId, to: NodeId) -> bool {
        !self.network.cuts.contains(&(from, to)) && self.powered(to)
    }

    fn state(&self, number: u64, side: usize) -> State {
        self.network.connections[&number].ends[side].state
    }

    fn named(&self, node: NodeId, peer: PeerOf<M>) -> Option<(u64, usize)> {
        self.process(node)?.peers.get(&peer).copied()
    }

    fn name(&mut self, node: NodeId, peer: PeerOf<M>, number: u64, side: usize) {
        if let Some(process) = self.process_mut(node) {
            process.peers.insert(peer, (number, side));
        }
    }
}

type PeerOf<M> = <<M as Machine>::Protocol as Protocol>::Peer;
type MessageOf<M> = <<M as Machine>::Protocol as Protocol>::Message;
