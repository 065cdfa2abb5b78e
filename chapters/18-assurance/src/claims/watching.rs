//! Claims 13, 14, 15 and 33, on watches: which fire once, what leaves one, what is missed between two
//! of them, and which transactions trigger none.
//!
//! Book: chapter 13.

use std::time::Duration;

use jute::records::{Acl, ErrorCode};
use machines::Trace;
use protocol::{CreateMode, EventKind, Operation, Reply, SessionState};

use crate::rehearsal::{Rehearsal, create, set};

const TICK: Duration = Duration::from_secs(2);
/// The longest timeout there is: nobody pings in the middle of a scene.
const TIMEOUT: Duration = Duration::from_secs(40);
/// The node that is watched, and its child.
const NODE: &str = "/app";
const CHILD: &str = "/app/db";

/// By what a watch is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// getData: once, for the data of the node.
    GetData,
    /// exists: once, for the node.
    Exists,
    /// getChildren: once, for the list of children.
    GetChildren,
    /// addWatch, for one node.
    Persistent,
    /// addWatch, for a node and all below.
    Recursive,
}

impl Left {
    fn operation(self) -> Operation {
        let path = NODE.to_string();
        match self {
            Left::GetData => Operation::GetData { path },
            Left::Exists => Operation::Exists { path },
            Left::GetChildren => Operation::GetChildren { path, stat: false },
            Left::Persistent => Operation::AddWatch { path, recursive: false },
            Left::Recursive => Operation::AddWatch { path, recursive: true },
        }
    }
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watching {
    /// By what client 1 leaves its watch.
    pub left: Left,
    /// Whether the node is there when it does.
    pub there: bool,
    /// Whether client 1 asks again, with a new watch, whenever it is told something.
    pub again: bool,
    /// Whether client 2 asks for all its changes at once, instead of one after another.
    pub burst: bool,
    /// The seed of the world.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Whether the read that was to leave a watch found the node.
    pub found: bool,
    /// How many changes client 2 made.
    pub changes: usize,
    /// What client 1 was told: what happened, and to which node.
    pub told: Vec<(EventKind, String)>,
    /// What client 1 found when it last asked, if it asked for data.
    pub last_read: Option<String>,
}

/// Client 1 leaves a watch on a node. Client 2 creates the node if it is not there, sets its data three
/// times, and creates and deletes a child.
pub fn watching(watching: &Watching) -> (Trace, Watched) {
    let Watching { left, there, again, burst, seed } = *watching;
    let mut world = stage(seed);
    let mut changes = Vec::new();
    match there {
        true => drop(world.ask(2, create(NODE, CreateMode::Persistent), false)),
        false => changes.push(create(NODE, CreateMode::Persistent)),
    }
    changes.extend(["one", "two", "three"].map(|data| set(NODE, data, -1)));
    changes.push(create(CHILD, CreateMode::Persistent));
    changes.push(Operation::Delete { path: CHILD.to_string(), version: -1 });
    let number = changes.len();
    let first = world.begin(1, left.operation(), true);
    world.until("it is answered", |it| it.answer(first).is_some());
    let found = world.answer(first).is_some_and(Result::is_ok);
    let mut watcher = Watcher { left, again, heard: 0, last: first };
    let mut asked = Vec::new();
    for change in changes {
        asked.push(world.begin(2, change, false));
        if !burst {
            watcher.listen(&mut world, &asked);
        }
    }
    watcher.listen(&mut world, &asked);
    let told = world.events(1).iter().map(|event| (event.kind, event.path.clone())).collect();
    let last_read = match world.answer(watcher.last) {
        Some(Ok(Reply::Data { data: Some(data), .. })) => {
            Some(String::from_utf8_lossy(data).into_owned())
        }
        _ => None,
    };
    (world.trace(), Watched { found, changes: number, told, last_read })
}

/// Client 1, which hears of changes, and may ask again.
struct Watcher {
    left: Left,
    again: bool,
    /// How many events it has heard.
    heard: usize,
    /// The number of its last ask.
    last: u64,
}

impl Watcher {
    /// Goes on until these asks are answered, and until nothing more comes of them.
    fn listen(&mut self, world: &mut Rehearsal, asked: &[u64]) {
        world.until("all is answered", |it| {
            asked.iter().all(|ask| it.answer(*ask).is_some()) || it.events(1).len() > self.heard
        });
        let quiet = Duration::from_millis(50);
        while world.within(world.now() + quiet, |it| it.events(1).len() > self.heard) {
            self.heard += 1;
            if self.again {
                let persistent = matches!(self.left, Left::Persistent | Left::Recursive);
                let read = if persistent { Left::GetData } else { self.left };
                self.last = world.begin(1, read.operation(), !persistent);
            }
        }
        world.until("all is answered", |it| asked.iter().all(|ask| it.answer(*ask).is_some()));
    }
}

/// What came of transactions that change no node's data and no list of children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// How many transactions there were.
    pub transactions: u64,
    /// What the write with the wrong version was told.
    pub refused: Option<ErrorCode>,
    /// How many events there were because of them.
    pub events: usize,
    /// How many there were when the node was written at last.
    pub afterwards: usize,
}

/// Client 1 watches the whole tree. Client 2 sets an ACL and names a wrong version in a write; client 3
/// begins a session and ends it. At last client 2 writes.
pub fn silent(seed: u64) -> (Trace, Silent) {
    let mut world = stage(seed);
    world.ask(2, create(NODE, CreateMode::Persistent), false).expect("it can be created");
    let everything = Operation::AddWatch { path: "/".to_string(), recursive: true };
    world.ask(1, everything, true).expect("it can be watched");
    let before = world.last(1);
    let list = Operation::SetAcl { path: NODE.to_string(), acl: Acl::open(), version: -1 };
    world.ask(2, list, false).expect("it may be set");
    let refused = world.ask(2, set(NODE, "no", 7), false).err().and_then(|error| error.code());
    world.join(3, TIMEOUT, 1);
    world.close(3);
    world.until("it is closed", |it| it.state(3).is_some_and(SessionState::is_final));
    let transactions = world.last(1).0 - before.0;
    let events = world.events(1).len();
    world.ask(2, set(NODE, "yes", -1), false).expect("it can be written");
    world.until("it is heard of", |it| it.events(1).len() > events);
    let afterwards = world.events(1).len();
    (world.trace(), Silent { transactions, refused, events, afterwards })
}

/// One server, and two clients.
fn stage(seed: u64) -> Rehearsal {
    let mut world = Rehearsal::new(1, TICK, seed);
    world.join(1, TIMEOUT, 1);
    world.join(2, TIMEOUT, 1);
    world
}
