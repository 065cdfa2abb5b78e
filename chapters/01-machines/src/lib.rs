//! Chapter 1. Machines: protocols without IO, and the world in which they are tried.

pub mod dice;
pub mod files;
pub mod lookup;
pub mod machine;

pub use dice::Dice;
pub use files::{Disk, Files};
pub use lookup::{Index, Lookup};
pub use machine::{Effect, Effects, Event, Fault, Machine, Now, Protocol, Ticket};
