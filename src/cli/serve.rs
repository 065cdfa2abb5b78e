//! The commands `server` and `start`: a server in the foreground until somebody stops it.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write, stderr, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::Server;
use tokio::time::{MissedTickBehavior, interval};

use super::signals::StopSignals;
use super::view::View;
use super::{SiteArgs, StartArgs, block_on};
use crate::background::PidFile;
use crate::boot;
use crate::config::{Config, ConfigError, Warning};
use crate::host::Running;

/// How often to look whether the server still runs, and to show how it is.
const LOOK: Duration = Duration::from_secs(1);

/// `ensemble server`: exits with 0 after a stop. In the background it holds its pid file for as
/// long as it lives, and says where it listens on standard output.
pub(super) fn server(site: &SiteArgs, background: Option<PathBuf>) -> ExitCode {
    let mut pid_file = match background.map(|path| detach(&path)).transpose() {
        Ok(pid_file) => pid_file,
        Err(why) => {
            eprintln!("ensemble: {why}");
            return ExitCode::FAILURE;
        }
    };
    let code = run(site.config(), |running| {
        if let Some(pid_file) = &mut pid_file
            && let Err(error) = announce(pid_file, running.address)
        {
            tracing::warn!(%error, "pid file");
        }
        None
    });
    if let Some(pid_file) = pid_file {
        pid_file.remove();
    }
    code
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

/// `ensemble start`: prints where clients connect, and shows the server's state on a terminal.
pub(super) fn start(args: &StartArgs) -> ExitCode {
    // Removed when it goes out of scope.
    let temporary;
    let dir = match &args.dir {
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
    let arguments = [args.port.to_string(), dir.display().to_string()];
    // Who just tries it out does not want to open a port to the world.
    let mut options = vec!["clientPortAddress=127.0.0.1".to_string()];
    options.extend(args.options.iter().cloned());
    run(Config::from_arguments(&arguments, &options), |running| {
        let mut out = stdout().lock();
        writeln!(out, "connect: {}", running.address).and_then(|()| out.flush()).ok();
        (out.is_terminal() && stderr().is_terminal()).then(View::default)
    })
}

/// Runs a server until it ends or somebody stops it. `serving` is called when it serves.
fn run(
    config: Result<Config, ConfigError>,
    serving: impl FnOnce(&Running<Server>) -> Option<View>,
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
    let running = match boot::start(&config) {
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
            Ok(signals) => attend(&running, serving(&running), signals).await,
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
fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "file limit stays as it is");
    }
}

/// Names the keys that change nothing, one line for each reason.
fn warn(warnings: &[Warning]) {
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
async fn attend(
    running: &Running<Server>,
    mut view: Option<View>,
    mut signals: StopSignals,
) -> ExitCode {
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
        if let Some(view) = &mut view {
            view.show(running);
        }
    }
    if let Some(view) = view {
        view.end();
    }
    tracing::info!("stopping");
    ExitCode::SUCCESS
}
