//! The book's machinery: it takes pages apart, puts code, transcripts and drawings where the pages ask
//! for them, and lets mdBook make a book of it.
//!
//! Read `page.rs` for what a page may ask for, then `weave.rs`, where all of it comes together.
//! What a page says is never believed: commands are carried out, items are looked up, links are
//! followed, and what no longer holds fails the build with file and line.
#![allow(clippy::disallowed_methods, reason = "it serves readers, in real time")]

pub mod build;
pub mod commands;
pub mod links;
pub mod listing;
pub mod page;
pub mod problem;
pub mod quiz;
pub mod serve;
pub mod session;
pub mod targets;
pub mod transcript;
pub mod weave;
