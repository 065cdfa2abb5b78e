//! The program of chapter 16: one write's way through an ensemble, and what becomes of it if the
//! leader crashes on the way.
//!
//! Client 1 writes through one server; client 2 watches at another.

use bytes::Bytes;
use jute::records::Acl;
use machines::{Kind, Line, NodeId};
use protocol::{CreateMode, Error, Operation};

use super::Told;
use super::stage::Stage;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// How many servers vote; three at least, or none could be missed.
    pub servers: u64,
    /// How many more follow without a vote.
    pub observers: u64,
    /// Through whom the client writes.
    pub through: Through,
    /// At which step the leader crashes, if it does.
    pub crash: Option<Step>,
    /// The seed of the world.
    pub seed: u64,
}

/// Through which server a client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// The leader.
    Leader,
    /// The first server that votes and does not lead.
    Follower,
    /// The first that has no vote.
    Observer,
}

/// How far a write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client's server has passed it on, and the leader has not seen it.
    Forward,
    /// The proposal has reached one follower, and is on no follower's disk.
    Propose,
    /// It is on the disk of one follower.
    Log,
    /// One server was told that it is committed.
    Commit,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// What the client was told of its write; nothing if all was well.
    pub error: Option<Error>,
    /// Whether the node is there in the end.
    pub is_there: bool,
    /// Who led, and who leads in the end.
    pub leaders: (NodeId, NodeId),
    /// The server that the client asked.
    pub through: NodeId,
    /// The server at which another client watches.
    pub watched: NodeId,
}

const PATH: &str = "/a";

/// Runs it.
///
/// # Panics
/// An invariant is broken, or there is nobody to write through.
pub fn run_request(request: &Request) -> (Told, Came) {
    let mut stage = Stage::new(request.servers, request.observers, request.seed);
    let leader = stage.leader().expect("all serve");
    let voters = (1..=request.servers).map(NodeId::Server);
    let mut followers = voters.filter(|node| *node != leader);
    let through = match request.through {
        Through::Leader => leader,
        Through::Follower => followers.next().expect("one follows"),
        Through::Observer => NodeId::Server(request.servers + 1),
    };
    let watched = followers.find(|node| *node != through).expect("another follows");
    let watcher = stage.connect(2, watched);
    let watch = stage.ask_and_watch(watcher, Operation::Exists { path: PATH.to_string() });
    let _ = stage.answer(watch);
    let client = stage.connect(1, through);
    stage.rest();

    stage.begin();
    let write = stage.ask(client, create());
    if let Some(step) = request.crash {
        come_to(&mut stage, step, through);
        stage.world.crash(leader);
    }
    let error = stage.answer(write).err();
    stage.rest();
    let mut last = leader;
    if request.crash.is_some() {
        last = stage.leader().expect("all serve");
        stage.world.restart(leader);
        stage.rest();
    }
    let exists = stage.ask(client, Operation::Exists { path: PATH.to_string() });
    let is_there = stage.answer(exists).is_ok();
    stage.rest();
    let came = Came { error, is_there, leaders: (leader, last), through, watched };
    (stage.told(), came)
}

/// Goes on until the write has come so far.
fn come_to(stage: &mut Stage, step: Step, through: NodeId) {
    let is = |line: &Line, kind, text: &str| line.kind == kind && line.text.starts_with(text);
    stage.until_line("the write has come so far", |line| match step {
        Step::Forward => line.node == through && is(line, Kind::Sent, "Request"),
        Step::Propose | Step::Log => is(line, Kind::Received, "Proposal"),
        Step::Commit => is(line, Kind::Received, "Commit"),
    });
    if step == Step::Log {
        stage.until_line("a follower has logged it", |line| is(line, Kind::Sent, "Ack"));
    }
}

fn create() -> Operation {
    Operation::Create {
        path: PATH.to_string(),
        data: Some(Bytes::from_static(b"1")),
        acl: Acl::open(),
        mode: CreateMode::Persistent,
        ttl: -1,
        stat: false,
    }
}
