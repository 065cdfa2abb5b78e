//! Chapter 1. Machines: protocols without IO, and the world in which they are tried.
//!
//! Read `machine.rs`, then `files.rs`; then the world: `world.rs`, `network.rs`, `sim_disk.rs`. What
//! goes wrong between a client and a server, and what each may conclude from it, is the chapter's
//! own subject: `bank.rs`, `solutions/01-machines.rs`, `tests/01-machines.rs`.

extern crate self as machines;

pub mod bank;
pub mod customer;
pub mod dice;
pub mod files;
pub mod knowledge;
pub mod laws;
pub mod ledger;
pub mod lookup;
pub mod machine;
pub mod picture;
pub mod program;
pub mod settings;
pub mod sim_disk;
pub mod trace;
pub mod world;

mod clock;
mod connection;
mod host;
mod inode;
mod network;
mod node;
mod schedule;
mod switch;

pub use customer::Customer;
pub use dice::Dice;
pub use files::{Disk, Files};
pub use ledger::Ledger;
pub use lookup::{Index, Lookup};
pub use machine::{Effect, Effects, Event, Fault, Machine, Now, Protocol, Ticket};
pub use node::{Boot, Booted, NodeId};
pub use picture::{Frame, Picture, Row, Table};
pub use settings::{Settings, Span};
pub use sim_disk::{Operation, SimFiles};
pub use trace::{Facts, Kind, Line, Trace};
pub use world::{Occurrence, Simulated, World};

#[cfg(feature = "mine")]
pub use mine::*;
#[cfg(not(feature = "mine"))]
pub use solution::*;

#[path = "../../../solutions/01-machines.rs"]
pub mod solution;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/01-machines.rs"]
pub mod mine;
