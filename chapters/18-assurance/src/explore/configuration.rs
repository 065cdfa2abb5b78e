//! A subject with a name, so that a command line and a test can ask for it.

use super::search::{Limits, Search};
use super::subject::Subject;

/// A subject with a name.
#[derive(Clone, Debug)]
pub struct Configuration<S> {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence without its full stop.
    pub what: &'static str,
    /// About how many states it has.
    pub states: u64,
    /// What is explored.
    pub subject: S,
    /// Whether it must be able to come to its end from every state.
    pub promise: bool,
}

impl<S: Subject> Configuration<S> {
    /// A search through all of it.
    pub fn search(self, limits: Limits) -> Search<S> {
        Search::new(self.subject, Limits { promise: self.promise, ..limits })
    }
}
