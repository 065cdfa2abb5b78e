//! What the client keeps of a request that it has sent, until the answer comes.

use jute::records::OpCode;

use super::{Operation, Registration, WatchId, WatchKind};

/// A request that was sent and not answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InFlight {
    /// Its number on this wire, which the answer repeats.
    pub(super) xid: i32,
    /// What it is for.
    pub(super) purpose: Purpose,
}

/// What a request is for, and so what its answer means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Purpose {
    /// Somebody asked.
    Request {
        /// The ask.
        number: u64,
        /// By which the answer is read.
        op: OpCode,
        /// A watch to be kept if the answer says that the server holds it.
        watch: Option<Pledge>,
        /// Watches to be forgotten if the server has.
        removal: Option<Removal>,
    },
    /// Watches are left again.
    SetWatches,
    /// The session ends.
    CloseSession,
}

/// A watch that a request is to leave.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pledge {
    /// How it is left.
    pub(super) how: Registration,
    /// The server's path.
    pub(super) path: String,
    /// Whom to tell.
    pub(super) watch: WatchId,
}

/// Watches that a request is to remove.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Removal {
    /// Which.
    pub(super) kind: WatchKind,
    /// The server's path.
    pub(super) path: String,
    /// Whether they go even if the server cannot be asked or refuses.
    pub(super) local: bool,
}

impl Purpose {
    /// The purpose of an operation on the server's `path`.
    pub(super) fn of(
        number: u64,
        operation: &Operation,
        path: String,
        watch: Option<WatchId>,
    ) -> Purpose {
        let op = operation.op_code();
        let how = match operation {
            Operation::Exists { .. } => Some(Registration::Exists),
            Operation::GetData { .. } => Some(Registration::Data),
            Operation::GetChildren { .. } => Some(Registration::Children),
            Operation::AddWatch { recursive: false, .. } => Some(Registration::Persistent),
            Operation::AddWatch { recursive: true, .. } => Some(Registration::Recursive),
            _ => None,
        };
        match (how.zip(watch), operation) {
            (Some((how, watch)), _) => {
                let watch = Some(Pledge { how, path, watch });
                Purpose::Request { number, op, watch, removal: None }
            }
            (None, Operation::RemoveWatches { kind, local, .. }) => {
                let removal = Some(Removal { kind: *kind, path, local: *local });
                Purpose::Request { number, op, watch: None, removal }
            }
            (None, _) => Purpose::Request { number, op, watch: None, removal: None },
        }
    }
}
