//! Requests, decoded: one variant for each thing that a client may ask.

use std::fmt;

use jute::records::{
    AuthPacket, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest,
    MaybePathRequest, OpCode, PathRequest, ReadRequest, ReconfigRequest, SaslToken, SetAclRequest,
    SetDataRequest, SetWatches, SetWatches2, WatchRequest,
};

/// What a client asks. It borrows from the frame in which it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Request<'a> {
    /// Create a node: `Create`, `Create2` or `CreateContainer`.
    Create {
        /// Which of the three.
        op: OpCode,
        /// What they have in common.
        request: CreateRequest<'a>,
    },
    /// Create a node with a time to live.
    CreateTtl(CreateTtlRequest<'a>),
    /// Delete a node.
    Delete(DeleteRequest<'a>),
    /// Ask for a node's Stat.
    Exists(ReadRequest<'a>),
    /// Ask for a node's data.
    GetData(ReadRequest<'a>),
    /// Replace a node's data.
    SetData(SetDataRequest<'a>),
    /// Ask for a node's ACL.
    GetAcl(PathRequest<'a>),
    /// Replace a node's ACL.
    SetAcl(SetAclRequest<'a>),
    /// Ask for the names of a node's children.
    GetChildren(ReadRequest<'a>),
    /// The same, with the node's Stat.
    GetChildren2(ReadRequest<'a>),
    /// Wait until the server has caught up.
    Sync(MaybePathRequest<'a>),
    /// Say that the session is alive.
    Ping,
    /// Several writes, all or none.
    Multi(Vec<MultiOp<'a>>),
    /// Several reads.
    MultiRead(Vec<ReadOp<'a>>),
    /// Change the members of the ensemble.
    Reconfig(ReconfigRequest<'a>),
    /// Ask whether a watch is set.
    CheckWatches(WatchRequest<'a>),
    /// Remove watches.
    RemoveWatches(WatchRequest<'a>),
    /// Present credentials.
    Auth(AuthPacket<'a>),
    /// Set the watches of an earlier connection again.
    SetWatches(SetWatches<'a>),
    /// The same, with persistent ones.
    SetWatches2(SetWatches2<'a>),
    /// Exchange a SASL token.
    Sasl(SaslToken<'a>),
    /// Ask for the session's ephemeral nodes.
    GetEphemerals(MaybePathRequest<'a>),
    /// Ask how many nodes are below a node.
    GetAllChildrenNumber(PathRequest<'a>),
    /// Leave a persistent watch.
    AddWatch(WatchRequest<'a>),
    /// Ask as whom the server knows the connection.
    WhoAmI,
    /// End the session.
    CloseSession,
}

/// A part of [`Request::Multi`].
#[derive(Clone, Debug, PartialEq)]
pub enum MultiOp<'a> {
    /// Create a node: `Create`, `Create2` or `CreateContainer`.
    Create {
        /// Which of the three.
        op: OpCode,
        /// What they have in common.
        request: CreateRequest<'a>,
    },
    /// Create a node with a time to live.
    CreateTtl(CreateTtlRequest<'a>),
    /// Delete a node.
    Delete(DeleteRequest<'a>),
    /// Replace a node's data.
    SetData(SetDataRequest<'a>),
    /// Fail unless a node has this version.
    Check(CheckVersionRequest<'a>),
}

/// A part of [`Request::MultiRead`].
#[derive(Clone, Debug, PartialEq)]
pub enum ReadOp<'a> {
    /// Ask for a node's data.
    GetData(ReadRequest<'a>),
    /// Ask for the names of a node's children.
    GetChildren(ReadRequest<'a>),
}

/// Why a frame is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DecodeError {
    /// No client may ask for an operation of this number. The answer is `Unimplemented`, with
    /// [`NO_ZXID`](crate::NO_ZXID), and the connection is closed.
    Unknown(i32),
    /// The operation is known, but what follows is not its record. The answer is
    /// `MarshallingError`, and the connection goes on.
    Marshalling,
}

impl Request<'_> {
    /// The number under which it travels.
    pub fn op(&self) -> OpCode {
        match self {
            Request::Create { op, .. } => *op,
            Request::CreateTtl(_) => OpCode::CreateTtl,
            Request::Delete(_) => OpCode::Delete,
            Request::Exists(_) => OpCode::Exists,
            Request::GetData(_) => OpCode::GetData,
            Request::SetData(_) => OpCode::SetData,
            Request::GetAcl(_) => OpCode::GetAcl,
            Request::SetAcl(_) => OpCode::SetAcl,
            Request::GetChildren(_) => OpCode::GetChildren,
            Request::GetChildren2(_) => OpCode::GetChildren2,
            Request::Sync(_) => OpCode::Sync,
            Request::Ping => OpCode::Ping,
            Request::Multi(_) => OpCode::Multi,
            Request::MultiRead(_) => OpCode::MultiRead,
            Request::Reconfig(_) => OpCode::Reconfig,
            Request::CheckWatches(_) => OpCode::CheckWatches,
            Request::RemoveWatches(_) => OpCode::RemoveWatches,
            Request::Auth(_) => OpCode::Auth,
            Request::SetWatches(_) => OpCode::SetWatches,
            Request::SetWatches2(_) => OpCode::SetWatches2,
            Request::Sasl(_) => OpCode::Sasl,
            Request::GetEphemerals(_) => OpCode::GetEphemerals,
            Request::GetAllChildrenNumber(_) => OpCode::GetAllChildrenNumber,
            Request::AddWatch(_) => OpCode::AddWatch,
            Request::WhoAmI => OpCode::WhoAmI,
            Request::CloseSession => OpCode::CloseSession,
        }
    }

    /// The path it is about, if it is about one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Request::Create { request, .. } => Some(&request.path),
            Request::CreateTtl(request) => Some(&request.path),
            Request::Delete(request) => Some(&request.path),
            Request::Exists(request)
            | Request::GetData(request)
            | Request::GetChildren(request)
            | Request::GetChildren2(request) => Some(&request.path),
            Request::SetData(request) => Some(&request.path),
            Request::SetAcl(request) => Some(&request.path),
            Request::GetAcl(request) | Request::GetAllChildrenNumber(request) => {
                Some(&request.path)
            }
            Request::Sync(request) | Request::GetEphemerals(request) => request.path.as_deref(),
            Request::CheckWatches(request)
            | Request::RemoveWatches(request)
            | Request::AddWatch(request) => Some(&request.path),
            Request::Ping
            | Request::Multi(_)
            | Request::MultiRead(_)
            | Request::Reconfig(_)
            | Request::Auth(_)
            | Request::SetWatches(_)
            | Request::SetWatches2(_)
            | Request::Sasl(_)
            | Request::WhoAmI
            | Request::CloseSession => None,
        }
    }
}

impl MultiOp<'_> {
    /// The number under which it travels.
    pub fn op(&self) -> OpCode {
        match self {
            MultiOp::Create { op, .. } => *op,
            MultiOp::CreateTtl(_) => OpCode::CreateTtl,
            MultiOp::Delete(_) => OpCode::Delete,
            MultiOp::SetData(_) => OpCode::SetData,
            MultiOp::Check(_) => OpCode::Check,
        }
    }
}

impl ReadOp<'_> {
    /// The number under which it travels.
    pub fn op(&self) -> OpCode {
        match self {
            ReadOp::GetData(_) => OpCode::GetData,
            ReadOp::GetChildren(_) => OpCode::GetChildren,
        }
    }
}

impl From<jute::Error> for DecodeError {
    fn from(_: jute::Error) -> DecodeError {
        DecodeError::Marshalling
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Unknown(op) => write!(f, "clients cannot ask for operation {op}"),
            DecodeError::Marshalling => write!(f, "the record is not the operation's"),
        }
    }
}

impl std::error::Error for DecodeError {}
