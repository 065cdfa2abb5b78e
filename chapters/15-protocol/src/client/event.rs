//! What the client tells of its session, of watches, and of what went wrong.

use std::fmt;

use jute::records::ErrorCode;

/// Why an ask failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The server refused it, or the client lost its connection or session.
    Code(ErrorCode),
    /// The server answered with a number that has no meaning here.
    UnknownCode(i32),
    /// The path is not one: it does not begin with `/`.
    Path(String),
    /// The client was closed.
    Closed,
}

impl Error {
    /// The connection broke before the answer came: nobody knows whether the request was done.
    pub const CONNECTION_LOSS: Error = Error::Code(ErrorCode::ConnectionLoss);
    /// The session is gone, and its ephemeral nodes with it.
    pub const SESSION_EXPIRED: Error = Error::Code(ErrorCode::SessionExpired);

    /// The error of a number on the wire; `None` for 0.
    pub fn from_wire(err: i32) -> Option<Error> {
        match err {
            0 => None,
            err => Some(ErrorCode::from_code(err).map_or(Error::UnknownCode(err), Error::Code)),
        }
    }

    /// The protocol's code, if it has one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Code(code) => Some(*code),
            Error::UnknownCode(_) | Error::Path(_) | Error::Closed => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Code(code) => write!(f, "{code}"),
            Error::UnknownCode(err) => write!(f, "error {err}"),
            Error::Path(path) => write!(f, "the path {path:?} does not begin with /"),
            Error::Closed => write!(f, "the client is closed"),
        }
    }
}

impl std::error::Error for Error {}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Error {
        Error::Code(code)
    }
}

/// How the client stands with the ensemble. ZooKeeper: `Watcher.Event.KeeperState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionState {
    /// There is no connection; the client is looking for a server. The session may live.
    Disconnected,
    /// A server serves the session.
    SyncConnected,
    /// The server refused the credentials. Final.
    AuthFailed,
    /// The session is over, by the ensemble's word. Final.
    Expired,
    /// The session was closed by the program. Final.
    Closed,
}

impl SessionState {
    /// Whether the session can never be connected again.
    pub fn is_final(self) -> bool {
        matches!(self, SessionState::AuthFailed | SessionState::Expired | SessionState::Closed)
    }

    /// What an ask gets that is made, or still waits, in a final state.
    pub fn error(self) -> Error {
        match self {
            SessionState::Expired => Error::SESSION_EXPIRED,
            SessionState::AuthFailed => Error::Code(ErrorCode::AuthFailed),
            SessionState::Closed => Error::Closed,
            SessionState::Disconnected | SessionState::SyncConnected => Error::CONNECTION_LOSS,
        }
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What happened to a node, or to a watch on it. ZooKeeper: `Watcher.Event.EventType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum EventKind {
    /// Nothing: the state of the session changed.
    None = -1,
    /// The node was created.
    NodeCreated = 1,
    /// The node was deleted.
    NodeDeleted = 2,
    /// The node's data was set.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
    /// The program removed its data watch.
    DataWatchRemoved = 5,
    /// The program removed its child watch.
    ChildWatchRemoved = 6,
    /// The program removed its persistent watch.
    PersistentWatchRemoved = 7,
}

impl EventKind {
    /// The kind of a number that a server may send.
    pub fn from_wire(kind: i32) -> Option<EventKind> {
        match kind {
            1 => Some(EventKind::NodeCreated),
            2 => Some(EventKind::NodeDeleted),
            3 => Some(EventKind::NodeDataChanged),
            4 => Some(EventKind::NodeChildrenChanged),
            _ => None,
        }
    }
}

/// Something that a watch tells. It never carries the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedEvent {
    /// What happened.
    pub kind: EventKind,
    /// The state of the session then.
    pub state: SessionState,
    /// To which node, as the program names it. Empty if the kind is `None`.
    pub path: String,
}

impl fmt::Display for WatchedEvent {
    /// As zkCli prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WatchedEvent { kind, state, path } = self;
        let path = if path.is_empty() { "null" } else { path };
        write!(f, "WatchedEvent state:{state} type:{kind:?} path:{path}")
    }
}

/// The kinds of watches, as a client keeps them and as `removeWatches` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum WatchKind {
    /// Left by getChildren.
    Children = 1,
    /// Left by getData or exists.
    Data = 2,
    /// All kinds.
    Any = 3,
    /// Left by addWatch, for one node.
    Persistent = 4,
    /// Left by addWatch, for a node and everything below it.
    Recursive = 5,
}
