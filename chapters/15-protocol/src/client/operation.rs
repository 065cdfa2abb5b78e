//! Operations: what a client can ask of a server, with everything owned.
//!
//! An operation becomes a [`Request`], which borrows from it; paths get the chroot put before them on
//! the way. ZooKeeper: `ZooKeeper.create` and its neighbours.

use std::borrow::Cow;

use bytes::Bytes;
use jute::records::{
    Acl, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, MaybePathRequest,
    OpCode, PathRequest, ReadRequest, ReconfigRequest, SetAclRequest, SetDataRequest, WatchRequest,
};

use super::{Error, WatchKind};
use crate::{MultiOp, ReadOp, Request};

/// The kind of node that create makes. The numbers are on the wire. ZooKeeper: `CreateMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum CreateMode {
    /// Stays until it is deleted.
    #[default]
    Persistent = 0,
    /// Goes with the session.
    Ephemeral = 1,
    /// As `Persistent`, with a rising number appended to its name.
    PersistentSequential = 2,
    /// As `Ephemeral`, with a rising number appended to its name.
    EphemeralSequential = 3,
    /// Goes some time after its last child.
    Container = 4,
    /// Goes when it was not changed for a time and has no children.
    PersistentWithTtl = 5,
    /// As `PersistentWithTtl`, with a rising number appended to its name.
    PersistentSequentialWithTtl = 6,
}

impl CreateMode {
    /// Whether the node needs a time to live.
    pub fn has_ttl(self) -> bool {
        matches!(self, CreateMode::PersistentWithTtl | CreateMode::PersistentSequentialWithTtl)
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Create a node.
    Create {
        /// Where.
        path: String,
        /// Its data, or null.
        data: Option<Bytes>,
        /// Who may do what.
        acl: Vec<Acl>,
        /// Its kind.
        mode: CreateMode,
        /// Its time to live in ms, for the two kinds that have one.
        ttl: i64,
        /// Whether the answer is to have the Stat.
        stat: bool,
    },
    /// Delete a node that has this version; -1 for any.
    Delete {
        /// Which.
        path: String,
        /// The version it must have.
        version: i32,
    },
    /// Ask for a node's Stat.
    Exists {
        /// Which.
        path: String,
    },
    /// Ask for a node's data.
    GetData {
        /// Which.
        path: String,
    },
    /// Replace a node's data.
    SetData {
        /// Which.
        path: String,
        /// The data, or null.
        data: Option<Bytes>,
        /// The version it must have.
        version: i32,
    },
    /// Ask for a node's ACL.
    GetAcl {
        /// Which.
        path: String,
    },
    /// Replace a node's ACL.
    SetAcl {
        /// Which.
        path: String,
        /// The list.
        acl: Vec<Acl>,
        /// The version of the ACL it must have.
        version: i32,
    },
    /// Ask for the names of a node's children.
    GetChildren {
        /// Which.
        path: String,
        /// Whether the answer is to have the Stat.
        stat: bool,
    },
    /// Wait until the server has caught up with the leader.
    Sync {
        /// Any path; it is echoed.
        path: String,
    },
    /// Several writes, all or none.
    Multi(Vec<Part>),
    /// Several reads.
    MultiRead(Vec<Read>),
    /// Leave a persistent watch.
    AddWatch {
        /// Where.
        path: String,
        /// Whether to watch everything below too.
        recursive: bool,
    },
    /// Remove the watches of a kind from a path.
    RemoveWatches {
        /// Where.
        path: String,
        /// Which.
        kind: WatchKind,
        /// Whether to forget them here even if the server cannot be asked or refuses.
        local: bool,
    },
    /// Ask for the session's ephemeral nodes below a path.
    GetEphemerals {
        /// A prefix of their paths.
        prefix: String,
    },
    /// Ask how many nodes are below a node, at any depth.
    CountDescendants {
        /// Which.
        path: String,
    },
    /// Ask as whom the server knows this connection.
    WhoAmI,
    /// Change the members of the ensemble.
    Reconfig(Reconfiguration),
}

/// A change to the members of the ensemble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconfiguration {
    /// Servers to add or change: `server.N=...`, separated by commas.
    pub joining: Option<String>,
    /// Ids of servers to remove, separated by commas.
    pub leaving: Option<String>,
    /// A whole new list, in place of the two.
    pub members: Option<String>,
    /// The version of the configuration to be changed; -1 for any.
    pub version: i64,
}

/// A part of [`Operation::Multi`].
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Create a node.
    Create {
        /// Where.
        path: String,
        /// Its data, or null.
        data: Option<Bytes>,
        /// Who may do what.
        acl: Vec<Acl>,
        /// Its kind.
        mode: CreateMode,
        /// Its time to live in ms.
        ttl: i64,
    },
    /// Delete a node.
    Delete {
        /// Which.
        path: String,
        /// The version it must have.
        version: i32,
    },
    /// Replace a node's data.
    SetData {
        /// Which.
        path: String,
        /// The data, or null.
        data: Option<Bytes>,
        /// The version it must have.
        version: i32,
    },
    /// Fail unless the node has this version.
    Check {
        /// Which.
        path: String,
        /// The version.
        version: i32,
    },
}

/// A part of [`Operation::MultiRead`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The data of this node.
    Data(String),
    /// The names of this node's children.
    Children(String),
}

impl Operation {
    /// The operation's number on the wire.
    pub fn op_code(&self) -> OpCode {
        match self {
            Operation::Create { mode: CreateMode::Container, .. } => OpCode::CreateContainer,
            Operation::Create { mode, .. } if mode.has_ttl() => OpCode::CreateTtl,
            Operation::Create { stat: true, .. } => OpCode::Create2,
            Operation::Create { .. } => OpCode::Create,
            Operation::Delete { .. } => OpCode::Delete,
            Operation::Exists { .. } => OpCode::Exists,
            Operation::GetData { .. } => OpCode::GetData,
            Operation::SetData { .. } => OpCode::SetData,
            Operation::GetAcl { .. } => OpCode::GetAcl,
            Operation::SetAcl { .. } => OpCode::SetAcl,
            Operation::GetChildren { stat: true, .. } => OpCode::GetChildren2,
            Operation::GetChildren { .. } => OpCode::GetChildren,
            Operation::Sync { .. } => OpCode::Sync,
            Operation::Multi(_) => OpCode::Multi,
            Operation::MultiRead(_) => OpCode::MultiRead,
            Operation::AddWatch { .. } => OpCode::AddWatch,
            Operation::RemoveWatches { .. } => OpCode::RemoveWatches,
            Operation::GetEphemerals { .. } => OpCode::GetEphemerals,
            Operation::CountDescendants { .. } => OpCode::GetAllChildrenNumber,
            Operation::WhoAmI => OpCode::WhoAmI,
            Operation::Reconfig(_) => OpCode::Reconfig,
        }
    }

    /// The path it is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Operation::Create { path, .. }
            | Operation::Delete { path, .. }
            | Operation::Exists { path }
            | Operation::GetData { path }
            | Operation::SetData { path, .. }
            | Operation::GetAcl { path }
            | Operation::SetAcl { path, .. }
            | Operation::GetChildren { path, .. }
            | Operation::Sync { path }
            | Operation::AddWatch { path, .. }
            | Operation::RemoveWatches { path, .. }
            | Operation::GetEphemerals { prefix: path }
            | Operation::CountDescendants { path } => Some(path),
            Operation::Multi(_)
            | Operation::MultiRead(_)
            | Operation::WhoAmI
            | Operation::Reconfig(_) => None,
        }
    }

    /// The request on the wire, with the chroot before every path.
    pub fn request(&self, chroot: &str, watch: bool) -> Result<Request<'_>, Error> {
        let path = match self.path() {
            Some(path) => absolute(chroot, path)?,
            None => Cow::Borrowed(""),
        };
        Ok(match self {
            Operation::Create { data, acl, mode, ttl, .. } => {
                match create(path, data, acl, *mode, *ttl) {
                    Made::Plain(request) => Request::Create { op: self.op_code(), request },
                    Made::Ttl(request) => Request::CreateTtl(request),
                }
            }
            Operation::Delete { version, .. } => {
                Request::Delete(DeleteRequest { path, version: *version })
            }
            Operation::Exists { .. } => Request::Exists(ReadRequest { path, watch }),
            Operation::GetData { .. } => Request::GetData(ReadRequest { path, watch }),
            Operation::GetChildren { stat: true, .. } => {
                Request::GetChildren2(ReadRequest { path, watch })
            }
            Operation::GetChildren { .. } => Request::GetChildren(ReadRequest { path, watch }),
            Operation::SetData { data, version, .. } => {
                let data = data.as_deref();
                Request::SetData(SetDataRequest { path, data, version: *version })
            }
            Operation::GetAcl { .. } => Request::GetAcl(PathRequest { path }),
            Operation::SetAcl { acl, version, .. } => {
                Request::SetAcl(SetAclRequest { path, acl: acl.clone(), version: *version })
            }
            Operation::Sync { .. } => Request::Sync(MaybePathRequest { path: Some(path) }),
            Operation::Multi(parts) => Request::Multi(
                parts.iter().map(|part| part.request(chroot)).collect::<Result<_, _>>()?,
            ),
            Operation::MultiRead(reads) => Request::MultiRead(
                reads.iter().map(|read| read.request(chroot)).collect::<Result<_, _>>()?,
            ),
            Operation::AddWatch { recursive, .. } => {
                Request::AddWatch(WatchRequest { path, kind: i32::from(*recursive) })
            }
            Operation::RemoveWatches { kind, .. } => {
                Request::RemoveWatches(WatchRequest { path, kind: *kind as i32 })
            }
            Operation::GetEphemerals { .. } => {
                Request::GetEphemerals(MaybePathRequest { path: Some(path) })
            }
            Operation::CountDescendants { .. } => {
                Request::GetAllChildrenNumber(PathRequest { path })
            }
            Operation::WhoAmI => Request::WhoAmI,
            Operation::Reconfig(change) => Request::Reconfig(ReconfigRequest {
                joining: change.joining.as_deref().map(Cow::Borrowed),
                leaving: change.leaving.as_deref().map(Cow::Borrowed),
                members: change.members.as_deref().map(Cow::Borrowed),
                config_id: change.version,
            }),
        })
    }
}

impl Part {
    fn request(&self, chroot: &str) -> Result<MultiOp<'_>, Error> {
        Ok(match self {
            Part::Create { path, data, acl, mode, ttl } => {
                match create(absolute(chroot, path)?, data, acl, *mode, *ttl) {
                    Made::Ttl(request) => MultiOp::CreateTtl(request),
                    Made::Plain(request) if *mode == CreateMode::Container => {
                        MultiOp::Create { op: OpCode::CreateContainer, request }
                    }
                    Made::Plain(request) => MultiOp::Create { op: OpCode::Create, request },
                }
            }
            Part::Delete { path, version } => {
                let path = absolute(chroot, path)?;
                MultiOp::Delete(DeleteRequest { path, version: *version })
            }
            Part::SetData { path, data, version } => {
                let (path, data) = (absolute(chroot, path)?, data.as_deref());
                MultiOp::SetData(SetDataRequest { path, data, version: *version })
            }
            Part::Check { path, version } => {
                let path = absolute(chroot, path)?;
                MultiOp::Check(CheckVersionRequest { path, version: *version })
            }
        })
    }
}

impl Read {
    fn request(&self, chroot: &str) -> Result<ReadOp<'_>, Error> {
        let (Read::Data(path) | Read::Children(path)) = self;
        let request = ReadRequest { path: absolute(chroot, path)?, watch: false };
        Ok(match self {
            Read::Data(_) => ReadOp::GetData(request),
            Read::Children(_) => ReadOp::GetChildren(request),
        })
    }
}

/// The path as the server knows it.
///
/// Only what would escape the chroot is refused here; the server judges the rest.
pub(crate) fn absolute<'a>(chroot: &str, path: &'a str) -> Result<Cow<'a, str>, Error> {
    match path {
        path if !path.starts_with('/') => Err(Error::Path(path.to_owned())),
        path if chroot.is_empty() => Ok(Cow::Borrowed(path)),
        "/" => Ok(Cow::Owned(chroot.to_owned())),
        path => Ok(Cow::Owned(format!("{chroot}{path}"))),
    }
}

/// The two shapes of a create request.
enum Made<'a> {
    Plain(CreateRequest<'a>),
    Ttl(CreateTtlRequest<'a>),
}

fn create<'a>(
    path: Cow<'a, str>,
    data: &'a Option<Bytes>,
    acl: &[Acl],
    mode: CreateMode,
    ttl: i64,
) -> Made<'a> {
    let (data, acl, flags) = (data.as_deref(), acl.to_vec(), mode as i32);
    match mode.has_ttl() {
        true => Made::Ttl(CreateTtlRequest { path, data, acl, flags, ttl }),
        false => Made::Plain(CreateRequest { path, data, acl, flags }),
    }
}
