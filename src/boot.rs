//! The start of a server: from its configuration to a machine that runs.
//!
//! Here the configuration's keys become the machine's settings, the folders its disk, and the
//! addresses its sockets. Whoever wants to know what a key does follows it from here.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use election::Limits;
use machines::{Fault, Files};
use server::{About, Server, Settings};
use storage::{Damage, Note};
use zxid::ServerId;

use crate::config::{Config, Ensemble, Member, QuorumAddress};
use crate::files::OsFiles;
use crate::held::HeldFiles;
use crate::host::{
    self, Addresses, Boot, BootError, HostError, Place, Places, Running, Servers, Sockets,
};

/// What `srvr` and `envi` show. The number is that of the ZooKeeper whose behaviour this is, since
/// clients read it to know what a server can do.
pub const VERSION: &str =
    concat!("3.9.3-ensemble-", env!("CARGO_PKG_VERSION"), ", built on 2026-11-20 00:00 UTC");

/// A log of so many bytes is read for a server that is behind, however small the snapshot would be.
const LITTLE_LOG: u64 = 64 << 20;

/// Committed transactions take so many bytes of memory at most, whatever `commitLogCount` says.
const WINDOW: usize = 64 << 20;

/// Starts a server. One that stands alone serves when this returns; a member of an ensemble begins
/// to look for a leader.
///
/// # Errors
/// Why it does not run: its ports, its folders, or what lies in them.
pub fn start(config: &Config) -> Result<Running<Server>, HostError> {
    start_at(config, Sockets::bind(&places(config))?)
}

/// The same, for a server whose unforced bytes are lost when its process is killed, and whose disk is
/// full while there is a file at `full`: see [`HeldFiles`].
///
/// # Errors
/// Why it does not run: its ports, its folders, or what lies in them.
pub fn start_held(config: &Config, full: &Path) -> Result<Running<Server>, HostError> {
    run(config, Sockets::bind(&places(config))?, Some(full))
}

/// The same, at sockets that listen already. It is they that count, not the ports in the
/// configuration's own lines.
///
/// # Errors
/// Why it does not run: its folders, or what lies in them.
pub fn start_at(config: &Config, sockets: Sockets) -> Result<Running<Server>, HostError> {
    run(config, sockets, None)
}

fn run(
    config: &Config,
    sockets: Sockets,
    full: Option<&Path>,
) -> Result<Running<Server>, HostError> {
    let host = host::Settings {
        keep_alive: config.client_tcp_keep_alive,
        max_frame: config.jute_maxbuffer,
        slow_fsync: config.fsync_warning_threshold,
        servers: config.ensemble.as_ref().map(|ensemble| servers(config, ensemble)),
    };
    let (config, port) = (config.clone(), sockets.clients().port());
    let full = full.map(Path::to_path_buf);
    Running::start(host, sockets, move || boot(&config, port, full.as_deref()))
}

/// Where a server listens.
fn places(config: &Config) -> Places {
    let addresses = config.ensemble.iter().flat_map(|ensemble| &ensemble.own().addresses);
    let everywhere = config.ensemble.as_ref().is_some_and(|ensemble| ensemble.listen_on_all);
    let places = |port: fn(&QuorumAddress) -> u16| match everywhere {
        true => {
            let ports: BTreeSet<u16> = addresses.clone().map(port).collect();
            ports.into_iter().map(|port| Place { host: None, port }).collect()
        }
        false => {
            let at = |it: &QuorumAddress| Place { host: Some(it.host.clone()), port: port(it) };
            addresses.clone().map(at).collect()
        }
    };
    Places {
        clients: Place { host: config.client_port_address.clone(), port: config.client_port },
        election: places(|address| address.election_port),
        quorum: places(|address| address.quorum_port),
        backlog: config.client_port_listen_backlog,
    }
}

/// Where the other servers are, and how to talk with them.
fn servers(config: &Config, ensemble: &Ensemble) -> Servers {
    let addresses = |member: &Member| Addresses {
        election: member.addresses.iter().map(|it| (it.host.clone(), it.election_port)).collect(),
        quorum: member.addresses.iter().map(|it| (it.host.clone(), it.quorum_port)).collect(),
    };
    Servers {
        addresses: ensemble.members.iter().map(|(id, it)| (*id, addresses(it))).collect(),
        connect_timeout: ensemble.connect_timeout,
        keep_alive: ensemble.keep_alive,
        // ZooKeeper's `jute.maxbuffer.extrasize` is as large as `jute.maxbuffer`, and 1024 at least.
        max_packet: config.jute_maxbuffer + config.jute_maxbuffer.max(1024),
    }
}

fn boot(config: &Config, port: u16, full: Option<&Path>) -> Result<Boot<Server>, BootError> {
    let files = OsFiles::open(&config.data_dir, &config.data_log_dir)?;
    let files = match config.force_sync {
        true => files,
        false => files.without_forced_logs(),
    };
    match full {
        None => recover(config, port, files),
        Some(full) => recover(config, port, HeldFiles::new(files, full).map_err(broken)?),
    }
}

fn recover(
    config: &Config,
    port: u16,
    files: impl Files + Send + 'static,
) -> Result<Boot<Server>, BootError> {
    let mut settings = settings(config, port);
    let storage = storage::Settings {
        preallocate: config.prealloc_size,
        compression: config.snapshot_compression,
        trust_empty: config.snapshot_trust_empty,
    };
    let (recovered, disk, notes) = server::open(files, storage, &settings).map_err(in_words)?;
    for note in notes {
        match note {
            Note::SetAside { .. } | Note::Convalescent { .. } => {
                tracing::error!(%note, "damaged");
            }
            note => tracing::warn!(%note, "recovery"),
        }
    }
    if let (Some(ensemble), Some(own)) = (&config.ensemble, &mut settings.ensemble) {
        // Unlike ZooKeeper, which looks at its last snapshot each time, we look once.
        let snapshot = recovered.data_bytes.max(LITTLE_LOG);
        let percent = ensemble.snapshot_size_percent.unwrap_or(0);
        Arc::make_mut(own).from_disk_bytes = snapshot / 100 * u64::from(percent);
    }
    Ok(Boot { machine: Server::new(settings), recovered, disk: Box::new(disk) })
}

fn broken(fault: Fault) -> BootError {
    in_words(Damage::Disk(fault))
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
    let own = config.ensemble.as_ref().map(|ensemble| &ensemble.own().addresses[0]);
    Settings {
        id: config.ensemble.as_ref().map_or(ServerId(1), |ensemble| ensemble.me),
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
        ensemble: config.ensemble.as_ref().map(|ensemble| Arc::new(member(config, ensemble))),
        words: config.words.clone(),
        acl: Arc::new(acl::Settings {
            skip_acl: config.skip_acl,
            digest: config.digest_auth_enabled,
            super_digest: config.super_digest.clone(),
        }),
        about: About {
            version: VERSION.to_string(),
            client_port: port,
            election_port: own.map_or(0, |own| own.election_port),
            quorum_port: own.map_or(0, |own| own.quorum_port),
            backlog: config.client_port_listen_backlog.map_or(-1, |backlog| backlog as i32),
            data_dir: absolute(&config.data_dir),
            log_dir: absolute(&config.data_log_dir),
            environment: environment(),
        },
        ..Settings::default()
    }
}

/// What a member of an ensemble is told of it.
fn member(config: &Config, ensemble: &Ensemble) -> sync::Settings {
    sync::Settings {
        me: ensemble.me,
        members: ensemble.quorums(),
        config: ensemble.text().into(),
        election_address: ensemble.own().addresses[0].election(),
        election_limits: Limits { initial: ensemble.introduction_timeout, ..Limits::default() },
        tick: config.tick_time,
        init_limit: ensemble.init_limit,
        sync_limit: ensemble.sync_limit,
        window: ensemble.commit_log_count,
        window_bytes: WINDOW,
        from_disk: ensemble.snapshot_size_percent.is_some(),
        from_disk_bytes: LITTLE_LOG,
        force_snapshot: ensemble.force_snapshot,
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
