//! The timeouts of three-phase commit, and the rule by which a new leader decides.
//!
//! Between the vote and the commit there is one more round, and with it nobody is ever so much in
//! doubt that it must wait for one particular other. Whoever is only *waiting* knows that nobody has
//! committed yet; whoever is *pre-committed* knows that all have voted yes. So when the coordinator
//! is silent, the next in line asks how far the others have come: if one of them is pre-committed
//! they all commit, and if none is they all abort.
//!
//! All of that rests on one thing: that whoever is silent has crashed. If it is only cut off, or its
//! messages are late, the two sides decide each for itself, and may decide differently.
//!
//! Always true, as long as only those that have crashed are thought to have:
//! - nobody commits while somebody that runs does not know that all have voted yes;
//! - as long as one is left that has run since it voted, nobody has to wait for those that crashed.
//!
//! Book: chapter 3. Papers: Skeen 1981; Bernstein, Hadzilacos, Goodman 1987, §7.5 (rules TR3, TR4).

use std::collections::{BTreeMap, BTreeSet};

use atomic_commit::{Doubt, Resort, Ruling, Standing, Timeouts, Waits};
use machines::NodeId;

/// What a site does that has waited in vain.
pub fn on_silence(waits: Waits, timeouts: Timeouts) -> Resort {
    match (waits, timeouts) {
        // It has promised nothing, so it may drop the work.
        (Waits::ToBeAsked, _) => Resort::Abort,
        // A vote is missing, so nobody can have committed.
        (Waits::Votes, _) => Resort::Abort,
        // Who has not said that it knows has crashed. It will ask when it is back.
        (Waits::Acks, _) => Resort::Commit,
        // Who has not answered has crashed.
        (Waits::States, _) => Resort::Rule,
        // Who leads has crashed.
        (Waits::Leader(_), Timeouts::Together) => Resort::Elect,
        // As it is often told, and wrong: the others may have come less far, or farther.
        (Waits::Leader(Doubt::Waiting), Timeouts::Alone) => Resort::Abort,
        (Waits::Leader(Doubt::PreCommitted), Timeouts::Alone) => Resort::Commit,
    }
}

/// Who leads: the first in line of those that are not silent.
pub fn leader(line: &[NodeId], silent: &BTreeSet<NodeId>) -> Option<NodeId> {
    line.iter().find(|site| !silent.contains(site)).copied()
}

/// What a new leader does when the others have answered, or are silent, and nobody has told it a
/// decision. `others` is how many there are. Who was restarted does not count: those that run may
/// have agreed on something without it. And it may not lead, unless everybody is there and
/// everybody was restarted.
pub fn rule(mine: Standing, answers: &BTreeMap<NodeId, Standing>, others: usize) -> Ruling {
    let somebody_runs = answers.values().any(|other| other.steady);
    if !mine.steady && (somebody_runs || answers.len() < others) {
        return Ruling::Wait;
    }
    let counted = answers.iter().filter(|(_, other)| other.steady == mine.steady);
    let known = counted.filter(|(_, other)| other.doubt == Doubt::PreCommitted);
    let known: BTreeSet<NodeId> = known.map(|(site, _)| *site).collect();
    if mine.doubt == Doubt::Waiting && known.is_empty() {
        // TR3: nobody knows that all have voted yes, so nobody has committed.
        Ruling::Abort
    } else {
        // TR4: somebody knows, so all may know; and when they do, they commit.
        Ruling::PreCommit(known)
    }
}
