//! Chapter 3: what must hold of two phases, of three, and of the outbox.
//!
//! `cargo test --release -p atomic-commit --test 03 -- --ignored` tries every pair of crashes.

#[path = "03-atomic-commit/bank.rs"]
mod bank;
#[path = "03-atomic-commit/claims.rs"]
mod claims;
#[path = "03-atomic-commit/coordinator.rs"]
mod coordinator;
#[path = "03-atomic-commit/outbox.rs"]
mod outbox;
#[path = "03-atomic-commit/participant.rs"]
mod participant;
#[path = "03-atomic-commit/puzzles.rs"]
mod puzzles;
#[path = "03-atomic-commit/storms.rs"]
mod storms;
#[path = "03-atomic-commit/story.rs"]
mod story;
#[path = "03-atomic-commit/sweeps.rs"]
mod sweeps;
#[path = "03-atomic-commit/timeouts.rs"]
mod timeouts;
