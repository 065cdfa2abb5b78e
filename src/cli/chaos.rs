//! The command `chaos`: what it takes, and what it says.

use std::hash::{BuildHasher, RandomState};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tempfile::TempDir;
use tokio::task::LocalSet;

use super::block_on;
use super::serve::allow_many_files;
use super::signals::StopSignals;
use crate::chaos::{self, End, Fault, Length, Report, Settings, Status};

#[derive(Args, Debug)]
pub(super) struct ChaosArgs {
    /// How many servers: 3 or 5
    #[arg(long, value_name = "N", default_value = "3", value_parser = ["3", "5"])]
    servers: String,
    /// How long there is load
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// The same, in minutes
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: Option<u32>,
    /// Only kill leaders, so many, every fifth time with all others; end then
    #[arg(long, value_name = "N", conflicts_with_all = ["seconds", "minutes", "faults"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    kills: Option<u32>,
    /// What may happen
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KINDS")]
    #[arg(default_value = "kill,pause,cut,disk")]
    faults: Vec<Fault>,
    /// How many clients ask
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=500))]
    clients: u32,
    /// What is drawn is drawn from this; any if none is given
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// With fewer answers a second the run says nothing
    #[arg(long, value_name = "N", default_value_t = 50)]
    rate: u32,
    /// Where the servers' folders and the history are kept; a temporary folder, which is kept only
    /// after a violation, if none is given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print the result as an object of JSON
    #[arg(long)]
    json: bool,
}

impl ChaosArgs {
    /// Runs it. Exits with 0 if every invariant held.
    pub(super) fn run(&self) -> ExitCode {
        allow_many_files();
        block_on(async {
            match LocalSet::new().run_until(self.carry_out()).await {
                Ok(code) => code,
                Err(why) => {
                    eprintln!("ensemble: {why}");
                    ExitCode::FAILURE
                }
            }
        })
    }

    async fn carry_out(&self) -> Result<ExitCode, String> {
        let temporary = match &self.dir {
            Some(_) => None,
            None => tempfile::Builder::new()
                .prefix("ensemble-chaos-")
                .tempdir()
                .map(Some)
                .map_err(|error| format!("no temporary folder: {error}; name one with --dir"))?,
        };
        let dir = self.dir.as_deref().or(temporary.as_ref().map(TempDir::path));
        let dir = dir.expect("there is one or the other");
        let dir = std::path::absolute(dir)
            .and_then(|dir| std::fs::create_dir_all(&dir).map(|()| dir))
            .map_err(|error| format!("{}: {error}; name another with --dir", dir.display()))?;
        let mut signals =
            StopSignals::listen().map_err(|error| format!("cannot wait for signals: {error}"))?;
        let outcome = chaos::run(&self.settings(dir), say, signals.wait()).await;
        if stderr().is_terminal() {
            eprintln!();
        }
        let unclear = |report: &Report| matches!(report.end, End::Broken(_));
        if let Some(temporary) = temporary
            && outcome.as_ref().map_or(true, unclear)
        {
            // Whoever wants to know why finds it there.
            drop(temporary.keep());
        }
        let report = outcome?;
        let said = if self.json { report.json().to_string() } else { report.to_string() };
        // Whoever reads it may have gone away.
        writeln!(stdout(), "{said}").ok();
        Ok(match report.end {
            End::Holds(_) => ExitCode::SUCCESS,
            End::Broken(_) | End::TooLittle(_) | End::Stopped => ExitCode::FAILURE,
        })
    }

    fn settings(&self, dir: PathBuf) -> Settings {
        Settings {
            servers: self.servers.parse().expect("it is 3 or 5"),
            clients: self.clients,
            length: match (self.kills, self.minutes) {
                (Some(kills), _) => Length::LeaderKills(kills),
                (None, Some(minutes)) => Length::Time(Duration::from_secs(60 * u64::from(minutes))),
                (None, None) => Length::Time(Duration::from_secs(self.seconds.into())),
            },
            seed: self.seed.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32),
            dir,
            faults: self.faults.clone(),
            rate: self.rate,
        }
    }
}

/// Says on a terminal how it stands, in one line that is written over.
fn say(status: &Status) {
    let mut to = stderr();
    if to.is_terminal() {
        write!(to, "\r\x1b[K{status}").and_then(|()| to.flush()).ok();
    }
}
