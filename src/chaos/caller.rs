//! A session and its answers: asks through the product's own client, and notes what it is told.
//!
//! Always true: the task of the client and this one share a thread, so nothing happens to the
//! connection between two requests that are laid down without waiting in between.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use assurance::invariants::Invariant::{S5, S19};
use assurance::invariants::Verdict;
use consistency::OpId;
use jute::records::{ErrorCode, Stat};
use protocol::{Completion, Error, Operation, Reply};
use zxid::Zxid;

use super::facts::holds;
use super::record::{Ended, Record, in_doubt};
use crate::client::{Client, ConnectError};

/// What an ensemble in trouble may say to any request.
const TROUBLE: [ErrorCode; 3] =
    [ErrorCode::ConnectionLoss, ErrorCode::SessionExpired, ErrorCode::SessionMoved];

/// Who asks.
pub(super) struct Caller {
    /// Which client.
    pub(super) number: u32,
    /// The client itself, with its session.
    pub(super) client: Client,
    /// Where all that is told is noted.
    pub(super) record: Rc<RefCell<Record>>,
    servers: String,
    timeout: Duration,
    /// How many requests were sent, over all sessions.
    sent: u64,
}

/// A request that was sent.
pub(super) struct Begun {
    what: String,
    write: bool,
    sent: u64,
    invoked: Duration,
    completion: Completion,
}

/// A request that was answered, or was not.
pub(super) struct Told {
    /// Its name in the record.
    pub(super) id: OpId,
    /// How it ended.
    pub(super) result: Result<Reply, Error>,
    /// The zxid of the answer; zero without one.
    pub(super) zxid: Zxid,
}

impl Caller {
    /// A client of these servers, whose session lasts so long without a word from it.
    ///
    /// # Errors
    /// The servers are none.
    pub(super) fn new(
        number: u32,
        servers: &str,
        timeout: Duration,
        record: Rc<RefCell<Record>>,
    ) -> Result<Caller, ConnectError> {
        let client = Client::start(servers, timeout)?;
        Ok(Caller { number, client, record, servers: servers.to_string(), timeout, sent: 0 })
    }

    /// Begins a new session if the last one is over; says whether it was.
    pub(super) fn renew_if_over(&mut self) -> bool {
        let over = self.client.session_state().is_final();
        if over {
            self.client = Client::start(&self.servers, self.timeout).expect("they are the same");
        }
        over
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&mut self, what: String, operation: Operation) -> Told {
        let begun = self.begin(what, operation);
        self.end(begun).await
    }

    /// Asks.
    pub(super) fn begin(&mut self, what: String, operation: Operation) -> Begun {
        let write = matches!(
            operation,
            Operation::Create { .. }
                | Operation::Delete { .. }
                | Operation::SetData { .. }
                | Operation::Multi(_)
        );
        let completion = self.client.request(operation);
        self.begun(what, write, completion)
    }

    /// Notes that something is asked for.
    pub(super) fn begun(&mut self, what: String, write: bool, completion: Completion) -> Begun {
        self.sent += 1;
        let invoked = self.record.borrow().now();
        Begun { what, write, sent: self.sent, invoked, completion }
    }

    /// Waits for the answer.
    pub(super) async fn end(&mut self, begun: Begun) -> Told {
        let Begun { what, write, sent, invoked, completion } = begun;
        let (result, zxid) = completion.with_zxid().await;
        let (client, session, what) = (self.number, self.client.session_id(), what.as_str());
        let ended = Ended { client, session, sent, what, write, invoked, result: &result, zxid };
        let id = self.record.borrow_mut().ended(&ended);
        Told { id, result, zxid }
    }

    /// Notes whether an invariant held.
    pub(super) fn judge(&self, verdict: Verdict) {
        self.record.borrow_mut().judge(verdict);
    }

    /// Notes what a node holds.
    pub(super) fn learn(&self, path: &str, stat: &Stat, value: &str, told: OpId) {
        let record = &mut *self.record.borrow_mut();
        let verdict = record.facts.learn(path, stat, value, told);
        record.judge(verdict);
    }

    /// A request may only be refused for these reasons, or because there is trouble.
    pub(super) fn expect(&self, told: &Told, what: &str, refusals: &[ErrorCode]) {
        let Err(error) = &told.result else { return };
        let fine = in_doubt(error)
            || error.code().is_some_and(|code| TROUBLE.contains(&code) || refusals.contains(&code));
        // All that is used was made before, and so was what it lies below.
        let gone = error.code() == Some(ErrorCode::NoNode);
        let invariant = if gone { S5 } else { S19 };
        self.judge(holds(invariant, fine, || {
            format!("the {what} {} is refused: {error}", told.id)
        }));
    }
}
