//! S11 to S14: events.

use zxid::Zxid;

use super::Invariant::{S11, S12, S13, S14};
use super::{Verdict, holds};

/// An event on the wire: 1 created, 2 deleted, 3 data changed, 4 children changed; and the path.
pub type Told = (i32, String);

/// S11 and S13. An event is the next that is due on its connection.
pub fn is_due(told: &Told, due: &[Told]) -> Verdict {
    holds(S11, due.contains(told), || format!("event {told:?} is not due; due are {due:?}"))?;
    holds(S13, due.first() == Some(told), || {
        format!("event {told:?} comes before {:?}", due.first())
    })
}

/// S11. No event is owed any more once the step is over that showed its cause.
pub fn all_told(connection: u64, owed: &[Told], zxid: Zxid) -> Verdict {
    holds(S11, owed.is_empty(), || {
        format!("connection {connection} is at {zxid} and was not told {owed:?}")
    })
}

/// S12. No answer shows what an event that is still owed would announce.
pub fn told_before_shown(connection: u64, owed: &[Told], zxid: Zxid) -> Verdict {
    holds(S12, owed.is_empty(), || {
        format!("connection {connection} is answered at {zxid} before it is told {owed:?}")
    })
}

/// S14. Setting watches again tells exactly what was missed, in the order of the request.
pub fn catches_up(connection: u64, told: &[Told], missed: &[Told]) -> Verdict {
    holds(S14, told == missed, || {
        format!("connection {connection} missed {missed:?} and was told {told:?}")
    })
}

/// S14. A program whose watch has not fired knows the node as it is.
pub fn nothing_missed(path: &str, seen: Option<Zxid>, now: Option<Zxid>) -> Verdict {
    holds(S14, seen == now, || {
        format!("a watch on {path} waits for a change since {seen:?}, and the node is at {now:?}")
    })
}
