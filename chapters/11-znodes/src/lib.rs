//! Chapter 11. Znodes: the tree, its nodes, and the transactions that change it.
//!
//! Read `tree.rs` for what there is, then the two hearts: `solutions/11-prepare.rs`, which turns a
//! request into a transaction, and `solutions/11-apply.rs`, which makes it so; then
//! `tests/11-znodes.rs`. How nodes lie in memory is `nodes.rs`; how a tree is saved while it
//! changes is `walk.rs`.

extern crate self as znodes;

mod access;
mod acls;
mod change;
mod changing;
mod digest;
mod kind;
mod nodes;
mod op;
mod outcome;
pub mod path;
mod pending;
mod quota;
mod tree;
mod walk;

pub use access::Access;
pub use change::{Change, ChangeKind};
pub use kind::{Kind, MAX_TTL};
pub use op::Op;
pub use outcome::Outcome;
pub use pending::{Checkpoint, Pending, Record};
pub use quota::OverQuota;
pub use tree::{Node, Tree};
pub use walk::{Loading, SavedNode, Walk};

#[cfg(feature = "mine")]
pub use mine_apply::*;
#[cfg(feature = "mine")]
pub use mine_prepare::*;
#[cfg(not(feature = "mine"))]
pub use solution_apply::*;
#[cfg(not(feature = "mine"))]
pub use solution_prepare::*;

#[path = "../../../solutions/11-apply.rs"]
pub mod solution_apply;
#[path = "../../../solutions/11-prepare.rs"]
pub mod solution_prepare;

#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/11-apply.rs"]
pub mod mine_apply;
#[cfg(feature = "mine")]
#[rustfmt::skip]
#[path = "../../../exercises/11-prepare.rs"]
pub mod mine_prepare;
