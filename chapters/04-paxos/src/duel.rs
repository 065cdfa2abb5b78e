//! The duel: two proposers that keep each other from ever deciding, and what ends it.
//!
//! Each takes a higher ballot than the other just before the other one's proposal arrives. No law
//! is broken, and nothing is chosen. Who decides when messages arrive can make it go on for ever,
//! whatever the proposers do: that is what Fischer, Lynch and Paterson proved of every such
//! protocol. In a world that has no such malice, it ends when one of them waits long enough.
//!
//! Book: chapter 4. Paper: Lamport 2001 (Paxos Made Simple), §2.4; Fischer, Lynch, Paterson 1985.

use std::time::Duration;

use machines::{NodeId, Settings, Span, World};

use crate::Proposer;
use crate::message::Output;
use crate::role::{Role, boot};
use crate::schedule::{Act, Foul, Played, Schedule, Stage, proposal};
use crate::search::Scope;
use crate::vocabulary::{Ballot, Courtesy, Numbers, Value};
use crate::watched::{Seen, Watched};

/// How often a schedule must have proposers get in between each other.
pub const PREEMPTIONS: usize = 5;

/// How many acts it may have.
pub const BUDGET: usize = 100;

/// When everybody is connected.
const CONNECTED: Duration = Duration::from_millis(10);

/// Judges a schedule of a duel between two eager proposers: c1 with ballots 2, 4, ... wants 8, c2
/// with ballots 3, 5, ... wants 5. It must show at least five times that a proposer which a majority
/// has promised its ballot is refused; and to the end nothing may be chosen. Only the order of
/// messages may be to blame: nobody dies.
pub fn judge(schedule: &Schedule) -> Result<Played, Foul> {
    let foul = |why: String| Err(Foul(why));
    if schedule.0.len() > BUDGET {
        return foul(format!("it has {} acts, and {BUDGET} are enough", schedule.0.len()));
    }
    let blameless = |act: &Act| matches!(act, Act::Begin(_) | Act::Deliver { .. });
    if let Some(act) = schedule.0.iter().find(|act| !blameless(act)) {
        return foul(format!("`{act}`: in a duel nobody dies, and nobody waits"));
    }
    let played = duellists(Courtesy::Eager).play(schedule)?;
    if let Some(value) = played.seen.decree() {
        return foul(format!("{value} was chosen: that is how a duel ends"));
    }
    let count = played.preemptions;
    if count < PREEMPTIONS {
        return foul(format!(
            "a proposer with the promises of a majority was refused {count} times, not \
             {PREEMPTIONS}: somebody who was promised nothing has lost nothing"
        ));
    }
    Ok(played)
}

/// The stage of a duel.
pub fn duellists(courtesy: Courtesy) -> Stage {
    Stage::new(&Scope::ours(), &[proposal(2, 8), proposal(3, 5)], courtesy)
}

/// What a network does that wants proposers never to decide: as often as is asked, it brings the
/// one's next prepare to a majority just before the other one's proposal. Proposers that wait are
/// woken: a network that may keep a message for any time can keep it for longer than any wait.
pub fn malice(preemptions: usize, wake: bool) -> Schedule {
    let (one, two) = (NodeId::Client(1), NodeId::Client(2));
    let (x, y) = (NodeId::Server(1), NodeId::Server(2));
    let deliver = |from, to| Act::Deliver { from, to };
    let mut acts = Vec::new();
    for proposer in [one, two] {
        acts.push(Act::Begin(proposer));
        acts.extend([x, y].map(|acceptor| deliver(proposer, acceptor)));
        acts.extend([x, y].map(|acceptor| deliver(acceptor, proposer)));
    }
    for loser in [one, two].into_iter().cycle().take(preemptions) {
        // Its proposal comes too late.
        acts.extend([deliver(loser, x), deliver(x, loser)]);
        if wake {
            acts.push(Act::Wake(loser));
        }
        // Its next prepare comes in time.
        acts.extend([deliver(loser, x), deliver(x, loser)]);
        acts.extend([deliver(loser, y), deliver(loser, y), deliver(y, loser), deliver(y, loser)]);
    }
    Schedule(acts)
}

/// A duel in a world where every message takes a millisecond, and the disks of acceptors longer.
#[derive(Clone, Copy, Debug)]
pub struct Fight {
    /// How the proposers wait for each other: the first, and the second.
    pub courtesy: [Courtesy; 2],
    /// How many milliseconds an acceptor's disk takes to force what was written. A proposer's takes
    /// one.
    pub disk: u32,
    /// How much later the second proposer begins.
    pub later: Duration,
    /// When the first proposer dies, if it does.
    pub death: Option<Duration>,
    /// How many of the three acceptors run.
    pub acceptors: u64,
    /// How long to wait for a decision.
    pub limit: Duration,
}

impl Fight {
    /// Two proposers of this courtesy, among three acceptors, for ten minutes.
    pub fn between(courtesy: [Courtesy; 2], disk: u32, later: Duration) -> Fight {
        let limit = Duration::from_secs(600);
        Fight { courtesy, disk, later, death: None, acceptors: 3, limit }
    }
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Fought {
    /// What was seen.
    pub seen: Seen,
    /// When something was chosen, or when nobody waited any longer.
    pub took: Duration,
    /// How often a proposer gave up a ballot because of another.
    pub given_up: usize,
}

/// Lets two proposers fight until something is chosen.
pub fn fight(fight: &Fight) -> Fought {
    let [one, two] = [NodeId::Client(1), NodeId::Client(2)];
    let mut watched = Watched::new(world(fight), 3);
    // Everybody is connected before anybody begins.
    watched.pass(CONNECTED);
    watched.propose(one, Value::Number(8));
    let dies = fight.death.map(|death| CONNECTED + death);
    let comes = CONNECTED + fight.later;
    let mut given_up = run(&mut watched, dies.unwrap_or(comes).min(comes));
    if dies.is_some_and(|dies| dies < comes) {
        watched.world().crash(one);
    }
    given_up += run(&mut watched, comes);
    watched.propose(two, Value::Number(5));
    if let Some(dies) = dies.filter(|dies| *dies >= comes) {
        given_up += run(&mut watched, dies);
        watched.world().crash(one);
    }
    given_up += run(&mut watched, fight.limit);
    Fought { took: watched.world().now(), seen: watched.seen(), given_up }
}

/// Runs until a time, or until something is chosen. Says how many ballots were given up.
fn run(watched: &mut Watched, until: Duration) -> usize {
    let mut count = 0;
    while watched.witness().votes().chosen().is_empty()
        && let Some(occurrence) = watched.step_until(until)
    {
        let given_up = |it: &&Output| matches!(it, Output::Preempted { .. });
        count += occurrence.answers.iter().filter(given_up).count();
    }
    count
}

fn world(fight: &Fight) -> World<Role> {
    let (delay, sync) = (Span::millis(1, 1), Span::millis(1, 1));
    let (write, drain) = (Span::micros(1, 1), Span::micros(1, 1));
    let mut world = World::new(1, Settings { delay, write, sync, drain, ..Settings::default() });
    world.trace_mut().record();
    let acceptors: Vec<NodeId> = (1..=3).map(NodeId::Server).collect();
    for node in &acceptors {
        world.add(*node, boot(Scope::ours()));
        world.slow(*node, fight.disk);
    }
    acceptors.iter().skip(fight.acceptors as usize).for_each(|node| world.keep_down(*node));
    for (number, courtesy) in (1..).zip(fight.courtesy) {
        let numbers = Numbers { first: Ballot(number + 1), step: 2 };
        let role = Role::Proposer(Proposer::new(numbers, acceptors.clone(), courtesy));
        world.add(NodeId::Client(number), boot(role));
    }
    world
}
