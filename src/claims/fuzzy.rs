//! Claim 35 of chapter 7: a snapshot that is taken while writes go on, in real files.

use bytes::Bytes;
use jute::records::Acl;
use machines::{Effect, Effects, Files, SimFiles, Ticket, Trace};
use server::{Settings, Snapshots, State, Zk};
use storage::{DataFile, Recovered, Replay, Store, Write, recover};
use zxid::Zxid;

use super::{Experiment, scene};
use crate::client::{CreateMode, Operation};
use crate::workbench::{Done, Workbench};

/// Bytes of data of a node: two of them are more than a snapshot writes at once.
const LARGE: usize = 200 << 10;

/// Claim 35: a snapshot is the state at one moment.
pub(super) fn moment() -> Experiment {
    let mut server = Server::new();
    for path in ["/a", "/b", "/c"] {
        server.create(path);
    }
    let mut moments = vec![server.digest()];
    server.begin_snapshot();
    // The first piece: /a and /b.
    server.go_on(1);
    let first = server.set("/a");
    moments.push(server.digest());
    let second = server.set("/c");
    moments.push(server.digest());
    // The rest: /c.
    server.go_on(2);
    server.go_on(3);

    let alone = server.files.copy();
    remove_logs(&alone);
    let (alone, both) = (found(alone), found(server.files.copy()));
    let versions = |it: &Recovered<State>| ["/a", "/c"].map(|path| version(&it.state, path));
    let ([a, c], [a_after, c_after]) = (versions(&alone), versions(&both));
    let outcome = format!(
        "The snapshot is named by {}. {first} sets /a, which is written already; {second} sets /c, \
         which is not. The snapshot alone has /a in version {a} and /c in version {c}: so the tree \
         was never. With the log /a is in version {a_after} and /c in version {c_after}.",
        alone.snapshot
    );
    let is_moment = |it: &Recovered<State>| moments.contains(&it.state.tree.digest());
    Experiment::of(
        vec![scene("Two nodes are set while a snapshot is written", Trace::default(), outcome)],
        &[
            (!is_moment(&alone), "the snapshot alone was the state at some moment"),
            (
                both.state.tree.digest() == server.digest(),
                "the snapshot with the log is not the state in the end",
            ),
        ],
    )
}

/// A server with a disk, that takes a snapshot in pieces.
struct Server {
    bench: Workbench,
    files: SimFiles,
    store: Store<SimFiles>,
    snapshots: Snapshots,
}

impl Server {
    fn new() -> Server {
        let files = SimFiles::new();
        let settings = Settings { snap_count: 2, ..Settings::default() };
        let opened = recover(files.clone(), kept(), Replay::All, &mut fresh);
        let (_, store) = opened.expect("an empty folder can be used");
        // So many transactions that the next snapshot is due.
        let snapshots = Snapshots::new(&settings, 100);
        let mut server = Server { bench: Workbench::new(false), files, store, snapshots };
        let begun = server.bench.begin(1).expect("it has no session yet");
        server.log(begun);
        server
    }

    fn create(&mut self, path: &str) {
        let (path, data) = (path.to_string(), Some(Bytes::from(vec![b'1'; LARGE])));
        let (acl, mode) = (Acl::open(), CreateMode::Persistent);
        self.write(&Operation::Create { path, data, acl, mode, ttl: -1, stat: false });
    }

    fn set(&mut self, path: &str) -> Zxid {
        let (path, data) = (path.to_string(), Some(Bytes::from(vec![b'2'; LARGE])));
        self.write(&Operation::SetData { path, data, version: -1 })
    }

    fn write(&mut self, write: &Operation) -> Zxid {
        let done = self.bench.write(1, write).expect("it can be asked");
        self.log(done)
    }

    fn log(&mut self, done: Done) -> Zxid {
        let zxid = done.zxid();
        self.store.write(Write::Append(done.entry)).expect("the disk works");
        zxid
    }

    fn digest(&self) -> u64 {
        self.bench.state().tree.digest()
    }

    fn begin_snapshot(&mut self) {
        let mut effects = Effects::new();
        let begun = self.snapshots.begin_if_due(self.bench.state_mut(), &mut effects);
        assert!(begun, "it is due");
        self.carry_out(effects);
    }

    /// The disk has what was written of the snapshot, and gets the next piece.
    fn go_on(&mut self, ticket: u64) {
        self.store.sync().expect("the disk works");
        let mut effects = Effects::new();
        self.snapshots.synced_by(Ticket(ticket));
        self.snapshots.durable(Ticket(ticket), self.bench.state_mut(), &mut effects);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, mut effects: Effects<Zk>) {
        for effect in effects.drain() {
            if let Effect::Write(write) = effect {
                self.store.write(write).expect("the disk works");
            }
        }
    }
}

fn kept() -> storage::Settings {
    storage::Settings { preallocate: 0, ..storage::Settings::default() }
}

fn fresh() -> State {
    State::new(1, true)
}

/// What a server finds that starts with these files.
fn found(files: SimFiles) -> Recovered<State> {
    let opened = recover(files, kept(), Replay::All, &mut fresh);
    opened.unwrap_or_else(|damage| panic!("nothing is damaged: {damage}")).0
}

fn remove_logs(files: &SimFiles) {
    let mut files = files.clone();
    let names = files.names().expect("the disk works");
    for name in names.iter().filter(|name| DataFile::parse(name).is_some_and(DataFile::is_log)) {
        files.remove(name).expect("the disk works");
    }
}

fn version(state: &State, path: &str) -> i32 {
    state.tree.node(path).expect("it was created").stat().version
}
