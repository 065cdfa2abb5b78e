//! S1 to S5, and S7: the order of requests, answers and transactions.

use consistency::{OpId, Operation, Reply, Violation};
use zxid::{SessionId, Zxid};

use super::Invariant::{S1, S2, S3, S4, S5, S7};
use super::{Broken, Invariant, Verdict, holds};

/// S1. The operations on one node have an order that real time allows.
pub fn linearizable(history: &[Operation]) -> Verdict {
    searched(S1, history, consistency::linearizable(history))
}

/// S3. The operations on one node have an order in which each session did one thing after another.
pub fn sequential(history: &[Operation]) -> Verdict {
    searched(S3, history, consistency::sequential(history))
}

/// S2. Writes that follow each other in real time have rising zxids.
pub fn writes_in_real_time(replies: &[Reply]) -> Verdict {
    judged(S2, replies, consistency::zxid_order(replies))
}

/// S3. What one session saw: answers in order, writes in order, its own writes seen.
pub fn session_order(replies: &[Reply]) -> Verdict {
    judged(S3, replies, consistency::session_order(replies))
}

/// S4. What one session saw never went back.
pub fn never_back(replies: &[Reply]) -> Verdict {
    judged(S4, replies, consistency::never_back(replies))
}

/// S2. An answered write names the transaction that it became.
pub fn named_rightly(session: SessionId, xid: i32, named: Zxid, became: Option<Zxid>) -> Verdict {
    holds(S2, became == Some(named), || {
        let became = became.map_or("none".into(), |zxid| zxid.to_string());
        format!("request {xid} of {session} is answered as {named}; the log has {became}")
    })
}

/// S5. What a client was told or shown is there at the end: a write as its own session's, made by
/// `made`, and nothing after the `last` transaction.
pub fn never_lost(reply: &Reply, last: Zxid, made: Option<SessionId>) -> Verdict {
    let position = Zxid(reply.position);
    let there = made == Some(SessionId(reply.session)) || !reply.write;
    holds(S5, there && position <= last, || {
        format!("{reply:?} tells of {position}, which is not there; the last is {last}")
    })
}

/// S3. The answer is to the oldest request that has none.
pub fn answered_in_turn(session: SessionId, answered: i32, oldest: Option<i32>) -> Verdict {
    holds(S3, oldest == Some(answered), || {
        format!("{session} is answered request {answered}, when it is the turn of {oldest:?}")
    })
}

/// S7. When a sync is answered, the server has all that was committed when it was asked for.
pub fn caught_up_by_sync(session: SessionId, now: Zxid, committed: Zxid) -> Verdict {
    holds(S7, now >= committed, || {
        format!(
            "a sync of {session} is answered at {now}, when {committed} had been committed before"
        )
    })
}

/// S4. What a server shows never goes back.
pub fn shows_no_older(shown: Zxid, before: Zxid) -> Verdict {
    holds(S4, shown >= before, || format!("{shown} is shown after {before}"))
}

/// S2. Transactions are committed in rising order.
pub fn written_in_order(zxid: Zxid, before: Zxid) -> Verdict {
    holds(S2, zxid > before, || format!("{zxid} is committed after {before}"))
}

fn searched(
    invariant: Invariant,
    history: &[Operation],
    found: Result<Vec<OpId>, Violation>,
) -> Verdict {
    found.map(drop).map_err(|why| {
        let named = |op: &&Operation| why.operations.contains(&op.id);
        let story = history.iter().filter(named).map(|op| format!("; {op}")).collect::<String>();
        Broken { invariant, what: format!("{why}{story}") }
    })
}

fn judged(invariant: Invariant, replies: &[Reply], verdict: Result<(), Violation>) -> Verdict {
    verdict.map_err(|why| {
        let named = |reply: &&Reply| why.operations.contains(&reply.id);
        let story = replies.iter().filter(named).map(|reply| format!("; {reply:?}"));
        Broken { invariant, what: format!("{why}{}", story.collect::<String>()) }
    })
}
