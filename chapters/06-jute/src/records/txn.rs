//! Transactions: what is agreed on, logged and applied. A request says what a client wants; a
//! transaction says what is so from now on, with every choice already made.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zxid::{SessionId, Zxid};

use super::{Acl, OpCode};
use crate::{Decoder, Error};

/// What precedes every transaction: 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnHeader {
    /// Whose request it was.
    pub session: SessionId,
    /// The request's xid.
    pub cxid: i32,
    /// The transaction's place in the order of all.
    pub zxid: Zxid,
    /// When it was made, in ms since 1970, by the leader's clock.
    pub time: i64,
    /// The type: an [`OpCode`](super::OpCode).
    pub op: i32,
}

/// create, create2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTxn<'a> {
    /// The final path.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The data.
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// The list, checked and expanded.
    pub acl: Vec<Acl>,
    /// Whether the session owns it.
    pub ephemeral: bool,
    /// The parent's stored cversion afterwards; -1 in very old logs.
    pub parent_cversion: i32,
}

/// createContainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateContainerTxn<'a> {
    /// As in [`CreateTxn`].
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// As in [`CreateTxn`].
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// As in [`CreateTxn`].
    pub acl: Vec<Acl>,
    /// As in [`CreateTxn`].
    pub parent_cversion: i32,
}

/// createTTL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTtlTxn<'a> {
    /// As in [`CreateTxn`].
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// As in [`CreateTxn`].
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// As in [`CreateTxn`].
    pub acl: Vec<Acl>,
    /// As in [`CreateTxn`].
    pub parent_cversion: i32,
    /// Milliseconds.
    pub ttl: i64,
}

/// delete, deleteContainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteTxn<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
}

/// setData, reconfig.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetDataTxn<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The new data.
    #[serde(borrow, with = "serde_bytes")]
    pub data: Option<&'a [u8]>,
    /// The new version.
    pub version: i32,
}

/// setACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetAclTxn<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The new list.
    pub acl: Vec<Acl>,
    /// The new version of the list.
    pub version: i32,
}

/// check: only inside a multi, where it changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckVersionTxn<'a> {
    /// Which node.
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    /// The node's version plus one.
    pub version: i32,
}

/// createSession.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSessionTxn {
    /// The agreed timeout in ms.
    pub timeout: i32,
}

/// closeSession, in the form with paths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CloseSessionTxn<'a> {
    /// The session's ephemeral nodes, to be deleted.
    #[serde(borrow)]
    pub paths: Vec<Cow<'a, str>>,
}

/// A request that failed: it took a zxid and changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorTxn {
    /// Why.
    pub err: i32,
}

/// One part of a multi: its type, and its own record as bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiPart<'a> {
    /// The part's type; -1 if the multi failed.
    pub op: i32,
    /// The part's record.
    #[serde(borrow, with = "serde_bytes")]
    pub data: &'a [u8],
}

/// multi.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiTxn<'a> {
    /// The parts, in order.
    #[serde(borrow)]
    pub parts: Vec<MultiPart<'a>>,
}

/// The digest of the whole tree after the transaction: 12 bytes behind the record, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxnDigest {
    /// Which digest: 2.
    pub version: i32,
    /// Its value.
    pub tree: i64,
}

impl TxnDigest {
    /// The version of the digest that is written today. ZooKeeper: `DigestCalculator`.
    pub const VERSION: i32 = 2;
}

/// The body of a transaction, decoded.
#[derive(Clone, Debug, PartialEq)]
pub enum Txn<'a> {
    /// A new node, by create or create2.
    Create(CreateTxn<'a>),
    /// A new container.
    CreateContainer(CreateContainerTxn<'a>),
    /// A new node with a time to live.
    CreateTtl(CreateTtlTxn<'a>),
    /// A node removed, by a client or by the reaper.
    Delete(DeleteTxn<'a>),
    /// New data, by setData or reconfig.
    SetData(SetDataTxn<'a>),
    /// A new ACL.
    SetAcl(SetAclTxn<'a>),
    /// A check inside a multi.
    Check(CheckVersionTxn<'a>),
    /// Several at once. A part that is an `Error` makes the whole one fail.
    Multi(Vec<Txn<'a>>),
    /// A session begins.
    CreateSession(CreateSessionTxn),
    /// A session ends; `None` in logs that do not list its nodes.
    CloseSession(Option<CloseSessionTxn<'a>>),
    /// Nothing, but it took a zxid.
    Error(ErrorTxn),
}

impl<'a> Txn<'a> {
    /// Reads the body of a transaction of type `op`, and the digest behind it if there is one.
    pub fn decode(op: i32, body: &'a [u8]) -> Result<(Txn<'a>, Option<TxnDigest>), Error> {
        let mut decoder = Decoder::new(body);
        let txn = match OpCode::from_code(op) {
            Some(OpCode::CreateSession) => Txn::CreateSession(decoder.next()?),
            Some(OpCode::CloseSession) => Txn::CloseSession(close_session(&mut decoder)?),
            Some(OpCode::SetAcl) => Txn::SetAcl(decoder.next()?),
            Some(OpCode::Reconfig) => Txn::SetData(decoder.next()?),
            Some(OpCode::Multi) => {
                let MultiTxn { parts } = decoder.next()?;
                let part = |part: &MultiPart<'a>| part_of_multi(part.op, part.data);
                Txn::Multi(parts.iter().map(part).collect::<Result<_, Error>>()?)
            }
            _ => simple(op, &mut decoder)?,
        };
        // What is shorter than a digest is none. ZooKeeper: `SerializeUtils.deserializeTxn`.
        Ok((txn, decoder.next().ok()))
    }

    /// Reads a whole transaction, as it is in the log and in a proposal: header, body, and the
    /// digest if there is one.
    pub fn decode_payload(
        payload: &'a [u8],
    ) -> Result<(TxnHeader, Txn<'a>, Option<TxnDigest>), Error> {
        let mut decoder = Decoder::new(payload);
        let header: TxnHeader = decoder.next()?;
        let (txn, digest) = Txn::decode(header.op, decoder.rest())?;
        Ok((header, txn, digest))
    }

    /// The type under which this body is written, unless a header says more: a `SetData` may also
    /// be a reconfig, a `Delete` a deleteContainer, a `Create` a create2.
    pub fn op_code(&self) -> OpCode {
        match self {
            Txn::Create(_) => OpCode::Create,
            Txn::CreateContainer(_) => OpCode::CreateContainer,
            Txn::CreateTtl(_) => OpCode::CreateTtl,
            Txn::Delete(_) => OpCode::Delete,
            Txn::SetData(_) => OpCode::SetData,
            Txn::SetAcl(_) => OpCode::SetAcl,
            Txn::Check(_) => OpCode::Check,
            Txn::Multi(_) => OpCode::Multi,
            Txn::CreateSession(_) => OpCode::CreateSession,
            Txn::CloseSession(_) => OpCode::CloseSession,
            Txn::Error(_) => OpCode::Error,
        }
    }

    /// Appends the body, without header and digest.
    pub fn append(&self, out: &mut Vec<u8>) {
        match self {
            Txn::Create(txn) => crate::append(out, txn),
            Txn::CreateContainer(txn) => crate::append(out, txn),
            Txn::CreateTtl(txn) => crate::append(out, txn),
            Txn::Delete(txn) => crate::append(out, txn),
            Txn::SetData(txn) => crate::append(out, txn),
            Txn::SetAcl(txn) => crate::append(out, txn),
            Txn::Check(txn) => crate::append(out, txn),
            Txn::CreateSession(txn) => crate::append(out, txn),
            Txn::CloseSession(None) => {}
            Txn::CloseSession(Some(txn)) => crate::append(out, txn),
            Txn::Error(txn) => crate::append(out, txn),
            Txn::Multi(parts) => {
                let parts = parts.iter().map(|part| {
                    let mut data = Vec::new();
                    part.append(&mut data);
                    (part.op_code().code(), data)
                });
                let parts: Vec<(i32, Vec<u8>)> = parts.collect();
                let parts = parts.iter().map(|(op, data)| MultiPart { op: *op, data });
                crate::append(out, &MultiTxn { parts: parts.collect() });
            }
        }
    }

    /// Appends a whole transaction, as [`Txn::decode_payload`] reads it.
    pub fn append_payload(&self, header: &TxnHeader, digest: Option<TxnDigest>, out: &mut Vec<u8>) {
        crate::append(out, header);
        self.append(out);
        if let Some(digest) = digest {
            crate::append(out, &digest);
        }
    }
}

/// Reads one part of a multi, which has a length of its own and no digest.
fn part_of_multi(op: i32, body: &[u8]) -> Result<Txn<'_>, Error> {
    simple(op, &mut Decoder::new(body))
}

/// Reads a body of one of the types that may stand inside a multi, and alone.
fn simple<'a>(op: i32, decoder: &mut Decoder<'a>) -> Result<Txn<'a>, Error> {
    match OpCode::from_code(op) {
        Some(OpCode::Create | OpCode::Create2) => Ok(Txn::Create(create(decoder)?)),
        Some(OpCode::CreateContainer) => Ok(Txn::CreateContainer(decoder.next()?)),
        Some(OpCode::CreateTtl) => Ok(Txn::CreateTtl(decoder.next()?)),
        Some(OpCode::Delete | OpCode::DeleteContainer) => Ok(Txn::Delete(decoder.next()?)),
        Some(OpCode::SetData) => Ok(Txn::SetData(decoder.next()?)),
        Some(OpCode::Check) => Ok(Txn::Check(decoder.next()?)),
        Some(OpCode::Error) => Ok(Txn::Error(decoder.next()?)),
        _ => Err(Error::UnknownOp(op)),
    }
}

/// Reads a create, also in the form that ended before `parent_cversion` (ZooKeeper before 3.4).
fn create<'a>(decoder: &mut Decoder<'a>) -> Result<CreateTxn<'a>, Error> {
    #[derive(Deserialize)]
    struct OldCreateTxn<'a> {
        #[serde(borrow)]
        path: Cow<'a, str>,
        #[serde(borrow, with = "serde_bytes")]
        data: Option<&'a [u8]>,
        acl: Vec<Acl>,
        ephemeral: bool,
    }
    let OldCreateTxn { path, data, acl, ephemeral } = decoder.next()?;
    let parent_cversion = if decoder.rest().len() < 4 { -1 } else { decoder.next()? };
    Ok(CreateTxn { path, data, acl, ephemeral, parent_cversion })
}

/// Reads a closeSession. What is too short for a list of paths has none, as in ZooKeeper:
/// `SerializeUtils.deserializeTxn`.
fn close_session<'a>(decoder: &mut Decoder<'a>) -> Result<Option<CloseSessionTxn<'a>>, Error> {
    match decoder.next() {
        Ok(txn) => Ok(Some(txn)),
        Err(Error::EndOfData) => {
            *decoder = Decoder::new(&[]);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
