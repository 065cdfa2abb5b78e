//! How trials are told: a line for each, a score at the end, and what is still to be done.

use std::collections::BTreeSet;

use assurance::invariants::Invariant;
use serde_json::{Value as Json, json};
use sync::laws::Law;

pub use super::judge::OTHERS;
use super::mutant::Mutant;
use super::trial::{Trial, Verdict};

/// A trial as a line of text.
pub fn line(mutant: &Mutant, trial: &Trial) -> String {
    let number = mutant.number.map_or(String::new(), |number| number.to_string());
    let verdict = match &trial.verdict {
        Verdict::Killed => format!("killed by {}", mutant.by),
        Verdict::Noticed => format!("noticed by {}, but not by {}", mutant.by, mutant.invariant),
        Verdict::Survived => format!("SURVIVED {}", mutant.by),
        Verdict::Equivalent => "equivalent".to_string(),
        Verdict::Unbuilt(why) => format!("does not build: {why}"),
    };
    format!(
        "{:>3} {:<36} {:<32} {:<14} {:>4}s  {}{}",
        number,
        mutant.id,
        verdict,
        after(trial),
        trial.took.as_secs(),
        signature(trial),
        if trial.hung { " does not end" } else { "" }
    )
}

/// The checks that failed, for a person to read: of many tests the first.
fn signature(trial: &Trial) -> String {
    let names: Vec<&str> = trial.signature.iter().map(String::as_str).collect();
    match names.as_slice() {
        [first, _, _, ..] if first.contains("::") => format!("{first}, {} more", names.len() - 1),
        names => names.join(" "),
    }
}

/// How far the judge had to look.
fn after(trial: &Trial) -> String {
    match (trial.seeds, trial.states) {
        (Some(1), _) => "1 seed".to_string(),
        (Some(seeds), _) => format!("{seeds} seeds"),
        (None, Some(states)) => format!("{states} states"),
        (None, None) => String::new(),
    }
}

/// A trial as an object for a program.
pub fn object(mutant: &Mutant, trial: &Trial) -> Json {
    let (verdict, why) = match &trial.verdict {
        Verdict::Killed => ("killed", None),
        Verdict::Noticed => ("noticed", None),
        Verdict::Survived => ("survived", None),
        Verdict::Equivalent => ("equivalent", mutant.equivalent.as_ref()),
        Verdict::Unbuilt(why) => ("unbuilt", Some(why)),
    };
    json!({
        "id": mutant.id,
        "number": mutant.number,
        "means": mutant.means,
        "file": mutant.file,
        "by": mutant.by.to_string(),
        "invariant": mutant.invariant,
        "verdict": verdict,
        "why": why,
        "signature": trial.signature,
        "seeds": trial.seeds,
        "states": trial.states,
        "seed": trial.seed,
        "hung": trial.hung,
        "seconds": trial.took.as_secs_f64(),
    })
}

/// The score, and what is wrong with each that was not killed.
pub fn summary(trials: &[(Mutant, Trial)]) -> String {
    let with = |verdict: fn(&Verdict) -> bool| -> Vec<&(Mutant, Trial)> {
        trials.iter().filter(|(_, trial)| verdict(&trial.verdict)).collect()
    };
    let killed = with(|verdict| matches!(verdict, Verdict::Killed | Verdict::Noticed));
    let equivalent = with(|verdict| *verdict == Verdict::Equivalent);
    let rest = with(is_defeat);
    let mut text = format!("{} of {} killed", killed.len(), trials.len() - equivalent.len());
    if !equivalent.is_empty() {
        text += &format!(", {} equivalent", equivalent.len());
    }
    for (mutant, trial) in with(|verdict| *verdict == Verdict::Noticed) {
        text += &format!("\n{}: said to break {}, ", mutant.id, mutant.invariant);
        text += &format!("but what it broke was {}", signature(trial));
    }
    for (mutant, trial) in rest {
        let what = match &trial.verdict {
            Verdict::Unbuilt(why) => why.clone(),
            _ => format!("{} did not notice it", mutant.by),
        };
        text += &format!("\n{}: {what}. {} ({})", mutant.id, mutant.means, mutant.file);
        text += &format!("\n  to look at it: ensemble mutants {} --keep", mutant.id);
    }
    text
}

/// Whether a verdict is a defeat of the checks.
pub fn is_defeat(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Survived | Verdict::Unbuilt(_))
}

/// All invariants, by their names: those of the service, and the laws of an ensemble, of atomic
/// commit and of Paxos.
pub fn invariants() -> BTreeSet<String> {
    let own = Invariant::ALL.iter().map(Invariant::to_string);
    let atomic = atomic_commit::laws::Law::ALL.iter().map(|law| law.to_string());
    let paxos = paxos::laws::Law::ALL.iter().map(|law| law.to_string());
    own.chain(Law::ALL.iter().map(Law::to_string)).chain(atomic).chain(paxos).collect()
}

/// The invariants that killed nothing.
pub fn idle(trials: &[(Mutant, Trial)]) -> Vec<String> {
    let busy: BTreeSet<&String> = trials.iter().flat_map(|(_, trial)| &trial.signature).collect();
    // A test that kills stands for the invariant that its mutant breaks.
    let stood_for = |name: &String| {
        let killed = |(mutant, trial): &(Mutant, Trial)| {
            trial.verdict == Verdict::Killed && mutant.invariant == *name
        };
        trials.iter().any(killed)
    };
    invariants().into_iter().filter(|name| !busy.contains(name) && !stood_for(name)).collect()
}
