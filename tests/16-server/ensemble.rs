//! A stage for several servers: their disks, the connections between them, and their clients.
//!
//! Nothing happens by itself here either. `settle` lets everybody work until nobody has anything
//! more to do; `pass` lets time go by. What servers say to each other arrives in order, and a test
//! may hold it up, cut it off, or look at it.

#[path = "ensemble_clients.rs"]
mod clients;
#[path = "ensemble_wires.rs"]
mod wires;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::Members;
use machines::{Effect, Effects, Event, Machine, Now, SimFiles};
use server::{Message, Notice, Peer, Server, Settings, State, Timer, Zk};
use storage::{Store, Write};
use zab::Packet;
use zxid::ServerId;

use crate::stage;

/// One server, or the place where it was.
struct Place {
    settings: Settings,
    files: SimFiles,
    up: Option<Up>,
}

/// A server that is up.
struct Up {
    server: Server,
    store: Store<SimFiles>,
    disk: VecDeque<Effect<Zk>>,
    timers: BTreeMap<Timer, Duration>,
    /// Whether something happened since the last `Drained`.
    busy: bool,
    paused: BTreeSet<Peer>,
    /// What has arrived from those that are paused.
    held: VecDeque<(Peer, Message)>,
}

/// On its way between servers.
enum Parcel {
    Message(Message),
    Opened,
    Closed,
    Flushed,
}

/// Several servers.
pub(crate) struct Ensemble {
    pub(crate) now: Now,
    places: BTreeMap<i64, Place>,
    /// For each end of a connection the other end, and the connection's number.
    wires: BTreeMap<(i64, Peer), (i64, Peer, u64)>,
    /// To whom, on which connection, and what.
    post: VecDeque<(i64, Peer, u64, Parcel)>,
    accepted: u64,
    /// Servers that nothing reaches, and from which nothing comes.
    cut_off: BTreeSet<i64>,
    /// Servers whose disk does nothing.
    pub(crate) slow_disks: BTreeSet<i64>,
    /// Servers of which no packet reaches any other for now.
    pub(crate) muted: BTreeSet<i64>,
    sent: BTreeMap<u64, Vec<u8>>,
    greeted: BTreeSet<u64>,
    /// At which server each connection is.
    at: BTreeMap<u64, i64>,
    pub(crate) closed: BTreeSet<u64>,
    pub(crate) notices: Vec<(i64, Notice)>,
    /// Snapshots that were given up.
    pub(crate) abandoned: usize,
    /// Every packet between leader and learners, in the order of sending.
    pub(crate) packets: Vec<(i64, Packet)>,
}

pub(crate) fn settings_of(id: i64, members: &Members) -> Settings {
    let member = sync::Settings {
        me: ServerId(id),
        members: members.clone(),
        // Each server may write the members in its own way.
        config: Bytes::from(format!("server.1=name{id}:1:2:participant\nversion=0")),
        election_address: format!("10.1.1.{id}:2"),
        election_limits: election::Limits::default(),
        tick: Duration::from_millis(2000),
        init_limit: 10,
        sync_limit: 5,
        window: 500,
        window_bytes: 1 << 20,
        from_disk: true,
        from_disk_bytes: 1 << 20,
        force_snapshot: false,
    };
    Settings {
        id: ServerId(id),
        seed: id as u64,
        words: server::Words::All,
        ensemble: Some(Arc::new(member)),
        ..stage::settings()
    }
}

impl Ensemble {
    /// Servers 1 to `count` that vote, and then as many that do not; all up, with a leader.
    pub(crate) fn new(voters: i64, observers: i64) -> Ensemble {
        Ensemble::with(voters, observers, |_| {})
    }

    /// The same, with other settings.
    pub(crate) fn with(voters: i64, observers: i64, change: impl Fn(&mut Settings)) -> Ensemble {
        let members = Members::majority((1..=voters).map(ServerId))
            .with_observers((voters + 1..=voters + observers).map(ServerId));
        let now = Now { monotonic: Duration::from_secs(100), wall_ms: 1_700_000_000_000 };
        let mut places = BTreeMap::new();
        for id in 1..=voters + observers {
            let mut settings = settings_of(id, &members);
            change(&mut settings);
            places.insert(id, Place { settings, files: SimFiles::new(), up: None });
        }
        let mut ensemble = Ensemble {
            now,
            places,
            wires: BTreeMap::new(),
            post: VecDeque::new(),
            accepted: 0,
            cut_off: BTreeSet::new(),
            slow_disks: BTreeSet::new(),
            muted: BTreeSet::new(),
            sent: BTreeMap::new(),
            greeted: BTreeSet::new(),
            at: BTreeMap::new(),
            closed: BTreeSet::new(),
            notices: Vec::new(),
            abandoned: 0,
            packets: Vec::new(),
        };
        (1..=voters + observers).for_each(|id| ensemble.start(id));
        ensemble.until_served();
        ensemble
    }

    /// Lets time go by until every server that is up, and is not cut off, serves.
    pub(crate) fn until_served(&mut self) {
        self.settle();
        for _ in 0..400 {
            let served = |(id, place): (&i64, &Place)| {
                place.up.as_ref().is_none_or(|up| {
                    self.cut_off.contains(id)
                        || up.server.part().is_some_and(|part| part.serving().is_some())
                })
            };
            if self.places.iter().all(served) {
                return;
            }
            self.pass(100);
        }
        panic!("no leader in 40 seconds: {:#?}", self.notices);
    }

    /// The server that leads.
    pub(crate) fn leader(&self) -> i64 {
        let leads = |place: &Place| {
            let up = place.up.as_ref()?;
            let (leader, _) = up.server.part()?.serving()?;
            (leader == place.settings.id).then_some(leader.0)
        };
        self.places.values().find_map(leads).expect("somebody leads")
    }

    /// The lowest server that does not lead.
    pub(crate) fn follower(&self) -> i64 {
        let leader = self.leader();
        *self.places.keys().find(|id| **id != leader).expect("somebody follows")
    }

    /// The number by which a leader knows its connection to a learner.
    pub(crate) fn link(&self, leader: i64, learner: i64) -> u64 {
        let end = (learner, Peer::Quorum(zab::Peer::Leader(ServerId(leader))));
        match self.wires[&end] {
            (_, Peer::Quorum(zab::Peer::Learner(number)), _) => number,
            other => panic!("no learner: {other:?}"),
        }
    }

    pub(crate) fn server(&self, id: i64) -> &Server {
        &self.places[&id].up.as_ref().expect("it is up").server
    }

    pub(crate) fn state(&self, id: i64) -> &State {
        self.server(id).state()
    }

    pub(crate) fn is_up(&self, id: i64) -> bool {
        self.places[&id].up.is_some()
    }

    /// A server starts, with what its disk holds.
    pub(crate) fn start(&mut self, id: i64) {
        let place = self.places.get_mut(&id).expect("a member");
        let of_store = storage::Settings { preallocate: 0, ..storage::Settings::default() };
        let (recovered, store, _) =
            server::open(place.files.clone(), of_store, &place.settings).expect("a good disk");
        place.up = Some(Up {
            server: Server::new(place.settings.clone()),
            store,
            disk: VecDeque::new(),
            timers: BTreeMap::new(),
            busy: true,
            paused: BTreeSet::new(),
            held: VecDeque::new(),
        });
        self.event(id, Event::Started(recovered));
    }

    /// A server stops at once. What it wrote before is on its disk if it was forced.
    pub(crate) fn stop(&mut self, id: i64) {
        self.places.get_mut(&id).expect("a member").up = None;
        self.sever(id);
        self.wires.retain(|(at, _), _| *at != id);
        self.post.retain(|(to, ..)| *to != id);
        let here: Vec<u64> = self.at.iter().filter(|(_, at)| **at == id).map(|(n, _)| *n).collect();
        self.closed.extend(here);
    }

    /// Its disk is wiped.
    pub(crate) fn wipe(&mut self, id: i64) {
        self.places.get_mut(&id).expect("a member").files = SimFiles::new();
    }

    /// Nothing reaches a server, and nothing comes from it; its clients still do.
    pub(crate) fn cut_off(&mut self, id: i64) {
        self.cut_off.insert(id);
        self.sever(id);
    }

    /// It is reached again.
    pub(crate) fn heal(&mut self, id: i64) {
        self.cut_off.remove(&id);
    }

    /// Tells a server something, and carries out what it wants.
    pub(crate) fn event(&mut self, id: i64, event: Event<Zk>) {
        let Some(up) = self.places.get_mut(&id).and_then(|place| place.up.as_mut()) else { return };
        let mut effects = Effects::at(self.now);
        up.busy |= event != Event::Drained;
        up.server.step(event, &mut effects);
        let wanted: Vec<Effect<Zk>> = effects.drain().collect();
        for effect in wanted {
            self.carry_out(id, effect);
        }
    }

    fn carry_out(&mut self, id: i64, effect: Effect<Zk>) {
        let up = self.places.get_mut(&id).and_then(|place| place.up.as_mut()).expect("it is up");
        match effect {
            Effect::Send { to: Peer::Client(to), message: Message::Chunk(bytes) } => {
                assert!(!self.closed.contains(&to.number), "nothing is sent after the end");
                self.sent.entry(to.number).or_default().extend_from_slice(&bytes);
            }
            Effect::Close(Peer::Client(connection)) => {
                assert!(self.closed.insert(connection.number), "a connection is closed once");
            }
            Effect::Pause(peer) => drop(up.paused.insert(peer)),
            Effect::Resume(peer) => {
                up.paused.remove(&peer);
                let held = std::mem::take(&mut up.held);
                let (free, still): (Vec<_>, Vec<_>) =
                    held.into_iter().partition(|(from, _)| *from == peer);
                up.held = still.into();
                if let Some((_, _, number)) = self.wires.get(&(id, peer)) {
                    for (from, message) in free.into_iter().rev() {
                        self.post.push_front((id, from, *number, Parcel::Message(message)));
                    }
                }
            }
            Effect::Set { timer, after } => {
                up.timers.insert(timer, self.now.monotonic + after);
            }
            Effect::Clear(timer) => drop(up.timers.remove(&timer)),
            Effect::Write(_) | Effect::Sync(_) | Effect::Fetch(_) => {
                self.abandoned += usize::from(effect == Effect::Write(Write::AbandonSnapshot));
                up.disk.push_back(effect);
            }
            Effect::Answer(notice) => {
                let wrong = matches!(notice, Notice::DigestMismatch { .. });
                assert!(!wrong, "the tree is what each transaction says: {notice:?}");
                self.notices.push((id, notice));
            }
            Effect::Open(to) => self.open_wire(id, to),
            Effect::Close(peer) => {
                up.held.retain(|(from, _)| *from != peer);
                up.paused.remove(&peer);
                if let Some((other, end, number)) = self.wires.remove(&(id, peer)) {
                    self.post.push_back((other, end, number, Parcel::Closed));
                }
            }
            Effect::Flush(peer) => {
                if let Some((_, _, number)) = self.wires.get(&(id, peer)) {
                    self.post.push_back((id, peer, *number, Parcel::Flushed));
                }
            }
            Effect::Send { to, message } => {
                if let Message::Quorum(packet) = &message {
                    self.packets.push((id, packet.clone()));
                }
                if let Some((other, end, number)) = self.wires.get(&(id, to)).copied() {
                    self.post.push_back((other, end, number, Parcel::Message(message)));
                }
            }
        }
    }

    /// Everybody works until nobody has anything more to do.
    pub(crate) fn settle(&mut self) {
        while self.deliver(usize::MAX) || self.drain() || self.work_disks() {}
    }

    /// Everybody does the next thing that there is to do.
    pub(crate) fn settle_a_little(&mut self) {
        self.deliver(1);
        self.drain();
        let ids: Vec<i64> = self.places.keys().copied().collect();
        for id in ids {
            if let Some(event) = self.disk_once(id) {
                self.event(id, event);
            }
        }
    }

    /// Tells everybody who was told something that there is no more.
    pub(crate) fn drain(&mut self) -> bool {
        let ids: Vec<i64> = self.places.keys().copied().collect();
        let mut any = false;
        for id in ids {
            let up = self.places.get_mut(&id).and_then(|place| place.up.as_mut());
            if up.is_some_and(|up| std::mem::take(&mut up.busy)) {
                self.event(id, Event::Drained);
                any = true;
            }
        }
        any
    }

    fn work_disks(&mut self) -> bool {
        let ids: Vec<i64> = self.places.keys().copied().collect();
        let mut any = false;
        for id in ids {
            while let Some(event) = self.disk_once(id) {
                any = true;
                self.event(id, event);
            }
        }
        any
    }

    /// The disk does what it was asked, until it has something to say.
    fn disk_once(&mut self, id: i64) -> Option<Event<Zk>> {
        if self.slow_disks.contains(&id) {
            return None;
        }
        let up = self.places.get_mut(&id)?.up.as_mut()?;
        while let Some(job) = up.disk.pop_front() {
            match job {
                Effect::Write(write) => up.store.write(write).expect("the disk works"),
                Effect::Sync(ticket) => {
                    up.store.sync().expect("the disk works");
                    return Some(Event::Durable(ticket));
                }
                Effect::Fetch(fetch) => {
                    return Some(Event::Fetched(up.store.fetch(fetch).expect("the disk works")));
                }
                other => panic!("{other:?} is not for the disk"),
            }
        }
        None
    }

    /// A slow disk does what it has been asked so far, and no more.
    pub(crate) fn disk_begins(&mut self, id: i64) {
        self.slow_disks.remove(&id);
        if let Some(event) = self.disk_once(id) {
            self.event(id, event);
        }
        self.drain();
        self.slow_disks.insert(id);
    }

    /// Whether a write waits for a server's disk.
    pub(crate) fn has_to_write(&self, id: i64, which: impl Fn(&Write) -> bool) -> bool {
        let up = self.places[&id].up.as_ref().expect("it is up");
        up.disk.iter().any(|job| matches!(job, Effect::Write(write) if which(write)))
    }

    /// Time goes by; timers run out when they should.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.monotonic + Duration::from_millis(ms);
        self.settle();
        loop {
            let timers = self.places.iter().flat_map(|(id, place)| {
                let up = place.up.iter().flat_map(|up| up.timers.iter());
                up.map(|(timer, due)| (*due, *id, *timer))
            });
            let Some((due, id, timer)) = timers.min() else { break };
            if due > end {
                break;
            }
            self.move_clock(due.max(self.now.monotonic));
            let up = self.places.get_mut(&id).and_then(|place| place.up.as_mut());
            up.expect("it is up").timers.remove(&timer);
            self.event(id, Event::Expired(timer));
            self.settle();
        }
        self.move_clock(end);
    }

    fn move_clock(&mut self, to: Duration) {
        self.now.wall_ms += (to - self.now.monotonic).as_millis() as i64;
        self.now.monotonic = to;
    }
}
