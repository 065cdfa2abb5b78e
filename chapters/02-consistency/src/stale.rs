//! Judge of exercise 2.2: give a history that is sequential, and not linearizable.
//!
//! Such a history is what clients see of a follower that lags: each client's own story is in order,
//! and only somebody who could watch two of them at once would notice that a read was stale. What is
//! wrong with another history is said by the misconception that makes people give it.
//!
//! Always true: what is accepted here is refused by `linearizable` and accepted by `sequential`.
//!
//! Book: chapter 2. Papers: Lamport 1979; Herlihy and Wing 1990.

use std::collections::BTreeSet;
use std::fmt;

use crate::history::{Action, Cause, OpId, Operation, Violation};
use crate::{linearizable, sequential};

/// Why a history is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misconception {
    /// Two operations have one name.
    SameName(OpId),
    /// An operation was answered before it was asked.
    AnsweredTooSoon(OpId),
    /// A client asked before it had the answer to what it had asked.
    TwoAtOnce(OpId, OpId),
    /// There are more operations than a search can bear.
    TooLong,
    /// One copy of the register could have shown all of it, in this order.
    OneCopyDoes(Vec<OpId>),
    /// A read was told a value that nobody wrote.
    NobodyWrote(OpId),
    /// A client did not see what it had written itself. These operations show it.
    OwnWriteUnseen(Vec<OpId>),
    /// One client saw a newer value and then an older one. These operations show it.
    BackInTime(Vec<OpId>),
    /// Two clients saw the writes in different orders. These operations show it.
    OrdersDiffer(Vec<OpId>),
}

/// Judges an answer. What is right comes with the operations that show the stale read.
pub fn stale_read_only(history: &[Operation]) -> Result<Violation, Misconception> {
    well_formed(history)?;
    match (linearizable(history), sequential(history)) {
        (Ok(order), _) => Err(Misconception::OneCopyDoes(order)),
        (Err(Violation { cause: Cause::TooLong, .. }), _) => Err(Misconception::TooLong),
        (Err(stale), Ok(_)) => Ok(stale),
        (Err(_), Err(broken)) => Err(program_order_broken(history, &broken.operations)),
    }
}

/// Whether it is a history at all.
fn well_formed(history: &[Operation]) -> Result<(), Misconception> {
    let mut names = BTreeSet::new();
    for op in history {
        if !names.insert(op.id) {
            return Err(Misconception::SameName(op.id));
        }
        if op.answered.is_some_and(|answered| answered <= op.invoked) {
            return Err(Misconception::AnsweredTooSoon(op.id));
        }
        // A client that gave up waiting may ask again; one that was answered later may not have.
        let overlaps = |other: &&Operation| {
            other.client == op.client
                && other.id != op.id
                && other.invoked >= op.invoked
                && op.answered.is_some_and(|answered| other.invoked <= answered)
        };
        if let Some(other) = history.iter().find(overlaps) {
            return Err(Misconception::TwoAtOnce(op.id, other.id));
        }
    }
    Ok(())
}

/// Which promise to a client was broken, from the few operations that show that one was.
fn program_order_broken(history: &[Operation], operations: &[OpId]) -> Misconception {
    let few: Vec<&Operation> = history.iter().filter(|op| operations.contains(&op.id)).collect();
    let reads = || few.iter().filter(|op| matches!(op.action, Action::Read(_)));
    let unwritten = reads().find(|op| match op.action {
        Action::Read(value) => {
            value != 0 && !history.iter().any(|other| other.action == Action::Write(value))
        }
        Action::Write(_) => false,
    });
    let readers: BTreeSet<u32> = reads().map(|op| op.client).collect();
    match (unwritten, reads().count(), readers.len()) {
        (Some(read), _, _) => Misconception::NobodyWrote(read.id),
        (None, 0 | 1, _) => Misconception::OwnWriteUnseen(operations.to_vec()),
        (None, _, 1) => Misconception::BackInTime(operations.to_vec()),
        (None, _, _) => Misconception::OrdersDiffer(operations.to_vec()),
    }
}

/// Reads a history as it is printed, one operation a line: `client 1: write 7 from 1 to 2`, or
/// `client 2: read from 3, no answer`. Operations are named by their place. Empty lines are passed
/// over, and what follows a `--`.
pub fn read_history(text: &str) -> Result<Vec<Operation>, String> {
    let mut history = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split("--").next().unwrap_or_default().trim();
        if !line.is_empty() {
            let id = OpId(history.len() as u32 + 1);
            let form = "write for example `client 1: write 7 from 1 to 2`";
            let wrong = || format!("line {}: `{line}`; {form}", index + 1);
            history.push(operation(id, line).ok_or_else(wrong)?);
        }
    }
    Ok(history)
}

fn operation(id: OpId, line: &str) -> Option<Operation> {
    // A printed operation begins with its name.
    let (_, line) = line.split_once("client ")?;
    let (client, line) = line.split_once(": ")?;
    let (action, times) = line.split_once(" from ")?;
    let action = match action.split(' ').collect::<Vec<&str>>()[..] {
        ["write", value] => Action::Write(value.parse().ok()?),
        ["read", value] => Action::Read(value.parse().ok()?),
        ["read"] => Action::Read(0),
        _ => return None,
    };
    let (invoked, answered) = match times.strip_suffix(", no answer") {
        Some(invoked) => (invoked, None),
        None => {
            let (invoked, answered) = times.split_once(" to ")?;
            (invoked, Some(answered.parse().ok()?))
        }
    };
    Some(Operation {
        id,
        client: client.parse().ok()?,
        action,
        invoked: invoked.parse().ok()?,
        answered,
    })
}

impl fmt::Display for Misconception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, operations) = match self {
            Misconception::SameName(op) => ("two operations have one name", vec![*op]),
            Misconception::AnsweredTooSoon(op) => {
                ("an answer comes after its question, and takes time", vec![*op])
            }
            Misconception::TwoAtOnce(one, other) => {
                ("a client has one operation under way at a time", vec![*one, *other])
            }
            Misconception::TooLong => ("it is too long: a few operations show it", vec![]),
            Misconception::OneCopyDoes(order) => {
                ("it is linearizable: one copy shows all of it, in this order", order.clone())
            }
            Misconception::NobodyWrote(read) => {
                ("nobody wrote that: no order of anything explains it", vec![*read])
            }
            Misconception::OwnWriteUnseen(operations) => (
                "a client does not see its own write: that breaks program order too, and ZooKeeper \
                 forbids it",
                operations.clone(),
            ),
            Misconception::BackInTime(operations) => (
                "one client reads back in time: that breaks program order too, and ZooKeeper \
                 forbids it",
                operations.clone(),
            ),
            Misconception::OrdersDiffer(operations) => (
                "two clients see the writes in different orders: then no one order explains both",
                operations.clone(),
            ),
        };
        write!(f, "{what}")?;
        for (place, id) in operations.iter().enumerate() {
            write!(f, "{} {id}", if place == 0 { ":" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Misconception {}
