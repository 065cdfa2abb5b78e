//! What a site of three-phase commit may wait for, and what it may do when that does not come.
//!
//! The table itself is in `solutions/03-timeouts.rs`.
//!
//! Book: chapter 3.

use std::collections::BTreeSet;

use machines::NodeId;

use crate::message::Doubt;

/// Whether sites in doubt ask each other when the coordinator is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeouts {
    /// They elect one who asks all others, as in Skeen's protocol.
    Together,
    /// Each decides by how far it has come itself, as the protocol is often told.
    Alone,
}

/// What a site waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// A participant that has promised nothing: to be asked for its vote.
    ToBeAsked,
    /// A leader: votes.
    Votes,
    /// A leader: to hear that the others know that all have voted yes.
    Acks,
    /// A new leader: to hear how far the others have come.
    States,
    /// Somebody in doubt: that the leader says anything.
    Leader(Doubt),
}

/// What it does when that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resort {
    /// It aborts.
    Abort,
    /// It commits.
    Commit,
    /// It decides what to do by the answers that it has.
    Rule,
    /// It takes the leader for dead. The next in line leads.
    Elect,
}

/// How far somebody in doubt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it knows.
    pub doubt: Doubt,
    /// Whether it has run ever since it took part. After a crash it has missed what others did.
    pub steady: bool,
}

/// What a new leader does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It cannot tell; it will ask again.
    Wait,
    /// It aborts, and tells all.
    Abort,
    /// It lets all others know that all have voted yes, but for these, who know it; and then commits.
    PreCommit(BTreeSet<NodeId>),
}
