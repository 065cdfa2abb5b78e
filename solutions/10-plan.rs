//! The plan: how a learner is brought to the leader's history, with as little as will do.
//!
//! A learner says only where its history ends. What lies before, the leader concludes from one law:
//! **two servers that have the same transaction have the same history up to it**. For whoever logs
//! a transaction of an epoch has logged all that this epoch began with, and all that its leader
//! proposed before. So wherever the two histories have met they agree, and the leader looks for the
//! last place where it is certain that they have:
//!
//! | the learner's history ends                              | what it gets              |
//! |---------------------------------------------------------|---------------------------|
//! | where all that is decided ends                          | nothing: DIFF             |
//! | at a transaction in the leader's memory, or where an    | what follows it: DIFF     |
//! | epoch began                                             |                           |
//! | further on, where the leader's history never was        | a cut to where they met:  |
//! |                                                         | TRUNC, then what follows  |
//! | before all that is in memory                            | what follows it, from the |
//! |                                                         | log on disk; or SNAP      |
//! | anywhere else, or nowhere                               | all of the state: SNAP    |
//!
//! What is *decided* is committed, or will be as soon as the leader is established: the history with
//! which it began. A learner that has more than that is cut, even if it has what the leader proposed
//! since. It will get it again; but until it has acknowledged it again, it counts as not having it.
//!
//! A cut is ordered only to a transaction that the learner has in its log. If its last transaction is
//! of an epoch of which the leader has none, that is the last one of all earlier epochs: where that
//! epoch began. For it did begin, or nobody could have proposed in it; so a quorum has its beginning,
//! and whoever was elected since has it too, and of the epochs before it nothing else.
//!
//! A snapshot is the last resort, and not because it is long. The leader's state has only what is
//! known to be committed, which while it begins may be less than the learner has on disk, and a
//! snapshot takes the place of that. So it is for those whose history ends before that state.
//!
//! Always true:
//! - a learner that does what it is told has the leader's history, without a hole;
//! - nothing that is committed is ever cut.
//!
//! Book: chapter 10. ZooKeeper: `LearnerHandler.syncFollower`, `queueCommittedProposals`.

use election::Vote;
use zab::History;
use zxid::Zxid;

/// What a learner gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    /// What follows this transaction, where its history ends. All of it is in memory.
    Diff {
        /// The learner's last transaction.
        after: Zxid,
    },
    /// The order to cut its history after this transaction, then what follows. All of that is in
    /// memory.
    Trunc {
        /// The last transaction that it may keep.
        to: Zxid,
    },
    /// What follows this transaction, from the log on disk, and then from memory. Only the disk can
    /// tell whether the transaction is there; if it is not, the learner gets a snapshot.
    FromDisk {
        /// The learner's last transaction.
        after: Zxid,
    },
    /// All of the state.
    Snap,
}

/// What a learner gets whose history ends at `last`. Everything up to `decided` is committed, or
/// will be when the leader is established. `disk` is how many bytes of the log on disk are still
/// better than a snapshot; nothing if the log may not be used at all.
pub fn plan(last: Zxid, history: &History, decided: Zxid, disk: Option<u64>) -> Plan {
    // Exercise 10.1: what does a learner get whose history ends here?
    let end = floor(history, decided);
    // `decided` may name the leader's own epoch, which is no transaction: who is there has all that
    // the epoch began with.
    if last == end || last == decided {
        return Plan::Diff { after: last };
    }
    // A server that knows nothing about itself; or has nothing; or wants to forget what it has.
    if last == Vote::UNKNOWN || last == Zxid::ZERO {
        return Plan::Snap;
    }
    if last < history.from() {
        let cheap = disk.is_some_and(|limit| behind(last, history) <= limit);
        return if cheap { Plan::FromDisk { after: last } } else { Plan::Snap };
    }
    // It says that an epoch began, and so that it has all before.
    if last.counter() == 0 && last.epoch() <= decided.epoch() {
        return Plan::Diff { after: last };
    }
    let met = floor(history, last).min(end);
    // In its own epoch the leader knows what was proposed; there is no later one.
    let proposed = floor(history, last) == last || last.epoch() < decided.epoch();
    match met {
        _ if met == last => Plan::Diff { after: last },
        _ if met.counter() > 0 && proposed => Plan::Trunc { to: met },
        _ => Plan::Snap,
    }
    // End of 10.1.
}

/// The last transaction in memory that is not after this one, or the one before all of them.
fn floor(history: &History, zxid: Zxid) -> Zxid {
    if zxid >= history.last() {
        return history.last();
    }
    let before = history.after(history.from()).map(|entry| entry.zxid).take_while(|it| *it <= zxid);
    before.last().unwrap_or(history.from())
}

/// About how many bytes of log a learner lacks that are not in memory, if they are like those that
/// are. Transactions between two epochs cannot be counted: there may be more.
fn behind(last: Zxid, history: &History) -> u64 {
    let from = history.from();
    let known = if last.epoch() == from.epoch() { last.counter() } else { 0 };
    let lacking = u64::from(from.counter() - known);
    let (mut entries, mut bytes) = (0, 0);
    for entry in history.after(from) {
        (entries, bytes) = (entries + 1, bytes + entry.payload.len() as u64);
    }
    lacking.saturating_mul(bytes.checked_div(entries).unwrap_or(0))
}
