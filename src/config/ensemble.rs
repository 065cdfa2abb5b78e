//! A member's part of the configuration: who is in the ensemble, and how patient its servers are
//! with each other.
//!
//! Always true: what one server tells others about the members, [`Ensemble::text`], is what Apache
//! ZooKeeper would make of the same lines, byte for byte.
//!
//! ZooKeeper: `QuorumPeerConfig.parseDynamicConfig`, `QuorumMaj.toString`,
//! `QuorumHierarchical.toString`, `QuorumServer.toString`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use election::{Members, Share};
use zxid::ServerId;

use super::Warning;
use super::members::{self, Member, QuorumAddress, Vote, bracketed};
use super::reader::{ConfigError, Reader, whole};

/// What a server of an ensemble knows of the ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensemble {
    /// `myid`: which of the members this server is.
    pub me: ServerId,
    /// `server.N`, `group.N`, `weight.N`: all members.
    pub members: BTreeMap<ServerId, Member>,
    /// `initLimit`: ticks that a learner's beginning may take.
    pub init_limit: u32,
    /// `syncLimit`: ticks of silence after which a server is given up.
    pub sync_limit: u32,
    /// `cnxTimeout`: how long it may take to reach another server.
    pub connect_timeout: Duration,
    /// `quorumCnxnTimeoutMs`, or `syncLimit`: how long a server may take to say who it is.
    pub introduction_timeout: Duration,
    /// `quorumListenOnAllIPs`: whether to listen for servers at all addresses of this host.
    pub listen_on_all: bool,
    /// `tcpKeepAlive`: whether TCP asks idle servers whether they still live.
    pub keep_alive: bool,
    /// `commitLogCount`: transactions kept in memory for servers that are a little behind.
    pub commit_log_count: usize,
    /// `snapshotSizeFactor` in percent: a server that is further behind than so much of a snapshot
    /// gets the snapshot; nothing, if the log is not to be read for others.
    pub snapshot_size_percent: Option<u32>,
    /// `forceSnapshotSync`: whether every server that is behind gets a snapshot.
    pub force_snapshot: bool,
}

impl Ensemble {
    /// This server's own line.
    pub fn own(&self) -> &Member {
        self.members.get(&self.me).expect("a server of an ensemble is a member")
    }

    /// Who votes, and what is a quorum.
    pub fn quorums(&self) -> Members {
        let with = |vote| self.members.iter().filter(move |(_, member)| member.vote == vote);
        let voters = with(Vote::Participant);
        let members = match self.is_grouped() {
            false => Members::majority(voters.map(|(id, _)| *id)),
            true => Members::grouped(voters.map(|(id, member)| {
                let group = member.group.expect("every voter has a group if one has");
                (*id, Share { group, weight: member.weight.unwrap_or(1) })
            })),
        };
        members.with_observers(with(Vote::Observer).map(|(id, _)| *id))
    }

    /// The members in text, as servers tell each other and as `/zookeeper/config` holds it.
    ///
    /// The version is always 0, which is what it is as long as nobody reconfigures.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (id, member) in &self.members {
            line(&mut text, format_args!("server.{id}={}", member_text(member)));
        }
        let mut groups: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (id, member) in &self.members {
            if let Some(group) = member.group {
                groups.entry(group).or_default().push(id.to_string());
            }
        }
        for (group, ids) in groups {
            line(&mut text, format_args!("group.{group}={}", ids.join(":")));
        }
        for (id, member) in &self.members {
            let default = (self.is_grouped() && member.vote == Vote::Participant).then_some(1);
            if let Some(weight) = member.weight.or(default) {
                line(&mut text, format_args!("weight.{id}={weight}"));
            }
        }
        text.push_str("version=0");
        text
    }

    fn is_grouped(&self) -> bool {
        self.members.values().any(Member::is_grouped)
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

/// A member as its own line would say it, with the role always written.
fn member_text(member: &Member) -> String {
    let mut addresses: Vec<&QuorumAddress> = member.addresses.iter().collect();
    addresses.sort_by_key(|address| &address.host);
    let address = |at: &&QuorumAddress| {
        format!("{}:{}:{}", bracketed(&at.host), at.quorum_port, at.election_port)
    };
    let addresses: Vec<_> = addresses.iter().map(address).collect();
    let role = match member.vote {
        Vote::Participant => "participant",
        Vote::Observer => "observer",
    };
    let client = match &member.client {
        Some((host, port)) => format!(";{}:{port}", bracketed(host)),
        None => String::new(),
    };
    format!("{}:{role}{client}", addresses.join("|"))
}

/// Reads which ensemble this server belongs to: none, if it stands alone.
pub(super) fn read(
    reader: &Reader,
    myid: Option<ServerId>,
    tick: Duration,
) -> Result<Option<Ensemble>, ConfigError> {
    reader.number("electionAlg", 3, 3..=3)?;
    let members = members::read(reader, reader.flag("multiAddress.enabled", false)?)?;
    let voters = members.values().filter(|member| member.vote == Vote::Participant).count();
    let may_stand_alone = reader.flag("standaloneEnabled", true)?;
    let file = &reader.file;
    match (members.len(), voters) {
        (0, _) => Ok(None),
        (_, 0) => Err(whole(file, "observers without a participant", "add a voting server.N")),
        (1, 1) if may_stand_alone => Ok(None),
        (_, 1) if may_stand_alone => {
            let remedy = "write standaloneEnabled=false, or add participants";
            Err(whole(file, "one participant stands alone, and observers need a quorum", remedy))
        }
        _ => ensemble(reader, members, myid, tick).map(Some),
    }
}

fn ensemble(
    reader: &Reader,
    members: BTreeMap<ServerId, Member>,
    myid: Option<ServerId>,
    tick: Duration,
) -> Result<Ensemble, ConfigError> {
    let me = me(reader, &members, myid)?;
    check_groups(reader, &members)?;
    check_secrets(reader)?;
    let (init_limit, sync_limit) = (ticks(reader, "initLimit")?, ticks(reader, "syncLimit")?);
    let introduction = reader.number("quorumCnxnTimeoutMs", -1, -1..=i64::from(i32::MAX))?;
    Ok(Ensemble {
        me,
        members,
        init_limit,
        sync_limit,
        connect_timeout: reader.millis("cnxTimeout", 5000, 1)?,
        introduction_timeout: match introduction {
            1.. => Duration::from_millis(introduction.unsigned_abs()),
            _ => tick * sync_limit,
        },
        listen_on_all: reader.flag("quorumListenOnAllIPs", false)?,
        keep_alive: reader.flag("tcpKeepAlive", false)?,
        // ZooKeeper: `ZKDatabase` takes its default for what is smaller.
        commit_log_count: reader.limit("commitLogCount", 500)?.max(500) as usize,
        snapshot_size_percent: reader.percent("snapshotSizeFactor", 33)?,
        force_snapshot: reader.flag("forceSnapshotSync", false)?,
    })
}

/// Which of the members this server is.
fn me(
    reader: &Reader,
    members: &BTreeMap<ServerId, Member>,
    myid: Option<ServerId>,
) -> Result<ServerId, ConfigError> {
    let remedy = "write the N of this server's server.N line into dataDir/myid";
    let path = format!("{}/myid", reader.text("dataDir").unwrap_or("dataDir"));
    match myid {
        Some(me) if members.contains_key(&me) => Ok(me),
        Some(me) => {
            let why = format!("no server.{me} line is in {}", reader.file);
            Err(whole(&path, &why, remedy))
        }
        None => Err(whole(&path, "the file is missing", remedy)),
    }
}

/// A number of ticks that has no default.
fn ticks(reader: &Reader, key: &str) -> Result<u32, ConfigError> {
    let remedy = format!("write for example {key}=10");
    if reader.text(key).is_none() {
        return Err(reader.error(key, &format!("{key} is missing"), &remedy));
    }
    let number = reader.number(key, 10, 1..=i64::from(i32::MAX))?;
    Ok(u32::try_from(number).expect("the range is that of a u32"))
}

/// Every voter has a group, or none has.
fn check_groups(reader: &Reader, members: &BTreeMap<ServerId, Member>) -> Result<(), ConfigError> {
    let grouped = members.values().any(Member::is_grouped);
    let without = |member: &Member| member.vote == Vote::Participant && member.group.is_none();
    match members.iter().find(|(_, member)| grouped && without(member)) {
        None => Ok(()),
        Some((id, _)) => {
            let remedy = "name it in a group.N line, or leave out all group.N and weight.N lines";
            Err(reader.error(&format!("server.{id}"), "it is in no group", remedy))
        }
    }
}

/// Refuses keys that promise secrecy among the members: without it they would not even connect to
/// others, and this server would tell everybody what it was asked to hide.
fn check_secrets(reader: &Reader) -> Result<(), ConfigError> {
    let keys = [
        ("sslQuorum", "there is no TLS in this version"),
        ("quorum.auth.enableSasl", "there is no SASL in this version"),
    ];
    for (key, why) in keys {
        if reader.flag(key, false)? {
            let remedy = format!("write {key}=false on all members, and keep strangers out");
            return Err(reader.error(key, why, &remedy));
        }
    }
    Ok(())
}

/// What an operator may want to think over.
pub(super) fn warnings(
    reader: &Reader,
    ensemble: Option<&Ensemble>,
) -> Result<Vec<Warning>, ConfigError> {
    let mut warnings = Vec::new();
    let mut warn = |key: String, why| warnings.push(Warning { key, why });
    let kind = reader.text("peerType").unwrap_or("participant").to_ascii_lowercase();
    let kind = match kind.as_str() {
        "participant" => Vote::Participant,
        "observer" => Vote::Observer,
        _ => {
            let remedy = "write peerType=participant or peerType=observer";
            return Err(reader.error("peerType", "no such role", remedy));
        }
    };
    let Some(ensemble) = ensemble else {
        for (id, _) in reader.family("server.") {
            warn(format!("server.{id}"), "the only server of all stands alone");
        }
        return Ok(warnings);
    };
    if ensemble.own().vote != kind {
        warn("peerType".to_string(), "this server's server.N line says otherwise, and counts");
    }
    let mut voters = ensemble.members.iter().filter(|(_, member)| member.vote == Vote::Participant);
    match (voters.clone().count(), voters.next_back()) {
        (1 | 2, Some((id, _))) => {
            warn(format!("server.{id}"), "of fewer than three voters none may fail");
        }
        (count, Some((id, _))) if count % 2 == 0 => {
            let why = "an even number of voters lets no more of them fail than one voter less";
            warn(format!("server.{id}"), why);
        }
        _ => {}
    }
    Ok(warnings)
}
