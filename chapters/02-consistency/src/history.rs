//! Histories: what clients asked for, what they were told, and when.
//!
//! A history is all that an outside observer has. Two kinds are kept. [`Operation`]s are of a
//! single register, small enough that every order can be tried. [`Reply`]s are of a service that
//! numbers its writes, so that one pass over them is enough, however many they are.
//!
//! Always true:
//! - times are ticks of one clock that all clients share: only a test or a simulator has it;
//! - an operation without an answer may have happened, and may still happen.
//!
//! Book: chapter 2. Paper: Herlihy and Wing 1990, section 2.

use std::fmt;

/// Names one operation of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u32);

/// What an operation does to the register, which holds 0 at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Puts a value in place of the one before.
    Write(u64),
    /// Was told this value. Of a read without an answer the value means nothing.
    Read(u64),
}

/// One operation on a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its name, different from all others of the history.
    pub id: OpId,
    /// Who asked. A client has one operation under way at a time.
    pub client: u32,
    /// What was asked, and for a read what was answered.
    pub action: Action,
    /// When the client asked.
    pub invoked: u64,
    /// When it had the answer, or nothing if it never had one.
    pub answered: Option<u64>,
}

/// An answered request of a service that numbers its writes, as the client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its name, different from all others of the history.
    pub id: OpId,
    /// The session in which it was asked.
    pub session: i64,
    /// The number of the request in its session: later requests have larger ones.
    pub sent: u64,
    /// When the client asked.
    pub invoked: u64,
    /// When it had the answer.
    pub answered: u64,
    /// The last write that the answer knows of; of a write, its own number.
    pub position: u64,
    /// Whether it changed anything. A refused write did not.
    pub write: bool,
}

/// Why a history is not one that the service may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No order that respects real time explains what was read.
    NotLinearizable,
    /// No order that respects each client's own order explains what was read.
    NotSequential,
    /// More operations than a search through all orders can bear.
    TooLong,
    /// Two writes have one number.
    SamePosition,
    /// A write that began after another had been answered was numbered below it.
    AgainstRealTime,
    /// A session's answers did not come in the order of its requests.
    AnswersOutOfOrder,
    /// A session's later write was numbered below its earlier one.
    WritesOutOfOrder,
    /// A session's read did not know of the session's own earlier write.
    OwnWriteUnseen,
    /// A session saw the service go back to an older state.
    WentBack,
}

/// A broken promise, and the operations that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub cause: Cause,
    /// The operations without which it would not show.
    pub operations: Vec<OpId>,
}

impl Operation {
    /// A write with an answer.
    pub fn write(id: u32, client: u32, value: u64, invoked: u64, answered: u64) -> Operation {
        let answered = Some(answered);
        Operation { id: OpId(id), client, action: Action::Write(value), invoked, answered }
    }

    /// A read with an answer.
    pub fn read(id: u32, client: u32, value: u64, invoked: u64, answered: u64) -> Operation {
        let answered = Some(answered);
        Operation { id: OpId(id), client, action: Action::Read(value), invoked, answered }
    }

    /// The same operation, whose answer was lost.
    pub fn pending(self) -> Operation {
        Operation { answered: None, ..self }
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} client {}: ", self.id, self.client)?;
        match (self.action, self.answered) {
            (Action::Write(value), _) => write!(f, "write {value}")?,
            (Action::Read(value), Some(_)) => write!(f, "read {value}")?,
            (Action::Read(_), None) => write!(f, "read")?,
        }
        match self.answered {
            Some(answered) => write!(f, " from {} to {answered}", self.invoked),
            None => write!(f, " from {}, no answer", self.invoked),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::NotLinearizable => "no order that respects real time explains what was read",
            Cause::NotSequential => "no order that respects each client's own explains the reads",
            Cause::TooLong => "the history is too long to try every order",
            Cause::SamePosition => "two writes have the same number",
            Cause::AgainstRealTime => "a write that began later was ordered before",
            Cause::AnswersOutOfOrder => "a session's answers did not come in the order it asked",
            Cause::WritesOutOfOrder => "a session's writes were done in another order than asked",
            Cause::OwnWriteUnseen => "a session's read did not see its own earlier write",
            Cause::WentBack => "a session saw an older state after a newer one",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.cause)?;
        self.operations.iter().try_for_each(|id| write!(f, " {id}"))
    }
}

impl std::error::Error for Violation {}
