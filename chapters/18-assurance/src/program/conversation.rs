//! The program of chapter 15: what a client and a server say to each other, and what a client is told
//! when the connection between them breaks.

use std::time::Duration;

use bytes::Bytes;
use jute::records::Acl;
use machines::{Kind, Line, NodeId};
use protocol::{CreateMode, Operation};

use super::Told;
use super::stage::{Stage, TIMEOUT};

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// What is shown.
    pub scene: Scene,
    /// The seed of the world.
    pub seed: u64,
}

/// What is shown of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// From the first frame to the last, and nothing breaks.
    Talk,
    /// The server crashes, and the session goes on at another.
    Move,
    /// The connection breaks before a create has come to the server.
    LostRequest,
    /// The connection breaks after the server has answered a create, before the answer has come.
    LostReply,
    /// The same with a write that names the version that the node must have.
    LostVersion,
    /// The client is cut off for longer than its session lasts.
    Expire,
}

const PATH: &str = "/a";

/// Runs it.
///
/// # Panics
/// An invariant is broken.
pub fn run_conversation(conversation: &Conversation) -> Told {
    let mut stage = Stage::new(3, 0, conversation.seed);
    let first = NodeId::Server(1);
    stage.begin();
    let client = stage.connect(1, first);
    match conversation.scene {
        Scene::Talk => talk(&mut stage, client),
        Scene::Move => go_on_elsewhere(&mut stage, client, first),
        Scene::LostRequest => {
            lose(&mut stage, client, Lost::Request, create(CreateMode::Ephemeral))
        }
        Scene::LostReply => lose(&mut stage, client, Lost::Reply, create(CreateMode::Ephemeral)),
        Scene::LostVersion => {
            do_it(&mut stage, client, create(CreateMode::Persistent));
            lose(&mut stage, client, Lost::Reply, set(0));
        }
        Scene::Expire => expire(&mut stage, client),
    }
    stage.told()
}

fn talk(stage: &mut Stage, client: NodeId) {
    do_it(stage, client, create(CreateMode::Persistent));
    // Two at once: the second does not wait for the answer to the first.
    stage.ask(client, set(-1));
    do_it(stage, client, Operation::GetData { path: PATH.to_string() });
    do_it(stage, client, set(7));
    // Silence, until the client says that it is there.
    stage.until_line("it pings", |line| {
        line.node == client && is(line, Kind::Received, "reply xid=-2")
    });
    let close = stage.close(client);
    let _ = stage.answer(close);
}

fn go_on_elsewhere(stage: &mut Stage, client: NodeId, first: NodeId) {
    let watch = stage.ask_and_watch(client, Operation::Exists { path: PATH.to_string() });
    let _ = stage.answer(watch);
    stage.world.crash(first);
    // The program does not wait until there is a connection again.
    stage.pass(Duration::from_millis(100));
    do_it(stage, client, create(CreateMode::Ephemeral));
    stage.pass(Duration::from_millis(50));
}

/// What is lost.
#[derive(Clone, Copy, PartialEq)]
enum Lost {
    Request,
    Reply,
}

/// The connection breaks about a write. The client looks, and tries the same again.
fn lose(stage: &mut Stage, client: NodeId, lost: Lost, write: Operation) {
    let ask = stage.ask(client, write.clone());
    if lost == Lost::Reply {
        stage.until_line("the server answers", |line| {
            line.peer == Some(client) && is(line, Kind::Sent, "reply")
        });
    }
    stage.break_connection(client);
    let _ = stage.answer(ask);
    stage.rest();
    do_it(stage, client, write);
    do_it(stage, client, Operation::Exists { path: PATH.to_string() });
}

fn expire(stage: &mut Stage, client: NodeId) {
    do_it(stage, client, create(CreateMode::Ephemeral));
    let servers = stage.servers();
    stage.world.part(&[client], &servers);
    stage.pass(TIMEOUT * 2);
    stage.world.heal();
    stage.until_line("its session is over", |line| {
        line.node == client && line.text.contains("Expired")
    });
}

fn do_it(stage: &mut Stage, client: NodeId, operation: Operation) {
    let ask = stage.ask(client, operation);
    let _ = stage.answer(ask);
}

fn is(line: &Line, kind: Kind, text: &str) -> bool {
    line.kind == kind && line.text.starts_with(text)
}

fn create(mode: CreateMode) -> Operation {
    let (path, data) = (PATH.to_string(), Some(Bytes::from_static(b"1")));
    Operation::Create { path, data, acl: Acl::open(), mode, ttl: -1, stat: false }
}

fn set(version: i32) -> Operation {
    let (path, data) = (PATH.to_string(), Some(Bytes::from_static(b"2")));
    Operation::SetData { path, data, version }
}
