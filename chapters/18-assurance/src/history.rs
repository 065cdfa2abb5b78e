//! What the programs were told: the history that is judged when a run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use consistency::{Action, OpId, Operation, Reply};
use zxid::{SessionId, Zxid};

use crate::coverage::Coverage;
use crate::invariants::{Verdict, order, watching};
use crate::model::Model;

/// How many operations on one register are judged together.
const REGISTER_LIMIT: usize = 40;

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
    /// Watches that have not fired, by program and number.
    pub armed: BTreeMap<(u64, u64), Armed>,
    /// Asks without an answer, by program and number.
    pub open: BTreeMap<(u64, u64), Duration>,
    /// What was reached.
    pub coverage: Coverage,
    /// Whether programs are to ask for nothing more.
    pub quiet: bool,
    /// Writes that were confirmed.
    pub confirmed: u64,
    /// Whether there are several servers, so that a read may show the past.
    pub many: bool,
    last: u32,
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
        let Some(list) = self.registers.get_mut(&register) else { return };
        match end {
            Some(action) => {
                for operation in list.iter_mut().filter(|operation| operation.id == id) {
                    (operation.action, operation.answered) = (action, Some(now.as_nanos() as u64));
                }
            }
            None => list.retain(|operation| operation.id != id),
        }
    }

    /// Judges the answers: their order, and what was read from the registers.
    pub fn judge_answers(&self) -> Verdict {
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
