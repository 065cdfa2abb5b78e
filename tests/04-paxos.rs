//! Chapter 4: what must hold of acceptors, proposers and learners.
//!
//! `cargo test --release -p paxos --test 04 -- --ignored` tries twenty thousand seeds.

#[path = "04-paxos/acceptor.rs"]
mod acceptor;
#[path = "04-paxos/claims.rs"]
mod claims;
#[path = "04-paxos/duel.rs"]
mod duel;
#[path = "04-paxos/every_order.rs"]
mod every_order;
#[path = "04-paxos/laws.rs"]
mod laws;
#[path = "04-paxos/lives.rs"]
mod lives;
#[path = "04-paxos/log.rs"]
mod log;
#[path = "04-paxos/pick.rs"]
mod pick;
#[path = "04-paxos/proposer.rs"]
mod proposer;
#[path = "04-paxos/story.rs"]
mod story;
