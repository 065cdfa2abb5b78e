//! A rehearsal: production servers and clients in the simulated world, and somebody who says what
//! each client asks for, and what goes wrong.
//!
//! A run draws everything from its seed, and is read by nobody. A rehearsal is the other way round:
//! little happens, all of it was wanted, and its trace tells in words what clients and servers say
//! to each other. Programs of chapters and experiments for claims are made of it.
//!
//! Always true:
//! - the witness watches every step, as it does in a run: what it finds broken is a panic.
//!
//! Book: chapter 18.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use election::Members;
use jute::records::Acl;
use machines::{Booted, NodeId, Occurrence, Trace, World};
use protocol::{
    Ask, ClientOutput, CreateMode, Error, Operation, Reply, SessionState, WatchId, WatchedEvent,
};
use sessions::Sessions;
use zxid::{ServerId, SessionId, Zxid};

use crate::anyone::{Anyone, ClientHost, ServerHost};
use crate::by_hand::{CONFIG, begins_at, settings};
use crate::model::Model;
use crate::runner::NoDisk;
use crate::starter::Starter;
use crate::story::Dark;
use crate::vocabulary::{Found, Sim, Told};
use crate::witness::Witness;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Servers and clients, and what the clients were told.
pub struct Rehearsal {
    world: World<Anyone>,
    witness: Rc<RefCell<Witness>>,
    servers: u64,
    seed: u64,
    /// The number of the last ask.
    asked: u64,
    /// What came of each ask.
    answers: BTreeMap<u64, Result<Reply, Error>>,
    /// What watches told each client.
    events: BTreeMap<u64, Vec<WatchedEvent>>,
    states: BTreeMap<u64, (SessionState, SessionId)>,
}

impl Rehearsal {
    /// Servers 1 to `servers`, all of which vote and serve; one stands alone. Sessions expire by
    /// ticks of `tick`.
    pub fn new(servers: u64, tick: Duration, seed: u64) -> Rehearsal {
        let members = Members::majority((1..=servers).map(|number| ServerId(number as i64)));
        let empty = if servers == 1 { Model::default() } else { Model::of_member(CONFIG) };
        let witness = Rc::new(RefCell::new(Witness::new(members.clone(), empty)));
        let mut world = World::new(seed, machines::Settings::default());
        world.trace_mut().record();
        for number in 1..=servers {
            let settings = settings(number, &members, tick);
            let storage = storage::Settings::default();
            let starter = Starter::new(number, settings, storage, witness.clone(), Dark::default());
            world.add(NodeId::Server(number), move |boot| starter.start(boot));
        }
        let mut rehearsal = Rehearsal {
            world,
            witness,
            servers,
            seed,
            asked: 0,
            answers: BTreeMap::new(),
            events: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        rehearsal.until("all serve", |it| {
            (1..=servers).all(|number| it.host(number).is_some_and(ServerHost::serves))
        });
        rehearsal
    }

    /// Adds a client that wants this session timeout, and waits until it has a session at this
    /// server.
    pub fn join(&mut self, client: u64, timeout: Duration, server: u64) {
        let (servers, seed) = (self.servers as usize, self.seed ^ client);
        self.world.add(NodeId::Client(client), move |_| {
            let host = ClientHost::in_words(begins_at(server, servers, timeout, seed));
            let machine = Anyone::Client(Box::new(host));
            Ok(Booted { machine, disk: Box::new(NoDisk), recovered: Found::Nothing })
        });
        self.until("the client has a session", |it| it.is_connected(client));
    }

    /// Lets a client ask for something, and leave a watch if it can; waits for what comes of it.
    ///
    /// # Errors
    /// The server refuses it, or the connection or the session is lost.
    pub fn ask(&mut self, client: u64, operation: Operation, watch: bool) -> Result<Reply, Error> {
        let number = self.begin(client, operation, watch);
        self.until("the client is answered", |it| it.answer(number).is_some());
        self.answers.remove(&number).expect("it was waited for")
    }

    /// Lets a client ask for something, and waits for nothing. Gives back the number of the ask.
    pub fn begin(&mut self, client: u64, operation: Operation, watch: bool) -> u64 {
        self.asked += 1;
        let number = self.asked;
        let watch = watch.then_some(WatchId(number));
        self.put(client, Ask::Request { number, operation, watch });
        number
    }

    /// What came of an ask that was begun, as soon as it is known.
    pub fn answer(&self, number: u64) -> Option<&Result<Reply, Error>> {
        self.answers.get(&number)
    }

    /// Lets a client end its session.
    pub fn close(&mut self, client: u64) {
        self.asked += 1;
        self.put(client, Ask::Close { number: self.asked });
    }

    /// Goes on until something is so.
    ///
    /// # Panics
    /// It does not come to be so.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Rehearsal) -> bool) {
        let limit = self.world.now() + PATIENCE;
        assert!(self.within(limit, is_so), "never: {what}\n{}", self.world.trace());
    }

    /// Goes on until something is so, but not longer than this; says whether it is.
    pub fn within(&mut self, limit: Duration, is_so: impl Fn(&Rehearsal) -> bool) -> bool {
        while !is_so(self) {
            match self.world.step_until(limit) {
                Some(occurrence) => self.note(occurrence),
                None => return false,
            }
        }
        true
    }

    /// Lets so much time pass.
    pub fn pass(&mut self, time: Duration) {
        self.within(self.world.now() + time, |_| false);
    }

    /// The world, to do something to it.
    pub fn world(&mut self) -> &mut World<Anyone> {
        &mut self.world
    }

    /// The time since the world began.
    pub fn now(&self) -> Duration {
        self.world.now()
    }

    /// What watches have told a client so far.
    pub fn events(&self, client: u64) -> &[WatchedEvent] {
        self.events.get(&client).map_or(&[], Vec::as_slice)
    }

    /// The state of a client's session, as it was last told.
    pub fn state(&self, client: u64) -> Option<SessionState> {
        self.states.get(&client).map(|(state, _)| *state)
    }

    /// When a client's session will end if nothing more is heard of it, by the monotonic clock of
    /// the server that ends sessions; nothing if it is over, or if no server may end it now.
    pub fn deadline(&self, client: u64) -> Option<Duration> {
        let (_, session) = self.states.get(&client)?;
        let buckets = self.sessions()?.buckets();
        buckets.iter().find(|(_, of)| of.contains(session)).map(|(end, _)| *end)
    }

    /// Whether a server serves a client.
    pub fn is_connected(&self, client: u64) -> bool {
        self.state(client) == Some(SessionState::SyncConnected)
    }

    /// The sessions, as the server that may end them sees them; nothing while there is none.
    fn sessions(&self) -> Option<&Sessions> {
        (1..=self.servers).find_map(|number| {
            let now = self.world.clock(NodeId::Server(number));
            self.host(number)?.server().facts(now, 0).sessions
        })
    }

    /// The server that leads; the one that there is, if it stands alone.
    pub fn leader(&self) -> Option<u64> {
        let leads = |number: &u64| self.host(*number).is_some_and(ServerHost::leads);
        if self.servers == 1 { Some(1) } else { (1..=self.servers).find(leads) }
    }

    /// The last transaction that a server has applied.
    ///
    /// # Panics
    /// It does not run.
    pub fn last(&self, server: u64) -> Zxid {
        self.host(server).expect("the server runs").server().state().last
    }

    /// What happened so far.
    pub fn trace(&self) -> Trace {
        self.world.trace().clone()
    }

    fn host(&self, server: u64) -> Option<&ServerHost> {
        match self.world.machine(NodeId::Server(server))? {
            Anyone::Server(host) => Some(host),
            Anyone::Client(_) => None,
        }
    }

    fn put(&mut self, client: u64, ask: Ask) {
        let occurrence = self.world.drive(NodeId::Client(client), |anyone, effects| {
            if let Anyone::Client(host) = anyone {
                host.ask(vec![ask], effects);
            }
        });
        self.note(occurrence.expect("the client runs"));
    }

    /// Something has happened: it must be as it should be.
    fn note(&mut self, Occurrence { line, answers }: Occurrence<Sim>) {
        for told in answers {
            match (line.node, told) {
                (_, Told::Broken(broken)) => panic!("{broken}\n{}", self.world.trace()),
                (NodeId::Client(client), Told::Client(output)) => self.hear(client, output),
                _ => {}
            }
        }
        let lawful = self.witness.borrow().lawful();
        assert!(lawful.is_ok(), "{lawful:?}\n{}", self.world.trace());
    }

    fn hear(&mut self, client: u64, output: ClientOutput) {
        match output {
            ClientOutput::Completed { number, result, .. } => {
                self.answers.insert(number, result);
            }
            ClientOutput::Fired { event, .. } => {
                self.events.entry(client).or_default().push(event);
            }
            ClientOutput::State { state, session, .. } => {
                self.states.insert(client, (state, session));
            }
        }
    }
}

/// To create a node that everybody may use.
pub(crate) fn create(path: &str, mode: CreateMode) -> Operation {
    let (path, data, acl) = (path.to_string(), Some(Bytes::new()), Acl::open());
    Operation::Create { path, data, acl, mode, ttl: -1, stat: false }
}

/// To replace a node's data.
pub(crate) fn set(path: &str, data: &str, version: i32) -> Operation {
    let data = Some(Bytes::copy_from_slice(data.as_bytes()));
    Operation::SetData { path: path.to_string(), data, version }
}
