//! Chapter 7. What a server keeps: the transaction log, snapshots, epoch files; and what it finds
//! when it starts again. The files are ZooKeeper's own, byte for byte.
//!
//! Read `log_format.rs`, `solutions/07-storage.rs`, `tests/07-storage.rs`; then `recover.rs` and
//! `store.rs`, which put the pieces together. What a snapshot consists of is in `items.rs`; what
//! becomes of a log that loses its power, in `program.rs`.

extern crate self as storage;

mod compress;
mod convalescence;
mod damage;
mod entry;
mod epochs;
mod history;
mod install;
mod items;
pub mod log_format;
mod log_reader;
pub mod names;
pub mod program;
mod recover;
mod settled;
mod snapshot_reader;
mod snapshot_writer;
mod state;
mod store;

pub use damage::{Damage, Flaw, Note};
pub use entry::{Entry, Fetch, Fetched, Write};
pub use epochs::epochs;
pub use history::History;
pub use items::{BadItem, Item, Items, Node};
pub use log_reader::{LogReader, checksum};
pub use names::{Compression, DataFile};
pub use recover::{Recovered, Replay, Settings, check_snapshot, recover, recover_member};
pub use settled::settled;
pub use snapshot_reader::SnapshotReader;
pub use state::State;
pub use store::Store;

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/07-storage.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/07-storage.rs"]
pub mod mine;
