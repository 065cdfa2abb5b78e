//! Chapter 18: every course of small worlds of production machines.
//!
//! A plain run follows the first states of each, which are all that a small one has.
//! `ENSEMBLE_EXPLORE=whole cargo test --release -p assurance --test 18-explore` follows them to the
//! end; `ensemble explore` does the same with more threads, and shows it.

#[path = "18-explore/elections.rs"]
mod elections;
#[path = "18-explore/engine.rs"]
mod engine;
#[path = "18-explore/second_engine.rs"]
mod second_engine;

use std::fmt::Write;

use assurance::explore::{Account, Configuration, Limits, Search, Subject};

/// How many states of a world are followed if nobody asks for all.
const FIRST: u64 = 40_000;

/// Follows a configuration, to its end or for its first states, and says how that went: all must
/// hold, and all that should happen must have happened.
fn hold<S: Subject>(configuration: Configuration<S>) {
    let whole = std::env::var("ENSEMBLE_EXPLORE").is_ok_and(|value| value == "whole");
    let (name, about) = (configuration.name, configuration.states);
    let states = (!whole).then_some(FIRST);
    let mut search = configuration.search(Limits { states, ..Limits::default() });
    search.run();
    let tally = search.tally();
    if let Some(account) = search.account() {
        panic!("{name}, after {} states:\n{}", tally.states, told(&account));
    }
    println!("{name}: {tally:?}");
    if search.is_complete() {
        assert_eq!(tally.states, about, "{name} has grown or shrunk: say so where it is named");
        assert_eq!(search.missing(), Vec::<&str>::new(), "never reached in {name}");
    } else {
        assert!(!whole, "{name} was not followed to its end");
    }
}

/// An account as text: what broke, then how it came to that.
fn told(account: &Account) -> String {
    let mut text = format!("  at {} {}\n", account.steps.len(), account.broken);
    for step in &account.steps {
        writeln!(text, "{}", step.step).expect("a text takes it");
        for line in &step.lines {
            writeln!(text, "      {line}").expect("a text takes it");
        }
    }
    text
}

/// Searches to the end.
fn searched<S: Subject>(subject: S, limits: Limits) -> Search<S> {
    let mut search = Search::new(subject, limits);
    search.run();
    search
}
