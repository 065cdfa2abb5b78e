//! Chapter 9. ZAB: how a leader finds an epoch that nobody can dispute, and how everything that it
//! proposes is committed in one order.
//!
//! An election only says whom a quorum wished for. Two servers may both believe that they won: then
//! what they would propose must not get the same numbers, and only one of them may commit. So a
//! leader begins in three steps, over one connection to each learner:
//!
//! ```text
//! learner                                   leader
//! FollowerInfo: I promised epoch 4      →
//!                                       ←   LeaderInfo: mine will be 5   discovery: a quorum
//! AckEpoch: I promise it; I end at 4.7  →                                promises the epoch
//!
//!                                       ←   Diff, Proposal, Commit ...   synchronisation: a
//!                                       ←   NewLeader: 5 begins          quorum has all that
//! Ack 5.0: I have all of that on disk   →                                it begins with
//!                                       ←   UpToDate: serve clients
//!
//!                                       ←   Proposal 5.1                 broadcast: a quorum
//! Ack 5.1: it is on my disk             →                                has it on disk
//!                                       ←   Commit 5.1
//! ```
//!
//! This chapter has the first step, the third, and the words for all of them. Chapter 10 has the
//! second, and the machines that take all three.
//!
//! Read `packet.rs` for the words and `history.rs` for what they are about; then the decisions,
//! `solutions/09-zab.rs`; then `tests/09-zab/epochs.rs` and `commits.rs`, which say what must hold
//! of them. `wire.rs` writes the words as bytes and `packets.rs` reads them: the stories next to the
//! tests are what servers of Apache ZooKeeper said, read by it.

extern crate self as zab;

mod history;
mod packet;
mod packets;
mod vocabulary;
pub mod wire;

pub use history::History;
pub use packet::{Learner, Packet, Request};
pub use vocabulary::{Ceased, Health, Peer, Recovered, Timer, Told, Zab};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/09-zab.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/09-zab.rs"]
pub mod mine;
