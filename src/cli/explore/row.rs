//! What came of a search: a row of a table, or an object of JSON.

use std::time::Duration;

use assurance::explore::{Account, Search, Subject, Tally};
use serde_json::json;

/// What came of a search.
pub(super) struct Row {
    name: &'static str,
    tally: Tally,
    seconds: f64,
    complete: bool,
    missing: Vec<&'static str>,
    /// How it came to what does not hold, if anything does not.
    pub(super) account: Option<Account>,
}

impl Row {
    pub(super) const HEAD: &str =
        "world                     states  transitions  depth  seconds  per second  outcome";

    pub(super) fn new<S: Subject>(name: &'static str, search: &Search<S>, time: Duration) -> Row {
        Row {
            name,
            tally: search.tally(),
            seconds: time.as_secs_f64(),
            complete: search.is_complete(),
            missing: search.missing(),
            account: search.account(),
        }
    }

    /// Whether all that there is held, and happened.
    pub(super) fn is_well(&self) -> bool {
        self.account.is_none() && (self.missing.is_empty() || !self.complete)
    }

    fn rate(&self) -> u64 {
        (self.tally.transitions as f64 / self.seconds.max(1e-6)) as u64
    }

    fn outcome(&self) -> String {
        match (&self.account, self.complete, self.missing.as_slice()) {
            (Some(account), ..) => format!("{} does not hold", account.broken.invariant),
            (None, false, _) => "all holds so far; there is more".to_string(),
            (None, true, []) => "all holds".to_string(),
            (None, true, missing) => format!("says little: never {}", missing.join(", never ")),
        }
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{:20} {:>11} {:>12} {:>6} {:>8.2} {:>11}  {}",
            self.name,
            grouped(self.tally.states),
            grouped(self.tally.transitions),
            self.tally.depth,
            self.seconds,
            grouped(self.rate()),
            self.outcome(),
        )
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let Row { name, tally, seconds, complete, missing, account } = self;
        json!({
            "name": name,
            "states": tally.states,
            "transitions": tally.transitions,
            "depth": tally.depth,
            "ends": tally.ends,
            "seconds": seconds,
            "complete": complete,
            "never": missing,
            "broken": account.as_ref().map(|it| it.broken.to_string()),
            "steps": account.as_ref().map(|it| {
                it.steps.iter().map(|told| told.step.as_str()).collect::<Vec<_>>()
            }),
        })
    }
}

/// A number with commas.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let from_right = |at: usize| digits.len() - at;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && from_right(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
