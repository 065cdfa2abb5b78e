//! The commands of the shell: what they are called, what they take, and how a line becomes one.
//!
//! The names, options and words are those of zkCli, so that fingers and scripts need not learn.
//! Parsing needs no server. ZooKeeper: `org.apache.zookeeper.cli`.

use bytes::Bytes;
use jute::records::Acl;

use super::acl::read_acl;
use super::line::path_trouble;
use super::options::Options;
use crate::client::{CreateMode, Operation, Reconfiguration, WatchKind};

/// Every command, with what it takes, in the order in which `help` lists them.
pub(super) const USAGES: &[(&str, &str)] = &[
    (
        "addWatch",
        "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is PERSISTENT_RECURSIVE",
    ),
    ("addauth", "scheme auth"),
    ("close", ""),
    ("config", "[-c] [-w] [-s]"),
    ("connect", "host:port"),
    ("create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]"),
    ("delete", "[-v version] path"),
    ("deleteall", "path [-b batch size]"),
    ("delquota", "[-n|-b|-N|-B] path"),
    ("get", "[-s] [-w] path"),
    ("getAcl", "[-s] path"),
    ("getAllChildrenNumber", "path"),
    ("getEphemerals", "path"),
    ("help", ""),
    ("history", ""),
    ("listquota", "path"),
    ("ls", "[-s] [-w] [-R] path"),
    ("printwatches", "on|off"),
    ("quit", ""),
    (
        "reconfig",
        "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]",
    ),
    ("redo", "cmdno"),
    ("removewatches", "path [-c|-d|-a] [-l]"),
    ("set", "[-s] [-v version] path data"),
    ("setAcl", "[-s] [-v version] [-R] path acl"),
    ("setquota", "-n|-b|-N|-B val path"),
    ("stat", "[-w] path"),
    ("sync", "path"),
    ("version", ""),
    ("whoami", ""),
];

/// What a user wants.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    AddAuth { scheme: String, auth: String },
    AddWatch { path: String, recursive: bool },
    Close,
    Config { clients: bool, watch: bool, stat: bool },
    Connect { servers: Option<String> },
    Create { path: String, data: Option<String>, acl: Vec<Acl>, mode: CreateMode, ttl: i64 },
    Delete { path: String, version: i32 },
    DeleteAll { path: String, batch: usize },
    DelQuota { path: String, limit: Option<Limit> },
    Get { path: String, stat: bool, watch: bool },
    GetAcl { path: String, stat: bool },
    CountDescendants { path: String },
    GetEphemerals { path: String },
    Help,
    History,
    ListQuota { path: String },
    Ls { path: String, stat: bool, watch: bool, recursive: bool },
    PrintWatches(Option<bool>),
    Quit,
    Reconfig { change: Reconfiguration, file: Option<String>, stat: bool },
    Redo(usize),
    RemoveWatches { path: String, kind: WatchKind, local: bool },
    Set { path: String, data: String, version: i32, stat: bool },
    SetAcl { path: String, acl: Vec<Acl>, version: i32, stat: bool, recursive: bool },
    SetQuota { path: String, limit: Limit, value: i64 },
    Stat { path: String, watch: bool },
    Sync { path: String },
    Version,
    WhoAmI,
}

impl Command {
    /// The one write that it asks for; nothing if it asks for another thing, or for several.
    pub(super) fn write(&self) -> Option<Operation> {
        match self.clone() {
            Command::Create { path, data, acl, mode, ttl } => {
                let data = data.map(Bytes::from);
                Some(Operation::Create { path, data, acl, mode, ttl, stat: false })
            }
            Command::Delete { path, version } => Some(Operation::Delete { path, version }),
            Command::Set { path, data, version, .. } => {
                let data = Some(Bytes::from(data));
                Some(Operation::SetData { path, data, version })
            }
            Command::SetAcl { path, acl, version, recursive: false, .. } => {
                Some(Operation::SetAcl { path, acl, version })
            }
            _ => None,
        }
    }
}

/// One of the four limits of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Count,
    Bytes,
    HardCount,
    HardBytes,
}

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such command.
    Unknown(String),
    /// This is how the command is used.
    Usage(String),
    /// An option is not known, lacks its value, or excludes another.
    Option(String),
    /// A word is not what it should be.
    Text(String),
    /// A path is none.
    Path(String),
}

/// How a command is used: its name and what it takes.
pub(super) fn usage(name: &str) -> Option<String> {
    let (name, takes) = USAGES.iter().find(|(known, _)| *known == name)?;
    Some(format!("{name} {takes}"))
}

/// Reads a command from its words, of which there is at least one. What a deprecated form should
/// have been is added to `notes`.
pub(super) fn parse(words: &[String], notes: &mut Vec<String>) -> Result<Command, Wrong> {
    let [name, rest @ ..] = words else { return Err(Wrong::Unknown(String::new())) };
    let wrong_use = || Wrong::Usage(usage(name).unwrap_or_default());
    match name.as_str() {
        "addWatch"
        | "get"
        | "ls"
        | "stat"
        | "getAcl"
        | "getAllChildrenNumber"
        | "getEphemerals"
        | "sync"
        | "removewatches" => parse_reading(name, rest, notes),
        "create" | "delete" | "deleteall" | "set" | "setAcl" => parse_writing(name, rest, notes),
        "delquota" | "listquota" | "setquota" => parse_quota(name, rest),
        "addauth" => match Options::parse(rest, "")?.words.as_slice() {
            [scheme, auth @ ..] => {
                let auth = auth.first().cloned().unwrap_or_default();
                Ok(Command::AddAuth { scheme: scheme.clone(), auth })
            }
            [] => Err(wrong_use()),
        },
        "config" => {
            let options = Options::parse(rest, "cws")?;
            let (clients, watch) = (options.has('c'), options.has('w'));
            Ok(Command::Config { clients, watch, stat: options.has('s') })
        }
        "connect" => Ok(Command::Connect { servers: rest.first().cloned() }),
        "printwatches" => match rest {
            [] => Ok(Command::PrintWatches(None)),
            [switch, ..] if switch == "on" => Ok(Command::PrintWatches(Some(true))),
            [switch, ..] if switch == "off" => Ok(Command::PrintWatches(Some(false))),
            _ => Err(wrong_use()),
        },
        "reconfig" => parse_reconfig(rest),
        "redo" => match rest.first().map(|number| number.parse()) {
            Some(Ok(number)) => Ok(Command::Redo(number)),
            Some(Err(_)) | None => Err(wrong_use()),
        },
        "close" => Ok(Command::Close),
        "help" => Ok(Command::Help),
        "history" => Ok(Command::History),
        "quit" => Ok(Command::Quit),
        "version" => Ok(Command::Version),
        "whoami" => Ok(Command::WhoAmI),
        _ => Err(Wrong::Unknown(name.clone())),
    }
}

fn parse_reading(name: &str, rest: &[String], notes: &mut Vec<String>) -> Result<Command, Wrong> {
    let wrong_use = || Wrong::Usage(usage(name).unwrap_or_default());
    let known = match name {
        "addWatch" => "m:",
        "get" => "sw",
        "ls" => "swR",
        "stat" => "w",
        "getAcl" => "s",
        "removewatches" => "cdal",
        _ => "",
    };
    let options = Options::parse(rest, known)?;
    let path = match options.words.first() {
        Some(path) => valid(path)?,
        None if name == "getEphemerals" => "/".to_owned(),
        None => return Err(wrong_use()),
    };
    let old = options.words.len() > 1 && matches!(name, "get" | "ls" | "stat");
    if old {
        let form = if name == "get" { "get [-s] [-w] path" } else { &format!("{name} [-w] path") };
        notes.push(format!(
            "'{name} path [watch]' has been deprecated. Please use '{form}' instead."
        ));
    }
    let (stat, watch) = (options.has('s'), options.has('w') || old);
    Ok(match name {
        "addWatch" => match options.value('m').unwrap_or("PERSISTENT_RECURSIVE") {
            "PERSISTENT" => Command::AddWatch { path, recursive: false },
            "PERSISTENT_RECURSIVE" => Command::AddWatch { path, recursive: true },
            _ => return Err(wrong_use()),
        },
        "get" => Command::Get { path, stat, watch },
        "ls" => Command::Ls { path, stat, watch, recursive: options.has('R') },
        "stat" => Command::Stat { path, watch },
        "getAcl" => Command::GetAcl { path, stat },
        "getAllChildrenNumber" => Command::CountDescendants { path },
        "getEphemerals" => Command::GetEphemerals { path },
        "sync" => Command::Sync { path },
        _ => {
            let kind = match options.one_of("cda")? {
                Some('c') => WatchKind::Children,
                Some('d') => WatchKind::Data,
                _ => WatchKind::Any,
            };
            Command::RemoveWatches { path, kind, local: options.has('l') }
        }
    })
}

fn parse_writing(name: &str, rest: &[String], notes: &mut Vec<String>) -> Result<Command, Wrong> {
    let wrong_use = || Wrong::Usage(usage(name).unwrap_or_default());
    let known = match name {
        "create" => "sect:",
        "delete" => "v:",
        "deleteall" => "b:",
        "set" => "sv:",
        _ => "sv:R",
    };
    let options = Options::parse(rest, known)?;
    let words = options.words.as_slice();
    let path = words.first().ok_or_else(wrong_use)?;
    if name == "create" {
        return parse_create(path, words, &options);
    }
    let path = valid(path)?;
    let mut version: i32 = options.number('v', "version")?.unwrap_or(-1);
    let stat = options.has('s');
    // Old forms have the version at the end.
    let last = match (name, words) {
        ("delete", [_, last, ..]) => Some((last, "delete path", "delete [-v version] path")),
        ("set", [_, _, last, ..]) => Some((last, "set path data", "set [-v version] path data")),
        _ => None,
    };
    if let Some((last, old, new)) = last {
        notes.push(format!("'{old} [version]' has been deprecated. Please use '{new}' instead."));
        version = last.parse().map_err(|_| wrong_use())?;
    }
    match (name, words) {
        ("delete", _) => Ok(Command::Delete { path, version }),
        ("deleteall", _) => {
            let batch = options.number('b', "batch size")?.unwrap_or(1000).max(1);
            Ok(Command::DeleteAll { path, batch })
        }
        ("set", [_, data, ..]) => Ok(Command::Set { path, data: data.clone(), version, stat }),
        ("setAcl", [_, acl, ..]) => {
            let acl = read_acl(acl).map_err(Wrong::Text)?;
            Ok(Command::SetAcl { path, acl, version, stat, recursive: options.has('R') })
        }
        _ => Err(wrong_use()),
    }
}

fn parse_create(path: &str, words: &[String], options: &Options) -> Result<Command, Wrong> {
    let text = |text: &str| Err(Wrong::Text(text.to_owned()));
    let (sequential, ephemeral) = (options.has('s'), options.has('e'));
    let (container, ttl) = (options.has('c'), options.value('t'));
    if container && (sequential || ephemeral) {
        return text(
            "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.",
        );
    } else if ttl.is_some() && ephemeral {
        return text("TTLs cannot be used with Ephemeral znodes");
    } else if ttl.is_some() && container {
        return text("TTLs cannot be used with Container znodes");
    }
    let ttl: Option<i64> = match ttl.map(str::parse) {
        Some(Err(_)) => return text("-t argument must be a long value"),
        Some(Ok(ttl)) => Some(ttl),
        None => None,
    };
    let mode = match (container, ttl.is_some(), ephemeral, sequential) {
        (true, ..) => CreateMode::Container,
        (_, true, _, false) => CreateMode::PersistentWithTtl,
        (_, true, _, true) => CreateMode::PersistentSequentialWithTtl,
        (_, _, true, false) => CreateMode::Ephemeral,
        (_, _, true, true) => CreateMode::EphemeralSequential,
        (_, _, false, true) => CreateMode::PersistentSequential,
        (_, _, false, false) => CreateMode::Persistent,
    };
    // A sequential node may be asked for as `/queue/`: its number is its name.
    valid(&if sequential { format!("{path}1") } else { path.to_owned() })?;
    let acl = match words.get(2) {
        Some(acl) => read_acl(acl).map_err(Wrong::Text)?,
        None => Acl::open(),
    };
    let (path, data) = (path.to_owned(), words.get(1).cloned());
    Ok(Command::Create { path, data, acl, mode, ttl: ttl.unwrap_or(-1) })
}

fn parse_quota(name: &str, rest: &[String]) -> Result<Command, Wrong> {
    let known = match name {
        "delquota" => "nbNB",
        "setquota" => "n:b:N:B:",
        _ => "",
    };
    let options = Options::parse(rest, known)?;
    let letter = options.one_of("nbNB")?;
    let path = match options.words.first() {
        Some(path) => valid(path)?,
        None => return Err(Wrong::Usage(usage(name).unwrap_or_default())),
    };
    let limit = letter.map(|letter| match letter {
        'n' => Limit::Count,
        'b' => Limit::Bytes,
        'N' => Limit::HardCount,
        _ => Limit::HardBytes,
    });
    match (name, limit, letter) {
        ("listquota", ..) => Ok(Command::ListQuota { path }),
        ("delquota", ..) => Ok(Command::DelQuota { path, limit }),
        (_, Some(limit), Some(letter)) => {
            let value = options.number(letter, "a quota")?.unwrap_or(-1);
            Ok(Command::SetQuota { path, limit, value })
        }
        _ => Err(Wrong::Option(
            "Missing required option: [-n num soft quota, -b bytes soft quota, -N num hard quota, \
             -B bytes hard quota]"
                .to_owned(),
        )),
    }
}

/// `reconfig` alone has options of several letters.
fn parse_reconfig(rest: &[String]) -> Result<Command, Wrong> {
    let wrong_use = || Wrong::Usage(usage("reconfig").unwrap_or_default());
    let mut change = Reconfiguration { version: -1, ..Reconfiguration::default() };
    let (mut file, mut stat) = (None, false);
    let add = |list: &mut Option<String>, more: &str| match list {
        Some(list) => {
            list.push(',');
            list.push_str(more);
        }
        None => *list = Some(more.to_owned()),
    };
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        if word == "-s" {
            stat = true;
            continue;
        }
        let value = words.next().ok_or_else(wrong_use)?;
        match word.as_str() {
            // A server is written as in zoo.cfg, with or without `server.` before it.
            "-add" => {
                for server in value.split(',') {
                    let server = server.trim_start_matches("server.");
                    add(&mut change.joining, &format!("server.{server}"));
                }
            }
            "-remove" => add(&mut change.leaving, value),
            "-members" => add(&mut change.members, value),
            "-file" => file = Some(value.clone()),
            // The version is written as it is shown: in hexadecimal.
            "-v" => {
                change.version = i64::from_str_radix(value, 16).map_err(|_| wrong_use())?;
            }
            _ => return Err(wrong_use()),
        }
    }
    let steps = change.joining.is_some() || change.leaving.is_some();
    let whole = usize::from(change.members.is_some()) + usize::from(file.is_some());
    match usize::from(steps) + whole {
        1 => Ok(Command::Reconfig { change, file, stat }),
        _ => Err(wrong_use()),
    }
}

fn valid(path: &str) -> Result<String, Wrong> {
    match path_trouble(path) {
        Some(trouble) => Err(Wrong::Path(trouble)),
        None => Ok(path.to_owned()),
    }
}
