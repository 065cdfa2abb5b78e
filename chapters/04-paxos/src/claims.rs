//! Two things that are often said of Paxos, tried.
//!
//! Book: chapter 4.

use std::time::Duration;

use machines::Trace;

use crate::duel::{Fight, Fought, duellists, fight, malice};
use crate::role::Role;
use crate::schedule::{Played, Schedule, Stage, proposal};
use crate::search::{Found, Scope, search};
use crate::vocabulary::Courtesy;

/// The worked example of popular notes: proposers A and B are c1, with `[2, 8]`, and c2, with
/// `[4, 5]`; acceptors X, Y and Z are 1, 2 and 3.
pub const WORKED_EXAMPLE: &str = "\
begin c1           # A asks all to promise 2
deliver c1 1       # its prepare reaches X
deliver c1 2       # and Y
begin c2           # B asks all to promise 4
deliver c2 3       # Z hears B first
deliver c1 3       # and has no ear for A any more
deliver c2 1       # X and Y hear B second: 4 is above 2, they promise
deliver c2 2
deliver 1 c1       # A has its majority
deliver 2 c1       # and asks all to accept [2, 8]
deliver c1 1       # X and Y have promised 4 meanwhile
deliver c1 2
deliver 3 c2       # B hears that Z has nothing
deliver 1 c2       # and what X has: this is where the two rules part
deliver c2 1       # B asks all to accept its proposal
deliver c2 2
deliver c2 3
deliver 1 c2       # B hears that it is decided
deliver 3 c2
deliver 1 c1       # A hears that it was refused, and would try again with 6
";

/// The shortest schedule on which the notes' rule chooses twice: A wants 8 with ballot 2, B wants 5
/// with ballot 4, C wants 1 with ballot 6.
pub const THREE_BALLOTS: &str = "\
begin c1           # A asks all to promise 2
deliver c1 1
deliver c1 2
deliver 1 c1       # X and Y do
deliver 2 c1
deliver c1 1       # and accept [2, 8]: 8 is chosen
deliver c1 2
begin c2           # B asks all to promise 4
deliver c2 1       # X alone hears it
crash c2           # B dies
begin c3           # C asks all to promise 6
deliver c3 1
deliver c3 2
deliver 1 c3       # what has X: what it accepted, or what it heard last?
deliver 2 c3       # Y has [2, 8]
deliver c3 1       # C asks all to accept its proposal
deliver c3 2
";

/// Plays the worked example with acceptors of this kind.
pub fn worked_example(acceptor: &Role) -> Played {
    let stage = Stage::new(acceptor, &[proposal(2, 8), proposal(4, 5)], Courtesy::Eager);
    play(stage, WORKED_EXAMPLE)
}

/// Plays the schedule of three ballots with acceptors of this kind.
pub fn three_ballots(acceptor: &Role) -> Played {
    let proposals = [proposal(2, 8), proposal(4, 5), proposal(6, 1)];
    play(Stage::new(acceptor, &proposals, Courtesy::Eager), THREE_BALLOTS)
}

fn play(stage: Stage, schedule: &str) -> Played {
    let schedule: Schedule = schedule.parse().expect("it is a schedule");
    stage.play(&schedule).expect("what it delivers is on its way")
}

/// What is so about claim 1.
#[derive(Clone, Debug)]
pub struct LastReceived {
    /// The worked example by the notes' rule, and by that of Paxos.
    pub example: [Played; 2],
    /// All that can happen with two ballots, by the notes' rule.
    pub two: Found,
    /// The same with three.
    pub three: Found,
    /// With two again, if an acceptor also answers a prepare that comes a second time.
    pub repeated: Found,
    /// The schedule of three ballots by the notes' rule, and by that of Paxos.
    pub replay: [Played; 2],
    /// All that can happen with three ballots, by the rule of Paxos.
    pub paxos: Found,
}

/// Claim 1: an acceptor answers a prepare with the proposal that it last *received*, and the
/// proposer must adopt its value. The trace shows how two values are chosen.
pub fn last_received() -> (Trace, LastReceived) {
    let (notes, ours) = (Scope::hearsay(false), Scope::ours());
    let facts = LastReceived {
        example: [worked_example(&notes), worked_example(&ours)],
        two: search(&Scope::three(notes.clone(), 2)),
        three: search(&Scope::three(notes.clone(), 3)),
        repeated: search(&Scope::three(Scope::hearsay(true), 2)),
        replay: [three_ballots(&notes), three_ballots(&ours)],
        paxos: search(&Scope::three(ours, 3)),
    };
    (facts.replay[0].seen.trace.clone(), facts)
}

/// What is so about claim 29.
#[derive(Clone, Debug)]
pub struct EndlessWaiting {
    /// Two eager proposers, among acceptors whose disks are slower than the network.
    pub duel: Fought,
    /// The same two, when each waits for as long as its dice say.
    pub random: Fought,
    /// The same two, when one is preferred.
    pub preferred: Fought,
    /// The same, and the preferred one dies after it has asked for promises.
    pub heir: Fought,
    /// The preferred one alone with one acceptor of three.
    pub minority: Fought,
    /// Two that roll dice, on a network that means harm: as many preemptions as it likes.
    pub malice: Played,
}

/// How many milliseconds a disk takes in the duels of claim 29.
const DISK: u32 = 20;

/// How often the malicious network has proposers get in between each other.
pub const MALICE: usize = 200;

/// Claim 29: Paxos removes endless waiting. The trace shows how two proposers wait for ever.
pub fn endless_waiting() -> (Trace, EndlessWaiting) {
    let eager = [Courtesy::Eager; 2];
    let random = [Courtesy::Random { seed: 1 }, Courtesy::Random { seed: 2 }];
    let ranked = [Courtesy::Ranked { rank: 0 }, Courtesy::Ranked { rank: 1 }];
    let between = |courtesy| Fight::between(courtesy, DISK, Duration::from_millis(10));
    let soon = Some(Duration::from_millis(15));
    let facts = EndlessWaiting {
        duel: fight(&Fight { limit: Duration::from_secs(60), ..between(eager) }),
        random: fight(&between(random)),
        preferred: fight(&between(ranked)),
        heir: fight(&Fight { death: soon, ..between(ranked) }),
        minority: fight(&Fight { acceptors: 1, ..between(ranked) }),
        malice: duellists(random[0])
            .play(&malice(MALICE, true))
            .expect("what it delivers is on its way"),
    };
    (facts.duel.seen.trace.clone(), facts)
}
