//! The election port's bytes.
//!
//! The side that opens a connection sends one initial message, without a length. All that follows,
//! in both directions, has a length of four bytes in front. All numbers are big-endian.
//!
//! Always true:
//! - what cannot be read is an error, and nothing is allocated for more than has arrived;
//! - a message of version 2, or an initial message, is written as it was read, byte for byte.
//!
//! Book: chapter 8. ZooKeeper: `QuorumCnxManager.InitialMessage`, `FastLeaderElection.buildMsg`.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use zxid::{ServerId, Zxid};

use crate::message::Notification;
use crate::port::Initial;
use crate::vote::{ServerState, Vote};

/// The longest message, in bytes, without its length.
pub const MESSAGE_LIMIT: usize = 524_288;

/// The longest list of addresses in an initial message, in bytes.
pub const ADDRESS_LIMIT: usize = 2_048;

/// An initial message with one address.
const ONE_ADDRESS: i64 = -65_536;

/// An initial message with several.
const SEVERAL_ADDRESSES: i64 = -65_535;

/// The shortest notification: of servers before ZooKeeper 3.4.
const SHORTEST: usize = 28;

/// A notification with an epoch, of servers before ZooKeeper 3.5.
const WITH_EPOCH: usize = 40;

/// Why bytes could not be read. All but the last four end the connection; those are about one
/// message, which is skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// A message says that it is so long.
    Length(i32),
    /// An initial message has no version that we know.
    Initial(i64),
    /// Its list of addresses says that it is so long.
    AddressLength(i32),
    /// One of them is not `host:port`.
    Address(String),
    /// A notification has only so many bytes.
    Short(usize),
    /// Its sender is in a state that does not exist.
    State(i32),
    /// Its config says that it is so long.
    ConfigLength(i32),
    /// It ends before its config does.
    Truncated,
}

impl WireError {
    /// Whether the connection is of no use any more.
    pub fn is_fatal(&self) -> bool {
        match self {
            WireError::Length(_)
            | WireError::Initial(_)
            | WireError::AddressLength(_)
            | WireError::Address(_) => true,
            WireError::Short(_)
            | WireError::State(_)
            | WireError::ConfigLength(_)
            | WireError::Truncated => false,
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Length(length) => write!(f, "a message cannot be {length} bytes long"),
            WireError::Initial(version) => {
                write!(f, "there is no version {version} of the initial message")
            }
            WireError::AddressLength(length) => {
                write!(f, "addresses cannot be {length} bytes long")
            }
            WireError::Address(address) => write!(f, "{address:?} is not host:port"),
            WireError::Short(length) => write!(f, "a notification of {length} bytes is too short"),
            WireError::State(state) => write!(f, "there is no server state {state}"),
            WireError::ConfigLength(length) => {
                write!(f, "the config cannot be {length} bytes long")
            }
            WireError::Truncated => write!(f, "the notification ends before its config does"),
        }
    }
}

impl std::error::Error for WireError {}

/// Cuts one message off the front of what has arrived, without its length; none if it has not
/// arrived completely.
pub fn cut_message(arrived: &mut BytesMut) -> Result<Option<Bytes>, WireError> {
    let Some(length) = arrived.first_chunk().map(|bytes| i32::from_be_bytes(*bytes)) else {
        return Ok(None);
    };
    let Some(length) = within(length, MESSAGE_LIMIT) else { return Err(WireError::Length(length)) };
    if arrived.len() < 4 + length {
        return Ok(None);
    }
    arrived.advance(4);
    Ok(Some(arrived.split_to(length).freeze()))
}

/// Cuts an initial message off the front of what has arrived; none if it has not arrived
/// completely.
pub fn cut_initial(arrived: &mut BytesMut) -> Result<Option<Initial>, WireError> {
    let mut rest = &arrived[..];
    let Ok(version) = rest.try_get_i64() else { return Ok(None) };
    // Servers before 3.5 begin with their id.
    if version >= 0 {
        arrived.advance(8);
        return Ok(Some(Initial {
            server: ServerId(version),
            addresses: Vec::new(),
            several: false,
        }));
    }
    if version != ONE_ADDRESS && version != SEVERAL_ADDRESSES {
        return Err(WireError::Initial(version));
    }
    let (Ok(server), Ok(length)) = (rest.try_get_i64(), rest.try_get_i32()) else {
        return Ok(None);
    };
    let Some(size) = within(length, ADDRESS_LIMIT) else {
        return Err(WireError::AddressLength(length));
    };
    let Some(text) = rest.get(..size) else { return Ok(None) };
    let text = String::from_utf8_lossy(text);
    let addresses: Vec<String> = text.split('|').map(str::to_owned).collect();
    if let Some(bad) = addresses.iter().find(|address| !is_host_and_port(address)) {
        return Err(WireError::Address(bad.clone()));
    }
    arrived.advance(20 + size);
    let several = version == SEVERAL_ADDRESSES;
    Ok(Some(Initial { server: ServerId(server), addresses, several }))
}

/// Appends an initial message.
pub fn append_initial(out: &mut Vec<u8>, initial: &Initial) {
    if initial.addresses.is_empty() {
        return out.put_i64(initial.server.0);
    }
    let text = initial.addresses.join("|");
    assert!(text.len() <= ADDRESS_LIMIT, "a server's addresses fit into its initial message");
    out.put_i64(if initial.several { SEVERAL_ADDRESSES } else { ONE_ADDRESS });
    out.put_i64(initial.server.0);
    out.put_i32(text.len() as i32);
    out.extend_from_slice(text.as_bytes());
}

/// Those of a server's addresses at which it can be reached: others than "all of this host".
pub fn reachable(addresses: &[String]) -> Vec<String> {
    let wildcard = |host: &str| matches!(host, "0.0.0.0" | "[::]" | "[0:0:0:0:0:0:0:0]");
    let named = |address: &&String| address.rsplit_once(':').is_some_and(|it| !wildcard(it.0));
    addresses.iter().filter(named).cloned().collect()
}

/// Reads a notification, without its length.
pub fn read_notification(message: &Bytes) -> Result<Notification, WireError> {
    if message.len() < SHORTEST {
        return Err(WireError::Short(message.len()));
    }
    let mut rest = message.clone();
    let state = rest.get_i32();
    let (leader, zxid, round) = (ServerId(rest.get_i64()), Zxid(rest.get_u64()), rest.get_i64());
    let state = ServerState::from_number(state).ok_or(WireError::State(state))?;
    let epoch = match message.len() {
        SHORTEST => i64::from(zxid.epoch()),
        _ => rest.try_get_i64().map_err(|_| WireError::Short(message.len()))?,
    };
    // As ZooKeeper does, a message of this length is read without its version.
    let version = match message.len() {
        SHORTEST | WITH_EPOCH => 0,
        length => rest.try_get_i32().map_err(|_| WireError::Short(length))?,
    };
    let config = if version > 1 { read_config(rest, message.len())? } else { Bytes::new() };
    let vote = Vote { leader, zxid, epoch };
    Ok(Notification { state, vote, round, version, config })
}

fn read_config(mut rest: Bytes, limit: usize) -> Result<Bytes, WireError> {
    let length = rest.try_get_i32().map_err(|_| WireError::Truncated)?;
    let size = usize::try_from(length).ok().filter(|size| *size <= limit);
    let size = size.ok_or(WireError::ConfigLength(length))?;
    if rest.len() < size {
        return Err(WireError::Truncated);
    }
    Ok(rest.split_to(size))
}

/// Appends a notification with its length. Before version 2 it has no config.
pub fn append_notification(out: &mut Vec<u8>, notification: &Notification) {
    let Notification { state, vote, round, version, config } = notification;
    let tail = if *version > 1 { 4 + config.len() } else { 0 };
    assert!(WITH_EPOCH + tail <= MESSAGE_LIMIT, "the text of all members fits into a message");
    out.put_i32((WITH_EPOCH + tail) as i32);
    out.put_i32(*state as i32);
    out.put_i64(vote.leader.0);
    out.put_u64(vote.zxid.0);
    out.put_i64(*round);
    out.put_i64(vote.epoch);
    out.put_i32(*version);
    if *version > 1 {
        out.put_i32(config.len() as i32);
        out.extend_from_slice(config);
    }
}

/// A length, if it is at least 1 and at most `limit`.
fn within(length: i32, limit: usize) -> Option<usize> {
    usize::try_from(length).ok().filter(|length| (1..=limit).contains(length))
}

/// Whether text is `host:port`. The host is in brackets if it has colons in it.
fn is_host_and_port(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = match bare {
        Some(inner) => !inner.is_empty() && !inner.contains(['[', ']']),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    named && port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok()
}
