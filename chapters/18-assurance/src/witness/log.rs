//! The server's log, as the witness follows it: what was written, forced, and not yet shown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use jute::records::{ErrorCode, OpCode, Txn, TxnHeader};
use machines::Ticket;
use zxid::{SessionId, Zxid};

use crate::ask::Ask;
use crate::invariants::{Verdict, durability, order, sessions};
use crate::model::{Model, Who};

/// A write that a client asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) frame: Bytes,
    pub(super) who: Who,
}

impl Asked {
    /// The request.
    pub(super) fn ask(&self) -> Option<Ask<'_>> {
        Ask::read(&self.frame).ok().flatten().map(|(_, ask)| ask)
    }
}

/// What a write became, and what it is to be answered.
#[derive(Clone, Debug)]
pub(super) struct Became {
    pub(super) zxid: Zxid,
    pub(super) answer: Result<Vec<u8>, ErrorCode>,
}

#[derive(Debug, Default)]
pub(super) struct Log {
    /// Transactions that nobody was shown yet, in order.
    entries: VecDeque<(Zxid, Bytes)>,
    /// The last transaction that was ever written.
    written: Zxid,
    /// The last one of which the disk said that it is forced, or that was found at the start.
    forced: Zxid,
    /// The last one of which the disk said that it is forced, in any incarnation.
    kept: Zxid,
    tickets: BTreeMap<Ticket, Zxid>,
    failed: bool,
    /// The timeouts that sessions agreed on, in ms.
    timeouts: BTreeMap<SessionId, i32>,
    asked: BTreeMap<(SessionId, i32), Asked>,
    became: BTreeMap<(SessionId, i32), Became>,
}

impl Log {
    /// The server starts from what it found.
    pub(super) fn recovered(&mut self, zxid: Zxid, shown: Zxid, power_lost: bool) -> Verdict {
        durability::recovered_history(zxid, self.kept.max(shown), self.written, power_lost)?;
        self.entries.retain(|(entry, _)| *entry <= zxid);
        (self.written, self.forced, self.failed) = (zxid, zxid, false);
        self.tickets.clear();
        self.became.clear();
        Ok(())
    }

    /// Whether a history that ends at `zxid` after a loss of power has all that no start may miss.
    pub(super) fn holds_what_counts(&self, zxid: Zxid, shown: Zxid) -> Verdict {
        durability::recovered_history(zxid, self.kept.max(shown), self.written, true)
    }

    pub(super) fn asked(&mut self, session: SessionId, xid: i32, frame: &Bytes, who: &Who) {
        self.asked.insert((session, xid), Asked { frame: frame.clone(), who: who.clone() });
    }

    /// Takes the request that a transaction answers.
    pub(super) fn take_asked(&mut self, header: &TxnHeader) -> Option<Asked> {
        self.asked.remove(&(header.session, header.cxid))
    }

    pub(super) fn became(&mut self, header: &TxnHeader, answer: Result<Vec<u8>, ErrorCode>) {
        let became = Became { zxid: header.zxid, answer };
        self.became.insert((header.session, header.cxid), became);
    }

    pub(super) fn take_became(&mut self, session: SessionId, xid: i32) -> Option<Became> {
        self.became.remove(&(session, xid))
    }

    /// A transaction is written. `silent` says for how long a session was not heard.
    pub(super) fn written(
        &mut self,
        zxid: Zxid,
        payload: &Bytes,
        silent: impl Fn(SessionId) -> Option<Duration>,
    ) -> Verdict {
        order::written_in_order(zxid, self.written)?;
        self.written = zxid;
        self.entries.push_back((zxid, payload.clone()));
        match Txn::decode_payload(payload) {
            Ok((header, Txn::CreateSession(txn), _)) => {
                self.timeouts.insert(header.session, txn.timeout);
            }
            // No client asked for it: the session expired.
            Ok((header, Txn::CloseSession(_), _)) if header.cxid == 0 => {
                let timeout = self.timeouts.get(&header.session).copied().unwrap_or(0);
                if let Some(silent) = silent(header.session) {
                    let timeout = Duration::from_millis(timeout.max(0) as u64);
                    sessions::was_silent(header.session, silent, timeout)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn agreed(&mut self, session: SessionId, timeout: i32) {
        self.timeouts.insert(session, timeout);
    }

    pub(super) fn asked_to_force(&mut self, ticket: Ticket) {
        self.tickets.insert(ticket, self.written);
    }

    pub(super) fn forced(&mut self, ticket: Ticket) {
        if let Some(zxid) = self.tickets.remove(&ticket) {
            self.forced = self.forced.max(zxid);
            self.kept = self.kept.max(self.forced);
        }
    }

    pub(super) fn failed(&mut self) {
        self.failed = true;
    }

    /// A client is about to be shown a transaction.
    pub(super) fn may_show(&self, zxid: Zxid) -> Verdict {
        durability::silent_after_failure(self.failed, zxid, self.forced)?;
        durability::shown_is_forced(zxid, self.forced)
    }

    /// Takes the next transaction up to `zxid`.
    pub(super) fn next(&mut self, zxid: Zxid) -> Option<Bytes> {
        let (first, _) = self.entries.front()?;
        (*first <= zxid).then(|| self.entries.pop_front())?.map(|(_, payload)| payload)
    }

    /// The transaction with which a session began, if nobody was shown it yet.
    pub(super) fn beginning(&self, session: SessionId) -> Option<Zxid> {
        self.find(session, OpCode::CreateSession)
    }

    /// Whether the end of a session was written.
    pub(super) fn ends(&self, session: SessionId) -> bool {
        self.find(session, OpCode::CloseSession).is_some()
    }

    /// The model after a transaction that nobody was shown yet.
    pub(super) fn state_at(&self, model: &Model, zxid: Zxid) -> Model {
        let mut model = model.clone();
        for (_, payload) in self.entries.iter().take_while(|(entry, _)| *entry <= zxid) {
            if let Ok((header, txn, _)) = Txn::decode_payload(payload) {
                model.apply(&header, &txn);
            }
        }
        model
    }

    fn find(&self, session: SessionId, op: OpCode) -> Option<Zxid> {
        let of_session = |payload: &Bytes| {
            let header: Option<TxnHeader> = jute::from_slice(payload).ok();
            header.is_some_and(|header| header.session == session && header.op == op.code())
        };
        self.entries.iter().find(|(_, payload)| of_session(payload)).map(|(zxid, _)| *zxid)
    }
}
