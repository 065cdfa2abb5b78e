//! The service: what every server does alike, whatever its role. It applies what is committed, tells
//! the watchers, and answers reads from its own memory.
//!
//! Always true:
//! - events of a transaction are out before the answer to it, and before any read that shows it;
//! - a read shows exactly the transactions that are applied, and its reply says up to which.
//!
//! Book: chapter 16. ZooKeeper: `FinalRequestProcessor`.

use std::borrow::Cow;

use acl::{Identities, mask, required};
use jute::records::{
    Create2Response, ErrorCode, ErrorResponse, GetAclResponse, GetAllChildrenNumberResponse,
    GetChildren2Response, GetDataResponse, ListResponse, OpCode, PathResponse, SaslToken,
    SetWatches2, StatResponse, Txn, WatcherEvent, WhoAmIResponse,
};
use protocol::{
    MultiResult, NO_ZXID, ReadOp, Request, encode_done, encode_error, encode_event, encode_multi,
    encode_reply,
};
use server::{Applied, Asked, State};
use storage::Entry;
use watches::{Changed, Event, Removal, WatchKind, Watcher, Watches};
use znodes::{Access, Change, Node, Outcome, OverQuota};
use zxid::{SessionId, Zxid};

/// How many bytes of data and names one multiRead may gather. Unlike ZooKeeper, which runs out of
/// memory; a small request can name a large node thousands of times.
const MULTI_READ_LIMIT: usize = 64 << 20;

/// The state, and who watches it from here.
#[derive(Debug)]
pub struct Service {
    /// The tree and the sessions.
    pub state: State,
    /// The watches of the clients of this server.
    pub watches: Watches,
    changes: Vec<Change>,
}

/// A client, as far as a read goes.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// Its connection's number.
    pub watcher: Watcher,
    /// Its session.
    pub session: SessionId,
    /// Who it is.
    pub identities: &'a Identities,
}

impl Service {
    /// A service over a state.
    pub fn new(state: State) -> Service {
        Service { state, watches: Watches::new(), changes: Vec::new() }
    }

    /// Applies a committed transaction, and appends to `told` whom to tell what. `may_read` says
    /// whether a watcher may read a node with such a list. The only error is a transaction that
    /// cannot be understood.
    pub fn apply<'e>(
        &mut self,
        entry: &'e Entry,
        may_read: &mut dyn FnMut(Watcher, &[jute::records::Acl]) -> bool,
        told: &mut Vec<(Watcher, Event)>,
    ) -> Result<Applied<'e>, jute::Error> {
        let applied = self.state.apply(entry, &mut self.changes);
        for change in self.changes.drain(..) {
            self.watches.trigger(&change, may_read, told);
        }
        applied
    }

    /// The soft limits that a transaction which was applied has passed.
    pub fn over_quota(&self, txn: &Txn<'_>) -> Vec<OverQuota> {
        let path = match txn {
            Txn::Create(txn) => &txn.path,
            Txn::CreateContainer(txn) => &txn.path,
            Txn::CreateTtl(txn) => &txn.path,
            Txn::SetData(txn) => &txn.path,
            Txn::Multi(parts) => {
                return parts.iter().flat_map(|part| self.over_quota(part)).collect();
            }
            _ => return Vec::new(),
        };
        self.state.tree.over_quota(path)
    }

    /// Answers a request that changes nothing but watches.
    pub fn read(&mut self, reader: Reader<'_>, xid: i32, request: &Request<'_>, out: &mut Vec<u8>) {
        let zxid = self.state.last;
        if let Err(error) = self.try_read(reader, xid, request, out) {
            encode_error(out, xid, zxid, error);
        }
    }

    fn try_read(
        &mut self,
        reader: Reader<'_>,
        xid: i32,
        request: &Request<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), ErrorCode> {
        let (zxid, op) = (self.state.last, request.op());
        match request {
            Request::Ping => encode_done(out, protocol::xid::PING, zxid),
            Request::Exists(asked) => {
                let stat = self.exists(reader, &asked.path, asked.watch)?;
                encode_reply(out, xid, zxid, &stat);
            }
            Request::GetData(asked) => {
                self.watch(reader, op, &asked.path, asked.watch)?;
                let node = self.node(reader, op, &asked.path)?;
                let (data, stat) = (node.data(), node.stat());
                encode_reply(out, xid, zxid, &GetDataResponse { data, stat });
            }
            Request::GetChildren(asked) => {
                self.watch(reader, op, &asked.path, asked.watch)?;
                let list = children(self.node(reader, op, &asked.path)?);
                encode_reply(out, xid, zxid, &ListResponse { list });
            }
            Request::GetChildren2(asked) => {
                self.watch(reader, op, &asked.path, asked.watch)?;
                let node = self.node(reader, op, &asked.path)?;
                let (children, stat) = (children(node), node.stat());
                encode_reply(out, xid, zxid, &GetChildren2Response { children, stat });
            }
            Request::GetAcl(asked) => {
                let node = self.state.tree.node(&asked.path).ok_or(ErrorCode::NoNode)?;
                require(reader, op, node)?;
                let acl = mask(node.acl(), reader.identities);
                encode_reply(out, xid, zxid, &GetAclResponse { acl, stat: node.stat() });
            }
            Request::GetAllChildrenNumber(asked) => {
                let node = self.node(reader, op, &asked.path)?;
                let total = self.state.tree.count_below(node) as i32;
                encode_reply(out, xid, zxid, &GetAllChildrenNumberResponse { total });
            }
            Request::GetEphemerals(asked) => {
                let list = self.ephemerals(reader.session, asked.path.as_deref());
                encode_reply(out, xid, zxid, &ListResponse { list });
            }
            Request::MultiRead(ops) => {
                let mut results = Vec::with_capacity(ops.len());
                let mut size = 0;
                for op in ops {
                    let result = self.part_of_read(reader, op);
                    size += weight(&result);
                    if size > MULTI_READ_LIMIT {
                        return Err(ErrorCode::MarshallingError);
                    }
                    results.push(result);
                }
                encode_multi(out, xid, zxid, &results);
            }
            Request::WhoAmI => {
                let clients = reader.identities.who_am_i();
                encode_reply(out, xid, zxid, &WhoAmIResponse { clients });
            }
            // Whoever comes here has waited until there was nothing more to wait for.
            Request::Sync(asked) => {
                encode_reply(out, xid, zxid, &PathResponse { path: asked.path.clone() });
            }
            Request::AddWatch(asked) => {
                let kind = WatchKind::from_mode(asked.kind).ok_or(ErrorCode::MarshallingError)?;
                self.watches.add(&asked.path, reader.watcher, kind);
                encode_reply(out, xid, zxid, &ErrorResponse { err: 0 });
            }
            Request::CheckWatches(asked) => {
                let kind = Removal::from_code(asked.kind).ok_or(ErrorCode::MarshallingError)?;
                let found = self.watches.check(&asked.path, reader.watcher, kind);
                done_or_no_watcher(found, out, xid, zxid)?;
            }
            Request::RemoveWatches(asked) => {
                let kind = Removal::from_code(asked.kind).ok_or(ErrorCode::MarshallingError)?;
                let found = self.watches.remove(&asked.path, reader.watcher, kind);
                done_or_no_watcher(found, out, xid, zxid)?;
            }
            Request::SetWatches(asked) => {
                let one_shot = asked.clone();
                let (persistent, recursive) = (Vec::new(), Vec::new());
                let asked = SetWatches2 { one_shot, persistent, recursive };
                self.set_watches(reader.watcher, &asked, out);
                encode_done(out, xid, zxid);
            }
            Request::SetWatches2(asked) => {
                self.set_watches(reader.watcher, asked, out);
                encode_done(out, xid, zxid);
            }
            // No SASL login is configured: as such a server of Apache's, an empty token.
            Request::Sasl(_) => {
                encode_reply(out, xid, Zxid::ZERO, &SaslToken { token: None });
            }
            Request::Create { .. }
            | Request::CreateTtl(_)
            | Request::Delete(_)
            | Request::SetData(_)
            | Request::SetAcl(_)
            | Request::Multi(_)
            | Request::Reconfig(_)
            | Request::Auth(_)
            | Request::CloseSession => panic!("{} is no read", request.op()),
        }
        Ok(())
    }

    /// A node that the reader may read.
    fn node(&self, reader: Reader<'_>, op: OpCode, path: &str) -> Result<Node<'_>, ErrorCode> {
        let node = self.state.tree.node(path).ok_or(ErrorCode::NoNode)?;
        require(reader, op, node)?;
        Ok(node)
    }

    /// Sets a watch if it is asked for, and if the node is there and may be read.
    fn watch(
        &mut self,
        reader: Reader<'_>,
        op: OpCode,
        path: &str,
        wanted: bool,
    ) -> Result<(), ErrorCode> {
        if wanted {
            self.node(reader, op, path)?;
            let of_data = op == OpCode::GetData;
            let kind = if of_data { WatchKind::Data } else { WatchKind::Child };
            self.watches.add(path, reader.watcher, kind);
        }
        Ok(())
    }

    /// A node that is not there can be watched too: that is what `exists` is for.
    fn exists(
        &mut self,
        reader: Reader<'_>,
        path: &str,
        watch: bool,
    ) -> Result<StatResponse, ErrorCode> {
        if path.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        let found =
            self.node(reader, OpCode::Exists, path).map(|node| StatResponse { stat: node.stat() });
        if watch && found != Err(ErrorCode::NoAuth) {
            self.watches.add(path, reader.watcher, WatchKind::Data);
        }
        found
    }

    fn ephemerals(&self, session: SessionId, prefix: Option<&str>) -> Vec<Cow<'_, str>> {
        let prefix = prefix.map(str::trim).filter(|prefix| *prefix != "/").unwrap_or_default();
        let paths = self.state.tree.ephemerals_of(session).into_iter();
        paths.filter(|path| path.starts_with(prefix)).map(Cow::Owned).collect()
    }

    fn part_of_read<'s>(&'s self, reader: Reader<'_>, op: &ReadOp<'_>) -> MultiResult<'s> {
        let read = match op {
            ReadOp::GetData(asked) => self
                .node(reader, op.op(), &asked.path)
                .map(|node| MultiResult::GetData(node.data(), node.stat())),
            ReadOp::GetChildren(asked) => self
                .node(reader, op.op(), &asked.path)
                .map(|node| MultiResult::GetChildren(children(node))),
        };
        read.unwrap_or_else(|error| MultiResult::Error(error.code()))
    }

    fn set_watches(&mut self, watcher: Watcher, asked: &SetWatches2<'_>, out: &mut Vec<u8>) {
        let tree = &self.state.tree;
        let mut missed = Vec::new();
        let mut changed = |path: &str| {
            let stat = tree.node(path)?.persisted();
            Some(Changed { mzxid: stat.mzxid, pzxid: stat.pzxid })
        };
        self.watches.set_watches(watcher, asked, &mut changed, &mut missed);
        for (_, event) in &missed {
            write_event(out, NO_ZXID, event);
        }
    }
}

/// Appends a watch event, as the client gets it.
pub fn write_event(out: &mut Vec<u8>, zxid: Zxid, event: &Event) {
    let path = Cow::Borrowed(&*event.path);
    encode_event(out, zxid, &WatcherEvent { kind: event.kind as i32, state: 3, path });
}

/// Appends the answer to a write that was applied.
pub fn answer_write(out: &mut Vec<u8>, xid: i32, asked: &Asked, applied: &Applied<'_>) {
    let zxid = applied.header.zxid;
    match (&applied.txn, &applied.outcome) {
        (Txn::Multi(parts), Outcome::Parts(outcomes)) => {
            let results: Vec<MultiResult<'_>> = asked
                .parts
                .iter()
                .zip(parts.iter().zip(outcomes))
                .map(|(op, (part, outcome))| part_result(*op, part, outcome))
                .collect();
            encode_multi(out, xid, zxid, &results);
        }
        (txn, outcome) => match part_result(asked.op, txn, outcome) {
            MultiResult::Create(path) => {
                encode_reply(out, xid, zxid, &PathResponse { path: Some(path) });
            }
            MultiResult::Create2(path, stat) => {
                encode_reply(out, xid, zxid, &Create2Response { path, stat });
            }
            MultiResult::SetData(stat) => encode_reply(out, xid, zxid, &StatResponse { stat }),
            MultiResult::Error(code) => {
                let error = ErrorCode::from_code(code).unwrap_or(ErrorCode::MarshallingError);
                encode_error(out, xid, zxid, error);
            }
            _ => encode_done(out, xid, zxid),
        },
    }
}

/// What became of one write: the shape depends on how it was asked for.
fn part_result<'a>(op: OpCode, txn: &'a Txn<'_>, outcome: &Outcome) -> MultiResult<'a> {
    let path = match txn {
        Txn::Create(txn) => Cow::Borrowed(&*txn.path),
        Txn::CreateContainer(txn) => Cow::Borrowed(&*txn.path),
        Txn::CreateTtl(txn) => Cow::Borrowed(&*txn.path),
        _ => Cow::Borrowed(""),
    };
    match (outcome, op) {
        (Outcome::Failed(code), _) => MultiResult::Error(*code),
        (Outcome::Stat(_), OpCode::Create) => MultiResult::Create(path),
        (Outcome::Stat(stat), OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl) => {
            MultiResult::Create2(path, *stat)
        }
        (Outcome::Stat(stat), _) => MultiResult::SetData(*stat),
        (Outcome::Done | Outcome::Parts(_), OpCode::Check) => MultiResult::Check,
        (Outcome::Done | Outcome::Parts(_), _) => MultiResult::Delete,
    }
}

fn children(node: Node<'_>) -> Vec<Cow<'_, str>> {
    node.children().map(Cow::Borrowed).collect()
}

fn require(reader: Reader<'_>, op: OpCode, node: Node<'_>) -> Result<(), ErrorCode> {
    let allowed = required(op).is_none_or(|(_, perms)| reader.identities.allows(node.acl(), perms));
    if allowed { Ok(()) } else { Err(ErrorCode::NoAuth) }
}

fn done_or_no_watcher(
    found: bool,
    out: &mut Vec<u8>,
    xid: i32,
    zxid: Zxid,
) -> Result<(), ErrorCode> {
    if !found {
        return Err(ErrorCode::NoWatcher);
    }
    encode_done(out, xid, zxid);
    Ok(())
}

/// About how many bytes a part of a multiRead takes in its answer.
fn weight(result: &MultiResult<'_>) -> usize {
    match result {
        MultiResult::GetData(data, _) => data.map_or(0, <[u8]>::len),
        MultiResult::GetChildren(names) => names.iter().map(|name| name.len() + 4).sum(),
        _ => 0,
    }
}
