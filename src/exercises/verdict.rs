//! The verdict: what a learner is told of their exercise.
//!
//! Always true: whatever the code did, each check that does not hold is named, with what happened and
//! with the rule that it breaks.

use std::fmt::Write as _;

use super::catalogue::Exercise;
use super::check::{Checked, End, Outcome};
use super::signatures::{self, Signature};

/// So many beliefs are named at most, if the checks cannot tell them apart.
const MOST: usize = 3;

/// A wrong answer that is known: the checks that it fails, and what who gives it believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The mutant.
    pub id: String,
    /// The checks that fail, and what happens.
    pub signature: Signature,
    /// What is believed, and why that is wrong.
    pub belief: String,
}

/// The verdict on an exercise, as text. `file` is what the learner writes.
pub fn text(exercise: &Exercise, outcome: &Outcome, known: &[Known], file: &str) -> String {
    let (number, entry) = (exercise.number.text(), &exercise.entry);
    let head = format!("[{number} {}]", entry.name);
    match outcome {
        Outcome::Untouched => {
            format!("{head} is still to be written: look for `// Exercise {number}:` in {file}.\n")
        }
        Outcome::Unbuilt(said) => {
            format!("{said}\n\n{head} does not compile yet; what the compiler says is above.\n")
        }
        Outcome::Checked(all) if outcome.is_done() => {
            format!("{head} is done: {} of {} checks hold.\n", all.len(), all.len())
        }
        Outcome::Checked(all) => failed(exercise, &head, all, known),
    }
}

fn failed(exercise: &Exercise, head: &str, all: &[Checked], known: &[Known]) -> String {
    let (number, entry) = (exercise.number.text(), &exercise.entry);
    let failing: Vec<&Checked> = all.iter().filter(|it| it.end != End::Holds).collect();
    let held = all.len() - failing.len();
    let mut out = format!("{head} {held} of {} checks hold.\n", all.len());
    for checked in &failing {
        let happened = checked.end.to_string();
        let _ = write!(
            out,
            "\n  {}\n    the rule:       {}\n    what happened:  {}\n",
            checked.test,
            rule(&checked.test),
            happened.replace('\n', "\n                    ")
        );
    }
    match recognised(all, known).as_slice() {
        [] => {}
        [one] => {
            let _ = write!(out, "\n  It looks as if: {}\n", one.belief);
        }
        some if some.len() > MOST => {}
        some => {
            out.push_str("\n  It looks as if one of these is so:\n");
            for known in some {
                let _ = writeln!(out, "    - {}", known.belief);
            }
        }
    }
    let _ = write!(out, "\n  again:  ensemble check {number}\n  hint:   ensemble hint {number}\n");
    if let Some(section) = &entry.section {
        let _ = writeln!(out, "  book:   {section}");
    }
    out
}

/// The rule that a check is there for: its name, as a sentence.
pub fn rule(test: &str) -> String {
    let name = test.rsplit("::").next().unwrap_or(test);
    name.replace('_', " ")
}

/// The wrong answers that fail just these checks, and in just this way if there are such.
fn recognised<'a>(all: &[Checked], known: &'a [Known]) -> Vec<&'a Known> {
    let signature = signatures::of(all);
    let exact: Vec<&Known> = known.iter().filter(|it| it.signature == signature).collect();
    match exact.is_empty() {
        false => exact,
        true => known.iter().filter(|it| it.signature.keys().eq(signature.keys())).collect(),
    }
}
