//! Preparing: turning what a client asks for into what will be so.
//!
//! Only the leader prepares. It looks at the tree as it will be when everything agreed so far is
//! applied, checks permission, version and path, makes every choice (the name of a sequential node,
//! the new version, the time), and writes it into a transaction that everybody can apply without
//! thinking. A request that is refused becomes a transaction too, which changes nothing.
//!
//! Always true:
//! - the order of the checks is ZooKeeper's, because it decides which error a client sees;
//! - a multi that fails leaves nothing behind;
//! - permission to create and delete is the parent's to give.
//!
//! Book: chapter 11. ZooKeeper: `PrepRequestProcessor`.

use std::borrow::Cow;

use jute::records::{
    CheckVersionRequest, CheckVersionTxn, CloseSessionTxn, CreateContainerTxn, CreateRequest,
    CreateTtlTxn, CreateTxn, DeleteRequest, DeleteTxn, ErrorCode, ErrorTxn, OpCode, Perms,
    SetAclRequest, SetAclTxn, SetDataRequest, SetDataTxn, Txn,
};
use znodes::{Access, Checkpoint, Kind, MAX_TTL, Op, Pending, Record, Tree, path};
use zxid::{SessionId, Zxid};

/// Everything that a preparation looks at besides the request.
pub struct Preparation<'p> {
    /// The tree as it is.
    pub tree: &'p Tree,
    /// What will be different.
    pub pending: &'p mut Pending,
    /// Who asks.
    pub access: &'p dyn Access,
    /// For which session.
    pub session: SessionId,
    /// The number that the transaction will have.
    pub zxid: Zxid,
    /// The leader's wall clock in ms: what ctime and mtime will be.
    pub time: i64,
    /// Whether hard quotas are enforced.
    pub enforce_quota: bool,
    /// How to undo what the multi at hand has done so far.
    undo: Option<Checkpoint>,
}

impl<'p> Preparation<'p> {
    /// A preparation of one transaction.
    pub fn new(
        tree: &'p Tree,
        pending: &'p mut Pending,
        access: &'p dyn Access,
        session: SessionId,
        zxid: Zxid,
        time: i64,
    ) -> Self {
        let enforce_quota = false;
        Preparation { tree, pending, access, session, zxid, time, enforce_quota, undo: None }
    }

    /// Prepares one write.
    pub fn write<'a>(&mut self, op: Op<'a>) -> Result<Txn<'a>, ErrorCode> {
        match op {
            Op::Create { op, request, ttl } => self.create(op, request, ttl),
            Op::Delete(request) => self.delete(request).map(Txn::Delete),
            Op::DeleteContainer(request) => self.delete_container(request.path).map(Txn::Delete),
            Op::SetData(request) => self.set_data(request).map(Txn::SetData),
            Op::SetAcl(request) => self.set_acl(request).map(Txn::SetAcl),
            Op::Check(request) => self.check(request).map(Txn::Check),
        }
    }

    /// Prepares several writes, all or none. Each sees what the earlier ones did. The second value
    /// says whether they will be done; if not, the part that was refused is an error, and so is
    /// everything after it.
    pub fn multi<'a>(&mut self, ops: Vec<Op<'a>>) -> (Txn<'a>, bool) {
        // Exercise 11.3: several writes, all or none
        let mut failed = false;
        let mut parts = Vec::with_capacity(ops.len());
        self.undo = Some(self.pending.checkpoint());
        for op in ops {
            let part = if failed { Err(ErrorCode::RuntimeInconsistency) } else { self.write(op) };
            failed |= part.is_err();
            parts.push(part.unwrap_or_else(|error| Txn::Error(ErrorTxn { err: error.code() })));
        }
        let undo = self.undo.take().expect("only this function takes it");
        if failed {
            self.pending.roll_back(undo);
        }
        (Txn::Multi(parts), !failed)
        // End of 11.3.
    }

    /// Prepares the end of a session: it takes its ephemeral nodes along.
    pub fn close_session(&mut self) -> Txn<'static> {
        let paths = self.pending.ephemerals_of(self.tree, self.session);
        for path in &paths {
            let parent = path::parent(path).expect("a node's path has a slash");
            self.will_be_gone(path, parent);
        }
        Txn::CloseSession(Some(CloseSessionTxn {
            paths: paths.into_iter().map(Cow::Owned).collect(),
        }))
    }

    fn create<'a>(
        &mut self,
        op: OpCode,
        request: CreateRequest<'a>,
        ttl: Option<i64>,
    ) -> Result<Txn<'a>, ErrorCode> {
        // Exercise 11.1: check what is asked for, choose, and say what will be
        let CreateRequest { path, data, acl, flags } = request;
        let kind = self.kind_to_create(op, flags, ttl)?;
        let sequential = matches!(flags, 2 | 3 | 6);
        let parent = parent_of(&path)?.to_owned();
        let acl = self.access.resolve(acl)?;
        let above = self.node(&parent)?;
        self.require(&above, Perms::CREATE)?;

        let path: Cow<'a, str> =
            if sequential { format!("{path}{:010}", above.stat.cversion).into() } else { path };
        if !path::is_valid(&path) {
            return Err(ErrorCode::BadArguments);
        }
        if self.pending.node(self.tree, &path).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if self.is_ephemeral(&above) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        self.require_quota(&path, 1, data.map_or(0, <[u8]>::len) as i64)?;

        let parent_cversion = self.will_have_child(&parent, above);
        let shared = self.tree.share(&acl);
        let record = Record::newborn(&path, data, shared, self.zxid, self.time, kind);
        self.put(&path, 0, record);
        Ok(match kind {
            Kind::Container => {
                Txn::CreateContainer(CreateContainerTxn { path, data, acl, parent_cversion })
            }
            Kind::Ttl(ttl) => {
                Txn::CreateTtl(CreateTtlTxn { path, data, acl, parent_cversion, ttl })
            }
            Kind::Persistent | Kind::Ephemeral(_) => {
                let ephemeral = kind != Kind::Persistent;
                Txn::Create(CreateTxn { path, data, acl, ephemeral, parent_cversion })
            }
        })
        // End of 11.1.
    }

    /// What to create: containers and TTL nodes by the operation, the rest by the flags.
    fn kind_to_create(&self, op: OpCode, flags: i32, ttl: Option<i64>) -> Result<Kind, ErrorCode> {
        if !(0..=6).contains(&flags) {
            return Err(ErrorCode::BadArguments);
        }
        let wants_ttl = flags >= 5;
        if wants_ttl && !self.tree.extended_types() {
            return Err(ErrorCode::Unimplemented);
        }
        match (op, ttl) {
            (OpCode::CreateTtl, Some(ttl)) if wants_ttl && (1..=MAX_TTL).contains(&ttl) => {
                Ok(Kind::Ttl(ttl))
            }
            // Unlike ZooKeeper, which lets a negative time with another flag through, and then
            // cannot read its own log.
            (OpCode::CreateTtl, _) => Err(ErrorCode::BadArguments),
            _ if wants_ttl => Err(ErrorCode::BadArguments),
            (OpCode::CreateContainer, _) => Ok(Kind::Container),
            _ if flags & 1 == 1 => Ok(Kind::Ephemeral(self.session)),
            _ => Ok(Kind::Persistent),
        }
    }

    fn delete<'a>(&mut self, request: DeleteRequest<'a>) -> Result<DeleteTxn<'a>, ErrorCode> {
        let DeleteRequest { path, version } = request;
        let parent = deletable_parent(&path)?;
        let above = self.node(parent)?;
        self.require(&above, Perms::DELETE)?;
        let record = self.node(&path)?;
        expect_version(version, record.stat.version)?;
        if record.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.will_be_gone(&path, parent);
        Ok(DeleteTxn { path })
    }

    /// The reaper asks without a session; nobody's permission is needed.
    fn delete_container<'a>(&mut self, path: Cow<'a, str>) -> Result<DeleteTxn<'a>, ErrorCode> {
        let parent = deletable_parent(&path)?;
        let record = self.node(&path)?;
        if record.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        // Unlike ZooKeeper, which also removes a plain node that took the place of the one that was
        // found to be over.
        let kind = Kind::of(record.stat.ephemeral_owner, self.tree.extended_types());
        if !matches!(kind, Kind::Container | Kind::Ttl(_)) {
            return Err(ErrorCode::BadVersion);
        }
        self.will_be_gone(&path, parent);
        Ok(DeleteTxn { path })
    }

    fn set_data<'a>(&mut self, request: SetDataRequest<'a>) -> Result<SetDataTxn<'a>, ErrorCode> {
        let SetDataRequest { path, data, version } = request;
        require_valid(&path)?;
        let mut record = self.node(&path)?;
        let old = record.weight(&path);
        self.require(&record, Perms::WRITE)?;
        let more = data.map_or(0, <[u8]>::len) as i64 - record.data_length as i64;
        self.require_quota(&path, 0, more)?;
        expect_version(version, record.stat.version)?;
        let version = next_version(record.stat.version);
        record.stat.version = version;
        record.stat.mzxid = self.zxid;
        record.stat.mtime = self.time;
        record.set_data(&path, data);
        self.put(&path, old, record);
        Ok(SetDataTxn { path, data, version })
    }

    fn set_acl<'a>(&mut self, request: SetAclRequest<'a>) -> Result<SetAclTxn<'a>, ErrorCode> {
        let SetAclRequest { path, acl, version } = request;
        require_valid(&path)?;
        let acl = self.access.resolve(acl)?;
        let mut record = self.node(&path)?;
        let old = record.weight(&path);
        self.require(&record, Perms::ADMIN)?;
        expect_version(version, record.stat.aversion)?;
        let version = next_version(record.stat.aversion);
        record.stat.aversion = version;
        record.acl = self.tree.share(&acl);
        self.put(&path, old, record);
        Ok(SetAclTxn { path, acl, version })
    }

    fn check<'a>(
        &mut self,
        request: CheckVersionRequest<'a>,
    ) -> Result<CheckVersionTxn<'a>, ErrorCode> {
        let CheckVersionRequest { path, version } = request;
        require_valid(&path)?;
        let record = self.node(&path)?;
        self.require(&record, Perms::READ)?;
        expect_version(version, record.stat.version)?;
        Ok(CheckVersionTxn { path, version: record.stat.version.wrapping_add(1) })
    }

    fn node(&self, path: &str) -> Result<Record, ErrorCode> {
        self.pending.node(self.tree, path).ok_or(ErrorCode::NoNode)
    }

    /// Says what a node will be; `old` is what it weighed before, 0 if it was not there.
    fn put(&mut self, path: &str, old: u64, record: Record) {
        self.pending.put(self.tree, self.zxid, path, (old, record), self.undo.as_mut());
    }

    fn require(&self, node: &Record, perm: Perms) -> Result<(), ErrorCode> {
        if self.access.allows(&node.acl, perm) { Ok(()) } else { Err(ErrorCode::NoAuth) }
    }

    fn require_quota(&self, path: &str, nodes: i64, bytes: i64) -> Result<(), ErrorCode> {
        if self.enforce_quota && self.tree.passes_hard_limit(path, nodes, bytes) {
            return Err(ErrorCode::QuotaExceeded);
        }
        Ok(())
    }

    fn is_ephemeral(&self, node: &Record) -> bool {
        let kind = Kind::of(node.stat.ephemeral_owner, self.tree.extended_types());
        matches!(kind, Kind::Ephemeral(_))
    }

    /// Counts a child that will be created, and gives the parent's new count.
    fn will_have_child(&mut self, parent: &str, mut above: Record) -> i32 {
        let old = above.weight(parent);
        let cversion = above.stat.cversion.wrapping_add(1);
        above.children += 1;
        // The stored count is only ever raised: see `apply`.
        if cversion > above.stat.cversion {
            above.stat.cversion = cversion;
            above.stat.pzxid = self.zxid;
        }
        self.put(parent, old, above);
        cversion
    }

    fn will_be_gone(&mut self, path: &str, parent: &str) {
        let mut above = self.node(parent).expect("a node's parent is there");
        let old = above.weight(parent);
        above.children -= 1;
        above.stat.pzxid = above.stat.pzxid.max(self.zxid);
        self.put(parent, old, above);
        let record = self.node(path).expect("whoever calls this has seen the node");
        self.put(path, record.weight(path), Record { exists: false, ..record });
    }
}

/// The parent of a node to be created. The path is looked at no further before the parent is.
fn parent_of(path: &str) -> Result<&str, ErrorCode> {
    match path::parent(path) {
        Some(parent) if !path.contains('\0') => Ok(parent),
        _ => Err(ErrorCode::BadArguments),
    }
}

/// The parent of a node to be deleted. Besides the system's nodes any path will do: a bad one will
/// not be found.
fn deletable_parent(path: &str) -> Result<&str, ErrorCode> {
    if path::is_system(path) { Err(ErrorCode::BadArguments) } else { parent_of(path) }
}

fn require_valid(path: &str) -> Result<(), ErrorCode> {
    if path::is_valid(path) { Ok(()) } else { Err(ErrorCode::BadArguments) }
}

/// -1 expects nothing; any other number, other negative ones too, must be the version.
fn expect_version(expected: i32, version: i32) -> Result<(), ErrorCode> {
    if expected == -1 || expected == version { Ok(()) } else { Err(ErrorCode::BadVersion) }
}

/// Versions wrap around. Unlike ZooKeeper they skip -1, which in a request means any
/// (ZOOKEEPER-4743).
fn next_version(version: i32) -> i32 {
    match version.wrapping_add(1) {
        -1 => 0,
        next => next,
    }
}
