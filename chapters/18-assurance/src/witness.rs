//! The witness: sees all that crosses the server's boundary, and judges it after every step.
//!
//! It reads the requests, the transactions that the server writes and the answers, and follows
//! with the reference model: every transaction must be what the rules make of its request, every
//! answer what the model answers, every event the one that is due. It lives outside the server, so
//! it also knows what the server was told before a crash.
//!
//! Always true:
//! - the model is at the last transaction that any client was shown, and never before it;
//! - what was shown is never forgotten, whatever happens to the server.

mod judge;
mod line;
mod log;
mod recovery;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes};
use jute::Decoder;
use jute::records::{ConnectResponse, ErrorCode, ReplyHeader, Txn, WatcherEvent};
use machines::Ticket;
use server::State;
use storage::Write;
use zxid::{SessionId, Zxid};

use crate::ask::Ask;
use crate::coverage::Coverage;
use crate::invariants::watching::Told;
use crate::invariants::{Verdict, durability, order, sessions, tree, watching};
use crate::model::{Model, normal};
use judge::judge;
use line::{Line, Waiting};
use log::{Asked, Log};

/// What is known of a server from outside.
#[derive(Debug, Default)]
pub struct Witness {
    /// The state that was last shown.
    model: Model,
    log: Log,
    lines: BTreeMap<u64, Line>,
    /// When each session was last heard, by the server's monotonic clock.
    heard: BTreeMap<SessionId, Duration>,
    /// Sessions of which something was shown, open or not.
    began: BTreeSet<SessionId>,
    now: Duration,
    /// The accepted and the current epoch on disk.
    epochs: (u32, u32),
    /// What was reached, over the whole run.
    pub coverage: Coverage,
}

impl Witness {
    /// The server starts: what it was told by its connections is gone. `found` is what its disk
    /// held.
    pub fn started(&mut self, found: &State, power_lost: bool) -> Verdict {
        // What was said before the end was said; of the rest of that batch nobody heard.
        self.judge_said()?;
        self.lines.clear();
        self.heard.values_mut().for_each(|heard| *heard = self.now);
        self.log.recovered(found.last, self.model.zxid, power_lost)?;
        let expected = self.log.state_at(&self.model, found.last);
        durability::recovered_state(found.last, recovery::difference(&expected, found))
    }

    /// Whether a server could start from such a state after a loss of power.
    pub fn may_start_from(&self, found: &State) -> Verdict {
        self.log.holds_what_counts(found.last, self.model.zxid)?;
        let expected = self.log.state_at(&self.model, found.last);
        durability::recovered_state(found.last, recovery::difference(&expected, found))
    }

    /// The time of the step that follows.
    pub fn at(&mut self, now: Duration) {
        self.now = now;
    }

    /// A client's connection is open.
    pub fn opened(&mut self, connection: u64, from: SocketAddr) {
        self.lines.insert(connection, Line::new(from.ip()));
    }

    /// A connection is gone, whoever closed it.
    pub fn closed(&mut self, connection: u64) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.gone = true;
        }
    }

    /// The server takes in a frame from a client.
    pub fn heard(&mut self, connection: u64, frame: &Bytes) {
        let Some(line) = self.lines.get_mut(&connection) else { return };
        if line.greeted.is_none() {
            line.greet(frame, self.now);
            return;
        }
        self.heard.insert(line.session, self.now);
        let Ok(Some((header, ask))) = Ask::read(frame) else { return };
        if let Ask::Auth(packet) = &ask
            && &*packet.scheme == "digest"
        {
            line.asking.add_digest(packet.auth.unwrap_or_default());
        }
        if ask.writes() {
            self.log.asked(line.session, header.xid, frame, &line.asking);
        }
        let waiting = Waiting { header, frame: frame.clone() };
        if ask.overtakes() { &mut line.aside } else { &mut line.waiting }.push_back(waiting);
    }

    /// The server writes something to its disk.
    pub fn writes(&mut self, write: &Write) -> Verdict {
        match write {
            Write::Append(entry) => {
                let (heard, now) = (&self.heard, self.now);
                let silent = |session| heard.get(&session).map(|heard| now.saturating_sub(*heard));
                self.log.written(entry.zxid, &entry.payload, silent)
            }
            Write::AcceptedEpoch(epoch) => {
                let before = std::mem::replace(&mut self.epochs.0, *epoch);
                durability::epochs_rise((before, *epoch), (self.epochs.1, self.epochs.1))
            }
            Write::CurrentEpoch(epoch) => {
                let before = std::mem::replace(&mut self.epochs.1, *epoch);
                durability::epochs_rise((self.epochs.0, self.epochs.0), (before, *epoch))
            }
            Write::EndSnapshot { .. } => {
                self.coverage.saw("a snapshot is sealed");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The server asks for what it wrote to be forced.
    pub fn asked_to_force(&mut self, ticket: Ticket) {
        self.log.asked_to_force(ticket);
    }

    /// The server learns that what it wrote before a ticket is forced.
    pub fn forced(&mut self, ticket: Ticket) {
        self.log.forced(ticket);
    }

    /// The server learns that its disk failed.
    pub fn failed(&mut self) {
        self.log.failed();
    }

    /// The server says something to a client: whole frames, each with its length. They are judged
    /// when the batch is done, since a server may send the answers of a batch in any order of its
    /// connections. What they show must be forced now.
    pub fn said(&mut self, connection: u64, chunk: &Bytes) -> Verdict {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        let mut rest = chunk.clone();
        while let Some(length) = rest.first_chunk().copied().map(u32::from_be_bytes) {
            rest.advance(4);
            if rest.len() < length as usize {
                break;
            }
            line.said.push_back(rest.split_to(length as usize));
        }
        line.said.iter().enumerate().try_for_each(|(index, frame)| {
            // The first frame of a connection shows no transaction.
            let shows = if index == 0 && !line.accepted { Zxid::ZERO } else { shown_by(frame) };
            self.log.may_show(shows)
        })
    }

    /// The batch is done: judges all that was said in it. Nothing may be owed any more.
    pub fn judge(&mut self) -> Verdict {
        self.judge_said()?;
        self.lines.retain(|_, line| !line.gone);
        let zxid = self.model.zxid;
        self.lines.iter_mut().try_for_each(|(connection, line)| {
            line.batch_is_over();
            watching::all_told(*connection, &line.owed, zxid)?;
            watching::catches_up(*connection, &line.caught_up, &[])
        })
    }

    /// Judges what was said, in the order of what it shows.
    fn judge_said(&mut self) -> Verdict {
        while let Some(connection) = self.first_to_judge() {
            let line = self.lines.get_mut(&connection);
            if let Some(frame) = line.and_then(|line| line.said.pop_front()) {
                self.said_frame(connection, &frame)?;
            }
        }
        Ok(())
    }

    /// The connection whose next frame shows the least.
    fn first_to_judge(&self) -> Option<u64> {
        let talking = |(number, line): (&u64, &Line)| {
            line.said.front().map(|frame| (self.order_of(line, frame), *number))
        };
        self.lines.iter().filter_map(talking).min().map(|(_, number)| number)
    }

    /// After which transaction a frame was made, as far as it says.
    fn order_of(&self, line: &Line, frame: &[u8]) -> Zxid {
        if line.accepted {
            return shown_by(frame);
        }
        let welcome = jute::from_slice::<ConnectResponse>(frame).ok();
        welcome.and_then(|welcome| self.log.beginning(welcome.session_id)).unwrap_or_default()
    }

    /// The state that clients were last shown.
    pub fn model(&self) -> &Model {
        &self.model
    }

    fn said_frame(&mut self, connection: u64, frame: &[u8]) -> Verdict {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        if !line.accepted {
            line.accepted = true;
            return match jute::from_slice::<ConnectResponse>(frame) {
                Ok(welcome) => self.welcomed(connection, welcome.session_id, welcome.timeout),
                Err(_) => Ok(()),
            };
        }
        let mut rest = Decoder::new(frame);
        let Ok(header) = rest.next::<ReplyHeader>() else { return Ok(()) };
        match header.xid {
            -1 => match rest.next::<WatcherEvent>() {
                Ok(event) => self.told(connection, header, (event.kind, event.path.into_owned())),
                Err(_) => Ok(()),
            },
            _ => self.answered(connection, header, rest.rest()),
        }
    }

    /// The answer to the first frame: the session goes on, or is gone.
    fn welcomed(&mut self, connection: u64, session: SessionId, timeout: i32) -> Verdict {
        let Witness { lines, log, model, .. } = self;
        let Some(line) = lines.get_mut(&connection) else { return Ok(()) };
        let wanted = std::mem::replace(&mut line.session, session);
        let greeted = line.greeted;
        if timeout <= 0 {
            let gone = !model.sessions.contains_key(&wanted) || log.ends(wanted);
            self.coverage.saw("a session is refused");
            return sessions::is_gone(wanted, gone);
        }
        let began = log.beginning(session);
        log.agreed(session, timeout);
        if wanted == session {
            self.coverage.saw("a session is resumed");
        }
        // The request is what was heard; the answer may have taken long.
        let heard = self.heard.entry(session).or_default();
        *heard = greeted.map_or(*heard, |greeted| greeted.max(*heard));
        self.advance(began.unwrap_or(self.model.zxid))?;
        sessions::is_open(session, self.model.zxid, self.model.sessions.contains_key(&session))
    }

    /// An event is sent.
    fn told(&mut self, connection: u64, header: ReplyHeader, told: Told) -> Verdict {
        if header.zxid >= 0 {
            self.advance(Zxid(header.zxid as u64))?;
        }
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        if header.zxid < 0 {
            line.caught_up.push(told);
            self.coverage.saw("an event is caught up on");
            return Ok(());
        }
        if line.owed.first() != Some(&told) && line.may_be_told(&told) {
            return Ok(());
        }
        watching::is_due(&told, &line.owed)?;
        line.owed.remove(0);
        self.coverage.saw("an event is told");
        Ok(())
    }

    /// An answer is sent.
    fn answered(&mut self, connection: u64, header: ReplyHeader, body: &[u8]) -> Verdict {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        let session = line.session;
        let waiting = match line.take_aside(header.xid) {
            Some(waiting) => waiting,
            None => {
                let oldest = line.waiting.front().map(|waiting| waiting.header.xid);
                order::answered_in_turn(session, header.xid, oldest)?;
                line.waiting.pop_front().expect("the oldest was just looked at")
            }
        };
        let Ok(Some((_, ask))) = Ask::read(&waiting.frame) else { return Ok(()) };
        if let Ask::Auth(packet) = &ask {
            if header.err == 0 && &*packet.scheme == "digest" {
                line.who.add_digest(packet.auth.unwrap_or_default());
            }
            return Ok(());
        }
        let zxid = Zxid(header.zxid.max(0) as u64);
        self.advance(zxid)?;
        let answer = match header.err {
            0 => Ok(normal(&ask, body).unwrap_or_else(|| b"unreadable".to_vec())),
            err => Err(err),
        };
        self.coverage.saw(format!("answered {}", waiting.header.op));
        if ask.writes() {
            self.answered_write(connection, &waiting, zxid, &answer)?;
        }
        let Witness { lines, model, .. } = self;
        let Some(line) = lines.get_mut(&connection) else { return Ok(()) };
        watching::told_before_shown(connection, &line.owed, zxid)?;
        if !ask.writes() {
            line.answered_read(connection, model, &ask, &answer)?;
        }
        Ok(())
    }

    fn answered_write(
        &mut self,
        connection: u64,
        waiting: &Waiting,
        zxid: Zxid,
        answer: &Result<Vec<u8>, i32>,
    ) -> Verdict {
        let Some(line) = self.lines.get(&connection) else { return Ok(()) };
        let (session, xid) = (line.session, waiting.header.xid);
        let became = self.log.take_became(session, xid);
        order::named_rightly(session, xid, zxid, became.as_ref().map(|became| became.zxid))?;
        let Some(became) = became else { return Ok(()) };
        let Ok(Some((_, ask))) = Ask::read(&waiting.frame) else { return Ok(()) };
        self.coverage.saw(if answer.is_ok() { "a write is confirmed" } else { "a write fails" });
        tree::answered(&ask, answer, &became.answer)
    }

    /// Follows the server to a transaction that it shows.
    fn advance(&mut self, zxid: Zxid) -> Verdict {
        order::shows_no_older(zxid, self.model.zxid)?;
        self.log.may_show(zxid)?;
        while let Some(payload) = self.log.next(zxid) {
            self.follow(&payload)?;
        }
        tree::is_written(zxid, self.model.zxid == zxid)
    }

    /// Judges a transaction and applies it.
    fn follow(&mut self, payload: &Bytes) -> Verdict {
        let decoded = Txn::decode_payload(payload);
        tree::is_written(self.model.zxid, decoded.is_ok())?;
        let Ok((header, txn, digest)) = decoded else { return Ok(()) };
        let asked = self.log.take_asked(&header);
        let ask = asked.as_ref().and_then(Asked::ask);
        let who = asked.as_ref().map(|asked| &asked.who);
        let known = self.began.contains(&header.session);
        judge(&self.model, &header, &txn, ask.as_ref().zip(who), known)?;
        self.began.insert(header.session);
        let multi = match (&ask, &txn) {
            (Some(Ask::Multi(asks)), Txn::Multi(parts)) => {
                Some(self.model.answer_multi(asks, &header, parts))
            }
            _ => None,
        };
        let changes = self.model.apply(&header, &txn);
        if let Some(digest) = digest {
            tree::same_digest(header.zxid, digest.tree as u64, self.model.digest)?;
        }
        if let Some(ask) = &ask {
            let answer = match (&txn, multi) {
                (_, Some(body)) => Ok(body),
                (Txn::Error(error), _) => Err(refusal(error.err)),
                (txn, _) => Ok(self.model.answer_write(ask, txn)),
            };
            self.log.became(&header, answer);
        }
        self.coverage.saw(format!("transaction {}", header.op));
        for line in self.lines.values_mut() {
            changes.iter().for_each(|change| line.changed(change));
        }
        Ok(())
    }
}

/// The transaction that a frame shows; zero if it shows none.
fn shown_by(frame: &[u8]) -> Zxid {
    let header: Option<ReplyHeader> = jute::from_slice(frame).ok();
    header.map_or(Zxid::ZERO, |header| Zxid(header.zxid.max(0) as u64))
}

/// A code in the log. What has no meaning is the one that no request is answered by itself.
fn refusal(err: i32) -> ErrorCode {
    ErrorCode::from_code(err).unwrap_or(ErrorCode::RuntimeInconsistency)
}
