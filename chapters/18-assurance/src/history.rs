//! What the programs were told: the history that is judged when a run is over.
//!
//! What was read from registers is judged as it comes, too, by trying all orders of the operations
//! that came last.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use consistency::{Action, OpId, Operation, Reply};
use zxid::{SessionId, Zxid};

use crate::coverage::Coverage;
use crate::invariants::{Broken, Verdict, order, watching};
use crate::model::Model;

/// How many operations on one register are judged together.
const REGISTER_LIMIT: usize = 40;

/// How many operations on one register, the last ones, are judged whenever one more has ended.
const WINDOW: usize = 12;

/// The node at and below which programs use access control lists.
pub(crate) const LISTED: &str = "/n0";

/// A watch that a program believes in: it would have been told of any change since.
#[derive(Clone, Debug, PartialEq)]
pub struct Armed {
    /// The node.
    pub path: String,
    /// The last change of its data that the program knows of; none if there was no node.
    pub seen: Option<Zxid>,
}

/// What all programs of a run were told.
#[derive(Debug, Default)]
pub struct History {
    /// Answers, in the order in which they arrived.
    pub replies: Vec<Reply>,
    /// The operations on each register, by the number of the register.
    pub registers: BTreeMap<usize, Vec<Operation>>,
    /// Reads of each register that may show the past, since no sync came before them.
    pub plain: BTreeMap<usize, Vec<Operation>>,
    /// Watches that have not fired, by program and number.
    pub armed: BTreeMap<(u64, u64), Armed>,
    /// Asks without an answer, by program and number.
    pub open: BTreeMap<(u64, u64), Duration>,
    /// The last session of each program.
    pub sessions: BTreeMap<u64, SessionId>,
    /// What was reached.
    pub coverage: Coverage,
    /// Whether programs are to ask for nothing more.
    pub quiet: bool,
    /// Whether programs are to use the register above all.
    pub contest: bool,
    /// Writes that were confirmed.
    pub confirmed: u64,
    /// Whether there are several servers, so that a read may show the past.
    pub many: bool,
    last: u32,
    /// What is broken already, by what was read from a register.
    broken: Option<Broken>,
    /// The number that stands for each session among the clients of registers.
    clients: BTreeMap<SessionId, u32>,
}

impl History {
    /// Nothing yet, of one server or of several.
    pub fn new(many: bool) -> History {
        History { many, ..History::default() }
    }

    /// The register that is in use now: another when enough was done with it, or when too much
    /// is not known of it.
    pub fn register(&self) -> usize {
        let unknown = |list: &[Operation]| list.iter().filter(|op| op.answered.is_none()).count();
        match self.registers.last_key_value() {
            Some((number, list)) if list.len() < REGISTER_LIMIT && unknown(list) < 8 => *number,
            Some((number, _)) => number + 1,
            None => 0,
        }
    }

    /// A program is started anew: what it asked for before is nobody's.
    pub fn forget(&mut self, program: u64) {
        self.open.retain(|(owner, _), _| *owner != program);
        self.armed.retain(|(owner, _), _| *owner != program);
    }

    /// A program does not believe any more in its watches on a path.
    pub fn disbelieve(&mut self, program: u64, path: &str) {
        self.armed.retain(|(owner, _), armed| *owner != program || armed.path != path);
    }

    /// A name for an operation, and a value that nobody else writes.
    pub fn name(&mut self) -> OpId {
        self.last += 1;
        OpId(self.last)
    }

    /// Notes an answer to a request that reached a server.
    pub fn answered(
        &mut self,
        session: SessionId,
        sent: u64,
        (invoked, answered): (Duration, Duration),
        zxid: Zxid,
        write: bool,
    ) {
        let (id, session) = (self.name(), session.0);
        let (invoked, answered) = (invoked.as_nanos() as u64, answered.as_nanos() as u64);
        let position = zxid.0;
        self.replies.push(Reply { id, session, sent, invoked, answered, position, write });
        self.confirmed += u64::from(write);
    }

    /// The client of registers that a session is. Before there is one, it is somebody else each time.
    pub fn client(&mut self, session: SessionId) -> u32 {
        let next = self.name().0;
        if session == SessionId::NONE { next } else { *self.clients.entry(session).or_insert(next) }
    }

    /// A program begins to read a register without a sync.
    pub fn begin_plain(&mut self, register: usize, client: u32, now: Duration) -> OpId {
        let (id, invoked) = (self.name(), now.as_nanos() as u64);
        let operation = Operation { id, client, action: Action::Read(0), invoked, answered: None };
        self.plain.entry(register).or_default().push(operation);
        id
    }

    /// A program begins an operation on a register.
    pub fn begin(&mut self, register: usize, client: u32, action: Action, now: Duration) -> OpId {
        let (id, invoked) = (self.name(), now.as_nanos() as u64);
        let operation = Operation { id, client, action, invoked, answered: None };
        self.registers.entry(register).or_default().push(operation);
        id
    }

    /// An operation on a register is answered: with what was read, or that it is done, or that it
    /// was refused, and then it never was.
    pub fn end(&mut self, register: usize, id: OpId, now: Duration, end: Option<Action>) {
        let lists = [self.registers.get_mut(&register), self.plain.get_mut(&register)];
        for list in lists.into_iter().flatten() {
            let Some(index) = list.iter().position(|operation| operation.id == id) else {
                continue;
            };
            match end {
                Some(action) => {
                    let operation = &mut list[index];
                    (operation.action, operation.answered) = (action, Some(now.as_nanos() as u64));
                }
                None => drop(list.remove(index)),
            }
        }
        if end.is_some() && self.broken.is_none() {
            self.broken = self.judge_latest(register).err();
        }
    }

    /// Judges the last operations on a register: those that must show the newest, which have an
    /// order that real time allows; and with them the reads that may show the past, which have an
    /// order in which each session did one thing after another.
    fn judge_latest(&self, register: usize) -> Verdict {
        let exact = self.registers.get(&register).map_or(&[][..], Vec::as_slice);
        order::linearizable(&window(exact.iter().copied(), exact))?;
        let Some(plain) = self.plain.get(&register) else { return Ok(()) };
        let mut all: Vec<Operation> = exact.iter().chain(plain).copied().collect();
        all.sort_by_key(|operation| operation.id);
        order::sequential(&window(all.iter().copied(), exact))
    }

    /// Whether all that was read from registers so far could be read.
    pub fn so_far(&self) -> Verdict {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Judges the answers: their order, and what was read from the registers.
    pub fn judge_answers(&self) -> Verdict {
        self.so_far()?;
        order::writes_in_real_time(&self.replies)?;
        order::session_order(&self.replies)?;
        order::never_back(&self.replies)?;
        self.registers.values().try_for_each(|list| order::linearizable(list))
    }

    /// Judges the whole history. `model` is the state at the end.
    pub fn judge(&self, model: &Model) -> Verdict {
        self.judge_answers()?;
        // Below this node there are lists, and who may not read is not told.
        let open = |armed: &&Armed| !armed.path.starts_with(LISTED);
        self.armed.values().filter(open).try_for_each(|armed| {
            let now = model.node(&armed.path).map(|node| node.stat.mzxid);
            watching::nothing_missed(&armed.path, armed.seen, now)
        })
    }
}

/// The last operations of a history, and the writes whose values they read. To leave out others can
/// make no good history bad.
fn window(
    history: impl DoubleEndedIterator<Item = Operation>,
    writes: &[Operation],
) -> Vec<Operation> {
    let mut window: Vec<Operation> = history.rev().take(WINDOW).collect();
    let read = |operation: &Operation| match operation.action {
        Action::Read(value) if operation.answered.is_some() => Some(value),
        _ => None,
    };
    let read: BTreeSet<u64> = window.iter().filter_map(read).collect();
    let known: BTreeSet<OpId> = window.iter().map(|operation| operation.id).collect();
    let wanted = |operation: &&Operation| match operation.action {
        Action::Write(value) => read.contains(&value) && !known.contains(&operation.id),
        Action::Read(_) => false,
    };
    window.extend(writes.iter().filter(wanted));
    window.sort_by_key(|operation| operation.id);
    window
}
