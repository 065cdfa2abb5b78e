//! The command `mutants`: breaks the course in a copy, and says who notices.

use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::course;
use crate::mutants::{Mutant, Trial, cases, changed, load, report, try_all};

#[derive(Args, Debug)]
pub(super) struct MutantsArgs {
    /// Which: ids, numbers of the kill list, or invariants; all of them if none is named
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Say which there are, and try none
    #[arg(long)]
    list: bool,
    /// Only those of chapters that changed since a revision of git
    #[arg(long, value_name = "SINCE", num_args = 0..=1, default_missing_value = "HEAD~1")]
    changed: Option<String>,
    /// Only those of real bugs, which have stories: play these, and nothing else
    #[arg(long)]
    stories: bool,
    /// Begin no other when so many minutes are over
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Say each as an object of JSON, one a line
    #[arg(long)]
    json: bool,
    /// Leave the last one in the copy, and say where that is
    #[arg(long)]
    keep: bool,
}

impl MutantsArgs {
    /// Tries them. Exits with 1 if one survives.
    pub(super) fn run(&self) -> ExitCode {
        let (root, all) = match course::root().and_then(|root| Ok((load(&root)?, root))) {
            Ok((all, root)) => (root, all),
            Err(why) => return mistake(&why),
        };
        let everything = self.ids.is_empty() && self.changed.is_none() && !self.stories;
        let chosen = self.chosen(all, &root);
        let mutants = match chosen {
            Ok(mutants) if self.list => return self.print_list(&mutants),
            Ok(mutants) => mutants,
            Err(why) => return mistake(&why),
        };
        let limit = self.minutes.map(|minutes| Duration::from_secs(60 * minutes));
        let mut count = 0;
        let tell = |mutant: &Mutant, trial: Option<&Trial>| match trial {
            None => {
                count += 1;
                begin(count, mutants.len(), mutant);
            }
            Some(trial) => self.print(mutant, trial),
        };
        match try_all(&mutants, &root, limit, self.keep, tell) {
            Ok(trials) => self.conclude(&trials, mutants.len(), everything, &root),
            Err(why) => {
                eprintln!("ensemble: {why}");
                ExitCode::FAILURE
            }
        }
    }

    /// The mutants that the command line means.
    fn chosen(&self, all: Vec<Mutant>, root: &Path) -> Result<Vec<Mutant>, String> {
        let mut chosen = self.named(all)?;
        if let Some(revision) = &self.changed {
            chosen = changed::since(revision, root, chosen)?;
        }
        if self.stories {
            chosen = cases::told(root, chosen)?;
        }
        Ok(chosen)
    }

    /// The mutants that the words on the command line mean.
    fn named(&self, all: Vec<Mutant>) -> Result<Vec<Mutant>, String> {
        for word in &self.ids {
            if !all.iter().any(|mutant| mutant.is_meant_by(word)) {
                return Err(format!("there is no mutant {word}; --list says which there are"));
            }
        }
        let is_named = |mutant: &Mutant| {
            self.ids.is_empty() || self.ids.iter().any(|word| mutant.is_meant_by(word))
        };
        Ok(all.into_iter().filter(is_named).collect())
    }

    fn print_list(&self, mutants: &[Mutant]) -> ExitCode {
        for Mutant { id, number, by, invariant, means, equivalent, .. } in mutants {
            let number = number.map_or(String::new(), |number| number.to_string());
            let by = match equivalent {
                Some(_) => "nobody".to_string(),
                None => by.to_string(),
            };
            println!("{number:>3} {id:<36} {by:<28} {invariant:<6} {means}");
        }
        ExitCode::SUCCESS
    }

    fn print(&self, mutant: &Mutant, trial: &Trial) {
        if stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        match self.json {
            true => println!("{}", report::object(mutant, trial)),
            false => println!("{}", report::line(mutant, trial)),
        }
    }

    /// Says the score.
    fn conclude(
        &self,
        trials: &[(Mutant, Trial)],
        meant: usize,
        everything: bool,
        root: &Path,
    ) -> ExitCode {
        let mut good = !trials.iter().any(|(_, trial)| report::is_defeat(&trial.verdict));
        eprintln!("\n{}", report::summary(trials));
        if trials.len() < meant {
            eprintln!("the time was over before the other {}", meant - trials.len());
        } else if everything {
            let idle = report::idle(trials);
            good &= idle.is_empty();
            match idle.is_empty() {
                true => eprintln!("every invariant killed at least one"),
                false => eprintln!("these killed nothing: {}", idle.join(" ")),
            }
        }
        if self.keep
            && let Some((mutant, trial)) = trials.last()
        {
            eprintln!("{}", kept(mutant, trial, root));
        }
        if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Says which one is being tried, if a person waits for it.
fn begin(count: usize, all: usize, mutant: &Mutant) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{count} of {all}: {}, {}", mutant.id, mutant.by);
        // If nobody can read it, nobody misses it.
        let _ = stderr().flush();
    }
}

/// How to look at the mutant that was left in the copy.
fn kept(mutant: &Mutant, trial: &Trial, root: &Path) -> String {
    let (package, target, filter) = mutant.by.target();
    let seed = trial.seed.map_or(String::new(), |seed| format!("ENSEMBLE_SEED={seed} "));
    let door = mutant
        .door(root)
        .map_or(String::new(), |name| format!("-p {name} --features {name}/mine "));
    format!(
        "{} is in target/mutants/workspace; there:\n  {seed}cargo test -p {package} {door}--test \
         {target} {filter} -- --nocapture",
        mutant.id
    )
}

fn mistake(why: &str) -> ExitCode {
    eprintln!("ensemble: {why}");
    ExitCode::from(2)
}
