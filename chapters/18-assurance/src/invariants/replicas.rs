//! S18 and Z18: what servers hold, compared with each other, and how they understand each other.

use std::fmt::Display;

use sync::laws::Law;
use zxid::Zxid;

use super::Invariant::{Law as Broken, S18};
use super::{Verdict, holds};

/// Z18. What a server says is read by others as it was meant.
pub fn is_understood(said: &impl Display, same: bool) -> Verdict {
    holds(Broken(Law::Z18), same, || format!("{said} is read as something else"))
}

/// Z18. No server says to another what that one cannot expect.
pub fn is_expected(server: u64, expected: bool) -> Verdict {
    holds(Broken(Law::Z18), expected, || {
        format!("server {server} gives up, since the other side broke the protocol")
    })
}

/// S18. Servers that have applied the same have the same tree, by its digest, and as many sessions.
pub fn same_state(server: u64, zxid: Zxid, found: (u64, usize), expected: (u64, usize)) -> Verdict {
    holds(S18, found == expected, || {
        format!(
            "after {zxid} server {server} has digest and sessions {found:x?}, not {expected:x?}"
        )
    })
}

/// S18. What a server holds is what the transactions make of it that it has applied.
pub fn holds_what_it_applied(server: u64, zxid: Zxid, difference: Option<String>) -> Verdict {
    holds(S18, difference.is_none(), || {
        format!("after {zxid}, on server {server}, {}", difference.unwrap_or_default())
    })
}

/// S18. A server finds the tree to be what a transaction says that it must be.
pub fn as_foretold(server: u64, zxid: Zxid, same: bool) -> Verdict {
    holds(S18, same, || {
        format!("after {zxid} the tree of server {server} has not the digest that the log says")
    })
}

/// S18. When all is well, every server holds what all that was ever committed leads to.
pub fn holds_all(server: u64, difference: Option<String>) -> Verdict {
    holds(S18, difference.is_none(), || {
        format!("server {server} has settled, but {}", difference.unwrap_or_default())
    })
}
