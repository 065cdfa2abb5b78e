//! Claims about ZooKeeper and its kin that are often heard, and what is so.
//!
//! A claim is settled by an experiment in the simulated world, not by an assertion: whoever doubts a
//! verdict runs it again, and an experiment that no longer shows what the verdict says fails.
//!
//! Book: the page of claims; each chapter has its own.

mod commit;
mod consistency;
mod election;
mod ensemble;
mod fuzzy;
mod list;
mod paxos;
mod reads;
mod storage;
mod watches;
mod znodes;

use machines::Trace;

pub use list::CLAIMS;

/// A claim that is often heard.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Its number.
    pub number: u32,
    /// The chapter in which it is settled.
    pub chapter: &'static str,
    /// How it is commonly stated.
    pub stated: &'static str,
    /// What is so.
    pub verdict: &'static str,
    /// What shows it; nothing if its chapter is not there yet.
    pub experiment: Option<fn() -> Experiment>,
}

/// What an experiment showed.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What happened, scene by scene.
    pub scenes: Vec<Scene>,
    /// Why it does not show what the verdict says; nothing if it does.
    pub fails: Option<String>,
}

/// One course of events of an experiment.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is tried, in a sentence.
    pub title: String,
    /// What happened.
    pub trace: Trace,
    /// What is to be seen in it, in a sentence.
    pub outcome: String,
}

impl Experiment {
    /// Scenes, and what must be so for them to show what the verdict says; each with what is wrong
    /// if it is not.
    fn of(scenes: Vec<Scene>, holds: &[(bool, &str)]) -> Experiment {
        let fails = holds.iter().find(|(holds, _)| !holds).map(|(_, why)| why.to_string());
        Experiment { scenes, fails }
    }
}

fn scene(title: &str, trace: Trace, outcome: String) -> Scene {
    Scene { title: title.to_string(), trace, outcome }
}

/// The network on which experiments are told. The tests of the chapters try many.
const SEED: u64 = 1;

/// The claim of a number.
pub fn claim(number: u32) -> Option<&'static Claim> {
    CLAIMS.iter().find(|claim| claim.number == number)
}
