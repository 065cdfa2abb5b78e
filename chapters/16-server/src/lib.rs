//! Chapter 16. The complete server: everything before, composed into one machine.
//!
//! Read `vocabulary.rs`, then the hearts: `solutions/16-server.rs`, through which every event goes,
//! and `solutions/16-service.rs`, which applies and reads. `preparer.rs` gives order, `clients.rs`
//! keeps connections, `snapshot.rs` saves, `words.rs` tells operators what they ask. Then
//! `tests/16-server.rs`.

extern crate self as server;

mod asked;
mod client;
mod clients;
mod disk;
mod facts;
mod in_flight;
mod notice;
mod preparer;
mod reaper;
mod recovered;
mod settings;
mod snapshot;
mod state;
mod stats;
mod vocabulary;
mod words;

pub use asked::Asked;
pub use client::{Client, ClientStats, Latency, Phase, Waiting};
pub use clients::Clients;
pub use disk::{Opened, open};
pub use facts::Facts;
pub use in_flight::{Flight, InFlight, Origin};
pub use notice::{Notice, Refused};
pub use preparer::{Asker, Preparer};
pub use reaper::Reaper;
pub use recovered::Recovered;
pub use settings::{About, Settings, Words};
pub use snapshot::Snapshots;
pub use state::{Applied, State};
pub use stats::{Sizes, Stats};
pub use vocabulary::{Connection, Message, Peer, Timer, Zk};
pub use words::{date, tell};

#[cfg(feature = "mine")]
pub use mine_server::*;
#[cfg(feature = "mine")]
pub use mine_service::*;
#[cfg(not(feature = "mine"))]
pub use solution_server::*;
#[cfg(not(feature = "mine"))]
pub use solution_service::*;

#[path = "../../../solutions/16-server.rs"]
pub mod solution_server;
#[path = "../../../solutions/16-service.rs"]
pub mod solution_service;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-server.rs"]
pub mod mine_server;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-service.rs"]
pub mod mine_service;
