//! Answers: what they are made of besides the records of chapter 6.

use std::borrow::Cow;
use std::fmt;

use jute::records::{OpCode, Stat};
use zxid::Zxid;

/// Xids that mean something. Clients choose the others, from 1 on.
pub mod xid {
    /// A watch event.
    pub const EVENT: i32 = -1;
    /// A ping, and its answer.
    pub const PING: i32 = -2;
    /// Credentials.
    pub const AUTH: i32 = -4;
    /// The watches of an earlier connection, from the C client.
    pub const SET_WATCHES: i32 = -8;
}

/// What stands for the zxid where there is none: -1 on the wire.
pub const NO_ZXID: Zxid = Zxid(u64::MAX);

/// What became of one part of a multi or multiRead.
#[derive(Clone, Debug, PartialEq)]
pub enum MultiResult<'a> {
    /// A node was created by `create`.
    Create(Cow<'a, str>),
    /// A node was created by `create2`, `createContainer` or `createTTL`.
    Create2(Cow<'a, str>, Stat),
    /// A node was deleted.
    Delete,
    /// A node's data was replaced.
    SetData(Stat),
    /// A node has the expected version.
    Check,
    /// A node's data.
    GetData(Option<&'a [u8]>, Stat),
    /// The names of a node's children.
    GetChildren(Vec<Cow<'a, str>>),
    /// It failed, with this code; 0 if it was undone because a later one failed.
    Error(i32),
}

impl MultiResult<'_> {
    /// The number under which it travels.
    pub fn op(&self) -> OpCode {
        match self {
            MultiResult::Create(_) => OpCode::Create,
            MultiResult::Create2(..) => OpCode::Create2,
            MultiResult::Delete => OpCode::Delete,
            MultiResult::SetData(_) => OpCode::SetData,
            MultiResult::Check => OpCode::Check,
            MultiResult::GetData(..) => OpCode::GetData,
            MultiResult::GetChildren(_) => OpCode::GetChildren,
            MultiResult::Error(_) => OpCode::Error,
        }
    }
}

/// Why a server closes a connection at its first frame, without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The frame is no connect request.
    Undecodable,
    /// The server is read-only, and the client did not say that this will do.
    NotReadOnly,
    /// The client has seen this transaction, which the server has not. Another server may have.
    Ahead(Zxid),
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandshakeError::Undecodable => write!(f, "the first frame is no connect request"),
            HandshakeError::NotReadOnly => write!(f, "the client wants a server that can write"),
            HandshakeError::Ahead(zxid) => write!(f, "the client has seen {zxid}, and we have not"),
        }
    }
}

impl std::error::Error for HandshakeError {}
