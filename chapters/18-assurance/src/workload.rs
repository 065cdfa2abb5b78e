//! Programs that use the service: each is a generator of requests, drawn from a seed.
//!
//! What a program does is mostly in everybody's way: few nodes, so that programs meet; all kinds
//! of nodes and requests, also those that fail. Each program has its own taste, in which some
//! requests never occur: a run in which everything happens all the time tries little.
//!
//! Always true: a program asks only for what its dice say, whatever it is told, so that a run is
//! repeated by its seed.

mod requests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use consistency::{Action, OpId};
use jute::records::{ErrorCode, Stat};
use machines::{Boot, Dice};
use protocol::{Ask, ClientOutput, Error, Operation, Reply, SessionState, WatchId};
use zxid::{SessionId, Zxid};

use crate::history::{Armed, History};
use crate::settings::Measure;
use requests::Taste;

/// A program.
pub struct Program {
    /// Which.
    number: u64,
    /// All its choices.
    pub(crate) dice: Dice,
    taste: Taste,
    measure: Measure,
    history: Rc<RefCell<History>>,
    /// The number of the last ask, over all its clients.
    last: u64,
    session: SessionId,
    state: SessionState,
    /// Whether the nodes that all use may be missing.
    groundless: bool,
    under_way: BTreeMap<u64, UnderWay>,
    /// The Stats that were last seen, by path.
    seen: BTreeMap<String, Stat>,
}

/// An ask without an answer.
struct UnderWay {
    invoked: Duration,
    writes: bool,
    what: &'static str,
    /// The path on which a watch is left, and its number.
    watch: Option<(String, WatchId)>,
    /// The register, and the operation on it.
    register: Option<(usize, OpId, Action)>,
    /// The read of a register that this sync is to bring up to date.
    brings: Option<(usize, OpId)>,
    /// The path from which watches are removed.
    removes: Option<String>,
}

impl UnderWay {
    fn new(what: &'static str, writes: bool, invoked: Duration) -> UnderWay {
        UnderWay { invoked, writes, what, watch: None, register: None, brings: None, removes: None }
    }
}

impl Program {
    /// A program with tastes of its own.
    pub fn new(
        number: u64,
        boot: &Boot,
        measure: Measure,
        history: Rc<RefCell<History>>,
    ) -> Program {
        let mut dice = Dice::new(boot.seed);
        history.borrow_mut().forget(number);
        // No number is used again after a restart of the program.
        let last = u64::from(boot.incarnation) << 32;
        Program {
            number,
            taste: Taste::new(&mut dice),
            dice,
            measure,
            history,
            last,
            session: SessionId::NONE,
            state: SessionState::Disconnected,
            groundless: true,
            under_way: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// How long until the program acts again.
    pub fn pause(&mut self) -> Duration {
        let quiet = self.history.borrow().quiet;
        let longest = if quiet { Duration::from_secs(2) } else { self.taste.pause };
        self.dice.time(Duration::from_micros(100), longest)
    }

    /// The session timeout that the program wants.
    pub fn session_timeout(&mut self) -> Duration {
        self.measure.of(Duration::from_millis(self.dice.between(2_000, 12_000)))
    }

    /// Now and then a program tries to go on with the session of another, whose password it can
    /// only guess.
    pub fn guess(&mut self) -> Option<(SessionId, Bytes)> {
        if !self.dice.chance(50) {
            return None;
        }
        let mut history = self.history.borrow_mut();
        let others = history.sessions.iter().filter(|(owner, _)| **owner != self.number);
        let sessions: Vec<SessionId> = others.map(|(_, session)| *session).collect();
        let session = *self.dice.pick(&sessions)?;
        history.coverage.saw("a program guesses a password");
        let mut guess = self.dice.any().to_be_bytes().to_vec();
        guess.extend(self.dice.any().to_be_bytes());
        Some((session, guess.into()))
    }

    /// Whether its session is over.
    pub fn is_over(&self) -> bool {
        self.state.is_final()
    }

    /// The program takes a new client.
    pub fn begins_again(&mut self) {
        self.state = SessionState::Disconnected;
        self.session = SessionId::NONE;
    }

    /// The program does something, or nothing.
    pub fn act(&mut self, now: Duration) -> Vec<Ask> {
        if self.history.borrow().quiet || self.under_way.len() > self.taste.pipeline {
            return Vec::new();
        }
        if std::mem::take(&mut self.groundless) {
            return self.foundations(now);
        }
        let count = if self.dice.chance(100) { self.dice.between(1, 9) } else { 1 };
        (0..count).flat_map(|_| self.request(now)).collect()
    }

    /// The client tells the program something; the program may ask for more because of it.
    pub fn hears(&mut self, output: &ClientOutput, now: Duration) -> Vec<Ask> {
        match output {
            ClientOutput::Completed { number, result, zxid } => {
                self.completed(*number, result, *zxid, now);
                Vec::new()
            }
            ClientOutput::Fired { watches, event } => {
                let mut history = self.history.borrow_mut();
                history.coverage.saw(format!("a program hears {:?}", event.kind));
                for watch in watches {
                    history.armed.remove(&(self.number, watch.0));
                }
                drop(history);
                if !self.dice.chance(500) || self.history.borrow().quiet {
                    return Vec::new();
                }
                self.history.borrow_mut().coverage.saw("a watch is left again");
                vec![self.watch_again(event.path.clone(), now)]
            }
            ClientOutput::State { state, session, .. } => {
                self.history.borrow_mut().coverage.saw(format!("a session is {state}"));
                (self.state, self.session) = (*state, *session);
                self.history.borrow_mut().sessions.insert(self.number, *session);
                self.lose_reads();
                if state.is_final() {
                    let mine = self.number;
                    self.history.borrow_mut().armed.retain(|(owner, _), _| *owner != mine);
                }
                Vec::new()
            }
        }
    }

    fn completed(&mut self, number: u64, result: &Result<Reply, Error>, zxid: Zxid, now: Duration) {
        let Some(ask) = self.under_way.remove(&number) else { return };
        let mut history = self.history.borrow_mut();
        history.open.remove(&(self.number, number));
        if let Some(path) = &ask.removes {
            history.disbelieve(self.number, path);
        }
        let missing = Err(Error::Code(ErrorCode::NoNode));
        self.groundless |= *result == missing && self.dice.chance(100);
        let end = match result {
            Ok(_) => "done".to_string(),
            Err(error) => error.to_string(),
        };
        history.coverage.saw(format!("{}: {end}", ask.what));
        if zxid != Zxid::ZERO {
            let write = ask.writes && result.is_ok() && !all_failed(result);
            history.answered(self.session, number, (ask.invoked, now), zxid, write);
        }
        if let Some((register, id)) = ask.brings
            && result.is_err()
        {
            history.end(register, id, now, None);
        }
        if let Some((register, id, action)) = ask.register {
            match result {
                Ok(reply) => history.end(register, id, now, Some(read_from(reply, action))),
                // Nobody knows whether it was done.
                Err(error) if *error == Error::CONNECTION_LOSS => {}
                Err(Error::Code(ErrorCode::SessionExpired)) | Err(Error::Closed) => {}
                Err(_) => history.end(register, id, now, None),
            }
        }
        let stat = match result {
            Ok(Reply::Stat(stat) | Reply::Data { stat, .. }) => Some(*stat),
            _ => None,
        };
        if let Some((path, watch)) = ask.watch {
            let absent = *result == missing && ask.what == "exists";
            if let Some(seen) = stat.map(|stat| Some(stat.mzxid)).or(absent.then_some(None)) {
                history.armed.insert((self.number, watch.0), Armed { path: path.clone(), seen });
            }
            if let Some(stat) = stat {
                self.seen.insert(path, stat);
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Notes that an ask is under way.
    fn begin(&mut self, number: u64, under_way: UnderWay) {
        self.history.borrow_mut().open.insert((self.number, number), under_way.invoked);
        self.under_way.insert(number, under_way);
    }

    /// Asks for the node again of which an event told, and leaves another watch.
    fn watch_again(&mut self, path: String, now: Duration) -> Ask {
        self.read_with_watch(Operation::Exists { path }, "exists", now)
    }

    fn read_with_watch(&mut self, operation: Operation, what: &'static str, now: Duration) -> Ask {
        let (number, watch) = (self.number(), WatchId(self.number()));
        let path = operation.path().unwrap_or_default().to_string();
        let watched = Some((path, watch));
        self.begin(number, UnderWay { watch: watched, ..UnderWay::new(what, false, now) });
        Ask::Request { number, operation, watch: Some(watch) }
    }

    fn plain(&mut self, operation: Operation, what: &'static str, now: Duration) -> Ask {
        let number = self.number();
        let writes = requests::writes(&operation);
        let removes = match &operation {
            Operation::RemoveWatches { path, .. } => Some(path.clone()),
            _ => None,
        };
        self.begin(number, UnderWay { removes, ..UnderWay::new(what, writes, now) });
        Ask::Request { number, operation, watch: None }
    }

    /// A read that follows a sync on another connection says nothing.
    fn lose_reads(&mut self) {
        let mut history = self.history.borrow_mut();
        if !history.many {
            return;
        }
        for ask in self.under_way.values_mut() {
            if let Some((register, id, Action::Read(_))) = ask.register {
                history.end(register, id, Duration::ZERO, None);
                ask.register = None;
            }
        }
    }

    /// An operation on the register that is in use. Where a read may show the past, a sync comes
    /// before most, and the two are one operation.
    fn on_register(&mut self, write: bool, now: Duration) -> Vec<Ask> {
        let mut history = self.history.borrow_mut();
        let (register, many) = (history.register(), history.many);
        let plain = many && !write && self.dice.chance(400);
        let (path, value) = (requests::register(register), u64::from(history.name().0));
        let action = if write { Action::Write(value) } else { Action::Read(0) };
        let client = history.client(self.session);
        let id = match plain {
            true => history.begin_plain(register, client, now),
            false => history.begin(register, client, action, now),
        };
        drop(history);
        let mut asks = Vec::new();
        if many && !write && !plain {
            let number = self.number();
            let brings = Some((register, id));
            self.begin(number, UnderWay { brings, ..UnderWay::new("sync a register", false, now) });
            let operation = Operation::Sync { path: path.clone() };
            asks.push(Ask::Request { number, operation, watch: None });
        }
        let number = self.number();
        let operation = if write {
            let data = Some(Bytes::from(value.to_string()));
            Operation::SetData { path, data, version: -1 }
        } else {
            Operation::GetData { path }
        };
        let what = match (write, plain) {
            (true, _) => "write a register",
            (false, true) => "read a register as it is here",
            (false, false) => "read a register",
        };
        let register = Some((register, id, action));
        self.begin(number, UnderWay { register, ..UnderWay::new(what, write, now) });
        asks.push(Ask::Request { number, operation, watch: None });
        asks
    }
}

/// Whether a multi failed: then it answers, and nothing was done.
fn all_failed(result: &Result<Reply, Error>) -> bool {
    let failed = |part: &protocol::PartResult| matches!(part, protocol::PartResult::Failed(_));
    matches!(result, Ok(Reply::Multi(parts)) if parts.iter().any(failed) || parts.is_empty())
}

/// What an operation on a register turned out to be.
fn read_from(reply: &Reply, action: Action) -> Action {
    let value = |data: &Bytes| std::str::from_utf8(data).ok()?.parse().ok();
    match (action, reply) {
        (Action::Read(_), Reply::Data { data, .. }) => {
            Action::Read(data.as_ref().and_then(value).unwrap_or(u64::MAX))
        }
        _ => action,
    }
}
