//! `ensemble chaos`: real server processes under load, to which bad things happen, and clients that
//! remember what they were told.
//!
//! It shows on real sockets, disks and clocks what the simulator of chapter 18 shows for every step:
//! the histories of the clients go through the same checkers. What it does is drawn from a seed;
//! when it happens is not, so that a run cannot be repeated exactly. That is what the simulator is
//! for.
//!
//! Read `servers.rs` and `network.rs` for what is broken, `nemesis.rs` for who breaks it, `worker.rs`
//! for what clients do, and `facts.rs` and `record.rs` for what is judged.
//!
//! Always true: no server outlives the run, however it ends.

mod caller;
mod facts;
mod lookout;
mod nemesis;
mod network;
mod record;
mod report;
mod servers;
mod trees;
mod worker;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use assurance::invariants::Invariant::{L2, S18};
use assurance::invariants::{Invariant, Verdict};
use machines::Dice;
use sync::laws::Law::L1;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use caller::Caller;
use facts::{LOCKS, holds};
use lookout::Lookout;
use nemesis::{Nemesis, RECOVERY};
use network::Network;
use record::Record;
use servers::Servers;
use trees::Tree;
use worker::Worker;

pub use nemesis::{Counts, Fault};
pub use report::{End, Report, Status};

/// How often the servers are looked after.
const TICK: Duration = Duration::from_millis(20);

/// How often it is told how it stands.
const SAY: Duration = Duration::from_secs(1);

/// How long servers may take to hold the same, when nobody writes any more. A session that was not
/// closed is over by then.
const AGREEMENT: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many servers.
    pub servers: u16,
    /// How many clients.
    pub clients: u32,
    /// For how long.
    pub length: Length,
    /// What everything is drawn from that can be.
    pub seed: u64,
    /// Where the servers' folders are made.
    pub dir: PathBuf,
    /// What happens.
    pub faults: Vec<Fault>,
    /// How many operations a second must be answered.
    pub rate: u32,
}

/// How long there is load.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// For a time.
    Time(Duration),
    /// Until so many leaders were killed, and nothing else happens.
    LeaderKills(u32),
}

/// Runs it. `say` is told how it stands, and `stopped` ends it early. Within a `LocalSet`.
///
/// # Errors
/// Why nothing could be tried: no ports, no room, an ensemble that does not come up.
pub async fn run(
    settings: &Settings,
    say: impl Fn(&Status),
    stopped: impl Future<Output = ()>,
) -> Result<Report, String> {
    let mut run = Run::prepare(settings).map_err(|error| error.to_string())?;
    let end = tokio::select! {
        () = stopped => Ok(End::Stopped),
        end = run.carry_out(settings, &say) => end,
    }?;
    let status = run.status();
    run.record.borrow_mut().save();
    let Settings { servers, clients, seed, dir, .. } = settings.clone();
    Ok(Report { servers, clients, seed, status, end, dir })
}

/// A run.
struct Run {
    nemesis: Nemesis,
    record: Rc<RefCell<Record>>,
    /// Where clients find each of the servers.
    connect: Vec<String>,
    dice: Dice,
    began: Instant,
    /// How it stood when the load ended.
    at_end: Option<Status>,
}

impl Run {
    /// Makes folders, ports and the record, and starts all servers.
    fn prepare(settings: &Settings) -> std::io::Result<Run> {
        let mut dice = Dice::new(settings.seed);
        let mut network = Network::default();
        let hold = settings.faults.contains(&Fault::Disk);
        let mut servers = Servers::furnish(&settings.dir, settings.servers, hold, &mut network)?;
        let mut connect = Vec::new();
        for id in servers.all() {
            let port = servers.address(id).port();
            let port = network.open(network::End::Clients, network::End::Server(id), port)?;
            connect.push(format!("127.0.0.1:{port}"));
        }
        let record = Rc::new(RefCell::new(Record::new(&settings.dir.join("history"))?));
        servers.all().try_for_each(|id| servers.start(id))?;
        let lookout = Lookout::watch(servers.all().map(|id| servers.address(id)).collect());
        let faults = match settings.length {
            Length::Time(_) => settings.faults.clone(),
            Length::LeaderKills(_) => Vec::new(),
        };
        let stage = (servers, network, lookout);
        let nemesis = Nemesis::new(stage, Rc::clone(&record), dice.split(), faults);
        let began = Instant::now();
        Ok(Run { nemesis, record, connect, dice, began, at_end: None })
    }

    async fn carry_out(
        &mut self,
        settings: &Settings,
        say: &impl Fn(&Status),
    ) -> Result<End, String> {
        let mut workers = Vec::new();
        for number in 0..settings.clients {
            // Some sessions outlive every fault, some do not.
            let patience = self.dice.time(Duration::from_secs(1), Duration::from_secs(8));
            // Some stay with one server, and nearly always read: when it is cut off, somebody sees
            // what it shows. Who writes there waits.
            let stays = number % 3 == 2;
            let connect = match stays {
                true => self.connect[number as usize / 3 % self.connect.len()].clone(),
                false => self.connect.join(","),
            };
            let caller = Caller::new(number, &connect, patience, Rc::clone(&self.record));
            let caller = caller.map_err(|error| error.to_string())?;
            workers.push(Worker::new(caller, stays, self.dice.split()));
        }
        let first = workers.first_mut().expect("there is a client at least");
        let foundations = first.lay_foundations(settings.clients);
        timeout(RECOVERY, foundations).await.map_err(|_| {
            format!("no ensemble within {RECOVERY:?}; see {}/*/log", settings.dir.display())
        })?;
        let stop = Rc::new(Cell::new(false));
        let mut tasks = JoinSet::new();
        for worker in workers {
            tasks.spawn_local(worker.work(Rc::clone(&stop)));
        }
        self.load(settings.length, say).await.map_err(|error| error.to_string())?;
        if self.holds_so_far() {
            self.recover().await.map_err(|error| error.to_string())?;
        }
        stop.set(true);
        if self.holds_so_far() {
            let all = async {
                while let Some(end) = tasks.join_next().await {
                    end.expect("a client does not panic");
                }
            };
            let ended = timeout(RECOVERY, all).await.is_ok();
            let waiting =
                || format!("{} clients wait for an answer after {RECOVERY:?}", tasks.len());
            self.judge(holds(L2, ended, waiting));
        }
        let nodes = self.judge_the_end().await;
        let broken = self.record.borrow().broken.clone();
        Ok(match broken {
            Some(broken) => End::Broken(broken),
            None if self.status().rate() < settings.rate.into() => End::TooLittle(settings.rate),
            None => End::Holds(nodes),
        })
    }

    /// The load, and what happens under it.
    async fn load(&mut self, length: Length, say: &impl Fn(&Status)) -> std::io::Result<()> {
        self.began = Instant::now();
        self.record.borrow_mut().load_begins();
        let mut said = self.began;
        loop {
            let over = match length {
                Length::Time(time) => self.began.elapsed() >= time,
                Length::LeaderKills(kills) => self.nemesis.counts.leader_kills >= kills,
            };
            if over || !self.holds_so_far() {
                break;
            }
            self.nemesis.tick()?;
            if said.elapsed() >= SAY {
                said = Instant::now();
                say(&self.status());
                self.record.borrow_mut().save();
            }
            sleep(TICK).await;
        }
        self.at_end = Some(self.status());
        Ok(())
    }

    /// Everything is made well; all servers must serve again.
    async fn recover(&mut self) -> std::io::Result<()> {
        let began = Instant::now();
        loop {
            self.nemesis.heal()?;
            self.nemesis.tend()?;
            let (leader, serving) = (self.nemesis.lookout.leader(), self.nemesis.lookout.serving());
            let well = leader.is_some() && serving == self.nemesis.servers.all().count();
            let late = began.elapsed() >= RECOVERY;
            self.judge(holds(Invariant::Law(L1), well || !late, || {
                format!("nothing is broken since {RECOVERY:?}, and {serving} servers serve")
            }));
            if well || late || !self.holds_so_far() {
                return Ok(());
            }
            sleep(TICK).await;
        }
    }

    /// Judges the histories and the trees; says how many nodes there are.
    async fn judge_the_end(&mut self) -> usize {
        let verdict = self.record.borrow().history.judge_answers();
        self.judge(verdict);
        if !self.holds_so_far() {
            return 0;
        }
        match self.agreed_tree().await {
            Ok(tree) => {
                let verdict = self.record.borrow().facts.judge(&tree);
                self.judge(verdict);
                tree.len()
            }
            Err(difference) => {
                self.judge(holds(S18, false, || difference));
                0
            }
        }
    }

    /// The tree of all servers, when no session is left.
    async fn agreed_tree(&self) -> Result<Tree, String> {
        let began = Instant::now();
        loop {
            let disagreement = match self.trees().await {
                Ok(mut trees) => {
                    let different =
                        trees.windows(2).find_map(|two| trees::difference(&two[0], &two[1]));
                    let locks = trees[0].keys().any(|path| path.starts_with(&format!("{LOCKS}/")));
                    match different {
                        None if !locks || began.elapsed() >= AGREEMENT => {
                            return Ok(trees.swap_remove(0));
                        }
                        None => "sessions are left".to_string(),
                        Some(different) => different,
                    }
                }
                Err(why) => why,
            };
            if began.elapsed() >= AGREEMENT {
                return Err(format!("after {AGREEMENT:?} of peace: {disagreement}"));
            }
            sleep(TICK).await;
        }
    }

    async fn trees(&self) -> Result<Vec<Tree>, String> {
        let mut trees = Vec::new();
        for id in self.nemesis.servers.all() {
            trees.push(trees::read(self.nemesis.servers.address(id)).await?);
        }
        Ok(trees)
    }

    fn judge(&self, verdict: Verdict) {
        self.record.borrow_mut().judge(verdict);
    }

    fn holds_so_far(&self) -> bool {
        self.record.borrow().broken.is_none()
    }

    fn status(&self) -> Status {
        if let Some(status) = &self.at_end {
            return status.clone();
        }
        let record = self.record.borrow();
        Status {
            elapsed: self.began.elapsed(),
            operations: record.operations,
            writes: record.confirmed(),
            counts: self.nemesis.counts,
            leader: self.nemesis.lookout.leader(),
            longest_outage: record.longest_outage.max(record.silent_for()),
        }
    }
}
