//! Which server this is: alone or in an ensemble, its number, and where its clients connect.
//!
//! ZooKeeper: `QuorumPeerConfig.setupQuorumPeerConfig`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use zxid::ServerId;

use super::members::{self, Member, Vote};
use super::reader::{ConfigError, Reader, whole};

/// Where clients connect: the client part of this server's own line, or `clientPort`.
pub(super) fn client_address(
    reader: &Reader,
    myid: Option<ServerId>,
) -> Result<(u16, Option<String>), ConfigError> {
    let port = match reader.text("clientPort") {
        None => None,
        Some(_) => u16::try_from(reader.number("clientPort", 2181, 0..=65535)?).ok(),
    };
    let address = reader.text("clientPortAddress").map(str::to_string);
    let members = members::read(reader, true)?;
    let own = myid.and_then(|id| members.get(&id)).and_then(|member| member.client.clone());
    let Some((own_host, own_port)) = own else {
        let remedy = "write clientPort=2181, or clientPort=0 for any free port";
        return match port {
            Some(port) => Ok((port, address)),
            None => Err(whole(&reader.file, "clientPort is missing", remedy)),
        };
    };
    let remedy = "leave clientPort out, or make both the same";
    if port.is_some_and(|port| port != own_port) {
        return Err(reader.error("clientPort", "this server's server.N line differs", remedy));
    }
    let wildcard = |host: &str| matches!(host, "0.0.0.0" | "::");
    match &address {
        Some(host) if !wildcard(host) && *host != own_host => {
            Err(reader.error("clientPortAddress", "this server's server.N line differs", remedy))
        }
        _ => Ok((own_port, Some(own_host))),
    }
}

/// Checks that this server is to stand alone, which is all that there is so far.
pub(super) fn alone(reader: &Reader, myid: Option<ServerId>) -> Result<(), ConfigError> {
    reader.number("electionAlg", 3, 3..=3)?;
    let kind = reader.text("peerType").unwrap_or("participant");
    if !["participant", "observer"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        let remedy = "write peerType=participant or peerType=observer";
        return Err(reader.error("peerType", "no such role", remedy));
    }
    let members = members::read(reader, reader.flag("multiAddress.enabled", false)?)?;
    let voters = members.values().filter(|member| member.vote == Vote::Participant).count();
    let may_stand_alone = reader.flag("standaloneEnabled", true)?;
    let file = &reader.file;
    match (members.len(), voters) {
        (0, _) => Ok(()),
        (_, 0) => Err(whole(file, "observers without a participant", "add a voting server.N")),
        (1, 1) if may_stand_alone => Ok(()),
        (_, 1) if may_stand_alone => {
            let remedy = "write standaloneEnabled=false, or add participants";
            Err(whole(file, "one participant stands alone, and observers need a quorum", remedy))
        }
        _ => Err(ensemble(reader, &members, myid)?),
    }
}

/// Checks what an ensemble needs, and says that there is none yet.
fn ensemble(
    reader: &Reader,
    members: &BTreeMap<ServerId, Member>,
    myid: Option<ServerId>,
) -> Result<ConfigError, ConfigError> {
    for key in ["initLimit", "syncLimit"] {
        if reader.number(key, 0, 0..=i64::from(i32::MAX))? == 0 {
            let remedy = format!("write for example {key}=10");
            return Err(reader.error(key, &format!("{key} is missing"), &remedy));
        }
    }
    if !myid.is_some_and(|id| members.contains_key(&id)) {
        let remedy = "write the N of this server's line into dataDir/myid";
        return Err(whole(&reader.file, "myid names none of the servers", remedy));
    }
    let why = "ensembles of several servers come with a later version";
    Ok(whole(&reader.file, why, "leave one server.N line, or none"))
}

/// Reads the first line of `myid`, if there is such a file.
pub(super) fn read_myid(data_dir: &Path) -> Result<Option<ServerId>, ConfigError> {
    let path = data_dir.join("myid");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let why = format!("cannot be read: {error}");
            return Err(whole(&path.display().to_string(), &why, "make the file readable"));
        }
    };
    match text.lines().next().unwrap_or("").trim().parse() {
        Ok(id) => Ok(Some(ServerId(id))),
        Err(_) => {
            let name = path.display().to_string();
            Err(whole(&name, "the first line is not a number", "write this server's number"))
        }
    }
}
