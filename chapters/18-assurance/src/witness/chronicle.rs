//! The chronicle: everything that was ever committed, whoever did it, in the one order that there is.
//!
//! A transaction is in it from the moment when the first server applies it. Whatever a server applies
//! later, whatever a client is shown, and whatever a server begins with, is held against it.
//!
//! Always true:
//! - it only grows;
//! - the model is the state after its last transaction;
//! - every transaction in it is what the rules make of its request.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jute::records::{ErrorCode, OpCode, Txn, TxnHeader};
use zxid::{SessionId, Zxid};

use crate::ask::Ask;
use crate::coverage::Coverage;
use crate::invariants::{Verdict, order, sessions, tree};
use crate::model::{Model, Who};

use super::judge::judge;

/// So many transactions lie between two kept models.
const STRIDE: usize = 64;

/// A write that a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    frame: Bytes,
    pub(crate) who: Who,
    /// Which attachment of its session it came by.
    attachment: u64,
    /// The server that was asked.
    server: u64,
}

impl Asked {
    /// A request, in its frame.
    pub(crate) fn new(frame: &Bytes, who: &Who, attachment: u64, server: u64) -> Asked {
        Asked { frame: frame.clone(), who: who.clone(), attachment, server }
    }

    /// The request.
    pub(crate) fn ask(&self) -> Option<Ask<'_>> {
        Ask::read(&self.frame).ok().flatten().map(|(_, ask)| ask)
    }
}

/// What a write became, and what it is to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Became {
    pub(crate) zxid: Zxid,
    pub(crate) answer: Result<Vec<u8>, ErrorCode>,
}

/// A transaction that is committed.
#[derive(Debug)]
struct Committed {
    zxid: Zxid,
    payload: Bytes,
    /// The digest of the tree after it.
    digest: u64,
    /// How many sessions are open after it.
    sessions: usize,
}

/// What is known of a session.
#[derive(Debug, Default)]
struct Life {
    /// The transaction with which it began.
    began: Zxid,
    /// The transaction with which it ended, and the last before that.
    ended: Option<(Zxid, Zxid)>,
    /// Its timeout, in ms.
    timeout: i32,
    /// How often it was attached to a connection.
    attached: u64,
    /// The latest attachment by which something was done.
    acted: u64,
    /// The server to whose connection it was attached last.
    at: u64,
    /// The servers by which its client wanted to go on with it.
    wanted: BTreeSet<u64>,
}

/// Everything that was ever committed.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    entries: Vec<Committed>,
    model: Model,
    /// The model before the first.
    empty: Model,
    /// The model after so many transactions, now and then.
    kept: BTreeMap<usize, Model>,
    /// Every transaction that was ever written, by a checksum.
    payloads: BTreeMap<Zxid, u32>,
    asked: BTreeMap<(SessionId, i32), Asked>,
    became: BTreeMap<(SessionId, i32), Became>,
    lives: BTreeMap<SessionId, Life>,
    /// The passwords that were told to those who began a session.
    pub(crate) passwords: BTreeMap<SessionId, Bytes>,
    /// Sessions whose end was written, committed or not.
    ending: BTreeSet<SessionId>,
    /// What was reached, over the whole run.
    pub(crate) coverage: Coverage,
}

impl Chronicle {
    /// Nothing is committed yet, and this is the state.
    pub(crate) fn new(empty: Model) -> Chronicle {
        Chronicle { model: empty.clone(), empty, ..Chronicle::default() }
    }

    /// The last transaction.
    pub(crate) fn last(&self) -> Zxid {
        self.model.zxid
    }

    /// The state after the last transaction.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// The model after a transaction.
    pub(crate) fn model_at(&self, zxid: Zxid) -> Model {
        let count = self.entries.partition_point(|entry| entry.zxid <= zxid);
        if count == self.entries.len() {
            return self.model.clone();
        }
        let kept = self.kept.range(..=count).next_back();
        let (from, model) = kept.map_or((0, &self.empty), |(at, model)| (*at, model));
        let mut model = model.clone();
        for entry in &self.entries[from..count] {
            apply(&mut model, &entry.payload);
        }
        model
    }

    /// What nobody may see: the states between the parts of a multi.
    pub(crate) fn halves(&self, zxid: Zxid) -> Vec<Model> {
        let decoded = self.payload(zxid).map(|payload| Txn::decode_payload(payload));
        let Some(Ok((header, Txn::Multi(parts), _))) = decoded else { return Vec::new() };
        let before = self.entries.partition_point(|entry| entry.zxid < zxid);
        let mut model = match before.checked_sub(1) {
            Some(index) => self.model_at(self.entries[index].zxid),
            None => self.empty.clone(),
        };
        let done = parts.iter().take(parts.len().saturating_sub(1)).map(|part| {
            model.apply(&header, part);
            model.clone()
        });
        done.collect()
    }

    /// The transactions after one, up to and with another.
    pub(crate) fn between(&self, after: Zxid, to: Zxid) -> impl Iterator<Item = &Bytes> {
        let from = self.entries.partition_point(|entry| entry.zxid <= after);
        let until = self.entries.partition_point(|entry| entry.zxid <= to);
        self.entries[from..until.max(from)].iter().map(|entry| &entry.payload)
    }

    /// What was committed under a zxid.
    pub(crate) fn payload(&self, zxid: Zxid) -> Option<&Bytes> {
        let index = self.entries.binary_search_by_key(&zxid, |entry| entry.zxid).ok()?;
        Some(&self.entries[index].payload)
    }

    /// For which session a transaction was made, if it is there.
    pub(crate) fn maker(&self, zxid: Zxid) -> Option<SessionId> {
        let header: TxnHeader = jute::from_slice(self.payload(zxid)?).ok()?;
        Some(header.session)
    }

    /// The digest of the tree, and the number of sessions, after a transaction.
    pub(crate) fn digest(&self, zxid: Zxid) -> (u64, usize) {
        match self.entries.partition_point(|entry| entry.zxid <= zxid).checked_sub(1) {
            Some(index) => (self.entries[index].digest, self.entries[index].sessions),
            None => (self.empty.digest, 0),
        }
    }

    /// Somebody writes a transaction.
    pub(crate) fn written(&mut self, zxid: Zxid, payload: &Bytes) {
        self.payloads.insert(zxid, crc32fast::hash(payload));
        if let Ok((header, Txn::CloseSession(_), _)) = Txn::decode_payload(payload) {
            self.ending.insert(header.session);
        }
    }

    /// Whether a transaction is what was written under its zxid.
    pub(crate) fn was_written(&self, zxid: Zxid, payload: &Bytes) -> bool {
        self.payloads.get(&zxid) == Some(&crc32fast::hash(payload))
    }

    /// The next transaction is committed.
    pub(crate) fn commit(&mut self, zxid: Zxid, payload: &Bytes) -> Verdict {
        order::written_in_order(zxid, self.model.zxid)?;
        self.follow(payload)?;
        let (digest, sessions) = (self.model.digest, self.model.sessions.len());
        self.entries.push(Committed { zxid, payload: payload.clone(), digest, sessions });
        if self.entries.len().is_multiple_of(STRIDE) {
            self.kept.insert(self.entries.len(), self.model.clone());
        }
        Ok(())
    }

    /// A client asks for a write.
    pub(crate) fn asked(&mut self, session: SessionId, xid: i32, asked: Asked) {
        self.asked.insert((session, xid), asked);
    }

    /// Takes what a write became.
    pub(crate) fn take_became(&mut self, session: SessionId, xid: i32) -> Option<Became> {
        self.became.remove(&(session, xid))
    }

    /// Judges a transaction and applies it.
    fn follow(&mut self, payload: &Bytes) -> Verdict {
        let decoded = Txn::decode_payload(payload);
        tree::is_written(self.model.zxid, decoded.is_ok())?;
        let Ok((header, txn, digest)) = decoded else { return Ok(()) };
        let asked = self.asked.remove(&(header.session, header.cxid));
        let ask = asked.as_ref().and_then(Asked::ask);
        if let Some(asked) = &asked {
            self.acts(&header, &txn, asked)?;
        }
        let moved = asked.as_ref().is_some_and(|asked| self.may_have_moved(header.session, asked));
        let who = asked.as_ref().map(|asked| &asked.who);
        let known = self.lives.contains_key(&header.session);
        judge(&self.model, &header, &txn, ask.as_ref().zip(who), known, moved)?;
        self.live(&header, &txn);
        let multi = match (&ask, &txn) {
            (Some(Ask::Multi(asks)), Txn::Multi(parts)) => {
                Some(self.model.answer_multi(asks, &header, parts))
            }
            _ => None,
        };
        self.model.apply(&header, &txn);
        if let Some(digest) = digest {
            tree::same_digest(header.zxid, digest.tree as u64, self.model.digest)?;
        }
        if let Some(ask) = &ask {
            let answer = match (&txn, multi) {
                (_, Some(body)) => Ok(body),
                (Txn::Error(error), _) => Err(refusal(error.err)),
                (txn, _) => Ok(self.model.answer_write(ask, txn)),
            };
            let became = Became { zxid: header.zxid, answer };
            self.became.insert((header.session, header.cxid), became);
        }
        self.coverage.saw(format!("transaction {}", header.op));
        Ok(())
    }

    /// S10. What is done for a session is not asked for by a connection that it had left before.
    fn acts(&mut self, header: &TxnHeader, txn: &Txn, asked: &Asked) -> Verdict {
        if matches!(txn, Txn::Error(_)) {
            return Ok(());
        }
        let Some(life) = self.lives.get_mut(&header.session) else { return Ok(()) };
        sessions::not_by_the_old(header.session, asked.attachment, life.acted)?;
        life.acted = asked.attachment;
        Ok(())
    }

    /// Whether a session may have been moved away from the server that was asked.
    fn may_have_moved(&self, session: SessionId, asked: &Asked) -> bool {
        let life = self.lives.get(&session);
        life.is_some_and(|life| life.wanted.iter().any(|server| *server != asked.server))
    }
}

/// Sessions.
impl Chronicle {
    fn live(&mut self, header: &TxnHeader, txn: &Txn) {
        match txn {
            Txn::CreateSession(txn) => {
                let life = self.lives.entry(header.session).or_default();
                (life.began, life.timeout) = (header.zxid, txn.timeout);
            }
            Txn::CloseSession(_) => {
                let last = self.model.zxid;
                self.lives.entry(header.session).or_default().ended = Some((header.zxid, last));
            }
            _ => {}
        }
    }

    /// The transaction with which a session began, if it did.
    pub(crate) fn beginning(&self, session: SessionId) -> Option<Zxid> {
        self.lives.get(&session).map(|life| life.began)
    }

    /// Whether a session was open at some time since a transaction, as far as a server can know that
    /// serves in the reign of an epoch: one whose leader was deposed hears nothing of the next.
    pub(crate) fn was_open(&self, session: SessionId, since: Zxid, reign: Option<u32>) -> bool {
        let Some(life) = self.lives.get(&session) else { return false };
        let later = |end: Zxid| reign.is_some_and(|epoch| end.epoch() > epoch);
        life.ended.is_none_or(|(end, before)| before >= since || later(end))
    }

    /// Whether a session is over, or may be, or never was.
    pub(crate) fn may_be_gone(&self, session: SessionId) -> bool {
        self.lives.get(&session).is_none_or(|life| life.ended.is_some())
            || self.ending.contains(&session)
    }

    /// A session's timeout, in ms.
    pub(crate) fn timeout(&self, session: SessionId) -> i32 {
        self.lives.get(&session).map_or(0, |life| life.timeout)
    }

    /// A client wants to go on with a session by this server.
    pub(crate) fn wanted(&mut self, session: SessionId, server: u64) {
        if let Some(life) = self.lives.get_mut(&session) {
            life.wanted.insert(server);
        }
    }

    /// A session is attached to a connection of this server; says which attachment that is.
    pub(crate) fn attached(&mut self, session: SessionId, server: u64, timeout: i32) -> u64 {
        let life = self.lives.entry(session).or_default();
        if life.at != 0 && life.at != server {
            self.coverage.saw("a session moves to another server");
        }
        life.at = server;
        life.wanted.insert(server);
        life.timeout = timeout;
        life.attached += 1;
        life.attached
    }
}

/// Applies a transaction that was judged before.
pub(crate) fn apply(model: &mut Model, payload: &Bytes) -> Vec<crate::model::Change> {
    match Txn::decode_payload(payload) {
        Ok((header, txn, _)) => model.apply(&header, &txn),
        Err(_) => Vec::new(),
    }
}

/// Whether a payload is the end of a session that no client asked for, and of which.
pub(crate) fn expires(payload: &Bytes) -> Option<SessionId> {
    let header: TxnHeader = jute::from_slice(payload).ok()?;
    let ends = header.op == OpCode::CloseSession.code() && header.cxid == 0;
    ends.then_some(header.session)
}

/// A code in the log. What has no meaning is the one that no request is answered by itself.
fn refusal(err: i32) -> ErrorCode {
    ErrorCode::from_code(err).unwrap_or(ErrorCode::RuntimeInconsistency)
}
