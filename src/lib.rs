//! The product: the chapters' machines hosted on tokio, the client library, and the command line.

pub mod config;
pub mod files;
