//! The command `server`: a server in the foreground until somebody stops it.

use std::fs::File;
use std::io::{self, ErrorKind, Write, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;
use tokio::time::{MissedTickBehavior, interval};

use super::signals::StopSignals;
use super::{SiteArgs, block_on};
use crate::background::PidFile;
use crate::boot;
use crate::config::{Config, ConfigError, Warning};
use crate::host::Running;

/// How often to look whether the server still runs.
const LOOK: Duration = Duration::from_secs(1);

/// `ensemble server`: exits with 0 after a stop. In the background it holds its pid file for as
/// long as it lives, and says where it listens on standard output. What is unforced is lost with the
/// process if there is a place that says whether the disk is full.
pub(super) fn server(
    site: &SiteArgs,
    background: Option<PathBuf>,
    full: Option<PathBuf>,
) -> ExitCode {
    let mut pid_file = match background.map(|path| detach(&path)).transpose() {
        Ok(pid_file) => pid_file,
        Err(why) => {
            eprintln!("ensemble: {why}");
            return ExitCode::FAILURE;
        }
    };
    let code = run(site.config(), full.as_deref(), |running| {
        if let Some(pid_file) = &mut pid_file
            && let Err(error) = announce(pid_file, running.address)
        {
            tracing::warn!(%error, "pid file");
        }
    });
    if let Some(pid_file) = pid_file {
        pid_file.remove();
    }
    code
}

/// Ends this process when its standard input ends, and so with the process that started it.
pub(super) fn live_with_parent() {
    std::thread::spawn(|| {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        std::process::exit(1);
    });
}

/// Takes the pid file, and leaves the terminal that the process was started from.
fn detach(path: &Path) -> Result<PidFile, String> {
    let pid_file = PidFile::take(path).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::PermissionDenied => {
            format!("another server holds {}; stop it first", path.display())
        }
        _ => format!("{}: {error}; name another file with --pid-file", path.display()),
    })?;
    rustix::process::setsid().map_err(|error| format!("cannot leave the terminal: {error}"))?;
    Ok(pid_file)
}

/// Where clients of this machine connect to a server that listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => (Ipv4Addr::LOCALHOST, address.port()).into(),
        false => address,
    }
}

/// Says where the server listens, once. Nobody reads its standard output after that.
fn announce(pid_file: &mut PidFile, address: SocketAddr) -> io::Result<()> {
    pid_file.write()?;
    let mut out = stdout().lock();
    writeln!(out, "{}", reachable(address)).and_then(|()| out.flush())?;
    rustix::stdio::dup2_stdout(File::open("/dev/null")?)?;
    Ok(())
}

/// Runs a server until it ends or somebody stops it. `listening` is called when it listens.
fn run(
    config: Result<Config, ConfigError>,
    full: Option<&Path>,
    listening: impl FnOnce(&Running<Server>),
) -> ExitCode {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            eprintln!("ensemble: {error}");
            return ExitCode::from(2);
        }
    };
    warn(&config.warnings);
    allow_many_files();
    let started = match full {
        None => boot::start(&config),
        Some(full) => boot::start_held(&config, full),
    };
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            eprintln!("ensemble: {error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(
        address = %running.address,
        data = %config.data_dir.display(),
        log = %config.data_log_dir.display(),
        "listening"
    );
    let code = block_on(async {
        match StopSignals::listen() {
            Ok(signals) => {
                listening(&running);
                attend(&running, signals).await
            }
            Err(error) => {
                eprintln!("ensemble: cannot wait for signals: {error}");
                ExitCode::FAILURE
            }
        }
    });
    running.stop();
    match running.join() {
        Ok(()) => code,
        Err(error) => {
            eprintln!("ensemble: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes as many open files, and so connections, as the system lets this process have. Java does the
/// same.
pub(super) fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "file limit stays as it is");
    }
}

/// Names the keys that change nothing, one line for each reason.
pub(super) fn warn(warnings: &[Warning]) {
    let mut rest = warnings.to_vec();
    while let Some(first) = rest.first() {
        let why = first.why;
        let (same, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|w| w.why == why);
        let keys: Vec<_> = same.iter().map(|warning| warning.key.as_str()).collect();
        tracing::warn!(keys = keys.join(" "), why, "ignored keys");
        rest = others;
    }
}

/// Waits for a signal, or for the server's own end.
async fn attend(running: &Running<Server>, mut signals: StopSignals) -> ExitCode {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = signals.wait() => break,
            _ = looks.tick() => {}
        }
        if running.has_ended() {
            return ExitCode::SUCCESS;
        }
    }
    tracing::info!("stopping");
    ExitCode::SUCCESS
}
