//! A member of an ensemble: it looks for a leader, then leads or follows, then looks again.
//!
//! It hosts three machines, of which two are at work at most: the election port always, and a leader
//! or a learner while there is one. Their effects become its own, with tickets of its own: whatever
//! they want forced in one batch of events is forced once.
//!
//! Always true:
//! - between two roles the disk comes to rest, so that what this server votes with is on it
//!   (ZOOKEEPER-2845, ZOOKEEPER-4712);
//! - learners that come too early, before this server knows that it leads, wait;
//! - after the disk failed this server says nothing any more.
//!
//! Book: chapter 10. ZooKeeper: `QuorumPeer.run`.

mod elected;

use std::sync::Arc;

use bytes::Bytes;
use election::{ElectionPort, ElectionServer, ServerState, Vote};
use machines::{Effect, Effects, Event, Machine};
use storage::Entry;
use zab::{Ceased, Health, History, Packet, Recovered, Told, Zab};
use zxid::{ServerId, SessionId, Zxid};

use crate::connections::Connections;
use crate::leader::Leader;
use crate::learner::Learner;
use crate::settings::Settings;
use crate::tickets::Tickets;
use crate::vocabulary::{Ensemble, Message, Peer, Timer};

/// What a member does, and where its history is meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    /// It looks for a leader.
    Looking(History),
    /// It leads, or is about to.
    Leading(Box<Leader>),
    /// It follows or observes, or is about to.
    Learning(Box<Learner>),
    /// It does so no longer, and waits for the disk to come to rest.
    Leaving(History),
}

/// One server's part in an ensemble, for as long as its process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    settings: Arc<Settings>,
    election: ElectionServer,
    role: Role,
    /// The leader that it serves under, and its epoch.
    serving: Option<(ServerId, u32)>,
    connections: Connections,
    tickets: Tickets,
    /// The disk has failed.
    failed: bool,
}

impl Member {
    /// A member that has yet to start.
    pub fn new(settings: Arc<Settings>) -> Member {
        let election = ElectionServer::new(
            settings.me,
            settings.election_address.clone(),
            settings.members.clone(),
            settings.config.clone(),
            settings.election_limits,
        );
        Member {
            settings,
            election,
            role: Role::Looking(History::new(Recovered::default())),
            serving: None,
            connections: Connections::default(),
            tickets: Tickets::default(),
            failed: false,
        }
    }

    /// What it is doing: looking until a leader is found, and again as soon as it is given up.
    pub fn state(&self) -> ServerState {
        match self.role {
            Role::Looking(_) | Role::Leaving(_) => ServerState::Looking,
            Role::Leading(_) | Role::Learning(_) => self.election.election().state(),
        }
    }

    /// The leader that it serves under, and its epoch: from `Told::Serving` to `Told::Ceased`.
    pub fn serving(&self) -> Option<(ServerId, u32)> {
        self.serving
    }

    /// The election port.
    pub fn election(&self) -> &ElectionServer {
        &self.election
    }

    /// The leader, while it leads, or is about to.
    pub fn leader(&self) -> Option<&Leader> {
        if let Role::Leading(leader) = &self.role { Some(leader) } else { None }
    }

    /// The learner, while it follows or observes, or is about to.
    pub fn learner(&self) -> Option<&Learner> {
        if let Role::Learning(learner) = &self.role { Some(learner) } else { None }
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        match &self.role {
            Role::Looking(history) | Role::Leaving(history) => history,
            Role::Leading(leader) => leader.history(),
            Role::Learning(learner) => learner.history(),
        }
    }

    /// Leading: see [`Leader::propose`](crate::Leader::propose).
    pub fn propose(&mut self, entry: Entry, effects: &mut Effects<Ensemble>) {
        self.with_leader(effects, |leader, effects| leader.propose(entry, effects));
    }

    /// Leading: see [`Leader::answer`](crate::Leader::answer).
    pub fn answer(&mut self, link: u64, packet: Packet, effects: &mut Effects<Ensemble>) {
        self.with_leader(effects, |leader, effects| leader.answer(link, packet, effects));
    }

    /// Leading: see [`Leader::confirm`](crate::Leader::confirm).
    pub fn confirm(&mut self, effects: &mut Effects<Ensemble>) -> u64 {
        self.with_leader(effects, |leader, effects| leader.confirm(effects))
    }

    /// Leading: see [`Leader::snapshot_begin`](crate::Leader::snapshot_begin).
    pub fn snapshot_begin(&mut self, link: u64, zxid: Zxid, effects: &mut Effects<Ensemble>) {
        self.with_leader(effects, |leader, effects| leader.snapshot_begin(link, zxid, effects));
    }

    /// Leading: see [`Leader::snapshot_bytes`](crate::Leader::snapshot_bytes).
    pub fn snapshot_bytes(&mut self, link: u64, bytes: Bytes, effects: &mut Effects<Ensemble>) {
        self.with_leader(effects, |leader, effects| leader.snapshot_bytes(link, bytes, effects));
    }

    /// Leading: see [`Leader::snapshot_end`](crate::Leader::snapshot_end).
    pub fn snapshot_end(&mut self, link: u64, effects: &mut Effects<Ensemble>) {
        self.with_leader(effects, |leader, effects| leader.snapshot_end(link, effects));
    }

    /// Following or observing: see [`Learner::ask`](crate::Learner::ask).
    pub fn ask(&mut self, packet: Packet, effects: &mut Effects<Ensemble>) {
        self.with_learner(effects, |learner, effects| learner.ask(packet, effects));
    }

    /// Following or observing: see [`Learner::touch`](crate::Learner::touch).
    pub fn touch(&mut self, session: SessionId, timeout: i32) {
        if let Role::Learning(learner) = &mut self.role {
            learner.touch(session, timeout);
        }
    }

    /// Steps down, or leaves its leader: a leader whose counter is used up does.
    pub fn resign(&mut self, why: Ceased, effects: &mut Effects<Ensemble>) {
        match &self.role {
            Role::Looking(_) | Role::Leaving(_) => {}
            Role::Leading(_) => {
                effects.answer(Told::Ceased(why));
                self.leave(effects);
            }
            Role::Learning(_) => {
                self.with_learner(effects, |learner, effects| learner.cease(why, effects));
            }
        }
    }

    /// The process has started.
    fn on_started(&mut self, recovered: Recovered, effects: &mut Effects<Ensemble>) {
        let mut history = History::new(recovered);
        settle_epochs(&mut history);
        let log = history.log_end();
        self.election.set_forgetful(history.health() == Health::Forgetful);
        self.role = Role::Looking(history);
        self.with_election(effects, |election, effects| {
            election.step(Event::Started(log), effects);
        });
    }

    /// A learner has connected.
    fn on_accepted(&mut self, number: u64, effects: &mut Effects<Ensemble>) {
        let peer = zab::Peer::Learner(number);
        match self.role {
            Role::Leading(_) => {
                self.connections.add(peer);
                self.with_role(Event::Opened(peer), effects);
            }
            // Whoever comes here was told of an election that this server lost.
            Role::Learning(_) => effects.close(Peer::Quorum(peer)),
            Role::Looking(_) | Role::Leaving(_) => {
                let until = effects.now().monotonic + self.settings.init_time();
                self.connections.keep_waiting(number, until, effects);
            }
        }
    }

    /// A timer of the role's has run out. Without a role it is the one of those that wait.
    fn on_expired(&mut self, timer: zab::Timer, effects: &mut Effects<Ensemble>) {
        match self.role {
            Role::Leading(_) | Role::Learning(_) => self.with_role(Event::Expired(timer), effects),
            Role::Looking(_) | Role::Leaving(_) => self.connections.send_away_late(effects),
        }
    }

    /// Part of what was written is on disk.
    fn on_durable(&mut self, ticket: machines::Ticket, effects: &mut Effects<Ensemble>) {
        let childs = self.tickets.done(ticket);
        if matches!(self.role, Role::Leaving(_)) {
            if self.tickets.all_done() {
                self.look(effects);
            }
        } else if let Some(childs) = childs {
            self.with_role(Event::Durable(childs), effects);
        }
    }

    /// The disk is at rest: memory is what is on it, and this server may vote.
    fn look(&mut self, effects: &mut Effects<Ensemble>) {
        let mut history = self.take_history();
        settle_epochs(&mut history);
        let log = history.log_end();
        self.election.set_forgetful(history.health() == Health::Forgetful);
        self.role = Role::Looking(history);
        self.with_election(effects, |election, effects| election.look(log, effects));
    }

    /// An election is over.
    fn enter(&mut self, vote: Vote, effects: &mut Effects<Ensemble>) {
        let (history, settings) = (self.take_history(), self.settings.clone());
        let waiting = self.connections.take_waiting(effects);
        if vote.leader == self.settings.me {
            self.role = Role::Leading(Box::new(Leader::new(settings, history)));
            self.with_leader(effects, Leader::begin);
            for number in waiting {
                let learner = zab::Peer::Learner(number);
                self.connections.add(learner);
                self.with_role(Event::Opened(learner), effects);
                effects.resume(Peer::Quorum(learner));
            }
        } else {
            for number in waiting {
                effects.close(Peer::Quorum(zab::Peer::Learner(number)));
            }
            self.role = Role::Learning(Box::new(Learner::new(settings, vote.leader, history)));
            self.with_learner(effects, Learner::begin);
        }
    }

    /// The role is over. What it wrote must be on disk before this server votes again.
    fn leave(&mut self, effects: &mut Effects<Ensemble>) {
        self.role = Role::Leaving(self.take_history());
        self.serving = None;
        self.election.rest();
        self.connections.close_all(effects);
        effects.clear(Timer::Quorum(zab::Timer::Tick));
        effects.clear(Timer::Quorum(zab::Timer::Retry));
        self.tickets.want_rest();
        self.tickets.give(effects);
    }

    fn take_history(&mut self) -> History {
        let nothing = Role::Looking(History::new(Recovered::default()));
        match std::mem::replace(&mut self.role, nothing) {
            Role::Looking(history) | Role::Leaving(history) => history,
            Role::Leading(leader) => leader.into_history(),
            Role::Learning(learner) => learner.into_history(),
        }
    }
}

/// What a server has from an epoch tells that it has that epoch's beginning: whoever is cut off
/// between the two may start (ZOOKEEPER-1653).
fn settle_epochs(history: &mut History) {
    let current = history.current().max(history.last().epoch());
    history.begin_epoch(current);
    history.promise(history.accepted().max(current));
}

/// The machines inside.
impl Member {
    fn with_election(
        &mut self,
        effects: &mut Effects<Ensemble>,
        with: impl FnOnce(&mut ElectionServer, &mut Effects<ElectionPort>),
    ) {
        let mut wanted = Effects::at(effects.now());
        with(&mut self.election, &mut wanted);
        let mut elected = None;
        for effect in wanted.drain() {
            match effect {
                Effect::Open(link) => effects.open(Peer::Election(link)),
                Effect::Close(link) => effects.close(Peer::Election(link)),
                Effect::Pause(link) => effects.pause(Peer::Election(link)),
                Effect::Resume(link) => effects.resume(Peer::Election(link)),
                Effect::Flush(link) => effects.flush(Peer::Election(link)),
                Effect::Send { to, message } => {
                    effects.send(Peer::Election(to), Message::Election(message));
                }
                Effect::Set { timer, after } => effects.set(Timer::Election(timer), after),
                Effect::Clear(timer) => effects.clear(Timer::Election(timer)),
                Effect::Answer(election::Told::Elected(it)) => elected = Some(it.vote),
                // Who is no member is answered only over the connection that it opened.
                Effect::Answer(election::Told::Located { .. }) => {}
                Effect::Write(never) | Effect::Fetch(never) => match never {},
                Effect::Sync(_) => unreachable!("an election stores nothing"),
            }
        }
        if let Some(vote) = elected {
            self.enter(vote, effects);
        }
    }

    fn with_role(&mut self, event: Event<Zab>, effects: &mut Effects<Ensemble>) {
        let mut wanted = Effects::at(effects.now());
        match &mut self.role {
            Role::Leading(leader) => leader.step(event, &mut wanted),
            Role::Learning(learner) => learner.step(event, &mut wanted),
            // What comes late concerns nobody any more.
            Role::Looking(_) | Role::Leaving(_) => return,
        }
        self.carry_out(wanted, effects);
    }

    fn with_leader<T>(
        &mut self,
        effects: &mut Effects<Ensemble>,
        with: impl FnOnce(&mut Leader, &mut Effects<Zab>) -> T,
    ) -> T {
        let Role::Leading(leader) = &mut self.role else {
            panic!("server {} does not lead", self.settings.me)
        };
        let mut wanted = Effects::at(effects.now());
        let result = with(leader, &mut wanted);
        self.carry_out(wanted, effects);
        result
    }

    fn with_learner(
        &mut self,
        effects: &mut Effects<Ensemble>,
        with: impl FnOnce(&mut Learner, &mut Effects<Zab>),
    ) {
        let Role::Learning(learner) = &mut self.role else {
            panic!("server {} has no leader", self.settings.me)
        };
        let mut wanted = Effects::at(effects.now());
        with(learner, &mut wanted);
        self.carry_out(wanted, effects);
    }

    /// Makes the role's effects this machine's own.
    fn carry_out(&mut self, mut wanted: Effects<Zab>, effects: &mut Effects<Ensemble>) {
        if self.failed {
            return;
        }
        let mut ceased = false;
        for effect in wanted.drain() {
            match effect {
                Effect::Open(peer) => {
                    self.connections.add(peer);
                    effects.open(Peer::Quorum(peer));
                }
                Effect::Close(peer) => {
                    self.connections.remove(peer);
                    effects.close(Peer::Quorum(peer));
                }
                Effect::Pause(peer) => effects.pause(Peer::Quorum(peer)),
                Effect::Resume(peer) => effects.resume(Peer::Quorum(peer)),
                Effect::Flush(peer) => effects.flush(Peer::Quorum(peer)),
                Effect::Send { to, message } => {
                    effects.send(Peer::Quorum(to), Message::Quorum(message));
                }
                Effect::Set { timer, after } => effects.set(Timer::Quorum(timer), after),
                Effect::Clear(timer) => effects.clear(Timer::Quorum(timer)),
                Effect::Write(write) => effects.write(write),
                Effect::Sync(ticket) => self.tickets.want(ticket),
                Effect::Fetch(fetch) => effects.fetch(fetch),
                Effect::Answer(told) => {
                    ceased |= matches!(told, Told::Ceased(_));
                    self.note(&told);
                    effects.answer(told);
                }
            }
        }
        if ceased {
            self.leave(effects);
        }
    }

    fn note(&mut self, told: &Told) {
        if let Told::Serving { leader, epoch, .. } = told {
            self.serving = Some((*leader, *epoch));
            self.election.update_epoch(*epoch);
        }
    }
}

impl Machine for Member {
    type Protocol = Ensemble;

    fn step(&mut self, event: Event<Ensemble>, effects: &mut Effects<Ensemble>) {
        if self.failed {
            return;
        }
        use zab::Peer::Learner as Accepted;
        let election = |it: &mut Self, event, effects: &mut _| {
            it.with_election(effects, |election, effects| election.step(event, effects));
        };
        match event {
            Event::Started(recovered) => self.on_started(recovered, effects),
            Event::Opened(Peer::Election(link)) => election(self, Event::Opened(link), effects),
            Event::Closed(Peer::Election(link)) => election(self, Event::Closed(link), effects),
            Event::Received { from: Peer::Election(from), message: Message::Election(message) } => {
                election(self, Event::Received { from, message }, effects);
            }
            Event::Expired(Timer::Election(timer)) => {
                election(self, Event::Expired(timer), effects);
            }
            Event::Opened(Peer::Quorum(Accepted(number))) => self.on_accepted(number, effects),
            Event::Opened(Peer::Quorum(peer)) => self.with_role(Event::Opened(peer), effects),
            Event::Closed(Peer::Quorum(peer)) => {
                self.connections.remove(peer);
                self.with_role(Event::Closed(peer), effects);
            }
            Event::Received { from: Peer::Quorum(from), message: Message::Quorum(message) } => {
                self.with_role(Event::Received { from, message }, effects);
            }
            Event::Received { .. } => unreachable!("a port decodes its own messages only"),
            Event::Flushed(Peer::Quorum(peer)) => self.with_role(Event::Flushed(peer), effects),
            // The election port never asks.
            Event::Flushed(Peer::Election(_)) => {}
            Event::Expired(Timer::Quorum(timer)) => self.on_expired(timer, effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Fetched(fetched) => self.with_role(Event::Fetched(fetched), effects),
            Event::Failed(..) => self.failed = true,
            Event::Drained => {
                election(self, Event::Drained, effects);
                self.with_role(Event::Drained, effects);
                self.tickets.give(effects);
            }
        }
    }
}
