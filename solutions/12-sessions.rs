//! The rules of a session: when it ends, who may go on with it, what it is called.
//!
//! A session outlives its connections. What ends it is silence: nothing was heard of the client for
//! as long as was agreed. There may be a hundred thousand of them, each heard of many times a
//! second, so they are not timed one by one: time is cut into ticks, and a session lies in the
//! bucket of the tick in which it will end. Hearing of it moves it to a later bucket, which is
//! mostly the one in which it lies already.
//!
//! Always true:
//! - a session never ends before its timeout, and at most one tick after it;
//! - a session lies in one bucket at most;
//! - only the monotonic clock counts: setting the wall clock ends nobody's session;
//! - the top byte of a session id is the server that gave it.
//!
//! Book: chapter 12. ZooKeeper: `ExpiryQueue`, `SessionTrackerImpl.initializeNextSessionId`,
//! `ZooKeeperServer.processConnectRequest`, `ZooKeeperServer.generatePasswd`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use zxid::{ServerId, SessionId, Zxid};

/// Sessions in the order in which they will end if nothing more is heard of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExpiryQueue {
    tick_ms: u64,
    /// For each session the end of its bucket.
    expiries: BTreeMap<SessionId, Duration>,
    /// The sessions of each bucket, by its end. None is empty.
    buckets: BTreeMap<Duration, BTreeSet<SessionId>>,
}

impl ExpiryQueue {
    /// An empty queue, with buckets of `tick_ms` milliseconds.
    pub fn new(tick_ms: u32) -> ExpiryQueue {
        assert!(tick_ms > 0, "a tick lasts some time");
        ExpiryQueue {
            tick_ms: u64::from(tick_ms),
            expiries: BTreeMap::new(),
            buckets: BTreeMap::new(),
        }
    }

    /// Notes that something was heard of a session, known or new, at the monotonic time `now`: it
    /// ends in the first tick after `timeout_ms` more of silence. That may be earlier than before,
    /// if the timeout is shorter. A negative timeout counts as none.
    ///
    /// Says when hearing of it again will change something: until then it lies in the same bucket.
    pub fn touch(&mut self, session: SessionId, now: Duration, timeout_ms: i32) -> Duration {
        // Exercise 12.1: something was heard of a session: in which bucket does it lie now?
        let timeout = timeout_ms.max(0) as u64;
        let ends = now.as_millis() as u64 + timeout;
        // As ZooKeeper's ExpiryQueue.roundToNextInterval: up, also where it comes out even.
        let expiry_ms = (ends / self.tick_ms + 1) * self.tick_ms;
        let expiry = Duration::from_millis(expiry_ms);
        if self.expiries.get(&session) != Some(&expiry) {
            self.remove(session);
            self.expiries.insert(session, expiry);
            self.buckets.entry(expiry).or_default().insert(session);
        }
        Duration::from_millis(expiry_ms - timeout)
        // End of 12.1.
    }

    /// Forgets a session. Returns whether it was there.
    pub fn remove(&mut self, session: SessionId) -> bool {
        let Some(expiry) = self.expiries.remove(&session) else { return false };
        let bucket = self.buckets.get_mut(&expiry).expect("a session lies in the bucket it names");
        bucket.remove(&session);
        if bucket.is_empty() {
            self.buckets.remove(&expiry);
        }
        true
    }

    /// Takes out the sessions that have ended by the monotonic time `now`: earlier ones first, and
    /// by their ids within a tick.
    pub fn poll(&mut self, now: Duration) -> Vec<SessionId> {
        // Exercise 12.1: which sessions have ended by now?
        let mut ended = Vec::new();
        while let Some(bucket) = self.buckets.first_entry() {
            if *bucket.key() > now {
                break;
            }
            for session in bucket.remove() {
                self.expiries.remove(&session);
                ended.push(session);
            }
        }
        ended
        // End of 12.1.
    }

    /// When the next session ends if nothing is heard of it.
    pub fn deadline(&self) -> Option<Duration> {
        self.buckets.keys().next().copied()
    }

    /// The sessions by the times at which they end.
    pub fn buckets(&self) -> &BTreeMap<Duration, BTreeSet<SessionId>> {
        &self.buckets
    }
}

/// The session timeout, in ms, that a server grants to a client that asks for `requested`: the
/// nearest from `min` to `max`, by default 2 and 20 ticks.
pub fn negotiate(requested: i32, min: i32, max: i32) -> i32 {
    // Exercise 12.2: which timeout is granted?
    requested.max(min).min(max)
    // End of 12.2.
}

/// Whether a server that has applied everything up to `last_processed` may serve a client that has
/// already seen `last_zxid_seen`. Behind such a server the client would see time run backwards; it
/// is sent away and finds another. A negative number counts as having seen nothing.
pub fn may_attach(last_zxid_seen: i64, last_processed: Zxid) -> bool {
    // Exercise 12.2: may this server serve that client?
    last_zxid_seen <= 0 || Zxid(last_zxid_seen as u64) <= last_processed
    // End of 12.2.
}

/// The first session id that a server gives after it has started at `now_ms`, the wall clock in ms;
/// it counts up from there. `largest` is the largest id of its own that it found on its disk: the
/// new ones are above, even if the wall clock was set back in between.
///
/// Unlike ZooKeeper, which starts from the time since the machine was booted, and so may give the
/// same ids again after a reboot.
pub fn first_session_id(server: ServerId, now_ms: i64, largest: Option<SessionId>) -> SessionId {
    // Exercise 12.4: the server in the top byte, the time below it
    // The shift to the right is of an unsigned number: the time's sign must not reach the top byte.
    let time = ((now_ms << 24) as u64 >> 8) as i64;
    let first = SessionId(server.0 << 56 | time);
    match largest {
        Some(largest) if largest >= first => next_session_id(largest),
        // Zero is no session, and the lowest number is the owner of container nodes.
        _ if first.0 << 8 == 0 => next_session_id(first),
        _ => first,
    }
    // End of 12.4.
}

/// The session id that a server gives after `last`. It never counts into the server's byte.
pub fn next_session_id(last: SessionId) -> SessionId {
    let low = (1 << 56) - 1;
    SessionId(last.0 & !low | last.0.wrapping_add(1) & low)
}

/// The password of a session, which a client must show to go on with it elsewhere. Every server
/// computes it afresh from the id, so all of an ensemble must use the same rule.
///
/// It is no secret: who knows the rule and an id knows the password. ZooKeeper:
/// `ZooKeeperServer.generatePasswd`, which takes 16 bytes from a `java.util.Random`.
pub fn password(session: SessionId) -> [u8; 16] {
    let mut state = (session.0 ^ 0xB341_5C00 ^ 0x5_DEEC_E66D) as u64 & MASK_48;
    let mut password = [0; 16];
    for word in password.chunks_exact_mut(4) {
        state = state.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB) & MASK_48;
        word.copy_from_slice(&((state >> 16) as u32).to_le_bytes());
    }
    password
}

/// Whether `shown` is the password of a session. It takes as long whichever bytes are wrong. No
/// password fits session zero.
pub fn is_password(session: SessionId, shown: &[u8]) -> bool {
    let right = password(session);
    let differences = right.iter().zip(shown).fold(0, |all, (a, b)| all | (a ^ b));
    session != SessionId::NONE && shown.len() == right.len() && differences == 0
}

/// A `java.util.Random` has 48 bits.
const MASK_48: u64 = (1 << 48) - 1;
