//! S8 and S9: sessions and what belongs to them.

use std::time::Duration;

use zxid::{SessionId, Zxid};

use super::Invariant::{S8, S9, S10};
use super::{Verdict, holds};

/// S8. The end of a session removes its ephemeral nodes, all of them and no others.
pub fn removes_its_own(session: SessionId, removed: &[String], owned: &[String]) -> Verdict {
    holds(S8, removed == owned, || {
        format!("the end of {session} removes {removed:?}, and it owns {owned:?}")
    })
}

/// S8. An ephemeral node is created only for a session that is open.
pub fn owner_is_open(session: SessionId, path: &str, open: bool) -> Verdict {
    holds(S8, open, || format!("{path} is created for {session}, which is not open"))
}

/// S9. A session that its client did not close was silent for its whole timeout.
pub fn was_silent(session: SessionId, silent: Duration, timeout: Duration) -> Verdict {
    holds(S9, silent >= timeout, || {
        format!("{session} expires after {silent:?} of silence; {timeout:?} were agreed")
    })
}

/// S9. What is done for a session is done while it is open.
pub fn is_open(session: SessionId, zxid: Zxid, open: bool) -> Verdict {
    holds(S9, open, || format!("{zxid} is done for {session}, which is not open"))
}

/// S9. A session id is given once.
pub fn is_new(session: SessionId, known: bool) -> Verdict {
    holds(S9, !known, || format!("{session} is given to a second client"))
}

/// S9. A client is told that its session is gone only if it is.
pub fn is_gone(session: SessionId, gone: bool) -> Verdict {
    holds(S9, gone, || format!("{session} is refused, though nothing ended it"))
}

/// S9. A session goes on only if it was open when its client asked for that.
pub fn was_open(session: SessionId, open: bool) -> Verdict {
    holds(S9, open, || format!("{session} goes on, and was over before its client asked"))
}

/// S9. A session goes on only with a client that knows its password.
pub fn showed_its_password(session: SessionId, right: bool) -> Verdict {
    holds(S9, right, || format!("{session} goes on with a client that showed a wrong password"))
}

/// S10. What is done for a session was asked by its latest connection that anything was done for.
pub fn not_by_the_old(session: SessionId, by: u64, acted: u64) -> Verdict {
    holds(S10, by >= acted, || {
        format!("{session} acts by connection {by} after it acted by its connection {acted}")
    })
}

/// S9. A server that tells its leader which sessions it heard forgets none.
pub fn passed_on(server: u64, forgotten: &[SessionId]) -> Verdict {
    holds(S9, forgotten.is_empty(), || {
        format!("server {server} heard {forgotten:?} and does not tell its leader")
    })
}
