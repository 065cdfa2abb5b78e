//! The client: what it says to its host and what its host tells it.
//!
//! The client itself, the machine that holds a session together across connections, is the heart
//! `solutions/15-client.rs`. Here are the types it shares with its host, the tables it works with,
//! and the [`Client`] handle through which a program uses it.
//!
//! Book: chapter 15.

mod desk;
mod event;
mod flight;
mod handle;
mod ledger;
mod operation;
mod reply;
mod servers;
mod transaction;
mod vocabulary;
mod watches;

pub use desk::Desk;
pub use event::{Error, EventKind, SessionState, WatchKind, WatchedEvent};
pub use handle::{Client, Completion, CreateOptions, States, Watch, Watcher};
pub use ledger::{Garbled, Heard, Ledger};
pub(crate) use operation::absolute;
pub use operation::{CreateMode, Operation, Part, Read, Reconfiguration};
pub(crate) use reply::relative;
pub use reply::{PartResult, Reply};
pub use servers::{ConnectString, Server};
pub use transaction::{Transaction, TransactionFailed};
pub use vocabulary::{
    Ask, ClientMessage, ClientOptions, ClientOutput, ClientPeer, ClientTimer, ClientWire, Nothing,
    WatchId,
};
pub use watches::{Registration, Watches};
