//! A server that stands alone: from its configuration to a machine that runs.
//!
//! Here the configuration's keys become the machine's settings, and the folders its disk. Whoever
//! wants to know what a key does follows it from here.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use server::{About, Server, Settings};
use storage::Damage;

use crate::config::Config;
use crate::files::OsFiles;
use crate::host::{self, Boot, BootError, HostError, Running};

/// What `srvr` and `envi` show. The number is that of the ZooKeeper whose behaviour this is, since
/// clients read it to know what a server can do.
pub const VERSION: &str =
    concat!("3.9.3-ensemble-", env!("CARGO_PKG_VERSION"), ", built on 2026-11-20 00:00 UTC");

/// Starts a server, and returns when it serves.
///
/// # Errors
/// Why it does not run: its port, its folders, or what lies in them.
pub fn start(config: &Config) -> Result<Running<Server>, HostError> {
    let host = host::Settings {
        host: config.client_port_address.clone(),
        port: config.client_port,
        backlog: config.client_port_listen_backlog,
        keep_alive: config.client_tcp_keep_alive,
        max_frame: config.jute_maxbuffer,
        slow_fsync: config.fsync_warning_threshold,
    };
    if config.ensemble.is_some() {
        let why = "ensembles of several servers come with a later version; leave one server.N line";
        return Err(HostError::Boot(why.into()));
    }
    let config = config.clone();
    Running::start(host, move |port| boot(&config, port))
}

fn boot(config: &Config, port: u16) -> Result<Boot<Server>, BootError> {
    let files = OsFiles::open(&config.data_dir, &config.data_log_dir)?;
    let files = match config.force_sync {
        true => files,
        false => files.without_forced_logs(),
    };
    let settings = settings(config, port);
    let storage = storage::Settings {
        preallocate: config.prealloc_size,
        compression: config.snapshot_compression,
        trust_empty: config.snapshot_trust_empty,
    };
    let (recovered, disk, notes) = server::open(files, storage, &settings).map_err(in_words)?;
    for note in notes {
        tracing::warn!(%note, "recovery");
    }
    Ok(Boot { machine: Server::new(settings), recovered, disk: Box::new(disk) })
}

/// What is wrong with the data, and what to do about it.
fn in_words(damage: Damage) -> BootError {
    let remedy = match damage {
        Damage::Disk(_) => "mend the disk, then start again",
        Damage::NoSnapshot { .. } => {
            "bring the snapshots back, or write snapshot.trust.empty=true if there never was one"
        }
        _ => "bring the folder back from a copy, or start with an empty one",
    };
    format!("the data cannot be used: {damage}; {remedy}").into()
}

fn settings(config: &Config, port: u16) -> Settings {
    Settings {
        seed: RandomState::new().hash_one(std::process::id()),
        tick_ms: millis(config.tick_time),
        min_session_timeout: millis(config.min_session_timeout),
        max_session_timeout: millis(config.max_session_timeout),
        max_client_connections: config.max_client_cnxns as usize,
        max_connections: config.max_cnxns as usize,
        outstanding_limit: match config.global_outstanding_limit {
            0 => usize::MAX,
            limit => limit as usize,
        },
        handshake_ms: millis(config.sessionless_timeout),
        snap_count: config.snap_count.into(),
        snap_size: config.snap_size_limit,
        snap_retain: config.snap_retain_count as usize,
        purge_hours: config.purge_interval.as_secs() / 3600,
        extended_types: config.extended_types_enabled,
        enforce_quota: config.enforce_quota,
        digest: config.digest_enabled,
        reap_interval_ms: millis(config.container_check_interval),
        reap_per_minute: config.container_max_per_minute.into(),
        reap_unused_ms: match config.container_max_never_used {
            Duration::ZERO => None,
            unused => Some(millis(unused)),
        },
        words: config.words.clone(),
        acl: Arc::new(acl::Settings {
            skip_acl: config.skip_acl,
            digest: config.digest_auth_enabled,
            super_digest: config.super_digest.clone(),
        }),
        about: About {
            version: VERSION.to_string(),
            client_port: port,
            backlog: config.client_port_listen_backlog.map_or(-1, |backlog| backlog as i32),
            data_dir: absolute(&config.data_dir),
            log_dir: absolute(&config.data_log_dir),
            environment: environment(),
            ..About::default()
        },
        ..Settings::default()
    }
}

/// Milliseconds as a machine's number. The configuration lets none pass that is too large.
fn millis<N: TryFrom<u128>>(time: Duration) -> N
where
    N::Error: std::fmt::Debug,
{
    N::try_from(time.as_millis()).expect("the configuration has checked the time")
}

fn absolute(folder: &Path) -> String {
    let folder = folder.join("version-2");
    std::path::absolute(&folder).unwrap_or(folder).display().to_string()
}

/// What `envi` shows of the process and its machine. There is no Java to tell of.
fn environment() -> Vec<(String, String)> {
    let kernel = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim().to_string()
    };
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let folder = env::current_dir().map(|path| path.display().to_string()).unwrap_or_default();
    [
        ("host.name", kernel("hostname")),
        ("os.name", env::consts::OS.to_string()),
        ("os.arch", env::consts::ARCH.to_string()),
        ("os.version", kernel("osrelease")),
        ("user.name", variable("USER")),
        ("user.home", variable("HOME")),
        ("user.dir", folder),
    ]
    .map(|(key, value)| (key.to_string(), value))
    .to_vec()
}
