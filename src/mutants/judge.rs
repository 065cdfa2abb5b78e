//! Who must catch a mutant, what that one is asked, and what its words mean.
//!
//! A judge is a test target of the course; only that one is built. Those that try seeds stop at the
//! first that breaks something and say which; they are asked again from the next seed on, so that
//! the signature of a mutant does not hang on one run.

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitStatus;

use serde::{Deserialize, Deserializer, de};

/// Who must catch a mutant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Judge {
    /// Whole ensembles with clients, under faults: `swarm`.
    #[default]
    Swarm,
    /// Members of an ensemble alone, under faults: `members`.
    Members,
    /// An exhaustive search, by the name of the test that makes it: `explore NAME`.
    Explorer(String),
    /// The stories that are told of the mutant: `stories`. They are played in its code, and must
    /// break what they say.
    Stories,
    /// The tests of a package: `PACKAGE TARGET`, or those with a text in their names:
    /// `PACKAGE TARGET TEXT`.
    Tests {
        /// The package.
        package: String,
        /// The test target.
        target: String,
        /// A part of the tests' names; empty for all.
        filter: String,
    },
}

impl Judge {
    /// The package, the test target in it, and which of its tests.
    pub fn target(&self) -> (&str, &str, &str) {
        match self {
            Judge::Swarm => ("assurance", "18", "nothing_breaks_under_faults"),
            Judge::Members => ("sync", "10", "nothing_breaks_under_faults"),
            Judge::Explorer(name) => ("assurance", "18-explore", name),
            Judge::Stories => ("assurance", "18-story", "each_story_of_a_bug"),
            Judge::Tests { package, target, filter } => (package, target, filter),
        }
    }

    /// How many seeds it takes if nobody says otherwise; none if it takes no seeds.
    pub fn seeds(&self) -> Option<u64> {
        match self {
            // So many as must have reached everything.
            Judge::Swarm => Some(300),
            Judge::Members => Some(3000),
            Judge::Explorer(_) | Judge::Stories | Judge::Tests { .. } => None,
        }
    }

    /// What it is asked besides which tests to run. What a test that passes says is only to be heard
    /// if nothing takes it away.
    pub fn wishes(&self) -> &[&str] {
        match self {
            Judge::Stories => &["--nocapture"],
            _ => &[],
        }
    }

    /// Whether the end of a run says that something was noticed. A story that is told of a mutant
    /// is content when it breaks.
    pub fn noticed(&self, ended: ExitStatus) -> bool {
        ended.success() == matches!(self, Judge::Stories)
    }

    /// What a run said: the checks that failed.
    pub fn heard(&self, said: &str) -> Heard {
        let broken = said.lines().filter_map(broken_invariant).map(str::to_string);
        let mut heard = Heard { checks: broken.collect(), ..Heard::default() };
        heard.seed = said.lines().filter_map(failing_seed).next_back();
        if matches!(self, Judge::Explorer(_)) {
            heard.states = said.lines().filter_map(visited_states).next_back();
        }
        if heard.checks.is_empty() && matches!(self, Judge::Tests { .. }) {
            heard.checks = said.lines().filter_map(failed_test).map(str::to_string).collect();
        }
        if heard.checks.is_empty() {
            let other = OTHERS.iter().find(|(_, text)| said.contains(text));
            heard.checks.extend(other.map(|(check, _)| check.to_string()));
        }
        heard
    }
}

/// Checks that are no invariants, by what is said when they fail: that everything is reached, that
/// enough is done, and that no machine finds itself in an impossible state and panics.
pub const OTHERS: &[(&str, &str)] =
    &[("V2", "never reached in "), ("V3", "to see it again: "), ("panic", " panicked at ")];

/// What a run said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The ids of the invariants that failed, or the names of the tests.
    pub checks: BTreeSet<String>,
    /// The seed that showed it.
    pub seed: Option<u64>,
    /// How many states had been visited.
    pub states: Option<u64>,
}

/// From a line such as `  at 1.2s Z11: what happened`: `Z11`. A panic has no number.
fn broken_invariant(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix("  at ")?.split_once(' ')?;
    let (id, _) = rest.split_once(':')?;
    let number = id.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
    let numbered = number.len() < id.len() && number.bytes().all(|byte| byte.is_ascii_digit());
    (numbered || id == "panic").then_some(id)
}

/// From a line such as `seed 7: 3 servers, ...`: 7.
fn failing_seed(line: &str) -> Option<u64> {
    line.strip_prefix("seed ")?.split_once(':')?.0.parse().ok()
}

/// From a line with `1234 states` in it: 1234.
fn visited_states(line: &str) -> Option<u64> {
    let (before, _) = line.split_once(" states")?;
    before.rsplit(' ').next()?.replace(',', "").parse().ok()
}

/// From a line such as `test a_log_is_read ... FAILED`: the test's name.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Judge::Swarm => write!(f, "swarm"),
            Judge::Members => write!(f, "members"),
            Judge::Explorer(name) => write!(f, "explore {name}"),
            Judge::Stories => write!(f, "stories"),
            Judge::Tests { package, target, filter } if filter.is_empty() => {
                write!(f, "{package} {target}")
            }
            Judge::Tests { package, target, filter } => write!(f, "{package} {target} {filter}"),
        }
    }
}

impl<'de> Deserialize<'de> for Judge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Judge, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["swarm"] => Ok(Judge::Swarm),
            ["members"] => Ok(Judge::Members),
            ["stories"] => Ok(Judge::Stories),
            ["explore", name] => Ok(Judge::Explorer(name.to_string())),
            [package, target, filter @ ..] if filter.len() < 2 => Ok(Judge::Tests {
                package: package.to_string(),
                target: target.to_string(),
                filter: filter.concat(),
            }),
            _ => Err(de::Error::custom(format!(
                "`{text}` is no judge: write swarm, members, stories, explore NAME, or \
                 PACKAGE TARGET [TEXT]"
            ))),
        }
    }
}
