//! The chapter's program: which change fires which watch.
//!
//! One watch lies in the table, and one change is made to the tree: prepared and applied, as a
//! server does it, and what was changed is told to the table of watches. Then all begins anew, for
//! the next change and the next kind of watch. Nobody has written down what comes of it.
//!
//! Book: chapter 13.

use std::borrow::Cow;

use jute::records::{
    Acl, CreateRequest, DeleteRequest, ErrorCode, OpCode, Perms, SetAclRequest, SetDataRequest,
    TxnHeader,
};
use znodes::{Access, Op, Pending, Preparation, Tree, apply, path};
use zxid::{SessionId, Zxid};

use crate::{Event, Removal, WatchKind, Watcher, Watches};

/// The kinds of watches, in the order of the table's columns.
pub const KINDS: [WatchKind; 4] =
    [WatchKind::Data, WatchKind::Child, WatchKind::Persistent, WatchKind::Recursive];

/// Something that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Create a node that is not there.
    Create(String),
    /// Replace a node's data.
    SetData(String),
    /// Replace a node's data, with a version that it does not have.
    WrongVersion(String),
    /// Replace a node's ACL.
    SetAcl(String),
    /// Delete a node that has no children.
    Delete(String),
}

impl Write {
    /// The node that is to be changed.
    pub fn path(&self) -> &str {
        match self {
            Write::Create(path)
            | Write::SetData(path)
            | Write::WrongVersion(path)
            | Write::SetAcl(path)
            | Write::Delete(path) => path,
        }
    }

    fn op(&self) -> Op<'_> {
        let path = Cow::Borrowed(self.path());
        let data = Some(&b"new"[..]);
        match self {
            Write::Create(_) => {
                let request = CreateRequest { path, data, acl: Acl::open(), flags: 0 };
                Op::Create { op: OpCode::Create, request, ttl: None }
            }
            Write::SetData(_) => Op::SetData(SetDataRequest { path, data, version: -1 }),
            Write::WrongVersion(_) => Op::SetData(SetDataRequest { path, data, version: 7 }),
            Write::SetAcl(_) => Op::SetAcl(SetAclRequest { path, acl: Acl::open(), version: -1 }),
            Write::Delete(_) => Op::Delete(DeleteRequest { path, version: -1 }),
        }
    }
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// What the watcher was told.
    pub told: Vec<Event>,
    /// Whether the watch is still there.
    pub stays: bool,
    /// Why the change was refused, if it was.
    pub refused: Option<ErrorCode>,
}

/// Leaves one watch on a path, makes one change, and says what the watcher is told. All nodes that the
/// change needs are there before. `may_read` says whether the watcher may read them.
pub fn fire(kind: WatchKind, watched: &str, write: &Write, may_read: bool) -> Fired {
    let mut stage = Stage::new();
    stage.prepare_the_ground(write);
    let (watcher, mut watches) = (Watcher(1), Watches::new());
    watches.add(watched, watcher, kind);
    let mut told = Vec::new();
    let refused = stage.carry_out(write, &mut |change| {
        watches.trigger(change, &mut |_, _| may_read, &mut told);
    });
    let told = told.into_iter().map(|(_, event)| event).collect();
    Fired { told, stays: watches.check(watched, watcher, Removal::Any), refused }
}

/// A tree, and how far it has come.
struct Stage {
    tree: Tree,
    last: u64,
}

impl Stage {
    fn new() -> Stage {
        Stage { tree: Tree::new(0, false), last: 0 }
    }

    /// Creates what is above the node that is to be changed, and the node too if it must be there.
    fn prepare_the_ground(&mut self, write: &Write) {
        let mut missing = Vec::new();
        if !matches!(write, Write::Create(_)) {
            missing.push(write.path());
        }
        let mut at = write.path();
        while let Some(above) = path::parent(at).filter(|above| *above != at) {
            missing.push(above);
            at = above;
        }
        for path in missing.into_iter().rev().filter(|path| *path != "/") {
            let refused = self.carry_out(&Write::Create(path.to_string()), &mut |_| {});
            assert_eq!(refused, None, "{path} can be created");
        }
    }

    /// Prepares a change and applies it, as a server does; tells what was changed, or why nothing was.
    fn carry_out(
        &mut self,
        write: &Write,
        changed: &mut dyn FnMut(&znodes::Change),
    ) -> Option<ErrorCode> {
        self.last += 1;
        let (zxid, session) = (Zxid(self.last), SessionId(1));
        let mut pending = Pending::over(&self.tree);
        let mut preparation =
            Preparation::new(&self.tree, &mut pending, &Anybody, session, zxid, 0);
        let txn = match preparation.write(write.op()) {
            Ok(txn) => txn,
            Err(refused) => return Some(refused),
        };
        let op = txn.op_code().code();
        let header = TxnHeader { session, cxid: 0, zxid, time: 0, op };
        let mut changes = Vec::new();
        apply(&mut self.tree, &header, &txn, &mut changes);
        changes.iter().for_each(changed);
        None
    }
}

/// Somebody who may do everything: permissions are the next chapter.
struct Anybody;

impl Access for Anybody {
    fn allows(&self, _: &[Acl], _: Perms) -> bool {
        true
    }

    fn resolve(&self, acl: Vec<Acl>) -> Result<Vec<Acl>, ErrorCode> {
        Ok(acl)
    }
}
