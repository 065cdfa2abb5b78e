//! Claim 20: ephemeral nodes vanish as soon as the client dies.
//!
//! They go with their session, and a session ends in two ways only: its client closes it, which is a
//! transaction, or nothing is heard of it for its timeout. A connection that breaks ends nothing; the
//! client may come back on another one, at another server too, as long as the time is not over.
//!
//! Book: chapter 12.

use std::time::Duration;

use machines::{NodeId, Trace};
use protocol::{CreateMode, Operation, SessionState};

use crate::rehearsal::{Rehearsal, create};

/// The node that is there as long as client 1 has a session.
const NODE: &str = "/alive";

/// How client 1 goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It closes its session.
    Close,
    /// Its process is killed, and its operating system closes the connection.
    Crash,
    /// It is cut off from all servers for this long.
    Cut(Duration),
    /// It does not: the server that it talks to crashes.
    Server,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence {
    /// How many servers there are, all of which vote; three at least if one is to crash.
    pub servers: u64,
    /// The unit in which sessions expire.
    pub tick: Duration,
    /// The session timeout that client 1 wants; it gets 2 ticks at least, and 20 at most.
    pub timeout: Duration,
    /// How it goes away.
    pub way: Way,
    /// The seed of the world.
    pub seed: u64,
}

/// What came of it. Times are since the world began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absent {
    /// When it went away, or was cut off.
    pub left: Duration,
    /// When its session was going to end, by what the server had heard of it before that.
    pub deadline: Option<Duration>,
    /// When client 2, which watches the node, heard that it is gone, if it did.
    pub gone: Option<Duration>,
    /// The state of client 1's session, as it was last told.
    pub state: Option<SessionState>,
    /// Whether the node is there in the end.
    pub there: bool,
}

/// Client 1 creates an ephemeral node, client 2 watches it, and client 1 goes away.
pub fn absence(absence: &Absence) -> (Trace, Absent) {
    let Absence { servers, tick, timeout, way, seed } = *absence;
    let mut world = Rehearsal::new(servers, tick, seed);
    // Client 1 talks to a server that does not lead, if there is one, and client 2 to another.
    let leader = world.leader().expect("one leads");
    let at = if leader == 1 && servers > 1 { 2 } else { 1 };
    world.join(1, timeout, at);
    world.join(2, 20 * tick, leader);
    world.ask(1, create(NODE, CreateMode::Ephemeral), false).expect("it can be created");
    let exists = || Operation::Exists { path: NODE.to_string() };
    world.within(world.now() + tick, |it| it.last(leader) == it.last(at));
    world.ask(2, exists(), true).expect("it is there");
    world.pass(timeout);

    let (left, limit) = (world.now(), timeout + 2 * tick);
    let client = NodeId::Client(1);
    let mut deadline = None;
    match way {
        Way::Close => world.close(1),
        Way::Crash => world.world().crash(client),
        Way::Server => world.world().crash(NodeId::Server(at)),
        Way::Cut(away) => {
            let others: Vec<NodeId> = (1..=servers).map(NodeId::Server).collect();
            world.world().part(&[client], &others);
            // What a follower has heard, it hands over within half a tick.
            world.pass(away.min(tick));
            deadline = world.deadline(1);
            world.pass(away.saturating_sub(tick));
            world.world().heal();
        }
    }
    if way == Way::Crash {
        world.pass(tick);
        deadline = world.deadline(1);
    }
    let is_known = |it: &Rehearsal| {
        let state = it.state(1).expect("it had a session");
        !it.events(2).is_empty() && (way == Way::Crash || state.is_final())
    };
    world.within(world.now() + limit, is_known);
    let trace = world.trace();
    let told = |line: &&machines::Line| {
        line.node == NodeId::Client(2) && line.text.contains("NodeDeleted")
    };
    let gone = trace.lines().iter().find(told).map(|line| line.time);
    let there = world.ask(2, exists(), false).is_ok();
    (world.trace(), Absent { left, deadline, gone, state: world.state(1), there })
}
