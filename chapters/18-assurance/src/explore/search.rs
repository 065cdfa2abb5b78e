//! The search: all states, layer by layer.
//!
//! A layer is all states that can be reached in so many steps and in no fewer. It is handed out in
//! pieces of a fixed size; a piece is expanded without changing anything, so that threads may
//! expand many at once, and what comes of them is absorbed in order. So the result is the same
//! however many threads there are, and so are the numbers: states, transitions, depth.
//!
//! Always true:
//! - a state is expanded once;
//! - whole states are kept of the present layer and the next one only;
//! - the trouble that is found is one of those with the shortest way to it.

use std::collections::VecDeque;

use super::notes::Notes;
use super::promise::Promise;
use super::seen::{Fingerprint, Number, Seen};
use super::subject::Subject;
use crate::invariants::{Broken, Invariant, Verdict};

/// How many states are handed out at once.
const PIECE: usize = 256;

/// Where a search stops although there is more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// After so many steps from the beginning.
    pub depth: Option<u32>,
    /// When so many states were met.
    pub states: Option<u64>,
    /// Whether it is asked too that everything comes to its end when no fault comes any more. It
    /// takes eight bytes for each step.
    pub promise: bool,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many different states were met.
    pub states: u64,
    /// How many steps were tried.
    pub transitions: u64,
    /// How many steps it takes to the layer that was reached.
    pub depth: u32,
    /// From how many states every step was tried.
    pub expanded: u64,
    /// In how many states nothing more can happen.
    pub ends: u64,
}

/// States of one layer that are to be expanded together.
pub struct Piece<State>(Vec<(Number, State)>);

/// What comes of a piece.
pub struct Expansion<State> {
    /// Where the states lead that were not met in earlier pieces.
    fresh: Vec<(Number, Fingerprint, State)>,
    /// The steps that were no faults, and the states that are ends: only if that is asked for.
    ways: Vec<(Number, Fingerprint)>,
    settled: Vec<Number>,
    expanded: u64,
    transitions: u64,
    ends: u64,
    notes: Notes,
    trouble: Option<Trouble>,
}

/// Something that must hold did not.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    /// The state in which it was still well.
    pub(crate) state: Number,
    pub(crate) place: Place,
    pub(crate) broken: Broken,
}

/// What it is that did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Something about a step from the state.
    Step,
    /// Something about the state, in which nothing more can happen.
    End,
    /// That from the state an end can be reached.
    Promise,
}

/// A search through all states of a subject.
pub struct Search<S: Subject> {
    subject: S,
    limits: Limits,
    seen: Seen,
    layer: VecDeque<(Number, S::State)>,
    next: VecDeque<(Number, S::State)>,
    tally: Tally,
    notes: Notes,
    /// Whether everything comes to its end, if that is asked.
    promise: Option<Promise>,
    trouble: Option<Trouble>,
}

impl<S: Subject> Search<S> {
    /// A search that is about to begin.
    pub fn new(subject: S, limits: Limits) -> Search<S> {
        let first = subject.canonical(subject.initial());
        let mut seen = Seen::default();
        let number = seen.insert(Fingerprint::of(&first), Number(0)).expect("nothing was met yet");
        let tally = Tally { states: 1, ..Tally::default() };
        let layer = VecDeque::from([(number, first)]);
        Search {
            subject,
            limits,
            seen,
            layer,
            next: VecDeque::new(),
            tally,
            notes: Notes::default(),
            promise: limits.promise.then(Promise::default),
            trouble: None,
        }
    }

    /// What is searched.
    pub fn subject(&self) -> &S {
        &self.subject
    }

    /// How far it has come.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What was noted on the way.
    pub fn notes(&self) -> &Notes {
        &self.notes
    }

    /// What must have been noted, and was not.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = self.subject.must_see().into_iter();
        all.filter(|what| !self.notes.seen().contains_key(what)).collect()
    }

    /// What did not hold, if anything did not.
    pub fn broken(&self) -> Option<&Broken> {
        self.trouble.as_ref().map(|trouble| &trouble.broken)
    }

    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Whether everything was tried that there is.
    pub fn is_complete(&self) -> bool {
        self.trouble.is_none() && self.tally.expanded == self.tally.states
    }

    /// Hands out the next pieces of the present layer, or of the next one if it is done; none if
    /// the search is over. All that is handed out is to be expanded and absorbed, in order.
    pub fn pieces(&mut self, count: usize) -> Vec<Piece<S::State>> {
        if !self.is_over() && self.layer.is_empty() && !self.next.is_empty() {
            self.layer = std::mem::take(&mut self.next);
            self.tally.depth += 1;
        }
        if self.is_over() {
            return Vec::new();
        }
        let mut pieces = Vec::new();
        while pieces.len() < count && !self.layer.is_empty() {
            let size = PIECE.min(self.layer.len());
            pieces.push(Piece(self.layer.drain(..size).collect()));
        }
        pieces
    }

    /// Whether there was trouble, or a limit is reached.
    fn is_over(&self) -> bool {
        let deep = self.limits.depth.is_some_and(|limit| self.tally.depth >= limit);
        let many = self.limits.states.is_some_and(|limit| self.tally.states >= limit);
        deep || many || self.trouble.is_some()
    }

    /// Tries every step from every state of a piece. It changes nothing: any thread may do it.
    pub fn expand(&self, piece: Piece<S::State>) -> Expansion<S::State> {
        let mut found = Expansion::default();
        let mut steps = Vec::new();
        for (number, state) in piece.0 {
            found.expanded += 1;
            if self.promise.is_some() && self.subject.is_settled(&state) {
                found.settled.push(number);
            }
            steps.clear();
            self.subject.steps(&state, &mut steps);
            if steps.is_empty() {
                found.ends += 1;
                found.judge(self.subject.ended(&state), number, Place::End);
            }
            for step in &steps {
                let mut next = state.clone();
                let verdict = self.subject.take(&mut next, step, &mut found.notes);
                found.transitions += 1;
                found.judge(verdict, number, Place::Step);
                let next = self.subject.canonical(next);
                let fingerprint = Fingerprint::of(&next);
                if self.promise.is_some() && !self.subject.is_fault(&state, step) {
                    found.ways.push((number, fingerprint));
                }
                if self.seen.find(fingerprint).is_none() {
                    found.fresh.push((number, fingerprint, next));
                }
                if found.trouble.is_some() {
                    return found;
                }
            }
        }
        found
    }

    /// Takes in what came of a piece. When the search is over, nothing more is taken in.
    pub fn absorb(&mut self, found: Expansion<S::State>) {
        if self.is_over() {
            return;
        }
        for (parent, fingerprint, state) in found.fresh {
            if let Some(number) = self.seen.insert(fingerprint, parent) {
                self.next.push_back((number, state));
            }
        }
        if let Some(promise) = &mut self.promise {
            for (from, to) in found.ways {
                promise.way(from, self.seen.find(to).expect("it was met just now, or before"));
            }
            found.settled.into_iter().for_each(|state| promise.end(state));
        }
        self.notes.add(&found.notes);
        self.trouble = found.trouble;
        self.tally.transitions += found.transitions;
        self.tally.ends += found.ends;
        self.tally.states = self.seen.len() as u64;
        self.tally.expanded += found.expanded;
        if self.is_complete() {
            self.judge_promise();
        }
    }

    /// Everything was tried: now it can be said whether all comes to its end.
    fn judge_promise(&mut self) {
        let stuck = self.promise.as_ref().and_then(|promise| promise.broken(self.seen.len()));
        if let Some(state) = stuck {
            let what = "from here no end can be reached, even if no fault comes any more".into();
            let broken = Broken { invariant: Invariant::L4, what };
            self.trouble = Some(Trouble { state, place: Place::Promise, broken });
        }
    }

    /// Searches to the end, with one thread.
    pub fn run(&mut self) {
        loop {
            let Some(piece) = self.pieces(1).pop() else { return };
            let found = self.expand(piece);
            self.absorb(found);
        }
    }
}

impl<State> Default for Expansion<State> {
    fn default() -> Self {
        Expansion {
            fresh: Vec::new(),
            ways: Vec::new(),
            settled: Vec::new(),
            expanded: 0,
            transitions: 0,
            ends: 0,
            notes: Notes::default(),
            trouble: None,
        }
    }
}

impl<State> Expansion<State> {
    fn judge(&mut self, verdict: Verdict, state: Number, place: Place) {
        if let Err(broken) = verdict
            && self.trouble.is_none()
        {
            self.trouble = Some(Trouble { state, place, broken });
        }
    }
}
