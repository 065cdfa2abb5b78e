//! A stage: one server, its disk and its clients, and a test that moves time.
//!
//! Nothing happens by itself. What the server sends is decoded; what it writes goes to real files of
//! a disk in memory, when the test says that the disk is ready.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use jute::records::{
    Acl, ConnectRequest, CreateRequest, DeleteRequest, MaybePathRequest, OpCode, ReadRequest,
    SetDataRequest, WatcherEvent,
};
use machines::{Effect, Effects, Event, Fault, Machine, Now, SimFiles, Ticket};
use protocol::{
    Request, Word, decode_connect_response, decode_reply, encode_connect, encode_request, xid,
};
use server::{Connection, Message, Notice, Peer, Recovered, Server, Settings, State, Timer, Zk};
use storage::{Replay, Store, Write, recover};
use zxid::SessionId;

pub(crate) const PASSWORD_LENGTH: usize = 16;

/// What a client hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    /// The answer to the first frame.
    Connected { session: SessionId, timeout: i32, password: Vec<u8> },
    /// An answer: its number, zxid and error, and how long its record is.
    Reply { xid: i32, zxid: i64, err: i32, body: Vec<u8> },
    /// A watch event.
    Event { kind: i32, path: String },
}

/// A server that keeps up to 40 seconds of silence, by ticks of 2 seconds.
pub(crate) fn settings() -> Settings {
    Settings {
        tick_ms: 2000,
        min_session_timeout: 4000,
        max_session_timeout: 40_000,
        extended_types: true,
        ..Settings::default()
    }
}

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) now: Now,
    effects: Effects<Zk>,
    files: SimFiles,
    store: Store<SimFiles>,
    /// Writes and syncs that the disk has not done yet.
    disk: Vec<Effect<Zk>>,
    /// When each timer will run out.
    pub(crate) timers: BTreeMap<Timer, Duration>,
    /// What was sent to each connection and not looked at yet.
    sent: BTreeMap<u64, Vec<u8>>,
    greeted: BTreeSet<u64>,
    pub(crate) closed: BTreeSet<u64>,
    pub(crate) paused: BTreeSet<u64>,
    pub(crate) notices: Vec<Notice>,
    /// Everything that was written.
    pub(crate) written: Vec<Write>,
}

impl Stage {
    pub(crate) fn new(settings: Settings) -> Stage {
        Stage::over(settings, SimFiles::new())
    }

    /// A server that starts with what these files hold.
    pub(crate) fn over(settings: Settings, files: SimFiles) -> Stage {
        let (recovered, store) = open(&settings, &files);
        let now = Now { monotonic: Duration::from_secs(100), wall_ms: 1_700_000_000_000 };
        let mut stage = Stage {
            server: Server::new(settings),
            now,
            effects: Effects::at(now),
            files,
            store,
            disk: Vec::new(),
            timers: BTreeMap::new(),
            sent: BTreeMap::new(),
            greeted: BTreeSet::new(),
            closed: BTreeSet::new(),
            paused: BTreeSet::new(),
            notices: Vec::new(),
            written: Vec::new(),
        };
        stage.event(Event::Started(recovered));
        stage.event(Event::Drained);
        stage.run_disk();
        stage
    }

    /// The state that the disk holds now.
    pub(crate) fn on_disk(&self, settings: &Settings) -> State {
        open(settings, &self.files.copy()).0.state
    }

    /// Stops this server and starts another one with its files.
    pub(crate) fn restart(self, settings: Settings) -> Stage {
        Stage::over(settings, self.files)
    }

    /// One event, and nothing after it.
    pub(crate) fn event(&mut self, event: Event<Zk>) {
        self.effects.set_now(self.now);
        self.server.step(event, &mut self.effects);
        let effects: Vec<Effect<Zk>> = self.effects.drain().collect();
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect<Zk>) {
        match effect {
            Effect::Send { to: Peer::Client(connection), message: Message::Chunk(bytes) } => {
                let number = connection.number;
                assert!(!self.closed.contains(&number), "nothing is sent after the end");
                self.sent.entry(number).or_default().extend_from_slice(&bytes);
            }
            Effect::Close(Peer::Client(connection)) => {
                assert!(self.closed.insert(connection.number), "a connection is closed once");
            }
            Effect::Pause(Peer::Client(connection)) => {
                assert!(self.paused.insert(connection.number));
            }
            Effect::Resume(Peer::Client(connection)) => {
                assert!(self.paused.remove(&connection.number));
            }
            Effect::Set { timer, after } => {
                self.timers.insert(timer, self.now.monotonic + after);
            }
            Effect::Clear(timer) => {
                self.timers.remove(&timer);
            }
            Effect::Write(_) | Effect::Sync(_) => self.disk.push(effect),
            Effect::Answer(notice) => {
                let wrong = matches!(notice, Notice::DigestMismatch { .. });
                assert!(!wrong, "the tree is what each transaction says: {notice:?}");
                self.notices.push(notice);
            }
            other => panic!("a server that stands alone does not {other:?}"),
        }
    }

    /// The host has nothing more at hand.
    pub(crate) fn drain(&mut self) {
        self.event(Event::Drained);
    }

    /// The disk does what it was asked, and says so. Says whether there was something.
    pub(crate) fn disk_once(&mut self) -> bool {
        let jobs = std::mem::take(&mut self.disk);
        let mut done = false;
        for job in jobs {
            match job {
                Effect::Write(write) => {
                    self.written.push(write.clone());
                    self.store.write(write).expect("the disk works");
                }
                Effect::Sync(ticket) => {
                    self.store.sync().expect("the disk works");
                    self.event(Event::Durable(ticket));
                    done = true;
                }
                other => panic!("{other:?} is not for the disk"),
            }
        }
        done
    }

    /// Goes on until nothing is under way.
    pub(crate) fn run_disk(&mut self) {
        self.drain();
        while self.disk_once() {
            self.drain();
        }
    }

    /// How much the disk has still to do.
    pub(crate) fn syncs(&self) -> usize {
        self.disk.iter().filter(|job| matches!(job, Effect::Sync(_))).count()
    }

    /// The disk breaks before the first sync that it has not done.
    pub(crate) fn break_disk(&mut self) {
        let first = self.disk.iter().find_map(|job| match job {
            Effect::Sync(ticket) => Some(*ticket),
            _ => None,
        });
        self.disk.clear();
        let ticket = first.unwrap_or(Ticket(u64::MAX));
        self.event(Event::Failed(ticket, Fault::Broken("no such luck".to_owned())));
        self.drain();
    }

    /// Time goes by; timers run out when they should.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.monotonic + Duration::from_millis(ms);
        loop {
            let next = self.timers.iter().min_by_key(|(_, due)| **due);
            let Some((timer, due)) = next.map(|(timer, due)| (*timer, *due)) else { break };
            if due > end {
                break;
            }
            self.move_clock(due.max(self.now.monotonic));
            self.timers.remove(&timer);
            self.event(Event::Expired(timer));
            self.run_disk();
        }
        self.move_clock(end);
    }

    fn move_clock(&mut self, to: Duration) {
        self.now.wall_ms += (to - self.now.monotonic).as_millis() as i64;
        self.now.monotonic = to;
    }

    /// A connection from an address of its own choice.
    pub(crate) fn open_from(&mut self, number: u64, from: &str) {
        let from: SocketAddr = from.parse().expect("an address");
        self.event(Event::Opened(Peer::Client(Connection { number, from })));
    }

    /// A connection, each from an address of its own.
    pub(crate) fn open(&mut self, number: u64) {
        self.event(Event::Opened(peer(number)));
    }

    /// The connection is lost.
    pub(crate) fn lose(&mut self, number: u64) {
        self.event(Event::Closed(peer(number)));
    }

    pub(crate) fn frame(&mut self, number: u64, frame: &[u8]) {
        let message = Message::Frame(Bytes::copy_from_slice(frame));
        self.event(Event::Received { from: peer(number), message });
    }

    pub(crate) fn word(&mut self, number: u64, word: Word) {
        self.event(Event::Received { from: peer(number), message: Message::Word(word) });
        self.drain();
    }

    /// The first frame.
    pub(crate) fn connect(&mut self, number: u64, request: &ConnectRequest<'_>) {
        let mut out = Vec::new();
        encode_connect(&mut out, request, Some(false));
        self.frame(number, &out[4..]);
    }

    /// A request, in a batch that is not done yet.
    pub(crate) fn ask(&mut self, number: u64, xid: i32, request: &Request<'_>) {
        let mut out = Vec::new();
        encode_request(&mut out, xid, request);
        self.frame(number, &out[4..]);
    }

    /// Opens a connection with a new session, and gives the session and its password.
    pub(crate) fn join(&mut self, number: u64) -> (SessionId, Vec<u8>) {
        self.open(number);
        self.connect(number, &new_session(10_000));
        self.run_disk();
        match self.heard(number).as_slice() {
            [Heard::Connected { session, password, .. }] => (*session, password.clone()),
            other => panic!("not connected: {other:?}"),
        }
    }

    /// Asks, and gives what is heard when everything is done.
    pub(crate) fn call(&mut self, number: u64, xid: i32, request: &Request<'_>) -> Vec<Heard> {
        self.ask(number, xid, request);
        self.run_disk();
        self.heard(number)
    }

    /// What a client has heard since the last time.
    pub(crate) fn heard(&mut self, number: u64) -> Vec<Heard> {
        let bytes = self.sent.remove(&number).unwrap_or_default();
        hear(&bytes, &mut self.greeted, number)
    }

    /// The text that a connection was sent.
    pub(crate) fn text(&mut self, number: u64) -> String {
        String::from_utf8(self.sent.remove(&number).unwrap_or_default()).expect("text")
    }

    /// The numbers of the replies, and -1 for each event, in order.
    pub(crate) fn order(&mut self, number: u64) -> Vec<i32> {
        let number_of = |heard: Heard| match heard {
            Heard::Connected { .. } => 0,
            Heard::Reply { xid, .. } => xid,
            Heard::Event { .. } => -1,
        };
        self.heard(number).into_iter().map(number_of).collect()
    }
}

fn open(settings: &Settings, files: &SimFiles) -> (Recovered, Store<SimFiles>) {
    let (seed, extended) = (settings.seed, settings.extended_types);
    let of_store = storage::Settings { preallocate: 0, ..storage::Settings::default() };
    let fresh = &mut || State::new(seed, extended);
    let (recovered, store) =
        recover(files.clone(), of_store, Replay::All, fresh).expect("the disk is in order");
    let storage::Recovered { state, snapshot, .. } = recovered;
    let replayed = state.last.0 - snapshot.0;
    (Recovered { state, snapshot, member: None, replayed, data_bytes: 0, log_bytes: 0 }, store)
}

/// What a client makes of the bytes that it was sent. The first frame of a connection greets it.
pub(crate) fn hear(bytes: &[u8], greeted: &mut BTreeSet<u64>, number: u64) -> Vec<Heard> {
    let mut rest = bytes;
    let mut heard = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (frame, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        rest = after;
        heard.push(if greeted.insert(number) {
            let (response, _) = decode_connect_response(frame).expect("a connect response");
            Heard::Connected {
                session: response.session_id,
                timeout: response.timeout,
                password: response.password.to_vec(),
            }
        } else {
            decode(frame)
        });
    }
    heard
}

fn decode(frame: &[u8]) -> Heard {
    let (header, body) = decode_reply(frame).expect("a reply");
    if header.xid == xid::EVENT {
        let event: WatcherEvent<'_> = jute::from_slice(body).expect("an event");
        return Heard::Event { kind: event.kind, path: event.path.into_owned() };
    }
    let (xid, zxid, err) = (header.xid, header.zxid, header.err);
    Heard::Reply { xid, zxid, err, body: body.to_vec() }
}

pub(crate) fn peer(number: u64) -> Peer {
    let from = SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 4000));
    Peer::Client(Connection { number, from })
}

pub(crate) fn new_session(timeout: i32) -> ConnectRequest<'static> {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout,
        session_id: SessionId::NONE,
        password: Some(&[0; PASSWORD_LENGTH]),
    }
}

pub(crate) fn create(path: &str, flags: i32) -> Request<'_> {
    create_by(OpCode::Create, path, flags, b"")
}

pub(crate) fn create_by<'a>(op: OpCode, path: &'a str, flags: i32, data: &'a [u8]) -> Request<'a> {
    let request = CreateRequest { path: path.into(), data: Some(data), acl: Acl::open(), flags };
    Request::Create { op, request }
}

pub(crate) fn delete(path: &str) -> Request<'_> {
    Request::Delete(DeleteRequest { path: path.into(), version: -1 })
}

pub(crate) fn set<'a>(path: &'a str, data: &'a [u8]) -> Request<'a> {
    Request::SetData(SetDataRequest { path: path.into(), data: Some(data), version: -1 })
}

pub(crate) fn get(path: &str, watch: bool) -> Request<'_> {
    Request::GetData(ReadRequest { path: path.into(), watch })
}

pub(crate) fn exists(path: &str, watch: bool) -> Request<'_> {
    Request::Exists(ReadRequest { path: path.into(), watch })
}

pub(crate) fn sync(path: &str) -> Request<'_> {
    Request::Sync(MaybePathRequest { path: Some(path.into()) })
}
