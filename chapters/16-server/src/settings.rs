//! What an operator may choose. The host reads it from the configuration; the machine never sees
//! a file.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::Word;
use zxid::ServerId;

/// The settings of one server. Each field names the key that it comes from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `myid`; 1 for a standalone server, as session ids show.
    pub id: ServerId,
    /// Decides how paths are hashed and when snapshots are taken. Random in production.
    pub seed: u64,
    /// `tickTime`: the unit of session expiry, in ms.
    pub tick_ms: u32,
    /// `minSessionTimeout`, in ms.
    pub min_session_timeout: i32,
    /// `maxSessionTimeout`, in ms.
    pub max_session_timeout: i32,
    /// `maxClientCnxns`: connections from one address; 0 is no limit.
    pub max_client_connections: usize,
    /// `maxCnxns`: connections in all; 0 is no limit.
    pub max_connections: usize,
    /// `globalOutstandingLimit`: requests at work before clients that have some are read no more.
    pub outstanding_limit: usize,
    /// `nio.sessionlessCnxnTimeout`: how long a connection may be without a session, in ms.
    pub handshake_ms: u64,
    /// `snapCount`: a snapshot is taken after half to all of so many transactions.
    pub snap_count: u64,
    /// `snapSizeLimitInKb` in bytes: likewise by bytes of log; 0 is no limit.
    pub snap_size: u64,
    /// `autopurge.snapRetainCount`.
    pub snap_retain: usize,
    /// `autopurge.purgeInterval`, in hours; 0 is never.
    pub purge_hours: u64,
    /// `extendedTypesEnabled`: nodes with a time to live.
    pub extended_types: bool,
    /// `enforceQuota`.
    pub enforce_quota: bool,
    /// `digest.enabled`: whether the log holds the digest of the tree.
    pub digest: bool,
    /// `reconfigEnabled`.
    pub reconfig: bool,
    /// How many transactions an epoch has at most. After them the next epoch begins. It is smaller
    /// than what a zxid can count only to try that out.
    pub epoch_length: u32,
    /// `znode.container.checkIntervalMs`.
    pub reap_interval_ms: u64,
    /// `znode.container.maxPerMinute`.
    pub reap_per_minute: u64,
    /// `znode.container.maxNeverUsedIntervalMs`; `None` keeps containers that were never used.
    pub reap_unused_ms: Option<i64>,
    /// The ensemble that this server is a member of; nothing if it stands alone.
    pub ensemble: Option<Arc<sync::Settings>>,
    /// `4lw.commands.whitelist`.
    pub words: Words,
    /// `skipACL` and the `DigestAuthenticationProvider` keys.
    pub acl: Arc<acl::Settings>,
    /// What `conf` and `envi` show besides: known only to the host.
    pub about: About,
}

/// Which four-letter words are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Words {
    /// All.
    All,
    /// These, and `srvr` always.
    Only(BTreeSet<Word>),
}

/// What the words `conf` and `envi` tell of the host.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The version line: `3.9.5-..., built on 2026-01-01 00:00 UTC`.
    pub version: String,
    /// `clientPort`.
    pub client_port: u16,
    /// The port of this server's own election address, if it is a member of an ensemble.
    pub election_port: u16,
    /// The port of its own quorum address.
    pub quorum_port: u16,
    /// `clientPortListenBacklog`.
    pub backlog: i32,
    /// `dataDir`, absolute, with `version-2`.
    pub data_dir: String,
    /// `dataLogDir`, likewise.
    pub log_dir: String,
    /// The lines of `envi`, after the version.
    pub environment: Vec<(String, String)>,
}

impl Words {
    /// Whether a word is answered.
    pub fn allow(&self, word: Word) -> bool {
        match self {
            Words::All => true,
            Words::Only(words) => word == Word::Srvr || words.contains(&word),
        }
    }
}

impl Default for Settings {
    /// Apache's defaults.
    fn default() -> Settings {
        Settings {
            id: ServerId(1),
            seed: 0,
            tick_ms: 3000,
            min_session_timeout: 6000,
            max_session_timeout: 60000,
            max_client_connections: 60,
            max_connections: 0,
            outstanding_limit: 1000,
            handshake_ms: 10_000,
            snap_count: 100_000,
            snap_size: 4 << 30,
            snap_retain: 3,
            purge_hours: 0,
            extended_types: false,
            enforce_quota: false,
            digest: true,
            reconfig: false,
            epoch_length: u32::MAX - 1,
            reap_interval_ms: 60_000,
            reap_per_minute: 10_000,
            reap_unused_ms: None,
            ensemble: None,
            words: Words::Only(BTreeSet::new()),
            acl: Arc::new(acl::Settings::default()),
            about: About::default(),
        }
    }
}
