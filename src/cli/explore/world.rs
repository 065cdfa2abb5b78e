//! The worlds that have a name, whatever lives in them.

use assurance::explore::{Configuration, Elections, Ensembles, Graph, elections, ensembles};
use serde_json::json;

use super::row::grouped;

/// A world with a name.
pub(super) enum World {
    /// Servers that elect a leader.
    Election(Configuration<Elections>),
    /// Servers after their election, with their disks.
    Ensemble(Configuration<Ensembles>),
}

impl World {
    /// All that there are: the elections, then the ensembles, each from the smallest on.
    pub(super) fn all() -> Vec<World> {
        let elections = elections().into_iter().map(World::Election);
        elections.chain(ensembles().into_iter().map(World::Ensemble)).collect()
    }

    /// The one of this name.
    pub(super) fn named(name: &str) -> Result<World, String> {
        let unknown = || format!("there is no world {name}; --list says which there are");
        World::all().into_iter().find(|it| it.told().0 == name).ok_or_else(unknown)
    }

    /// Its name, what it is, and about how many states it has.
    fn told(&self) -> (&'static str, &'static str, u64) {
        match self {
            World::Election(it) => (it.name, it.what, it.states),
            World::Ensemble(it) => (it.name, it.what, it.states),
        }
    }

    /// It as a line of the list.
    pub(super) fn text(&self) -> String {
        let (name, what, states) = self.told();
        format!("{name:20} {:>11} states   {what}", grouped(states))
    }

    /// It as an object of JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        let (name, what, states) = self.told();
        json!({"name": name, "what": what, "states": states})
    }

    /// All its states, and the steps between them.
    pub(super) fn graph(&self) -> Result<Graph, String> {
        let graph = match self {
            World::Election(it) => Graph::of(&it.subject),
            World::Ensemble(it) => Graph::of(&it.subject),
        };
        graph.map_err(|why| format!("{}: {why}", self.told().0))
    }
}
