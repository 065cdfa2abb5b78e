//! Clients that write all the time, and remember what was acknowledged to them.
//!
//! Each has a session and a server; when the connection fails it goes on at the next server with
//! the next number, since nobody can tell whether the write without an answer was carried out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::ensemble::eventually;
use crate::session::{Session, create, delete};
use crate::tree::Tree;

/// The pause after every answer: enough writes to hit every moment, few enough to read them all.
const PACE: Duration = Duration::from_millis(4);

/// One write in so many is the deletion of what was just created.
const DELETIONS: u64 = 10;

const NODE_EXISTS: i32 = -110;

/// Writers at work.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    writers: Vec<JoinHandle<Acknowledged>>,
}

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// These nodes are there, each with its number as data.
    pub(crate) created: Vec<(String, u64)>,
    /// These are not.
    pub(crate) deleted: Vec<String>,
}

impl Load {
    /// Starts writers below a node of this name. Each begins at another of the servers.
    pub(crate) fn start(
        name: &str,
        servers: &[SocketAddr],
        writers: usize,
        patience: Duration,
    ) -> Self {
        let root = format!("/{name}");
        let mut session = Session::new(10_000, Duration::from_secs(20));
        let (op, body) = create(&root, b"");
        eventually(format!("{root} is created"), || {
            let asked = session.connect(servers[0]).and_then(|()| session.ask(op, body.clone()));
            asked.is_ok_and(|(error, _)| error == 0 || error == NODE_EXISTS)
        });
        session.close().ok();
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicU64::new(0));
        let writers = (0..writers).map(|index| {
            let mut writer = Writer {
                prefix: format!("{root}/{index}-"),
                session: Session::new(10_000, patience),
                servers: servers.to_vec(),
                next: index,
                number: 0,
                done: Acknowledged::default(),
            };
            let (stop, count) = (stop.clone(), count.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    count.fetch_add(u64::from(writer.write()), Ordering::Relaxed);
                    thread::sleep(PACE);
                }
                writer.session.close().ok();
                writer.done
            })
        });
        let writers = writers.collect();
        Self { stop, count, writers }
    }

    /// How many writes have been acknowledged.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until so many more are.
    pub(crate) fn await_more(&self, more: u64) {
        let before = self.count();
        eventually(format!("{more} more writes are acknowledged"), || {
            self.count() >= before + more
        });
    }

    /// Ends it; gives what was acknowledged.
    pub(crate) fn finish(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Acknowledged::default();
        for writer in self.writers {
            let done = writer.join().expect("a writer does not panic");
            all.created.extend(done.created);
            all.deleted.extend(done.deleted);
        }
        all
    }
}

impl Acknowledged {
    /// Checks that nothing of it is lost.
    pub(crate) fn is_in(&self, tree: &Tree) {
        let lost = |(path, number): &&(String, u64)| {
            let data = tree.get(path).and_then(|node| node.data.clone());
            data != Some(number.to_string().into_bytes())
        };
        let lost: Vec<_> = self.created.iter().filter(lost).collect();
        assert!(lost.is_empty(), "acknowledged, but lost: {lost:?}");
        let back: Vec<_> = self.deleted.iter().filter(|path| tree.contains_key(*path)).collect();
        assert!(back.is_empty(), "deleted, but there: {back:?}");
    }
}

/// One client.
struct Writer {
    prefix: String,
    session: Session,
    servers: Vec<SocketAddr>,
    next: usize,
    number: u64,
    done: Acknowledged,
}

impl Writer {
    /// Writes once, or connects; true if a write was acknowledged.
    fn write(&mut self) -> bool {
        if !self.session.is_connected() {
            self.next += 1;
            let server = self.servers[self.next % self.servers.len()];
            // If it fails, the next server is tried.
            self.session.connect(server).ok();
            return false;
        }
        if self.number % DELETIONS == DELETIONS - 1
            && let Some((path, _)) = self.done.created.pop()
        {
            self.number += 1;
            // Without an answer the node may be there or not.
            let (op, body) = delete(&path);
            return match self.session.ask(op, body) {
                Ok((0, _)) => {
                    self.done.deleted.push(path);
                    true
                }
                Ok((error, _)) => self.refused(error),
                Err(_) => false,
            };
        }
        self.number += 1;
        let path = format!("{}{}", self.prefix, self.number);
        let (op, body) = create(&path, self.number.to_string().as_bytes());
        match self.session.ask(op, body) {
            Ok((0, _)) => {
                self.done.created.push((path, self.number));
                true
            }
            Ok((error, _)) => self.refused(error),
            Err(_) => false,
        }
    }

    /// What an ensemble in trouble may answer: the session is over, or has moved.
    fn refused(&self, error: i32) -> bool {
        assert!(matches!(error, -4 | -112 | -118), "a write is refused with {error}");
        false
    }
}
