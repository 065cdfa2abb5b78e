//! Answers: what a server sends after the header.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zxid::SessionId;

use super::{Acl, Stat};

/// The answer to a [`ConnectRequest`](super::ConnectRequest). A refused session has timeout and id
/// 0. The `read_only` byte follows only if the client sent its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectResponse<'a> {
    /// Always 0.
    pub protocol_version: i32,
    /// The session timeout that was agreed, in ms; 0 or less says that the session is gone.
    pub timeout: i32,
    /// The session.
    pub session_id: SessionId,
    /// Its password, 16 bytes.
    #[serde(borrow, with = "serde_bytes")]
    pub password: &'a [u8],
}

/// What precedes every answer but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyHeader {
    /// The number of the request; -1 for a watch event, -2 for a ping.
    pub xid: i32,
    /// The server's last applied transaction at that moment; a write's own.
    pub zxid: i64,
    /// 0, or why it failed: see [`ErrorCode`](super::ErrorCode).
    pub err: i32,
}

/// create, sync: a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathResponse<'a> {
    /// The path.
    #[serde(borrow)]
    pub path: Option<Cow<'a, str>>,
}

/// create2, createContainer, createTTL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Create2Response<'a> {
    /// The path of the new node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// Its Stat.
    pub stat: Stat,
}

/// exists, setData, setACL: a Stat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatResponse {
    /// The Stat.
    pub stat: Stat,
}

/// getData, reconfig.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetDataResponse<'a> {
    /// The data; null and empty are kept apart.
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// The Stat.
    pub stat: Stat,
}

/// getACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetAclResponse {
    /// The list.
    pub acl: Vec<Acl>,
    /// The Stat.
    pub stat: Stat,
}

/// getChildren, getEphemerals: a list of names or paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListResponse<'a> {
    /// The list, in no defined order.
    #[serde(borrow)]
    pub list: Vec<Cow<'a, str>>,
}

/// getChildren2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetChildren2Response<'a> {
    /// The children's names, in no defined order.
    #[serde(borrow)]
    pub children: Vec<Cow<'a, str>>,
    /// The Stat of the parent.
    pub stat: Stat,
}

/// getAllChildrenNumber.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GetAllChildrenNumberResponse {
    /// How many nodes are below, at any depth.
    pub total: i32,
}

/// addWatch, and a failed part of a multi.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// The code, 0 for success.
    pub err: i32,
}

/// whoAmI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhoAmIResponse {
    /// The identities of the connection.
    pub clients: Vec<ClientInfo>,
}

/// One identity of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// The scheme.
    pub scheme: String,
    /// The user, without secrets.
    pub user: String,
}

/// A watch event: something changed. It never carries the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatcherEvent<'a> {
    /// What happened: 1 created, 2 deleted, 3 data changed, 4 children changed.
    pub kind: i32,
    /// The state of the session: 3, connected.
    pub state: i32,
    /// To which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
}
