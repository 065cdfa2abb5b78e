//! The promise that everything comes to its end, once nothing disturbs it any more.
//!
//! No single step breaks such a promise. What breaks it is a state from which no way leads to an
//! end, however things go on; so the ways between states are remembered, and when all are known
//! they are followed backwards from the ends.
//!
//! Always true: a way is remembered once for each step that is no fault.

use super::seen::Number;

/// The ways between states, and the states where they should lead.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promise {
    ways: Vec<(Number, Number)>,
    ends: Vec<Number>,
}

impl Promise {
    pub(crate) fn way(&mut self, from: Number, to: Number) {
        self.ways.push((from, to));
    }

    pub(crate) fn end(&mut self, state: Number) {
        self.ends.push(state);
    }

    /// The first of so many states from which no way leads to an end.
    pub(crate) fn broken(&self, states: usize) -> Option<Number> {
        let mut ways = self.ways.clone();
        ways.sort_unstable_by_key(|(_, to)| *to);
        let mut leads = vec![false; states];
        let mut reached = self.ends.clone();
        while let Some(state) = reached.pop() {
            if std::mem::replace(&mut leads[state.0 as usize], true) {
                continue;
            }
            let first = ways.partition_point(|(_, to)| *to < state);
            let here = ways[first..].iter().take_while(|(_, to)| *to == state);
            reached.extend(here.map(|(from, _)| *from).filter(|from| !leads[from.0 as usize]));
        }
        leads.iter().position(|leads| !leads).map(|number| Number(number as u32))
    }
}
