//! A desk at which a leader is driven by hand: the test says what happens, and sees what it does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Effect, Effects, Event, Machine, Now, Ticket};
use storage::{Entry, Fetch, Fetched, Write};
use sync::{Leader, Settings};
use zab::{History, Learner, Packet, Peer, Recovered, Timer, Told, Zab};
use zxid::{ServerId, Zxid};

/// The leader's own number.
pub(crate) const ME: i64 = 3;

pub(crate) fn entry(epoch: u32, counter: u32) -> Entry {
    let zxid = Zxid::new(epoch, counter);
    Entry { zxid, payload: Bytes::from(format!("transaction {zxid}")) }
}

/// The transactions `epoch.1` to `epoch.last`.
pub(crate) fn entries(epoch: u32, last: u32) -> Vec<Entry> {
    (1..=last).map(|counter| entry(epoch, counter)).collect()
}

/// What a server has that took part in `epoch`, was told `tail` and cannot say what of it counts.
pub(crate) fn recovered(epoch: u32, applied: Zxid, tail: Vec<Entry>) -> Recovered {
    Recovered { accepted: epoch, current: epoch, applied, tail, ..Recovered::default() }
}

/// Voters 1 to `voters`, observers after them.
pub(crate) fn settings(voters: i64, observers: i64) -> Settings {
    let observing = voters + 1..=voters + observers;
    Settings {
        me: ServerId(ME.min(voters)),
        members: Members::majority((1..=voters).map(ServerId))
            .with_observers(observing.map(ServerId)),
        config: Bytes::from_static(b"server.1=here:1:2:participant\nversion=0"),
        election_address: "here:2".to_string(),
        election_limits: Limits::default(),
        tick: Duration::from_secs(2),
        init_limit: 10,
        sync_limit: 5,
        window: 500,
        window_bytes: 1 << 20,
        from_disk: true,
        from_disk_bytes: 1 << 30,
        force_snapshot: false,
    }
}

/// A leader, and everything that it wanted done.
pub(crate) struct Desk {
    pub(crate) leader: Leader,
    pub(crate) settings: Settings,
    now: Duration,
    sent: BTreeMap<u64, Vec<Packet>>,
    told: Vec<Told>,
    closed: BTreeSet<u64>,
    /// Connections that are to be asked whether they have taken everything.
    pub(crate) flushes: VecDeque<u64>,
    pub(crate) fetches: VecDeque<Fetch>,
    pub(crate) tickets: VecDeque<Ticket>,
    /// The log on disk, forced or not, from the first transaction that is not purged.
    pub(crate) log: Vec<Entry>,
    pub(crate) writes: Vec<Write>,
    pub(crate) tick: Option<Duration>,
}

impl Desk {
    pub(crate) fn new(settings: Settings, recovered: Recovered) -> Desk {
        let log = recovered.tail.clone();
        let leader = Leader::new(Arc::new(settings.clone()), History::new(recovered));
        let mut desk = Desk {
            leader,
            settings,
            now: Duration::ZERO,
            sent: BTreeMap::new(),
            told: Vec::new(),
            closed: BTreeSet::new(),
            flushes: VecDeque::new(),
            fetches: VecDeque::new(),
            tickets: VecDeque::new(),
            log,
            writes: Vec::new(),
            tick: None,
        };
        desk.act(Leader::begin);
        desk
    }

    /// An established leader of three voters, with this history; server 1 follows over link 1.
    pub(crate) fn serving(settings: Settings, recovered: Recovered) -> Desk {
        let last = recovered.log_end();
        let mut desk = Desk::new(settings, recovered);
        desk.follows(1, 1, last.last, last.current_epoch);
        assert!(desk.take_told().iter().any(|told| told.starts_with("Serving")));
        desk.take_sent(1);
        desk
    }

    /// Does something with the leader, and carries out what it wants.
    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Leader, &mut Effects<Zab>) -> T) -> T {
        let mut effects = Effects::at(Now { monotonic: self.now, wall_ms: 0 });
        let result = act(&mut self.leader, &mut effects);
        for effect in effects.drain() {
            self.carry_out(effect);
        }
        result
    }

    fn carry_out(&mut self, effect: Effect<Zab>) {
        match effect {
            Effect::Send { to: Peer::Learner(link), message } => {
                assert!(!self.closed.contains(&link), "{message} for #{link}, which is closed");
                self.sent.entry(link).or_default().push(message);
            }
            Effect::Close(Peer::Learner(link)) => assert!(self.closed.insert(link)),
            Effect::Flush(Peer::Learner(link)) => self.flushes.push_back(link),
            Effect::Write(write) => {
                if let Write::Append(entry) = &write {
                    self.log.push(entry.clone());
                }
                self.writes.push(write);
            }
            Effect::Sync(ticket) => self.tickets.push_back(ticket),
            Effect::Fetch(fetch) => self.fetches.push_back(fetch),
            Effect::Answer(told) => self.told.push(told),
            Effect::Set { timer: Timer::Tick, after } => self.tick = Some(self.now + after),
            Effect::Clear(Timer::Tick) => self.tick = None,
            other => panic!("a leader has no use for {other:?}"),
        }
    }

    pub(crate) fn step(&mut self, event: Event<Zab>) {
        self.act(|leader, effects| leader.step(event, effects));
    }

    pub(crate) fn drained(&mut self) {
        self.step(Event::Drained);
    }

    /// Everything that was written is on disk.
    pub(crate) fn durable(&mut self) {
        self.drained();
        while let Some(ticket) = self.tickets.pop_front() {
            self.step(Event::Durable(ticket));
            self.drained();
        }
    }

    /// The time goes on, tick by tick.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let until = self.now + Duration::from_secs(seconds);
        while let Some(due) = self.tick.filter(|due| *due <= until) {
            (self.now, self.tick) = (due, None);
            self.step(Event::Expired(Timer::Tick));
        }
        self.now = until;
    }

    pub(crate) fn opened(&mut self, link: u64) {
        self.step(Event::Opened(Peer::Learner(link)));
    }

    pub(crate) fn says(&mut self, link: u64, packet: Packet) {
        self.step(Event::Received { from: Peer::Learner(link), message: packet });
    }

    pub(crate) fn breaks(&mut self, link: u64) {
        self.closed.insert(link);
        self.step(Event::Closed(Peer::Learner(link)));
    }

    /// A server dials, and says that it would follow, or observe.
    pub(crate) fn joins(&mut self, link: u64, server: i64, accepted: u32) {
        self.opened(link);
        let learner = learner(server);
        let votes = self.settings.members.is_voter(ServerId(server));
        self.says(
            link,
            match votes {
                true => Packet::FollowerInfo { accepted, learner },
                false => Packet::ObserverInfo { accepted, learner },
            },
        );
    }

    pub(crate) fn promises(&mut self, link: u64, last: Zxid, current: Option<u32>) {
        self.says(link, Packet::AckEpoch { last, current });
    }

    pub(crate) fn acks(&mut self, link: u64, epoch: u32, counter: u32) {
        self.says(link, Packet::Ack(Zxid::new(epoch, counter)));
    }

    pub(crate) fn answers_ping(&mut self, link: u64) {
        self.says(link, Packet::Ping { zxid: Zxid::ZERO, touched: Some(Vec::new()) });
    }

    /// A server whose history ends at `last` goes all the way, as far as the leader lets it.
    pub(crate) fn follows(&mut self, link: u64, server: i64, last: Zxid, current: u32) {
        self.joins(link, server, current);
        self.durable();
        let epoch = self.leader.epoch().expect("a quorum has joined");
        self.promises(link, last, Some(current));
        self.durable();
        self.acks(link, epoch, 0);
    }

    pub(crate) fn propose(&mut self, entry: Entry) {
        self.act(|leader, effects| leader.propose(entry, effects));
    }

    /// The connection has taken what it was asked about.
    pub(crate) fn flushed(&mut self, link: u64) {
        let at = self.flushes.iter().position(|asked| *asked == link).expect("it was asked");
        self.flushes.remove(at);
        self.step(Event::Flushed(Peer::Learner(link)));
    }

    /// The disk answers the oldest question, with at most so many entries.
    pub(crate) fn fetched(&mut self, most: usize) {
        let Fetch::Entries { from, to, .. } = self.fetches.pop_front().expect("it was asked");
        let after: Vec<Entry> = self.log.iter().filter(|it| it.zxid > from).cloned().collect();
        let here = self.log.iter().any(|it| it.zxid == from);
        let joins = after.first().is_some_and(|first| here || first.zxid.follows(from));
        let fetched = match joins && (here || after[0].zxid.epoch() == from.epoch()) {
            false => Fetched::Missing { from, to },
            true => {
                let wanted = after.into_iter().filter(|it| it.zxid <= to).take(most);
                Fetched::Entries { from, to, entries: wanted.collect() }
            }
        };
        self.step(Event::Fetched(fetched));
    }

    pub(crate) fn is_closed(&self, link: u64) -> bool {
        self.closed.contains(&link)
    }

    /// What was sent over a link since it was last asked.
    pub(crate) fn packets(&mut self, link: u64) -> Vec<Packet> {
        self.sent.remove(&link).unwrap_or_default()
    }

    /// The same, as it is displayed.
    pub(crate) fn take_sent(&mut self, link: u64) -> Vec<String> {
        self.packets(link).iter().map(ToString::to_string).collect()
    }

    /// What the service was told since it was last asked.
    pub(crate) fn take_told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told).iter().map(ToString::to_string).collect()
    }
}

pub(crate) fn learner(server: i64) -> Learner {
    Learner { server: ServerId(server), protocol: Learner::PROTOCOL, config: 0 }
}
