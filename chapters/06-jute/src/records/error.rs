//! What a server may answer when it cannot do what it was asked.

use std::fmt;

/// Why a request failed. The numbers are on the wire. ZooKeeper: `KeeperException.Code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum ErrorCode {
    /// In the result of a multi: this operation comes after the one that failed.
    RuntimeInconsistency = -2,
    /// The client lost its connection before the answer came. Never on the wire.
    ConnectionLoss = -4,
    /// The request could not be decoded.
    MarshallingError = -5,
    /// The server does not know this operation, or has it switched off.
    Unimplemented = -6,
    /// The client waited too long. Never on the wire.
    OperationTimeout = -7,
    /// A path, a flag or a time to live is not valid.
    BadArguments = -8,
    /// The session is not known.
    UnknownSession = -12,
    /// Reconfiguration: no quorum of the new configuration is connected.
    NewConfigNoQuorum = -13,
    /// Reconfiguration: another one is under way.
    ReconfigInProgress = -14,
    /// There is no such node, or no parent for a node to be created.
    NoNode = -101,
    /// The ACL does not allow it.
    NoAuth = -102,
    /// The version is not the expected one.
    BadVersion = -103,
    /// An ephemeral node cannot have children.
    NoChildrenForEphemerals = -108,
    /// The node is there already.
    NodeExists = -110,
    /// The node has children.
    NotEmpty = -111,
    /// The session has expired, or is being closed.
    SessionExpired = -112,
    /// The ACL is empty or not valid.
    InvalidAcl = -114,
    /// The credentials were refused.
    AuthFailed = -115,
    /// The session has moved to another server.
    SessionMoved = -118,
    /// The server is read-only.
    NotReadOnly = -119,
    /// An ephemeral node needs a global session.
    EphemeralOnLocalSession = -120,
    /// There is no such watch.
    NoWatcher = -121,
    /// Reconfiguration is switched off.
    ReconfigDisabled = -123,
    /// The server requires authentication first.
    SessionClosedRequireAuth = -124,
    /// A hard quota would be exceeded.
    QuotaExceeded = -125,
    /// The request waited too long in the server.
    ThrottledOp = -127,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [ErrorCode; 26] = [
        ErrorCode::RuntimeInconsistency,
        ErrorCode::ConnectionLoss,
        ErrorCode::MarshallingError,
        ErrorCode::Unimplemented,
        ErrorCode::OperationTimeout,
        ErrorCode::BadArguments,
        ErrorCode::UnknownSession,
        ErrorCode::NewConfigNoQuorum,
        ErrorCode::ReconfigInProgress,
        ErrorCode::NoNode,
        ErrorCode::NoAuth,
        ErrorCode::BadVersion,
        ErrorCode::NoChildrenForEphemerals,
        ErrorCode::NodeExists,
        ErrorCode::NotEmpty,
        ErrorCode::SessionExpired,
        ErrorCode::InvalidAcl,
        ErrorCode::AuthFailed,
        ErrorCode::SessionMoved,
        ErrorCode::NotReadOnly,
        ErrorCode::EphemeralOnLocalSession,
        ErrorCode::NoWatcher,
        ErrorCode::ReconfigDisabled,
        ErrorCode::SessionClosedRequireAuth,
        ErrorCode::QuotaExceeded,
        ErrorCode::ThrottledOp,
    ];

    /// The number on the wire.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// The error of a number; `None` for 0, which is success, and for numbers without a meaning.
    pub fn from_code(code: i32) -> Option<ErrorCode> {
        Self::ALL.into_iter().find(|error| error.code() == code)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for ErrorCode {}
