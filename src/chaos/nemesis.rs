//! What is done to the servers, drawn from a seed: they are killed, stopped, cut off, and their disks
//! are filled. Everything is undone after a while.
//!
//! Always true:
//! - a server that ends although nothing was done to it is a violation;
//! - after a few faults there is a calm, in which the ensemble must come back.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use assurance::invariants::Invariant;
use clap::ValueEnum;
use machines::Dice;
use sync::laws::Law::L1;
use tokio::time::Instant;

use super::facts::holds;
use super::lookout::Lookout;
use super::network::{End, Network};
use super::record::Record;
use super::servers::Servers;

/// After so many faults there is a calm, until so many writes were confirmed.
const FAULTS_BETWEEN_CALMS: u32 = 8;
const WRITES_IN_CALM: u64 = 50;

/// So many writes are confirmed between two kills, when only leaders are killed.
const WRITES_BETWEEN_KILLS: u64 = 50;

/// When nothing is broken any more, the ensemble serves again after this.
pub(super) const RECOVERY: Duration = Duration::from_secs(60);

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// Processes are killed, one or all, as with kill -9
    Kill,
    /// Processes are stopped for a while, and go on
    Pause,
    /// Bytes do not pass, in one direction or both, or late; connections break
    Cut,
    /// Disks are full for a while, and a killed process loses what it has not forced
    Disk,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Processes that were killed.
    pub kills: u32,
    /// Those of them that led.
    pub leader_kills: u32,
    /// Processes that were stopped.
    pub pauses: u32,
    /// Cuts, delays and broken connections.
    pub cuts: u32,
    /// Disks that were filled.
    pub full_disks: u32,
}

/// How something is undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    Start(u16),
    Resume(u16),
    Mend,
    MakeRoom(u16),
}

/// Who does it.
pub(super) struct Nemesis {
    pub(super) servers: Servers,
    pub(super) lookout: Lookout,
    pub(super) counts: Counts,
    network: Network,
    record: Rc<RefCell<Record>>,
    dice: Dice,
    /// What may happen; nothing but kills of leaders if it is empty.
    faults: Vec<Fault>,
    undo: Vec<(Instant, Undo)>,
    /// When the next fault is due, and how many writes must have been confirmed before it.
    next: (Instant, u64),
    /// How many faults may be there already when the next one comes.
    besides: usize,
    /// How many faults there were since the last calm.
    since_calm: u32,
    /// Since when nothing is broken.
    well_since: Instant,
}

impl Nemesis {
    /// One that draws these faults from these dice, or only kills leaders.
    pub(super) fn new(
        (servers, network, lookout): (Servers, Network, Lookout),
        record: Rc<RefCell<Record>>,
        dice: Dice,
        faults: Vec<Fault>,
    ) -> Nemesis {
        let now = Instant::now();
        Nemesis {
            servers,
            lookout,
            counts: Counts::default(),
            network,
            record,
            dice,
            faults,
            undo: Vec::new(),
            next: (now, 0),
            besides: 0,
            since_calm: 0,
            well_since: now,
        }
    }

    /// Looks after the servers, and breaks something if it is time.
    ///
    /// # Errors
    /// The operating system refuses to do it.
    pub(super) fn tick(&mut self) -> io::Result<()> {
        self.tend()?;
        let now = Instant::now();
        let (due, writes) = self.next;
        let confirmed = self.record.borrow().confirmed();
        if now < due || confirmed < writes || self.undo.len() > self.besides {
            return Ok(());
        }
        if self.faults.is_empty() {
            if self.undo.is_empty() && self.lookout.leader().is_some() {
                self.kill_leader();
                self.next = (now, confirmed + WRITES_BETWEEN_KILLS);
            }
            return Ok(());
        }
        if self.since_calm >= FAULTS_BETWEEN_CALMS {
            if self.undo.is_empty() {
                self.since_calm = 0;
                self.next = (now, confirmed + WRITES_IN_CALM);
            }
            return Ok(());
        }
        self.since_calm += 1;
        // Two at once are often too much for any ensemble, and that is to be tried, too.
        self.besides = usize::from(self.dice.chance(300));
        self.next = (now + self.dice.time(ms(50), ms(600)), 0);
        match self.dice.pick(&self.faults.clone()) {
            Some(Fault::Kill) => self.kill(),
            Some(Fault::Pause) => self.pause(),
            Some(Fault::Cut) => self.cut(),
            Some(Fault::Disk) => self.fill()?,
            None => {}
        }
        Ok(())
    }

    /// Undoes what is due, and looks who has ended by himself.
    ///
    /// # Errors
    /// The operating system refuses to start a server.
    pub(super) fn tend(&mut self) -> io::Result<()> {
        while let Some((id, status, words)) = self.servers.ended() {
            self.lookout.forget(id);
            self.record.borrow_mut().deed(&format!("server {id} has ended: {status}"));
            let disk_is_full = self.undo.iter().any(|(_, undo)| *undo == Undo::MakeRoom(id));
            let why = || format!("server {id} has ended by itself, {status}; it said:\n{words}");
            self.record.borrow_mut().judge(holds(Invariant::Law(L1), disk_is_full, why));
            if !disk_is_full {
                self.undo.push((Instant::now() + ms(500), Undo::Start(id)));
            }
        }
        let now = Instant::now();
        let (due, later) = self.undo.iter().partition(|(at, _)| *at <= now);
        self.undo = later;
        let due: Vec<(Instant, Undo)> = due;
        due.into_iter().try_for_each(|(_, undo)| self.undo(undo))?;
        if !self.undo.is_empty() {
            self.well_since = now;
        }
        let waits = self.record.borrow().silent_for().min(self.well_since.elapsed());
        self.record.borrow_mut().judge(holds(Invariant::Law(L1), waits < RECOVERY, || {
            format!("nothing is broken, and no write has been confirmed for {waits:.1?}")
        }));
        Ok(())
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// The operating system refuses to start a server.
    pub(super) fn heal(&mut self) -> io::Result<()> {
        while let Some((_, undo)) = self.undo.pop() {
            self.undo(undo)?;
        }
        Ok(())
    }

    fn undo(&mut self, undo: Undo) -> io::Result<()> {
        match undo {
            Undo::Start(id) if self.servers.is_there(id) => {}
            Undo::Start(id) => {
                self.deed(&format!("start {id}"));
                self.servers.start(id)?;
            }
            Undo::Resume(id) => {
                self.deed(&format!("resume {id}"));
                self.servers.resume(id);
            }
            Undo::Mend => {
                let broken = self.dice.chance(300);
                self.deed(if broken { "mend, and break all connections" } else { "mend" });
                self.network.mend(broken);
            }
            // A server whose disk has failed does nothing more: it is started again.
            Undo::MakeRoom(id) => {
                self.deed(&format!("make room for {id}, and start it again"));
                self.servers.fill(id, false)?;
                self.servers.kill(id);
                self.undo.push((Instant::now() + ms(100), Undo::Start(id)));
            }
        }
        Ok(())
    }

    fn deed(&self, what: &str) {
        self.record.borrow_mut().deed(what);
    }

    /// Somebody to whom something is done: a leader as often as not.
    fn victim(&mut self) -> Option<u16> {
        let running: Vec<u16> = self.servers.all().filter(|id| self.servers.runs(*id)).collect();
        let leader = self.lookout.leader().filter(|id| running.contains(id));
        match self.dice.chance(500) {
            true => leader.or(self.dice.pick(&running).copied()),
            false => self.dice.pick(&running).copied(),
        }
    }

    fn kill(&mut self) {
        let all = self.dice.chance(150);
        let victims = match all {
            true => self.servers.all().filter(|id| self.servers.is_there(*id)).collect(),
            false => Vec::from_iter(self.victim()),
        };
        for id in victims {
            self.kill_one(id, ms(2000));
        }
    }

    /// Kills the leader, and every fifth time all others with it: what only one of them had forced, or
    /// none, is in nobody's memory then.
    fn kill_leader(&mut self) {
        let leader = self.lookout.leader();
        let all = self.counts.leader_kills % 5 == 4;
        for id in self.servers.all().filter(|id| all || Some(*id) == leader) {
            if self.servers.is_there(id) {
                self.kill_one(id, ms(600));
            }
        }
    }

    fn kill_one(&mut self, id: u16, longest: Duration) {
        let leads = self.lookout.leader() == Some(id);
        self.deed(&format!("kill {id}{}", if leads { ", which leads" } else { "" }));
        self.servers.kill(id);
        self.lookout.forget(id);
        self.counts.kills += 1;
        self.counts.leader_kills += u32::from(leads);
        self.later(ms(50), longest, Undo::Start(id));
    }

    fn pause(&mut self) {
        let Some(id) = self.victim() else { return };
        self.deed(&format!("pause {id}"));
        self.servers.pause(id);
        self.lookout.forget(id);
        self.counts.pauses += 1;
        self.later(ms(100), ms(3500), Undo::Resume(id));
    }

    fn fill(&mut self) -> io::Result<()> {
        let Some(id) = self.victim() else { return Ok(()) };
        self.deed(&format!("fill the disk of {id}"));
        self.servers.fill(id, true)?;
        self.counts.full_disks += 1;
        self.later(ms(300), ms(2000), Undo::MakeRoom(id));
        Ok(())
    }

    /// Cuts or slows ways between a server and others, or clients. One thing at a time.
    fn cut(&mut self) {
        if self.undo.iter().any(|(_, undo)| *undo == Undo::Mend) {
            return;
        }
        let Some(id) = self.victim() else { return };
        let victim = End::Server(id);
        let others: Vec<End> =
            self.servers.all().filter(|other| *other != id).map(End::Server).collect();
        let one = self.dice.pick(&others).copied().unwrap_or(End::Clients);
        let clients = vec![End::Clients];
        let everybody: Vec<End> = others.iter().copied().chain(clients.clone()).collect();
        let delay = self.dice.time(ms(1), ms(150));
        let (what, whom) = match self.dice.below(10) {
            0 => (Harm::Both, vec![one]),
            1 => (Harm::From, others),
            2 => (Harm::To, others),
            // Its clients stay with a server that knows nothing more: the hardest case.
            3..6 => (Harm::Both, others),
            6 => (Harm::Both, clients),
            7 => (Harm::Both, everybody),
            8 => (Harm::Delay(delay), everybody),
            _ => (Harm::Reset, everybody),
        };
        let names: Vec<String> = whom.iter().map(End::to_string).collect();
        self.deed(&format!("{what} {victim} and {}", names.join(", ")));
        for other in whom {
            match what {
                Harm::From => self.network.cut(victim, other),
                Harm::To => self.network.cut(other, victim),
                Harm::Both => {
                    self.network.cut(victim, other);
                    self.network.cut(other, victim);
                }
                Harm::Delay(delay) => self.network.delay(victim, other, delay),
                Harm::Reset => self.network.reset(victim, other),
            }
        }
        self.counts.cuts += 1;
        self.later(ms(300), ms(3500), Undo::Mend);
    }

    fn later(&mut self, soonest: Duration, latest: Duration, undo: Undo) {
        let after = self.dice.time(soonest, latest);
        self.undo.push((Instant::now() + after, undo));
    }
}

/// What is done to the ways of a server.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// Nothing passes from it.
    From,
    /// Nothing passes to it.
    To,
    /// Nothing passes.
    Both,
    /// Everything takes so long.
    Delay(Duration),
    /// The connections break.
    Reset,
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Harm::From => write!(f, "cut, in this direction,"),
            Harm::To => write!(f, "cut, in the other direction,"),
            Harm::Both => write!(f, "cut"),
            Harm::Delay(delay) => write!(f, "delay by {delay:.0?}"),
            Harm::Reset => write!(f, "break the connections of"),
        }
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
