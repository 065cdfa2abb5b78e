//! A world of complete servers and of clients, for experiments with what clients see: everything is
//! the production code, and the witness watches.
//!
//! Each client can reach one server only, until all is mended, so that an experiment says where it
//! reads. They share one node, a register; what they ask of it and are told makes a history.
//!
//! One rule can be left out, of a server that takes its own word for that of its followers: whoever
//! it pings seems to have answered at once.
//!
//! Always true: a server that was not told otherwise hears what was said.
//!
//! Book: chapter 18.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consistency::{Action, OpId};
use election::Members;
use jute::records::Acl;
use machines::{Booted, Effect, Effects, Event, Kind, Line, Machine, NodeId, Trace, World};
use protocol::{Ask, ClientOutput, CreateMode, Operation, Reply, SessionState};
use zab::Packet;
use zxid::{ServerId, Zxid};

use super::crowd::{self, TICK, node};
use crate::anyone::{Anyone, ClientHost};
use crate::history::History;
use crate::model::Model;
use crate::runner::NoDisk;
use crate::settings::Measure;
use crate::starter::Starter;
use crate::vocabulary::{Found, Message, Peer, Sim, Told};
use crate::witness::Witness;
use crate::workload::Program;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The node that all use.
const REGISTER: &str = "/x";

/// Somebody, who may take his own word for that of others.
pub(super) struct Citizen {
    anyone: Anyone,
    takes_its_own_word: bool,
    /// The learners that it pinged, and that did not answer yet.
    unanswered: Vec<(Peer, Zxid)>,
}

/// Complete servers and clients in the simulated world.
pub(super) struct Town {
    pub(super) world: World<Citizen>,
    servers: u64,
    connected: BTreeSet<u64>,
    /// What each client asked, by the number of the ask, and how it ended.
    asked: BTreeMap<(u64, u64), Asked>,
    last: u64,
    history: Vec<consistency::Operation>,
    witness: Rc<RefCell<Witness>>,
    broken: Option<String>,
}

struct Asked {
    words: String,
    /// The operation on the register that it ends, if it ends one.
    operation: Option<OpId>,
    /// What was read, nothing of a write; or why there is no answer.
    end: Option<Result<Option<u64>, String>>,
}

/// An ask of a client: who, and its number.
pub(super) type Number = (u64, u64);

impl Town {
    /// Servers 1 to `servers`, all started.
    pub(super) fn new(servers: u64, seed: u64) -> Town {
        let members = Members::majority((1..=servers as i64).map(ServerId));
        let mut world = World::new(seed, machines::Settings::default());
        world.trace_mut().record();
        let first = crowd::settings(ServerId(1), &members);
        let empty = Model::of_member(&first.config);
        let witness = Rc::new(RefCell::new(Witness::new(members.clone(), empty)));
        for number in 1..=servers {
            let id = ServerId(number as i64);
            let settings = server::Settings {
                id,
                seed: seed + number,
                tick_ms: TICK.as_millis() as u32,
                ensemble: Some(Arc::new(crowd::settings(id, &members))),
                ..server::Settings::default()
            };
            let storage = storage::Settings { preallocate: 0, ..storage::Settings::default() };
            let dark = Rc::default();
            let starter = Starter::new(number, settings, storage, witness.clone(), dark);
            world.add(NodeId::Server(number), move |boot| {
                let Booted { machine: anyone, disk, recovered } = starter.start(boot)?;
                let machine = Citizen::new(anyone);
                Ok(Booted { machine, disk, recovered })
            });
        }
        Town {
            world,
            servers,
            connected: BTreeSet::new(),
            asked: BTreeMap::new(),
            last: 0,
            history: Vec::new(),
            witness,
            broken: None,
        }
    }

    /// A client comes, which can reach this server and no other, and has a session.
    pub(super) fn client(&mut self, number: u64, server: u64) {
        let client = NodeId::Client(number);
        self.world.add(client, move |boot| {
            // It has no wishes of its own.
            let mut history = History::new(true);
            history.quiet = true;
            let measure = Measure { duration: Duration::from_secs(15) };
            let program = Program::new(number, &boot, measure, Rc::new(RefCell::new(history)));
            let host = ClientHost::new(program, server as usize);
            let machine = Citizen::new(Anyone::Client(Box::new(host)));
            Ok(Booted { machine, disk: Box::new(NoDisk), recovered: Found::Nothing })
        });
        // It knows servers 1 to this one. Whoever knows one only loses no time with others.
        for other in 1..server {
            self.world.part(&[client], &[NodeId::Server(other)]);
        }
        assert!(self.until(|town| town.connected.contains(&number)), "client {number} is served");
    }

    /// Whether a server believes from now on that whoever it pings has answered.
    pub(super) fn take_its_own_word(&mut self, server: u64, takes: bool) {
        let citizen = self.world.machine_mut(NodeId::Server(server)).expect("the server runs");
        citizen.takes_its_own_word = takes;
    }

    /// A client creates the register, with a value.
    pub(super) fn create(&mut self, client: u64, value: u64) -> Number {
        let operation = Operation::Create {
            path: REGISTER.to_string(),
            data: data(value),
            acl: Acl::open(),
            mode: CreateMode::Persistent,
            ttl: -1,
            stat: false,
        };
        self.begin(client, Action::Write(value));
        self.ask(client, operation, format!("create {REGISTER} {value}"), true)
    }

    /// A client writes.
    pub(super) fn write(&mut self, client: u64, value: u64) -> Number {
        let path = REGISTER.to_string();
        let operation = Operation::SetData { path, data: data(value), version: -1 };
        self.begin(client, Action::Write(value));
        self.ask(client, operation, format!("set {REGISTER} {value}"), true)
    }

    /// A client reads what its server has.
    pub(super) fn read(&mut self, client: u64) -> Number {
        self.begin(client, Action::Read(0));
        self.get(client)
    }

    /// A client asks for a sync and reads then: one operation. Gives the numbers of both.
    pub(super) fn synced_read(&mut self, client: u64) -> (Number, Number) {
        self.begin(client, Action::Read(0));
        let sync = Operation::Sync { path: REGISTER.to_string() };
        let sync = self.ask(client, sync, format!("sync {REGISTER}"), false);
        (sync, self.get(client))
    }

    fn get(&mut self, client: u64) -> Number {
        let operation = Operation::GetData { path: REGISTER.to_string() };
        self.ask(client, operation, format!("get {REGISTER}"), true)
    }

    fn begin(&mut self, client: u64, action: Action) {
        let id = OpId(self.history.len() as u32);
        let (client, invoked) = (client as u32, self.world.now().as_nanos() as u64);
        let operation = consistency::Operation { id, client, action, invoked, answered: None };
        self.history.push(operation);
    }

    /// Asks; if it `ends` the operation that was begun last, its answer is that one's.
    fn ask(&mut self, client: u64, operation: Operation, words: String, ends: bool) -> Number {
        self.last += 1;
        let number = self.last;
        let operation_id = self.history.last().filter(|_| ends).map(|operation| operation.id);
        let asked = Asked { words, operation: operation_id, end: None };
        self.asked.insert((client, number), asked);
        let asks = vec![Ask::Request { number, operation, watch: None }];
        let occurrence = self.world.drive(NodeId::Client(client), |citizen, effects| {
            let Anyone::Client(host) = &mut citizen.anyone else { panic!("a client asks") };
            host.ask(asks, effects);
        });
        let occurrence = occurrence.expect("the client runs");
        self.heed(&occurrence.line, occurrence.answers);
        (client, number)
    }

    /// How an ask ended, if it has: with what was read, or why not.
    pub(super) fn end(&self, number: Number) -> Option<&Result<Option<u64>, String>> {
        self.asked[&number].end.as_ref()
    }

    /// Waits for an answer and for a moment more, so that what is asked then is asked later; and
    /// gives what was read.
    pub(super) fn answer(&mut self, number: Number) -> Option<u64> {
        assert!(self.until(|town| town.end(number).is_some()), "every ask has an end");
        let later = self.world.now() + Duration::from_millis(1);
        while let Some(occurrence) = self.world.step_until(later) {
            self.heed(&occurrence.line, occurrence.answers);
        }
        self.end(number)?.clone().ok()?
    }

    /// Goes on until something is so; says whether it came to be.
    pub(super) fn until(&mut self, is_so: impl Fn(&Town) -> bool) -> bool {
        let limit = self.world.now() + PATIENCE;
        while !is_so(self) {
            let Some(occurrence) = self.world.step_until(limit) else { return false };
            self.heed(&occurrence.line, occurrence.answers);
        }
        true
    }

    fn heed(&mut self, line: &Line, answers: Vec<Told>) {
        for told in answers {
            match (told, line.node) {
                (Told::Broken(broken), _) => {
                    self.broken.get_or_insert(broken.to_string());
                }
                (Told::Client(ClientOutput::State { state, .. }), NodeId::Client(client)) => {
                    match state {
                        SessionState::SyncConnected => self.connected.insert(client),
                        _ => self.connected.remove(&client),
                    };
                }
                (
                    Told::Client(ClientOutput::Completed { number, result, .. }),
                    NodeId::Client(client),
                ) => {
                    let end = result.map(|reply| value(&reply)).map_err(|why| why.to_string());
                    self.ended((client, number), end, line.time);
                }
                _ => {}
            }
        }
    }

    fn ended(&mut self, number: Number, end: Result<Option<u64>, String>, now: Duration) {
        let asked = self.asked.get_mut(&number).expect("it was asked");
        if let (Ok(read), Some(id)) = (&end, asked.operation) {
            let operation = &mut self.history[id.0 as usize];
            operation.answered = Some(now.as_nanos() as u64);
            if let Some(read) = read {
                operation.action = Action::Read(*read);
            }
        }
        asked.end = Some(end);
    }

    /// Whether a client has a session at its server.
    pub(super) fn is_connected(&self, client: u64) -> bool {
        self.connected.contains(&client)
    }

    /// Who leads, and serves.
    pub(super) fn leaders(&self) -> Vec<u64> {
        let leads = |server: &u64| {
            let citizen = self.world.machine(node(*server as i64));
            matches!(citizen, Some(Citizen { anyone: Anyone::Server(host), .. }) if host.leads())
        };
        (1..=self.servers).filter(leads).collect()
    }

    /// What the clients asked of the register, and were told.
    pub(super) fn history(&self) -> &[consistency::Operation] {
        &self.history
    }

    /// What is broken, if something is.
    pub(super) fn broken(&self) -> Option<String> {
        let unlawful = self.witness.borrow().lawful().err();
        self.broken.clone().or(unlawful.map(|broken| broken.to_string()))
    }

    /// What happened: of clients, what they asked and were told, in place of the bytes.
    pub(super) fn trace(&self) -> Trace {
        let is_client = |node: NodeId| matches!(node, NodeId::Client(_));
        let mut driven = self.asked.keys().collect::<Vec<_>>();
        driven.sort_by_key(|(_, number)| *number);
        let mut driven = driven.into_iter();
        let lines = self.world.trace().lines().iter().filter_map(|line| {
            let mut line = line.clone();
            match (line.node, line.kind) {
                (NodeId::Client(_), Kind::Driven) => {
                    line.text = format!("asks: {}", self.asked[driven.next()?].words);
                }
                (NodeId::Client(client), Kind::Answered) => line.text = self.told(client, &line),
                (node, _) if is_client(node) || line.peer.is_some_and(is_client) => return None,
                _ => {}
            }
            Some(line)
        });
        lines.collect()
    }

    /// What a client was told, in words.
    fn told(&self, client: u64, line: &Line) -> String {
        let number = line.text.strip_prefix("Completed ").and_then(|rest| rest.split(' ').next());
        let number = number.and_then(|number| number.parse().ok());
        match number.and_then(|number| self.asked.get(&(client, number))) {
            None => line.text.clone(),
            Some(Asked { words, end: Some(Ok(Some(read))), .. }) => format!("{words}: {read}"),
            Some(Asked { words, end: Some(Ok(None)), .. }) => format!("{words}: done"),
            Some(Asked { words, end: Some(Err(why)), .. }) => format!("{words}: {why}"),
            Some(Asked { words, end: None, .. }) => words.clone(),
        }
    }
}

fn data(value: u64) -> Option<Bytes> {
    Some(Bytes::from(value.to_string()))
}

/// What a reply says that was read.
fn value(reply: &Reply) -> Option<u64> {
    let Reply::Data { data, .. } = reply else { return None };
    std::str::from_utf8(data.as_ref()?).ok()?.parse().ok()
}

impl Citizen {
    fn new(anyone: Anyone) -> Citizen {
        Citizen { anyone, takes_its_own_word: false, unanswered: Vec::new() }
    }

    /// Notes whom a ping was answered by, or will not be.
    fn heed(&mut self, event: &Event<Sim>) {
        match event {
            Event::Received { from, message: Message::Quorum(Packet::Ping { .. }) } => {
                let first = self.unanswered.iter().position(|(peer, _)| peer == from);
                first.map(|first| self.unanswered.remove(first));
            }
            Event::Closed(peer) => self.unanswered.retain(|(other, _)| other != peer),
            _ => {}
        }
    }
}

impl Machine for Citizen {
    type Protocol = Sim;

    fn step(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) {
        self.heed(&event);
        let from = out.list().len();
        self.anyone.step(event, out);
        let pinged = |effect: &Effect<Sim>| match effect {
            Effect::Send {
                to: to @ Peer::Quorum(zab::Peer::Learner(_)),
                message: Message::Quorum(Packet::Ping { zxid, .. }),
            } => Some((*to, *zxid)),
            _ => None,
        };
        let before = self.unanswered.len();
        self.unanswered.extend(out.list()[from..].iter().filter_map(pinged));
        if !self.takes_its_own_word || self.unanswered.len() == before {
            return;
        }
        for (learner, zxid) in std::mem::take(&mut self.unanswered) {
            let message = Message::Quorum(Packet::Ping { zxid, touched: Some(Vec::new()) });
            self.anyone.step(Event::Received { from: learner, message }, out);
        }
        self.anyone.step(Event::Drained, out);
    }
}
