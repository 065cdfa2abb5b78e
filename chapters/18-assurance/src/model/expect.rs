//! What a request must become: the transaction, or the refusal, with the checks in their order.
//!
//! ZooKeeper: `PrepRequestProcessor.pRequest2Txn`.

use std::borrow::Cow;

use jute::records::{
    Acl, CheckVersionTxn, CloseSessionTxn, CreateContainerTxn, CreateRequest, CreateTtlTxn,
    CreateTxn, DeleteTxn, ErrorCode, ErrorTxn, OpCode, Perms, SetAclTxn, SetDataTxn, Txn,
    TxnHeader,
};
use zxid::SessionId;

use super::{Model, Node, Who, split};
use crate::ask::Ask;

/// The longest time to live, in ms.
const MAX_TTL: i64 = (1 << 40) - 1;
/// What nobody can delete.
const FIXED: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

impl Model {
    /// What the next transaction must be if it answers this request. `header` is that of the
    /// transaction. A multi that fails is a multi whose parts from the failing one on are errors.
    pub(crate) fn expect<'a>(
        &self,
        ask: &Ask<'a>,
        who: &Who,
        header: &TxnHeader,
    ) -> Result<Txn<'a>, ErrorCode> {
        match ask {
            Ask::Create(op, request) => self.expect_create(*op, request, None, who, header.session),
            Ask::CreateTtl(ttl) => {
                let (path, data) = (ttl.path.clone(), ttl.data);
                let request = CreateRequest { path, data, acl: ttl.acl.clone(), flags: ttl.flags };
                self.expect_create(OpCode::CreateTtl, &request, Some(ttl.ttl), who, header.session)
            }
            Ask::Delete(request) => {
                let path = &*request.path;
                require(path.contains('/') && !path.contains('\0'), ErrorCode::BadArguments)?;
                require(!FIXED.contains(&path), ErrorCode::BadArguments)?;
                let parent = self.existing(split(path).0)?;
                require(who.may(Perms::DELETE, &parent.acl), ErrorCode::NoAuth)?;
                let node = self.existing(path)?;
                version(request.version, node.stat.version)?;
                require(node.children.is_empty(), ErrorCode::NotEmpty)?;
                Ok(Txn::Delete(DeleteTxn { path: request.path.clone() }))
            }
            Ask::SetData(request) => {
                valid(&request.path)?;
                let node = self.existing(&request.path)?;
                require(who.may(Perms::WRITE, &node.acl), ErrorCode::NoAuth)?;
                let version = version(request.version, node.stat.version)?;
                let (path, data) = (request.path.clone(), request.data);
                Ok(Txn::SetData(SetDataTxn { path, data, version }))
            }
            Ask::SetAcl(request) => {
                valid(&request.path)?;
                let acl = who.expand(&request.acl)?;
                let node = self.existing(&request.path)?;
                require(who.may(Perms::ADMIN, &node.acl), ErrorCode::NoAuth)?;
                let version = version(request.version, node.stat.aversion)?;
                Ok(Txn::SetAcl(SetAclTxn { path: request.path.clone(), acl, version }))
            }
            Ask::Check(request) => {
                valid(&request.path)?;
                let node = self.existing(&request.path)?;
                require(who.may(Perms::READ, &node.acl), ErrorCode::NoAuth)?;
                let version = version(request.version, node.stat.version)?;
                Ok(Txn::Check(CheckVersionTxn { path: request.path.clone(), version }))
            }
            Ask::Multi(parts) => Ok(self.expect_multi(parts, who, header)),
            Ask::CloseSession => Ok(self.expect_close(header.session)),
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    /// What the end of a session must be.
    pub(crate) fn expect_close<'a>(&self, session: SessionId) -> Txn<'a> {
        let paths = self.ephemerals(session).into_iter().map(Cow::Owned).collect();
        Txn::CloseSession(Some(CloseSessionTxn { paths }))
    }

    fn expect_create<'a>(
        &self,
        op: OpCode,
        request: &CreateRequest<'a>,
        ttl: Option<i64>,
        who: &Who,
        session: SessionId,
    ) -> Result<Txn<'a>, ErrorCode> {
        require((0..=6).contains(&request.flags), ErrorCode::BadArguments)?;
        let (timed, given) = (request.flags >= 5, ttl.unwrap_or(-1));
        let fits = if timed { (1..=MAX_TTL).contains(&given) } else { ttl.is_none() };
        require(fits, ErrorCode::BadArguments)?;
        let path = &*request.path;
        require(path.contains('/') && !path.contains('\0'), ErrorCode::BadArguments)?;
        let acl: Vec<Acl> = who.expand(&request.acl)?;
        let parent = self.existing(split(path).0)?;
        require(who.may(Perms::CREATE, &parent.acl), ErrorCode::NoAuth)?;
        let path = match request.flags {
            2 | 3 | 6 => Cow::Owned(format!("{path}{:010}", parent.stat.cversion)),
            _ => request.path.clone(),
        };
        valid(&path)?;
        require(!self.nodes.contains_key(&*path), ErrorCode::NodeExists)?;
        require(parent.owner().is_none(), ErrorCode::NoChildrenForEphemerals)?;
        require(self.sessions.contains_key(&session), ErrorCode::SessionExpired)?;
        let (data, parent_cversion) = (request.data, parent.stat.cversion.wrapping_add(1));
        Ok(match op {
            OpCode::CreateContainer => {
                Txn::CreateContainer(CreateContainerTxn { path, data, acl, parent_cversion })
            }
            OpCode::CreateTtl => {
                Txn::CreateTtl(CreateTtlTxn { path, data, acl, parent_cversion, ttl: given })
            }
            _ => {
                let ephemeral = matches!(request.flags, 1 | 3);
                Txn::Create(CreateTxn { path, data, acl, ephemeral, parent_cversion })
            }
        })
    }

    /// Each part sees what the earlier ones did, and after the first that fails there are none.
    fn expect_multi<'a>(&self, parts: &[Ask<'a>], who: &Who, header: &TxnHeader) -> Txn<'a> {
        let mut scratch = self.clone();
        let mut failed = false;
        let error = |code: ErrorCode| Txn::Error(ErrorTxn { err: code.code() });
        let prepared = parts.iter().map(|part| {
            if failed {
                return error(ErrorCode::RuntimeInconsistency);
            }
            match scratch.expect(part, who, header) {
                Ok(txn) => {
                    scratch.apply(header, &txn);
                    txn
                }
                Err(code) => {
                    failed = true;
                    error(code)
                }
            }
        });
        Txn::Multi(prepared.collect())
    }

    fn existing(&self, path: &str) -> Result<&Node, ErrorCode> {
        self.nodes.get(path).ok_or(ErrorCode::NoNode)
    }
}

fn require(condition: bool, otherwise: ErrorCode) -> Result<(), ErrorCode> {
    if condition { Ok(()) } else { Err(otherwise) }
}

/// The next version, if the present one is the expected.
fn version(expected: i32, present: i32) -> Result<i32, ErrorCode> {
    require(expected == -1 || expected == present, ErrorCode::BadVersion)?;
    Ok(present.wrapping_add(1))
}

/// ZooKeeper: `PathUtils.validatePath`.
fn valid(path: &str) -> Result<(), ErrorCode> {
    let fine = |c: char| {
        !matches!(c as u32,
            0..=0x1f | 0x7f..=0x9f | 0xd800..=0xf8ff | 0xfff0..=0xffff | 0x1_0000..)
    };
    let name = |name: &str| !matches!(name, "" | "." | "..") && name.chars().all(fine);
    let good = path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(name));
    require(good, ErrorCode::BadArguments)
}
