//! Chapter 8: what must hold of elections, votes, and the election port.
//!
//! `cargo test --release -p election --test 08 -- --ignored` tries a hundred thousand seeds.

#[path = "08-election/boots.rs"]
mod boots;
#[path = "08-election/claims.rs"]
mod claims;
#[path = "08-election/connections.rs"]
mod connections;
#[path = "08-election/ensemble.rs"]
mod ensemble;
#[path = "08-election/explore.rs"]
mod explore;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/quorum.rs"]
mod quorum;
#[path = "08-election/replay.rs"]
mod replay;
#[path = "08-election/resting.rs"]
mod resting;
#[path = "08-election/storms.rs"]
mod storms;
#[path = "08-election/story.rs"]
mod story;
#[path = "08-election/table.rs"]
mod table;
#[path = "08-election/votes.rs"]
mod votes;
#[path = "08-election/wire.rs"]
mod wire;
