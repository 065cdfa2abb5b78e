//! Which server this is: its number, and where its clients connect.
//!
//! ZooKeeper: `QuorumPeerConfig.setupQuorumPeerConfig`.

use std::fs;
use std::path::Path;

use zxid::ServerId;

use super::members;
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
