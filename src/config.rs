//! The configuration of one server: an unmodified `zoo.cfg`, read once into a struct.
//!
//! Machines receive values, never keys. A key is read here, or it is named in a [`Warning`] with
//! the reason; a key without a meaning to anybody gets a warning too.
//!
//! A key may be written with or without `zookeeper.` before it, which is how ZooKeeper takes the
//! keys that it does not know itself. Unlike ZooKeeper, the properties that have no such prefix
//! there (`jute.maxbuffer`, `znode.container.*`) may stand in the file as well, and what the
//! command line says with `-D` beats the file.
//!
//! ZooKeeper: `QuorumPeerConfig.parseProperties`, `ServerConfig.parse`.

mod ensemble;
mod keys;
mod members;
mod properties;
mod reader;
mod role;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::Word;
use server::Words;
use storage::Compression;
use zxid::ServerId;

pub use ensemble::Ensemble;
pub use keys::{Use, usage};
pub use members::{Member, QuorumAddress, Vote};
pub use properties::{Property, parse as parse_properties};
pub use reader::ConfigError;

use reader::{Reader, whole};
use role::{client_address, read_myid};

/// A key that changes nothing, or less than somebody may think, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, as written.
    pub key: String,
    /// The reason, as a clause.
    pub why: &'static str,
}

/// The configuration of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `dataDir`: where snapshots go (below `version-2`), and `myid`.
    pub data_dir: PathBuf,
    /// `dataLogDir`: where transaction logs go (below `version-2`).
    pub data_log_dir: PathBuf,
    /// `tickTime`: the base unit of time.
    pub tick_time: Duration,
    /// `clientPort`: where clients connect. 0 lets the system choose.
    pub client_port: u16,
    /// `clientPortAddress`: the host name or address to listen at; all interfaces if none is given.
    pub client_port_address: Option<String>,
    /// `clientPortListenBacklog`: connections that may wait to be accepted, if not the default.
    pub client_port_listen_backlog: Option<u32>,
    /// `clientTcpKeepAlive`: whether TCP asks idle clients whether they still live.
    pub client_tcp_keep_alive: bool,
    /// `maxClientCnxns`: connections from one address; 0 is no limit.
    pub max_client_cnxns: u32,
    /// `maxCnxns`: connections in all; 0 is no limit.
    pub max_cnxns: u32,
    /// `minSessionTimeout`: the shortest session timeout that a client can get.
    pub min_session_timeout: Duration,
    /// `maxSessionTimeout`: the longest.
    pub max_session_timeout: Duration,
    /// `nio.sessionlessCnxnTimeout`: how long a connection may stay without a session.
    pub sessionless_timeout: Duration,
    /// `globalOutstandingLimit`: requests in work before the server stops reading; 0 is no limit.
    pub global_outstanding_limit: u32,
    /// `jute.maxbuffer`: the longest request, in bytes.
    pub jute_maxbuffer: usize,
    /// `preAllocSize`: the step by which log files grow, in bytes; 0 is none.
    pub prealloc_size: u64,
    /// `snapCount`: transactions between snapshots, about.
    pub snap_count: u32,
    /// `snapSizeLimitInKb`: bytes of log between snapshots, about; 0 is no limit.
    pub snap_size_limit: u64,
    /// `autopurge.snapRetainCount`: snapshots that purging keeps.
    pub snap_retain_count: u32,
    /// `autopurge.purgeInterval`: time between purges; zero is never.
    pub purge_interval: Duration,
    /// `forceSync`: whether the log is forced to the disk before a write is acknowledged.
    pub force_sync: bool,
    /// `fsync.warningthresholdms`: from when on a slow force is worth a line in the log.
    pub fsync_warning_threshold: Duration,
    /// `snapshot.compression.method`: how new snapshots are compressed.
    pub snapshot_compression: Compression,
    /// `snapshot.trust.empty`: whether a log without any snapshot is good enough to start from.
    pub snapshot_trust_empty: bool,
    /// `digest.enabled`: whether transactions and snapshots carry the digest of the tree.
    pub digest_enabled: bool,
    /// `skipACL`: whether everything is allowed to everybody.
    pub skip_acl: bool,
    /// `extendedTypesEnabled`: whether there are nodes with a time to live.
    pub extended_types_enabled: bool,
    /// `enforceQuota`: whether a write beyond a quota is refused.
    pub enforce_quota: bool,
    /// `4lw.commands.whitelist`: which four-letter words are answered.
    pub words: Words,
    /// `DigestAuthenticationProvider.enabled`: whether the scheme `digest` exists.
    pub digest_auth_enabled: bool,
    /// `DigestAuthenticationProvider.superDigest`: `user:hash` of the one who may do everything.
    pub super_digest: Option<String>,
    /// `znode.container.checkIntervalMs`: time between looks for empty containers.
    pub container_check_interval: Duration,
    /// `znode.container.maxPerMinute`: containers removed in a minute, at most.
    pub container_max_per_minute: u32,
    /// `znode.container.maxNeverUsedIntervalMs`: from when on a container that never had a child
    /// is removed; zero is never.
    pub container_max_never_used: Duration,
    /// `myid`: the number of this server, if the file is there.
    pub myid: Option<ServerId>,
    /// The ensemble that this server is a member of; nothing, if it stands alone.
    pub ensemble: Option<Ensemble>,
    /// Keys that change nothing, or less than somebody may think.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads a configuration file. `options` are `NAME=VALUE` pairs of the command line.
    ///
    /// # Errors
    /// What is wrong, where, and what to do.
    pub fn from_file(path: &Path, options: &[String]) -> Result<Config, ConfigError> {
        let name = path.display().to_string();
        let mut reader = Reader::new(name);
        reader.add(load(path)?);
        add_dynamic(&mut reader)?;
        add_options(&mut reader, options)?;
        build(&reader)
    }

    /// Reads the short form: `<clientPort> <dataDir> [tickTime] [maxClientCnxns]`.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn from_arguments(arguments: &[String], options: &[String]) -> Result<Config, ConfigError> {
        let keys = ["clientPort", "dataDir", "tickTime", "maxClientCnxns"];
        if !(2..=keys.len()).contains(&arguments.len()) {
            let why = "a port needs a folder after it, and at most two numbers after that";
            let remedy = "write <clientPort> <dataDir> [tickTime] [maxClientCnxns]";
            return Err(whole("arguments", why, remedy));
        }
        let place = "arguments".to_string();
        let property = |(key, value): (&&str, &String)| Property {
            key: key.to_string(),
            value: value.clone(),
            place: place.clone(),
        };
        let mut reader = Reader::new(place.clone());
        reader.add(keys.iter().zip(arguments).map(property).collect());
        add_options(&mut reader, options)?;
        build(&reader)
    }
}

fn load(path: &Path) -> Result<Vec<Property>, ConfigError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        whole(&name, &format!("cannot be read: {error}"), "name a configuration file, a zoo.cfg")
    })?;
    parse_properties(&name, &text).map_err(|(place, line)| {
        whole(&place, &format!("bad escape in {line}"), "write \\\\ for a backslash")
    })
}

/// Adds what `dynamicConfigFile` holds: the lines about servers, and nothing else.
fn add_dynamic(reader: &mut Reader) -> Result<(), ConfigError> {
    let Some(path) = reader.text("dynamicConfigFile") else { return Ok(()) };
    let about_servers = |key: &str| {
        key == "version" || ["server.", "group.", "weight."].iter().any(|p| key.starts_with(p))
    };
    let twice = reader.all().map(|(key, _)| key).find(|key| about_servers(key));
    if let Some(key) = twice {
        let remedy = "move the line to the dynamicConfigFile";
        return Err(reader.error(key, "there is a dynamicConfigFile for such lines", remedy));
    }
    let properties = load(Path::new(path))?;
    if let Some(property) = properties.iter().find(|p| !about_servers(&p.key)) {
        let remedy = "move the line to the file that names this one as its dynamicConfigFile";
        return Err(reader::wrong(property, "only lines about servers belong here", remedy));
    }
    reader.add(properties);
    Ok(())
}

fn add_options(reader: &mut Reader, options: &[String]) -> Result<(), ConfigError> {
    let mut properties = Vec::new();
    for option in options {
        let Some((key, value)) = option.split_once('=') else {
            let why = format!("{option} is no NAME=VALUE");
            return Err(whole("-D", &why, "write for example -Djute.maxbuffer=4194304"));
        };
        properties.push(Property {
            key: key.trim().to_string(),
            value: value.trim().to_string(),
            place: "-D".to_string(),
        });
    }
    reader.add(properties);
    Ok(())
}

fn build(reader: &Reader) -> Result<Config, ConfigError> {
    let data_dir = PathBuf::from(reader.text("dataDir").ok_or_else(|| {
        reader.error("dataDir", "dataDir is missing", "write dataDir=<folder for the data>")
    })?);
    let data_log_dir = reader.text("dataLogDir").map_or_else(|| data_dir.clone(), PathBuf::from);
    let myid = read_myid(&data_dir)?;
    let (client_port, client_port_address) = client_address(reader, myid)?;
    let tick_time = reader.millis("tickTime", 3000, 1)?;
    let (min_session_timeout, max_session_timeout) = session_timeouts(reader, tick_time)?;
    let positive = 1..=i64::from(i32::MAX);
    let unsigned = |n: i64| u32::try_from(n).unwrap_or(0);
    let kib = |key: &str, default| -> Result<u64, ConfigError> {
        Ok(reader.number(key, default, i64::MIN..=i64::MAX / 1024)?.max(0).unsigned_abs() * 1024)
    };
    let hours = reader.limit("autopurge.purgeInterval", 0)?;
    let ensemble = ensemble::read(reader, myid, tick_time)?;
    let warnings = warnings(reader, ensemble.as_ref())?;
    let config = Config {
        data_dir,
        data_log_dir,
        tick_time,
        client_port,
        client_port_address,
        client_port_listen_backlog: match reader.number(
            "clientPortListenBacklog",
            -1,
            -1..=65535,
        )? {
            -1 => None,
            backlog => Some(unsigned(backlog)),
        },
        client_tcp_keep_alive: reader.flag("clientTcpKeepAlive", false)?,
        max_client_cnxns: reader.limit("maxClientCnxns", 60)?,
        max_cnxns: reader.limit("maxCnxns", 0)?,
        min_session_timeout,
        max_session_timeout,
        sessionless_timeout: reader.millis("nio.sessionlessCnxnTimeout", 10_000, 1)?,
        global_outstanding_limit: reader.limit("globalOutstandingLimit", 1000)?,
        jute_maxbuffer: unsigned(reader.number("jute.maxbuffer", 0xf_ffff, positive.clone())?)
            as usize,
        prealloc_size: kib("preAllocSize", 65536)?,
        // ZooKeeper: `ZooKeeperServer.getSnapCount` raises what is too small, and says so.
        snap_count: reader.limit("snapCount", 100_000)?.max(2),
        snap_size_limit: kib("snapSizeLimitInKb", 4_194_304)?,
        // ZooKeeper: `DatadirCleanupManager` raises what is below 3.
        snap_retain_count: reader.limit("autopurge.snapRetainCount", 3)?.max(3),
        purge_interval: Duration::from_secs(u64::from(hours) * 3600),
        force_sync: reader.yes("forceSync", true)?,
        fsync_warning_threshold: reader.millis("fsync.warningthresholdms", 1000, 0)?,
        snapshot_compression: compression(reader)?,
        snapshot_trust_empty: reader.flag("snapshot.trust.empty", false)?,
        digest_enabled: reader.flag("digest.enabled", true)?,
        skip_acl: reader.yes("skipACL", false)?,
        extended_types_enabled: reader.flag("extendedTypesEnabled", false)?,
        enforce_quota: reader.flag("enforceQuota", false)?,
        words: words(reader),
        digest_auth_enabled: reader.flag("DigestAuthenticationProvider.enabled", true)?,
        super_digest: super_digest(reader)?,
        container_check_interval: reader.millis("znode.container.checkIntervalMs", 60_000, 1)?,
        container_max_per_minute: unsigned(reader.number(
            "znode.container.maxPerMinute",
            10_000,
            positive,
        )?),
        container_max_never_used: reader.millis("znode.container.maxNeverUsedIntervalMs", 0, 0)?,
        myid,
        ensemble,
        warnings,
    };
    Ok(config)
}

/// Keys that are not read, unless their value asks for what happens anyway; and what else there is to
/// be said.
fn warnings(reader: &Reader, ensemble: Option<&Ensemble>) -> Result<Vec<Warning>, ConfigError> {
    let warning = |(key, property): (&str, &Property)| {
        let why = match usage(key) {
            Some(Use::Read) => return None,
            Some(Use::Ensemble) if ensemble.is_some() => return None,
            Some(Use::Ensemble) => keys::ALONE,
            Some(Use::Ignored { anyway: Some(anyway), .. })
                if property.value.eq_ignore_ascii_case(anyway) =>
            {
                return None;
            }
            Some(Use::Ignored { why, .. }) => why,
            None => "nobody here knows this key",
        };
        Some(Warning { key: property.key.clone(), why })
    };
    let mut warnings: Vec<_> = reader.all().filter_map(warning).collect();
    warnings.extend(ensemble::warnings(reader, ensemble)?);
    Ok(warnings)
}

fn session_timeouts(
    reader: &Reader,
    tick_time: Duration,
) -> Result<(Duration, Duration), ConfigError> {
    let of = |key: &str, ticks: u32| match reader.number(key, -1, -1..=i64::from(i32::MAX)) {
        Ok(-1) => Ok(tick_time * ticks),
        Ok(millis) => Ok(Duration::from_millis(millis.unsigned_abs())),
        Err(error) => Err(error),
    };
    let (min, max) = (of("minSessionTimeout", 2)?, of("maxSessionTimeout", 20)?);
    let longest = Duration::from_millis(i32::MAX as u64);
    if max > longest {
        let why = format!("20 ticks, the longest session timeout, are above {} ms", i32::MAX);
        return Err(reader.error("tickTime", &why, "lower it, or write maxSessionTimeout"));
    }
    if min > max {
        let why = format!(
            "the shortest session timeout, {} ms, is above the longest, {} ms",
            min.as_millis(),
            max.as_millis()
        );
        let key = match reader.text("minSessionTimeout") {
            Some(_) => "minSessionTimeout",
            None => "maxSessionTimeout",
        };
        return Err(reader.error(key, &why, "lower the one or raise the other"));
    }
    Ok((min, max))
}

fn compression(reader: &Reader) -> Result<Compression, ConfigError> {
    let key = "snapshot.compression.method";
    match reader.text(key) {
        None => Ok(Compression::None),
        Some("gz") => Ok(Compression::Gzip),
        Some("snappy") => Ok(Compression::Snappy),
        Some(_) => Err(reader.error(key, "no such method", "write gz, snappy, or nothing")),
    }
}

fn words(reader: &Reader) -> Words {
    let list = reader.text("4lw.commands.whitelist").unwrap_or("srvr");
    let names: BTreeSet<&str> = list.split(',').map(str::trim).collect();
    match names.contains("*") {
        true => Words::All,
        false => Words::Only(
            Word::ALL.into_iter().map(|(_, w)| w).filter(|w| names.contains(w.name())).collect(),
        ),
    }
}

fn super_digest(reader: &Reader) -> Result<Option<String>, ConfigError> {
    let key = "DigestAuthenticationProvider.digestAlg";
    if reader.text(key).is_some_and(|algorithm| algorithm != "SHA1") {
        return Err(reader.error(key, "not supported", "leave it out, or write SHA1"));
    }
    let key = "DigestAuthenticationProvider.superDigest";
    match reader.text(key) {
        Some(digest) if !digest.contains(':') => Err(reader.error(
            key,
            "not of the form user:hash",
            "write user:base64(sha1(user:password))",
        )),
        digest => Ok(digest.map(str::to_string)),
    }
}
