//! What came of a transaction: what the answer to its request is made of.

use jute::records::{ErrorCode, Stat};

/// The result of applying one transaction, or one part of a multi.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done, and this is the node's stat as of then: create, setData, setACL.
    Stat(Stat),
    /// It is done: delete, check, sessions.
    Done,
    /// It was refused when it was prepared, or, in replay, found nothing to do. The number is
    /// one of [`ErrorCode`] from our own servers, and 0 for a part that was rolled back.
    Failed(i32),
    /// One outcome for each part of a multi.
    Parts(Vec<Outcome>),
}

impl Outcome {
    /// A failure.
    pub fn failed(error: ErrorCode) -> Outcome {
        Outcome::Failed(error.code())
    }
}
