//! What the server tells its host, to be logged: fields, not sentences.

use std::fmt;
use std::net::SocketAddr;

use election::ServerState;
use zab::Ceased;
use znodes::OverQuota;
use zxid::{ServerId, SessionId, Zxid};

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// The server has recovered. If it stands alone it accepts clients from now on.
    Recovered {
        /// The last transaction that was recovered.
        zxid: Zxid,
        /// Nodes in the tree, as `srvr` counts them.
        nodes: usize,
        /// Sessions that were open.
        sessions: usize,
    },
    /// This server has its place in the ensemble, and accepts clients.
    Joined {
        /// Leading, following or observing.
        role: ServerState,
        /// The leader.
        leader: ServerId,
        /// The leader's epoch.
        epoch: u32,
        /// The last transaction that is applied.
        zxid: Zxid,
    },
    /// It has lost its place, or gave up looking for it so; it closes its clients' connections and
    /// looks for a leader again.
    Left {
        /// Why.
        why: Ceased,
    },
    /// The leader sends a snapshot in place of the state.
    SnapshotComing {
        /// The last transaction that it surely holds.
        zxid: Zxid,
    },
    /// What the leader sends is no snapshot.
    BadSnapshot {
        /// What is wrong.
        why: String,
    },
    /// A connection is refused or closed by the server, and why.
    Refused {
        /// Where the client sits.
        from: SocketAddr,
        /// Its session, if it has one.
        session: SessionId,
        /// Why.
        why: Refused,
    },
    /// A session began.
    SessionOpened {
        /// Which.
        session: SessionId,
        /// Its agreed timeout in ms.
        timeout: i32,
        /// Where the client sits.
        from: SocketAddr,
    },
    /// A session was taken up again on a new connection.
    SessionResumed {
        /// Which.
        session: SessionId,
        /// Where the client sits.
        from: SocketAddr,
    },
    /// A session ended: closed by its client, or expired.
    SessionClosed {
        /// Which.
        session: SessionId,
        /// Whether it expired.
        expired: bool,
    },
    /// A snapshot is being saved.
    SnapshotBegun {
        /// Its name: the last transaction that it surely holds.
        zxid: Zxid,
    },
    /// A snapshot is on disk.
    SnapshotSaved {
        /// Its name.
        zxid: Zxid,
    },
    /// The disk failed, or holds what cannot be understood. The server serves nobody any more, and
    /// must be started again.
    DiskFailed {
        /// What the disk said.
        why: String,
    },
    /// A soft quota is exceeded.
    QuotaExceeded {
        /// Of which node.
        path: String,
        /// Which limit, in words.
        what: &'static str,
        /// The limit.
        limit: i64,
        /// The use.
        used: i64,
    },
    /// The tree differs from what the transaction says that it must be.
    DigestMismatch {
        /// After which transaction.
        zxid: Zxid,
    },
}

/// Why a connection is closed by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are too many connections from this address.
    TooManyFromAddress,
    /// There are too many connections.
    TooMany,
    /// The first frame was no connect request.
    BadConnectRequest,
    /// The client has seen transactions that this server has not.
    AheadOfServer,
    /// The session is unknown or over, or the password is wrong.
    SessionGone,
    /// The connection began no session in time.
    NoHandshake,
    /// The header of a request could not be read.
    BadHeader,
    /// The operation is not known.
    UnknownOperation,
    /// The credentials were refused.
    AuthFailed,
    /// The session was taken up on another connection.
    SessionMoved,
    /// The session expired.
    Expired,
    /// The server has no place in its ensemble, or its disk failed.
    NotServing,
}

impl From<OverQuota> for Notice {
    fn from(over: OverQuota) -> Notice {
        let OverQuota { path, what, limit, used } = over;
        Notice::QuotaExceeded { path, what, limit, used }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
