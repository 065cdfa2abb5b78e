//! What the swarm says: for a person, and for a program.
//!
//! Nothing here writes: outcomes go in, text comes out.

use assurance::{Settings, reached};
use serde_json::{Value as Json, json};

use super::{Failure, Outcome, Swarm};

/// How it stands, on one line.
pub fn progress(swarm: &Swarm, now: &Outcome) -> String {
    let seconds = now.time.as_secs_f64().max(0.001);
    let speed = now.seeds as f64 / seconds;
    let of = swarm.seeds.map_or(String::new(), |seeds| format!(" of {}", grouped(seeds)));
    let wanted = reached::wanted(&swarm.settings, swarm.seeds.unwrap_or(u64::MAX));
    let there = wanted.iter().filter(|what| now.coverage.count(what) > 0).count();
    let by_seeds = swarm.seeds.map(|seeds| (seeds - now.seeds) as f64 / speed.max(0.001));
    let by_time = swarm.time.map(|time| time.as_secs_f64() - seconds);
    let left = by_seeds.or(by_time).filter(|_| now.seeds > 0).map(|left| left.max(0.0) as u64);
    let left = left.map_or(String::new(), |left| format!(", {} to go", clock(left)));
    format!(
        "{}{of} seeds, {speed:.0}/s, {} events/s, {there} of {} things reached{left}",
        grouped(now.seeds),
        grouped((now.events as f64 / seconds) as u64),
        wanted.len(),
    )
}

/// What was reached: what is wanted, or everything.
pub fn table(outcome: &Outcome, settings: &Settings, everything: bool) -> String {
    let mut wanted = reached::wanted(settings, outcome.seeds);
    wanted.sort();
    let all = outcome.coverage.iter().map(|(what, _)| what.to_string());
    let names: Vec<String> = if everything { all.collect() } else { wanted };
    let row = |what: &String| format!("{:>12}  {what}\n", grouped(outcome.coverage.count(what)));
    names.iter().map(row).collect()
}

/// What came of it, on one line.
pub fn summary_text(outcome: &Outcome) -> String {
    let verdict = match (&outcome.failure, outcome.missing.len()) {
        (Some(failure), _) => format!("seed {} broke {}", failure.seed, failure.invariant),
        (None, 0) => "nothing broke".to_string(),
        (None, _) => format!("nothing broke, but never reached: {}", outcome.missing.join(", ")),
    };
    format!(
        "{} seeds, {} events, {} writes confirmed in {}; {:.0} seeds/s and {} events/s on each of \
         {} threads; hash {:016x}; {verdict}",
        grouped(outcome.seeds),
        grouped(outcome.events),
        grouped(outcome.writes),
        clock(outcome.time.as_secs()),
        outcome.rate(outcome.seeds),
        grouped(outcome.rate(outcome.events) as u64),
        outcome.threads,
        outcome.hash,
    )
}

/// What came of it, for a program.
pub fn summary_json(outcome: &Outcome, swarm: &Swarm, again: &[String]) -> Json {
    let reached: serde_json::Map<String, Json> =
        outcome.coverage.iter().map(|(what, count)| (what.to_string(), json!(count))).collect();
    json!({
        "first": swarm.first,
        "seeds": outcome.seeds,
        "events": outcome.events,
        "writes": outcome.writes,
        "hash": format!("{:016x}", outcome.hash),
        "seconds": outcome.time.as_secs_f64(),
        "threads": outcome.threads,
        "seeds_per_second_and_thread": outcome.rate(outcome.seeds),
        "events_per_second_and_thread": outcome.rate(outcome.events),
        "reached": reached,
        "missing": outcome.missing,
        "violation": outcome.failure.as_ref().map(|failure| failure_json(failure, again)),
    })
}

/// What a seed broke, for a program.
fn failure_json(failure: &Failure, again: &[String]) -> Json {
    json!({
        "seed": failure.seed,
        "invariant": failure.invariant,
        "what": failure.what,
        "meaning": failure.meaning,
        "seconds": failure.time.map(|time| time.as_secs_f64()),
        "again": again,
    })
}

/// What a seed broke, for a person: what happened, what it means, and the lines that show it again.
pub fn failure_text(failure: &Failure, tail: &[String], again: &[String]) -> String {
    let lines: String = tail.iter().map(|line| format!("  {line}\n")).collect();
    let time = failure.time.map_or(String::new(), |time| format!(" at {time:?}"));
    let Failure { seed, invariant, what, meaning, .. } = failure;
    let again = again.join("\n       or: ");
    format!(
        "{lines}seed {seed} broke {invariant}{time}: {what}\n\
         to a user this means: {meaning}\nto see it: {again}"
    )
}

/// A number, in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds, as a person says them.
fn clock(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
