//! What a request must be answered, given the state in which it was answered.
//!
//! ZooKeeper: `FinalRequestProcessor.processRequest`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jute::records::{
    Acl, ClientInfo, Create2Response, ErrorCode, ErrorResponse, GetAclResponse,
    GetAllChildrenNumberResponse, GetChildren2Response, GetDataResponse, ListResponse, MultiHeader,
    OpCode, PathResponse, Perms, ReadRequest, Stat, StatResponse, Txn, TxnHeader, WhoAmIResponse,
};
use jute::{Decoder, append, to_vec};
use zxid::SessionId;

use super::{Model, Node, Who};
use crate::ask::Ask;

impl Model {
    /// The body of the answer to a read, in the form that [`normal`] gives it.
    pub(crate) fn answer(
        &self,
        ask: &Ask,
        who: &Who,
        session: SessionId,
    ) -> Result<Vec<u8>, ErrorCode> {
        Ok(match ask {
            Ask::Exists(request) => {
                let node = self.nodes.get(&*request.path).ok_or(ErrorCode::NoNode)?;
                if !who.may(Perms::READ, &node.acl) {
                    return Err(ErrorCode::NoAuth);
                }
                to_vec(&StatResponse { stat: node.visible() })
            }
            Ask::GetData(request) => {
                let node = self.readable(request, who)?;
                to_vec(&GetDataResponse { data: node.data.as_deref(), stat: node.visible() })
            }
            Ask::GetChildren(request) => {
                to_vec(&ListResponse { list: names(self.readable(request, who)?) })
            }
            Ask::GetChildren2(request) => {
                let node = self.readable(request, who)?;
                to_vec(&GetChildren2Response { children: names(node), stat: node.visible() })
            }
            Ask::GetAcl(request) => {
                let node = self.nodes.get(&*request.path).ok_or(ErrorCode::NoNode)?;
                if !who.may(Perms::READ | Perms::ADMIN, &node.acl) {
                    return Err(ErrorCode::NoAuth);
                }
                let plain = who.may(Perms::ADMIN, &node.acl);
                let acl = node.acl.iter().map(|acl| if plain { acl.clone() } else { mask(acl) });
                to_vec(&GetAclResponse { acl: acl.collect(), stat: node.visible() })
            }
            Ask::GetAllChildrenNumber(request) => {
                let node = self.nodes.get(&*request.path).ok_or(ErrorCode::NoNode)?;
                if !who.may(Perms::READ, &node.acl) {
                    return Err(ErrorCode::NoAuth);
                }
                let prefix = format!("{}/", request.path.trim_end_matches('/'));
                let below = |path: &&String| path.len() > 1 && path.starts_with(&prefix);
                let total = self.nodes.keys().filter(below).count() as i32;
                to_vec(&GetAllChildrenNumberResponse { total })
            }
            Ask::GetEphemerals(request) => {
                let prefix = request.path.as_deref().unwrap_or_default();
                let prefix = if prefix.trim().is_empty() { "/" } else { prefix };
                let mut list = self.ephemerals(session);
                list.retain(|path| path.starts_with(prefix));
                to_vec(&ListResponse { list: list.into_iter().map(Cow::Owned).collect() })
            }
            Ask::Sync(request) => to_vec(&PathResponse { path: request.path.clone() }),
            Ask::AddWatch(_) => to_vec(&ErrorResponse { err: 0 }),
            Ask::WhoAmI => {
                let mut clients: Vec<ClientInfo> = who.0.iter().map(user).collect();
                clients.sort_by(|a, b| (&a.scheme, &a.user).cmp(&(&b.scheme, &b.user)));
                to_vec(&WhoAmIResponse { clients })
            }
            Ask::MultiRead(parts) => {
                let mut body = Vec::new();
                for part in parts {
                    match self.answer(part, who, session) {
                        Ok(answer) => result(&mut body, part.op(), &answer),
                        Err(code) => failure(&mut body, code.code()),
                    }
                }
                append(&mut body, &MultiHeader::END);
                body
            }
            _ => Vec::new(),
        })
    }

    /// The body of the answer to a write that was done; `self` is the state after it.
    pub(crate) fn answer_write(&self, ask: &Ask, txn: &Txn) -> Vec<u8> {
        match (ask, txn) {
            (Ask::Create(OpCode::Create, _), Txn::Create(txn)) => {
                to_vec(&PathResponse { path: Some(txn.path.clone()) })
            }
            (Ask::Create(..) | Ask::CreateTtl(_), Txn::Create(_))
            | (_, Txn::CreateContainer(_) | Txn::CreateTtl(_)) => {
                let path = created(txn);
                to_vec(&Create2Response { stat: self.stat_of(&path), path })
            }
            (_, Txn::SetData(txn)) => to_vec(&StatResponse { stat: self.stat_of(&txn.path) }),
            (_, Txn::SetAcl(txn)) => to_vec(&StatResponse { stat: self.stat_of(&txn.path) }),
            _ => Vec::new(),
        }
    }

    /// The body of the answer to a multi; `self` is the state before it.
    pub(crate) fn answer_multi(&self, asks: &[Ask], header: &TxnHeader, parts: &[Txn]) -> Vec<u8> {
        let mut body = Vec::new();
        let failed = parts.iter().position(|part| matches!(part, Txn::Error(_)));
        let mut scratch = self.clone();
        for (index, (ask, part)) in asks.iter().zip(parts).enumerate() {
            match (failed, part) {
                (Some(first), _) if index < first => failure(&mut body, 0),
                (_, Txn::Error(error)) => failure(&mut body, error.err),
                _ => {
                    scratch.apply(header, part);
                    result(&mut body, ask.op(), &scratch.answer_write(ask, part));
                }
            }
        }
        append(&mut body, &MultiHeader::END);
        body
    }

    fn readable(&self, request: &ReadRequest, who: &Who) -> Result<&Node, ErrorCode> {
        let node = self.nodes.get(&*request.path).ok_or(ErrorCode::NoNode)?;
        if who.may(Perms::READ, &node.acl) { Ok(node) } else { Err(ErrorCode::NoAuth) }
    }

    fn stat_of(&self, path: &str) -> Stat {
        self.stat(path).unwrap_or_default()
    }
}

impl Ask<'_> {
    /// The type of the result in the answer to a multi.
    fn op(&self) -> OpCode {
        match self {
            Ask::Create(OpCode::Create, _) => OpCode::Create,
            Ask::Create(..) | Ask::CreateTtl(_) => OpCode::Create2,
            Ask::Delete(_) => OpCode::Delete,
            Ask::SetData(_) => OpCode::SetData,
            Ask::GetData(_) => OpCode::GetData,
            Ask::GetChildren(_) => OpCode::GetChildren,
            _ => OpCode::Check,
        }
    }
}

/// Puts the body of an answer in a form in which equal answers are equal bytes: what comes in no
/// defined order is sorted. `None` if it cannot be read.
pub(crate) fn normal(ask: &Ask, body: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Decoder::new(body);
    Some(match ask {
        Ask::GetChildren(_) | Ask::GetEphemerals(_) => {
            let mut response: ListResponse = rest.next().ok()?;
            response.list.sort();
            to_vec(&response)
        }
        Ask::GetChildren2(_) => {
            let mut response: GetChildren2Response = rest.next().ok()?;
            response.children.sort();
            to_vec(&response)
        }
        Ask::WhoAmI => {
            let mut response: WhoAmIResponse = rest.next().ok()?;
            response.clients.sort_by(|a, b| (&a.scheme, &a.user).cmp(&(&b.scheme, &b.user)));
            to_vec(&response)
        }
        Ask::MultiRead(_) => normal_results(&mut rest)?,
        _ => body.to_vec(),
    })
}

/// The results of a multiRead, the lists of children sorted.
fn normal_results(rest: &mut Decoder) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let header: MultiHeader = rest.next().ok()?;
        append(&mut body, &header);
        if header.done {
            return Some(body);
        }
        match OpCode::from_code(header.op)? {
            OpCode::GetChildren => {
                let mut response: ListResponse = rest.next().ok()?;
                response.list.sort();
                append(&mut body, &response);
            }
            OpCode::GetData => append(&mut body, &rest.next::<GetDataResponse>().ok()?),
            OpCode::Error => append(&mut body, &rest.next::<ErrorResponse>().ok()?),
            _ => return None,
        }
    }
}

fn result(body: &mut Vec<u8>, op: OpCode, answer: &[u8]) {
    append(body, &MultiHeader { op: op.code(), done: false, err: 0 });
    body.extend_from_slice(answer);
}

fn failure(body: &mut Vec<u8>, err: i32) {
    append(body, &MultiHeader { op: OpCode::Error.code(), done: false, err });
    append(body, &ErrorResponse { err });
}

fn created<'a>(txn: &Txn<'a>) -> Cow<'a, str> {
    match txn {
        Txn::Create(txn) => txn.path.clone(),
        Txn::CreateContainer(txn) => txn.path.clone(),
        Txn::CreateTtl(txn) => txn.path.clone(),
        _ => Cow::Borrowed(""),
    }
}

fn names(node: &Node) -> Vec<Cow<'_, str>> {
    let children: &BTreeSet<String> = &node.children;
    children.iter().map(|name| Cow::Borrowed(name.as_str())).collect()
}

/// What those may see of an entry who may read the node but not change its list.
fn mask(acl: &Acl) -> Acl {
    let mut acl = acl.clone();
    if acl.id.scheme == "digest"
        && let Some((user, _)) = acl.id.id.split_once(':')
    {
        acl.id.id = format!("{user}:x");
    }
    acl
}

/// How an identity is shown to its owner.
fn user(id: &jute::records::Id) -> ClientInfo {
    let user = match id.scheme.as_str() {
        "digest" => id.id.split(':').next().unwrap_or_default().to_string(),
        "super" => String::new(),
        _ => id.id.clone(),
    };
    ClientInfo { scheme: id.scheme.clone(), user }
}
