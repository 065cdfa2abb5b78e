//! Chapter 16. The complete server: everything before, composed into one machine.
//!
//! Read `vocabulary.rs`, then the hearts: `solutions/16-server.rs`, through which every event goes;
//! `solutions/16-front.rs` and `solutions/16-service.rs`, which serve clients; `solutions/16-role.rs`,
//! `solutions/16-leader.rs` and `solutions/16-learner.rs`, which see to it that writes are decided. `preparer.rs` gives order,
//! `clients.rs` keeps connections, `snapshot.rs` saves, `part.rs` holds what chapter 10 is about,
//! `words.rs` tells operators what they ask. Then `tests/16-server.rs`.

extern crate self as server;

mod asked;
mod client;
mod clients;
mod disk;
mod facts;
mod ground;
mod in_flight;
mod incoming;
mod notice;
mod part;
mod preparer;
mod reaper;
mod recovered;
mod session_ids;
mod settings;
mod snapshot;
mod state;
mod stats;
mod streams;
mod syncs;
mod tickets;
mod transfers;
mod vocabulary;
mod words;

pub use asked::Asked;
pub use client::{Client, ClientStats, Latency, Phase, Waiting};
pub use clients::Clients;
pub use disk::{Opened, open};
pub use facts::{Facts, Followers, Standing};
pub use ground::Ground;
pub use in_flight::{Flight, InFlight, Origin};
pub use notice::{Notice, Refused};
pub use part::{Part, Wish, for_member};
pub use preparer::{Asker, Preparer};
pub use reaper::Reaper;
pub use recovered::Recovered;
pub use session_ids::SessionIds;
pub use settings::{About, Settings, Words};
pub use snapshot::Snapshots;
pub use state::{Applied, State};
pub use stats::{Sizes, Stats};
pub use syncs::Syncs;
pub use tickets::{Covered, Tickets};
pub use transfers::Transfers;
pub use vocabulary::{Connection, Message, Peer, Timer, Zk};
pub use words::{date, tell};

#[cfg(feature = "mine")]
pub use mine_front::*;
#[cfg(feature = "mine")]
pub use mine_leader::*;
#[cfg(feature = "mine")]
pub use mine_learner::*;
#[cfg(feature = "mine")]
pub use mine_role::*;
#[cfg(feature = "mine")]
pub use mine_server::*;
#[cfg(feature = "mine")]
pub use mine_service::*;
#[cfg(not(feature = "mine"))]
pub use solution_front::*;
#[cfg(not(feature = "mine"))]
pub use solution_leader::*;
#[cfg(not(feature = "mine"))]
pub use solution_learner::*;
#[cfg(not(feature = "mine"))]
pub use solution_role::*;
#[cfg(not(feature = "mine"))]
pub use solution_server::*;
#[cfg(not(feature = "mine"))]
pub use solution_service::*;

#[path = "../../../solutions/16-front.rs"]
pub mod solution_front;
#[path = "../../../solutions/16-leader.rs"]
pub mod solution_leader;
#[path = "../../../solutions/16-learner.rs"]
pub mod solution_learner;
#[path = "../../../solutions/16-role.rs"]
pub mod solution_role;
#[path = "../../../solutions/16-server.rs"]
pub mod solution_server;
#[path = "../../../solutions/16-service.rs"]
pub mod solution_service;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-front.rs"]
pub mod mine_front;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-leader.rs"]
pub mod mine_leader;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-learner.rs"]
pub mod mine_learner;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-role.rs"]
pub mod mine_role;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-server.rs"]
pub mod mine_server;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/16-service.rs"]
pub mod mine_service;
