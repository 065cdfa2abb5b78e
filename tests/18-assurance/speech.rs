//! What is said in a story, in words and in bytes: `set /a 2 if 0` is a request, `set /a 2 version 1`
//! what it may have become.

use std::borrow::Cow;

use assurance::model::{Model, split};
use jute::records::{
    Acl, CloseSessionTxn, CreateRequest, CreateTxn, DeleteRequest, DeleteTxn, ErrorCode, ErrorTxn,
    GetDataResponse, ListResponse, MaybePathRequest, OpCode, PathResponse, Perms, ReadRequest,
    SetDataRequest, SetDataTxn, SetWatches, StatResponse, Txn,
};
use protocol::{MultiOp, MultiResult, Request, encode_done, encode_error, encode_multi};
use server::State;
use zxid::Zxid;

/// A zxid, such as `1.2`.
pub(crate) fn zxid(text: &str) -> Zxid {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("`{text}` in a zxid"));
    let (epoch, counter) = text.split_once('.').unwrap_or_else(|| panic!("`{text}` is no zxid"));
    Zxid::new(number(epoch), number(counter))
}

/// The word after a word.
pub(crate) fn after<'a>(words: &[&'a str], word: &str) -> Option<&'a str> {
    let index = words.iter().position(|other| *other == word)?;
    words.get(index + 1).copied()
}

/// An error's code, by its name.
pub(crate) fn code(name: &str) -> Option<ErrorCode> {
    ErrorCode::ALL.into_iter().find(|code| format!("{code:?}") == name)
}

fn version(words: &[&str], word: &str) -> i32 {
    after(words, word).map_or(-1, |text| text.parse().expect("a version is a number"))
}

/// `perms 1` lets everybody only read; else everybody may do everything.
fn acl(words: &[&str]) -> Vec<Acl> {
    let perms = after(words, "perms").map(|text| text.parse().expect("perms are a number"));
    vec![Acl::new(perms.map_or(Perms::ALL, Perms), "world", "anyone")]
}

/// What a client asks.
pub(crate) fn request(text: &str) -> Request<'_> {
    let words: Vec<&str> = text.split(' ').collect();
    let path = Cow::Borrowed(words.get(1).copied().unwrap_or("/"));
    let watch = words.contains(&"watching");
    let part = |text| match request(text) {
        Request::Create { op, request } => MultiOp::Create { op, request },
        Request::SetData(request) => MultiOp::SetData(request),
        Request::Delete(request) => MultiOp::Delete(request),
        other => panic!("{other:?} in a multi"),
    };
    match words[0] {
        "create" => {
            let ephemeral = i32::from(words.contains(&"ephemeral"));
            let sequential = i32::from(words.contains(&"sequential"));
            let (data, acl) = (Some(words[2].as_bytes()), acl(&words));
            let request = CreateRequest { path, data, acl, flags: ephemeral + 2 * sequential };
            Request::Create { op: OpCode::Create, request }
        }
        "set" => {
            let (data, version) = (Some(words[2].as_bytes()), version(&words, "if"));
            Request::SetData(SetDataRequest { path, data, version })
        }
        "delete" => Request::Delete(DeleteRequest { path, version: version(&words, "if") }),
        "get" => Request::GetData(ReadRequest { path, watch }),
        "exists" => Request::Exists(ReadRequest { path, watch }),
        "children" => Request::GetChildren(ReadRequest { path, watch }),
        "sync" => Request::Sync(MaybePathRequest { path: Some(path) }),
        "close" => Request::CloseSession,
        "rewatch" => {
            let since = zxid(after(&words, "since").expect("since when"));
            let (exist, child) = (Vec::new(), Vec::new());
            let relative_zxid = since.0 as i64;
            Request::SetWatches(SetWatches { relative_zxid, data: vec![path], exist, child })
        }
        "multi" => Request::Multi(text["multi ".len()..].split("; ").map(part).collect()),
        other => panic!("nobody can ask `{other}`"),
    }
}

/// What a request became. What a story does not say of a create is what the model says.
pub(crate) fn transaction<'a>(text: &'a str, model: &Model) -> Txn<'a> {
    let words: Vec<&str> = text.split(' ').collect();
    let path = Cow::Borrowed(words.get(1).copied().unwrap_or("/"));
    match words[0] {
        "create" => {
            let next = || model.node(split(&path).0).map_or(1, |node| node.stat.cversion + 1);
            let count = after(&words, "count").map(|count| count.parse().expect("a number"));
            let (parent_cversion, data) = (count.unwrap_or_else(next), Some(words[2].as_bytes()));
            let (acl, ephemeral) = (acl(&words), words.contains(&"ephemeral"));
            Txn::Create(CreateTxn { path, data, acl, ephemeral, parent_cversion })
        }
        "set" => {
            let (data, version) = (Some(words[2].as_bytes()), version(&words, "version"));
            Txn::SetData(SetDataTxn { path, data, version })
        }
        "delete" => Txn::Delete(DeleteTxn { path }),
        "end" => {
            let paths = words[1..].iter().map(|path| Cow::Borrowed(*path)).collect();
            Txn::CloseSession(Some(CloseSessionTxn { paths }))
        }
        "multi" => {
            let parts = text["multi ".len()..].split("; ");
            Txn::Multi(parts.map(|part| transaction(part, model)).collect())
        }
        name => match code(name) {
            Some(code) => Txn::Error(ErrorTxn { err: code.code() }),
            None => panic!("nothing can become `{name}`"),
        },
    }
}

/// A server's answer to a request: the honest one, or with `lie` in place of what is asked for.
pub(crate) fn answer(
    (xid, zxid): (i32, Zxid),
    asked: &str,
    became: Option<&Txn<'_>>,
    state: &State,
    lie: &str,
) -> Vec<u8> {
    let (request, mut out) = (request(asked), Vec::new());
    let refused = match became {
        Some(Txn::Error(error)) => ErrorCode::from_code(error.err),
        _ => None,
    };
    if let Some(code) = code(lie).or(refused) {
        encode_error(&mut out, xid, zxid, code);
        return out;
    }
    let reply = &mut out;
    let stat_of = |path: &str| state.tree.node(path).map(|node| node.stat());
    let told = (!lie.is_empty()).then_some(lie);
    match &request {
        Request::Create { .. } => {
            let Some(Txn::Create(txn)) = became else { panic!("{became:?} is no create") };
            let path = Some(told.map_or(txn.path.clone(), Cow::Borrowed));
            protocol::encode_reply(reply, xid, zxid, &PathResponse { path });
        }
        Request::SetData(asked) => {
            let stat = stat_of(&asked.path).unwrap_or_default();
            protocol::encode_reply(reply, xid, zxid, &StatResponse { stat });
        }
        Request::GetData(asked) => match state.tree.node(&asked.path) {
            Some(node) => {
                let data = told.map(str::as_bytes).or(node.data());
                let record = GetDataResponse { data, stat: node.stat() };
                protocol::encode_reply(reply, xid, zxid, &record);
            }
            None => encode_error(reply, xid, zxid, ErrorCode::NoNode),
        },
        Request::Exists(asked) => match stat_of(&asked.path) {
            Some(stat) => protocol::encode_reply(reply, xid, zxid, &StatResponse { stat }),
            None => encode_error(reply, xid, zxid, ErrorCode::NoNode),
        },
        Request::GetChildren(asked) => match state.tree.node(&asked.path) {
            Some(node) => {
                let list = node.children().map(Cow::Borrowed).collect();
                protocol::encode_reply(reply, xid, zxid, &ListResponse { list });
            }
            None => encode_error(reply, xid, zxid, ErrorCode::NoNode),
        },
        Request::Sync(asked) => {
            let record = PathResponse { path: asked.path.clone() };
            protocol::encode_reply(reply, xid, zxid, &record);
        }
        Request::Multi(parts) => {
            let Some(Txn::Multi(became)) = became else { panic!("{became:?} is no multi") };
            let failed = became.iter().any(|part| matches!(part, Txn::Error(_)));
            let result = |(part, became): (&MultiOp<'_>, &Txn<'_>)| match (part, became) {
                (_, Txn::Error(error)) => MultiResult::Error(error.err),
                _ if failed => MultiResult::Error(0),
                (MultiOp::Create { request, .. }, _) => {
                    MultiResult::Create(request.path.to_string().into())
                }
                (MultiOp::SetData(asked), _) => {
                    MultiResult::SetData(stat_of(&asked.path).unwrap_or_default())
                }
                _ => MultiResult::Delete,
            };
            let results: Vec<MultiResult<'_>> = parts.iter().zip(became).map(result).collect();
            encode_multi(reply, xid, zxid, &results);
        }
        _ => encode_done(reply, xid, zxid),
    }
    out
}

/// Whether a request is to become a transaction.
pub(crate) fn writes(asked: &str) -> bool {
    let word = asked.split(' ').next().unwrap_or_default();
    ["create", "set", "delete", "close", "multi"].contains(&word)
}
