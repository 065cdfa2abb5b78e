//! What a client may do, what comes of it, and what it knows afterwards.
//!
//! Book: chapter 1. ZooKeeper: `KeeperException.ConnectionLossException`, and the page "error
//! handling" of its wiki.

/// An operation on a tree of nodes, as far as repeating it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reads a node.
    Read,
    /// Creates a node of a given name.
    Create,
    /// Creates a node whose name the server completes with the next number.
    CreateSequential,
    /// Writes a node, whatever it holds.
    Set,
    /// Writes a node if its version is the given one.
    SetIfVersion,
    /// Deletes a node, whatever it holds.
    Delete,
    /// Adds to a counter.
    Increment,
}

/// Why a server refused an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// There is no such node.
    NoNode,
    /// There is such a node already.
    NodeExists,
    /// The node has another version.
    BadVersion,
}

/// What came of one attempt to have an operation carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The server said that it is done.
    Done,
    /// The server said that it will not do it.
    Refused(Refusal),
    /// No reply came while the client waited.
    TimedOut,
    /// The connection broke before a reply came.
    ConnectionLost,
    /// There was no connection on which to send it.
    NotSent,
}

/// What a client knows of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Knowledge {
    /// It has happened, at least once.
    Happened,
    /// It has not happened, and will not by itself.
    DidNot,
    /// It may have happened, or may yet happen.
    Unknown,
}

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It was ordered.
    Ordered,
    /// It failed, for good.
    Failed,
    /// It was paid.
    Paid,
    /// The goods are on their way.
    Shipped,
}

/// What became of a wish to change a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The status is now the new one.
    Made,
    /// The status was the new one already: an earlier attempt has made the change.
    MadeBefore,
    /// The status is neither the expected one nor the new one. It stays.
    Refused,
}
