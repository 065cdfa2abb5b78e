//! The same worlds under an engine that others wrote: stateright, which knows nothing of ours.
//!
//! It has its own fingerprints, its own queue and its own threads. If both find the same number of
//! states and of steps between them, neither leaves any out nor takes two for one.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use assurance::explore::{Configuration, Limits, Notes, Subject, elections};
use stateright::{Checker, Model, Property};

use crate::searched;

/// A subject as stateright's model; it counts the steps that are tried.
struct Second<S>(S, &'static AtomicU64);

impl<S: Subject> Model for Second<S>
where
    S::State: Debug,
{
    type State = S::State;
    type Action = S::Step;

    fn init_states(&self) -> Vec<S::State> {
        vec![self.0.canonical(self.0.initial())]
    }

    fn actions(&self, state: &S::State, actions: &mut Vec<S::Step>) {
        self.0.steps(state, actions);
    }

    fn next_state(&self, state: &S::State, action: S::Step) -> Option<S::State> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let mut next = state.clone();
        let verdict = self.0.take(&mut next, &action, &mut Notes::default());
        assert!(verdict.is_ok(), "{action}: {verdict:?}");
        Some(self.0.canonical(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Without a property that holds everywhere it would stop before the end.
        vec![Property::always("to the end", |_, _| true)]
    }
}

/// Both engines follow a world to its end, and find the same: as much as its name promises.
fn agree<S>(it: Configuration<S>)
where
    S: Subject + Clone + Send + Sync + 'static,
    S::State: Debug + Send + Sync + 'static,
    S::Step: Debug + Clone + PartialEq,
{
    let Configuration { name, states, subject, .. } = it;
    let steps: &'static AtomicU64 = Box::leak(Box::default());
    let theirs = Second(subject.clone(), steps).checker().spawn_bfs().join();
    let ours = searched(subject, Limits::default()).tally();
    assert_eq!(ours.states, states, "{name} has grown or shrunk: say so where it is named");
    assert_eq!(ours.states, theirs.unique_state_count() as u64, "states of {name}");
    assert_eq!(ours.transitions, steps.load(Ordering::Relaxed), "steps of {name}");
}

#[test]
fn a_second_engine_finds_as_many_states_and_steps() {
    for it in elections().into_iter().filter(|it| it.states < 35_000) {
        agree(it);
    }
}
