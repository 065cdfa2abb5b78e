//! Invariants: what must be true after every step, and what it means to a user if it is not.
//!
//! Each is a named predicate over facts that the [`Witness`](crate::Witness) collects at the
//! server's boundary: what it heard, what it wrote and forced, what it said. The predicates know
//! nothing of how the server works inside, so they hold for any server.
//!
//! Always true: every invariant named here has killed at least one deliberately broken server; the
//! list of those is `tests/mutants`.

pub mod durability;
pub mod order;
pub mod replicas;
pub mod sessions;
pub mod tree;
pub mod watching;

use std::fmt;

use sync::laws::Law;

macro_rules! invariants {
    ($($(#[$doc:meta])* $name:ident: $meaning:literal,)*) => {
        /// The name of an invariant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Invariant {
            $($(#[$doc])* $name,)*
            /// What must hold between the servers of an ensemble, see chapter 10.
            Law(Law),
            /// No machine finds itself in a state that cannot be.
            Panic,
        }

        impl Invariant {
            /// All that have a number, but for the laws of chapter 10.
            pub const ALL: &[Invariant] = &[$(Invariant::$name,)*];

            /// What it means to a user when it does not hold.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Invariant::$name => $meaning,)*
                    Invariant::Law(law) => law.meaning(),
                    Invariant::Panic => "A server found itself in a state that cannot be, and stopped.",
                }
            }
        }
    };
}

invariants! {
    /// Epochs on disk only rise, and the current one is never above the accepted one.
    D1: "A server came back into a reign that it had already left.",
    /// What a client was shown is forced to the disk.
    D3: "The service answered before the write was safe: a power cut now loses it.",
    /// Recovering twice gives what recovering once gives.
    D6: "A crash while the server starts changes what it remembers.",
    /// A snapshot and the log after it give the state that the log alone would give.
    D7: "After a restart the tree is not the one that was there before.",
    /// Only a tail that nobody was told of is cut off, and damage is never passed over in silence.
    D8: "A restart dropped a write that the service had confirmed, or invented one.",
    /// After the disk failed nothing is acknowledged any more.
    D9: "The service went on saying yes although its disk had stopped taking writes.",
    /// What was forced can be reached after the power went.
    D10: "The power went, and a confirmed write is no longer on the disk.",
    /// Within one round of an election one leader at most is settled on by a quorum.
    E1: "Two servers were elected by one and the same vote: a service with two heads.",
    /// Whoever settles on a leader has heard a quorum name it.
    E2: "A server follows somebody whom a minority wants.",
    /// Whoever waits for better votes settles on the best of a quorum.
    E3: "A server was elected that lacks what others have: its reign cannot begin.",
    /// Nobody votes for less than he has, or has heard of in the round.
    E4: "A better candidate was passed over, and the election may go round in circles.",
    /// When no fault comes any more, every election can come to its end.
    L4: "The servers vote for ever, and there is no service.",
    /// The operations on one node are linearizable.
    S1: "A client read a value that no order of the writes explains.",
    /// The order of zxids is the order of real time.
    S2: "A write that began after another was finished took effect before it.",
    /// A session is answered in its order, and sees its own writes.
    S3: "A client's requests took effect or were answered in another order than it sent them.",
    /// A session never sees an older state after a newer one.
    S4: "A client saw the service go back in time.",
    /// What was confirmed, or shown, is never lost.
    S5: "A write that the service had confirmed, or had shown, is gone.",
    /// A multi is one transaction.
    S6: "Someone could see half of a multi.",
    /// After a sync a client sees everything that was confirmed to anybody before it.
    S7: "A client asked to be brought up to date, and was shown the past.",
    /// Ephemeral nodes live exactly as long as their sessions.
    S8: "A lock is still held by a client that is gone, or was taken from one that is not.",
    /// Sessions expire only after silence, and never come back.
    S9: "A session ended although its client was heard, or went on after its end.",
    /// A session acts through one connection at a time.
    S10: "Something was done for a client that it had asked for on a connection it had given up.",
    /// A watch fires for the first change after it was set, once.
    S11: "A client waits for an event that never comes, or gets one that it did not ask for.",
    /// The event comes before any answer that shows the change.
    S12: "A client saw the change before it was told of it, and acted on an old cache.",
    /// Events come in the order of the changes.
    S13: "A client was told of changes in another order than they happened.",
    /// Watches set again after a reconnect fire if something was missed, and only then.
    S14: "A client missed a change while it was reconnecting.",
    /// Versions count changes, and a conditional write succeeds only on the version that it names.
    S15: "Two clients both believe that their conditional write was the one that won.",
    /// Sequential names are unique and rise.
    S16: "Two clients got the same place in the queue, or one was put in the wrong place.",
    /// Nothing is done or told without permission.
    S17: "Someone could see or change what the list does not allow them.",
    /// Every replica has the tree and the digest of the model, after every transaction.
    S18: "Servers that applied the same transactions do not hold the same tree.",
    /// Every answer is the reference model's.
    S19: "The service answered something else than ZooKeeper's rules say.",
    /// When a quorum is well again, every request is answered.
    L2: "A client waits for ever.",
    /// When all is well again, all servers come to hold the same.
    L3: "A server shows an old state for ever, although nothing is broken any more.",
    /// No more requests wait in a server than its limit allows, whoever is slow.
    L5: "A server's memory grows without end while a disk or another server is slow.",
}

impl Invariant {
    /// The invariant of a name, such as `S7`, `Z11` or `panic`.
    pub fn named(name: &str) -> Option<Invariant> {
        let laws = Law::ALL.iter().map(|law| Invariant::Law(*law));
        let mut all = Invariant::ALL.iter().copied().chain(laws).chain([Invariant::Panic]);
        all.find(|invariant| invariant.to_string() == name)
    }

    /// Its page in the book, and the place on it.
    pub fn page(self) -> String {
        format!("18-assurance.html#{}", self.to_string().to_lowercase())
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invariant::Law(law) => write!(f, "{law}"),
            Invariant::Panic => write!(f, "panic"),
            own => write!(f, "{own:?}"),
        }
    }
}

/// An invariant that does not hold, and the facts that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub invariant: Invariant,
    /// The facts, for a person to read.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.invariant, self.what, self.invariant.meaning())
    }
}

/// Whether an invariant held.
pub type Verdict = Result<(), Broken>;

/// Holds if `condition` does; the facts are only put together if not.
pub(crate) fn holds(
    invariant: Invariant,
    condition: bool,
    what: impl FnOnce() -> String,
) -> Verdict {
    if condition { Ok(()) } else { Err(Broken { invariant, what: what() }) }
}
