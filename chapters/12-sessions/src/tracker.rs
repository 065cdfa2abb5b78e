//! The sessions of a standalone server or a leader: which are alive, and through whom.
//!
//! Only one server ends sessions: the leader. It does not do so by itself either: it *proposes* the
//! end, and every server, the leader too, deletes the session's ephemeral nodes when that
//! transaction is committed. Between the two the session is closing: nothing more is accepted from
//! it, and it cannot come back. A lost connection changes nothing here.
//!
//! Always true:
//! - a session that is closing is never alive again;
//! - a session is expired once: it is then closing, and no longer in the queue;
//! - each session has at most one owner, the server through which it last attached.
//!
//! Book: chapter 12. ZooKeeper: `SessionTrackerImpl`, `LeaderSessionTracker`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jute::records::ErrorCode;
use zxid::{ServerId, SessionId};

use crate::ExpiryQueue;

/// The sessions of an ensemble, as its leader sees them; or those of a standalone server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sessions {
    sessions: BTreeMap<SessionId, Session>,
    queue: ExpiryQueue,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    /// As it was agreed when the session began, in ms.
    timeout_ms: i32,
    owner: Option<ServerId>,
    closing: bool,
}

impl Sessions {
    /// None yet. They will expire by ticks of `tick_ms` milliseconds.
    pub fn new(tick_ms: u32) -> Sessions {
        Sessions { sessions: BTreeMap::new(), queue: ExpiryQueue::new(tick_ms) }
    }

    /// Begins to track a session: a new one, or one found on disk by a server that begins to lead.
    /// It has its full timeout from `now` on. One that is tracked already is merely touched.
    pub fn open(&mut self, session: SessionId, timeout_ms: i32, now: Duration) {
        let new = Session { timeout_ms, owner: None, closing: false };
        self.sessions.entry(session).or_insert(new);
        self.touch(session, timeout_ms, now);
    }

    /// Notes that something was heard of a session, through a connection whose agreed timeout is
    /// `timeout_ms`. Says when hearing of it again will change something; nothing if the session is
    /// not known, or is closing.
    pub fn touch(
        &mut self,
        session: SessionId,
        timeout_ms: i32,
        now: Duration,
    ) -> Option<Duration> {
        self.is_alive(session).then(|| self.queue.touch(session, now, timeout_ms))
    }

    /// Lets a client go on with its session through another server, which owns it from now on.
    /// Returns false if the session is not known, or is closing. The password is not checked here.
    pub fn attach(
        &mut self,
        session: SessionId,
        timeout_ms: i32,
        through: ServerId,
        now: Duration,
    ) -> bool {
        match self.sessions.get_mut(&session) {
            Some(known) if !known.closing => known.owner = Some(through),
            _ => return false,
        }
        self.touch(session, timeout_ms, now).is_some()
    }

    /// Whether a write of a session may go on that came through a server. The first such server
    /// owns the session, until the session attaches elsewhere.
    ///
    /// # Errors
    ///
    /// `SessionExpired` if the session is not known, or is closing; `SessionMoved` if it has gone
    /// to another server. ZooKeeper: `SessionTrackerImpl.checkSession`.
    pub fn check(&mut self, session: SessionId, through: ServerId) -> Result<(), ErrorCode> {
        let known = self.sessions.get_mut(&session).filter(|known| !known.closing);
        let Some(known) = known else { return Err(ErrorCode::SessionExpired) };
        match *known.owner.get_or_insert(through) == through {
            true => Ok(()),
            false => Err(ErrorCode::SessionMoved),
        }
    }

    /// Notes that the end of a session has been proposed. Returns false if it had been before, or
    /// if the session is not known.
    pub fn closing(&mut self, session: SessionId) -> bool {
        self.queue.remove(session);
        let known = self.sessions.get_mut(&session).filter(|known| !known.closing);
        known.map(|known| known.closing = true).is_some()
    }

    /// Forgets a session, as its end is committed. Returns whether it was known.
    pub fn close(&mut self, session: SessionId) -> bool {
        self.queue.remove(session);
        self.sessions.remove(&session).is_some()
    }

    /// The sessions whose time is over at `now`, in order. They are closing from here on: the
    /// caller proposes the end of each.
    pub fn expired(&mut self, now: Duration) -> Vec<SessionId> {
        let expired = self.queue.poll(now);
        for session in &expired {
            let known = self.sessions.get_mut(session).expect("only known sessions are queued");
            known.closing = true;
        }
        expired
    }

    /// When [`expired`](Sessions::expired) will have something to say if nothing more is heard.
    pub fn deadline(&self) -> Option<Duration> {
        self.queue.deadline()
    }

    /// Whether a session is known and not closing.
    pub fn is_alive(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|known| !known.closing)
    }

    /// Whether a session is known and closing.
    pub fn is_closing(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|known| known.closing)
    }

    /// The server through which a session last attached.
    pub fn owner(&self, session: SessionId) -> Option<ServerId> {
        self.sessions.get(&session)?.owner
    }

    /// How many sessions are known, closing ones among them.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The known sessions in order, each with the timeout in ms with which it began.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, i32)> {
        self.sessions.iter().map(|(session, known)| (*session, known.timeout_ms))
    }

    /// The sessions that are not closing, by the monotonic times at which they would expire: what
    /// the word `dump` shows.
    pub fn buckets(&self) -> &BTreeMap<Duration, BTreeSet<SessionId>> {
        self.queue.buckets()
    }
}
