//! What can be explored: a small world, and everything that may happen in it.
//!
//! A state holds the machines and all that is on its way: messages, timers that are armed, writes
//! that the disk has yet to carry out; and how many faults may still come. Time itself is no part
//! of it: a timer that is armed may run out. Whatever a state holds tells states apart, so that
//! what does not matter for the future should not be in it.

use std::fmt::Display;
use std::hash::Hash;

use machines::NodeId;

use super::notes::Notes;
use crate::invariants::Verdict;

/// A world whose every course can be followed.
///
/// Always true: a step from equal states leads to equal states.
pub trait Subject {
    /// All on which it depends what may happen from now on.
    type State: Clone + Eq + Hash;
    /// One thing that may happen.
    type Step: Display + Clone;

    /// How it begins.
    fn initial(&self) -> Self::State;

    /// Adds all that may happen next, always in the same order. In most states it is little.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);

    /// Lets one of these things happen, and says whether all that must hold did. Of what happens
    /// on the way it takes notes.
    fn take(&self, state: &mut Self::State, step: &Self::Step, notes: &mut Notes) -> Verdict;

    /// What must hold where nothing more can happen.
    fn ended(&self, _state: &Self::State) -> Verdict {
        Ok(())
    }

    /// Whether a step does harm, or is not needed: without such steps everything must come to an
    /// end. For subjects that promise that.
    fn is_fault(&self, _state: &Self::State, _step: &Self::Step) -> bool {
        false
    }

    /// Whether everything has come to its end. For subjects that promise that.
    fn is_settled(&self, _state: &Self::State) -> bool {
        true
    }

    /// One state for all that differ only in names: of servers that do the same, say. The others
    /// are not followed.
    fn canonical(&self, state: Self::State) -> Self::State {
        state
    }

    /// A step from a canonical state, as it is called where no state was made canonical. For
    /// subjects whose canonical states have other names.
    fn unnamed(&self, _state: &Self::State, step: &Self::Step) -> Self::Step {
        step.clone()
    }

    /// The notes without which an exploration says nothing: each must have been taken once.
    fn must_see(&self) -> Vec<&'static str>;

    /// Who lives in this world, in the order in which a picture shows them.
    fn nodes(&self) -> Vec<NodeId>;

    /// What a person would want to know of a node in a state: names and values.
    fn facts(&self, state: &Self::State, node: NodeId) -> Vec<(String, String)>;

    /// A state in a few short lines, for a drawing of all of them.
    fn in_short(&self, state: &Self::State) -> Vec<String> {
        let first = |node: NodeId| {
            let fact = self.facts(state, node).into_iter().next();
            format!("{node}: {}", fact.map_or(String::new(), |(_, value)| value))
        };
        self.nodes().into_iter().map(first).collect()
    }
}
