//! Chapter 15: what must hold of the client, whatever servers and connections do.
//!
//! The machine is driven by hand: a scene keeps its timers in virtual time, and the test is the
//! server. Conversations in `tests/fixtures/client` were captured from Apache ZooKeeper's client.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jute::records::*;
use machines::{Dice, Effect, Effects, Event, Machine, Now};
use protocol::*;
use zxid::{SessionId, Zxid};

/// A client's machine, its world, and what it did so far.
struct Scene {
    machine: Session,
    effects: Effects<ClientWire>,
    now: Duration,
    timers: BTreeMap<ClientTimer, Duration>,
    opened: Vec<usize>,
    closed: Vec<usize>,
    /// What was sent on the connection that is open, or was last.
    sent: BytesMut,
    outputs: Vec<ClientOutput>,
    next_ask: u64,
}

const TIMEOUT: Duration = Duration::from_secs(10);
const SESSION: SessionId = SessionId(0x100001eb041000f);

fn options(servers: usize, chroot: &str) -> ClientOptions {
    ClientOptions { servers, chroot: chroot.into(), session: None, timeout: TIMEOUT, seed: 1 }
}

impl Scene {
    fn new(servers: usize, chroot: &str) -> Scene {
        Scene::with(options(servers, chroot))
    }

    fn with(options: ClientOptions) -> Scene {
        let mut scene = Scene {
            machine: Session::new(options),
            effects: Effects::new(),
            now: Duration::from_secs(100),
            timers: BTreeMap::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            sent: BytesMut::new(),
            outputs: Vec::new(),
            next_ask: 0,
        };
        scene.step(Event::Started(()));
        scene
    }

    /// A client of one server that has accepted it.
    fn connected(chroot: &str) -> Scene {
        let mut scene = Scene::new(1, chroot);
        scene.accept();
        scene.outputs.clear();
        scene
    }

    fn step(&mut self, event: Event<ClientWire>) {
        self.effects.set_now(Now { monotonic: self.now, wall_ms: 0 });
        self.machine.step(event, &mut self.effects);
        for effect in self.effects.drain() {
            match effect {
                Effect::Open(ClientPeer::Server(server)) => {
                    self.opened.push(server);
                    self.sent.clear();
                }
                Effect::Close(ClientPeer::Server(server)) => self.closed.push(server),
                Effect::Send { to, message: ClientMessage::Chunk(chunk) } => {
                    assert_eq!(to, ClientPeer::Server(*self.opened.last().unwrap()));
                    self.sent.extend_from_slice(&chunk);
                }
                Effect::Set { timer, after } => {
                    self.timers.insert(timer, self.now + after);
                }
                Effect::Clear(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Answer(output) => self.outputs.push(output),
                other => panic!("a client does not {other:?}"),
            }
        }
    }

    fn server(&self) -> ClientPeer {
        ClientPeer::Server(*self.opened.last().unwrap())
    }

    /// Opens the connection that was asked for, and accepts the session.
    fn accept(&mut self) {
        self.step(Event::Opened(self.server()));
        self.sent.clear();
        self.hear(&accepted());
    }

    /// The server says these frames.
    fn hear(&mut self, frames: &[u8]) {
        let mut framer = Framer::new(Framer::LIMIT);
        framer.connected();
        let mut bytes = BytesMut::from(frames);
        while let Some(Cut::Frame(frame)) = framer.cut(&mut bytes).unwrap() {
            let message = ClientMessage::Frame(frame);
            self.step(Event::Received { from: self.server(), message });
        }
    }

    fn lose(&mut self) {
        self.step(Event::Closed(self.server()));
    }

    fn ask(&mut self, operation: Operation, watch: Option<u64>) -> u64 {
        self.next_ask += 1;
        let (number, watch) = (self.next_ask, watch.map(WatchId));
        self.put(Ask::Request { number, operation, watch });
        number
    }

    fn put(&mut self, ask: Ask) {
        let message = ClientMessage::Ask(ask);
        self.step(Event::Received { from: ClientPeer::Caller, message });
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((timer, at)) =
            self.timers.iter().map(|(t, at)| (*t, *at)).min_by_key(|t| t.1)
            && at <= end
        {
            self.now = self.now.max(at);
            self.timers.remove(&timer);
            self.step(Event::Expired(timer));
        }
        self.now = end;
    }

    /// Takes the frames sent since last asked, without their lengths.
    fn frames(&mut self) -> Vec<Bytes> {
        let mut framer = Framer::new(Framer::LIMIT);
        framer.connected();
        let mut frames = Vec::new();
        while let Some(Cut::Frame(frame)) = framer.cut(&mut self.sent).unwrap() {
            frames.push(frame);
        }
        assert!(self.sent.is_empty(), "only whole frames are sent");
        frames
    }

    /// Takes the requests sent since last asked: xid, operation, path.
    fn requests(&mut self) -> Vec<(i32, OpCode, String)> {
        let read = |frame: &Bytes| {
            let (header, body) = decode_header(frame).unwrap();
            let request = decode_request(header.op, body).unwrap();
            (header.xid, request.op(), request.path().unwrap_or_default().to_owned())
        };
        self.frames().iter().map(read).collect()
    }

    fn results(&mut self) -> Vec<(u64, Result<Reply, Error>)> {
        let outputs = std::mem::take(&mut self.outputs).into_iter();
        let result = |output| match output {
            ClientOutput::Completed { number, result, .. } => Some((number, result)),
            _ => None,
        };
        outputs.filter_map(result).collect()
    }

    fn states(&self) -> Vec<SessionState> {
        let state = |output: &ClientOutput| match output {
            ClientOutput::State { state, .. } => Some(*state),
            _ => None,
        };
        self.outputs.iter().filter_map(state).collect()
    }

    fn fired(&self) -> Vec<(Vec<u64>, EventKind, String)> {
        let fired = |output: &ClientOutput| match output {
            ClientOutput::Fired { watches, event } => {
                let watches = watches.iter().map(|watch| watch.0).collect();
                Some((watches, event.kind, event.path.clone()))
            }
            _ => None,
        };
        self.outputs.iter().filter_map(fired).collect()
    }
}

fn accepted() -> Vec<u8> {
    let response = ConnectResponse {
        protocol_version: 0,
        timeout: 10_000,
        session_id: SESSION,
        password: b"0123456789abcdef",
    };
    let mut frames = Vec::new();
    encode_connect_response(&mut frames, &response, Some(false));
    frames
}

fn reply(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frames = Vec::new();
    write(&mut frames);
    frames
}

fn done(xid: i32, zxid: u64) -> Vec<u8> {
    reply(|out| encode_done(out, xid, Zxid(zxid)))
}

fn refused(xid: i32, error: ErrorCode) -> Vec<u8> {
    reply(|out| encode_error(out, xid, Zxid(9), error))
}

fn stat(xid: i32) -> Vec<u8> {
    reply(|out| encode_reply(out, xid, Zxid(9), &StatResponse { stat: Stat::default() }))
}

fn event(kind: EventKind, path: &str) -> Vec<u8> {
    let event = WatcherEvent { kind: kind as i32, state: 3, path: path.into() };
    reply(|out| encode_event(out, NO_ZXID, &event))
}

fn exists(path: &str) -> Operation {
    Operation::Exists { path: path.into() }
}

fn delete(path: &str) -> Operation {
    Operation::Delete { path: path.into(), version: -1 }
}

// Captured conversations.

/// Plays a captured conversation: what its client asked is asked of ours, what its server said is
/// said to ours, and what ours sends must be the same, byte for byte. Gives the events told.
fn replay(file: &str) -> Vec<(Vec<u64>, EventKind, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/client/");
    let text = std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    let captured: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut scene = Scene::new(1, "");
    let mut connection = 1;
    for (index, frame) in captured.as_array().unwrap().iter().enumerate() {
        let bytes = hex(frame["hex"].as_str().unwrap());
        if bytes.is_empty() {
            scene.lose();
        } else if frame["dir"] == "s2c" {
            scene.hear(&bytes);
        } else {
            let what = frame["what"].as_str().unwrap();
            if what.starts_with("ConnectRequest") {
                if frame["conn"] != connection {
                    connection += 1;
                    scene.pass(Duration::from_secs(1));
                }
                scene.step(Event::Opened(scene.server()));
            } else if !what.starts_with("setWatches") {
                let (header, body) = decode_header(&bytes[4..]).unwrap();
                match decode_request(header.op, body).unwrap() {
                    Request::CloseSession => scene.put(Ask::Close { number: 0 }),
                    request => {
                        let (operation, watch) = operation(request);
                        scene.ask(operation, watch.then_some(index as u64));
                    }
                }
            }
            let sent = std::mem::take(&mut scene.sent);
            assert_eq!(sent, bytes, "{file}, frame {index}: {what}");
        }
    }
    assert_eq!(scene.states().last(), Some(&SessionState::Closed));
    scene.fired()
}

/// The operation, and whether it leaves a watch, that a captured client must have been asked for.
fn operation(request: Request<'_>) -> (Operation, bool) {
    let op = request.op();
    match request {
        Request::Create { request: CreateRequest { path, data, acl, .. }, .. } => {
            let (path, data) = (path.into(), data.map(Bytes::copy_from_slice));
            let (mode, stat) = (CreateMode::Persistent, op == OpCode::Create2);
            (Operation::Create { path, data, acl, mode, ttl: -1, stat }, false)
        }
        Request::Exists(read) => (Operation::Exists { path: read.path.into() }, read.watch),
        Request::GetData(read) => (Operation::GetData { path: read.path.into() }, read.watch),
        Request::GetChildren2(read) => {
            (Operation::GetChildren { path: read.path.into(), stat: true }, read.watch)
        }
        Request::AddWatch(watch) => {
            let recursive = watch.kind == 1;
            (Operation::AddWatch { path: watch.path.into(), recursive }, true)
        }
        Request::RemoveWatches(watch) => {
            let kinds = [WatchKind::Children, WatchKind::Data, WatchKind::Any];
            let kind = kinds[watch.kind as usize - 1];
            (Operation::RemoveWatches { path: watch.path.into(), kind, local: false }, false)
        }
        other => panic!("no captured conversation of ours has {other:?}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
}

#[test]
fn one_shot_watches_are_left_again_after_a_reconnect_with_the_bytes_of_the_java_client() {
    let fired = replay("reattach_setwatches.json");
    assert_eq!(fired, [(vec![2], EventKind::NodeDataChanged, "/fx/rd".to_owned())]);
}

#[test]
fn persistent_watches_are_left_again_after_a_reconnect_with_the_bytes_of_the_java_client() {
    let fired = replay("reattach_setwatches2.json");
    let kinds: Vec<_> = fired.iter().map(|(_, kind, path)| (*kind, path.as_str())).collect();
    assert_eq!(
        kinds,
        [
            (EventKind::NodeDataChanged, "/fx/rc/d"),
            (EventKind::NodeDeleted, "/fx/rc/g"),
            (EventKind::NodeCreated, "/fx/rc/none"),
            (EventKind::NodeChildrenChanged, "/fx/rc"),
            (EventKind::NodeChildrenChanged, "/fx/rc/k"),
        ]
    );
    // On /fx/rc/d there were two watches, and both were told.
    assert_eq!(fired[0].0.len(), 2);
}

#[test]
fn watches_are_added_and_removed_with_the_bytes_of_the_java_client() {
    let fired = replay("add_watch_persistent_recursive_remove.json");
    let removed: Vec<EventKind> = fired.iter().map(|(_, kind, _)| *kind).skip(13).collect();
    assert_eq!(
        removed,
        [
            EventKind::PersistentWatchRemoved,
            EventKind::DataWatchRemoved,
            EventKind::ChildWatchRemoved
        ]
    );
}

// Sessions and connections.

#[test]
fn a_new_client_asks_for_a_session_and_says_when_it_has_one() {
    let mut scene = Scene::new(1, "");
    scene.step(Event::Opened(ClientPeer::Server(0)));
    let frames = scene.frames();
    let (request, read_only) = decode_connect(&frames[0]).unwrap();
    assert_eq!((request.session_id, request.timeout), (SessionId::NONE, 10_000));
    assert_eq!((request.last_zxid_seen, read_only), (0, Some(false)));
    scene.hear(&accepted());
    let state = SessionState::SyncConnected;
    assert_eq!(scene.outputs, [ClientOutput::State { state, session: SESSION, timeout: 10_000 }]);
}

#[test]
fn requests_are_sent_in_order_with_rising_xids_and_answered_in_order() {
    let mut scene = Scene::connected("");
    let asks: Vec<u64> = ["/a", "/b", "/c"].map(|path| scene.ask(delete(path), None)).into();
    assert_eq!(
        scene.requests(),
        [
            (1, OpCode::Delete, "/a".to_owned()),
            (2, OpCode::Delete, "/b".to_owned()),
            (3, OpCode::Delete, "/c".to_owned())
        ]
    );
    scene.hear(&done(1, 5));
    scene.hear(&refused(2, ErrorCode::NoNode));
    scene.hear(&done(3, 7));
    assert_eq!(
        scene.results(),
        [
            (asks[0], Ok(Reply::Done)),
            (asks[1], Err(Error::Code(ErrorCode::NoNode))),
            (asks[2], Ok(Reply::Done))
        ]
    );
}

#[test]
fn a_server_that_answers_out_of_order_is_left() {
    let mut scene = Scene::connected("");
    let first = scene.ask(delete("/a"), None);
    let second = scene.ask(delete("/b"), None);
    scene.hear(&done(2, 5));
    assert_eq!(scene.closed, [0]);
    assert_eq!(scene.states(), [SessionState::Disconnected]);
    assert_eq!(
        scene.results(),
        [(first, Err(Error::CONNECTION_LOSS)), (second, Err(Error::CONNECTION_LOSS))]
    );
}

#[test]
fn what_was_sent_fails_with_the_connection_and_what_was_not_waits_for_the_next() {
    let mut scene = Scene::connected("");
    let sent = scene.ask(delete("/sent"), None);
    scene.lose();
    assert_eq!(scene.results(), [(sent, Err(Error::CONNECTION_LOSS))]);
    let waiting = scene.ask(delete("/waiting"), None);
    assert_eq!(scene.results(), []);
    scene.pass(Duration::from_secs(1));
    scene.accept();
    assert_eq!(scene.requests(), [(2, OpCode::Delete, "/waiting".to_owned())]);
    scene.hear(&done(2, 5));
    assert_eq!(scene.results(), [(waiting, Ok(Reply::Done))]);
}

#[test]
fn a_reconnect_brings_the_session_its_password_and_the_last_zxid() {
    let mut scene = Scene::connected("");
    scene.ask(delete("/a"), None);
    scene.hear(&done(1, 0x77));
    scene.lose();
    scene.pass(Duration::from_secs(1));
    scene.step(Event::Opened(ClientPeer::Server(0)));
    let frames = scene.frames();
    let (request, _) = decode_connect(&frames[0]).unwrap();
    assert_eq!((request.session_id, request.last_zxid_seen), (SESSION, 0x77));
    assert_eq!(request.password, Some(&b"0123456789abcdef"[..]));
}

#[test]
fn a_client_that_is_given_a_session_asks_for_it_with_its_password() {
    let password = Bytes::from_static(b"0123456789abcdef");
    let session = Some((SESSION, password.clone()));
    let mut scene = Scene::with(ClientOptions { session, ..options(1, "") });
    scene.step(Event::Opened(ClientPeer::Server(0)));
    let frames = scene.frames();
    let (request, _) = decode_connect(&frames[0]).unwrap();
    assert_eq!((request.session_id, request.password), (SESSION, Some(&password[..])));
}

#[test]
fn every_server_is_tried_before_the_first_pause() {
    let mut scene = Scene::new(4, "");
    for _ in 0..4 {
        assert!(!scene.timers.contains_key(&ClientTimer::Retry));
        scene.lose();
    }
    let mut tried = scene.opened.clone();
    tried.sort();
    assert_eq!(tried, [0, 1, 2, 3]);
    let pause = scene.timers[&ClientTimer::Retry] - scene.now;
    assert!(pause < Duration::from_secs(1));
    scene.pass(Duration::from_secs(1));
    assert_eq!(scene.opened.len(), 5);
}

#[test]
fn clients_with_different_seeds_begin_with_different_servers() {
    let first = |seed| {
        let options =
            ClientOptions { servers: 5, chroot: "".into(), session: None, timeout: TIMEOUT, seed };
        let mut effects = Effects::new();
        Session::new(options).step(Event::Started(()), &mut effects);
        effects.list()[0].clone()
    };
    let firsts: Vec<_> = (0..50).map(first).collect();
    for server in 0..5 {
        assert!(firsts.contains(&Effect::Open(ClientPeer::Server(server))));
    }
}

#[test]
fn a_server_that_does_not_accept_in_time_is_left_for_the_next() {
    let mut scene = Scene::new(2, "");
    scene.step(Event::Opened(scene.server()));
    scene.pass(TIMEOUT / 2 - Duration::from_millis(1));
    assert_eq!(scene.opened.len(), 1);
    scene.pass(Duration::from_millis(1));
    assert_eq!((scene.opened.len(), scene.closed.len()), (2, 1));
}

#[test]
fn an_idle_client_pings_after_a_third_of_the_timeout_and_leaves_a_silent_server_after_two() {
    let mut scene = Scene::connected("");
    scene.pass(Duration::from_millis(3_333));
    assert_eq!(scene.frames().len(), 0);
    scene.pass(Duration::from_millis(1));
    let pings = scene.requests();
    assert_eq!(pings, [(xid::PING, OpCode::Ping, "".to_owned())]);
    scene.pass(Duration::from_millis(3_332));
    assert!(scene.closed.is_empty());
    scene.pass(Duration::from_millis(1));
    assert_eq!(
        (scene.closed.as_slice(), scene.states()),
        (&[0][..], vec![SessionState::Disconnected])
    );
}

#[test]
fn a_client_that_is_busy_does_not_ping_and_one_that_hears_stays() {
    let mut scene = Scene::connected("");
    for xid in 1..20 {
        scene.pass(Duration::from_secs(3));
        scene.ask(delete("/a"), None);
        scene.hear(&done(xid, 5));
    }
    assert!(scene.requests().iter().all(|(_, op, _)| *op == OpCode::Delete));
    assert!(scene.closed.is_empty());
}

#[test]
fn a_long_session_is_pinged_every_ten_seconds() {
    let options = ClientOptions {
        servers: 1,
        chroot: "".into(),
        session: None,
        timeout: Duration::from_secs(60),
        seed: 1,
    };
    let mut scene = Scene::new(1, "");
    scene.machine = Session::new(options);
    scene.step(Event::Started(()));
    scene.step(Event::Opened(ClientPeer::Server(0)));
    let (timeout, session_id) = (60_000, SESSION);
    let response = ConnectResponse { protocol_version: 0, timeout, session_id, password: b"" };
    scene.hear(&reply(|out| encode_connect_response(out, &response, Some(false))));
    scene.sent.clear();
    scene.pass(Duration::from_secs(35));
    assert_eq!(scene.frames().len(), 3);
}

#[test]
fn expiry_is_final_and_only_the_ensemble_says_so() {
    let mut scene = Scene::connected("");
    scene.lose();
    // However long nobody is reached, the session may live.
    for _ in 0..100 {
        scene.pass(Duration::from_secs(60));
        scene.lose();
    }
    assert_eq!(scene.states(), [SessionState::Disconnected]);
    let waiting = scene.ask(delete("/a"), None);
    scene.pass(Duration::from_secs(5));
    scene.step(Event::Opened(scene.server()));
    scene.hear(&reply(|out| encode_refusal(out, Some(false))));
    assert_eq!(scene.states(), [SessionState::Disconnected, SessionState::Expired]);
    assert_eq!(scene.results(), [(waiting, Err(Error::SESSION_EXPIRED))]);
    let late = scene.ask(delete("/b"), None);
    scene.pass(Duration::from_secs(60));
    assert_eq!(scene.results(), [(late, Err(Error::SESSION_EXPIRED))]);
    assert_eq!(scene.timers, BTreeMap::new());
}

#[test]
fn a_closed_session_answers_what_came_before_and_nothing_after() {
    let mut scene = Scene::connected("");
    let before = scene.ask(delete("/a"), None);
    scene.put(Ask::Close { number: 70 });
    scene.put(Ask::Close { number: 71 });
    let after = scene.ask(delete("/b"), None);
    let ops: Vec<OpCode> = scene.requests().iter().map(|(_, op, _)| *op).collect();
    assert_eq!(ops, [OpCode::Delete, OpCode::CloseSession]);
    scene.hear(&done(1, 5));
    scene.hear(&done(2, 6));
    assert_eq!(scene.states(), [SessionState::Closed]);
    assert_eq!(
        scene.results(),
        [
            (after, Err(Error::Closed)),
            (before, Ok(Reply::Done)),
            (70, Ok(Reply::Done)),
            (71, Ok(Reply::Done))
        ]
    );
    assert_eq!((scene.closed.as_slice(), scene.timers), (&[0][..], BTreeMap::new()));
}

#[test]
fn a_client_without_a_connection_closes_at_once() {
    let mut scene = Scene::new(3, "");
    scene.put(Ask::Close { number: 1 });
    assert_eq!(scene.states(), [SessionState::Closed]);
    assert_eq!(scene.results(), [(1, Ok(Reply::Done))]);
    scene.pass(Duration::from_secs(60));
    assert_eq!(scene.opened.len(), 1);
}

// Credentials.

#[test]
fn credentials_are_presented_on_every_connection_before_anything_else() {
    let mut scene = Scene::connected("");
    let scheme = "digest".to_owned();
    scene.put(Ask::Authenticate { number: 50, scheme, auth: "bob:secret".into() });
    scene.hear(&reply(|out| encode_done(out, xid::AUTH, Zxid(0))));
    assert_eq!(scene.results(), [(50, Ok(Reply::Done))]);
    scene.lose();
    scene.ask(delete("/a"), None);
    scene.pass(Duration::from_secs(1));
    scene.accept();
    let sent = scene.requests();
    assert_eq!(sent[0], (xid::AUTH, OpCode::Auth, "".to_owned()));
    assert_eq!(sent[1], (1, OpCode::Delete, "/a".to_owned()));
}

#[test]
fn refused_credentials_end_the_session_for_this_client() {
    let mut scene = Scene::connected("");
    let pending = scene.ask(delete("/a"), None);
    let scheme = "nonsense".to_owned();
    scene.put(Ask::Authenticate { number: 50, scheme, auth: "".into() });
    scene.hear(&refused(xid::AUTH, ErrorCode::AuthFailed));
    assert_eq!(scene.states(), [SessionState::AuthFailed]);
    let failed = Err(Error::Code(ErrorCode::AuthFailed));
    assert_eq!(scene.results(), [(pending, failed.clone()), (50, failed)]);
}

// Watches.

#[test]
fn a_watch_is_kept_only_if_the_answer_says_that_the_server_holds_it() {
    let mut scene = Scene::connected("");
    scene.ask(Operation::GetData { path: "/none".into() }, Some(10));
    scene.ask(exists("/none"), Some(11));
    scene.hear(&refused(1, ErrorCode::NoNode));
    scene.hear(&refused(2, ErrorCode::NoNode));
    scene.hear(&event(EventKind::NodeCreated, "/none"));
    assert_eq!(scene.fired(), [(vec![11], EventKind::NodeCreated, "/none".to_owned())]);
}

#[test]
fn a_one_shot_watch_is_told_once_and_a_persistent_one_always() {
    let mut scene = Scene::connected("");
    scene.ask(exists("/a"), Some(10));
    scene.ask(Operation::AddWatch { path: "/a".into(), recursive: false }, Some(11));
    scene.ask(Operation::AddWatch { path: "/".into(), recursive: true }, Some(12));
    scene.hear(&stat(1));
    for xid in [2, 3] {
        scene.hear(&reply(|out| encode_reply(out, xid, Zxid(9), &ErrorResponse { err: 0 })));
    }
    scene.hear(&event(EventKind::NodeDataChanged, "/a"));
    scene.hear(&event(EventKind::NodeDataChanged, "/a"));
    scene.hear(&event(EventKind::NodeChildrenChanged, "/a"));
    scene.hear(&event(EventKind::NodeDeleted, "/a/b"));
    let told: Vec<Vec<u64>> = scene.fired().into_iter().map(|(watches, _, _)| watches).collect();
    assert_eq!(told, [vec![10, 11, 12], vec![11, 12], vec![11], vec![12]]);
}

#[test]
fn an_event_is_told_before_the_answer_that_came_after_it() {
    let mut scene = Scene::connected("");
    scene.ask(exists("/a"), Some(10));
    scene.hear(&stat(1));
    scene.ask(delete("/a"), None);
    scene.outputs.clear();
    scene.hear(&[event(EventKind::NodeDeleted, "/a"), done(2, 5)].concat());
    assert!(matches!(scene.outputs[0], ClientOutput::Fired { .. }));
    assert!(matches!(scene.outputs[1], ClientOutput::Completed { .. }));
}

#[test]
fn many_watches_are_left_again_in_batches_of_about_128_kib() {
    let mut scene = Scene::connected("");
    for xid in 1..=1000 {
        scene.ask(exists(&format!("/{:0>999}", xid)), Some(xid as u64));
        scene.hear(&stat(xid));
    }
    scene.lose();
    scene.pass(Duration::from_secs(1));
    scene.accept();
    let frames = scene.frames();
    assert_eq!(frames.len(), 8);
    let mut paths = Vec::new();
    for frame in &frames {
        assert!(frame.len() < 133_000, "a batch has {} bytes", frame.len());
        let (header, body) = decode_header(frame).unwrap();
        match decode_request(header.op, body).unwrap() {
            Request::SetWatches(watches) => {
                paths.extend(watches.data.iter().map(|path| path.to_string()));
            }
            other => panic!("{other:?} leaves no watches"),
        }
    }
    paths.dedup();
    assert_eq!(paths.len(), 1000);
}

#[test]
fn watches_can_be_forgotten_without_a_server() {
    let mut scene = Scene::connected("");
    scene.ask(exists("/a"), Some(10));
    scene.hear(&stat(1));
    let path = "/a".to_owned();
    let remove = Operation::RemoveWatches { path, kind: WatchKind::Any, local: true };
    let ask = scene.ask(remove, None);
    scene.lose();
    assert_eq!(scene.fired(), [(vec![10], EventKind::DataWatchRemoved, "/a".to_owned())]);
    assert_eq!(scene.results().last(), Some(&(ask, Ok(Reply::Done))));
    scene.pass(Duration::from_secs(1));
    scene.accept();
    assert_eq!(scene.frames().len(), 0);
}

#[test]
fn a_watch_that_nobody_listens_to_is_not_left_again() {
    let mut scene = Scene::connected("");
    for (xid, path) in [(1, "/a"), (2, "/b")] {
        scene.ask(exists(path), Some(xid as u64));
        scene.hear(&stat(xid));
    }
    scene.put(Ask::Forget(WatchId(1)));
    scene.lose();
    scene.pass(Duration::from_secs(1));
    scene.accept();
    let frames = scene.frames();
    let (header, body) = decode_header(&frames[0]).unwrap();
    let Ok(Request::SetWatches(left)) = decode_request(header.op, body) else { panic!("watches") };
    assert_eq!(left.data, ["/b"]);
}

#[test]
fn a_program_that_looks_again_and_again_does_not_pile_up_watches() {
    let mut watches = Watches::default();
    for watch in 0..1000 {
        watches.add(Registration::Data, true, "/a", WatchId(watch));
        watches.forget(WatchId(watch));
    }
    assert!(watches.fire(EventKind::NodeDataChanged, "/a").len() < 10);
}

// The chroot.

#[test]
fn the_chroot_stands_before_every_path_and_is_seen_in_no_answer() {
    let mut scene = Scene::connected("/app");
    let (acl, mode) = (Acl::open(), CreateMode::PersistentSequential);
    let path = "/n-".to_owned();
    scene.ask(Operation::Create { path, data: None, acl, mode, ttl: -1, stat: false }, None);
    scene.ask(Operation::GetChildren { path: "/".into(), stat: false }, Some(10));
    let sent: Vec<String> = scene.requests().into_iter().map(|(_, _, path)| path).collect();
    assert_eq!(sent, ["/app/n-", "/app"]);
    let response = PathResponse { path: Some("/app/n-0000000000".into()) };
    scene.hear(&reply(|out| encode_reply(out, 1, Zxid(9), &response)));
    let response = ListResponse { list: vec!["n-0000000000".into()] };
    scene.hear(&reply(|out| encode_reply(out, 2, Zxid(9), &response)));
    scene.hear(&event(EventKind::NodeChildrenChanged, "/app"));
    let fired = (vec![10], EventKind::NodeChildrenChanged, "/".to_owned());
    assert_eq!(scene.fired(), [fired]);
    let created = Reply::Created { path: "/n-0000000000".into(), stat: None };
    assert_eq!(scene.results()[0].1, Ok(created));
}

#[test]
fn a_path_that_would_leave_the_chroot_is_not_sent() {
    let mut scene = Scene::connected("/app");
    let ask = scene.ask(delete("lication"), None);
    assert_eq!(scene.frames().len(), 0);
    assert_eq!(scene.results(), [(ask, Err(Error::Path("lication".into())))]);
}

#[test]
fn connect_strings_name_servers_and_a_chroot() {
    let read = |text: &str| text.parse::<ConnectString>().map(|connect| connect.to_string());
    assert_eq!(read("h1:1,h2:2/app").unwrap(), "h1:1,h2:2/app");
    assert_eq!(read("h1, h2:99").unwrap(), "h1:2181,h2:99");
    assert_eq!(read("[::1]:2182/a/b").unwrap(), "[::1]:2182/a/b");
    assert_eq!(read("::1").unwrap(), "[::1]:2181");
    assert_eq!(read("h1/").unwrap(), "h1:2181");
    for wrong in ["", "/app", "h1:x", "h1:99999", ":2181", "[::1", "h1/a/", "h1//a", ","] {
        assert!(read(wrong).is_err(), "{wrong:?} is no connect string");
    }
}

// Hostile servers.

#[test]
fn whatever_a_server_says_nothing_breaks() {
    let mut dice = Dice::new(15);
    for _ in 0..2_000 {
        let mut scene = Scene::connected("/app");
        for _ in 0..5 {
            let reads = Operation::MultiRead(vec![Read::Data("/a".into())]);
            let operation = [exists("/a"), Operation::WhoAmI, reads][dice.below(3)].clone();
            scene.ask(operation, Some(1));
            let mut frame = jute::to_vec(&ReplyHeader {
                xid: dice.between(0, 4) as i32 - 2,
                zxid: dice.any() as i64,
                err: [0, 0, -101, 5][dice.below(4)],
            });
            frame.extend((0..dice.below(80)).map(|_| dice.below(4) as u8));
            frame.truncate(frame.len() - dice.below(20).min(frame.len()));
            let message = ClientMessage::Frame(frame.into());
            scene.step(Event::Received { from: scene.server(), message });
        }
        scene.put(Ask::Close { number: 99 });
        scene.lose();
        let closed = scene.results().iter().filter(|(number, _)| *number == 99).count();
        assert_eq!(closed, 1);
    }
}

// The handle.

/// Looks at a future once.
fn look<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn completed(number: u64, result: Result<Reply, Error>) -> ClientOutput {
    ClientOutput::Completed { number, result, zxid: Zxid(5) }
}

#[test]
fn a_handle_asks_through_the_desk_and_is_answered() {
    let (desk, client) = Desk::new();
    let mut create = Box::pin(client.create("/a", "x", CreateMode::Ephemeral));
    assert!(look(&mut create).is_pending());
    let ask = desk.take().unwrap();
    assert!(matches!(&ask, Ask::Request { operation, .. } if operation.path() == Some("/a")));
    assert_eq!(desk.take(), None);
    let reply = Reply::Created { path: "/a".into(), stat: None };
    desk.deliver(completed(ask.number().unwrap(), Ok(reply)));
    assert_eq!(look(&mut create), Poll::Ready(Ok("/a".to_owned())));
}

#[test]
fn a_watch_is_a_future_and_the_end_of_the_session_ends_it() {
    let (desk, client) = Desk::new();
    let mut watches = Vec::new();
    for _ in 0..2 {
        let mut get = Box::pin(client.exists_watch("/a"));
        assert!(look(&mut get).is_pending());
        let ask = desk.take().unwrap();
        let Ask::Request { number, watch: Some(id), .. } = ask else { panic!("{ask:?}") };
        desk.deliver(completed(number, Err(Error::Code(ErrorCode::NoNode))));
        let Poll::Ready(Ok((None, watch))) = look(&mut get) else { panic!("exists is answered") };
        watches.push((id, watch));
    }
    let (first, mut told) = watches.remove(0);
    let (_, mut silent) = watches.remove(0);
    assert!(look(&mut told).is_pending());
    let (kind, state) = (EventKind::NodeCreated, SessionState::SyncConnected);
    let event = WatchedEvent { kind, state, path: "/a".into() };
    desk.deliver(ClientOutput::Fired { watches: vec![first], event: event.clone() });
    assert_eq!(look(&mut told), Poll::Ready(Ok(event)));
    assert!(look(&mut silent).is_pending());
    let (state, session) = (SessionState::Expired, SESSION);
    desk.deliver(ClientOutput::State { state, session, timeout: 1 });
    assert_eq!(look(&mut silent), Poll::Ready(Err(Error::SESSION_EXPIRED)));
    assert_eq!(client.session_state(), SessionState::Expired);
}

#[test]
fn a_transaction_says_which_part_failed() {
    let (desk, client) = Desk::new();
    let transaction = client.transaction().check("/a", 1).delete("/b", -1).set_data("/c", "x", 0);
    let mut commit = Box::pin(transaction.commit());
    assert!(look(&mut commit).is_pending());
    let failed = |code: i32| PartResult::Failed(Error::from_wire(code));
    let results = Reply::Multi(vec![failed(0), failed(-101), failed(-2)]);
    desk.deliver(completed(desk.take().unwrap().number().unwrap(), Ok(results)));
    let error = TransactionFailed { at: Some(1), error: Error::Code(ErrorCode::NoNode) };
    assert_eq!(look(&mut commit), Poll::Ready(Err(error)));
}

#[test]
fn the_last_handle_closes_the_session() {
    let (desk, client) = Desk::new();
    let other = client.clone();
    drop(client);
    assert_eq!((desk.take(), desk.is_abandoned()), (None, false));
    drop(other);
    assert!(matches!(desk.take(), Some(Ask::Close { .. })));
    assert!(desk.is_abandoned());
}

#[test]
fn a_dropped_watch_is_forgotten() {
    let (desk, client) = Desk::new();
    let mut get = Box::pin(client.exists_watch("/a"));
    assert!(look(&mut get).is_pending());
    let Some(Ask::Request { number, watch: Some(id), .. }) = desk.take() else { panic!("asked") };
    desk.deliver(completed(number, Err(Error::Code(ErrorCode::NoNode))));
    let Poll::Ready(Ok((None, watch))) = look(&mut get) else { panic!("answered") };
    drop(watch);
    assert_eq!(desk.take(), Some(Ask::Forget(id)));
}
