//! S6 and S15 to S19: what requests become, and what they are answered.

use jute::records::{ErrorCode, Txn, TxnHeader};
use zxid::Zxid;

use super::Invariant::{S6, S15, S16, S17, S18, S19};
use crate::ask::Ask;

use super::{Broken, Invariant, Verdict, holds};

/// S18. The digest that the log carries is that of the tree after the transaction.
pub fn same_digest(zxid: Zxid, logged: u64, expected: u64) -> Verdict {
    holds(S18, logged == expected, || {
        format!("after {zxid} the log has digest {logged:#x}; the model {expected:#x}")
    })
}

/// S19. A transaction that is shown was written, and can be read.
pub fn is_written(zxid: Zxid, written: bool) -> Verdict {
    holds(S19, written, || format!("{zxid} is shown, but no such transaction was written"))
}

/// S19. A transaction of a client is what that client asked for.
pub fn was_asked(header: &TxnHeader, txn: &Txn, asked: bool) -> Verdict {
    holds(S19, asked, || format!("nobody asked for {header:?} {txn:?}"))
}

/// S6, S15, S16, S17, S19. A request became what the rules say. The difference decides which
/// invariant is broken.
pub fn became(
    zxid: Zxid,
    logged: Result<&Txn, ErrorCode>,
    expected: Result<&Txn, ErrorCode>,
) -> Verdict {
    let Some(invariant) = difference(logged, expected) else { return Ok(()) };
    Err(Broken { invariant, what: format!("{zxid} is {logged:?}, and should be {expected:?}") })
}

/// S6, S17 and S19. A request was answered what the rules say.
pub(crate) fn answered(
    ask: &Ask,
    answer: &Result<Vec<u8>, i32>,
    expected: &Result<Vec<u8>, ErrorCode>,
) -> Verdict {
    let expected = expected.as_ref().map_err(|code| code.code());
    let invariant = match (answer, &expected) {
        (Ok(_), Err(code)) if *code == ErrorCode::NoAuth.code() => S17,
        _ if matches!(ask, Ask::Multi(_)) => S6,
        _ => S19,
    };
    holds(invariant, answer.as_ref().map_err(|code| *code) == expected, || {
        format!("{ask:?} is answered {answer:?}, and should be {expected:?}")
    })
}

/// S6. An answer that is wrong is not one between the parts of a multi.
pub fn seen_whole(zxid: Zxid, what: &str, whole: bool) -> Verdict {
    holds(S6, whole, || format!("{what}: that is only a part of {zxid}"))
}

/// Which invariant a difference breaks, if there is one.
fn difference(
    logged: Result<&Txn, ErrorCode>,
    expected: Result<&Txn, ErrorCode>,
) -> Option<Invariant> {
    match (logged, expected) {
        (Err(logged), Err(expected)) if logged == expected => None,
        (_, Err(ErrorCode::NoAuth)) | (Err(ErrorCode::NoAuth), _) => Some(S17),
        (_, Err(ErrorCode::BadVersion)) | (Err(ErrorCode::BadVersion), _) => Some(S15),
        (Ok(logged), Ok(expected)) => different(logged, expected),
        (_, Ok(Txn::Multi(_))) => Some(S6),
        (Ok(_), Err(_)) | (Err(_), _) => Some(S19),
    }
}

fn different(logged: &Txn, expected: &Txn) -> Option<Invariant> {
    match (logged, expected) {
        // Of a failed multi only the errors count; what stands before them was never done.
        (Txn::Multi(logged), Txn::Multi(expected)) => {
            let failing = |part: &Txn| matches!(part, Txn::Error(_));
            let start = expected.iter().position(failing).unwrap_or(0);
            let same = logged.len() == expected.len()
                && logged[start..] == expected[start..]
                && logged.iter().position(failing) == expected.iter().position(failing);
            (!same).then_some(S6)
        }
        // One part of a multi, in place of the whole.
        (_, Txn::Multi(_)) => Some(S6),
        (logged, expected) if logged == expected => None,
        (Txn::SetData(logged), Txn::SetData(expected)) if logged.version != expected.version => {
            Some(S15)
        }
        (Txn::SetAcl(logged), Txn::SetAcl(expected)) if logged.version != expected.version => {
            Some(S15)
        }
        (Txn::SetAcl(_), Txn::SetAcl(_)) => Some(S17),
        (Txn::Create(logged), Txn::Create(expected)) if logged.path != expected.path => Some(S16),
        (Txn::Create(logged), Txn::Create(expected)) if logged.acl != expected.acl => Some(S17),
        _ => Some(S19),
    }
}
