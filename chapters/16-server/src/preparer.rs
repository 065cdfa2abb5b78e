//! The preparer: it turns requests into transactions, in the order in which they came.
//!
//! It runs where order is made: in a standalone server, and in a leader. It knows what is agreed
//! but not applied yet, which sessions live, and which number comes next.
//!
//! Always true:
//! - each write takes exactly one zxid, also when it is refused;
//! - after a session's end is prepared, nothing more is prepared for it.
//!
//! ZooKeeper: `PrepRequestProcessor`, `SessionTrackerImpl`.

use bytes::Bytes;
use jute::records::{
    CreateRequest, CreateSessionTxn, CreateTtlRequest, ErrorCode, ErrorTxn, OpCode, PathRequest,
    Txn, TxnDigest, TxnHeader,
};
use machines::Now;
use protocol::{MultiOp, Request};
use sessions::{Sessions, first_session_id, next_session_id};
use storage::Entry;
use znodes::{Access, Op, Pending, Preparation};
use zxid::{SessionId, Zxid};

use crate::settings::Settings;
use crate::state::State;

/// The preparer of a server.
#[derive(Debug)]
pub struct Preparer {
    pending: Pending,
    /// The sessions, and when they expire.
    pub sessions: Sessions,
    last: Zxid,
    last_session: SessionId,
    enforce_quota: bool,
    digest: bool,
    reconfig: bool,
}

/// Who asks for a write.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The session; none for what the server itself wants.
    pub session: SessionId,
    /// The client's number for the request; 0 for what the server itself wants.
    pub cxid: i32,
    /// What they may do.
    pub access: &'a dyn Access,
}

impl Preparer {
    /// A preparer over a state, at the moment when this server begins to serve. Every session that
    /// exists has its full time from now on.
    pub fn new(settings: &Settings, state: &State, now: Now) -> Preparer {
        let mut sessions = Sessions::new(settings.tick_ms);
        for (session, timeout) in &state.sessions {
            sessions.open(*session, *timeout, now.monotonic);
        }
        // Should the clock have been set back, ids of sessions that are over must not come again.
        let given = state.given.get(&settings.id).copied();
        let largest = sessions.largest_of(settings.id).max(given);
        let first = first_session_id(settings.id, now.wall_ms, largest);
        Preparer {
            pending: Pending::over(&state.tree),
            sessions,
            last: state.last,
            last_session: SessionId(first.0 - 1),
            enforce_quota: settings.enforce_quota,
            digest: settings.digest,
            reconfig: settings.reconfig,
        }
    }

    /// The last transaction that was prepared.
    pub fn last(&self) -> Zxid {
        self.last
    }

    /// A new session's id, and the transaction that begins it.
    pub fn open_session(&mut self, timeout: i32, now: Now) -> (SessionId, Entry) {
        self.last_session = next_session_id(self.last_session);
        let session = self.last_session;
        self.sessions.open(session, timeout, now.monotonic);
        let txn = Txn::CreateSession(CreateSessionTxn { timeout });
        let header = self.header((session, 0, OpCode::CreateSession), now);
        (session, self.entry(header, &txn))
    }

    /// The transaction that ends a session, or nothing if one is on its way.
    pub fn close_session(&mut self, state: &State, asker: Asker<'_>, now: Now) -> Option<Entry> {
        if self.sessions.is_closing(asker.session) {
            return None;
        }
        self.sessions.closing(asker.session);
        Some(self.end_session(state, asker, now))
    }

    /// The sessions whose time is over, and for each the transaction that ends it.
    pub fn expire(
        &mut self,
        state: &State,
        nobody: &dyn Access,
        now: Now,
    ) -> Vec<(SessionId, Entry)> {
        let expired = self.sessions.expired(now.monotonic);
        expired
            .into_iter()
            .map(|session| {
                let asker = Asker { session, cxid: 0, access: nobody };
                (session, self.end_session(state, asker, now))
            })
            .collect()
    }

    fn end_session(&mut self, state: &State, asker: Asker<'_>, now: Now) -> Entry {
        let names = (asker.session, asker.cxid, OpCode::CloseSession);
        self.prepare(state, names, asker.access, now, |preparation| preparation.close_session())
    }

    /// The transaction of a write: what was asked for, or the error that refuses it.
    pub fn write(
        &mut self,
        state: &State,
        asker: Asker<'_>,
        request: Request<'_>,
        now: Now,
    ) -> Entry {
        let op = request.op();
        let names = (asker.session, asker.cxid, op);
        let reconfig = self.reconfig;
        self.prepare(state, names, asker.access, now, |preparation| {
            let prepared = match request {
                Request::Multi(ops) => {
                    Ok(preparation.multi(ops.into_iter().map(part_of_multi).collect()).0)
                }
                // There is nothing to reconfigure in a server that stands alone.
                Request::Reconfig(_) if reconfig => Err(ErrorCode::Unimplemented),
                Request::Reconfig(_) => Err(ErrorCode::ReconfigDisabled),
                request => preparation.write(single(request)),
            };
            prepared.unwrap_or_else(|error| Txn::Error(ErrorTxn { err: error.code() }))
        })
    }

    /// The transaction that removes an empty container or a node whose time is over.
    pub fn reap(&mut self, state: &State, path: &str, nobody: &dyn Access, now: Now) -> Entry {
        let names = (SessionId::NONE, 0, OpCode::DeleteContainer);
        self.prepare(state, names, nobody, now, |preparation| {
            let request = PathRequest { path: path.into() };
            let prepared = preparation.write(Op::DeleteContainer(request));
            prepared.unwrap_or_else(|error| Txn::Error(ErrorTxn { err: error.code() }))
        })
    }

    /// A transaction is applied: what it changed is now in the state itself.
    pub fn applied(&mut self, zxid: Zxid) {
        self.pending.applied(zxid);
    }

    fn prepare<'a>(
        &mut self,
        state: &State,
        (session, cxid, op): (SessionId, i32, OpCode),
        access: &dyn Access,
        now: Now,
        make: impl FnOnce(&mut Preparation<'_>) -> Txn<'a>,
    ) -> Entry {
        let header = self.header((session, cxid, op), now);
        let tree = &state.tree;
        let mut preparation =
            Preparation::new(tree, &mut self.pending, access, session, header.zxid, header.time);
        preparation.enforce_quota = self.enforce_quota;
        let txn = make(&mut preparation);
        self.entry(header, &txn)
    }

    /// The header of the next transaction. When the counter of the epoch is used up a server that
    /// stands alone begins the next epoch by itself: nobody else has to agree.
    fn header(&mut self, (session, cxid, op): (SessionId, i32, OpCode), now: Now) -> TxnHeader {
        self.last = self.last.next().unwrap_or_else(|_| Zxid::new(self.last.epoch() + 1, 1));
        TxnHeader { session, cxid, zxid: self.last, time: now.wall_ms, op: op.code() }
    }

    /// The transaction as it is logged. Refused ones carry no digest, as in ZooKeeper.
    fn entry(&self, mut header: TxnHeader, txn: &Txn<'_>) -> Entry {
        let refused = matches!(txn, Txn::Error(_));
        if refused {
            header.op = OpCode::Error.code();
        }
        let tree = self.pending.digest() as i64;
        let digest = TxnDigest { version: TxnDigest::VERSION, tree };
        let mut payload = Vec::with_capacity(128);
        txn.append_payload(&header, (self.digest && !refused).then_some(digest), &mut payload);
        Entry { zxid: header.zxid, payload: Bytes::from(payload) }
    }
}

/// A write that stands alone.
fn single(request: Request<'_>) -> Op<'_> {
    match request {
        Request::Create { op, request } => Op::Create { op, request, ttl: None },
        Request::CreateTtl(request) => create_ttl(request),
        Request::Delete(request) => Op::Delete(request),
        Request::SetData(request) => Op::SetData(request),
        Request::SetAcl(request) => Op::SetAcl(request),
        other => panic!("{} is no write", other.op()),
    }
}

fn part_of_multi(part: MultiOp<'_>) -> Op<'_> {
    match part {
        MultiOp::Create { op, request } => Op::Create { op, request, ttl: None },
        MultiOp::CreateTtl(request) => create_ttl(request),
        MultiOp::Delete(request) => Op::Delete(request),
        MultiOp::SetData(request) => Op::SetData(request),
        MultiOp::Check(request) => Op::Check(request),
    }
}

fn create_ttl(request: CreateTtlRequest<'_>) -> Op<'_> {
    let CreateTtlRequest { path, data, acl, flags, ttl } = request;
    let request = CreateRequest { path, data, acl, flags };
    Op::Create { op: OpCode::CreateTtl, request, ttl: Some(ttl) }
}
