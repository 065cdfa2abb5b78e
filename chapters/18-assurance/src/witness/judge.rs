//! Whether a transaction is what the rules make of its request.

use jute::records::{ErrorCode, Txn, TxnHeader};
use zxid::SessionId;

use crate::ask::Ask;
use crate::invariants::{Verdict, sessions, tree};
use crate::model::{CONTAINER, Model, Who};

/// Judges a transaction. `model` is the state before it; `ask` is the request, and who asked, if a
/// client did; `known` says whether there ever was a session of this number, and `moved` whether the
/// session may have gone to another server meanwhile.
pub(super) fn judge(
    model: &Model,
    header: &TxnHeader,
    txn: &Txn,
    ask: Option<(&Ask, &Who)>,
    known: bool,
    moved: bool,
) -> Verdict {
    let open = model.sessions.contains_key(&header.session);
    match txn {
        Txn::CreateSession(_) => return sessions::is_new(header.session, known),
        Txn::CloseSession(_) => return ends_rightly(model, header, txn),
        Txn::Delete(delete) if header.session == SessionId::NONE => {
            // The reaper: only an empty node that is meant to go.
            let node = model.node(&delete.path);
            let meant = node.is_some_and(|node| {
                let owner = node.stat.ephemeral_owner;
                let special = owner == CONTAINER || (owner != 0 && node.owner().is_none());
                special && node.children.is_empty()
            });
            return tree::was_asked(header, txn, meant);
        }
        // A refused request changes nothing, whoever asked.
        Txn::Error(_) if !open => return Ok(()),
        Txn::Error(error) if moved && error.err == ErrorCode::SessionMoved.code() => return Ok(()),
        Txn::Create(txn) if txn.ephemeral => {
            sessions::owner_is_open(header.session, &txn.path, open)?;
        }
        _ => {}
    }
    sessions::is_open(header.session, header.zxid, open)?;
    tree::was_asked(header, txn, ask.is_some())?;
    let Some((ask, who)) = ask else { return Ok(()) };
    let expected = model.expect(ask, who, header);
    tree::became(header.zxid, logged(txn), expected.as_ref().map_err(|code| *code))
}

fn logged<'a, 'b>(txn: &'b Txn<'a>) -> Result<&'b Txn<'a>, ErrorCode> {
    match txn {
        Txn::Error(error) => {
            Err(ErrorCode::from_code(error.err).unwrap_or(ErrorCode::RuntimeInconsistency))
        }
        txn => Ok(txn),
    }
}

/// The end of a session removes what is the session's.
fn ends_rightly(model: &Model, header: &TxnHeader, txn: &Txn) -> Verdict {
    let session = header.session;
    sessions::is_open(session, header.zxid, model.sessions.contains_key(&session))?;
    let Txn::CloseSession(Some(txn)) = txn else { return Ok(()) };
    let mut removed: Vec<String> = txn.paths.iter().map(|path| path.to_string()).collect();
    removed.sort();
    sessions::removes_its_own(session, &removed, &model.ephemerals(session))
}
