//! How the shell shows things: as zkCli does, to the letter.

use std::io::Write;

use jute::records::{Acl, ErrorCode, Perms, Stat};

use crate::client::{Error, WatchedEvent};

/// Prints a line of an answer. Whoever closed the other end does not want to read more.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line that is no answer: what went wrong, and what was created.
pub(super) fn remark(text: &str) {
    let _ = std::io::stdout().lock().flush();
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A Stat, one field a line.
///
/// Unlike ZooKeeper, which shows times in the zone of the machine, they are in UTC.
pub(super) fn stat(stat: &Stat) -> String {
    let lines = [
        format!("cZxid = 0x{:x}", stat.czxid.0),
        format!("ctime = {}", server::date(stat.ctime)),
        format!("mZxid = 0x{:x}", stat.mzxid.0),
        format!("mtime = {}", server::date(stat.mtime)),
        format!("pZxid = 0x{:x}", stat.pzxid.0),
        format!("cversion = {}", stat.cversion),
        format!("dataVersion = {}", stat.version),
        format!("aclVersion = {}", stat.aversion),
        format!("ephemeralOwner = 0x{:x}", stat.ephemeral_owner),
        format!("dataLength = {}", stat.data_length),
        format!("numChildren = {}", stat.num_children),
    ];
    lines.join("\n")
}

/// A node's data: text, or `null`.
pub(super) fn data(data: Option<&[u8]>) -> String {
    data.map_or("null".to_owned(), |data| String::from_utf8_lossy(data).into_owned())
}

/// Names or paths: `[a, b, c]`.
pub(super) fn list(names: &[String]) -> String {
    format!("[{}]", names.join(", "))
}

/// An ACL, two lines for each entry.
pub(super) fn acl(acl: &[Acl]) -> String {
    let entry = |Acl { perms, id }: &Acl| {
        format!("'{},'{}\n: {}", id.scheme, id.id, Perms::to_string(perms))
    };
    acl.iter().map(entry).collect::<Vec<_>>().join("\n")
}

/// A watch event or a change of the session's state.
pub(super) fn event(event: &WatchedEvent) -> String {
    format!("\nWATCHER::\n\n{event}")
}

/// The servers that clients may use, of a configuration: its version, and their addresses.
/// ZooKeeper: `ConfigUtils.getClientConfigStr`.
pub(super) fn client_config(config: &str) -> String {
    let mut version = "";
    let mut servers = Vec::new();
    for line in config.lines() {
        match line.split_once('=') {
            Some(("version", number)) => version = number,
            Some((key, value)) if key.starts_with("server.") => {
                let address = value.split_once(';').map(|(_, address)| address);
                let host = value.rsplit_once(';').map_or("", |(quorum, _)| quorum);
                servers.extend(address.map(|address| match address.contains(':') {
                    true => address.to_owned(),
                    false => format!("{}:{address}", host.split(':').next().unwrap_or_default()),
                }));
            }
            _ => {}
        }
    }
    format!("{version} {}", servers.join(","))
}

/// Why a request about a path failed. ZooKeeper: `CliWrapperException.getMessage`.
pub(super) fn error(error: &Error, path: &str) -> String {
    let code = match error {
        Error::Code(code) => code,
        other => return other.to_string(),
    };
    match code {
        ErrorCode::NoNode => format!("Node does not exist: {path}"),
        ErrorCode::NoChildrenForEphemerals => format!("Ephemerals cannot have children: {path}"),
        ErrorCode::NodeExists => format!("Node already exists: {path}"),
        ErrorCode::NotEmpty => format!("Node not empty: {path}"),
        ErrorCode::NotReadOnly => format!("Not a read-only call: {path}"),
        ErrorCode::InvalidAcl => format!("Acl is not valid : {path}"),
        ErrorCode::NoAuth => format!("Insufficient permission : {path}"),
        ErrorCode::BadArguments => format!("Arguments are not valid : {path}"),
        ErrorCode::BadVersion => format!("version No is not valid : {path}"),
        ErrorCode::QuotaExceeded => format!("Quota has exceeded : {path}"),
        ErrorCode::ReconfigInProgress => "Another reconfiguration is in progress -- concurrent \
             reconfigs not supported (yet)"
            .to_owned(),
        ErrorCode::NewConfigNoQuorum => "No quorum of new config is connected and up-to-date with \
             the leader of last commmitted config - try invoking reconfiguration after new servers \
             are connected and synced"
            .to_owned(),
        code if path.is_empty() => format!("KeeperErrorCode = {}", code_name(*code)),
        code => format!("KeeperErrorCode = {} for {path}", code_name(*code)),
    }
}

/// ZooKeeper: `KeeperException.getCodeMessage`.
fn code_name(code: ErrorCode) -> String {
    match code {
        ErrorCode::SessionExpired => "Session expired".to_owned(),
        ErrorCode::SessionMoved => "Session moved".to_owned(),
        ErrorCode::EphemeralOnLocalSession => "Ephemeral node on local session".to_owned(),
        ErrorCode::NoWatcher => "No such watcher".to_owned(),
        ErrorCode::ReconfigDisabled => "Reconfig is disabled".to_owned(),
        ErrorCode::SessionClosedRequireAuth => {
            "Session closed because client failed to authenticate".to_owned()
        }
        ErrorCode::ThrottledOp => "Op throttled due to high load".to_owned(),
        code => code.to_string(),
    }
}
