//! Plays one recorded conversation to a server and lists where the answers differ.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use serde_json::Value as Json;

use crate::fields::{Expectations, Fields, Value};
use crate::stage::Stage;
use crate::wire::{Link, Reader, connect_request};

/// Where the password stands in a frame that asks for a session.
const PASSWORD: Range<usize> = 32..48;
/// How long a server may take to close a connection when there is a reason at hand.
const CLOSING: Duration = Duration::from_secs(3);
/// How long it may take until a silent session of 4 s expires.
const EXPIRY: Duration = Duration::from_secs(12);

const SET_WATCHES: i32 = 101;
const SET_WATCHES_2: i32 = 105;

/// A difference between the recorded answer and ours.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The number of the frame in the file.
    pub(crate) frame: usize,
    /// The field.
    pub(crate) field: String,
    /// Recorded and received, for people.
    pub(crate) text: String,
}

/// One line of a fixture.
pub(crate) struct Step {
    pub(crate) connection: u64,
    pub(crate) from_client: bool,
    pub(crate) frame: Vec<u8>,
    pub(crate) what: String,
    pub(crate) text: Option<String>,
}

/// The steps of a conversation.
pub(crate) fn steps(name: &str) -> Vec<Step> {
    let path = format!("{}/tests/fixtures/client/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let list: Vec<Json> = serde_json::from_str(&text).expect("a list of frames");
    list.iter()
        .map(|step| Step {
            connection: step["conn"].as_u64().unwrap_or(0),
            from_client: step["dir"] == "c2s",
            frame: from_hex(step["hex"].as_str().expect("hex")),
            what: step["what"].as_str().expect("what").to_string(),
            text: step["text"].as_str().map(str::to_string),
        })
        .collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// Plays the conversation; gives the differences.
pub(crate) fn replay(name: &'static str, server: SocketAddr, stage: &mut Stage) -> Vec<Difference> {
    let mut replay = Replay::new(server);
    if name == "session_expired_open_connection" {
        replay.patience = EXPIRY;
    }
    for (n, step) in steps(name).iter().enumerate() {
        stage.before(n);
        if !replay.play(n, step) {
            break;
        }
    }
    replay.differences
}

struct Connection {
    link: Link,
    expectations: Expectations,
    answered: bool,
    /// The last frame sent.
    last: Vec<u8>,
}

impl Connection {
    /// Opens a new session and sends the last frame once more.
    fn ask_anew(&mut self, server: SocketAddr) -> io::Result<Option<Vec<u8>>> {
        self.link = Link::open(server);
        self.link.send(&connect_request(10_000))?;
        self.link.receive()?;
        self.link.send(&self.last)?;
        self.link.receive()
    }
}

struct Replay {
    server: SocketAddr,
    /// How long the server may take to close a connection.
    patience: Duration,
    connections: BTreeMap<u64, Connection>,
    closed: Vec<u64>,
    differences: Vec<Difference>,
    /// Recorded session to ours, with the recorded password and ours.
    sessions: BTreeMap<i64, Session>,
    /// Recorded zxids that started a run of equal distances, with ours.
    bases: Vec<(i64, i64)>,
    /// Recorded zxids from before the conversation, with ours.
    earlier: BTreeMap<i64, i64>,
}

struct Session {
    id: i64,
    recorded: Vec<u8>,
    password: Vec<u8>,
}

impl Replay {
    fn new(server: SocketAddr) -> Self {
        Self {
            server,
            patience: CLOSING,
            connections: BTreeMap::new(),
            closed: Vec::new(),
            differences: Vec::new(),
            sessions: BTreeMap::new(),
            bases: Vec::new(),
            earlier: BTreeMap::new(),
        }
    }

    /// Does one step. False when nothing after it can be compared.
    fn play(&mut self, n: usize, step: &Step) -> bool {
        let id = step.connection;
        if step.frame.is_empty() {
            let lost = step.what.starts_with("connection lost");
            if !lost && self.connections.contains_key(&id) {
                self.expect_end(n, id);
            }
            self.connections.remove(&id);
            self.closed.push(id);
        } else if step.from_client {
            self.send(id, &step.frame);
        } else {
            return self.receive(n, id, &step.frame);
        }
        true
    }

    fn send(&mut self, id: u64, frame: &[u8]) {
        if self.closed.contains(&id) {
            // The recorded client sent to a closed connection; nobody hears it.
            return;
        }
        let frame = self.translated(id, frame);
        let server = self.server;
        let connection = self.connections.entry(id).or_insert_with(|| Connection {
            link: Link::open(server),
            expectations: Expectations::default(),
            answered: false,
            last: Vec::new(),
        });
        connection.expectations.sent(&frame[4..]);
        // If the server has closed already, the missing answer will show it.
        connection.link.send(&frame).ok();
        connection.last = frame;
    }

    fn receive(&mut self, n: usize, id: u64, recorded: &[u8]) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else {
            self.differ(n, "frame", "there is no such connection any more");
            return false;
        };
        let first = !connection.answered;
        connection.answered = true;
        let recorded = connection.expectations.read(&recorded[4..], first);
        let mut received = connection.link.receive();
        if let (Ok(None), false) = (&received, first) {
            // The conversation goes on over a new connection.
            let server = self.server;
            received = self.connections.get_mut(&id).expect("a connection").ask_anew(server);
            self.differ(n, "frame", &format!("{recorded:?}, but the server closed"));
        }
        match received {
            Ok(Some(frame)) => {
                let ours = self.connections[&id].expectations.read(&frame, first);
                self.compare(n, &recorded, &ours);
                true
            }
            Ok(None) => {
                self.differ(n, "frame", &format!("{recorded:?}, but the server closed"));
                false
            }
            Err(error) => {
                self.differ(n, "frame", &format!("{recorded:?}, but {error}"));
                false
            }
        }
    }

    /// The server sends nothing more and closes.
    fn expect_end(&mut self, n: usize, id: u64) {
        let connection = self.connections.get_mut(&id).expect("an open connection");
        if let Err(text) = connection.link.closes(self.patience) {
            self.differ(n, "end", &format!("the server closes, but {text}"));
        }
    }

    /// The frame with the recorded session and zxids replaced by ours.
    fn translated(&self, id: u64, recorded: &[u8]) -> Vec<u8> {
        let mut frame = recorded.to_vec();
        let mut reader = Reader(&recorded[4..]);
        if !self.connections.contains_key(&id) {
            let (_, seen) = (reader.int(), reader.long());
            let (_, session) = (reader.int(), reader.long());
            put(&mut frame, 8, self.ours(seen.unwrap_or(0)));
            if let Some(known) = self.sessions.get(&session.unwrap_or(0)) {
                put(&mut frame, 20, known.id);
                if recorded.get(PASSWORD) == Some(&known.recorded[..]) {
                    frame[PASSWORD].copy_from_slice(&known.password);
                }
            }
        } else if let (_, Some(SET_WATCHES | SET_WATCHES_2)) = (reader.int(), reader.int()) {
            put(&mut frame, 12, self.ours(reader.long().unwrap_or(0)));
        }
        frame
    }

    /// Our zxid for a recorded one of this conversation; others stay.
    fn ours(&self, recorded: i64) -> i64 {
        match self.base(recorded) {
            Some((from, to)) if recorded > 0 => recorded - from + to,
            _ => recorded,
        }
    }

    fn base(&self, recorded: i64) -> Option<(i64, i64)> {
        self.bases.iter().rev().find(|(from, _)| *from <= recorded).copied()
    }

    fn compare(&mut self, n: usize, recorded: &Fields, ours: &Fields) {
        self.know_session(n, recorded, ours);
        for index in 0..recorded.len().max(ours.len()) {
            let (was, is) = (recorded.get(index), ours.get(index));
            let same = match (was, is) {
                (Some((a, was)), Some((b, is))) => a == b && self.same(was, is, a == "zxid"),
                _ => false,
            };
            if same {
                continue;
            }
            let name = was.or(is).map_or("", |(name, _)| name).to_string();
            self.differ(n, &name, &format!("{was:?}, but {is:?}"));
            if was.map(|(name, _)| name) != is.map(|(name, _)| name) {
                // From here on the fields are others.
                break;
            }
        }
    }

    fn same(&mut self, was: &Value, is: &Value, header: bool) -> bool {
        match (was, is) {
            (Value::Zxid(was), Value::Zxid(is)) => self.same_zxid(*was, *is, header),
            (Value::Time(was), Value::Time(is)) => (*was == 0) == (*is == 0),
            (Value::Session(was), Value::Session(is)) => {
                self.sessions.get(was).map_or(*was, |session| session.id) == *is
            }
            (Value::Password(was), Value::Password(is)) => {
                let zero = |password: &[u8]| password.iter().all(|byte| *byte == 0);
                zero(was) == zero(is) && was.len() == is.len()
            }
            _ => was == is,
        }
    }

    fn same_zxid(&mut self, was: i64, is: i64, header: bool) -> bool {
        if was <= 0 || is <= 0 {
            return was == is;
        }
        match self.base(was) {
            Some((from, to)) if was - from == is - to => true,
            None if !header => *self.earlier.entry(was).or_insert(is) == is,
            base => {
                if header {
                    // One difference is told once; after it the distances count anew.
                    self.bases.push((was, is));
                }
                base.is_none()
            }
        }
    }

    fn know_session(&mut self, n: usize, recorded: &Fields, ours: &Fields) {
        let session = |fields: &Fields| match (fields.get(2), fields.get(3)) {
            (Some((_, Value::Session(id))), Some((_, Value::Password(password)))) if *id != 0 => {
                Some((*id, password.clone()))
            }
            _ => None,
        };
        if let (Some((was, recorded)), Some((id, password))) = (session(recorded), session(ours)) {
            let new = Session { id, recorded, password: password.clone() };
            if self.sessions.entry(was).or_insert(new).password != password {
                self.differ(n, "passwd", "a session keeps its password");
            }
        }
    }

    fn differ(&mut self, frame: usize, field: &str, text: &str) {
        let text = text.to_string();
        self.differences.push(Difference { frame, field: field.to_string(), text });
    }
}

fn put(frame: &mut [u8], at: usize, value: i64) {
    frame[at..at + 8].copy_from_slice(&value.to_be_bytes());
}
