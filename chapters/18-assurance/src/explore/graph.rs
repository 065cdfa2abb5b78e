//! The whole graph of a small world: its states, and the steps between them.
//!
//! It is what a search walks through, for once written down: small enough to be looked at, as
//! text, as a file for Graphviz, or as a drawing.
//!
//! Always true: the first state is number 0, and a state's number is higher than that of the one
//! from which it was first reached.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::notes::Notes;
use super::seen::Fingerprint;
use super::subject::Subject;

/// More states than this nobody looks at.
const MOST: usize = 200;

/// A state, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vertex {
    /// How many steps it takes to it.
    pub depth: usize,
    /// What is in it, in short.
    pub text: Vec<String>,
    /// Whether nothing more can happen.
    pub is_end: bool,
}

/// A step from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The state before.
    pub from: usize,
    /// The state after.
    pub to: usize,
    /// What happens.
    pub step: String,
}

/// The states of a world, and the steps between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The states, in the order in which they were met.
    pub vertices: Vec<Vertex>,
    /// The steps.
    pub edges: Vec<Edge>,
}

/// The graph has more states than anybody would look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has more than {MOST} states, too many to look at; the toy has fewer")
    }
}

impl Graph {
    /// The whole graph of a subject.
    pub fn of<S: Subject>(subject: &S) -> Result<Graph, TooLarge> {
        let mut graph = Graph::default();
        let mut numbers = BTreeMap::new();
        let mut states = vec![subject.canonical(subject.initial())];
        numbers.insert(Fingerprint::of(&states[0]), 0);
        graph.add(subject, &states[0], 0);
        let mut from = 0;
        while from < states.len() {
            let mut steps = Vec::new();
            subject.steps(&states[from], &mut steps);
            graph.vertices[from].is_end = steps.is_empty();
            for step in steps {
                let mut next = states[from].clone();
                // What breaks is shown like everything else: the search is there to judge.
                let _ = subject.take(&mut next, &step, &mut Notes::default());
                let next = subject.canonical(next);
                let to = *numbers.entry(Fingerprint::of(&next)).or_insert(states.len());
                if to == states.len() {
                    graph.add(subject, &next, graph.vertices[from].depth + 1);
                    states.push(next);
                }
                graph.edges.push(Edge { from, to, step: step.to_string() });
            }
            if states.len() > MOST {
                return Err(TooLarge);
            }
            from += 1;
        }
        Ok(graph)
    }

    fn add<S: Subject>(&mut self, subject: &S, state: &S::State, depth: usize) {
        self.vertices.push(Vertex { depth, text: subject.in_short(state), is_end: false });
    }

    /// The graph in the language of Graphviz.
    pub fn dot(&self) -> String {
        let mut text = "digraph states {\n  node [shape=box];\n".to_string();
        for (number, vertex) in self.vertices.iter().enumerate() {
            let label = vertex.text.join("\\n");
            let rim = if vertex.is_end { ", peripheries=2" } else { "" };
            writeln!(text, "  s{number} [label=\"{label}\"{rim}];").expect("a text takes it");
        }
        for Edge { from, to, step } in &self.edges {
            writeln!(text, "  s{from} -> s{to} [label=\"{step}\"];").expect("a text takes it");
        }
        text + "}\n"
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, vertex) in self.vertices.iter().enumerate() {
            writeln!(f, "{number:3}  {}", vertex.text.join("; "))?;
            for edge in self.edges.iter().filter(|edge| edge.from == number) {
                writeln!(f, "       {} → {}", edge.step, edge.to)?;
            }
        }
        Ok(())
    }
}
