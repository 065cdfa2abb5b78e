//! Chapter 18: every course of small worlds of production machines.
//!
//! A plain run follows the first states of each, which are all that a small one has.
//! `ENSEMBLE_EXPLORE=whole cargo test --release -p assurance --test 18-explore` follows them to the
//! end; `ensemble explore` does the same with more threads, and shows it.

#[path = "18-explore/elections.rs"]
mod elections;
#[path = "18-explore/engine.rs"]
mod engine;
#[path = "18-explore/ensembles.rs"]
mod ensembles;
#[path = "18-explore/second_engine.rs"]
mod second_engine;

use std::fmt::Write;

use assurance::explore::{Account, Configuration, Limits, Search, Subject};

/// How many states of a world are followed if nobody asks for all.
const FIRST: u64 = 40_000;

/// Follows configurations, to their ends or for their first states: all must hold, and what should
/// happen must have happened.
fn hold<S: Subject>(configurations: Vec<Configuration<S>>) {
    let whole = std::env::var("ENSEMBLE_EXPLORE").is_ok_and(|value| value == "whole");
    let limits = Limits { states: (!whole).then_some(FIRST), ..Limits::default() };
    let mut missing = Vec::new();
    for configuration in configurations {
        let (name, states) = (configuration.name, configuration.states);
        let mut search = configuration.search(limits);
        search.run();
        let tally = search.tally();
        if let Some(account) = search.account() {
            panic!("{name}, after {} states:\n{}", tally.states, told(&account, name));
        }
        println!("{name}: {tally:?}");
        assert!(search.is_complete() || !whole, "{name} was not followed to its end");
        if search.is_complete() {
            let why = "has grown or shrunk: say so where it is named";
            assert_eq!(tally.states, states, "{name} {why}");
            missing.extend(search.missing().into_iter().map(|what| format!("{what} in {name}")));
        }
    }
    assert!(missing.is_empty(), "never reached in any order of events: {missing:?}");
}

/// An account as text: what broke, how it came to that, and how to see it again.
fn told(account: &Account, name: &str) -> String {
    let mut text = format!("  at {} {}\n", account.steps.len(), account.broken);
    for step in &account.steps {
        writeln!(text, "{}", step.step).expect("a text takes it");
        for line in &step.lines {
            writeln!(text, "      {line}").expect("a text takes it");
        }
    }
    text + &format!("see it with: ensemble explore --config {name}")
}

/// Searches to the end.
fn searched<S: Subject>(subject: S, limits: Limits) -> Search<S> {
    let mut search = Search::new(subject, limits);
    search.run();
    search
}
