//! The laboratory: servers and clients of the store in the simulated world, and an observer.
//!
//! The observer writes down what each client asked, what it was told, and when, by the world's
//! clock, which nobody else can see. That is the history which the chapter's checkers judge.
//!
//! Always true:
//! - the observer sees clients only: what servers hold is not in a history;
//! - a tick of a history is one microsecond of the world; but no two things happen at one tick, so
//!   that what was asked after an answer is later than it.
//!
//! Book: chapter 2.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::{
    Booted, Effects, Event, Kind, Machine, NodeId, Occurrence, Settings, SimFiles, Trace, World,
};

use crate::Replica;
use crate::client::Client;
use crate::history::{Action, OpId, Operation, Reply};
use crate::shelf::Shelf;
use crate::store::{Content, Limits, Outcome, Promise, Store, Wish};

/// Any machine of the store's world.
#[derive(Clone, Debug)]
pub enum Party {
    /// One of the servers.
    Server(Box<Replica>),
    /// One of the clients.
    Client(Client),
}

impl Machine for Party {
    type Protocol = Store;

    fn step(&mut self, event: Event<Store>, effects: &mut Effects<Store>) {
        match self {
            Party::Server(replica) => replica.step(event, effects),
            Party::Client(client) => client.step(event, effects),
        }
    }
}

/// A simulated world of the store, and the history of its clients.
pub struct Lab {
    /// The world: its trace, its wires, and what can be done to its nodes.
    pub world: World<Party>,
    servers: Vec<u64>,
    limits: Limits,
    history: Vec<Operation>,
    replies: Vec<Reply>,
    /// The place in the history of what each client waits for.
    under_way: BTreeMap<NodeId, usize>,
    /// The last answer to each client.
    told: BTreeMap<NodeId, Outcome>,
    /// The tick of what was written down last.
    tick: u64,
}

impl Lab {
    /// Servers 1 to `servers`, all started.
    pub fn new(servers: u64, seed: u64, settings: Settings, limits: Limits) -> Lab {
        let mut world: World<Party> = World::new(seed, settings);
        let servers: Vec<u64> = (1..=servers).collect();
        for me in servers.clone() {
            let all = servers.clone();
            let machine = move || Party::Server(Box::new(Replica::new(me, &all, limits)));
            world.add(NodeId::Server(me), move |boot| open(boot.files, machine()));
        }
        let (history, replies) = (Vec::new(), Vec::new());
        let (under_way, told) = (BTreeMap::new(), BTreeMap::new());
        Lab { world, servers, limits, history, replies, under_way, told, tick: 0 }
    }

    /// The same in a friendly data centre, with its trace recorded.
    pub fn recorded(servers: u64, seed: u64) -> Lab {
        let mut lab = Lab::new(servers, seed, Settings::default(), Limits::default());
        lab.world.trace_mut().record();
        lab
    }

    /// Adds a client that uses these servers, the first one first.
    pub fn add_client(&mut self, number: u64, servers: &[u64]) {
        let (servers, limits) = (servers.to_vec(), self.limits);
        let machine = move || Party::Client(Client::new(&servers, limits));
        self.world.add(NodeId::Client(number), move |boot| open(boot.files, machine()));
    }

    /// Lets a client ask. It must be idle.
    pub fn ask(&mut self, client: u64, wish: Wish, promise: Promise) {
        let (node, place) = (NodeId::Client(client), self.history.len());
        let id = OpId(place as u32 + 1);
        let action = match wish {
            Wish::Read => Action::Read(0),
            Wish::Write(value) => Action::Write(value),
        };
        let (client, invoked, answered) = (client as u32, self.next_tick(), None);
        self.history.push(Operation { id, client, action, invoked, answered });
        self.under_way.insert(node, place);
        self.drive(node, |client, effects| client.ask(wish, promise, effects));
    }

    /// Lets a client leave its server for the next one that it knows.
    pub fn move_on(&mut self, client: u64) {
        self.drive(NodeId::Client(client), Client::move_on);
    }

    fn drive(&mut self, node: NodeId, act: impl FnOnce(&mut Client, &mut Effects<Store>)) {
        let occurrence = self.world.drive(node, |party, effects| match party {
            Party::Client(client) => act(client, effects),
            Party::Server(_) => unreachable!("{node} is a client"),
        });
        self.write_down(&occurrence.expect("clients run for ever"));
    }

    /// Asks, and lets time pass until there is an answer, or nobody waits for it any more.
    pub fn done(&mut self, client: u64, wish: Wish, promise: Promise) -> Option<Content> {
        self.ask(client, wish, promise);
        self.wait(client)
    }

    /// Lets time pass until a client is idle; says what it was told, if anything.
    pub fn wait(&mut self, client: u64) -> Option<Content> {
        let node = NodeId::Client(client);
        while self.under_way.contains_key(&node) {
            self.step_until(Duration::MAX);
        }
        self.told.get(&node)?.content
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.step_until(limit) {}
    }

    /// Does the next thing, if there is one no later than `limit`. A server whose disk has failed
    /// is started again, as an operator would.
    pub fn step_until(&mut self, limit: Duration) -> bool {
        let Some(occurrence) = self.world.step_until(limit) else { return false };
        self.write_down(&occurrence);
        if occurrence.line.kind == Kind::Failed {
            self.world.crash(occurrence.line.node);
            self.world.restart(occurrence.line.node);
        }
        true
    }

    fn write_down(&mut self, occurrence: &Occurrence<Store>) {
        let node = occurrence.line.node;
        for outcome in &occurrence.answers {
            self.told.insert(node, *outcome);
            let Some(place) = self.under_way.remove(&node) else { continue };
            let Some(content) = outcome.content else { continue };
            let now = self.next_tick();
            let operation = &mut self.history[place];
            operation.answered = Some(now);
            if let Action::Read(value) = &mut operation.action {
                *value = content.value;
            }
            self.replies.push(Reply {
                id: operation.id,
                session: i64::from(operation.client),
                sent: outcome.request.number,
                invoked: operation.invoked,
                answered: now,
                position: content.version.position(),
                write: outcome.request.wish != Wish::Read,
            });
        }
    }

    /// What clients asked and were told so far, in the order of asking.
    pub fn history(&self) -> &[Operation] {
        &self.history
    }

    /// The answers so far, in the order in which they came, with the versions that they show.
    pub fn replies(&self) -> &[Reply] {
        &self.replies
    }

    /// What happened, if it was recorded.
    pub fn trace(&self) -> Trace {
        self.world.trace().clone()
    }

    /// Whether a client waits for an answer.
    pub fn waits(&self, client: u64) -> bool {
        self.under_way.contains_key(&NodeId::Client(client))
    }

    /// Whether a client has a connection.
    pub fn is_connected(&self, client: u64) -> bool {
        match self.world.machine(NodeId::Client(client)) {
            Some(Party::Client(client)) => client.is_connected(),
            _ => false,
        }
    }

    /// What a server has on its disk, if it runs.
    pub fn stored(&self, server: u64) -> Option<Content> {
        match self.world.machine(NodeId::Server(server))? {
            Party::Server(replica) => Some(replica.stored()),
            Party::Client(_) => None,
        }
    }

    /// Whether all servers run, and have the same.
    pub fn has_converged(&self) -> bool {
        let mut stored = self.servers.iter().map(|server| self.stored(*server));
        let first = stored.next().flatten();
        first.is_some() && stored.all(|other| other == first)
    }

    /// Lets nothing through between these servers, with these clients, and all others.
    pub fn part(&mut self, servers: &[u64], clients: &[u64]) {
        let inside = |node: &NodeId| match node {
            NodeId::Server(number) => servers.contains(number),
            NodeId::Client(number) => clients.contains(number),
        };
        let (some, others): (Vec<NodeId>, Vec<NodeId>) =
            self.world.nodes().iter().partition(|node| inside(node));
        self.world.part(&some, &others);
    }

    /// The world's time in ticks of a history.
    pub fn ticks(&self) -> u64 {
        self.world.now().as_micros() as u64
    }

    fn next_tick(&mut self) -> u64 {
        self.tick = self.ticks().max(self.tick + 1);
        self.tick
    }
}

/// Starts a process over its disk. A client has one too, and never uses it.
fn open(files: SimFiles, machine: Party) -> Result<Booted<Party>, machines::Fault> {
    let (shelf, recovered) = Shelf::open(files)?;
    Ok(Booted { machine, disk: Box::new(shelf), recovered })
}
