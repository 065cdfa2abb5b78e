//! A little leader: it prepares requests, and applies what it has prepared when it is told to.
//!
//! Always true: after each transaction the tree's digest is the one that was foretold.

use jute::records::{
    Acl, CheckVersionRequest, CreateRequest, DeleteRequest, ErrorCode, ErrorTxn, OpCode,
    PathRequest, Perms, SetAclRequest, SetDataRequest, Stat, StatPersisted, Txn, TxnDigest,
    TxnHeader,
};
use znodes::{Access, Change, Loading, Op, Outcome, Pending, Preparation, Tree, apply};
use zxid::{SessionId, Zxid};

/// The session that asks if a test does not say which.
pub(crate) const ME: SessionId = SessionId(0x100_0000_0000_0001);
pub(crate) const OTHER: SessionId = SessionId(0x100_0000_0000_0002);

/// Somebody who may do what a list allows to everybody.
pub(crate) struct Anybody;

impl Access for Anybody {
    fn allows(&self, acl: &[Acl], perms: Perms) -> bool {
        acl.iter().any(|entry| entry.id.scheme == "world" && entry.perms.meets(perms))
    }

    /// `auth` stands for the digest of somebody called me.
    fn resolve(&self, acl: Vec<Acl>) -> Result<Vec<Acl>, ErrorCode> {
        if acl.is_empty() {
            return Err(ErrorCode::InvalidAcl);
        }
        let resolve = |entry: Acl| match entry.id.scheme.as_str() {
            "auth" => Acl::new(entry.perms, "digest", "me"),
            _ => entry,
        };
        Ok(acl.into_iter().map(resolve).collect())
    }
}

/// A transaction that was prepared.
#[derive(Clone)]
pub(crate) struct Logged {
    pub(crate) payload: Vec<u8>,
    /// What the tree's digest will be after it.
    pub(crate) digest: u64,
}

pub(crate) struct Leader {
    pub(crate) tree: Tree,
    pub(crate) pending: Pending,
    pub(crate) enforce_quota: bool,
    /// The wall clock: one ms for each transaction, unless a test sets it.
    pub(crate) time: i64,
    pub(crate) last: Zxid,
    /// Everything prepared, and how much of it is applied.
    pub(crate) log: Vec<Logged>,
    pub(crate) applied: usize,
    /// What the last transaction applied has changed.
    pub(crate) changes: Vec<Change>,
}

impl Leader {
    /// With nodes that have a time to live.
    pub(crate) fn new() -> Leader {
        Leader::over(Tree::new(7, true))
    }

    pub(crate) fn over(tree: Tree) -> Leader {
        Leader {
            pending: Pending::over(&tree),
            tree,
            enforce_quota: false,
            time: 1_000_000,
            last: Zxid::ZERO,
            log: Vec::new(),
            applied: 0,
            changes: Vec::new(),
        }
    }

    /// A leader whose tree has one more node, `/p`, with a stat as no short history makes it.
    pub(crate) fn with_stat(stat: StatPersisted) -> Leader {
        let mut loading = Loading::new(7, true);
        assert!(loading.add("/p", None, &Acl::open(), stat));
        Leader::over(loading.finish())
    }

    /// Prepares, as transaction `last + 1`.
    fn prepare<'a>(
        &mut self,
        session: SessionId,
        make: impl FnOnce(&mut Preparation<'_>) -> Result<Txn<'a>, ErrorCode>,
    ) -> Result<Zxid, ErrorCode> {
        let zxid = Zxid(self.last.0 + 1);
        self.last = zxid;
        self.time += 1;
        let mut preparation =
            Preparation::new(&self.tree, &mut self.pending, &Anybody, session, zxid, self.time);
        preparation.enforce_quota = self.enforce_quota;
        let made = make(&mut preparation);
        let refused = made.as_ref().err().copied();
        let txn = made.unwrap_or_else(|error| Txn::Error(ErrorTxn { err: error.code() }));
        let op = txn.op_code().code();
        let header = TxnHeader { session, cxid: 1, zxid, time: self.time, op };
        let digest = self.pending.digest();
        let told = TxnDigest { version: TxnDigest::VERSION, tree: digest as i64 };
        let mut payload = Vec::new();
        txn.append_payload(&header, Some(told), &mut payload);
        self.log.push(Logged { payload, digest });
        refused.map_or(Ok(zxid), Err)
    }

    /// Prepares a write, and does not apply it yet.
    pub(crate) fn propose_by(&mut self, who: SessionId, op: Op<'_>) -> Result<Zxid, ErrorCode> {
        self.prepare(who, |preparation| preparation.write(op))
    }

    pub(crate) fn propose(&mut self, op: Op<'_>) -> Result<Zxid, ErrorCode> {
        self.propose_by(ME, op)
    }

    /// Prepares a multi; says whether it will be done.
    pub(crate) fn propose_multi(&mut self, who: SessionId, ops: Vec<Op<'_>>) -> bool {
        let mut will_be_done = false;
        let prepared = self.prepare(who, |preparation| {
            let (txn, done) = preparation.multi(ops);
            will_be_done = done;
            Ok(txn)
        });
        prepared.expect("a multi is never refused as a whole");
        will_be_done
    }

    pub(crate) fn propose_close(&mut self, session: SessionId) {
        let prepared = self.prepare(session, |preparation| Ok(preparation.close_session()));
        prepared.expect("the end of a session is never refused");
    }

    /// Applies the next transaction.
    pub(crate) fn apply_one(&mut self) -> Outcome {
        let logged = &self.log[self.applied];
        self.changes.clear();
        let outcome = replay(&mut self.tree, &logged.payload, &mut self.changes);
        assert_eq!(self.tree.digest(), logged.digest, "the tree is not what was foretold");
        self.applied += 1;
        let zxid = Zxid(self.last.0 - (self.log.len() - self.applied) as u64);
        self.pending.applied(zxid);
        outcome
    }

    /// Applies everything, and gives the outcome of the last.
    pub(crate) fn apply_all(&mut self) -> Outcome {
        let mut last = Outcome::Done;
        while self.applied < self.log.len() {
            last = self.apply_one();
        }
        assert!(self.pending.is_empty(), "nothing waits after everything is applied");
        last
    }

    /// Prepares and applies a write.
    pub(crate) fn write(&mut self, op: Op<'_>) -> Result<Outcome, ErrorCode> {
        self.write_by(ME, op)
    }

    pub(crate) fn write_by(&mut self, who: SessionId, op: Op<'_>) -> Result<Outcome, ErrorCode> {
        let prepared = self.propose_by(who, op);
        let outcome = self.apply_all();
        match prepared {
            Ok(_) => Ok(outcome),
            Err(error) => {
                assert_eq!(outcome, Outcome::failed(error), "a refusal is told as it is");
                assert_eq!(self.changes, [], "what is refused changes nothing");
                Err(error)
            }
        }
    }

    /// Prepares and applies a multi, and gives the outcome of each part.
    pub(crate) fn multi(&mut self, ops: Vec<Op<'_>>) -> Vec<Outcome> {
        self.propose_multi(ME, ops);
        match self.apply_all() {
            Outcome::Parts(parts) => parts,
            other => panic!("a multi has parts, not {other:?}"),
        }
    }

    /// Creates nodes that everybody may do everything with.
    pub(crate) fn make(&mut self, paths: &[&str]) {
        for path in paths {
            self.write(create(path, 0)).expect("the node can be created");
        }
    }

    pub(crate) fn stat(&self, path: &str) -> Stat {
        self.tree.node(path).unwrap_or_else(|| panic!("there is no {path}")).stat()
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.tree.node(path).is_some()
    }

    /// The names below a node, in order.
    pub(crate) fn children(&self, path: &str) -> Vec<&str> {
        let mut children: Vec<&str> = self.tree.node(path).expect("a node").children().collect();
        children.sort_unstable();
        children
    }

    pub(crate) fn data(&self, path: &str) -> Option<&str> {
        let data = self.tree.node(path).expect("a node").data();
        data.map(|data| std::str::from_utf8(data).expect("text"))
    }
}

/// Applies a transaction as it lies in a log.
pub(crate) fn replay(tree: &mut Tree, payload: &[u8], changes: &mut Vec<Change>) -> Outcome {
    let (header, txn, _) = Txn::decode_payload(payload).expect("what was encoded decodes");
    apply(tree, &header, &txn, changes)
}

pub(crate) fn create(path: &str, flags: i32) -> Op<'_> {
    create_with(path, flags, Some(b"x"), Acl::open())
}

pub(crate) fn create_with<'a>(
    path: &'a str,
    flags: i32,
    data: Option<&'a [u8]>,
    acl: Vec<Acl>,
) -> Op<'a> {
    let request = CreateRequest { path: path.into(), data, acl, flags };
    Op::Create { op: OpCode::Create2, request, ttl: None }
}

/// create, create2, createContainer or createTTL.
pub(crate) fn create_by(op: OpCode, path: &str, flags: i32, ttl: Option<i64>) -> Op<'_> {
    let Op::Create { request, .. } = create(path, flags) else { unreachable!() };
    Op::Create { op, request, ttl }
}

pub(crate) fn delete(path: &str, version: i32) -> Op<'_> {
    Op::Delete(DeleteRequest { path: path.into(), version })
}

pub(crate) fn reap(path: &str) -> Op<'_> {
    Op::DeleteContainer(PathRequest { path: path.into() })
}

pub(crate) fn set<'a>(path: &'a str, data: &'a str, version: i32) -> Op<'a> {
    Op::SetData(SetDataRequest { path: path.into(), data: Some(data.as_bytes()), version })
}

pub(crate) fn set_acl(path: &str, acl: Vec<Acl>, version: i32) -> Op<'_> {
    Op::SetAcl(SetAclRequest { path: path.into(), acl, version })
}

pub(crate) fn check(path: &str, version: i32) -> Op<'_> {
    Op::Check(CheckVersionRequest { path: path.into(), version })
}

/// A list that gives everybody these permissions and no others.
pub(crate) fn only(perms: Perms) -> Vec<Acl> {
    vec![Acl::new(perms, "world", "anyone")]
}
