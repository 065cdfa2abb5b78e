//! The configuration of a member of an ensemble.

use std::fs;
use std::time::Duration;

use election::{Members, Share};
use ensemble::config::{Config, Ensemble};
use zxid::ServerId;

use crate::{refusal, write};

/// Reads a configuration of the server of this number. `TICKS` are in it.
fn member(myid: &str, text: &str) -> Result<Config, String> {
    let (folder, path) = write(&format!("{TICKS}{text}"));
    fs::write(folder.path().join("myid"), myid).expect("the file can be written");
    let result = Config::from_file(&path, &[]);
    let dir = folder.path().display().to_string();
    folder.close().expect("the folder can be removed");
    result.map_err(|error| error.to_string().replace(&format!("{dir}/"), ""))
}

const TICKS: &str = "initLimit=5\nsyncLimit=2\nclientPort=2181\n";

fn ensemble(myid: &str, text: &str) -> Ensemble {
    member(myid, text).expect("the file is good").ensemble.expect("there are others")
}

#[test]
fn a_server_with_others_beside_it_is_a_member_of_an_ensemble() {
    let lines = "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n";
    let config = member("2\n", lines).expect("the file is good");
    assert_eq!((config.client_port, config.client_port_address), (2181, None));
    assert_eq!(config.warnings, []);
    let ensemble = config.ensemble.expect("there are others");
    assert_eq!(ensemble.me, ServerId(2));
    assert_eq!(ensemble.own().addresses[0].host, "b");
    assert_eq!((ensemble.init_limit, ensemble.sync_limit), (5, 2));
    assert_eq!(ensemble.connect_timeout, Duration::from_secs(5));
    assert_eq!(ensemble.introduction_timeout, Duration::from_secs(6), "two ticks of three seconds");
    assert!(!ensemble.listen_on_all && !ensemble.keep_alive && !ensemble.force_snapshot);
    assert_eq!(ensemble.commit_log_count, 500);
    assert_eq!(ensemble.snapshot_size_percent, Some(33));
    assert_eq!(ensemble.quorums(), Members::majority([1, 2, 3].map(ServerId)));
}

#[test]
fn what_only_a_member_reads_is_read() {
    let keys = "cnxTimeout=100\nzookeeper.quorumCnxnTimeoutMs=70\nquorumListenOnAllIPs=true\n\
        zookeeper.tcpKeepAlive=true\ncommitLogCount=1000\nzookeeper.snapshotSizeFactor=0.5\n\
        zookeeper.forceSnapshotSync=true\n";
    let two = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
    let ensemble = ensemble("1", &format!("{keys}{two}"));
    assert_eq!(ensemble.connect_timeout, Duration::from_millis(100));
    assert_eq!(ensemble.introduction_timeout, Duration::from_millis(70));
    assert!(ensemble.listen_on_all && ensemble.keep_alive && ensemble.force_snapshot);
    assert_eq!(ensemble.commit_log_count, 1000);
    assert_eq!(ensemble.snapshot_size_percent, Some(50));
    let never = format!("snapshotSizeFactor=-1\n{two}");
    assert_eq!(self::ensemble("1", &never).snapshot_size_percent, None);
    let message = member("1", &format!("snapshotSizeFactor=much\n{two}")).expect_err("no number");
    assert!(message.contains("not a number; write for example snapshotSizeFactor=0.33"));
}

/// The first text is what three servers of Apache ZooKeeper 3.8 tell each other about such lines.
#[test]
fn the_members_are_told_in_the_words_of_the_original() {
    let three = "server.1=127.0.0.1:24281:24381\nserver.2=127.0.0.1:24282:24382\n\
                 server.3=127.0.0.1:24283:24383\n";
    assert_eq!(
        ensemble("1", three).text(),
        "server.1=127.0.0.1:24281:24381:participant\n\
         server.2=127.0.0.1:24282:24382:participant\n\
         server.3=127.0.0.1:24283:24383:participant\nversion=0"
    );
    let mixed = "multiAddress.enabled=true\nserver.10=[::1]:1:2;2181\nserver.9=b:1:2;[::]:2181\n\
                 server.3=z:1:2|a:3:4:participant\n";
    let mixed = mixed.replace("z:1:2|", "z:1:2:participant|");
    assert_eq!(
        ensemble("3", &mixed).text(),
        "server.3=a:3:4|z:1:2:participant\nserver.9=b:1:2:participant;[::]:2181\n\
         server.10=[::1]:1:2:participant;0.0.0.0:2181\nversion=0"
    );
}

#[test]
fn observers_groups_and_weights_say_who_counts() {
    let lines = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\n";
    let config = member("4", &format!("peerType=observer\n{lines}")).expect("the file is good");
    assert_eq!(config.warnings, []);
    let voters = [1, 2, 3].map(ServerId);
    let expected = Members::majority(voters).with_observers([ServerId(4)]);
    assert_eq!(config.ensemble.expect("there are others").quorums(), expected);

    let grouped = ensemble("1", &format!("{lines}group.1=1:2\ngroup.2=3\nweight.2=0\n"));
    let share = |group, weight| Share { group, weight };
    let shares = [share(1, 1), share(1, 0), share(2, 1)];
    let expected = Members::grouped(voters.into_iter().zip(shares)).with_observers([ServerId(4)]);
    assert_eq!(grouped.quorums(), expected);
    assert!(grouped.text().ends_with(
        "server.4=d:1:2:observer\ngroup.1=1:2\ngroup.2=3\n\
         weight.1=1\nweight.2=0\nweight.3=1\nversion=0"
    ));
}

#[test]
fn a_member_that_cannot_be_one_is_told_why() {
    let three = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
    let with = |text: &str| format!("{three}{text}");
    let cases = [
        (
            "4",
            three.to_string(),
            "myid: no server.4 line is in zoo.cfg; \
             write the N of this server's server.N line into dataDir/myid",
        ),
        ("one", three.to_string(), "myid: the first line is not a number; "),
        ("1", with("sslQuorum=true"), "zoo.cfg:7: sslQuorum=true: there is no TLS in this version"),
        ("1", with("quorum.auth.enableSasl=true"), "zoo.cfg:7: quorum.auth.enableSasl=true: there"),
        ("1", with("group.1=1:2"), "zoo.cfg:6: server.3=c:1:2: it is in no group; "),
        ("1", with("weight.1=1"), "zoo.cfg:4: server.1=a:1:2: it is in no group; "),
        ("1", with("initLimit=0"), "zoo.cfg:7: initLimit=0: must be at least 1"),
        ("1", with("cnxTimeout=x"), "zoo.cfg:7: cnxTimeout=x: not a whole number"),
    ];
    for (myid, text, beginning) in cases {
        let message = member(myid, &text).expect_err("it cannot be a member");
        assert!(message.starts_with(beginning), "{text:?} gave {message:?}");
    }
    let message = refusal(&with("initLimit=1\nsyncLimit=1\nclientPort=1"));
    assert!(message.contains("/myid: the file is missing; write the N of"), "{message}");
    for key in ["initLimit", "syncLimit"] {
        let without = format!("{TICKS}{three}").replace(key, "#");
        let (folder, path) = write(&without);
        fs::write(folder.path().join("myid"), "1").expect("the file can be written");
        let error = Config::from_file(&path, &[]).expect_err("it is needed");
        assert_eq!(error.why, format!("{key} is missing"));
        folder.close().expect("the folder can be removed");
    }
}

#[test]
fn an_ensemble_that_is_not_what_it_seems_is_warned_of() {
    let told = |text: &str| -> Vec<(String, &'static str)> {
        let config = member("1", text).expect("the file is good");
        config.warnings.into_iter().map(|warning| (warning.key, warning.why)).collect()
    };
    let lines: Vec<_> = (1..=4).map(|id| format!("server.{id}=a:1:2\n")).collect();
    let why = "of fewer than three voters none may fail";
    assert_eq!(told(&lines[..2].concat()), [("server.2".to_string(), why)]);
    let alone = format!("standaloneEnabled=false\n{}", lines[0]);
    assert_eq!(told(&alone), [("server.1".to_string(), why)]);
    let why = "an even number of voters lets no more of them fail than one voter less";
    assert_eq!(told(&lines.concat()), [("server.4".to_string(), why)]);
    let why = "this server's server.N line says otherwise, and counts";
    let observer = format!("peerType=observer\n{}", lines[..3].concat());
    assert_eq!(told(&observer), [("peerType".to_string(), why)]);
    let named = format!("reconfigEnabled=true\nleaderServes=yes\n{}", lines[..3].concat());
    let why = "members are not changed while they run, in this version";
    assert_eq!(told(&named), [("reconfigEnabled".to_string(), why)]);
}

#[test]
fn one_server_line_alone_stands_alone() {
    let config = member("1", "server.1=a:1:2\n").expect("the file is good");
    assert_eq!(config.ensemble, None);
    let told: Vec<_> = config.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(told, ["initLimit", "syncLimit", "server.1"]);
}
