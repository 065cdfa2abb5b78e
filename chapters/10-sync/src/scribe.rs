//! A member with the smallest service on top that can be: it remembers which transactions were
//! delivered, in order. It is what the chapter's program and its tests put into the simulated world.
//!
//! Its snapshots are real ones, with a node for each transaction. What its server says, hears,
//! writes and tells is shown to an observer, which knows the [`Laws`].
//!
//! Always true: what it remembers is what was delivered, or what a leader's snapshot says.
//!
//! Book: chapter 10.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use election::ServerState;
use machines::{Boot, Booted, Disk, Effect, Effects, Event, Fault, Machine, SimFiles};
use storage::{
    Damage, Entry, Fetch, Fetched, SnapshotReader, State, Store, Write, epochs, recover_member,
};
use zab::{Ceased, Health, Packet, Recovered, Request, Told};
use zxid::{ServerId, SessionId, Zxid};

use crate::laws::Laws;
use crate::member::Member;
use crate::settings::Settings;
use crate::vocabulary::Ensemble;

/// How a scribe keeps its house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// How its disk works.
    pub storage: storage::Settings,
    /// It takes a snapshot after so many deliveries, and purges what is not needed then.
    pub snapshot_every: usize,
    /// How many transactions it sends at a time when it sends a snapshot.
    pub piece: usize,
    /// The largest counter that it uses of an epoch.
    pub last_counter: u32,
}

impl Default for Habits {
    fn default() -> Self {
        let storage = storage::Settings { preallocate: 0, ..storage::Settings::default() };
        Habits { storage, snapshot_every: usize::MAX, piece: 100, last_counter: u32::MAX - 1 }
    }
}

/// The transactions that were delivered, each with a number for its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Delivered(Vec<(Zxid, u64)>);

/// A server that remembers.
pub struct Scribe {
    me: ServerId,
    member: Member,
    laws: Rc<RefCell<Laws>>,
    habits: Habits,
    delivered: Delivered,
    since_snapshot: usize,
    /// A leader's snapshot that is coming in.
    loading: Option<(Zxid, Vec<u8>)>,
    /// The snapshots that go out: to which connection, and the pieces that are left.
    sending: Vec<(u64, VecDeque<Bytes>)>,
    /// The last transaction that was proposed or delivered.
    last: Zxid,
}

impl Scribe {
    /// The member.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The last transaction that was delivered.
    pub fn applied(&self) -> Zxid {
        self.delivered.0.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    /// Whether it leads, and serves.
    pub fn leads(&self) -> bool {
        self.member.serving().is_some_and(|(leader, _)| leader == self.me)
    }

    /// Writes something: proposes it, or asks the leader to. Nothing happens if there is none.
    pub fn write(&mut self, session: SessionId, what: &[u8], effects: &mut Effects<Ensemble>) {
        let from = effects.list().len();
        if self.leads() {
            self.propose(session, what, effects);
        } else if self.member.serving().is_some() {
            let body = Bytes::copy_from_slice(what);
            let request = Request { session, cxid: 0, op: 1, body, identities: None };
            self.member.touch(session, 10_000);
            self.member.ask(Packet::Request(request), effects);
        }
        self.see(from, effects);
    }

    /// Asks whether it leads still. Nothing happens if it does not.
    pub fn confirm(&mut self, effects: &mut Effects<Ensemble>) {
        let from = effects.list().len();
        if self.leads() {
            let number = self.member.confirm(effects);
            self.laws.borrow_mut().doubted(self.me, number);
        }
        self.see(from, effects);
    }

    fn propose(&mut self, session: SessionId, what: &[u8], effects: &mut Effects<Ensemble>) {
        match self.last.next().ok().filter(|next| next.counter() <= self.habits.last_counter) {
            None => self.member.resign(Ceased::RolledOver, effects),
            Some(next) => {
                self.last = next;
                let entry = entry(next, session, what);
                self.laws.borrow_mut().proposed(self.me, &entry);
                self.member.propose(entry, effects);
            }
        }
    }

    /// Looks at what was done since, and does its own part.
    fn see(&mut self, from: usize, effects: &mut Effects<Ensemble>) {
        let mut at = from;
        while let Some(effect) = effects.list().get(at).cloned() {
            at += 1;
            match effect {
                Effect::Send { to, message } => {
                    self.laws.borrow_mut().sent(self.me, to, &message);
                }
                Effect::Answer(told) => {
                    self.laws.borrow_mut().told(self.me, &told);
                    self.on_told(told, effects);
                }
                _ => {}
            }
        }
        self.laws.borrow_mut().after(self.me, &self.member);
    }

    fn on_told(&mut self, told: Told, effects: &mut Effects<Ensemble>) {
        match told {
            Told::Deliver(entry) => self.on_delivered(&entry, effects),
            Told::Serving { role: ServerState::Leading, epoch, .. } => {
                self.last = Zxid::new(epoch, 0);
            }
            Told::Ceased(_) => {
                self.loading = None;
                self.sending.clear();
            }
            Told::SnapshotBegun(zxid) => self.loading = Some((zxid, Vec::new())),
            Told::SnapshotBytes(bytes) => {
                let (_, body) = self.loading.as_mut().expect("a snapshot was begun");
                body.extend(bytes);
            }
            Told::SnapshotEnded => self.on_loaded(),
            Told::SnapshotWanted(link) => {
                let pieces = self.delivered.pieces(self.habits.piece);
                self.member.snapshot_begin(link, self.applied(), effects);
                self.sending.push((link, pieces));
                self.send_more(link, effects);
            }
            Told::SnapshotMore(link) => self.send_more(link, effects),
            Told::SnapshotUnwanted(link) => self.sending.retain(|(other, _)| *other != link),
            Told::Asked { packet: Packet::Request(request), .. } => {
                if self.leads() {
                    self.propose(request.session, &request.body, effects);
                }
            }
            Told::Serving { .. } | Told::Asked { .. } | Told::Answered(_) | Told::Confirmed(_) => {}
        }
    }

    fn on_delivered(&mut self, entry: &Entry, effects: &mut Effects<Ensemble>) {
        self.delivered.0.push((entry.zxid, Laws::number(&entry.payload)));
        self.since_snapshot += 1;
        if self.since_snapshot >= self.habits.snapshot_every && self.loading.is_none() {
            self.since_snapshot = 0;
            effects.write(Write::BeginSnapshot { zxid: entry.zxid });
            effects.write(Write::SnapshotBytes(self.delivered.save().into()));
            effects.write(Write::EndSnapshot { digest: None });
            effects.write(Write::Roll);
            effects.write(Write::Purge { keep: 1 });
        }
    }

    fn on_loaded(&mut self) {
        let (zxid, body) = self.loading.take().expect("a snapshot was begun");
        let mut reader = SnapshotReader::new("the leader's snapshot", &body[..]);
        self.delivered = Delivered::default();
        self.delivered.load(&mut reader).expect("a leader sends whole snapshots");
        self.laws.borrow_mut().loaded(self.me, zxid, &self.delivered.0);
    }

    fn send_more(&mut self, link: u64, effects: &mut Effects<Ensemble>) {
        let sending = self.sending.iter_mut().find(|(other, _)| *other == link);
        match sending.and_then(|(_, pieces)| pieces.pop_front()) {
            Some(piece) => self.member.snapshot_bytes(link, piece, effects),
            None => {
                self.sending.retain(|(other, _)| *other != link);
                self.member.snapshot_end(link, effects);
            }
        }
    }
}

/// A transaction: a header as any, and what is written.
fn entry(zxid: Zxid, session: SessionId, what: &[u8]) -> Entry {
    let mut payload = session.0.to_be_bytes().to_vec();
    payload.extend(0i32.to_be_bytes());
    payload.extend(zxid.0.to_be_bytes());
    payload.extend(0i64.to_be_bytes());
    payload.extend(1i32.to_be_bytes());
    payload.extend_from_slice(what);
    Entry { zxid, payload: payload.into() }
}

impl Delivered {
    /// A snapshot's body, in pieces of so many transactions.
    fn pieces(&self, count: usize) -> VecDeque<Bytes> {
        // No sessions, no lists, and the root.
        let mut first = vec![0; 8];
        node("", 0, &mut first);
        let mut pieces = VecDeque::from([first]);
        for transactions in self.0.chunks(count.max(1)) {
            let mut piece = Vec::new();
            for (zxid, number) in transactions {
                node(&format!("/{}", zxid.hex()), *number, &mut piece);
            }
            pieces.push_back(piece);
        }
        pieces.push_back(vec![0, 0, 0, 1, b'/']);
        pieces.into_iter().map(Bytes::from).collect()
    }
}

fn node(path: &str, number: u64, into: &mut Vec<u8>) {
    into.extend((path.len() as u32).to_be_bytes());
    into.extend_from_slice(path.as_bytes());
    into.extend(8u32.to_be_bytes());
    into.extend(number.to_be_bytes());
    into.extend((-1i64).to_be_bytes());
    into.extend([0; 60]);
}

impl State for Delivered {
    fn load(&mut self, body: &mut SnapshotReader<'_>) -> Result<(), Damage> {
        // There are no sessions and no lists.
        body.count()?;
        body.count()?;
        while let Some(node) = body.node()? {
            let zxid =
                node.path.strip_prefix('/').and_then(|hex| u64::from_str_radix(hex, 16).ok());
            let number = node.data.and_then(|data| data.try_into().ok());
            if let (Some(zxid), Some(number)) = (zxid, number) {
                self.0.push((Zxid(zxid), u64::from_be_bytes(number)));
            }
        }
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Damage> {
        self.0.push((entry.zxid, Laws::number(&entry.payload)));
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        self.pieces(usize::MAX).into_iter().flatten().collect()
    }

    fn digest(&self) -> Option<u64> {
        None
    }
}

impl Machine for Scribe {
    type Protocol = Ensemble;

    fn step(&mut self, event: Event<Ensemble>, effects: &mut Effects<Ensemble>) {
        let from = effects.list().len();
        match &event {
            Event::Opened(peer) => self.laws.borrow_mut().opened(self.me, *peer),
            Event::Received { from, message } => {
                self.laws.borrow_mut().received(self.me, *from, message);
            }
            Event::Failed(..) => self.laws.borrow_mut().failed(self.me),
            _ => {}
        }
        self.member.step(event, effects);
        self.see(from, effects);
    }
}

/// Starts a scribe in the simulated world.
pub fn boot(
    settings: Arc<Settings>,
    habits: Habits,
    laws: Rc<RefCell<Laws>>,
) -> impl FnMut(Boot) -> Result<Booted<Scribe>, Fault> + 'static {
    move |boot| {
        let opened = open(boot.files, settings.me, habits, &laws);
        if let Err(damage) = &opened
            && !matches!(damage, Damage::Disk(_))
        {
            laws.borrow_mut().refused(settings.me, &damage.to_string());
        }
        let (recovered, delivered, disk) = opened?;
        laws.borrow_mut().started(settings.me, &recovered);
        laws.borrow_mut().loaded(settings.me, recovered.applied, &delivered.0);
        let machine = Scribe {
            me: settings.me,
            member: Member::new(settings.clone()),
            laws: laws.clone(),
            habits,
            delivered,
            since_snapshot: 0,
            loading: None,
            sending: Vec::new(),
            last: Zxid::ZERO,
        };
        Ok(Booted { machine, disk: Box::new(disk), recovered })
    }
}

fn open(
    files: SimFiles,
    me: ServerId,
    habits: Habits,
    laws: &Rc<RefCell<Laws>>,
) -> Result<(Recovered, Delivered, SeenDisk), Damage> {
    let (found, mut store) = recover_member(files, habits.storage, &mut Delivered::default)?;
    let storage::Recovered { state, snapshot: applied, tail, last, .. } = found;
    let (accepted, current) = epochs(last, found.accepted_epoch, found.current_epoch)?;
    let health = Health::found(found.convalescent, found.accepted_epoch);
    if (found.accepted_epoch, found.current_epoch) != (Some(accepted), Some(current))
        && health != Health::Forgetful
    {
        store.write(Write::AcceptedEpoch(accepted))?;
        store.write(Write::CurrentEpoch(current))?;
        store.sync()?;
    }
    let recovered = Recovered { accepted, current, applied, tail, health };
    Ok((recovered, state, SeenDisk { store, me, laws: laws.clone() }))
}

/// A disk that shows the observer what is written.
struct SeenDisk {
    store: Store<SimFiles>,
    me: ServerId,
    laws: Rc<RefCell<Laws>>,
}

impl Disk<Ensemble> for SeenDisk {
    fn write(&mut self, write: Write) -> Result<(), Fault> {
        self.laws.borrow_mut().wrote(self.me, &write);
        self.store.write(write)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.store.sync()?;
        self.laws.borrow_mut().forced(self.me);
        Ok(())
    }

    fn fetch(&mut self, fetch: Fetch) -> Result<Fetched, Fault> {
        self.store.fetch(fetch)
    }
}
