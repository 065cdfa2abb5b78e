//! Every key that a `zoo.cfg` may have, and what becomes of it.
//!
//! Always true: a key is read by `config.rs`, or it stands here with the reason why it is not.
//!
//! ZooKeeper: `QuorumPeerConfig.parseProperties`, and the administrator's guide for the keys that
//! are Java system properties there.

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It is read.
    Read,
    /// It is read by a server that is a member of an ensemble.
    Ensemble,
    /// It is not read.
    Ignored {
        /// The reason, which the user is told.
        why: &'static str,
        /// The value that asks for what happens anyway: no word is lost about it.
        anyway: Option<&'static str>,
    },
}

/// What becomes of a key, given without `zookeeper.` before it. Nothing, if nobody knows the key.
pub fn usage(key: &str) -> Option<Use> {
    if READ.contains(&key) || ["server.", "group.", "weight."].iter().any(|p| key.starts_with(p)) {
        return Some(Use::Read);
    }
    if MEMBERS.contains(&key) {
        return Some(Use::Ensemble);
    }
    let ignored = |&(_, why, anyway)| Use::Ignored { why, anyway };
    IGNORED
        .iter()
        .find(|(name, ..)| *name == key)
        .or_else(|| FAMILIES.iter().find(|(prefix, ..)| key.starts_with(prefix)))
        .map(ignored)
}

const READ: &[&str] = &[
    "4lw.commands.whitelist",
    "DigestAuthenticationProvider.digestAlg",
    "DigestAuthenticationProvider.enabled",
    "DigestAuthenticationProvider.superDigest",
    "autopurge.purgeInterval",
    "autopurge.snapRetainCount",
    "clientPort",
    "clientPortAddress",
    "clientPortListenBacklog",
    "clientTcpKeepAlive",
    "dataDir",
    "dataLogDir",
    "digest.enabled",
    "dynamicConfigFile",
    "electionAlg",
    "enforceQuota",
    "extendedTypesEnabled",
    "forceSync",
    "fsync.warningthresholdms",
    "globalOutstandingLimit",
    "jute.maxbuffer",
    "maxClientCnxns",
    "maxCnxns",
    "maxSessionTimeout",
    "minSessionTimeout",
    "multiAddress.enabled",
    "nio.sessionlessCnxnTimeout",
    "peerType",
    "preAllocSize",
    "skipACL",
    "snapCount",
    "snapSizeLimitInKb",
    "snapshot.compression.method",
    "snapshot.trust.empty",
    "standaloneEnabled",
    "tickTime",
    "znode.container.checkIntervalMs",
    "znode.container.maxNeverUsedIntervalMs",
    "znode.container.maxPerMinute",
];

const MEMBERS: &[&str] = &[
    "cnxTimeout",
    "commitLogCount",
    "forceSnapshotSync",
    "initLimit",
    "quorumCnxnTimeoutMs",
    "quorumListenOnAllIPs",
    "snapshotSizeFactor",
    "syncLimit",
    "tcpKeepAlive",
];

/// Why a server that stands alone does not need what a member of an ensemble does.
pub(super) const ALONE: &str = "it counts only in an ensemble, and this server stands alone";

/// A key or the beginning of keys, the reason, and the value that asks for what happens anyway.
type Row = (&'static str, &'static str, Option<&'static str>);

const BATCHES: &str = "batches form by themselves: all that waits is written and forced at once";
const CACHES: &str = "answers are made without a cache";
const SASL: &str = "there is no SASL in this version";
const SERVERS: &str = "there is one way in which servers talk to each other, and it is fast";
const THREADS: &str = "one thread serves all connections";
const THROTTLE: &str = "there is no throttling by this rule; globalOutstandingLimit works";
const TLS: &str = "there is no TLS in this version";

const IGNORED: &[Row] = &[
    ("admin.enableServer", "there is no admin server in this version", Some("false")),
    ("allowSaslFailedClients", SASL, Some("false")),
    ("audit.enable", "there is no audit log in this version", Some("false")),
    (
        "closeSessionTxn.enabled",
        "the end of a session always names its ephemeral nodes in the log",
        Some("true"),
    ),
    (
        "connectToLearnerMasterLimit",
        "to reach a leader is part of what initLimit allows",
        Some("0"),
    ),
    ("electionPortBindRetry", "a port that is in use is told at once", None),
    ("enforce.auth.enabled", "clients are not made to authenticate in this version", Some("false")),
    ("enforce.auth.schemes", "clients are not made to authenticate in this version", None),
    ("ensembleAuthName", "the scheme `ensemble` does not exist in this version", None),
    ("flushDelay", BATCHES, Some("0")),
    ("jute.maxbuffer.extrasize", "records on disk have no limit but the file's length", None),
    ("largeRequestMaxBytes", THROTTLE, None),
    ("largeRequestThreshold", THROTTLE, Some("-1")),
    ("leaderServes", "the leader serves clients too", Some("yes")),
    ("localSessionsEnabled", "there are no local sessions in this version", Some("false")),
    ("localSessionsUpgradingEnabled", "there are no local sessions in this version", Some("false")),
    ("maxBatchSize", BATCHES, None),
    ("maxGetChildrenResponseCacheSize", CACHES, Some("0")),
    ("maxResponseCacheSize", CACHES, Some("0")),
    ("maxWriteQueuePollTime", BATCHES, None),
    ("nio.numSelectorThreads", THREADS, Some("1")),
    ("nio.numWorkerThreads", THREADS, Some("0")),
    ("observerMasterPort", "in this version observers learn from the leader only", None),
    ("oraclePath", "no oracle is asked in this version: two voters must both be there", None),
    ("portUnification", TLS, Some("false")),
    ("readonlymode.enabled", "in this version nobody serves without a quorum", Some("false")),
    ("reconfigEnabled", "members are not changed while they run, in this version", Some("false")),
    ("requestThrottleLimit", THROTTLE, Some("0")),
    ("request_throttle_max_requests", THROTTLE, Some("0")),
    ("secureClientPort", TLS, None),
    ("secureClientPortAddress", TLS, None),
    (
        "serverCnxnFactory",
        "there is one way to serve connections",
        Some("org.apache.zookeeper.server.NIOServerCnxnFactory"),
    ),
    ("sessionRequireClientSASLAuth", SASL, Some("false")),
    ("sslQuorum", TLS, Some("false")),
    ("sslQuorumReloadCertFiles", TLS, Some("false")),
    ("superUser", SASL, None),
    ("syncEnabled", "observers keep their own log and snapshots", Some("true")),
    ("throttled_op_wait_time", THROTTLE, Some("0")),
    ("txnLogSizeLimitInKb", "a log file ends where a snapshot begins", Some("-1")),
    ("version", "all members are of version 0, since nobody reconfigures them", Some("0")),
];

const FAMILIES: &[Row] = &[
    ("X509AuthenticationProvider.", TLS, None),
    ("admin.", "there is no admin server in this version", None),
    ("authProvider.", "schemes from Java classes cannot be loaded", None),
    ("follower.", SERVERS, None),
    ("leader.", SERVERS, None),
    ("learner.", SERVERS, None),
    ("metricsProvider.", "there is no metrics exporter in this version; use the word mntr", None),
    ("multiAddress.", "all addresses of a server are tried, and the first to answer is used", None),
    ("observer.", SERVERS, None),
    ("quorum.auth.", SASL, None),
    ("ssl.", TLS, None),
];
