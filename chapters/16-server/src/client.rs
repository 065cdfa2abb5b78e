//! One client's connection, as the server sees it.

use std::collections::VecDeque;
use std::time::Duration;

use acl::Identities;
use bytes::Bytes;
use jute::records::OpCode;
use zxid::{SessionId, Zxid};

use crate::vocabulary::Connection;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No frame has come yet.
    New,
    /// Its session is being created.
    Connecting,
    /// It has a session.
    Ready,
    /// Its session is ending: what it still says is not heard.
    Closing,
}

/// Something of a connection that must be answered before what came after it.
#[derive(Clone, Debug, PartialEq)]
pub enum Waiting {
    /// What only the disk or the ensemble can decide, a write mostly. No two have the same number.
    Turn(u64),
    /// A request that came behind one of those, or before the session was there.
    Request(Bytes),
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    /// Which.
    pub connection: Connection,
    /// How far it has come.
    pub phase: Phase,
    /// Its session, once it has one.
    pub session: SessionId,
    /// The agreed session timeout in ms.
    pub timeout: i32,
    /// The read-only byte of its connect request; old clients do not send it.
    pub read_only: Option<bool>,
    /// Who it is.
    pub identities: Identities,
    /// What must be answered, in order.
    pub waiting: VecDeque<Waiting>,
    /// Bytes to be sent when the batch at hand is done.
    pub out: Vec<u8>,
    /// Whether it is read no more until others are done.
    pub paused: bool,
    /// From when on a touch puts off the session's expiry again. ZooKeeper touches at each request.
    pub touch_from: Duration,
    /// When it was opened.
    pub opened: Duration,
    /// What `cons` shows.
    pub stats: ClientStats,
}

/// Counts of one connection. Times are in ms.
#[derive(Clone, Debug)]
pub struct ClientStats {
    /// Requests received.
    pub received: u64,
    /// Answers and events sent.
    pub sent: u64,
    /// The last operation that was answered.
    pub last_op: Option<OpCode>,
    /// Its xid.
    pub last_cxid: i32,
    /// Its zxid.
    pub last_zxid: i64,
    /// When it was answered, since the server's clock began.
    pub last_response: Duration,
    /// How long it took.
    pub last_latency: u64,
    /// How long requests took.
    pub latency: Latency,
}

/// How long requests took, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The shortest.
    pub min: u64,
    /// The longest.
    pub max: u64,
    /// The sum.
    pub total: u64,
    /// How many.
    pub count: u64,
}

impl Latency {
    /// Counts one more.
    pub fn add(&mut self, ms: u64) {
        self.min = if self.count == 0 { ms } else { self.min.min(ms) };
        self.max = self.max.max(ms);
        self.total += ms;
        self.count += 1;
    }
}

impl Client {
    /// A connection that was just opened.
    pub fn new(connection: Connection, identities: Identities, now: Duration) -> Client {
        Client {
            connection,
            phase: Phase::New,
            session: SessionId::NONE,
            timeout: 0,
            read_only: None,
            identities,
            waiting: VecDeque::new(),
            out: Vec::new(),
            paused: false,
            touch_from: Duration::ZERO,
            opened: now,
            stats: ClientStats::new(),
        }
    }
}

impl ClientStats {
    /// Nothing yet.
    pub fn new() -> ClientStats {
        ClientStats {
            received: 0,
            sent: 0,
            last_op: None,
            last_cxid: -1,
            last_zxid: -1,
            last_response: Duration::ZERO,
            last_latency: 0,
            latency: Latency::default(),
        }
    }

    /// Counts an answer.
    pub fn answered(&mut self, op: OpCode, cxid: i32, zxid: Zxid, now: Duration, latency: u64) {
        self.last_op = Some(op);
        self.last_cxid = cxid;
        self.last_zxid = zxid.0 as i64;
        self.last_response = now;
        self.last_latency = latency;
        self.latency.add(latency);
    }
}

impl Default for ClientStats {
    fn default() -> ClientStats {
        ClientStats::new()
    }
}
