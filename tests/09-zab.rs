//! Chapter 9: what must hold of epochs, of what is committed, and of the quorum port.
//!
//! `cargo test --release -p zab --test 09 -- --ignored` reads ten million spoiled streams.

#[path = "09-zab/commits.rs"]
mod commits;
#[path = "09-zab/confirmations.rs"]
mod confirmations;
#[path = "09-zab/epochs.rs"]
mod epochs;
#[path = "09-zab/history.rs"]
mod history;
mod hostile;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/quorum.rs"]
mod quorum;
#[path = "09-zab/story.rs"]
mod story;
#[path = "09-zab/strangers.rs"]
mod strangers;
#[path = "09-zab/wire.rs"]
mod wire;
#[path = "09-zab/world.rs"]
mod world;
