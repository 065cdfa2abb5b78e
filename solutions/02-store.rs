//! A server of the replicated store: one copy of the register, and what the copies owe each other.
//!
//! A strict operation takes two rounds, and a quorum in each. The first asks what there is: any two
//! quorums have a server in common, so that nothing that was finished before can be missed. The
//! second brings the outcome to a quorum, so that nobody after can miss it; a read does that too,
//! or the next reader might see less. No leader is needed, and any minority may be gone.
//!
//! An eventual operation takes no round: the server answers from its own copy, and copies meet
//! when they can. A server makes a strict read of its own at every beat. That is how old copies
//! catch up, how a server knows whether it is still in touch, and what sequential reads are
//! answered from.
//!
//! Always true:
//! - the copy on a disk never gets older, and other servers are told only what is on it;
//! - a version is on its own server's disk before anybody else hears of it, so that no crash lets
//!   a server give it a second time;
//! - what was answered to a strict operation is on the disks of a quorum;
//! - a sequential read is not older than `Limits::bound`, counted by the clock of its server.
//!
//! Book: chapter 2. Papers: Attiya, Bar-Noy, Dolev 1995; Lynch and Shvartsman 1997 (many writers).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use consistency::{
    Content, Limits, Message, Promise, Request, Round, Store, Timer, Version, Wish, can_write,
};
use machines::{Effects, Event, Machine, NodeId, Ticket};

/// A server of the store.
#[derive(Clone, Debug)]
pub struct Replica {
    me: u64,
    others: Vec<NodeId>,
    limits: Limits,
    /// What is on the disk.
    stored: Content,
    /// What was given to the disk last.
    newest: Content,
    /// The newest of which a quorum is known to have it.
    settled: Content,
    /// What will be on the disk when the sync of a ticket is done.
    syncs: BTreeMap<Ticket, Content>,
    /// What is to be done when a version is on the disk.
    waiting: Vec<(Version, Duty)>,
    /// The rounds under way.
    rounds: BTreeMap<Round, Progress>,
    /// The other servers to which there is a connection.
    open: BTreeSet<NodeId>,
    /// The most that each connected client has asked to be promised.
    clients: BTreeMap<NodeId, Promise>,
    /// When the last beat began that came to its end.
    fresh: Option<Duration>,
    /// The number of the last beat.
    beat: u64,
    /// The number of the last ticket.
    ticket: u64,
    /// The disk has failed: nothing is known of it any more, and nothing may be said.
    failed: bool,
}

/// What waits for the disk.
#[derive(Clone, Copy, Debug)]
enum Duty {
    /// Another server wants to know that it is kept.
    Confirm(NodeId, Round),
    /// It can be brought to the others now.
    Spread(Round, Content),
    /// An eventual write is done.
    Answer(NodeId, u64, Content),
}

/// How far a round is.
#[derive(Clone, Debug)]
struct Progress {
    /// When it began.
    began: Duration,
    /// What is asked of every server now.
    question: Message,
    /// Who has answered that, this server included.
    heard: BTreeSet<NodeId>,
    /// What a client wants; nothing if it is a beat.
    wish: Wish,
    /// The newest version that the client has seen.
    seen: Version,
}

impl Replica {
    /// Server `me` of these servers.
    pub fn new(me: u64, servers: &[u64], limits: Limits) -> Replica {
        let others = servers.iter().filter(|server| **server != me);
        Replica {
            me,
            others: others.map(|server| NodeId::Server(*server)).collect(),
            limits,
            stored: Content::default(),
            newest: Content::default(),
            settled: Content::default(),
            syncs: BTreeMap::new(),
            waiting: Vec::new(),
            rounds: BTreeMap::new(),
            open: BTreeSet::new(),
            clients: BTreeMap::new(),
            fresh: None,
            beat: 0,
            ticket: 0,
            failed: false,
        }
    }

    /// What its copy holds, on the disk.
    pub fn stored(&self) -> Content {
        self.stored
    }

    /// Whether a quorum has answered it not too long ago.
    pub fn in_touch(&self, now: Duration) -> bool {
        self.fresh.is_some_and(|fresh| now <= fresh + self.limits.bound)
    }

    fn on_started(&mut self, recovered: Content, effects: &mut Effects<Store>) {
        self.stored = recovered;
        self.newest = recovered;
        self.on_beat(effects);
    }

    /// Asks all others what they have, and lets go of clients to whom it can promise nothing.
    fn on_beat(&mut self, effects: &mut Effects<Store>) {
        let now = effects.now().monotonic;
        if !self.in_touch(now) {
            self.drop_clients(effects);
        }
        // Of two servers the one with the larger number asks for the connection.
        for other in &self.others {
            if *other < NodeId::Server(self.me) && !self.open.contains(other) {
                effects.open(*other);
            }
        }
        // A beat that took too long says nothing any more.
        let bound = self.limits.bound;
        self.rounds.retain(|round, it| !is_beat(*round) || now <= it.began + bound);
        self.beat += 1;
        self.begin(Round::Beat(self.beat), Wish::Read, Version::default(), effects);
        effects.set(Timer::Beat, self.limits.beat);
    }

    /// Closes the connections of all clients that want more than this server can promise. What
    /// becomes of their requests is not said: some may have happened.
    fn drop_clients(&mut self, effects: &mut Effects<Store>) {
        let strict = self.clients.iter().filter(|(_, promise)| **promise < Promise::Eventual);
        let strict: Vec<NodeId> = strict.map(|(client, _)| *client).collect();
        for client in strict {
            effects.close(client);
            self.forget(client);
        }
    }

    fn forget(&mut self, client: NodeId) {
        self.clients.remove(&client);
        self.rounds.retain(|round, _| !matches!(round, Round::Request(of, _) if *of == client));
        self.waiting.retain(|(_, duty)| !matches!(duty, Duty::Answer(of, ..) if *of == client));
    }

    fn on_request(&mut self, client: NodeId, request: Request, effects: &mut Effects<Store>) {
        let Request { number, wish, promise, seen } = request;
        let most = self.clients.entry(client).or_insert(promise);
        *most = promise.min(*most);
        let in_touch = self.in_touch(effects.now().monotonic);
        match (promise, wish) {
            (Promise::Eventual, Wish::Read) => {
                effects.send(client, Message::Answered { number, content: self.stored });
            }
            (Promise::Eventual, Wish::Write(value)) => {
                let content = Content { version: self.next_version(seen), value };
                self.keep(content, Duty::Answer(client, number, content), effects);
            }
            // As ZooKeeper: a server that is cut off, or behind the session, sends it elsewhere.
            (Promise::Linearizable | Promise::Sequential, _) if !in_touch => {
                effects.close(client);
                self.forget(client);
            }
            (Promise::Sequential, Wish::Read) if self.settled.version < seen => {
                effects.close(client);
                self.forget(client);
            }
            (Promise::Sequential, Wish::Read) => {
                effects.send(client, Message::Answered { number, content: self.settled });
            }
            (Promise::Sequential, Wish::Write(_)) | (Promise::Linearizable, _) => {
                self.begin(Round::Request(client, number), wish, seen, effects);
            }
        }
    }

    /// A version above all that this server or the session knows. The copy that takes it is given
    /// to the disk at once, so the next one will be above it.
    fn next_version(&self, seen: Version) -> Version {
        Version { counter: self.newest.version.counter.max(seen.counter) + 1, server: self.me }
    }

    /// The first round of a strict operation: what is there?
    fn begin(&mut self, round: Round, wish: Wish, seen: Version, effects: &mut Effects<Store>) {
        let began = effects.now().monotonic;
        let question = Message::Tell(round);
        let progress = Progress { began, question, heard: BTreeSet::new(), wish, seen };
        self.rounds.insert(round, progress);
        self.ask_others(question, effects);
        self.on_heard(NodeId::Server(self.me), round, effects);
    }

    fn ask_others(&self, question: Message, effects: &mut Effects<Store>) {
        for other in &self.open {
            effects.send(*other, question);
        }
    }

    /// One more server has answered the round's question.
    fn on_heard(&mut self, from: NodeId, round: Round, effects: &mut Effects<Store>) {
        let voters = self.others.len() + 1;
        let Some(progress) = self.rounds.get_mut(&round) else { return };
        let had = can_write(voters, progress.heard.len(), 0);
        progress.heard.insert(from);
        if had || !can_write(voters, progress.heard.len(), 0) {
            return;
        }
        let (wish, seen) = (progress.wish, progress.seen);
        match progress.question {
            Message::Keep(_, content) => self.finish(round, content, effects),
            _ => {
                // All that was told is in `newest` by now.
                let content = match wish {
                    Wish::Read => self.newest,
                    Wish::Write(value) => Content { version: self.next_version(seen), value },
                };
                self.keep(content, Duty::Spread(round, content), effects);
            }
        }
    }

    /// The second round: what was found, or is written, must be with a quorum.
    fn spread(&mut self, round: Round, content: Content, effects: &mut Effects<Store>) {
        let Some(progress) = self.rounds.get_mut(&round) else { return };
        progress.question = Message::Keep(round, content);
        progress.heard.clear();
        self.ask_others(Message::Keep(round, content), effects);
        self.on_heard(NodeId::Server(self.me), round, effects);
    }

    /// A quorum has it.
    fn finish(&mut self, round: Round, content: Content, effects: &mut Effects<Store>) {
        let progress = self.rounds.remove(&round).expect("a round ends once");
        if content.version > self.settled.version {
            self.settled = content;
        }
        match round {
            Round::Beat(_) => self.fresh = self.fresh.max(Some(progress.began)),
            Round::Request(client, number) => {
                effects.send(client, Message::Answered { number, content });
            }
        }
    }

    /// Puts a content into this server's copy, unless it has a newer one, and does its duty when
    /// that is on the disk.
    fn keep(&mut self, content: Content, duty: Duty, effects: &mut Effects<Store>) {
        self.adopt(content, effects);
        if content.version <= self.stored.version {
            self.perform(duty, effects);
        } else {
            self.waiting.push((content.version, duty));
        }
    }

    fn adopt(&mut self, content: Content, effects: &mut Effects<Store>) {
        if content.version > self.newest.version {
            self.newest = content;
            self.ticket += 1;
            self.syncs.insert(Ticket(self.ticket), content);
            effects.write(content);
            effects.sync(Ticket(self.ticket));
        }
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Store>) {
        let Some(content) = self.syncs.remove(&ticket) else { return };
        self.stored = content;
        let waiting = std::mem::take(&mut self.waiting);
        for (version, duty) in waiting {
            if version <= content.version {
                self.perform(duty, effects);
            } else {
                self.waiting.push((version, duty));
            }
        }
    }

    fn perform(&mut self, duty: Duty, effects: &mut Effects<Store>) {
        match duty {
            Duty::Confirm(server, round) => effects.send(server, Message::Kept(round)),
            Duty::Spread(round, content) => self.spread(round, content, effects),
            Duty::Answer(client, number, content) => {
                effects.send(client, Message::Answered { number, content });
            }
        }
    }

    fn on_opened(&mut self, peer: NodeId, effects: &mut Effects<Store>) {
        if !self.others.contains(&peer) {
            return;
        }
        self.open.insert(peer);
        // What was asked before may be lost, and to ask again does no harm.
        for progress in self.rounds.values().filter(|it| !it.heard.contains(&peer)) {
            effects.send(peer, progress.question);
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Store>) {
        match message {
            Message::Ask(request) => self.on_request(from, request, effects),
            Message::Tell(round) => effects.send(from, Message::Told(round, self.stored)),
            Message::Told(round, content) => {
                self.adopt(content, effects);
                // A late answer to the first question is none to the second.
                if self.asks(round, Message::Tell(round)) {
                    self.on_heard(from, round, effects);
                }
            }
            Message::Keep(round, content) => {
                self.keep(content, Duty::Confirm(from, round), effects);
            }
            Message::Kept(round) => self.on_heard(from, round, effects),
            // Nobody answers a server.
            Message::Answered { .. } => {}
        }
    }

    /// Whether this is what a round asks now.
    fn asks(&self, round: Round, question: Message) -> bool {
        self.rounds.get(&round).is_some_and(|progress| progress.question == question)
    }
}

fn is_beat(round: Round) -> bool {
    matches!(round, Round::Beat(_))
}

impl Machine for Replica {
    type Protocol = Store;

    fn step(&mut self, event: Event<Store>, effects: &mut Effects<Store>) {
        // Only a restart, which reads what is really there, can tell what the disk has kept.
        if self.failed {
            return;
        }
        match event {
            Event::Started(recovered) => self.on_started(recovered, effects),
            Event::Opened(peer) => self.on_opened(peer, effects),
            Event::Closed(peer) => {
                self.open.remove(&peer);
                self.forget(peer);
            }
            Event::Received { from, message } => self.on_message(from, message, effects),
            Event::Expired(Timer::Beat) => self.on_beat(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Failed(..) => self.failed = true,
            // A server has no patience to lose, and looks for no server.
            Event::Expired(Timer::Patience | Timer::Retry) => {}
            Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
