//! The servers of an ensemble, as `server.N` lines name them, and their groups and weights.
//!
//! ZooKeeper: `QuorumPeer.QuorumServer`, `QuorumPeerConfig.parseDynamicConfig`.

use std::collections::BTreeMap;

use zxid::ServerId;

use super::properties::Property;
use super::reader::{ConfigError, Reader, wrong};

/// Whether a server votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// It votes.
    Participant,
    /// It only listens.
    Observer,
}

/// Where the other servers reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuorumAddress {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port for the leader's connections.
    pub quorum_port: u16,
    /// The port for elections.
    pub election_port: u16,
}

impl QuorumAddress {
    /// The election port as `host:port`.
    pub fn election(&self) -> String {
        format!("{}:{}", bracketed(&self.host), self.election_port)
    }
}

/// A host as it stands before a colon.
pub(super) fn bracketed(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_string(),
    }
}

/// One `server.N` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its addresses: one, or with `multiAddress.enabled` several.
    pub addresses: Vec<QuorumAddress>,
    /// Its role.
    pub vote: Vote,
    /// Where clients reach it, if the line says so: host (`0.0.0.0` if none is given) and port.
    pub client: Option<(String, u16)>,
    /// `group.N`: the group it belongs to, of hierarchical quorums.
    pub group: Option<i64>,
    /// `weight.N`: how much its vote weighs.
    pub weight: Option<u32>,
}

impl Member {
    /// Whether a line says something of its group or its weight.
    pub(super) fn is_grouped(&self) -> bool {
        self.group.is_some() || self.weight.is_some()
    }
}

/// Reads all members.
pub(super) fn read(
    reader: &Reader,
    multi: bool,
) -> Result<BTreeMap<ServerId, Member>, ConfigError> {
    let mut members = BTreeMap::new();
    for (id, property) in reader.family("server.") {
        let member = member(&property.value, multi)
            .map_err(|why| wrong(property, &why, "write server.N=host:2888:3888;2181"))?;
        members.insert(server_id(id, property)?, member);
    }
    for (group, property) in reader.family("group.") {
        let number = |text: &str| text.trim().parse::<i64>().ok();
        let remedy = "write group.1=1:2:3 with ids of server.N lines, each in one group";
        let group = number(group).ok_or_else(|| wrong(property, "not a group", remedy))?;
        for id in property.value.split(':') {
            let member = number(id).and_then(|id| members.get_mut(&ServerId(id)));
            match member {
                Some(member) if member.group.is_none() => member.group = Some(group),
                Some(_) => return Err(wrong(property, "a server is in two groups", remedy)),
                None => return Err(wrong(property, "no such server", remedy)),
            }
        }
    }
    for (id, property) in reader.family("weight.") {
        let remedy = "write weight.N=1 for the N of a server.N line";
        let weight = property.value.parse().ok();
        match (members.get_mut(&server_id(id, property)?), weight) {
            (Some(member), Some(weight)) => member.weight = Some(weight),
            (None, _) => return Err(wrong(property, "no such server", remedy)),
            (_, None) => return Err(wrong(property, "not a whole number", remedy)),
        }
    }
    Ok(members)
}

fn server_id(text: &str, property: &Property) -> Result<ServerId, ConfigError> {
    match text.parse() {
        Ok(id) if id >= 0 => Ok(ServerId(id)),
        _ => Err(wrong(property, "the N is no server id", "write a number, such as server.1")),
    }
}

/// Reads `ADDR[|ADDR...][;[CLIENTHOST:]CLIENTPORT]`; on failure, says what is wrong.
fn member(text: &str, multi: bool) -> Result<Member, String> {
    let (servers, client) = match text.split_once(';') {
        Some((servers, client)) => (servers, Some(client_address(client.trim())?)),
        None => (text, None),
    };
    let mut addresses = Vec::new();
    let mut votes = Vec::new();
    for part in servers.split('|') {
        let (address, vote) = quorum_address(part.trim())?;
        addresses.push(address);
        votes.push(vote);
    }
    if addresses.len() > 1 && !multi {
        return Err("several addresses need multiAddress.enabled=true".to_string());
    }
    if votes.iter().any(|vote| *vote != votes[0]) {
        return Err("the addresses of one server have different roles".to_string());
    }
    Ok(Member { addresses, vote: votes[0], client, group: None, weight: None })
}

/// Reads `HOST:QUORUMPORT:ELECTIONPORT[:role]`.
fn quorum_address(text: &str) -> Result<(QuorumAddress, Vote), String> {
    let (host, rest) = host(text)?;
    let parts: Vec<&str> = rest.split(':').collect();
    let (quorum, election, role) = match parts[..] {
        [_] => return Err("a server needs an election port too".to_string()),
        [quorum, election] => (quorum, election, "participant"),
        [quorum, election, role] => (quorum, election, role),
        _ => return Err("too many parts between colons (IPv6 stands in brackets)".to_string()),
    };
    let (quorum_port, election_port) = (port(quorum)?, port(election)?);
    if quorum_port == election_port {
        return Err("the quorum port and the election port must differ".to_string());
    }
    let vote = match role.to_ascii_lowercase().as_str() {
        "participant" => Vote::Participant,
        "observer" => Vote::Observer,
        _ => return Err(format!("the role {role} is neither participant nor observer")),
    };
    Ok((QuorumAddress { host, quorum_port, election_port }, vote))
}

/// Reads `[CLIENTHOST:]CLIENTPORT`.
fn client_address(text: &str) -> Result<(String, u16), String> {
    match text.contains(':') {
        true => host(text).and_then(|(host, rest)| Ok((host, port(rest)?))),
        false => Ok(("0.0.0.0".to_string(), port(text)?)),
    }
}

/// Takes a host off the front, with the colon behind it.
fn host(text: &str) -> Result<(String, &str), String> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(open) => open.split_once("]:").ok_or("the bracket does not end before a port")?,
        None => text.split_once(':').ok_or("there is no port")?,
    };
    match host.is_empty() {
        true => Err("there is no host".to_string()),
        false => Ok((host.to_string(), rest)),
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.trim().parse().map_err(|_| format!("{text} is no port"))
}
