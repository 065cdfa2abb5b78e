//! The runner: one run from one seed, with a verdict.
//!
//! A server and a few clients live through a minute or so of their time while the nemesis acts.
//! Then everything is mended, the programs fall silent, and what is left must come to rest. At the
//! end the power goes once more, and all that was ever confirmed must be there.
//!
//! Always true: the same seed and settings give the same report, hash and all, on every machine.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use machines::{Boot, Booted, Dice, Disk, Fault, Kind, NodeId, SimFiles, World};
use server::Server;
use storage::Compression;

use crate::anyone::{Anyone, ClientHost, ServerHost};
use crate::coverage::Coverage;
use crate::history::History;
use crate::invariants::{Broken, Invariant, Verdict, durability};
use crate::nemesis::{Nemesis, SERVER};
use crate::vocabulary::{Found, Sim, Told};
use crate::witness::Witness;
use crate::workload::Program;

/// How long and how rough a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many programs use the service at most.
    pub clients: u64,
    /// For how long the nemesis acts, in the world's time.
    pub duration: Duration,
    /// For how long everything may take to come to rest.
    pub patience: Duration,
    /// Whether there is a nemesis.
    pub faults: bool,
    /// How many of the last lines of the trace the report shows.
    pub tail: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            clients: 4,
            duration: Duration::from_secs(20),
            patience: Duration::from_secs(180),
            faults: true,
            tail: 0,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
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
        let Report { seed, hash, steps, confirmed, .. } = self;
        write!(f, "seed {seed}: {steps} steps, {confirmed} writes confirmed, hash {hash:016x}")?;
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

struct Run {
    world: World<Anyone>,
    settings: Settings,
    nemesis: Nemesis,
    witness: Rc<RefCell<Witness>>,
    history: Rc<RefCell<History>>,
    /// Whether the server's last end was a loss of power.
    power_lost: Rc<Cell<bool>>,
    starter: Rc<Starter>,
    /// When it is tried next what a loss of power would leave.
    probe: Duration,
    dice: Dice,
    steps: u64,
}

impl Run {
    fn new(seed: u64, settings: &Settings) -> Run {
        let mut dice = Dice::new(seed);
        let manners = if settings.faults {
            machines::Settings::rough(&mut dice)
        } else {
            machines::Settings::default()
        };
        let mut world = World::new(dice.any(), manners);
        if settings.tail > 0 {
            world.trace_mut().record();
        }
        let clients = dice.between(1, settings.clients + 1);
        let nemesis = Nemesis::new(dice.any(), clients);
        let witness = Rc::new(RefCell::new(Witness::default()));
        let history = Rc::new(RefCell::new(History::default()));
        let power_lost = Rc::new(Cell::new(false));
        let starter = Rc::new(Starter {
            server: server_settings(&mut dice),
            storage: storage_settings(&mut dice),
            witness: witness.clone(),
            power_lost: power_lost.clone(),
            again: RefCell::new(Ok(())),
        });
        let boots = starter.clone();
        world.add(SERVER, move |boot| boots.start(boot));
        for number in 1..=clients {
            let history = history.clone();
            world.add(NodeId::Client(number), move |boot| {
                let program = Program::new(number, &boot, history.clone());
                let machine = Anyone::Client(Box::new(ClientHost::new(program)));
                Ok(Booted { machine, disk: Box::new(NoDisk), recovered: Found::Nothing })
            });
        }
        let (settings, probe, steps) = (settings.clone(), Duration::ZERO, 0);
        Run { world, settings, nemesis, witness, history, power_lost, starter, probe, dice, steps }
    }

    /// The whole life of the world.
    fn live(&mut self) -> Verdict {
        if !self.settings.faults {
            self.nemesis.stop(&mut self.world);
        }
        self.pass(self.settings.duration)?;
        self.nemesis.stop(&mut self.world);
        self.power_lost.set(self.nemesis.ledger.power_lost);
        self.friendly();
        for _ in 0..PEACES {
            self.pass(PEACE)?;
            if self.history.borrow().confirmed >= ENOUGH {
                break;
            }
        }
        self.history.borrow_mut().quiet = true;
        self.rest()?;
        self.end()
    }

    /// One thing happens, or the nemesis acts, or the time comes to `limit`.
    fn step(&mut self, limit: Duration) -> Verdict {
        let occurrence = self.world.step_until(limit.min(self.nemesis.next()));
        if self.world.now() >= self.nemesis.next() {
            self.nemesis.act(&mut self.world);
            self.power_lost.set(self.nemesis.ledger.power_lost);
        }
        if self.world.now() >= self.probe && self.settings.faults {
            self.probe = self.world.now() + self.dice.time(Duration::ZERO, PROBES);
            self.starter.would_survive(&self.world.files(SERVER), &mut self.dice)?;
        }
        let Some(occurrence) = occurrence else { return Ok(()) };
        self.steps += 1;
        let line = &occurrence.line;
        self.nemesis.saw(line, &self.world);
        self.power_lost.set(self.nemesis.ledger.power_lost);
        for told in occurrence.answers {
            if let Told::Broken(broken) = told {
                return Err(broken);
            }
        }
        if line.kind == Kind::Refused && line.node == SERVER {
            durability::starts_again(refusal(&line.text))?;
        }
        self.starter.again.borrow().clone()
    }

    /// Time passes.
    fn pass(&mut self, time: Duration) -> Verdict {
        let end = self.world.now() + time;
        while self.world.now() < end {
            self.step(end)?;
        }
        Ok(())
    }

    /// From now on nothing goes wrong by itself.
    fn friendly(&mut self) {
        let friendly = machines::Settings::default();
        let wall_ms = self.world.settings_mut().wall_ms;
        *self.world.settings_mut() = machines::Settings { wall_ms, ..friendly };
    }

    /// Everything that was asked for is answered.
    fn rest(&mut self) -> Verdict {
        let limit = self.world.now() + self.settings.patience;
        while self.world.now() < limit {
            if self.history.borrow().open.is_empty() {
                return Ok(());
            }
            self.step(limit)?;
        }
        let open = self.history.borrow().open.clone();
        let what = format!("{} asks have no answer long after all is well: {open:?}", open.len());
        Err(Broken { invariant: Invariant::L2, what })
    }

    /// The last checks: the history, and the disk after one more loss of power.
    fn end(&mut self) -> Verdict {
        self.pass(Duration::from_secs(30))?;
        self.history.borrow().judge(self.witness.borrow().model())?;
        self.world.power_loss(SERVER);
        self.nemesis.ledger.power_lost = true;
        self.power_lost.set(true);
        self.world.restart(SERVER);
        self.pass(Duration::from_secs(5))?;
        durability::starts_again(if self.world.running(SERVER) { None } else { Some("it is down") })
    }

    fn report(mut self, seed: u64, broken: Option<Broken>) -> Report {
        let mut coverage = self.history.borrow().coverage.clone();
        coverage.add(&self.witness.borrow().coverage);
        self.nemesis.cover(&mut coverage);
        let trace = self.world.trace_mut();
        let lines = trace.lines();
        let tail = &lines[lines.len().saturating_sub(self.settings.tail)..];
        let tail = tail.iter().map(|line| format!("{:?} {line}", line.time)).collect();
        let hash = trace.hash();
        let time = self.world.now();
        let violation = broken.map(|broken| Violation { broken, time });
        let confirmed = self.history.borrow().confirmed;
        Report { seed, hash, steps: self.steps, confirmed, coverage, tail, violation }
    }
}

/// Starts the server, the first time and after every end.
struct Starter {
    storage: storage::Settings,
    server: server::Settings,
    witness: Rc<RefCell<Witness>>,
    power_lost: Rc<Cell<bool>>,
    /// What recovery found out about itself, when it was tried twice.
    again: RefCell<Verdict>,
}

impl Starter {
    fn start(&self, boot: Boot) -> Result<Booted<Anyone>, Fault> {
        let before = boot.files.copy();
        let (recovered, store, _) = self.open(boot.files)?;
        let interrupted = self.interrupted(before, boot.seed);
        let repeated = self.repeated(store.files().copy(), &recovered);
        *self.again.borrow_mut() = durability::recovers_the_same(interrupted.or(repeated));
        let server = Server::new(self.server.clone());
        let host = ServerHost::new(server, self.witness.clone(), self.power_lost.get());
        let recovered = Found::Server(Box::new(recovered));
        let machine = Anyone::Server(Box::new(host));
        Ok(Booted { machine, disk: Box::new(Queue(store)), recovered })
    }

    /// Recovers once more from a copy: what is found must be the same. Says what is not.
    fn repeated(&self, files: SimFiles, found: &server::Recovered) -> Option<String> {
        match self.open(files) {
            Ok((again, _, _)) if again.state == found.state => None,
            Ok((again, _, _)) => Some(format!("{:?}, not {:?}", again.state, found.state)),
            // The faults that are to come come to the copy too.
            Err(fault) => refusal(&fault.to_string()).map(str::to_owned),
        }
    }

    /// Recovers from a copy whose power goes on the way, and then again: nothing that counts may
    /// be missing. Says what is.
    fn interrupted(&self, files: SimFiles, seed: u64) -> Option<String> {
        let mut dice = Dice::new(seed);
        files.lose_power_after(dice.between(0, 12));
        if self.open(files.clone()).is_err() {
            files.power_loss(&mut dice);
        }
        match self.open(files) {
            Ok((again, _, _)) => {
                self.witness.borrow().may_start_from(&again.state).err().map(|broken| broken.what)
            }
            Err(fault) => refusal(&fault.to_string()).map(str::to_owned),
        }
    }

    /// Tries on a copy what would be left if the power went now.
    fn would_survive(&self, files: &SimFiles, dice: &mut Dice) -> Verdict {
        let files = files.copy();
        files.power_loss(dice);
        files.leave_room(None);
        match self.open(files) {
            Ok((found, _, _)) => self.witness.borrow().may_start_from(&found.state),
            Err(fault) => durability::starts_again(refusal(&fault.to_string())),
        }
    }

    fn open(&self, files: SimFiles) -> Result<server::Opened<SimFiles>, Fault> {
        server::open(files, self.storage, &self.server).map_err(|damage| match damage {
            storage::Damage::Disk(fault) => fault,
            damage => Fault::Broken(format!("{DAMAGE}{damage}")),
        })
    }
}

/// For how long programs go on when all is well again, and how often they may go on for as long
/// until enough writes are confirmed: a run in which nothing was ever done says nothing.
const PEACE: Duration = Duration::from_secs(10);
/// The longest time between two trials of what a loss of power would leave.
const PROBES: Duration = Duration::from_secs(3);
const PEACES: u32 = 6;
const ENOUGH: u64 = 10;

/// How a refusal to start begins if what is on the disk is the reason, and not the disk.
const DAMAGE: &str = "damaged: ";

/// Why a server refuses to start, if its disk works.
fn refusal(text: &str) -> Option<&str> {
    text.split_once(DAMAGE).map(|(_, why)| why)
}

fn server_settings(dice: &mut Dice) -> server::Settings {
    server::Settings {
        seed: dice.any(),
        tick_ms: [500, 1_000, 2_000][dice.below(3)],
        min_session_timeout: 2_000,
        max_session_timeout: 20_000,
        outstanding_limit: [2, 20, 1_000][dice.below(3)],
        snap_count: [10, 50, 500, 100_000][dice.below(4)],
        purge_hours: dice.between(0, 2),
        snap_retain: 1 + dice.below(3),
        extended_types: true,
        reap_interval_ms: dice.between(500, 10_000),
        ..server::Settings::default()
    }
}

fn storage_settings(dice: &mut Dice) -> storage::Settings {
    let compressions = [Compression::None, Compression::Gzip, Compression::Snappy];
    storage::Settings {
        preallocate: [0, 4_096, 65_536][dice.below(3)],
        compression: compressions[dice.below(3)],
        ..storage::Settings::default()
    }
}

/// A server's disk queue.
struct Queue(storage::Store<SimFiles>);

impl Disk<Sim> for Queue {
    fn write(&mut self, write: storage::Write) -> Result<(), Fault> {
        self.0.write(write)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.0.sync()
    }

    fn fetch(&mut self, fetch: storage::Fetch) -> Result<storage::Fetched, Fault> {
        self.0.fetch(fetch)
    }
}

/// What a client has for a disk.
struct NoDisk;

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
