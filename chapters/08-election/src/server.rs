//! A server's whole election port: the election, and the connections over which it is held.
//!
//! Book: chapter 8. ZooKeeper: `QuorumPeer.startLeaderElection`.

use std::collections::BTreeMap;

use bytes::Bytes;
use machines::{Effect, Effects, Event, Machine};
use zxid::ServerId;

use crate::Election;
use crate::connections::{Connections, Limits};
use crate::members::Members;
use crate::message::{Fle, Notification};
use crate::port::{ElectionPort, PortTimer, Told};
use crate::vote::{LogEnd, ServerState};

/// An election and its connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElectionServer {
    election: Election,
    connections: Connections,
    /// Between two roles: the last that each of the others has said meanwhile.
    unheard: Option<BTreeMap<ServerId, Notification>>,
}

impl ElectionServer {
    /// A server that has yet to start. `address` is its own election address as `host:port`,
    /// `config` the text that names the members.
    pub fn new(
        me: ServerId,
        address: String,
        members: Members,
        config: Bytes,
        limits: Limits,
    ) -> ElectionServer {
        ElectionServer {
            election: Election::new(me, members.clone(), config),
            connections: Connections::new(me, address, members, limits),
            unheard: None,
        }
    }

    /// The election.
    pub fn election(&self) -> &Election {
        &self.election
    }

    /// The connections.
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// See [`Election::set_forgetful`].
    pub fn set_forgetful(&mut self, forgetful: bool) {
        self.election.set_forgetful(forgetful);
    }

    /// The last reign is over for this server, but it may not vote before its disk is at rest.
    /// Until it looks, nobody is told who led, and what others say waits. Unlike ZooKeeper, where
    /// a leader that has stepped down says that it leads for as long as its disk takes: those who
    /// look follow it again and again, and may be enough to do without it.
    pub fn rest(&mut self) {
        self.unheard.get_or_insert_default();
    }

    /// Begins to look for a leader, see [`Election::look`].
    pub fn look(&mut self, log: LogEnd, effects: &mut Effects<ElectionPort>) {
        self.with_election(effects, |election, effects| election.look(log, effects));
    }

    /// What was said while this server could not vote is heard once it has said its own vote.
    fn on_drained(&mut self, effects: &mut Effects<ElectionPort>) {
        if self.election.state() != ServerState::Looking {
            return;
        }
        for (from, message) in self.unheard.take().unwrap_or_default() {
            let event = Event::Received { from, message };
            self.with_election(effects, |election, effects| election.step(event, effects));
        }
    }

    /// Tells the epoch of the leader, see [`Election::update_epoch`].
    pub fn update_epoch(&mut self, epoch: u32) {
        self.election.update_epoch(epoch);
    }

    fn with_election(
        &mut self,
        effects: &mut Effects<ElectionPort>,
        with: impl FnOnce(&mut Election, &mut Effects<Fle>),
    ) {
        let mut wanted = Effects::at(effects.now());
        with(&mut self.election, &mut wanted);
        for effect in wanted.drain() {
            match effect {
                Effect::Send { to, message } => self.connections.send(to, message, effects),
                Effect::Set { timer, after } => effects.set(PortTimer::Election(timer), after),
                Effect::Clear(timer) => effects.clear(PortTimer::Election(timer)),
                Effect::Answer(elected) => effects.answer(Told::Elected(elected)),
                Effect::Write(never) | Effect::Fetch(never) => match never {},
                // An election leaves its connections to others, and stores nothing.
                Effect::Open(_)
                | Effect::Close(_)
                | Effect::Pause(_)
                | Effect::Resume(_)
                | Effect::Flush(_)
                | Effect::Sync(_) => {}
            }
        }
    }
}

impl Machine for ElectionServer {
    type Protocol = ElectionPort;

    fn step(&mut self, event: Event<ElectionPort>, effects: &mut Effects<ElectionPort>) {
        let event = match event {
            Event::Started(log) => Event::Started(log),
            Event::Opened(link) => return self.connections.on_opened(link, effects),
            Event::Closed(link) => return self.connections.on_closed(link, effects),
            Event::Received { from, message } => {
                match self.connections.on_received(from, message, effects) {
                    Some((from, message)) => match &mut self.unheard {
                        Some(unheard) => return drop(unheard.insert(from, message)),
                        None => Event::Received { from, message },
                    },
                    None => return,
                }
            }
            Event::Expired(PortTimer::Initial(number)) => {
                return self.connections.on_expired(number, effects);
            }
            Event::Expired(PortTimer::Election(timer)) => Event::Expired(timer),
            Event::Fetched(never) => match never {},
            Event::Drained => return self.on_drained(effects),
            // Nothing is stored.
            Event::Flushed(_) | Event::Durable(_) | Event::Failed(..) => return,
        };
        self.with_election(effects, |election, effects| election.step(event, effects));
    }
}
