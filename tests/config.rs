//! Reading `zoo.cfg`: its format, every key, and what is said about mistakes.

mod config {
    mod members;
}

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use ensemble::config::{Config, ConfigError, Use, parse_properties, usage};
use protocol::Word;
use server::Words;
use storage::Compression;
use tempfile::TempDir;

/// Reads a configuration from a text to which a data folder is added.
fn read(text: &str) -> Result<Config, ConfigError> {
    read_with(text, &[])
}

fn read_with(text: &str, options: &[&str]) -> Result<Config, ConfigError> {
    let (folder, path) = write(text);
    let options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
    let result = Config::from_file(&path, &options);
    folder.close().expect("the folder can be removed");
    result.map_err(|mut error| {
        error.place = error.place.replace(&path.display().to_string(), "zoo.cfg");
        error
    })
}

fn write(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("there is room for a folder");
    let path = folder.path().join("zoo.cfg");
    let dir = folder.path().display();
    fs::write(&path, format!("{text}\ndataDir={dir}\n")).expect("the file can be written");
    (folder, path)
}

fn refusal(text: &str) -> String {
    read(text).expect_err("the configuration is refused").to_string()
}

#[test]
fn the_format_is_that_of_java_properties() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("a=1", &[("a", "1")]),
        ("a = 1 ", &[("a", "1")]),
        ("a:1", &[("a", "1")]),
        ("a 1", &[("a", "1")]),
        ("a\t=\t1", &[("a", "1")]),
        ("a==1", &[("a", "=1")]),
        ("a", &[("a", "")]),
        ("# a=1\n! b=2\n  # c=3\n\nd=4", &[("d", "4")]),
        ("a=1\\\n   2\nb=3", &[("a", "12"), ("b", "3")]),
        ("a=1\\\\\nb=3", &[("a", "1\\"), ("b", "3")]),
        ("a=1\\\n# no comment", &[("a", "1# no comment")]),
        ("a\\=b=c", &[("a=b", "c")]),
        ("a\\ b=c", &[("a b", "c")]),
        ("a=\\u00e9\\t.\\q", &[("a", "é\t.q")]),
        ("a=1\r\nb=2\r\n", &[("a", "1"), ("b", "2")]),
        ("a=1\na=2", &[("a", "1"), ("a", "2")]),
        ("a=1\\", &[("a", "1")]),
    ];
    for (text, expected) in cases {
        let properties = parse_properties("zoo.cfg", text).expect("the text is well formed");
        let pairs: Vec<_> = properties.iter().map(|p| (p.key.as_str(), p.value.as_str())).collect();
        assert_eq!(pairs, *expected, "{text:?}");
    }
    assert_eq!(
        parse_properties("zoo.cfg", "a=1\nb=\\u12"),
        Err(("zoo.cfg:2".to_string(), "b=\\u12".to_string()))
    );
}

#[test]
fn the_example_of_the_debian_package_is_taken_as_it_is() {
    let config = read(
        "# The number of milliseconds of each tick\ntickTime=2000\n\
         # The number of ticks that the initial\n# synchronization phase can take\ninitLimit=10\n\
         syncLimit=5\n# the directory where the snapshot is stored.\ndataDir=/var/lib/zookeeper\n\
         # dataLogDir=/disk2/zookeeper\nclientPort=2181\n\
         #server.1=zookeeper1:2888:3888\n#autopurge.snapRetainCount=3\n",
    )
    .expect("the file is good");
    assert_eq!(config.tick_time, Duration::from_secs(2));
    assert_eq!(config.client_port, 2181);
    assert_eq!(config.min_session_timeout, Duration::from_secs(4));
    assert_eq!(config.max_session_timeout, Duration::from_secs(40));
    let named: Vec<_> = config.warnings.iter().map(|w| w.key.as_str()).collect();
    assert_eq!(named, ["initLimit", "syncLimit"]);
}

#[test]
fn what_is_not_written_has_zookeepers_default() {
    let config = read("clientPort=0").expect("the file is good");
    assert_eq!(config.data_log_dir, config.data_dir);
    assert_eq!(config.tick_time, Duration::from_secs(3));
    assert_eq!((config.max_client_cnxns, config.max_cnxns), (60, 0));
    assert_eq!(config.global_outstanding_limit, 1000);
    assert_eq!(config.jute_maxbuffer, 1_048_575);
    assert_eq!(config.prealloc_size, 64 << 20);
    assert_eq!(config.snap_count, 100_000);
    assert_eq!(config.snap_size_limit, 4 << 30);
    assert_eq!((config.snap_retain_count, config.purge_interval), (3, Duration::ZERO));
    assert!(config.force_sync && config.digest_enabled);
    assert!(!config.skip_acl && !config.extended_types_enabled && !config.enforce_quota);
    assert_eq!(config.fsync_warning_threshold, Duration::from_secs(1));
    assert_eq!(config.sessionless_timeout, Duration::from_secs(10));
    assert_eq!(config.snapshot_compression, Compression::None);
    assert_eq!(config.container_check_interval, Duration::from_secs(60));
    assert_eq!(config.words, Words::Only([Word::Srvr].into()));
    assert_eq!(config.myid, None);
    assert!(config.warnings.is_empty());
}

#[test]
fn a_key_may_have_the_prefix_of_its_system_property_and_the_command_line_wins() {
    let config = read_with(
        "clientPort=1\nzookeeper.snapCount=50\nsnapCount=60\nskipACL=YES\n\
         zookeeper.DigestAuthenticationProvider.superDigest=super:x=\nenforceQuota=True",
        &["jute.maxbuffer=4194304", "zookeeper.maxCnxns=7", "znode.container.checkIntervalMs=10"],
    )
    .expect("the file is good");
    assert_eq!(config.snap_count, 60);
    assert_eq!(config.jute_maxbuffer, 4 << 20);
    assert_eq!(config.max_cnxns, 7);
    assert_eq!(config.container_check_interval, Duration::from_millis(10));
    assert_eq!(config.super_digest.as_deref(), Some("super:x="));
    assert!(config.skip_acl && config.enforce_quota);
    let config = read_with("clientPort=1", &["clientPort=2"]).expect("the file is good");
    assert_eq!(config.client_port, 2);
}

#[test]
fn words_are_a_list_or_all() {
    let config = read("clientPort=0\n4lw.commands.whitelist= ruok , mntr").expect("good");
    assert_eq!(config.words, Words::Only([Word::Mntr, Word::Ruok].into()));
    let config = read("clientPort=0\n4lw.commands.whitelist=*").expect("good");
    assert_eq!(config.words, Words::All);
}

#[test]
fn a_mistake_is_named_with_file_line_key_value_and_remedy() {
    assert_eq!(
        refusal("# c\ntickTime=2s\nclientPort=1"),
        "zoo.cfg:2: tickTime=2s: not a whole number; write for example tickTime=3000, the default"
    );
    let cases = [
        (
            "clientPort=1\ntickTime=0",
            "zoo.cfg:2: tickTime=0: must be at least 1 and at most 2147483647; ",
        ),
        ("clientPort=70000", "zoo.cfg:1: clientPort=70000: must be at least 0 and at most 65535; "),
        ("", "zoo.cfg: clientPort is missing; write clientPort=2181"),
        ("clientPort=1\nforceSync=false", "zoo.cfg:2: forceSync=false: neither yes nor no; "),
        ("clientPort=1\nenforceQuota=yes", "zoo.cfg:2: enforceQuota=yes: neither true nor false; "),
        (
            "clientPort=1\nminSessionTimeout=9\nmaxSessionTimeout=8",
            "zoo.cfg:2: minSessionTimeout=9: the shortest session timeout, 9 ms, is above the \
             longest, 8 ms; ",
        ),
        (
            "clientPort=1\ntickTime=200000000",
            "zoo.cfg:2: tickTime=200000000: 20 ticks, the longest",
        ),
        ("clientPort=1\nelectionAlg=2", "zoo.cfg:2: electionAlg=2: must be at least 3"),
        ("clientPort=1\npeerType=boss", "zoo.cfg:2: peerType=boss: no such role; "),
        ("clientPort=1\nsnapshot.compression.method=zip", "zoo.cfg:2: snapshot.compression.method"),
        ("clientPort=1\na=\\u1", "zoo.cfg:2: bad escape in a=\\u1; "),
        (
            "clientPort=1\nDigestAuthenticationProvider.digestAlg=MD5",
            "zoo.cfg:2: DigestAuthenticationProvider.digestAlg=MD5: not supported; ",
        ),
        (
            "clientPort=1\nDigestAuthenticationProvider.superDigest=x",
            "zoo.cfg:2: DigestAuthenticationProvider.superDigest=x: not of the form user:hash; ",
        ),
    ];
    for (text, beginning) in cases {
        let message = refusal(text);
        assert!(message.starts_with(beginning), "{text:?} gave {message:?}");
    }
    let error = read_with("clientPort=1", &["jute.maxbuffer"]).expect_err("not a pair");
    assert!(error.to_string().starts_with("-D: jute.maxbuffer is no NAME=VALUE; "));
}

#[test]
fn a_missing_file_and_a_missing_folder_are_named() {
    let path = PathBuf::from("no/such/zoo.cfg");
    let error = Config::from_file(&path, &[]).expect_err("there is no such file");
    assert!(error.to_string().starts_with("no/such/zoo.cfg: cannot be read: "), "{error}");
    let (folder, path) = write("clientPort=1");
    fs::write(&path, "clientPort=1").expect("the file can be written");
    let error = Config::from_file(&path, &[]).expect_err("there is no dataDir");
    assert!(error.to_string().contains("dataDir is missing"), "{error}");
    folder.close().expect("the folder can be removed");
}

#[test]
fn the_lines_about_servers_are_understood() {
    let one = |line: &str| refusal(&format!("clientPort=1\n{line}"));
    let cases = [
        ("server.1=a:1", "a server needs an election port too"),
        ("server.1=a:1:1", "the quorum port and the election port must differ"),
        ("server.1=a:1:2:boss", "the role boss is neither participant nor observer"),
        ("server.1=::1:1:2", "there is no host"),
        ("server.1=fe80::1:1:2", "too many parts between colons"),
        ("server.1=[::1:1:2", "the bracket does not end before a port"),
        ("server.1=a:1:x", "x is no port"),
        ("server.1=a:1:2;x", "x is no port"),
        ("server.1=a:1:2|b:1:2", "several addresses need multiAddress.enabled=true"),
        ("server.x=a:1:2", "the N is no server id"),
        ("server.1=a:1:2:observer", "observers without a participant"),
        ("server.1=a:1:2\nserver.2=b:1:2:OBSERVER", "one participant stands alone"),
        ("server.1=a:1:2\ngroup.1=2", "no such server"),
        ("server.1=a:1:2\nweight.1=x", "not a whole number"),
        (
            "multiAddress.enabled=true\nserver.1=a:1:2|b:1:2:observer",
            "the addresses of one server have different roles",
        ),
    ];
    for (line, why) in cases {
        assert!(one(line).contains(why), "{line} gave {}", one(line));
    }
    for line in ["server.1=[::1]:1:2", "server.7=a:1:2:PARTICIPANT;[::1]:2181", "server.1=a:1:2"] {
        read(&format!("clientPort=1\n{line}")).expect("one voter stands alone");
    }
}

#[test]
fn the_own_line_of_a_server_says_where_clients_connect() {
    let with_myid = |text: &str| {
        let (folder, path) = write(text);
        fs::write(folder.path().join("myid"), "1\n").expect("the file can be written");
        let result = Config::from_file(&path, &[]);
        folder.close().expect("the folder can be removed");
        result
    };
    let config = with_myid("server.1=a:1:2;[::1]:2182").expect("one voter stands alone");
    assert_eq!((config.client_port, config.client_port_address.as_deref()), (2182, Some("::1")));
    let config = with_myid("server.1=a:1:2;2182\nclientPort=2182").expect("both agree");
    assert_eq!(config.client_port_address.as_deref(), Some("0.0.0.0"));
    let error = with_myid("server.1=a:1:2;2182\nclientPort=2181").expect_err("they differ");
    assert_eq!((error.key.as_str(), error.value.as_str()), ("clientPort", "2181"));
    with_myid("server.1=a:1:2;h:1\nclientPortAddress=0.0.0.0").expect("a wildcard agrees");
    with_myid("server.1=a:1:2;h:1\nclientPortAddress=g").expect_err("the hosts differ");
}

#[test]
fn a_dynamic_file_holds_the_lines_about_servers() {
    let folder = TempDir::new().expect("there is room for a folder");
    let dynamic = folder.path().join("zoo.cfg.dynamic");
    fs::write(&dynamic, "server.1=a:1:2;2185\nversion=100").expect("the file can be written");
    let line = format!("dynamicConfigFile={}", dynamic.display());
    assert_eq!(read(&format!("{line}\nclientPort=1")).expect("one voter").client_port, 1);
    let message = refusal(&format!("{line}\nserver.1=a:1:2"));
    assert!(message.contains("there is a dynamicConfigFile for such lines"), "{message}");
    fs::write(&dynamic, "tickTime=1").expect("the file can be written");
    let message = refusal(&line);
    assert!(message.contains("only lines about servers belong here"), "{message}");
}

#[test]
fn the_short_form_takes_two_to_four_arguments() {
    let read = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|a| a.to_string()).collect();
        Config::from_arguments(&arguments, &[])
    };
    let config = read(&["2181", "data", "2000", "5"]).expect("the arguments are good");
    assert_eq!((config.client_port, config.max_client_cnxns), (2181, 5));
    assert_eq!(config.data_dir, PathBuf::from("data"));
    assert_eq!(config.tick_time, Duration::from_secs(2));
    read(&["2181"]).expect_err("a folder is missing");
    let error = read(&["port", "data"]).expect_err("not a port");
    assert!(error.to_string().starts_with("arguments: clientPort=port: "), "{error}");
}

/// The keys of ZooKeeper's configuration, by its administrator's guide.
const KEYS: &str = "dataDir dataLogDir tickTime clientPort clientPortAddress secureClientPort \
    secureClientPortAddress clientPortListenBacklog maxClientCnxns maxCnxns minSessionTimeout \
    maxSessionTimeout globalOutstandingLimit preAllocSize snapCount snapSizeLimitInKb snapshotSizeFactor forceSnapshotSync \
    txnLogSizeLimitInKb commitLogCount autopurge.snapRetainCount autopurge.purgeInterval \
    forceSync fsync.warningthresholdms flushDelay maxWriteQueuePollTime maxBatchSize syncEnabled \
    skipACL 4lw.commands.whitelist extendedTypesEnabled enforceQuota localSessionsEnabled \
    localSessionsUpgradingEnabled jute.maxbuffer jute.maxbuffer.extrasize \
    znode.container.checkIntervalMs znode.container.maxPerMinute \
    znode.container.maxNeverUsedIntervalMs nio.sessionlessCnxnTimeout nio.numSelectorThreads \
    nio.numWorkerThreads serverCnxnFactory clientTcpKeepAlive snapshot.compression.method \
    snapshot.trust.empty digest.enabled closeSessionTxn.enabled request_throttle_max_requests \
    throttled_op_wait_time largeRequestThreshold largeRequestMaxBytes maxResponseCacheSize \
    maxGetChildrenResponseCacheSize audit.enable server.1 group.1 weight.1 initLimit syncLimit \
    connectToLearnerMasterLimit electionAlg peerType standaloneEnabled reconfigEnabled \
    dynamicConfigFile quorumListenOnAllIPs cnxTimeout quorumCnxnTimeoutMs electionPortBindRetry \
    leaderServes leader.maxTimeToWaitForEpoch observer.reconnectDelayMs observer.election.DelayMs \
    observerMasterPort multiAddress.enabled multiAddress.reachabilityCheckEnabled \
    multiAddress.reachabilityCheckTimeoutMs sslQuorum portUnification sslQuorumReloadCertFiles \
    quorum.auth.enableSasl quorum.auth.learnerRequireSasl quorum.auth.serverRequireSasl \
    tcpKeepAlive oraclePath admin.enableServer admin.serverAddress admin.serverPort \
    admin.idleTimeout admin.commandURL admin.portUnification admin.forceHttps \
    metricsProvider.className metricsProvider.httpHost metricsProvider.httpPort authProvider.1 \
    DigestAuthenticationProvider.enabled DigestAuthenticationProvider.superDigest \
    DigestAuthenticationProvider.digestAlg X509AuthenticationProvider.superUser superUser \
    enforce.auth.enabled enforce.auth.schemes sessionRequireClientSASLAuth allowSaslFailedClients \
    ensembleAuthName ssl.keyStore.location ssl.trustStore.password ssl.clientAuth ssl.protocol \
    ssl.ciphersuites ssl.quorum.keyStore.location readonlymode.enabled";

#[test]
fn every_key_is_read_or_named_in_a_warning() {
    for key in KEYS.split_whitespace() {
        let reason = match usage(key).unwrap_or_else(|| panic!("nobody knows {key}")) {
            Use::Read => continue,
            Use::Ensemble => "it counts only in an ensemble, and this server stands alone",
            Use::Ignored { why, .. } => why,
        };
        let config = read(&format!("clientPort=0\n{key}=17")).expect("it is only a warning");
        let told: Vec<_> = config.warnings.iter().map(|w| (w.key.as_str(), w.why)).collect();
        assert_eq!(told, [(key, reason)]);
    }
    let config = read("clientPort=0\nno.such.key=1\nadmin.enableServer=FALSE").expect("good");
    assert_eq!(config.warnings.len(), 1);
    assert_eq!(config.warnings[0].why, "nobody here knows this key");
}
