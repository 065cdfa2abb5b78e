//! Exercises: what a learner writes in the place of a part of the server, and what is said of it.
//!
//! An exercise is a region of a heart. The learner's file, `exercises/NN-topic.rs`, is made from the
//! solution and is compiled in its place when the chapter's feature `mine` is on; so whoever checks
//! an exercise runs the tests that the server itself has to pass.
//!
//! Read `marks.rs`, `catalogue.rs`, `check.rs`, `verdict.rs` and `verify.rs`.
//!
//! Always true: a starter is made from its solution and from nothing else.

pub mod catalogue;
pub mod check;
pub mod failure;
pub mod marks;
pub mod progress;
pub mod shelf;
pub mod signatures;
pub mod verdict;
pub mod verify;

pub use catalogue::{Catalogue, Exercise};
pub use check::{Checked, Outcome};
pub use progress::Progress;
pub use shelf::Shelf;
