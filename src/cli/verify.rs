//! The command `verify`: whether the exercises are as they should be.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use clap::Args;

use crate::course;
use crate::exercises::verify::verify;

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// Which: 8.1, or a chapter such as 8; all of them if none is named
    #[arg(value_name = "EXERCISE")]
    which: Vec<String>,
    /// Of the wrong answers, try only those of chapters that changed since a revision of git
    #[arg(long, value_name = "SINCE", num_args = 0..=1, default_missing_value = "HEAD~1")]
    changed: Option<String>,
    /// Write starters and signatures anew where they differ
    #[arg(long)]
    bless: bool,
}

impl VerifyArgs {
    /// Looks at them all. Exits with 1 if something is wrong.
    pub(super) fn run(&self) -> ExitCode {
        let shown = stderr().is_terminal();
        let tell = |what: &str| {
            if shown {
                eprint!("\r\x1b[K{what} ...");
            }
        };
        let since = self.changed.as_deref();
        let found =
            course::root().and_then(|course| verify(&course, &self.which, since, self.bless, tell));
        if shown {
            eprint!("\r\x1b[K");
        }
        match found {
            Err(why) => {
                eprintln!("ensemble: {why}");
                ExitCode::from(2)
            }
            Ok(wrong) if wrong.is_empty() => {
                println!("every exercise is as it should be");
                ExitCode::SUCCESS
            }
            Ok(wrong) => {
                wrong.iter().for_each(|what| println!("{what}"));
                ExitCode::FAILURE
            }
        }
    }
}
