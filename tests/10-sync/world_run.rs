//! One run from one seed: members, writers, a nemesis, and a verdict.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Dice, Kind, NodeId, Occurrence, World};
use storage::names::before_aside;
use sync::laws::{Broken, Law, Laws};
use sync::{Ensemble, Habits, Scribe, Settings, boot};
use zab::{Ceased, Told};
use zxid::{ServerId, SessionId};

use crate::world_nemesis::{Nemesis, id};

/// For how long things fail.
const STORM: Duration = Duration::from_secs(15);
/// For how long everything may take to come to rest afterwards.
const PATIENCE: Duration = Duration::from_secs(400);
/// So many of the last lines of the trace a report shows.
const TAIL: usize = 60;

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) hash: u64,
    pub(crate) steps: u64,
    pub(crate) committed: u64,
    /// What happened, and how often.
    pub(crate) reached: BTreeMap<String, u64>,
    pub(crate) tail: Vec<String>,
    pub(crate) broken: Option<(Duration, Broken)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seed, hash, steps, committed, .. } = self;
        write!(f, "seed {seed}: {steps} steps, {committed} transactions, hash {hash:016x}")?;
        self.tail.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        if let Some((time, broken)) = &self.broken {
            write!(f, "\n  at {time:?} {broken}")?;
        }
        Ok(())
    }
}

/// Runs one seed.
pub(crate) fn run(seed: u64, whole_trace: bool) -> Report {
    let mut run = Run::new(seed, if whole_trace { usize::MAX } else { TAIL });
    let broken = run.live().err().map(|broken| (run.world.now(), broken));
    run.count_packets();
    if broken.is_some() || whole_trace {
        run.keep_tail();
    }
    let committed = run.laws.borrow().history(run.laws.borrow().committed()).len() as u64;
    Report {
        seed,
        hash: run.world.trace().hash(),
        steps: run.steps,
        committed,
        reached: run.reached,
        tail: run.tail,
        broken,
    }
}

pub(crate) struct Run {
    pub(crate) world: World<Scribe>,
    pub(crate) laws: Rc<RefCell<Laws>>,
    pub(crate) nodes: Vec<NodeId>,
    members: Members,
    pub(crate) reached: BTreeMap<String, u64>,
    dice: Dice,
    /// How much is written: the mean time between two writes, in ms.
    pace: u64,
    writes: i64,
    steps: u64,
    length: usize,
    tail: Vec<String>,
}

impl Run {
    fn new(seed: u64, length: usize) -> Run {
        let mut dice = Dice::new(seed);
        let manners = machines::Settings::rough(&mut dice);
        let voters = [3, 3, 3, 5][dice.below(4)];
        let observers = [0, 0, 1, 2][dice.below(4)];
        let members = Members::majority((1..=voters).map(ServerId))
            .with_observers((voters + 1..=voters + observers).map(ServerId));
        let laws = Rc::new(RefCell::new(Laws::new(members.clone())));
        let mut world = World::new(seed, manners);
        world.trace_mut().record();
        let habits = habits(&mut dice);
        let shared = settings(&mut dice, members.clone());
        let mut nodes = Vec::new();
        for server in 1..=voters + observers {
            let me = ServerId(server);
            let settings = Settings { me, election_address: address(me), ..shared.clone() };
            let node = NodeId::Server(server as u64);
            world.add(node, boot(Arc::new(settings), habits, laws.clone()));
            nodes.push(node);
        }
        let pace = [20, 100, 400][dice.below(3)];
        let (reached, tail) = (BTreeMap::new(), Vec::new());
        Run { world, laws, nodes, members, reached, dice, pace, writes: 0, steps: 0, length, tail }
    }

    fn live(&mut self) -> Result<(), Broken> {
        let mut nemesis = Nemesis::new(self.dice.any());
        while self.world.now() < STORM {
            let pause = Duration::from_millis(self.dice.between(0, 2 * self.pace));
            let until = self.world.now() + pause;
            while self.step(until)? {
                nemesis.watch(self);
            }
            nemesis.act(self);
            self.write()?;
        }
        nemesis.mend(self);
        self.come_to_rest()
    }

    /// Does the next thing, and looks whether a law is broken.
    fn step(&mut self, until: Duration) -> Result<bool, Broken> {
        let Some(occurrence) = self.world.step_until(until) else { return Ok(false) };
        self.note(&occurrence);
        self.verdict()?;
        Ok(true)
    }

    fn note(&mut self, occurrence: &Occurrence<Ensemble>) {
        self.steps += 1;
        for told in &occurrence.answers {
            match told {
                Told::Confirmed(_) => self.count("a confirmation"),
                Told::Serving { role: election::ServerState::Observing, .. } => {
                    self.count("an observer serves");
                }
                Told::Ceased(Ceased::RolledOver) => self.count("an epoch is used up"),
                Told::Ceased(why) => self.count(&format!("ceased: {why:?}")),
                _ => {}
            }
        }
    }

    fn verdict(&mut self) -> Result<(), Broken> {
        self.laws.borrow().broken().cloned().map_or(Ok(()), Err)
    }

    /// Keeps the last lines of the trace.
    fn keep_tail(&mut self) {
        let lines = self.world.trace().lines();
        let from = lines.len().saturating_sub(self.length);
        let show = |line: &machines::Line| format!("{:>12?} {line}", line.time);
        self.tail = lines[from..].iter().map(show).collect();
    }

    /// Counts the ways in which learners were brought up to date.
    fn count_packets(&mut self) {
        let mut cut = BTreeSet::new();
        let mut fetched = None;
        let mut reached = std::mem::take(&mut self.reached);
        let mut count = |what: &str| *reached.entry(what.to_string()).or_default() += 1;
        for line in self.world.trace().lines() {
            let way = (line.node, line.peer);
            let word = line.text.split(' ').next().unwrap_or_default();
            match (line.kind, word) {
                (Kind::Sent, "Diff") => count("DIFF"),
                (Kind::Sent, "Snap") => count("SNAP"),
                (Kind::Sent, "Trunc") => {
                    count("TRUNC");
                    cut.insert(way);
                }
                (Kind::Sent, "NewLeader") => drop(cut.remove(&way)),
                (Kind::Sent, "Proposal") => {
                    if cut.remove(&way) {
                        count("TRUNC+DIFF");
                    }
                    if fetched.take() == Some(line.node) {
                        count("DIFF from disk");
                    }
                }
                (Kind::Fetched, _) => fetched = Some(line.node),
                _ => fetched = None,
            }
        }
        self.reached = reached;
    }

    /// Somebody writes something somewhere, or asks for a confirmation.
    fn write(&mut self) -> Result<(), Broken> {
        let node = self.nodes[self.dice.below(self.nodes.len())];
        let doubts = self.dice.chance(100);
        let length = [0, 10, 100, 2_000][self.dice.below(4)];
        self.writes += 1;
        let (session, what) = (SessionId(self.writes), vec![b'x'; length]);
        self.world.drive(node, |scribe, effects| match doubts {
            true => scribe.confirm(effects),
            false => scribe.write(session, &what, effects),
        });
        self.verdict()
    }

    /// Everything is mended: soon all serve under one leader, and have the same.
    fn come_to_rest(&mut self) -> Result<(), Broken> {
        let limit = self.world.now() + PATIENCE;
        let mut next = self.world.now() + Duration::from_millis(500);
        while self.world.now() < limit {
            while self.step(next)? {}
            if self.rests() {
                return Ok(());
            }
            next += Duration::from_millis(500);
        }
        let what = self.nodes.iter().map(|node| format!("{node}: {}; ", self.describe(*node)));
        Err(Broken { law: Law::L1, what: what.collect() })
    }

    /// Whether every server serves under one leader, and all have delivered what is committed.
    fn rests(&self) -> bool {
        let committed = self.laws.borrow().committed();
        let mut all = self.nodes.iter().map(|node| self.world.machine(*node));
        let leader = all.next().flatten().and_then(|scribe| scribe.member().serving());
        self.nodes.iter().all(|node| {
            self.world.machine(*node).is_some_and(|scribe| {
                let member = scribe.member();
                leader.is_some()
                    && member.serving() == leader
                    && scribe.applied() == committed
                    && member.history().last() == committed
            })
        })
    }

    /// Whether one more disk may be damaged: fewer than a quorum of the voters' at a time.
    pub(crate) fn may_be_damaged(&self, node: NodeId) -> bool {
        let sound = |node: &&NodeId| {
            let struck = self.world.files(**node).struck();
            let there = struck.iter().any(|name| before_aside(name).is_none());
            !there && self.laws.borrow().is_sound(id(**node))
        };
        let voters = self.nodes.iter().filter(|node| self.members.is_voter(id(**node)));
        let ill: Vec<_> = voters.filter(|node| !sound(node)).collect();
        let most = (self.members.voters().count() - 1) / 2;
        sound(&&node) && (!self.members.is_voter(id(node)) || ill.len() < most)
    }

    fn describe(&self, node: NodeId) -> String {
        let Some(scribe) = self.world.machine(node) else { return "down".to_string() };
        let member = scribe.member();
        format!(
            "{} {:?} applied {} last {}",
            member.state(),
            member.serving(),
            scribe.applied(),
            member.history().last()
        )
    }

    pub(crate) fn count(&mut self, what: &str) {
        *self.reached.entry(what.to_string()).or_default() += 1;
    }
}

fn address(server: ServerId) -> String {
    format!("10.0.0.{server}:3888")
}

fn habits(dice: &mut Dice) -> Habits {
    let preallocate = [0, 4096, 65536][dice.below(3)];
    Habits {
        storage: storage::Settings { preallocate, ..storage::Settings::default() },
        snapshot_every: [5, 20, 100, usize::MAX][dice.below(4)],
        piece: [1, 7, 1000][dice.below(3)],
        last_counter: [15, 60, u32::MAX - 1, u32::MAX - 1][dice.below(4)],
    }
}

fn settings(dice: &mut Dice, members: Members) -> Settings {
    Settings {
        me: ServerId(0),
        members,
        config: Bytes::from_static(b"version=0"),
        election_address: String::new(),
        election_limits: Limits::default(),
        tick: Duration::from_millis([50, 100, 200, 500][dice.below(4)]),
        init_limit: [4, 10, 20][dice.below(3)],
        sync_limit: [2, 5, 10][dice.below(3)],
        window: [0, 1, 5, 50, 500][dice.below(5)],
        window_bytes: [0, 1_000, 1 << 20][dice.below(3)],
        from_disk: dice.chance(700),
        from_disk_bytes: [0, 1_000, 1 << 20][dice.below(3)],
        force_snapshot: dice.chance(100),
    }
}
