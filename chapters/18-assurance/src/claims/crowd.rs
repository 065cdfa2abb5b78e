//! A world of members for experiments, and the laws that watch it.
//!
//! Book: chapter 18.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Kind, Line, NodeId, Trace, World};
use sync::laws::Laws;
use sync::{Habits, Scribe, Settings, boot};
use zxid::{ServerId, SessionId, Zxid};

use super::bent::{Bend, Bent, bent};

/// How long anything may take in a world where nothing fails by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// The unit in which members count time.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// For so many ticks a leader hears nothing of a quorum before it gives up.
pub(super) const SYNC_LIMIT: u32 = 5;

/// So many bytes of a transaction's payload say whose it is, and when it was made.
const HEADER: usize = 32;

/// Members in the simulated world.
pub(super) struct Crowd {
    pub(super) world: World<Bent>,
    laws: Rc<RefCell<Laws>>,
    writes: i64,
}

impl Crowd {
    /// Voters 1 to `servers`, all started, behind a bend.
    pub(super) fn new(servers: i64, bend: Bend, seed: u64) -> Crowd {
        let members = Members::majority((1..=servers).map(ServerId));
        let laws = Rc::new(RefCell::new(Laws::new(members.clone())));
        let mut world = World::new(seed, machines::Settings::default());
        world.trace_mut().record();
        for server in 1..=servers {
            let settings = Arc::new(settings(ServerId(server), &members));
            let start = boot(settings, Habits::default(), laws.clone());
            world.add(node(server), bent(start, bend));
        }
        Crowd { world, laws, writes: 0 }
    }

    /// A client of this server writes.
    pub(super) fn write(&mut self, server: i64, what: &str) {
        self.writes += 1;
        let session = SessionId(self.writes);
        self.world
            .drive(node(server), |bent, effects| {
                bent.scribe.write(session, what.as_bytes(), effects);
            })
            .expect("the server runs");
    }

    /// The leader writes something that reaches no disk but its own, and crashes.
    pub(super) fn write_alone(&mut self, leader: i64, what: &str) {
        let (alone, before) = (node(leader), self.on_disk(leader));
        let others: Vec<NodeId> =
            self.world.nodes().into_iter().filter(|other| *other != alone).collect();
        self.world.part(&[alone], &others);
        self.write(leader, what);
        assert!(self.until(|crowd| crowd.on_disk(leader) > before), "its own disk works");
        // Or what it sent would arrive as soon as the way is open again.
        for (number, one, other) in self.world.connections() {
            if one == alone || other == alone {
                self.world.reset(number);
            }
        }
        self.world.crash(alone);
        self.world.heal();
    }

    /// What a server that runs has in its log as this transaction.
    pub(super) fn content(&self, server: i64, zxid: Zxid) -> Option<String> {
        let history = self.scribe(server)?.member().history();
        let entry = history.after(history.from()).find(|entry| entry.zxid == zxid)?;
        Some(String::from_utf8_lossy(&entry.payload[HEADER..]).into_owned())
    }

    /// Goes on until something is so; says whether it came to be.
    pub(super) fn until(&mut self, is_so: impl Fn(&Crowd) -> bool) -> bool {
        let limit = self.world.now() + PATIENCE;
        while !is_so(self) {
            if self.world.step_until(limit).is_none() {
                return false;
            }
        }
        true
    }

    /// Lets so much time pass.
    pub(super) fn run(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.world.step_until(limit).is_some() {}
    }

    pub(super) fn scribe(&self, server: i64) -> Option<&Scribe> {
        Some(&self.world.machine(node(server))?.scribe)
    }

    /// Who leads and serves, in which epoch.
    pub(super) fn leaders(&self) -> Vec<(i64, u32)> {
        let leads = |server: &i64| self.scribe(*server).is_some_and(Scribe::leads);
        let epoch = |server: i64| {
            let serving = self.scribe(server).and_then(|scribe| scribe.member().serving());
            (server, serving.expect("who leads serves").1)
        };
        (1..=self.servers()).filter(leads).map(epoch).collect()
    }

    /// Whether a server serves.
    pub(super) fn serves(&self, server: i64) -> bool {
        self.scribe(server).is_some_and(|scribe| scribe.member().serving().is_some())
    }

    /// Whether these servers have delivered a transaction.
    pub(super) fn applied(&self, servers: &[i64], zxid: Zxid) -> bool {
        servers.iter().all(|server| self.scribe(*server).is_some_and(|it| it.applied() >= zxid))
    }

    pub(super) fn servers(&self) -> i64 {
        self.world.nodes().len() as i64
    }

    /// The last transaction of a server's log, as its disk has it.
    pub(super) fn on_disk(&self, server: i64) -> Zxid {
        self.laws.borrow().last_on_disk(ServerId(server))
    }

    /// What is broken, if something is.
    pub(super) fn broken(&self) -> Option<String> {
        let laws = self.laws.borrow();
        laws.broken().map(|broken| format!("{:?}: {}", broken.law, broken.what))
    }

    /// How often a line of this kind, of this server, begins so.
    pub(super) fn count(&self, server: i64, kind: Kind, text: &str) -> usize {
        let is = |line: &&Line| {
            line.node == node(server) && line.kind == kind && line.text.starts_with(text)
        };
        self.world.trace().lines().iter().filter(is).count()
    }

    pub(super) fn trace(&self) -> Trace {
        self.world.trace().clone()
    }
}

pub(super) fn node(server: i64) -> NodeId {
    NodeId::Server(server as u64)
}

/// The settings of a member.
pub(super) fn settings(me: ServerId, members: &Members) -> Settings {
    Settings {
        me,
        members: members.clone(),
        config: Bytes::from_static(b"version=0"),
        election_address: format!("10.0.0.{me}:3888"),
        election_limits: Limits::default(),
        tick: TICK,
        init_limit: 10,
        sync_limit: SYNC_LIMIT,
        window: 500,
        window_bytes: 1 << 20,
        from_disk: true,
        from_disk_bytes: 1 << 20,
        force_snapshot: false,
    }
}
