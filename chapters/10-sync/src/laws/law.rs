//! The names of the laws.

use std::fmt;

machines::laws! {
    /// A law.
    pub enum Law {
        /// Primary uniqueness: an epoch has one leader, for ever.
        Z1: "Two servers gave order at once, and each believed that it was the only one.",
        /// Integrity: what is delivered was proposed, as it is.
        Z2: "A server applied a write that nobody made.",
        /// Agreement: of any two servers, one has delivered what the other has, and maybe more.
        Z3: "Two servers applied different writes.",
        /// Total order: everybody delivers in one order.
        Z4: "Two servers applied the same writes in different orders.",
        /// Local primary order: what a leader proposed first is delivered first, and nothing is left out.
        Z5: "A server left out a write.",
        /// Global primary order: what is delivered rises, through all epochs.
        Z6: "A server applied an old write after a newer one.",
        /// Primary integrity: a leader proposes nothing before it has all that was committed.
        Z7: "A new leader decided on writes without knowing what was decided before.",
        /// Initial history integrity: each epoch begins with all that earlier ones began with.
        Z8: "A new leader forgot what an earlier one began with.",
        /// Commit consistency: who serves has delivered the beginning of the epoch.
        Z9: "A server answered reads before it was up to date.",
        /// History consistency: whoever has a transaction has the same before it.
        Z10: "Two servers remember different pasts of the same write.",
        /// Leader completeness: a leader has all that was ever committed.
        Z11: "A confirmed write is gone: the new leader never had it.",
        /// What is committed is on the disks of a quorum, whoever crashed.
        Z12: "A confirmed write is on too few disks to survive the next crash.",
        /// Nothing that is committed is cut off.
        Z13: "A server was made to forget a confirmed write.",
        /// What is known to be committed only grows, and one after another.
        Z14: "A write was confirmed before one that comes earlier.",
        /// No history has a hole.
        Z15: "A server's log lacks a write between two others.",
        /// A zxid names one transaction.
        Z16: "Two different writes carry the same number.",
        /// An epoch's transactions are counted from one, and no counter runs over.
        Z17: "The numbers of writes ran over into the next reign.",
        /// Everything is said in its turn.
        Z18: "A server said something that the other side could not expect, and was hung up on.",
        /// Only the words of voters count, and of a quorum of them.
        Z19: "A write was confirmed, or a reign begun, without a majority.",
        /// Epochs on disk only rise, and the current one is never above the accepted one.
        D1: "A server came back into a reign that it had already left.",
        /// The history is on disk before the epoch that stands for it.
        D2: "A server with an old history wins elections because of its new epoch.",
        /// What is acknowledged is on disk.
        D3: "A majority said that the write was safe, and a power cut lost it.",
        /// A promise is on disk before it is given.
        D4: "A server followed an old leader again, although it had promised not to.",
        /// A vote names the end of the log on disk.
        D5: "A server with less than it said, or more, became leader.",
        /// A state that was loaded is what the history makes.
        D7: "A snapshot did not have what its number says.",
        /// Only a tail that nobody was told of is lost.
        D8: "A restart dropped a write that the server had acknowledged, or invented one.",
        /// After the disk failed nothing is acknowledged any more.
        D9: "A server went on saying yes although its disk had stopped taking writes.",
        /// What was forced can be reached after the power went.
        D10: "After a power cut a server does not find what it had saved.",
        /// A leader that was confirmed has all that was committed when it asked.
        S7: "A read after a sync showed an old value.",
        /// When all is well again, all servers soon serve, and have the same.
        L1: "The service does not come back although nothing is broken any more.",
    }
}

/// A law that does not hold, and the facts that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub law: Law,
    /// The facts, for a person to read.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.law, self.what, self.law.meaning())
    }
}
