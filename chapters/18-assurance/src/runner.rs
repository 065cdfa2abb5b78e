//! The runner: one run from one seed, with a verdict.
//!
//! Some servers and a few clients live through a while of their time while the nemesis acts. Then a
//! quorum is mended, and must serve although the others are not: `runner/core.rs`. Then everything
//! is mended, and must come to rest, and keep what it confirmed: `runner/rest.rs`.
//!
//! Always true: the same seed and settings give the same report, hash and all, on every machine.

mod core;
mod rest;

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use election::Members;
use machines::{Booted, Dice, Disk, Fault, Kind, NodeId, Occurrence, World};

use crate::anyone::{Anyone, ClientHost};
use crate::coverage::Coverage;
use crate::history::History;
use crate::invariants::{Broken, Invariant, Verdict, durability};
use crate::nemesis::Nemesis;
use crate::plan::Plan;
use crate::settings::{Measure, Settings};
use crate::starter::{Starter, refusal};
use crate::story::{Cue, Director, Ending, Prompter, Recorder, Stagehand, Story, facts};
use crate::vocabulary::{Found, Sim, Told};
use crate::witness::Witness;
use crate::workload::Program;

/// So many writes every run confirms at least: a run in which nothing is done proves nothing.
pub const FLOOR: u64 = 10;

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How many servers there were.
    pub servers: u64,
    /// The hash of the trace.
    pub hash: u64,
    /// How many things happened.
    pub steps: u64,
    /// Writes that were confirmed to programs.
    pub confirmed: u64,
    /// What was reached.
    pub coverage: Coverage,
    /// The last lines of the trace.
    pub tail: Vec<String>,
    /// What was done to the world, so that it can be done again.
    pub cues: Vec<Cue>,
    /// What was broken first, if something was.
    pub violation: Option<Violation>,
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Which, and the facts.
    pub broken: Broken,
    /// When, in the world's time.
    pub time: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seed, servers, hash, steps, confirmed, .. } = self;
        write!(f, "seed {seed}: {servers} servers, {steps} steps, {confirmed} writes confirmed")?;
        write!(f, ", hash {hash:016x}")?;
        self.tail.iter().try_for_each(|line| write!(f, "\n  {line}"))?;
        if let Some(Violation { broken, time }) = &self.violation {
            write!(f, "\n  at {time:?} {broken}")?;
        }
        Ok(())
    }
}

/// Runs one seed.
pub fn run(seed: u64, settings: &Settings) -> Report {
    let mut run = Run::new(seed, settings);
    let verdict = run.live();
    run.report(seed, verdict.err())
}

/// Plays a story: its cues are given in place of a nemesis. Keeps the frames if they are wanted.
pub(crate) fn play(story: &Story, frames: bool) -> Ending {
    let mut run = Run::new(story.setting.seed, &story.setting.settings());
    // Lines are also what some cues wait for.
    run.world.trace_mut().record();
    run.director = Director::Prompter(Prompter::new(story.cues.clone()));
    run.recorder = frames.then(Recorder::default);
    story.setting.down.iter().for_each(|node| run.world.keep_down(*node));
    let verdict = run.live();
    let given = run.director.given();
    let frames = run.recorder.take().map_or_else(Vec::new, Recorder::into_frames);
    let Report { hash, steps, violation, .. } = run.report(story.setting.seed, verdict.err());
    Ending { hash, steps, given, violation, frames }
}

struct Run {
    world: World<Anyone>,
    settings: Settings,
    measure: Measure,
    director: Director,
    hands: Stagehand,
    members: Members,
    /// For how long a leader and a learner wait for each other, at the beginning and later.
    waits: Duration,
    /// Keeps all that happens, if that is wanted.
    recorder: Option<Recorder>,
    witness: Rc<RefCell<Witness>>,
    history: Rc<RefCell<History>>,
    starters: Vec<Rc<Starter>>,
    /// Whether the nemesis has yet to begin.
    calm: bool,
    /// When it is tried next what a loss of power would leave.
    probe: Duration,
    dice: Dice,
    coverage: Coverage,
    steps: u64,
}

impl Run {
    fn new(seed: u64, settings: &Settings) -> Run {
        let mut dice = Dice::new(seed);
        let measure = Measure::draw(settings.duration, &mut dice);
        let rough = machines::Settings::rough(&mut dice);
        let safe = settings.faults.is_empty();
        let manners = if safe { machines::Settings::default() } else { rough };
        let plan = Plan::draw(settings, measure, &mut dice);
        let mut world = World::new(dice.any(), manners);
        if settings.tail > 0 {
            world.trace_mut().record();
        }
        let servers = plan.servers();
        let clients = dice.between(1, settings.clients + 1);
        let nemesis = Nemesis::new(dice.any(), clients, servers, measure, &settings.faults);
        let director = if safe { Director::Nobody } else { Director::Nemesis(Box::new(nemesis)) };
        let hands = Stagehand::new(servers);
        let witness = Rc::new(RefCell::new(Witness::new(plan.members().clone(), plan.empty())));
        let history = Rc::new(RefCell::new(History::new(servers > 1)));
        let mut starters = Vec::new();
        for number in 1..=servers {
            let (server, storage) = plan.settings(number, &mut dice);
            let (witness, dark) = (witness.clone(), hands.dark());
            let starter = Rc::new(Starter::new(number, server, storage, witness, dark));
            starters.push(starter.clone());
            world.add(NodeId::Server(number), move |boot| starter.start(boot));
        }
        for number in 1..=clients {
            let history = history.clone();
            world.add(NodeId::Client(number), move |boot| {
                let program = Program::new(number, &boot, measure, history.clone());
                let host = ClientHost::new(program, servers as usize);
                let machine = Anyone::Client(Box::new(host));
                Ok(Booted { machine, disk: Box::new(NoDisk), recovered: Found::Nothing })
            });
        }
        let nodes = world.nodes();
        for node in nodes.into_iter().filter(|_| !safe) {
            world.slow(node, [1, 1, 1, 2, 5][dice.below(5)]);
        }
        let (members, waits) = (plan.members().clone(), plan.waits());
        let (settings, calm, probe, steps) = (settings.clone(), true, Duration::ZERO, 0);
        Run {
            world,
            settings,
            measure,
            director,
            hands,
            members,
            waits,
            recorder: None,
            witness,
            history,
            starters,
            calm,
            probe,
            dice,
            coverage: Coverage::default(),
            steps,
        }
    }

    /// The whole life of the world. A machine in a state that cannot be ends it.
    fn live(&mut self) -> Verdict {
        let life = catch_unwind(AssertUnwindSafe(|| self.go_through_it()));
        life.unwrap_or_else(|why| {
            let said = why.downcast_ref::<String>().map(String::as_str);
            let what = said.or_else(|| why.downcast_ref().copied()).unwrap_or_default().into();
            Err(Broken { invariant: Invariant::Panic, what })
        })
    }

    fn go_through_it(&mut self) -> Verdict {
        self.begin()?;
        self.pass(self.measure.duration)?;
        self.director.stop();
        self.a_core_serves()?;
        self.all_come_to_rest()
    }

    /// In half of the runs there is somebody who serves before the nemesis begins.
    fn begin(&mut self) -> Verdict {
        let limit = if self.dice.chance(500) { FIRST } else { Duration::ZERO };
        while self.world.now() < limit && !self.serves() {
            self.step(limit)?;
        }
        self.calm = false;
        Ok(())
    }

    /// Whether any server serves.
    fn serves(&self) -> bool {
        (1..=self.starters.len() as u64).any(|number| {
            let machine = self.world.machine(NodeId::Server(number));
            matches!(machine, Some(Anyone::Server(host)) if host.serves())
        })
    }

    /// Whether nothing is done yet: a nemesis has yet to begin. Who gives the cues of a story waits for
    /// nobody, but at the moment at which the nemesis begins, it is not before it.
    fn waits(&self) -> bool {
        self.calm && (matches!(self.director, Director::Nemesis(_)) || self.serves())
    }

    /// Whether nothing is to go wrong.
    fn is_safe(&self) -> bool {
        self.settings.faults.is_empty()
    }

    /// One thing happens, or the time comes to `limit`; then something may be done to the world.
    fn step(&mut self, limit: Duration) -> Verdict {
        let until = if self.waits() { limit } else { limit.min(self.director.next()) };
        let until = if self.is_safe() { until } else { until.min(self.probe) };
        let occurrence = self.world.step_until(until);
        let idle = occurrence.is_none();
        self.record();
        if let Some(occurrence) = occurrence {
            self.judge(occurrence)?;
        }
        if !self.waits() {
            self.act(idle);
        }
        self.record();
        if !self.is_safe() && self.world.now() >= self.probe {
            let longest = self.measure.of(PROBES);
            self.probe = self.world.now() + self.dice.time(Duration::ZERO, longest);
            self.probe_a_disk()?;
        }
        Ok(())
    }

    /// Something has happened: is it as it should be?
    fn judge(&mut self, occurrence: Occurrence<Sim>) -> Verdict {
        self.steps += 1;
        let line = &occurrence.line;
        self.director.saw(line, &self.world, &self.hands);
        self.hands.saw(line, &self.world);
        for told in occurrence.answers {
            if let Told::Broken(broken) = told {
                return Err(broken);
            }
        }
        self.history.borrow().so_far()?;
        let NodeId::Server(number) = line.node else { return Ok(()) };
        if line.kind == Kind::Refused {
            durability::starts_again(refusal(&line.text))?;
        }
        self.witness.borrow().lawful()?;
        self.starters[number as usize - 1].verdict()
    }

    fn record(&mut self) {
        let Some(recorder) = &mut self.recorder else { return };
        let witness = self.witness.borrow();
        recorder.saw(self.world.trace().lines(), |node| match (node, self.world.machine(node)) {
            (NodeId::Server(number), Some(Anyone::Server(host))) => {
                facts::of_server(host.server(), facts::on_disk(witness.laws(), number))
            }
            _ => Vec::new(),
        });
    }

    /// Does to the world what is due.
    fn act(&mut self, idle: bool) {
        let witness = self.witness.clone();
        let can_spare = |server| witness.borrow().can_spare(server);
        let may_damage = |server, world: &World<Anyone>| witness.borrow().may_damage(server, world);
        while let Some(act) =
            self.director.act(&self.world, &self.hands, idle, can_spare, may_damage)
        {
            if !witness.borrow_mut().allows(&act, &self.world) {
                continue;
            }
            self.hands.perform(&act, &mut self.world);
        }
    }

    /// Tries on a copy what would be left of a server's disk if the power went now.
    fn probe_a_disk(&mut self) -> Verdict {
        let index = self.dice.below(self.starters.len());
        let files = self.world.files(NodeId::Server(index as u64 + 1));
        self.starters[index].would_survive(&files, &mut self.dice)
    }

    /// Time passes.
    fn pass(&mut self, time: Duration) -> Verdict {
        let end = self.world.now() + time;
        while self.world.now() < end {
            self.step(end)?;
        }
        Ok(())
    }

    fn report(mut self, seed: u64, broken: Option<Broken>) -> Report {
        let mut coverage = self.coverage;
        coverage.add(&self.history.borrow().coverage);
        coverage.add(&self.witness.borrow().all().coverage);
        coverage.add(&self.director.coverage());
        let servers = self.starters.len() as u64;
        coverage.saw(format!("{servers} servers"));
        let trace = self.world.trace_mut();
        let lines = trace.lines();
        let tail = &lines[lines.len().saturating_sub(self.settings.tail)..];
        let tail = tail.iter().map(|line| format!("{:?} {line}", line.time)).collect();
        let hash = trace.hash();
        let time = self.world.now();
        let violation = broken.map(|broken| Violation { broken, time });
        let confirmed = self.history.borrow().confirmed;
        let (steps, cues) = (self.steps, self.hands.done().to_vec());
        Report { seed, servers, hash, steps, confirmed, coverage, tail, cues, violation }
    }
}

/// For how long the nemesis waits at most for a server that serves.
const FIRST: Duration = Duration::from_secs(10);
/// The longest time between two trials of what a loss of power would leave.
const PROBES: Duration = Duration::from_secs(3);

/// What a client has for a disk.
pub(crate) struct NoDisk;

impl Disk<Sim> for NoDisk {
    fn write(&mut self, _: storage::Write) -> Result<(), Fault> {
        panic!("a client writes nothing")
    }

    fn sync(&mut self) -> Result<(), Fault> {
        panic!("a client forces nothing")
    }

    fn fetch(&mut self, _: storage::Fetch) -> Result<storage::Fetched, Fault> {
        panic!("a client asks its disk nothing")
    }
}
