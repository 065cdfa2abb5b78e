//! One client under load: the product's own client, and a program that uses it all the time.
//!
//! What it does is drawn from its dice; what it is told goes into the record. It waits for an answer
//! before it asks again, but for a sync and the read behind it, which leave together.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use assurance::invariants::Invariant::{S11, S12, S15, S19};
use assurance::invariants::{Broken, order};
use bytes::Bytes;
use consistency::{Action, OpId};
use jute::records::{Acl, ErrorCode, Stat};
use machines::Dice;
use protocol::{CreateMode, Error, EventKind, Operation, Part, PartResult, Reply, Watcher};
use tokio::time::sleep;
use zxid::Zxid;

use super::caller::{Caller, Told};
use super::facts::{Facts, LOCKS, holds};

/// The longest pause between two requests.
const PACE: Duration = Duration::from_millis(8);

/// How many nodes are written on condition of their version.
const COUNTERS: u64 = 3;

/// A client and its program.
pub(super) struct Worker {
    caller: Caller,
    dice: Dice,
    /// Whether it reads nearly always.
    reads: bool,
    /// How many names were given.
    names: u64,
    /// Nodes of its own that are there.
    own: Vec<String>,
    /// Ephemeral nodes of the session.
    locks: Vec<String>,
    believed: Option<Believed>,
}

/// A watch that the client believes in.
struct Believed {
    path: String,
    /// The last change of the data that the client knows of.
    seen: Zxid,
    watcher: Watcher,
    told: OpId,
}

impl Worker {
    /// A program that draws from these dice, and `reads` nearly always.
    pub(super) fn new(caller: Caller, reads: bool, dice: Dice) -> Worker {
        let (own, locks) = (Vec::new(), Vec::new());
        Worker { caller, dice, reads, names: 0, own, locks, believed: None }
    }

    /// Makes the nodes that all use. Somebody else may have made one.
    pub(super) async fn lay_foundations(&mut self, clients: u32) {
        let mut paths: Vec<String> = vec!["/chaos".into(), LOCKS.into(), "/chaos/queue".into()];
        paths.extend(["/chaos/nodes".into(), "/chaos/registers".into()]);
        paths.extend((0..clients).map(|client| format!("/chaos/nodes/{client}")));
        paths.extend((0..COUNTERS).map(|counter| format!("/chaos/counter-{counter}")));
        for path in paths {
            while !self.make(&path, "0").await {
                self.renew_if_over();
            }
        }
    }

    /// Works until it is told to stop, then puts its things in order and closes its session.
    pub(super) async fn work(mut self, stop: Rc<Cell<bool>>) {
        self.catch_up().await;
        while !stop.get() {
            if self.renew_if_over() {
                self.catch_up().await;
            }
            self.hear_events().await;
            self.act().await;
            sleep(self.dice.time(Duration::ZERO, PACE)).await;
        }
        self.finish().await;
    }

    /// A new session does not know of the past: at the first server it may miss even what all use.
    async fn catch_up(&mut self) {
        let sync = Operation::Sync { path: "/chaos".into() };
        while self.caller.ask("sync /chaos".into(), sync.clone()).await.result.is_err() {
            self.renew_if_over();
        }
    }

    async fn act(&mut self) {
        if self.reads && self.dice.chance(900) {
            return self.read_register().await;
        }
        match self.dice.below(100) {
            0..22 => self.create().await,
            22..32 => self.delete().await,
            32..48 => self.write_register().await,
            48..62 => self.read_register().await,
            62..70 => self.glance().await,
            70..79 => self.count().await,
            79..85 => self.make_pair().await,
            85..89 => self.queue().await,
            89..94 => self.lock().await,
            _ => self.watch().await,
        }
    }

    async fn create(&mut self) {
        let path = self.name("/chaos/nodes", "n");
        if self.make(&path, &path).await {
            self.own.push(path);
        }
    }

    /// Makes a node; true if it is there now.
    async fn make(&mut self, path: &str, value: &str) -> bool {
        let operation = create(path, value, CreateMode::Persistent);
        let told = self.caller.ask(format!("create {path}"), operation).await;
        if let Ok(Reply::Created { stat: Some(stat), .. }) = &told.result {
            self.caller.learn(path, stat, value, told.id);
        }
        let known = told.result == Err(ErrorCode::NodeExists.into());
        self.caller.expect(&told, "create", &[ErrorCode::NodeExists]);
        told.result.is_ok() || known
    }

    async fn delete(&mut self) {
        if self.own.is_empty() {
            return self.create().await;
        }
        let path = self.own.swap_remove(self.dice.below(self.own.len()));
        self.caller.record.borrow_mut().facts.may_go(&path);
        let operation = Operation::Delete { path: path.clone(), version: -1 };
        let told = self.caller.ask(format!("delete {path}"), operation).await;
        let gone = told.result == Err(ErrorCode::NoNode.into());
        if told.result.is_ok() || gone {
            let record = &mut *self.caller.record.borrow_mut();
            let verdict = record.facts.deleted(&path, !gone, told.id);
            record.judge(verdict);
        }
        self.caller.expect(&told, "delete", &[ErrorCode::NoNode]);
    }

    async fn write_register(&mut self) {
        let (register, path) = self.register();
        let value = u64::from(self.caller.record.borrow_mut().history.name().0);
        let (action, data) = (Action::Write(value), value.to_string());
        let id = self.caller.record.borrow_mut().begin_on(register, self.caller.number, action);
        let told = self.caller.ask(format!("set {path} {data}"), set(&path, &data, -1)).await;
        self.caller.record.borrow_mut().end_on(register, id, action, &told.result);
        match &told.result {
            Ok(Reply::Stat(stat)) => self.caller.learn(&path, stat, &data, told.id),
            Err(Error::Code(ErrorCode::NoNode)) => drop(self.make(&path, "0").await),
            _ => self.caller.expect(&told, "set", &[]),
        }
    }

    /// A read after a sync, which together are one operation on the register.
    async fn read_register(&mut self) {
        let (register, path) = self.register();
        let (number, read) = (self.caller.number, Action::Read(0));
        let id = self.caller.record.borrow_mut().begin_on(register, number, read);
        let told = self.read_after_sync(&path).await;
        let result = match &told {
            Some(told) => told.result.clone(),
            // The sync failed, so that the read says nothing.
            None => Err(ErrorCode::NoNode.into()),
        };
        self.caller.record.borrow_mut().end_on(register, id, read, &result);
        match told {
            Some(Told { result: Err(Error::Code(ErrorCode::NoNode)), .. }) => {
                self.make(&path, "0").await;
            }
            Some(told) => self.caller.expect(&told, "get", &[]),
            None => {}
        }
    }

    /// Reads what must not be older than anything that was confirmed before; nothing if the sync
    /// before it failed.
    async fn read_after_sync(&mut self, path: &str) -> Option<Told> {
        let newest = self.caller.record.borrow().newest;
        let sync = self.caller.begin(format!("sync {path}"), Operation::Sync { path: path.into() });
        let read =
            self.caller.begin(format!("get {path}"), Operation::GetData { path: path.into() });
        let synced = self.caller.end(sync).await;
        let told = self.caller.end(read).await;
        self.caller.expect(&synced, "sync", &[]);
        self.look_at(path, &told);
        synced.result.ok()?;
        if told.zxid != Zxid::ZERO {
            let session = self.caller.client.session_id();
            let verdict = order::caught_up_by_sync(session, told.zxid, newest);
            let named = |Broken { invariant, what }| Broken {
                invariant,
                what: format!("{} reads the past: {what}", told.id),
            };
            self.caller.judge(verdict.map_err(named));
        }
        Some(told)
    }

    /// A read that may show the past.
    async fn glance(&mut self) {
        let (_, path) = self.register();
        let told =
            self.caller.ask(format!("get {path}"), Operation::GetData { path: path.clone() }).await;
        self.look_at(&path, &told);
        self.caller.expect(&told, "get", &[ErrorCode::NoNode]);
    }

    /// Reads a counter, and writes it if nobody else did meanwhile.
    async fn count(&mut self) {
        let path = format!("/chaos/counter-{}", self.dice.between(0, COUNTERS));
        let told =
            self.caller.ask(format!("get {path}"), Operation::GetData { path: path.clone() }).await;
        self.look_at(&path, &told);
        self.caller.expect(&told, "get", &[]);
        let Ok(Reply::Data { stat, .. }) = told.result else { return };
        let value = self.name("", "count");
        let what = format!("set {path} {value} if version {}", stat.version);
        let told = self.caller.ask(what, set(&path, &value, stat.version)).await;
        if let Ok(Reply::Stat(new)) = &told.result {
            self.caller.learn(&path, new, &value, told.id);
            let what = || format!("{} is done to version {} of {path}", told.id, new.version - 1);
            self.caller.judge(holds(S15, new.version == stat.version + 1, what));
        }
        self.caller.expect(&told, "set", &[ErrorCode::BadVersion]);
    }

    async fn make_pair(&mut self) {
        let name = self.name("/chaos/nodes", "pair");
        let pair = [format!("{name}-a"), format!("{name}-b")];
        self.caller.record.borrow_mut().facts.may_come(pair.clone());
        let part = |path: &String| Part::Create {
            path: path.clone(),
            data: Some(Bytes::from(path.clone())),
            acl: Acl::open(),
            mode: CreateMode::Persistent,
            ttl: -1,
        };
        let operation = Operation::Multi(pair.iter().map(part).collect());
        let told = self.caller.ask(format!("multi {pair:?}"), operation).await;
        self.caller.expect(&told, "multi", &[]);
        if let Ok(Reply::Multi(parts)) = &told.result {
            let all = parts.iter().all(|part| matches!(part, PartResult::Created { .. }));
            let what = || format!("the multi {} gives {parts:?}, and nothing was wrong", told.id);
            self.caller.judge(holds(S19, all, what));
            for path in pair {
                let stat = Stat { czxid: told.zxid, mzxid: told.zxid, ..Stat::default() };
                self.caller.learn(&path, &stat, &path, told.id);
            }
        }
    }

    async fn queue(&mut self) {
        let operation = create("/chaos/queue/place-", "", CreateMode::PersistentSequential);
        let told = self.caller.ask("create /chaos/queue/place-".into(), operation).await;
        if let Ok(Reply::Created { path, stat: Some(stat) }) = &told.result {
            self.caller.record.borrow_mut().facts.queued(path, told.zxid, told.id);
            self.caller.learn(path, stat, "", told.id);
        }
        self.caller.expect(&told, "create", &[]);
    }

    async fn lock(&mut self) {
        let path = self.name(LOCKS, "l");
        let operation = create(&path, "", CreateMode::Ephemeral);
        let told = self.caller.ask(format!("create {path} for this session"), operation).await;
        if told.result.is_ok() {
            self.locks.push(path);
        }
        self.caller.expect(&told, "create", &[]);
    }

    /// Leaves a watch, if there is none.
    async fn watch(&mut self) {
        if self.believed.is_some() {
            return;
        }
        let (_, path) = self.register();
        let watcher = self.caller.client.watcher();
        let operation = Operation::GetData { path: path.clone() };
        let completion = self.caller.client.request_watched(operation, &watcher);
        let begun = self.caller.begun(format!("get {path} with a watch"), false, completion);
        let told = self.caller.end(begun).await;
        self.look_at(&path, &told);
        self.caller.expect(&told, "get", &[ErrorCode::NoNode]);
        if let Ok(Reply::Data { stat, .. }) = told.result {
            self.believed = Some(Believed { path, seen: stat.mzxid, watcher, told: told.id });
        }
    }

    /// An event is told once, and only if there was a change.
    async fn hear_events(&mut self) {
        let Some(believed) = &mut self.believed else { return };
        let Some(event) = now(believed.watcher.next()) else { return };
        let Some(Believed { path, seen, mut watcher, told: left }) = self.believed.take() else {
            return;
        };
        // The session is over, and the watch with it.
        let Ok(event) = event else { return };
        let due = event.kind == EventKind::NodeDataChanged && event.path == path;
        let verdict = holds(S11, due, || format!("{event} comes to the watch of {left} on {path}"));
        self.caller.judge(verdict);
        let Some(told) = self.read_after_sync(&path).await else { return };
        if let Ok(Reply::Data { stat, .. }) = &told.result {
            let verdict = holds(S11, stat.mzxid > seen, || {
                format!("{left} saw {path} at {seen}; {event}; {} sees it at {seen}", told.id)
            });
            self.caller.judge(verdict);
        }
        if let Some(Ok(again)) = now(watcher.next()) {
            let verdict = holds(S11, false, || format!("{left} is told {event}, then {again}"));
            self.caller.judge(verdict);
        }
    }

    /// Looks at what a read shows: is it known, and was its change told before?
    fn look_at(&mut self, path: &str, told: &Told) {
        let Ok(Reply::Data { data, stat }) = &told.result else { return };
        let value = String::from_utf8_lossy(data.as_deref().unwrap_or_default()).into_owned();
        self.caller.learn(path, stat, &value, told.id);
        let Some(believed) = self.believed.as_mut().filter(|believed| believed.path == path) else {
            return;
        };
        if stat.mzxid > believed.seen && now(believed.watcher.next()).is_none() {
            let (left, seen) = (believed.told, believed.seen);
            let what = || {
                let changed = stat.mzxid;
                format!(
                    "{} sees {path} at {changed}; the watch of {left} at {seen} is silent",
                    told.id
                )
            };
            self.caller.judge(holds(S12, false, what));
        } else if stat.mzxid > believed.seen {
            // It was told in time.
            self.believed = None;
        }
    }

    /// The last look around, when all is well again, and the end of the session.
    async fn finish(mut self) {
        self.renew_if_over();
        self.hear_events().await;
        if let Some(path) = self.believed.as_ref().map(|believed| believed.path.clone()) {
            // What it shows is looked at; an event that is still owed is missed for ever.
            self.read_after_sync(&path).await;
        }
        for path in std::mem::take(&mut self.locks) {
            let exists = Operation::Exists { path: path.clone() };
            let told = self.caller.ask(format!("exists {path}"), exists).await;
            let gone = told.result == Err(ErrorCode::NoNode.into());
            if told.result.is_ok() || gone {
                let (session, there) = (self.caller.client.session_id(), !gone);
                let verdict = Facts::lock_is_there(session, &path, there, told.id);
                self.caller.judge(verdict);
            }
        }
        // Whatever it says: then the session expires.
        self.caller.client.close().await.ok();
    }

    fn renew_if_over(&mut self) -> bool {
        let over = self.caller.renew_if_over();
        if over {
            self.believed = None;
            self.locks.clear();
        }
        over
    }

    /// The register that is in use, and its path.
    fn register(&self) -> (usize, String) {
        let register = self.caller.record.borrow().history.register();
        (register, format!("/chaos/registers/{register}"))
    }

    /// A name that nobody else gives.
    fn name(&mut self, below: &str, kind: &str) -> String {
        self.names += 1;
        match below {
            "/chaos/nodes" => format!("{below}/{}/{kind}{}", self.caller.number, self.names),
            "" => format!("{kind}-{}-{}", self.caller.number, self.names),
            _ => format!("{below}/{kind}-{}-{}", self.caller.number, self.names),
        }
    }
}

/// What is there without waiting.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn create(path: &str, value: &str, mode: CreateMode) -> Operation {
    let data = Some(Bytes::from(value.to_string()));
    Operation::Create { path: path.into(), data, acl: Acl::open(), mode, ttl: -1, stat: true }
}

fn set(path: &str, value: &str, version: i32) -> Operation {
    let data = Some(Bytes::from(value.to_string()));
    Operation::SetData { path: path.into(), data, version }
}
