//! The command `start`: a whole ensemble in this process, until somebody stops it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::block_on;
use super::serve::{allow_many_files, warn};
use super::signals::StopSignals;
use crate::start::{Ensemble, Manner, Plan, StartError, attend};

#[derive(Args, Debug)]
pub(super) struct StartArgs {
    /// How many servers vote; one alone needs no others
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=25))]
    servers: u16,
    /// How many more follow without a vote
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=25))]
    observers: u16,
    /// The first server's port for clients; the others have the next ones; 0 is any for each
    #[arg(long, default_value_t = 2181)]
    port: u16,
    /// Where to keep the data; a temporary folder, removed at the end, if none is given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Set a key or a system property for all, such as 4lw.commands.whitelist=*
    #[arg(short = 'D', value_name = "NAME=VALUE")]
    options: Vec<String>,
    /// Say what happens as objects of JSON, one a line
    #[arg(long)]
    json: bool,
}

impl StartArgs {
    /// Runs the ensemble. Exits with 0 after a stop.
    pub(super) fn run(&self) -> ExitCode {
        // Removed when it goes out of scope.
        let temporary;
        let dir = match &self.dir {
            Some(dir) => dir.as_path(),
            None => match tempfile::Builder::new().prefix("ensemble-").tempdir() {
                Ok(folder) => {
                    temporary = folder;
                    temporary.path()
                }
                Err(error) => {
                    eprintln!("ensemble: no temporary folder: {error}; name one with --dir");
                    return ExitCode::FAILURE;
                }
            },
        };
        allow_many_files();
        match Ensemble::start(&self.plan(dir)) {
            Ok(ensemble) => self.serve(ensemble),
            Err(error) => {
                eprintln!("ensemble: {error}");
                let mistake = matches!(error, StartError::Config(_) | StartError::Ports);
                ExitCode::from(if mistake { 2 } else { 1 })
            }
        }
    }

    fn plan(&self, dir: &Path) -> Plan {
        Plan {
            servers: self.servers,
            observers: self.observers,
            port: self.port,
            dir: dir.to_path_buf(),
            options: self.options.clone(),
        }
    }

    fn serve(&self, mut ensemble: Ensemble) -> ExitCode {
        warn(&ensemble.warnings);
        let manner = if self.json { Manner::Json } else { Manner::Text };
        let code = block_on(async {
            let outcome = match StopSignals::listen() {
                Ok(mut signals) => attend(&mut ensemble, manner, signals.wait()).await,
                Err(error) => Err(format!("cannot wait for signals: {error}")),
            };
            match outcome {
                Ok(()) => ExitCode::SUCCESS,
                Err(why) => {
                    eprintln!("ensemble: {why}");
                    ExitCode::FAILURE
                }
            }
        });
        tracing::info!("stopping");
        ensemble.stop();
        code
    }
}
