//! A leader, whole: it finds an epoch, brings its learners to its own history, and from then on
//! proposes.
//!
//! It begins in steps, each of which needs a quorum, the leader among it: that many must join, must
//! promise the epoch, must have all of the leader's history on disk. Only then is the history
//! committed and the leader established. Whoever comes later is brought up to date in the same way,
//! while proposals go on.
//!
//! Always true:
//! - an epoch is on disk before anybody hears of it, and a vote of the leader's own counts only
//!   when what it is for is on disk;
//! - from NEWLEADER on a learner gets everything that is proposed, and before it everything that
//!   was: without a gap, nothing twice;
//! - no COMMIT comes between NEWLEADER and UPTODATE (ZOOKEEPER-4394);
//! - whatever a learner says or leaves unsaid concerns its own connection only; but if it has promised
//!   a later epoch, the leader's time is over.
//!
//! Book: chapter 10. ZooKeeper: `Leader`, `LearnerHandler`.

mod broadcast;
mod catch_up;
mod discovery;
mod link;
mod patience;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use machines::{Effects, Event, Machine, Ticket};
use storage::{Entry, Fetched};
use zab::{Broadcast, Ceased, Confirmation, Discovery, History, Packet, Peer, Timer, Told, Zab};

use zxid::{ServerId, Zxid};

use crate::settings::Settings;
use link::{Link, Stage};

/// Connections that have yet to say who they are: more than an ensemble has members.
const STRANGERS: usize = 64;

/// How far a leader has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    /// It waits for a quorum to join.
    Joining,
    /// It has found its epoch, which is on its way to the disk.
    Accepting,
    /// It waits for a quorum to promise the epoch.
    Offering,
    /// The epoch is its own; that is on its way to the disk.
    Entering,
    /// It waits for a quorum to have its history.
    Establishing,
    /// It is established.
    Serving,
    /// It is over. Whoever hosts it closes its connections.
    Over,
}

/// What is on disk, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct OnDisk {
    accepted: u32,
    current: u32,
    last: Zxid,
}

/// A server that leads, from the moment when it was elected.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    settings: Arc<Settings>,
    /// The version of the configuration.
    config: i64,
    history: History,
    step: Step,
    /// Since when.
    since: Duration,
    discovery: Discovery,
    /// Who has all of the history with which the leader began.
    begun: BTreeSet<ServerId>,
    /// Only from the moment when the leader is established.
    broadcast: Broadcast,
    confirmation: Confirmation,
    /// The round that was begun in this batch.
    round: Option<u64>,
    links: BTreeMap<u64, Link>,
    /// Half ticks so far.
    ticks: u64,
    durable: OnDisk,
    /// What will be on disk with each ticket.
    forcing: VecDeque<(Ticket, OnDisk)>,
    tickets: u64,
    unforced: bool,
}

impl Leader {
    /// A leader that has yet to find its epoch. Everything in `history` is on disk.
    pub fn new(settings: Arc<Settings>, history: History) -> Leader {
        let (me, members) = (settings.me, settings.members.clone());
        let (accepted, end) = (history.accepted(), history.log_end());
        Leader {
            config: config_version(&settings.config),
            step: Step::Joining,
            since: Duration::ZERO,
            discovery: Discovery::new(me, members.clone(), accepted, end),
            begun: BTreeSet::new(),
            broadcast: Broadcast::new(members.clone(), 0),
            confirmation: Confirmation::new(me, members),
            round: None,
            links: BTreeMap::new(),
            ticks: 0,
            durable: OnDisk { accepted, current: end.current_epoch, last: end.last },
            forcing: VecDeque::new(),
            tickets: 0,
            unforced: false,
            history,
            settings,
        }
    }

    /// Begins: sets its timers, and waits for learners.
    pub fn begin(&mut self, effects: &mut Effects<Zab>) {
        self.since = effects.now().monotonic;
        effects.set(Timer::Tick, self.settings.tick / 2);
        self.advance(effects);
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Ends: gives the history back.
    pub fn into_history(self) -> History {
        self.history
    }

    /// The epoch, once it is found.
    pub fn epoch(&self) -> Option<u32> {
        self.discovery.epoch()
    }

    /// Logs a transaction, and proposes it to all that follow. It must follow the last.
    pub fn propose(&mut self, entry: Entry, effects: &mut Effects<Zab>) {
        self.on_proposal(entry, effects);
    }

    /// Sends a learner what concerns sessions: `Revalidated` or `Sync`. Nothing if it is gone.
    pub fn answer(&mut self, link: u64, packet: Packet, effects: &mut Effects<Zab>) {
        if self.links.get(&link).is_some_and(|link| link.stage == Stage::Following) {
            effects.send(Peer::Learner(link), packet);
        }
    }

    /// The learners that have said who they are: whether each is up to date, and whether it observes.
    pub fn learners_known(&self) -> impl Iterator<Item = (ServerId, bool, bool)> {
        self.links.values().filter_map(|link| {
            let who = link.who.as_ref()?;
            Some((who.server, link.stage == Stage::Following, who.observes))
        })
    }

    /// Asks a quorum whether it still follows: `Told::Confirmed` of this number, or of a larger one,
    /// will say that it does. All asked for in one batch share a number.
    pub fn confirm(&mut self, _effects: &mut Effects<Zab>) -> u64 {
        // The pings go out when the batch ends: whoever answers follows after all of them.
        *self.round.get_or_insert_with(|| self.confirmation.begin())
    }

    /// The state that a learner asked for begins, whole up to a transaction.
    pub fn snapshot_begin(&mut self, link: u64, zxid: Zxid, effects: &mut Effects<Zab>) {
        self.on_snapshot_begin(link, zxid, effects);
    }

    /// The next items of its body.
    pub fn snapshot_bytes(&mut self, link: u64, bytes: Bytes, effects: &mut Effects<Zab>) {
        self.on_snapshot_bytes(link, bytes, effects);
    }

    /// It is complete.
    pub fn snapshot_end(&mut self, link: u64, effects: &mut Effects<Zab>) {
        self.on_snapshot_end(link, effects);
    }

    /// Everything up to here is committed, or will be when the leader is established.
    fn decided(&self) -> Zxid {
        let epoch = self.epoch().expect("nobody is synchronised before the epoch is found");
        Zxid::new(epoch, 0).max(self.history.committed())
    }

    fn enter(&mut self, step: Step, effects: &mut Effects<Zab>) {
        assert!(step > self.step, "a leader does not go back from {:?} to {step:?}", self.step);
        (self.step, self.since) = (step, effects.now().monotonic);
    }

    fn cease(&mut self, why: Ceased, effects: &mut Effects<Zab>) {
        self.enter(Step::Over, effects);
        effects.clear(Timer::Tick);
        effects.answer(Told::Ceased(why));
    }

    fn on_opened(&mut self, number: u64, effects: &mut Effects<Zab>) {
        self.links.insert(number, Link::new(number, effects.now().monotonic));
        let strangers = self.learners(|stage| stage == Stage::Stranger);
        if strangers.len() > STRANGERS {
            // The one that has had the most time to say something goes.
            let oldest = strangers.into_iter().min_by_key(|number| self.links[number].waiting);
            self.close(oldest.expect("there are too many"), effects);
        }
    }

    fn close(&mut self, number: u64, effects: &mut Effects<Zab>) {
        effects.close(Peer::Learner(number));
        self.on_closed(number, effects);
    }

    fn on_closed(&mut self, number: u64, effects: &mut Effects<Zab>) {
        let Some(link) = self.links.remove(&number) else { return };
        self.confirmation.left(number);
        if let Some(who) = link.who {
            self.broadcast.left(who.server);
        }
        if link.wants_snapshot() {
            effects.answer(Told::SnapshotUnwanted(number));
        }
    }

    /// A packet has come. One that does not belong where its sender stands ends the connection.
    fn on_received(&mut self, number: u64, packet: Packet, effects: &mut Effects<Zab>) {
        let Some(link) = self.links.get(&number) else { return };
        // What is known of its stage says what it may say now, and nothing else is accepted.
        match (link.stage, packet) {
            (Stage::Stranger, Packet::FollowerInfo { accepted, learner }) => {
                self.on_info(number, false, accepted, learner, effects);
            }
            (Stage::Stranger, Packet::ObserverInfo { accepted, learner }) => {
                self.on_info(number, true, accepted, learner, effects);
            }
            (Stage::Offered, Packet::AckEpoch { last, current }) => {
                self.on_ack_epoch(number, last, current, effects);
            }
            (Stage::Beginning(_) | Stage::Begun(_) | Stage::Following, Packet::Ack(zxid)) => {
                self.on_ack(number, zxid, effects);
            }
            (Stage::Following, packet @ Packet::Ping { .. }) => {
                self.on_pong(number, packet, effects);
            }
            (Stage::Following, packet @ (Packet::Request(_) | Packet::Revalidate { .. })) => {
                self.on_asked(number, packet, effects);
            }
            _ => self.close(number, effects),
        }
    }

    /// The host has no more events: what was written is forced once for all, and all who asked for
    /// a confirmation get one.
    fn on_drained(&mut self, effects: &mut Effects<Zab>) {
        if std::mem::take(&mut self.unforced) {
            self.tickets += 1;
            let ticket = Ticket(self.tickets);
            let (accepted, current) = (self.history.accepted(), self.history.current());
            let disk = OnDisk { accepted, current, last: self.history.last() };
            self.forcing.push_back((ticket, disk));
            effects.sync(ticket);
        }
        if self.round.take().is_some() {
            self.ping(|link| link.stage == Stage::Following && !link.observes(), effects);
            self.tell_confirmed(effects);
        }
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Zab>) {
        let before = self.durable;
        while let Some((_, disk)) = self.forcing.pop_front_if(|(given, _)| *given <= ticket) {
            self.durable = disk;
        }
        if self.step < Step::Serving {
            self.advance(effects);
        } else if self.durable.last > before.last {
            self.count(self.settings.me, self.durable.last, effects);
        }
    }
}

impl Machine for Leader {
    type Protocol = Zab;

    fn step(&mut self, event: Event<Zab>, effects: &mut Effects<Zab>) {
        if self.step == Step::Over {
            return;
        }
        match event {
            Event::Opened(Peer::Learner(number)) => self.on_opened(number, effects),
            Event::Received { from: Peer::Learner(number), message } => {
                self.on_received(number, message, effects);
            }
            Event::Closed(Peer::Learner(number)) => self.on_closed(number, effects),
            Event::Flushed(Peer::Learner(number)) => self.on_flushed(number, effects),
            Event::Expired(Timer::Tick) => self.on_tick(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Fetched(Fetched::Entries { from, to, entries }) => {
                self.on_fetched(from, to, entries, effects);
            }
            // Without an entry there is nothing to go on with, whatever the reason.
            Event::Fetched(Fetched::Missing { from, to }) => {
                self.on_fetched(from, to, Vec::new(), effects);
            }
            // Nothing that is said from now on could be kept.
            Event::Failed(..) => self.enter(Step::Over, effects),
            Event::Drained => self.on_drained(effects),
            // A leader is told by its constructor what is on disk, dials nobody, and does not wait
            // to dial again.
            Event::Started(_)
            | Event::Opened(Peer::Leader(_))
            | Event::Received { from: Peer::Leader(_), .. }
            | Event::Closed(Peer::Leader(_))
            | Event::Flushed(Peer::Leader(_))
            | Event::Expired(Timer::Retry) => {}
        }
    }
}

/// The version in the text that names the members; 0 if it has none.
fn config_version(config: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(config);
    let version = text.lines().find_map(|line| line.strip_prefix("version="));
    version.and_then(|hex| i64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}
