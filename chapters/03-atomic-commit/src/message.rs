//! The vocabulary of atomic commit: who says what to whom, and what they wait for.
//!
//! The roles are those of X/Open. An *application* (AP) works at several *resource managers* (RM),
//! here banks, and then asks the *transaction manager* (TM) to end the transaction everywhere or
//! nowhere. A resource manager is called a participant, and the transaction manager the
//! coordinator, when only the protocol between these two is meant.
//!
//! Book: chapter 3. X/Open: "Distributed Transaction Processing: The XA Specification", 1991. Java's
//! form of it is JTA.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use machines::{NodeId, Protocol, Simulated};

use crate::record::Record;

/// The vocabulary of applications, transaction manager and resource managers.
#[derive(Clone, Debug, PartialEq)]
pub enum Commit {}

impl Protocol for Commit {
    type Peer = NodeId;
    type Message = Message;
    type Timer = Timer;
    type Write = Record;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = Vec<Record>;
    type Output = Told;
}

impl Simulated for Commit {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

/// Names a transaction: `1.2` is the second of application 1. Nobody needs to be asked for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Txn {
    /// The application's number: that of its node.
    pub application: u64,
    /// The transaction's number among those of its application, from 1.
    pub number: u64,
}

impl Txn {
    /// The node of its application.
    pub fn client(self) -> NodeId {
        NodeId::Client(self.application)
    }
}

/// A change to one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which account.
    pub account: u64,
    /// How much is added; a negative number is taken out.
    pub amount: i64,
}

/// A participant's answer to the question whether it can commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vote {
    /// It can, whatever happens to it from now on: it has promised.
    Yes,
    /// It cannot, and has aborted.
    No,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every change is made.
    Commit,
    /// No change is made.
    Abort,
}

/// How far somebody in doubt has come in the three-phase protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// It has voted yes, or counts votes. Somebody may have voted no.
    Waiting,
    /// It knows that all have voted yes.
    PreCommitted,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// AP → RM: make these changes, but let nobody see them yet. All of a resource manager's part
    /// comes in one message.
    Work {
        /// For which transaction.
        txn: Txn,
        /// What to change.
        changes: Vec<Change>,
    },
    /// RM → AP: the accounts are locked for the transaction, and it can be done.
    Worked(Txn),
    /// RM → AP: it cannot be done; this resource manager has aborted the transaction.
    Refused(Txn),
    /// AP → TM: end the transaction. X/Open: `tx_commit`, `tx_rollback`.
    Finish {
        /// Which transaction.
        txn: Txn,
        /// How, if it can be done.
        wish: Outcome,
        /// Where work was done for it.
        resources: Vec<NodeId>,
    },
    /// TM → RM: can you commit? X/Open: `xa_prepare`.
    Prepare {
        /// Which transaction.
        txn: Txn,
        /// All that are asked.
        resources: Vec<NodeId>,
    },
    /// TM → RM: can you commit? The first of three phases.
    CanCommit {
        /// Which transaction.
        txn: Txn,
        /// All that are asked.
        resources: Vec<NodeId>,
    },
    /// RM → TM: the answer.
    Voted {
        /// Which transaction.
        txn: Txn,
        /// The answer.
        vote: Vote,
    },
    /// All have voted yes; do not commit before everybody knows. The second of three phases.
    PreCommit(Txn),
    /// I know that all have voted yes, and so does my disk.
    PreCommitted(Txn),
    /// This is how the transaction has ended. From the coordinator, in the last phase (doCommit), or
    /// from whoever is asked and knows. X/Open: `xa_commit`, `xa_rollback`.
    Decision {
        /// Which transaction.
        txn: Txn,
        /// How it has ended.
        outcome: Outcome,
    },
    /// RM → TM, AP → TM: I shall never ask again how it ended.
    Ack(Txn),
    /// I do not know how the transaction has ended. Do you?
    Inquire(Txn),
    /// The answer of somebody who does not know either.
    InDoubt(Txn),
    /// I lead now, since the coordinator is silent. How far have you come?
    StateRequest(Txn),
    /// The answer of somebody who does not know how the transaction has ended.
    State {
        /// Which transaction.
        txn: Txn,
        /// How far it has come.
        doubt: Doubt,
        /// Whether it has been running ever since it came to be in doubt.
        steady: bool,
    },
}

/// What somebody waits for. For one transaction, everybody waits for one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// An application waits for the answers to its work, and then for the outcome.
    Answer(Txn),
    /// A participant that has promised nothing waits to be asked for its vote.
    Idle(Txn),
    /// A coordinator waits for votes.
    Votes(Txn),
    /// A coordinator waits for somebody to say that it knows.
    Acks(Txn),
    /// Somebody in doubt waits to be told.
    Doubt(Txn),
    /// A new leader waits to be told how far the others have come.
    States(Txn),
}

impl Timer {
    /// Whose timer it is.
    pub fn txn(self) -> Txn {
        match self {
            Timer::Answer(txn)
            | Timer::Idle(txn)
            | Timer::Votes(txn)
            | Timer::Acks(txn)
            | Timer::Doubt(txn)
            | Timer::States(txn) => txn,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Timer::Answer(_) => "Answer",
            Timer::Idle(_) => "Idle",
            Timer::Votes(_) => "Votes",
            Timer::Acks(_) => "Acks",
            Timer::Doubt(_) => "Doubt",
            Timer::States(_) => "States",
        }
    }
}

/// What the machines tell their host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An application asks for the end of a transaction, at these resource managers.
    Asked(Txn, Outcome, Vec<NodeId>),
    /// A resource manager has voted.
    Voted(Txn, Vote),
    /// Somebody knows now, for ever, how a transaction has ended.
    Decided(Txn, Outcome),
    /// A transaction waits for an account, and for whom.
    Waits(Txn, u64, Txn),
}

/// How long a participant keeps what nobody asks it to promise.
pub const IDLE: Duration = Duration::from_secs(3);
/// How long an application waits for an answer.
pub const ANSWER: Duration = Duration::from_millis(1500);
/// How long a coordinator or a new leader waits for the others.
pub const PATIENCE: Duration = Duration::from_millis(400);
/// How long somebody in doubt waits to be told: longer than a coordinator may wait for votes and
/// then for acknowledgements, or it would suspect one that is only patient.
pub const DOUBT: Duration = Duration::from_millis(1000);

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.application, self.number)
    }
}

impl FromStr for Txn {
    type Err = ();

    fn from_str(text: &str) -> Result<Txn, ()> {
        let (application, number) = text.split_once('.').ok_or(())?;
        let parse = |text: &str| text.parse::<u64>().map_err(|_| ());
        Ok(Txn { application: parse(application)?, number: parse(number)? })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:+}", self.account, self.amount)
    }
}

impl fmt::Display for Vote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Vote::Yes { "yes" } else { "no" })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Outcome::Commit { "commit" } else { "abort" })
    }
}

/// A list, with commas between.
pub(crate) fn listed<T: ToString>(list: &[T]) -> String {
    list.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Work { txn, changes } => write!(f, "Work {txn} {}", listed(changes)),
            Message::Worked(txn) => write!(f, "Worked {txn}"),
            Message::Refused(txn) => write!(f, "Refused {txn}"),
            Message::Finish { txn, wish, resources } => {
                write!(f, "Finish {txn} {wish} at={}", listed(resources))
            }
            Message::Prepare { txn, resources } => {
                write!(f, "Prepare {txn} at={}", listed(resources))
            }
            Message::CanCommit { txn, resources } => {
                write!(f, "CanCommit {txn} at={}", listed(resources))
            }
            Message::Voted { txn, vote } => write!(f, "Voted {txn} {vote}"),
            Message::PreCommit(txn) => write!(f, "PreCommit {txn}"),
            Message::PreCommitted(txn) => write!(f, "PreCommitted {txn}"),
            Message::Decision { txn, outcome } => write!(f, "Decision {txn} {outcome}"),
            Message::Ack(txn) => write!(f, "Ack {txn}"),
            Message::Inquire(txn) => write!(f, "Inquire {txn}"),
            Message::InDoubt(txn) => write!(f, "InDoubt {txn}"),
            Message::StateRequest(txn) => write!(f, "StateRequest {txn}"),
            Message::State { txn, doubt, steady } => {
                let since = if *steady { "" } else { " restarted" };
                write!(f, "State {txn} {doubt:?}{since}")
            }
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.txn())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Asked(txn, wish, at) => write!(f, "Asked {txn} {wish} at={}", listed(at)),
            Told::Voted(txn, vote) => write!(f, "Voted {txn} {vote}"),
            Told::Decided(txn, outcome) => write!(f, "Decided {txn} {outcome}"),
            Told::Waits(txn, account, holder) => {
                write!(f, "Waits {txn} account={account} held-by={holder}")
            }
        }
    }
}
