//! The product: the chapters' machines hosted on tokio, the client library, and the command line.
#![allow(clippy::disallowed_methods, reason = "the host owns clocks and threads")]

pub mod background;
pub mod bench;
pub mod boot;
mod cargo;
pub mod chaos;
pub mod claims;
pub mod cli;
pub mod client;
pub mod config;
pub mod course;
mod disk;
pub mod exercises;
pub mod explore;
pub mod files;
pub mod held;
pub mod host;
pub mod mutants;
pub mod ports;
pub mod shell;
pub mod simulate;
pub mod start;
mod workbench;

pub use client::Client;
