//! Requests: what programs ask for, drawn from their dice.

use std::time::Duration;

use bytes::Bytes;
use jute::records::{Acl, Perms};
use machines::Dice;
use protocol::{Ask, CreateMode, Operation, Part, Read, WatchKind};

use super::{Program, UnderWay};
use crate::history::LISTED;

/// What a program likes to do.
pub(super) struct Taste {
    /// How often each kind of request occurs; some never do.
    weights: [u32; KINDS],
    /// The longest pause between two acts.
    pub(super) pause: Duration,
    /// How many requests may be under way.
    pub(super) pipeline: usize,
    /// How many directories it uses.
    directories: usize,
}

const KINDS: usize = 22;

impl Taste {
    pub(super) fn new(dice: &mut Dice) -> Taste {
        let mut weights = [0; KINDS];
        for weight in &mut weights {
            *weight = [0, 1, 1, 5, 20][dice.below(5)];
        }
        // Everybody writes something, and some of it succeeds.
        weights[0] += 5;
        weights[1] += weights.iter().sum::<u32>() / 4;
        let pause = Duration::from_millis([5, 20, 100, 500][dice.below(4)]);
        let pipeline = [1, 4, 40][dice.below(3)];
        Taste { weights, pause, pipeline, directories: 1 + dice.below(4) }
    }

    fn kind(&self, dice: &mut Dice) -> usize {
        let mut rolled =
            dice.between(0, self.weights.iter().map(|weight| u64::from(*weight)).sum());
        for (kind, weight) in self.weights.iter().enumerate() {
            match rolled.checked_sub(u64::from(*weight)) {
                Some(rest) => rolled = rest,
                None => return kind,
            }
        }
        0
    }
}

/// The path of a register.
pub(super) fn register(number: usize) -> String {
    format!("/register-{number}")
}

/// Whether an operation is answered by a transaction.
pub(super) fn writes(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Create { .. }
            | Operation::Delete { .. }
            | Operation::SetData { .. }
            | Operation::SetAcl { .. }
            | Operation::Multi(_)
    )
}

impl Program {
    /// What every program begins with: the nodes that all use.
    pub(super) fn foundations(&mut self, now: Duration) -> Vec<Ask> {
        let (mode, acl) = (CreateMode::Persistent, Acl::open());
        let mut asks = Vec::new();
        for number in 0..4 {
            let (path, data) = (format!("/n{number}"), None);
            let acl = acl.clone();
            let operation = Operation::Create { path, data, acl, mode, ttl: -1, stat: false };
            asks.push(self.plain(operation, "create", now));
        }
        asks
    }

    /// One request, or two that belong together.
    pub(super) fn request(&mut self, now: Duration) -> Vec<Ask> {
        if self.history.borrow().contest && self.dice.chance(700) {
            let write = self.dice.chance(500);
            return self.on_register(write, now);
        }
        match self.taste.kind(&mut self.dice) {
            19 => self.on_register(true, now),
            20 => self.on_register(false, now),
            kind => vec![self.request_of(kind, now)],
        }
    }

    fn request_of(&mut self, kind: usize, now: Duration) -> Ask {
        match kind {
            0 => {
                let operation = self.create();
                self.plain(operation, "create", now)
            }
            1 => {
                let (mode, path) = (CreateMode::EphemeralSequential, self.path());
                let (data, acl) = (self.data(), Acl::open());
                let operation = Operation::Create { path, data, acl, mode, ttl: -1, stat: true };
                self.plain(operation, "create", now)
            }
            2 => {
                let (path, version) = (self.path(), self.version());
                self.plain(Operation::Delete { path, version }, "delete", now)
            }
            3 => {
                let (path, data, version) = (self.path(), self.data(), self.version());
                self.plain(Operation::SetData { path, data, version }, "setData", now)
            }
            4 => {
                let operation = Operation::GetData { path: self.path() };
                self.plain(operation, "getData", now)
            }
            5 => {
                let operation = Operation::GetData { path: self.path() };
                self.read_with_watch(operation, "getData", now)
            }
            6 => {
                let operation = Operation::Exists { path: self.path() };
                self.read_with_watch(operation, "exists", now)
            }
            7 => {
                let (path, stat) = (self.directory(), self.dice.chance(500));
                self.plain(Operation::GetChildren { path, stat }, "getChildren", now)
            }
            8 => {
                let (path, stat) = (self.directory(), self.dice.chance(500));
                self.leave_child_watch(path, stat, now)
            }
            9 => {
                let operation = Operation::GetAcl { path: self.path() };
                self.plain(operation, "getACL", now)
            }
            10 => {
                let path = self.path();
                let acl = self.acl(&path);
                let version = if self.dice.chance(700) { -1 } else { self.version() };
                self.plain(Operation::SetAcl { path, acl, version }, "setACL", now)
            }
            11 => {
                let operation = Operation::Sync { path: self.path() };
                self.plain(operation, "sync", now)
            }
            12 => {
                let parts = (0..self.dice.between(1, 5)).map(|_| self.part()).collect();
                self.plain(Operation::Multi(parts), "multi", now)
            }
            13 => {
                let reads = (0..self.dice.between(1, 4)).map(|_| self.part_of_read()).collect();
                self.plain(Operation::MultiRead(reads), "multiRead", now)
            }
            14 => {
                let (path, recursive) = (self.directory(), self.dice.chance(500));
                self.plain(Operation::AddWatch { path, recursive }, "addWatch", now)
            }
            15 => {
                let path = self.path();
                let kinds = [WatchKind::Children, WatchKind::Data, WatchKind::Any];
                let kind = kinds[self.dice.below(3)];
                let operation = Operation::RemoveWatches { path: path.clone(), kind, local: false };
                self.history.borrow_mut().disbelieve(self.number, &path);
                self.plain(operation, "removeWatches", now)
            }
            16 => {
                let prefix = if self.dice.chance(500) { "/".into() } else { self.directory() };
                self.plain(Operation::GetEphemerals { prefix }, "getEphemerals", now)
            }
            17 => {
                let operation = Operation::CountDescendants { path: self.directory() };
                self.plain(operation, "getAllChildrenNumber", now)
            }
            18 if self.dice.chance(100) => self.authenticate(now),
            18 => self.plain(Operation::WhoAmI, "whoAmI", now),
            _ if self.dice.chance(200) => self.close(now),
            _ => {
                let number = self.history.borrow().register();
                let operation = Operation::Create {
                    path: register(number),
                    data: Some(Bytes::from_static(b"0")),
                    acl: Acl::open(),
                    mode: CreateMode::Persistent,
                    ttl: -1,
                    stat: false,
                };
                self.plain(operation, "create a register", now)
            }
        }
    }

    fn leave_child_watch(&mut self, path: String, stat: bool, now: Duration) -> Ask {
        self.read_with_watch(Operation::GetChildren { path, stat }, "getChildren", now)
    }

    fn close(&mut self, now: Duration) -> Ask {
        let number = self.number();
        self.begin_other(number, "close", now);
        Ask::Close { number }
    }

    fn authenticate(&mut self, now: Duration) -> Ask {
        let number = self.number();
        self.begin_other(number, "auth", now);
        let auth = Bytes::from(format!("user{}:secret", self.dice.below(2)));
        Ask::Authenticate { number, scheme: "digest".into(), auth }
    }

    fn begin_other(&mut self, number: u64, what: &'static str, now: Duration) {
        let writes = what == "close";
        self.begin(number, UnderWay::new(what, writes, now));
    }

    fn create(&mut self) -> Operation {
        let mode = self.mode();
        let ttl = if mode.has_ttl() { self.dice.between(1, 5_000) as i64 } else { -1 };
        let (path, data) = (self.path(), self.data());
        let acl = self.acl(&path);
        Operation::Create { path, data, acl, mode, ttl, stat: self.dice.chance(500) }
    }

    fn mode(&mut self) -> CreateMode {
        let modes = [
            CreateMode::Persistent,
            CreateMode::Persistent,
            CreateMode::Persistent,
            CreateMode::Ephemeral,
            CreateMode::Ephemeral,
            CreateMode::PersistentSequential,
            CreateMode::EphemeralSequential,
            CreateMode::Container,
            CreateMode::PersistentWithTtl,
            CreateMode::PersistentSequentialWithTtl,
        ];
        modes[self.dice.below(modes.len())]
    }

    fn part(&mut self) -> Part {
        match self.dice.below(4) {
            0 => {
                let mode = self.mode();
                let ttl = if mode.has_ttl() { self.dice.between(1, 5_000) as i64 } else { -1 };
                let (path, data) = (self.path(), self.data());
                let acl = self.acl(&path);
                Part::Create { path, data, acl, mode, ttl }
            }
            1 => Part::Delete { path: self.path(), version: self.version() },
            2 => Part::SetData { path: self.path(), data: self.data(), version: self.version() },
            _ => Part::Check { path: self.path(), version: self.version() },
        }
    }

    fn part_of_read(&mut self) -> Read {
        let path = self.path();
        if self.dice.chance(500) { Read::Data(path) } else { Read::Children(path) }
    }

    fn directory(&mut self) -> String {
        match self.dice.below(12) {
            0 => "/".into(),
            1 => "/zookeeper".into(),
            _ => format!("/n{}", self.dice.below(self.taste.directories)),
        }
    }

    /// A node that others use too; now and then one that cannot be.
    fn path(&mut self) -> String {
        let directory = self.directory();
        match self.dice.below(40) {
            0 => format!("{directory}/a//b"),
            1 => format!("{directory}/."),
            2 => "/zookeeper/config".into(),
            3..14 => directory,
            14..34 => format!("{}/c{}", directory.trim_end_matches('/'), self.dice.below(4)),
            34..38 => format!("{}/s-", directory.trim_end_matches('/')),
            _ => format!("{}/c{}/d", directory.trim_end_matches('/'), self.dice.below(4)),
        }
    }

    fn version(&mut self) -> i32 {
        match self.dice.below(4) {
            0 => self.dice.between(0, 4) as i32,
            _ => -1,
        }
    }

    fn data(&mut self) -> Option<Bytes> {
        let length = match self.dice.below(100) {
            0..5 => return None,
            5..10 => 0,
            10..12 => self.dice.below(20_000),
            12..20 => self.dice.below(2_000),
            _ => self.dice.below(20),
        };
        let byte = b'a' + self.dice.below(26) as u8;
        Some(Bytes::from(vec![byte; length]))
    }

    fn acl(&mut self, path: &str) -> Vec<Acl> {
        let all = Perms::ALL;
        if !path.starts_with(LISTED) {
            return Acl::open();
        }
        match self.dice.below(40) {
            0 => vec![],
            1 => vec![Acl::new(all, "auth", "")],
            2 => vec![Acl::new(Perms::READ, "world", "anyone"), Acl::new(all, "auth", "")],
            3 => vec![Acl::new(all, "ip", "10.0.0.0/30")],
            4 => vec![Acl::new(all, "ip", "10.0.0.300")],
            5 => vec![Acl::new(Perms(self.dice.between(0, 32) as i32), "world", "anyone")],
            6 => vec![Acl::new(all, "nobody", "knows")],
            _ => Acl::open(),
        }
    }
}
