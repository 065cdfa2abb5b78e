//! The account of how it came to something: the way to a state, walked once more from the start.
//!
//! The search remembers only fingerprints. The way is found again by trying, from the first state
//! on, which step leads to the next fingerprint. Where canonical states stand for others, it is
//! walked twice at a time: through the canonical states, as the search did, and with the names as
//! they are: server 2 of one line is server 2 of the next.
//!
//! Always true: an account ends with what the search found, or the subject is no subject.

use std::time::Duration;

use machines::{Frame, Line, NodeId};

use super::notes::Notes;
use super::search::{Place, Search, Trouble};
use super::seen::Fingerprint;
use super::subject::Subject;
use crate::invariants::{Broken, Verdict};

/// One step of an account.
#[derive(Clone, Debug)]
pub struct Told {
    /// What happened, in a line.
    pub step: String,
    /// All that happened within it.
    pub lines: Vec<Line>,
    /// What a person would want to know of each node afterwards.
    pub facts: Vec<(NodeId, Vec<(String, String)>)>,
}

/// The shortest way to something that must not be.
#[derive(Clone, Debug)]
pub struct Account {
    /// What did not hold.
    pub broken: Broken,
    /// How it came to that.
    pub steps: Vec<Told>,
}

impl Account {
    /// It as a picture begins: line by line, and what is known of the line's node after its step.
    /// In place of a time, a line has the number of its step, in milliseconds.
    pub fn frames(&self) -> Vec<Frame> {
        let steps = self.steps.iter().zip(1..);
        let frames = steps.flat_map(|(told, number)| {
            told.lines.iter().map(move |line| {
                let time = Duration::from_millis(number);
                let known = told.facts.iter().find(|(node, _)| *node == line.node);
                let facts = known.map(|(_, facts)| facts.clone()).unwrap_or_default();
                Frame { line: Line { time, ..line.clone() }, facts }
            })
        });
        frames.collect()
    }
}

impl<S: Subject> Search<S> {
    /// How it came to what did not hold, if anything did not.
    pub fn account(&self) -> Option<Account> {
        let trouble = self.trouble()?;
        let mut walk = Walk::new(self.subject());
        for wanted in self.seen().way_to(trouble.state).into_iter().skip(1) {
            walk.go_to(wanted);
        }
        Some(walk.fail(trouble))
    }
}

/// Somebody who walks from the first state on and tells what he sees.
struct Walk<'a, S: Subject> {
    subject: &'a S,
    /// Where the search was.
    canonical: S::State,
    /// The same with the names that everybody had in the beginning.
    state: S::State,
    notes: Notes,
    told: Vec<Told>,
}

impl<'a, S: Subject> Walk<'a, S> {
    fn new(subject: &'a S) -> Walk<'a, S> {
        let state = subject.initial();
        let canonical = subject.canonical(state.clone());
        Walk { subject, canonical, state, notes: Notes::in_full(), told: Vec::new() }
    }

    /// What comes of each step from where the search was.
    fn nexts(&self) -> impl Iterator<Item = (S::Step, S::State, Verdict)> {
        let mut steps = Vec::new();
        self.subject.steps(&self.canonical, &mut steps);
        steps.into_iter().map(|step| {
            let mut next = self.canonical.clone();
            let verdict = self.subject.take(&mut next, &step, &mut Notes::default());
            (step, self.subject.canonical(next), verdict)
        })
    }

    /// Takes the step that leads to this state.
    fn go_to(&mut self, wanted: Fingerprint) {
        let leads_there = |(_, next, verdict): &(S::Step, S::State, Verdict)| {
            verdict.is_ok() && Fingerprint::of(next) == wanted
        };
        let found = self.nexts().find(leads_there);
        let (step, next, _) = found.expect("equal states lead to the same");
        let verdict = self.take(&step);
        assert!(verdict.is_ok(), "a step that was well is well again");
        self.canonical = next;
    }

    /// Takes the step that breaks what the search found broken.
    fn fail(mut self, trouble: &Trouble) -> Account {
        let fails = |verdict: &Verdict| {
            verdict.as_ref().is_err_and(|it| it.invariant == trouble.broken.invariant)
        };
        let verdict = match trouble.place {
            Place::Promise => Err(trouble.broken.clone()),
            Place::End => self.subject.ended(&self.state),
            Place::Step => {
                let found = self.nexts().find(|(_, _, verdict)| fails(verdict));
                self.take(&found.expect("what broke, breaks again").0)
            }
        };
        let broken = verdict.expect_err("what broke, breaks again");
        Account { broken, steps: self.told }
    }

    fn take(&mut self, step: &S::Step) -> Verdict {
        let step = self.subject.unnamed(&self.canonical, step);
        let verdict = self.subject.take(&mut self.state, &step, &mut self.notes);
        let facts = |node: NodeId| (node, self.subject.facts(&self.state, node));
        let facts = self.subject.nodes().into_iter().map(facts).collect();
        let lines = self.notes.take_lines();
        self.told.push(Told { step: step.to_string(), lines, facts });
        verdict
    }
}
