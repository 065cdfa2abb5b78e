//! The stage: an ensemble of production servers, clients that are asked by hand, and the lines that a
//! person reads of it.
//!
//! Always true: what the witness finds broken ends the program.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use election::{Members, ServerState};
use jute::records::Stat;
use machines::{Booted, Kind, Line, NodeId, World};
use protocol::{
    Ask, ClientOutput, Error, Operation, Reply, SessionState, WatchId, describe_asked,
    describe_chunk,
};
use server::Notice;
use zxid::{ServerId, Zxid};

use super::Told as Whole;
use super::overheard::{Overheard, Said, overheard};
use crate::anyone::{Anyone, ClientHost, ServerHost};
use crate::by_hand::{CONFIG, begins_at, settings};
use crate::model::Model;
use crate::runner::NoDisk;
use crate::starter::Starter;
use crate::story::Dark;
use crate::vocabulary::{Found, Told};
use crate::witness::Witness;

/// How long anything may take in a world where nothing fails by itself.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all is quiet between two scenes.
const QUIET: Duration = Duration::from_millis(100);
/// The unit in which servers count time.
const TICK: Duration = Duration::from_millis(500);
/// The session timeout that clients ask for.
pub(super) const TIMEOUT: Duration = Duration::from_secs(6);

/// Servers and clients.
pub(super) struct Stage {
    pub(super) world: World<Overheard>,
    witness: Rc<RefCell<Witness>>,
    said: Said,
    lines: Vec<Line>,
    bytes: BTreeMap<u64, Bytes>,
    /// How many lines of the world's trace were read.
    read: usize,
    /// What each server has applied, as far as the lines say.
    applied: BTreeMap<NodeId, Zxid>,
    /// How each ask was answered, by its number.
    answers: BTreeMap<u64, Result<Reply, Error>>,
    /// How each client stands with the ensemble.
    states: BTreeMap<NodeId, SessionState>,
    asks: u64,
    /// How many lines there were when what is shown began.
    begin: usize,
}

impl Stage {
    /// Starts all servers, and waits until they serve. Observers have the highest numbers.
    pub(super) fn new(voters: u64, observers: u64, seed: u64) -> Stage {
        let all = voters + observers;
        let id = |server: u64| ServerId(server as i64);
        let members =
            Members::majority((1..=voters).map(id)).with_observers((voters + 1..=all).map(id));
        let empty = Model::of_member(CONFIG);
        let witness = Rc::new(RefCell::new(Witness::new(members.clone(), empty)));
        let said = Said::default();
        let mut world = World::new(seed, machines::Settings::default());
        world.trace_mut().record();
        for number in 1..=all {
            let (settings, storage) =
                (settings(number, &members, TICK), storage::Settings::default());
            let starter = Starter::new(number, settings, storage, witness.clone(), Dark::default());
            let boot = overheard(move |boot| starter.start(boot), said.clone());
            world.add(NodeId::Server(number), boot);
        }
        let mut stage = Stage {
            world,
            witness,
            said,
            lines: Vec::new(),
            bytes: BTreeMap::new(),
            read: 0,
            applied: BTreeMap::new(),
            answers: BTreeMap::new(),
            states: BTreeMap::new(),
            asks: 0,
            begin: 0,
        };
        stage.rest();
        stage
    }

    /// What is shown begins here.
    pub(super) fn begin(&mut self) {
        self.begin = self.lines.len();
    }

    /// A client starts that knows all servers and tries this one first; waits until it is connected.
    pub(super) fn connect(&mut self, client: u64, server: NodeId) -> NodeId {
        let NodeId::Server(number) = server else { panic!("{server} is no server") };
        let node = NodeId::Client(client);
        let options = begins_at(number, self.servers().len(), TIMEOUT, 0);
        let boot = move |_| {
            let machine = Anyone::Client(Box::new(ClientHost::by_hand(options.clone())));
            Ok(Booted { machine, disk: Box::new(NoDisk), recovered: Found::Nothing })
        };
        self.world.add(node, overheard(boot, self.said.clone()));
        self.until("it is connected", |stage| stage.is_connected(node));
        node
    }

    /// A client is asked for something; gives the number of that.
    pub(super) fn ask(&mut self, client: NodeId, operation: Operation) -> u64 {
        let words = words(&operation);
        self.ask_for(client, words, |number| Ask::Request { number, operation, watch: None })
    }

    /// A client is asked for a read that leaves a watch.
    pub(super) fn ask_and_watch(&mut self, client: NodeId, operation: Operation) -> u64 {
        let words = format!("{}, and leave a watch", words(&operation));
        self.ask_for(client, words, |number| {
            let watch = Some(WatchId(number));
            Ask::Request { number, operation, watch }
        })
    }

    /// A client is asked to close its session.
    pub(super) fn close(&mut self, client: NodeId) -> u64 {
        self.ask_for(client, "close".to_string(), |number| Ask::Close { number })
    }

    fn ask_for(&mut self, client: NodeId, words: String, ask: impl FnOnce(u64) -> Ask) -> u64 {
        self.asks += 1;
        let ask = ask(self.asks);
        let occurrence = self.world.drive(client, |machine, effects| {
            if let Anyone::Client(host) = &mut machine.anyone {
                host.ask(vec![ask], effects);
            }
            machine.listen(effects);
        });
        let occurrence = occurrence.expect("a client runs");
        self.read_lines();
        let mut lines = self.lines.iter_mut().rev();
        let driven = lines.find(|line| line.kind == Kind::Driven).expect("it was driven");
        driven.text = format!("the program asks: {words}");
        self.hear(client, &occurrence.answers);
        self.asks
    }

    /// Waits until an ask is answered.
    pub(super) fn answer(&mut self, ask: u64) -> Result<Reply, Error> {
        self.until("it is answered", |stage| stage.answers.contains_key(&ask));
        self.answers[&ask].clone()
    }

    /// Breaks the connection of a client; all that travels on it is lost.
    pub(super) fn break_connection(&mut self, client: NodeId) {
        let all = self.world.connections();
        all.iter().filter(|it| it.1 == client).for_each(|it| self.world.reset(it.0));
        self.read_lines();
    }

    /// Goes on until all servers that run serve and have applied the same and all clients are
    /// connected or done, and then for a moment more.
    pub(super) fn rest(&mut self) {
        self.until("all serve, and have the same", |stage| {
            let applied = |host: &ServerHost| host.server().state().last;
            let hosts: Vec<&ServerHost> =
                stage.servers().iter().filter_map(|node| stage.host(*node)).collect();
            let last = hosts.first().map(|host| applied(host));
            let serves = |host: &&ServerHost| host.serves() && Some(applied(host)) == last;
            let leads = hosts.iter().any(|host| host.leads());
            let clients = stage.states.values();
            leads
                && hosts.iter().all(serves)
                && clients.into_iter().all(|state| *state != SessionState::Disconnected)
        });
        self.pass(QUIET);
    }

    /// Lets so much time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.step(limit) {}
    }

    /// Goes on until something is so.
    pub(super) fn until(&mut self, what: &str, is_so: impl Fn(&Stage) -> bool) {
        let limit = self.world.now() + PATIENCE;
        while !is_so(self) {
            assert!(self.step(limit), "never: {what}");
        }
    }

    /// Goes on until there is a line, after those that are there, of which something is so.
    pub(super) fn until_line(&mut self, what: &str, is_so: impl Fn(&Line) -> bool) {
        let from = self.lines.len();
        self.until(what, |stage| stage.lines[from..].iter().any(&is_so));
    }

    fn step(&mut self, limit: Duration) -> bool {
        let Some(occurrence) = self.world.step_until(limit) else { return false };
        self.read_lines();
        self.hear(occurrence.line.node, &occurrence.answers);
        let verdict = self.witness.borrow().lawful();
        assert!(verdict.is_ok(), "{}", verdict.expect_err("it is broken"));
        self.see_applied(occurrence.line.node);
        true
    }

    /// The new lines of the trace, in words.
    fn read_lines(&mut self) {
        let trace = self.world.trace().lines();
        for line in &trace[self.read..] {
            let mut line = line.clone();
            if let Some(bytes) = self.said.borrow().get(&line.text) {
                let asked = matches!(
                    (line.kind, line.node, line.peer),
                    (Kind::Sent | Kind::Lost, NodeId::Client(_), _)
                        | (Kind::Received, _, Some(NodeId::Client(_)))
                );
                line.text = if asked { describe_asked(bytes) } else { describe_chunk(bytes) };
                if let Some(number) = line.number {
                    self.bytes.insert(number, bytes.clone());
                }
            }
            if let (Kind::Durable, NodeId::Server(number)) = (line.kind, line.node) {
                let witness = self.witness.borrow();
                line.text = witness.laws().last_on_disk(ServerId(number as i64)).to_string();
            }
            self.lines.push(line);
        }
        self.read = trace.len();
    }

    /// What a node told its host or its program, in words.
    fn hear(&mut self, node: NodeId, told: &[Told]) {
        for told in told {
            let words = match told {
                Told::Broken(broken) => panic!("{broken}"),
                Told::Server(Notice::Joined { role, leader, epoch, .. }) => match role {
                    ServerState::Leading => format!("leads epoch {epoch}"),
                    role => format!("{role} server {leader}, epoch {epoch}").to_lowercase(),
                },
                Told::Server(_) => continue,
                Told::Client(ClientOutput::Completed { number, result, zxid }) => {
                    self.answers.insert(*number, result.clone());
                    outcome(result, *zxid)
                }
                Told::Client(ClientOutput::Fired { event, .. }) => {
                    format!("the program hears: {:?} {}", event.kind, event.path)
                }
                Told::Client(ClientOutput::State { state, session, .. }) => {
                    self.states.insert(node, *state);
                    format!("the program hears: {state} session={session}")
                }
            };
            let said = told.to_string();
            let is = |line: &&mut Line| line.node == node && line.text == said;
            if let Some(line) = self.lines.iter_mut().rev().find(is) {
                line.text = words;
            }
        }
    }

    /// Adds a line if a server has applied something.
    fn see_applied(&mut self, node: NodeId) {
        let Some(last) = self.host(node).map(|host| host.server().state().last) else { return };
        if self.applied.insert(node, last).unwrap_or_default() != last && last != Zxid::ZERO {
            let (time, text) = (self.world.now(), format!("applied {last}"));
            let kind = Kind::Answered;
            self.lines.push(Line { time, node, kind, peer: None, number: None, text });
        }
    }

    /// Everything up to now.
    pub(super) fn told(self) -> Whole {
        let (bytes, begin) = (self.bytes, self.begin);
        Whole { trace: self.lines.into_iter().collect(), bytes, begin }
    }

    pub(super) fn is_connected(&self, client: NodeId) -> bool {
        self.states.get(&client) == Some(&SessionState::SyncConnected)
    }

    /// The servers, in order.
    pub(super) fn servers(&self) -> Vec<NodeId> {
        let nodes = self.world.nodes().into_iter();
        nodes.filter(|node| matches!(node, NodeId::Server(_))).collect()
    }

    /// Who leads, if somebody does.
    pub(super) fn leader(&self) -> Option<NodeId> {
        let leads = |node: &NodeId| self.host(*node).is_some_and(ServerHost::leads);
        self.servers().into_iter().find(leads)
    }

    fn host(&self, node: NodeId) -> Option<&ServerHost> {
        match &self.world.machine(node)?.anyone {
            Anyone::Server(host) => Some(host),
            Anyone::Client(_) => None,
        }
    }
}

/// An operation, as a person says it.
fn words(operation: &Operation) -> String {
    let path = operation.path().unwrap_or_default();
    match operation {
        Operation::SetData { version, .. } => {
            format!("{} {path} version={version}", operation.op_code())
        }
        operation => format!("{} {path}", operation.op_code()),
    }
}

/// How an ask ended, as a person says it.
fn outcome(result: &Result<Reply, Error>, zxid: Zxid) -> String {
    let version =
        |stat: &Stat| format!("version {}, owner {:#x}", stat.version, stat.ephemeral_owner);
    let what = match result {
        Ok(Reply::Created { path, .. }) => format!("created {path}"),
        Ok(Reply::Stat(stat)) => version(stat),
        Ok(Reply::Data { data, stat }) => {
            let data = data.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            format!("{data:?}, {}", version(stat))
        }
        Ok(_) => "done".to_string(),
        Err(error) => error.to_string(),
    };
    let seen = if zxid == Zxid::ZERO { String::new() } else { format!(" zxid={zxid}") };
    format!("the program hears: {what}{seen}")
}
