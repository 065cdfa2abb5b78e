//! The commands `server start`, `stop`, `restart` and `status`: what they take, and what they say.
//!
//! Exit codes are those of `zkServer.sh`: `start` ends with 0 if the server serves, `status` with 0
//! if it does; to stop a server that does not run is no failure.

use std::env;
use std::fs;
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use rustix::process::Signal;
use serde_json::json;

use super::SiteArgs;
use super::log::LogArgs;
use crate::background::{self, News, Starting};
use crate::config::Config;

/// How long a command works before it says what it waits for.
const SILENCE: Duration = Duration::from_secs(2);

#[derive(Subcommand, Debug)]
pub(super) enum Action {
    /// Start a server in the background, and wait until it listens
    Start(StartArgs),
    /// Stop it, and wait until it has ended
    Stop(StopArgs),
    /// Stop it, then start it
    Restart(RestartArgs),
    /// Tell whether it runs, and its role
    Status(StatusArgs),
}

#[derive(Args, Debug)]
pub(super) struct PlaceArgs {
    #[command(flatten)]
    site: SiteArgs,
    /// Where its process number stands; zookeeper_server.pid in the dataDir if none is given
    #[arg(long, env = "ZOOPIDFILE", hide_env_values = true, value_name = "FILE")]
    pid_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct StartArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Where zookeeper_server.log is written; the dataDir if none is given
    #[arg(long, env = "ZOO_LOG_DIR", hide_env_values = true, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct PatienceArgs {
    /// How many seconds it may take to end
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    wait: u32,
    /// Kill it if it has not ended by then
    #[arg(long)]
    force: bool,
}

#[derive(Args, Debug)]
pub(super) struct StopArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    patience: PatienceArgs,
}

#[derive(Args, Debug)]
pub(super) struct RestartArgs {
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    patience: PatienceArgs,
}

#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Tell it as an object of JSON
    #[arg(long)]
    json: bool,
}

/// Why a command ends, and with which code.
struct Failure(u8, String);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure(1, error.to_string())
    }
}

impl Action {
    /// Does it, and says so.
    pub(super) fn run(&self, log: &LogArgs) -> ExitCode {
        let outcome = match self {
            Action::Start(args) => args.start(log),
            Action::Stop(args) => args.place.stop(&args.patience),
            Action::Restart(args) => {
                args.start.place.stop(&args.patience).and_then(|_| args.start.start(log))
            }
            Action::Status(args) => args.status(),
        };
        match outcome {
            Ok(code) => code,
            Err(Failure(code, why)) => {
                eprintln!("ensemble: {why}");
                ExitCode::from(code)
            }
        }
    }
}

impl PlaceArgs {
    fn config(&self) -> Result<Config, Failure> {
        self.site.config().map_err(|error| Failure(2, error.to_string()))
    }

    fn pid_file(&self, config: &Config) -> PathBuf {
        self.pid_file.clone().unwrap_or_else(|| config.data_dir.join("zookeeper_server.pid"))
    }

    fn stop(&self, patience: &PatienceArgs) -> Result<ExitCode, Failure> {
        let path = self.pid_file(&self.config()?);
        let Some(pid) = background::holder(&path).map_err(|error| about(&path, &error))? else {
            say(&format!("no server to stop: {}", absence(&path)));
            return Ok(ExitCode::SUCCESS);
        };
        let wait = Duration::from_secs(patience.wait.into());
        let early = wait.min(SILENCE);
        let mut ended = background::stop(&path, pid, Signal::TERM, early)?;
        if !ended && early < wait {
            eprintln!("ensemble: process {pid} is still busy ending ...");
            ended = background::stop(&path, pid, Signal::TERM, wait - early)?;
        }
        if ended {
            say(&format!("stopped: process {pid}"));
            return Ok(ExitCode::SUCCESS);
        }
        if !patience.force {
            let why = format!(
                "process {pid} has not ended in {} s; wait longer with --wait, or add --force to kill it",
                patience.wait
            );
            return Err(Failure(1, why));
        }
        match background::stop(&path, pid, Signal::KILL, wait.max(SILENCE))? {
            true => say(&format!("killed: process {pid}, which did not end by itself")),
            false => return Err(Failure(1, format!("process {pid} cannot even be killed"))),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl StartArgs {
    fn start(&self, log: &LogArgs) -> Result<ExitCode, Failure> {
        let config = self.place.config()?;
        let pid_file = self.place.pid_file(&config);
        let log_dir = self.log_dir.as_ref().unwrap_or(&config.data_dir);
        for folder in [Some(config.data_dir.as_path()), Some(log_dir), pid_file.parent()] {
            let folder = folder.unwrap_or(Path::new(""));
            fs::create_dir_all(folder).map_err(|error| about(folder, &error))?;
        }
        if let Some(pid) =
            background::holder(&pid_file).map_err(|error| about(&pid_file, &error))?
        {
            return Err(Failure(1, format!("already running as process {pid}")));
        }
        let log_file = log_dir.join("zookeeper_server.log");
        let mut command = Command::new(env::current_exe()?);
        command.args(log.arguments()).arg("server").arg("--background").arg(&pid_file);
        command.args(self.place.site.options.iter().map(|option| format!("-D{option}")));
        command.arg("--").args(&self.place.site.arguments);
        let mut starting = Starting::spawn(command, &log_file)?;
        let begun = Instant::now();
        loop {
            match starting.news(SILENCE) {
                Some(News::Listening(address)) => {
                    let (pid, log) = (starting.pid(), log_file.display());
                    say(&format!("started: process {pid}, connect: {address}, log: {log}"));
                    return Ok(ExitCode::SUCCESS);
                }
                Some(News::Ended(code)) => {
                    let how = code.map_or("was killed".into(), |code| format!("ended with {code}"));
                    let end = starting.last_lines().join("\n  ");
                    let log = log_file.display();
                    return Err(Failure(1, format!("the server {how}; {log} says:\n  {end}")));
                }
                None => {
                    let now = starting.last_lines().pop().unwrap_or_default();
                    eprintln!("ensemble: still starting, {} s: {now}", begun.elapsed().as_secs());
                }
            }
        }
    }
}

impl StatusArgs {
    fn status(&self) -> Result<ExitCode, Failure> {
        let config = self.place.config()?;
        let path = self.place.pid_file(&config);
        let pid = background::holder(&path).map_err(|error| about(&path, &error))?;
        let reply = ask(&config);
        let mode = reply.as_ref().ok().and_then(|reply| mode(reply));
        let running = pid.is_some() || reply.is_ok();
        // Where it cannot be asked, that it runs must do.
        let serving = mode.is_some() || config.client_port == 0 && running;
        if self.json {
            let pid = pid.map(|pid| pid.as_raw_nonzero().get());
            say(&json!({ "running": running, "pid": pid, "mode": mode }).to_string());
            return Ok(exit(serving));
        }
        match pid {
            Some(pid) => say(&format!("running: process {pid}")),
            None if running => say("running, but not by `ensemble server start`"),
            None => say(&format!("not running: {}", absence(&path))),
        }
        match (mode, reply) {
            (Some(mode), _) => say(&format!("Mode: {mode}")),
            (None, Ok(reply)) => say(&format!("not serving: {}", reply.trim_end())),
            (None, Err(error)) if running => say(&format!("no mode: {error}")),
            (None, Err(_)) => {}
        }
        Ok(exit(serving))
    }
}

/// Asks the server of a configuration how it is.
fn ask(config: &Config) -> io::Result<String> {
    let host = match config.client_port_address.as_deref() {
        None | Some("0.0.0.0") => "127.0.0.1",
        Some("::") => "::1",
        Some(host) => host,
    };
    match config.client_port {
        0 => Err(io::Error::other("the system chose its port, which the log names")),
        port => background::ask(host, port),
    }
}

/// What a server says of its role, if it serves. One that does not answer `srvr` to anybody serves.
fn mode(reply: &str) -> Option<String> {
    let whitelist = reply.contains("not in the whitelist");
    let line = reply.lines().find_map(|line| line.strip_prefix("Mode: "));
    let untold = "not told, since 4lw.commands.whitelist lacks srvr";
    line.or(whitelist.then_some(untold)).map(str::to_string)
}

/// Why nobody is there.
fn absence(pid_file: &Path) -> String {
    let path = pid_file.display();
    match background::named(pid_file) {
        _ if !pid_file.exists() => format!("there is no {path}"),
        Some(pid) => format!("{path} names process {pid}, which is no server of `server start`"),
        None => format!("{path} was left behind by one that has ended"),
    }
}

fn about(path: &Path, error: &io::Error) -> Failure {
    Failure(1, format!("{}: {error}", path.display()))
}

fn exit(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Says a result. Whoever reads it may have gone away.
fn say(line: &str) {
    writeln!(stdout(), "{line}").ok();
}
