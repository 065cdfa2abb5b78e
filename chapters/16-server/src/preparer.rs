//! The preparer: it turns requests into transactions, in the order in which they came.
//!
//! It runs where order is made: in a standalone server, and in a leader. It knows what is agreed
//! but not applied yet, which sessions live, and which number comes next.
//!
//! Always true:
//! - each write takes exactly one zxid, also when it is refused;
//! - in an ensemble nothing is prepared beyond the end of the epoch: its leader must step down;
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
use sessions::Sessions;
use storage::Entry;
use znodes::{Access, Op, Pending, Preparation};
use zxid::{Rollover, ServerId, SessionId, Zxid};

use crate::settings::Settings;
use crate::state::State;

/// Bytes of paths in a transaction that ends a session. One with more names none, and each server
/// finds them in its own tree: unlike ZooKeeper, whose servers may refuse to read what their leader
/// has written (ZOOKEEPER-4306).
const LONGEST_CLOSE: usize = 256 << 10;

/// The preparer of a server.
#[derive(Debug)]
pub struct Preparer {
    pending: Pending,
    /// The sessions, and when they expire.
    pub sessions: Sessions,
    last: Zxid,
    /// Whether this server stands alone, and nobody else has to agree to a new epoch.
    alone: bool,
    epoch_length: u32,
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
    /// A preparer over a state, at the moment when this server begins to give order. If it leads an
    /// ensemble, `before` is what comes before the first transaction of its epoch. Every session
    /// that exists has its full time from now on.
    pub fn new(settings: &Settings, state: &State, before: Option<Zxid>, now: Now) -> Preparer {
        let mut sessions = Sessions::new(settings.tick_ms);
        for (session, timeout) in &state.sessions {
            sessions.open(*session, *timeout, now.monotonic);
        }
        Preparer {
            pending: Pending::over(&state.tree),
            sessions,
            last: before.unwrap_or(state.last),
            alone: before.is_none(),
            epoch_length: settings.epoch_length,
            enforce_quota: settings.enforce_quota,
            digest: settings.digest,
            reconfig: settings.reconfig,
        }
    }

    /// The last transaction that was prepared.
    pub fn last(&self) -> Zxid {
        self.last
    }

    /// The transaction that begins a session, which goes on through a server. A client's number
    /// for its beginning is 0.
    pub fn open_session(
        &mut self,
        (session, cxid): (SessionId, i32),
        timeout: i32,
        through: ServerId,
        now: Now,
    ) -> Result<Entry, Rollover> {
        let txn = Txn::CreateSession(CreateSessionTxn { timeout });
        let header = self.header((session, cxid, OpCode::CreateSession), now)?;
        self.sessions.open(session, timeout, now.monotonic);
        self.sessions.attach(session, timeout, through, now.monotonic);
        Ok(self.entry(header, &txn))
    }

    /// The transaction that ends a session, or nothing if one is on its way.
    pub fn close_session(
        &mut self,
        state: &State,
        asker: Asker<'_>,
        now: Now,
    ) -> Result<Option<Entry>, Rollover> {
        if self.sessions.is_closing(asker.session) {
            return Ok(None);
        }
        self.sessions.closing(asker.session);
        self.end_session(state, asker, now).map(Some)
    }

    /// The sessions whose time is over, and for each the transaction that ends it.
    pub fn expire(
        &mut self,
        state: &State,
        nobody: &dyn Access,
        now: Now,
    ) -> Result<Vec<(SessionId, Entry)>, Rollover> {
        let expired = self.sessions.expired(now.monotonic);
        let end = |session| {
            let asker = Asker { session, cxid: 0, access: nobody };
            Ok((session, self.end_session(state, asker, now)?))
        };
        expired.into_iter().map(end).collect()
    }

    fn end_session(
        &mut self,
        state: &State,
        asker: Asker<'_>,
        now: Now,
    ) -> Result<Entry, Rollover> {
        let names = (asker.session, asker.cxid, OpCode::CloseSession);
        self.prepare(state, names, asker.access, now, |preparation| {
            let txn = preparation.close_session();
            match &txn {
                Txn::CloseSession(Some(closed))
                    if closed.paths.iter().map(|path| path.len()).sum::<usize>()
                        > LONGEST_CLOSE =>
                {
                    Txn::CloseSession(None)
                }
                _ => txn,
            }
        })
    }

    /// The transaction of a write: what was asked for, or the error that refuses it.
    pub fn write(
        &mut self,
        state: &State,
        asker: Asker<'_>,
        request: Request<'_>,
        now: Now,
    ) -> Result<Entry, Rollover> {
        let op = request.op();
        let names = (asker.session, asker.cxid, op);
        let reconfig = self.reconfig;
        self.prepare(state, names, asker.access, now, |preparation| {
            let prepared = match request {
                Request::Multi(ops) => {
                    Ok(preparation.multi(ops.into_iter().map(part_of_multi).collect()).0)
                }
                // The members change only when all servers are started again.
                Request::Reconfig(_) if reconfig => Err(ErrorCode::Unimplemented),
                Request::Reconfig(_) => Err(ErrorCode::ReconfigDisabled),
                request => preparation.write(single(request)),
            };
            prepared.unwrap_or_else(|error| Txn::Error(ErrorTxn { err: error.code() }))
        })
    }

    /// The transaction that refuses a request which was not even looked at.
    pub fn refuse(
        &mut self,
        session: SessionId,
        cxid: i32,
        error: ErrorCode,
        now: Now,
    ) -> Result<Entry, Rollover> {
        let header = self.header((session, cxid, OpCode::Error), now)?;
        Ok(self.entry(header, &Txn::Error(ErrorTxn { err: error.code() })))
    }

    /// The transaction that removes an empty container or a node whose time is over.
    pub fn reap(
        &mut self,
        state: &State,
        path: &str,
        nobody: &dyn Access,
        now: Now,
    ) -> Result<Entry, Rollover> {
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
    ) -> Result<Entry, Rollover> {
        let header = self.header((session, cxid, op), now)?;
        let tree = &state.tree;
        let mut preparation =
            Preparation::new(tree, &mut self.pending, access, session, header.zxid, header.time);
        preparation.enforce_quota = self.enforce_quota;
        let txn = make(&mut preparation);
        Ok(self.entry(header, &txn))
    }

    /// The header of the next transaction.
    fn header(
        &mut self,
        (session, cxid, op): (SessionId, i32, OpCode),
        now: Now,
    ) -> Result<TxnHeader, Rollover> {
        let next = match self.last.counter() >= self.epoch_length {
            true => Err(Rollover),
            false => self.last.next(),
        };
        self.last = match next {
            Err(Rollover) if self.alone => Zxid::new(self.last.epoch() + 1, 1),
            next => next?,
        };
        Ok(TxnHeader { session, cxid, zxid: self.last, time: now.wall_ms, op: op.code() })
    }

    /// The transaction as it is logged. Refused ones carry no digest, as in ZooKeeper; nor does the
    /// end of a session that names no nodes, where a digest would be taken for names.
    fn entry(&self, mut header: TxnHeader, txn: &Txn<'_>) -> Entry {
        let refused = matches!(txn, Txn::Error(_));
        if refused {
            header.op = OpCode::Error.code();
        }
        let tree = self.pending.digest() as i64;
        let digest = TxnDigest { version: TxnDigest::VERSION, tree };
        let mut payload = Vec::with_capacity(128);
        let bare = refused || *txn == Txn::CloseSession(None);
        txn.append_payload(&header, (self.digest && !bare).then_some(digest), &mut payload);
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
