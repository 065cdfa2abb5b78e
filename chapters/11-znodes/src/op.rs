//! The writes that a client can ask for, apart from sessions.

use jute::records::{
    CheckVersionRequest, CreateRequest, DeleteRequest, OpCode, PathRequest, SetAclRequest,
    SetDataRequest,
};

/// A write, as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Op<'a> {
    /// create, create2, createContainer or createTTL; the time to live, in ms, only with the last.
    Create {
        /// Which of the four.
        op: OpCode,
        /// What to create.
        request: CreateRequest<'a>,
        /// For how long to keep it, in ms.
        ttl: Option<i64>,
    },
    /// delete.
    Delete(DeleteRequest<'a>),
    /// The reaper's delete.
    DeleteContainer(PathRequest<'a>),
    /// setData.
    SetData(SetDataRequest<'a>),
    /// setACL; never inside a multi.
    SetAcl(SetAclRequest<'a>),
    /// check; only inside a multi.
    Check(CheckVersionRequest<'a>),
}
