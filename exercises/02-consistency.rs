//! Checkers: from a history to a verdict.
//!
//! For one register and a few operations, every order is tried: [`linearizable`] asks for one that
//! respects real time, [`sequential`] for one that respects only each client's own. A service that
//! numbers its writes has named its order already, so that [`zxid_order`], [`session_order`] and
//! [`never_back`] only need to look whether that order is one it was allowed to choose.
//!
//! Always true:
//! - `linearizable` accepts nothing that `sequential` refuses;
//! - an operation that was never answered may have happened at any time since, or not at all;
//! - a violation names few operations, and they alone would be a violation too.
//!
//! Book: chapter 2. Papers: Herlihy and Wing 1990; Wing and Gong 1993 (the search); Lamport 1979.
#![allow(unused)]

use std::collections::{BTreeMap, BTreeSet};

use consistency::{Action, Cause, OpId, Operation, Reply, Violation};

/// Searches for an order of a register's operations that agrees with real time and explains every
/// read. Gives such an order, in which unanswered writes appear only if they happened, or the
/// operations that make it impossible. At most 64 operations.
pub fn linearizable(history: &[Operation]) -> Result<Vec<OpId>, Violation> {
    // Exercise 2.1: an order that agrees with real time and explains every read
    todo!("2.1: an order that agrees with real time and explains every read")
    // End of 2.1.
}

/// Searches for an order that agrees with what each client did in turn and explains every read.
/// Clients may see each other's writes late. At most 64 operations.
pub fn sequential(history: &[Operation]) -> Result<Vec<OpId>, Violation> {
    judge(history, program_order, Cause::NotSequential)
}

/// Checks that writes sorted by their numbers are in an order that real time allows: what was
/// answered before another write began has the lower number. Reads are passed over.
///
/// One pass after a sort, so it can be run always, where a search could not.
pub fn zxid_order(replies: &[Reply]) -> Result<(), Violation> {
    let mut writes: Vec<&Reply> = replies.iter().filter(|reply| reply.write).collect();
    writes.sort_by_key(|reply| reply.position);
    // The write that began last, among those with lower numbers.
    let mut latest: Option<&Reply> = None;
    for pair in writes.windows(2) {
        ensure(pair[0].position < pair[1].position, Cause::SamePosition, pair[0], pair[1])?;
    }
    for write in writes {
        if let Some(before) = latest {
            ensure(write.answered >= before.invoked, Cause::AgainstRealTime, before, write)?;
        }
        if latest.is_none_or(|before| before.invoked < write.invoked) {
            latest = Some(write);
        }
    }
    Ok(())
}

/// Checks each session's first-in, first-out order: answers come in the order of the requests,
/// writes are numbered in that order, and a read knows of the session's writes before it.
/// `replies` stand in the order in which they arrived.
pub fn session_order(replies: &[Reply]) -> Result<(), Violation> {
    let mut last: BTreeMap<i64, &Reply> = BTreeMap::new();
    let mut last_write: BTreeMap<i64, &Reply> = BTreeMap::new();
    for reply in replies {
        if let Some(before) = last.insert(reply.session, reply) {
            ensure(before.sent < reply.sent, Cause::AnswersOutOfOrder, before, reply)?;
        }
        if let Some(write) = last_write.get(&reply.session) {
            if reply.write {
                ensure(write.position < reply.position, Cause::WritesOutOfOrder, write, reply)?;
            } else {
                ensure(write.position <= reply.position, Cause::OwnWriteUnseen, write, reply)?;
            }
        }
        if reply.write {
            last_write.insert(reply.session, reply);
        }
    }
    Ok(())
}

/// Checks that no session ever saw an older state after a newer one, whatever servers it was
/// connected to. `replies` stand in the order in which they arrived.
pub fn never_back(replies: &[Reply]) -> Result<(), Violation> {
    let mut last: BTreeMap<i64, &Reply> = BTreeMap::new();
    for reply in replies {
        if let Some(before) = last.insert(reply.session, reply) {
            ensure(before.position <= reply.position, Cause::WentBack, before, reply)?;
        }
    }
    Ok(())
}

/// Whether servers that can reach each other may accept writes: more than half of all voters must
/// be among them, so that no two separate groups ever may. Observers have no vote and do not
/// count, however many there are.
pub fn can_write(voters: usize, reachable_voters: usize, _observers: usize) -> bool {
    // Exercise 2.3: may these servers accept writes?
    todo!("2.3: may these servers accept writes?")
    // End of 2.3.
}

/// Whether the first operation must stand before the second.
type Before = fn(&Operation, &Operation) -> bool;

/// Real time: the answer to one came before the other began.
fn real_time(first: &Operation, second: &Operation) -> bool {
    // Exercise 2.1: must the first stand before the second?
    todo!("2.1: must the first stand before the second?")
    // End of 2.1.
}

/// Program order: the same client had the answer to one before it began the other. What was never
/// answered stands before nothing: a lost request may still arrive late.
fn program_order(first: &Operation, second: &Operation) -> bool {
    first.client == second.client && real_time(first, second)
}

/// Searches, and on failure makes the history smaller before it is shown.
fn judge(history: &[Operation], before: Before, cause: Cause) -> Result<Vec<OpId>, Violation> {
    if history.len() > 64 {
        return Err(Violation { cause: Cause::TooLong, operations: Vec::new() });
    }
    search(history, before).ok_or_else(|| {
        let operations = smallest(history, before).iter().map(|op| op.id).collect();
        Violation { cause, operations }
    })
}

/// An order that explains every read, if there is one.
fn search(history: &[Operation], before: Before) -> Option<Vec<OpId>> {
    // Exercise 2.1: try one order after another
    todo!("2.1: try one order after another")
    // End of 2.1.
}

// Part of 2.1.
// Items of your own, if you need any.
// End of 2.1.

/// Leaves out reads, and writes whose value nobody reads, as long as no order explains the rest.
/// Neither can make a good history bad, so what remains shows the violation by itself.
fn smallest(history: &[Operation], before: Before) -> Vec<Operation> {
    let mut rest = history.to_vec();
    let mut index = 0;
    while index < rest.len() {
        let mut fewer = rest.clone();
        let dropped = fewer.remove(index);
        let unread = match dropped.action {
            Action::Read(_) => true,
            Action::Write(value) => {
                !fewer.iter().any(|op| op.answered.is_some() && op.action == Action::Read(value))
            }
        };
        if unread && search(&fewer, before).is_none() {
            rest = fewer;
            index = 0;
        } else {
            index += 1;
        }
    }
    rest
}

/// Says that two replies break a promise, unless it was kept.
fn ensure(kept: bool, cause: Cause, first: &Reply, second: &Reply) -> Result<(), Violation> {
    if kept { Ok(()) } else { Err(Violation { cause, operations: vec![first.id, second.id] }) }
}
