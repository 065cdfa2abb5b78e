//! Requests: what a client sends after the header.
//!
//! Book: chapter 15. The numbers of the operations are in [`OpCode`](super::OpCode).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};
use zxid::{SessionId, Zxid};

use super::Acl;

/// The first frame of a connection. Old clients leave `read_only` out: it is read apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectRequest<'a> {
    /// Always 0, and not looked at.
    pub protocol_version: i32,
    /// The highest zxid that the client has seen, 0 if none.
    pub last_zxid_seen: i64,
    /// The session timeout that the client would like, in ms.
    pub timeout: i32,
    /// The session to go on with; 0 for a new one.
    pub session_id: SessionId,
    /// The password of that session: 16 bytes.
    #[serde(borrow, with = "serde_bytes")]
    pub password: Option<&'a [u8]>,
}

/// What precedes every request but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHeader {
    /// The client's number for this request, which the answer repeats.
    pub xid: i32,
    /// The operation.
    pub op: i32,
}

/// create, create2, createContainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateRequest<'a> {
    /// Where. A sequential node gets a number appended.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The data; null and empty are kept apart.
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// Who may do what with the node. Null reads as empty.
    #[serde(deserialize_with = "null_as_default")]
    pub acl: Vec<Acl>,
    /// The mode: 0 persistent, 1 ephemeral, 2 sequential, 3 both, 4 container, 5 and 6 TTL.
    pub flags: i32,
}

/// createTTL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTtlRequest<'a> {
    /// As in [`CreateRequest`].
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// As in [`CreateRequest`].
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// As in [`CreateRequest`].
    #[serde(deserialize_with = "null_as_default")]
    pub acl: Vec<Acl>,
    /// As in [`CreateRequest`].
    pub flags: i32,
    /// For how many ms after its last change an empty node is kept.
    pub ttl: i64,
}

/// delete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteRequest<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The version that it must have; -1 for any.
    pub version: i32,
}

/// exists, getData, getChildren, getChildren2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadRequest<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// Whether to leave a watch.
    pub watch: bool,
}

/// setData.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetDataRequest<'a> {
    /// Which node. Null reads as "", which is no valid path.
    #[serde(borrow, deserialize_with = "null_as_empty")]
    pub path: Cow<'a, str>,
    /// The new data; null and empty are kept apart.
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// The version that it must have; -1 for any.
    pub version: i32,
}

/// setACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetAclRequest<'a> {
    /// Which node. Null reads as "", which is no valid path.
    #[serde(borrow, deserialize_with = "null_as_empty")]
    pub path: Cow<'a, str>,
    /// The new list. Null reads as empty.
    #[serde(deserialize_with = "null_as_default")]
    pub acl: Vec<Acl>,
    /// The version of the ACL that it must have; -1 for any.
    pub version: i32,
}

/// check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckVersionRequest<'a> {
    /// Which node. Null reads as "", which is no valid path.
    #[serde(borrow, deserialize_with = "null_as_empty")]
    pub path: Cow<'a, str>,
    /// The version that it must have; -1 for any.
    pub version: i32,
}

/// getACL, getAllChildrenNumber: a request with nothing but a path. Also what `deleteContainer`
/// would carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathRequest<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
}

/// sync, getEphemerals: a path, or null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaybePathRequest<'a> {
    /// Which node, or which prefix.
    #[serde(borrow)]
    pub path: Option<Cow<'a, str>>,
}

/// addWatch, checkWatches, removeWatches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchRequest<'a> {
    /// Which path.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// addWatch: 0 persistent, 1 recursive. Else 1 children, 2 data, 3 any, 4 persistent,
    /// 5 persistent recursive.
    pub kind: i32,
}

/// setWatches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetWatches<'a> {
    /// The zxid up to which the client knows what happened.
    pub relative_zxid: i64,
    /// Paths with a watch left by getData.
    #[serde(borrow)]
    pub data: Vec<Cow<'a, str>>,
    /// Paths with a watch left by exists, when there was no node.
    #[serde(borrow)]
    pub exist: Vec<Cow<'a, str>>,
    /// Paths with a watch left by getChildren.
    #[serde(borrow)]
    pub child: Vec<Cow<'a, str>>,
}

/// setWatches2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetWatches2<'a> {
    /// What setWatches carries too.
    #[serde(borrow)]
    pub one_shot: SetWatches<'a>,
    /// Paths with a persistent watch.
    #[serde(borrow)]
    pub persistent: Vec<Cow<'a, str>>,
    /// Paths with a persistent recursive watch.
    #[serde(borrow)]
    pub recursive: Vec<Cow<'a, str>>,
}

/// auth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuthPacket<'a> {
    /// Always 0, and not looked at.
    pub kind: i32,
    /// The scheme. Null reads as "", which no rule accepts.
    #[serde(borrow, deserialize_with = "null_as_empty")]
    pub scheme: Cow<'a, str>,
    /// The credentials, in the terms of the scheme.
    #[serde(borrow, with = "serde_bytes")]
    pub auth: Option<&'a [u8]>,
}

/// sasl, both ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaslToken<'a> {
    /// The token.
    #[serde(borrow, with = "serde_bytes")]
    pub token: Option<&'a [u8]>,
}

/// reconfig.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReconfigRequest<'a> {
    /// Servers to add or change: `server.N=...`, separated by commas.
    #[serde(borrow)]
    pub joining: Option<Cow<'a, str>>,
    /// Ids of servers to remove, separated by commas.
    #[serde(borrow)]
    pub leaving: Option<Cow<'a, str>>,
    /// A whole new list, in place of the two.
    #[serde(borrow)]
    pub members: Option<Cow<'a, str>>,
    /// The version of the configuration to be changed; -1 for any.
    pub config_id: i64,
}

/// What precedes each part of a multi, both ways: 9 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiHeader {
    /// The operation; -1 for a failed part and for the end.
    pub op: i32,
    /// Whether this is the end, after which nothing follows.
    pub done: bool,
    /// The part's error; -1 in requests and at the end.
    pub err: i32,
}

impl MultiHeader {
    /// What stands after the last part.
    pub const END: MultiHeader = MultiHeader { op: -1, done: true, err: -1 };
}

/// The zxid of [`SetWatches::relative_zxid`] as a [`Zxid`]; a negative one counts as 0.
pub fn zxid_from_wire(zxid: i64) -> Zxid {
    Zxid(zxid.max(0) as u64)
}

/// Reads null as "". Unlike an `Option<Cow<str>>` of serde's, it borrows.
fn null_as_empty<'de: 'a, 'a, D>(deserializer: D) -> Result<Cow<'a, str>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    Ok(Option::<Text<'a>>::deserialize(deserializer)?.map(|Text(text)| text).unwrap_or_default())
}

/// Reads null as the type's empty value.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
