//! One server as it is seen from outside: what it is told by its clients, what it holds, what it says.
//!
//! Always true:
//! - its model is at the last transaction that a client of it was shown, or that all its clients
//!   must know of; never beyond what it has applied.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes};
use jute::Decoder;
use jute::records::{ConnectResponse, ReplyHeader, WatcherEvent};
use machines::Ticket;
use server::State;
use zxid::{SessionId, Zxid};

use super::chronicle::{Asked, Chronicle, apply};
use super::disk::Disk;
use super::line::{Line, Waiting};
use super::offers::Offers;
use super::replica::Touched;
use crate::ask::Ask;
use crate::invariants::watching::Told;
use crate::invariants::{Verdict, order, replicas, sessions, tree, watching};
use crate::model::{CONFIG, Model, normal};

/// A server, as it is seen from outside.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Its number.
    pub(super) server: u64,
    /// The state that was last shown.
    model: Model,
    /// The last transaction that it has applied.
    pub(super) applied: Zxid,
    /// Whether it has its place in the ensemble.
    pub(super) serves: bool,
    /// The epoch of the leader that gave it its place last.
    pub(super) reign: Option<u32>,
    pub(crate) disk: Disk,
    /// What of its state is to be compared with the model.
    touched: Touched,
    /// As a leader: what it has offered to its learners.
    pub(super) offers: Offers,
    lines: BTreeMap<u64, Line>,
    /// When each session was last heard of, by the server's monotonic clock.
    heard: BTreeMap<SessionId, Duration>,
    /// The sessions that its clients used since it last told its leader.
    untold: BTreeSet<SessionId>,
    now: Duration,
}

impl View {
    /// A server that has never started.
    pub(super) fn new(server: u64) -> View {
        View { server, ..View::default() }
    }

    /// The server's process starts: its connections are gone.
    pub(super) fn start(&mut self, all: &Chronicle, state: &State) {
        self.lines.clear();
        self.offers = Offers::default();
        self.serve(all, state);
        self.serves = false;
    }

    /// The server begins to serve: none of its connections has a session yet, and all sessions have
    /// their whole time again.
    pub(super) fn serve(&mut self, all: &Chronicle, state: &State) {
        self.lines.retain(|_, line| !line.accepted && !line.gone);
        self.untold.clear();
        self.serves = true;
        self.applied = state.last;
        self.model = all.model_at(state.last);
        self.touched = Touched::everything();
        // When the server wrote there who the members are is its own affair.
        if let (Some(node), Some(own)) = (self.model.nodes.get_mut(CONFIG), state.tree.node(CONFIG))
        {
            node.stat.mtime = own.persisted().mtime;
        }
        self.heard = self.model.sessions.keys().map(|session| (*session, self.now)).collect();
    }

    /// The time of the step that follows.
    pub(crate) fn at(&mut self, now: Duration) {
        self.now = now;
    }

    /// The last transaction that it showed a client, or must have.
    pub(super) fn shown(&self) -> Zxid {
        self.model.zxid
    }

    /// For how long a session was silent; nothing if it was never heard of.
    pub(super) fn silence(&self, session: SessionId) -> Option<Duration> {
        self.heard.get(&session).map(|heard| self.now.saturating_sub(*heard))
    }

    /// A client's connection is open.
    pub(crate) fn opened(&mut self, connection: u64, from: SocketAddr) {
        self.lines.insert(connection, Line::new(from.ip()));
    }

    /// A connection is gone, whoever closed it.
    pub(crate) fn closed(&mut self, connection: u64) {
        if let Some(line) = self.lines.get_mut(&connection) {
            line.gone = true;
        }
    }

    /// The server takes in a frame from a client.
    pub(crate) fn heard(&mut self, all: &mut Chronicle, connection: u64, frame: &Bytes) {
        let Some(line) = self.lines.get_mut(&connection) else { return };
        if line.greeted.is_none() {
            line.greet(frame, self.now, all.last());
            all.wanted(line.session, self.server);
            return;
        }
        // Whoever has asked for the end of its session is heard no more.
        if line.accepted && !line.closing && line.session != SessionId::NONE {
            self.heard.insert(line.session, self.now);
            self.untold.insert(line.session);
        }
        let Ok(Some((header, ask))) = Ask::read(frame) else { return };
        line.closing |= ask == Ask::CloseSession;
        if let Ask::Auth(packet) = &ask
            && &*packet.scheme == "digest"
        {
            line.asking.add_digest(packet.auth.unwrap_or_default());
        }
        if ask.writes() {
            let asked = Asked::new(frame, &line.asking, line.attachment, self.server);
            all.asked(line.session, header.xid, asked);
        }
        let waiting = Waiting { header, frame: frame.clone(), after: all.last() };
        if ask.overtakes() { &mut line.aside } else { &mut line.waiting }.push_back(waiting);
    }

    /// The server, which leads, hears of a session by another server.
    pub(crate) fn hears_of(&mut self, session: SessionId) {
        self.heard.insert(session, self.now);
    }

    /// The server tells its leader which sessions it heard: gives those that it must name.
    pub(crate) fn tells(&mut self) -> BTreeSet<SessionId> {
        std::mem::take(&mut self.untold)
    }

    /// The server learns that what it wrote before a ticket is forced.
    pub(crate) fn forced(&mut self, ticket: Ticket) {
        self.disk.is_forced(ticket);
    }

    /// The server says something to a client: whole frames, each with its length. They are judged
    /// when the batch is done, since a server may send the answers of a batch in any order of its
    /// connections. What they show must be applied now.
    pub(crate) fn said(&mut self, connection: u64, chunk: &Bytes) -> Verdict {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        let mut rest = chunk.clone();
        while let Some(length) = rest.first_chunk().copied().map(u32::from_be_bytes) {
            rest.advance(4);
            if rest.len() < length as usize {
                break;
            }
            line.said.push_back(rest.split_to(length as usize));
        }
        let applied = self.applied;
        line.said.iter().enumerate().try_for_each(|(index, frame)| {
            // The first frame of a connection shows no transaction.
            let shows = if index == 0 && !line.accepted { Zxid::ZERO } else { shown_by(frame) };
            tree::is_written(shows, shows <= applied)
        })
    }

    /// The batch is done: judges all that was said in it, and the state. Nothing may be owed any
    /// more.
    pub(super) fn judge(&mut self, all: &mut Chronicle, state: &State) -> Verdict {
        self.judge_said(all)?;
        self.lines.retain(|_, line| !line.gone);
        // What is applied was told in the same batch.
        self.advance(all, self.applied)?;
        let zxid = self.model.zxid;
        // Effects of what comes after a snapshot may be there before their transactions.
        if state.last == zxid && zxid >= self.disk.fuzzy() {
            let difference = self.touched.compare(&self.model, state);
            replicas::holds_what_it_applied(self.server, zxid, difference)?;
        }
        self.lines.iter_mut().try_for_each(|(connection, line)| {
            line.batch_is_over();
            watching::all_told(*connection, &line.owed, zxid)?;
            watching::catches_up(*connection, &line.caught_up, &[])
        })
    }

    /// Judges what was said, in the order of what it shows.
    pub(super) fn judge_said(&mut self, all: &mut Chronicle) -> Verdict {
        while let Some(connection) = self.first_to_judge(all) {
            let line = self.lines.get_mut(&connection);
            if let Some(frame) = line.and_then(|line| line.said.pop_front()) {
                self.said_frame(all, connection, &frame)?;
            }
        }
        Ok(())
    }

    /// The connection whose next frame shows the least.
    fn first_to_judge(&self, all: &Chronicle) -> Option<u64> {
        let talking = |(number, line): (&u64, &Line)| {
            line.said.front().map(|frame| (order_of(all, line, frame), *number))
        };
        self.lines.iter().filter_map(talking).min().map(|(_, number)| number)
    }

    fn said_frame(&mut self, all: &mut Chronicle, connection: u64, frame: &[u8]) -> Verdict {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        if !line.accepted {
            line.accepted = true;
            return match jute::from_slice::<ConnectResponse>(frame) {
                Ok(welcome) => self.welcomed(all, connection, &welcome),
                Err(_) => Ok(()),
            };
        }
        let mut rest = Decoder::new(frame);
        let Ok(header) = rest.next::<ReplyHeader>() else { return Ok(()) };
        match header.xid {
            -1 => match rest.next::<WatcherEvent>() {
                Ok(event) => {
                    self.told(all, connection, header, (event.kind, event.path.into_owned()))
                }
                Err(_) => Ok(()),
            },
            _ => self.answered(all, connection, header, rest.rest()),
        }
    }

    /// The answer to the first frame: the session goes on, or is gone.
    fn welcomed(
        &mut self,
        all: &mut Chronicle,
        connection: u64,
        welcome: &ConnectResponse,
    ) -> Verdict {
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        let (session, timeout) = (welcome.session_id, welcome.timeout);
        let wanted = std::mem::replace(&mut line.session, session);
        let knows_it = all.passwords.get(&wanted) == Some(&line.password);
        if timeout <= 0 {
            all.coverage.saw("a session is refused");
            return sessions::is_gone(wanted, !knows_it || all.may_be_gone(wanted));
        }
        if wanted == session {
            sessions::showed_its_password(session, knows_it)?;
        } else {
            all.passwords.insert(session, Bytes::copy_from_slice(welcome.password));
        }
        sessions::was_open(session, all.was_open(session, line.greeted_after, self.reign))?;
        order::shows_no_older(self.applied, line.seen)?;
        line.attachment = all.attached(session, self.server, timeout);
        if wanted == session {
            all.coverage.saw("a session is resumed");
        }
        // The request is what was heard; the answer may have taken long.
        let heard = self.heard.entry(session).or_default();
        *heard = line.greeted.map_or(*heard, |greeted| greeted.max(*heard));
        // Whoever begins a session here has its beginning.
        let began = all.beginning(session).unwrap_or(self.model.zxid);
        if wanted != session && began > self.model.zxid { self.advance(all, began) } else { Ok(()) }
    }

    /// An event is sent.
    fn told(
        &mut self,
        all: &mut Chronicle,
        connection: u64,
        header: ReplyHeader,
        told: Told,
    ) -> Verdict {
        if header.zxid >= 0 {
            self.advance(all, Zxid(header.zxid as u64))?;
        }
        let Some(line) = self.lines.get_mut(&connection) else { return Ok(()) };
        if header.zxid < 0 {
            line.caught_up.push(told);
            all.coverage.saw("an event is caught up on");
            return Ok(());
        }
        if line.owed.first() != Some(&told) && line.may_be_told(&told) {
            return Ok(());
        }
        watching::is_due(&told, &line.owed)?;
        line.owed.remove(0);
        all.coverage.saw("an event is told");
        Ok(())
    }

    /// An answer is sent.
    fn answered(
        &mut self,
        all: &mut Chronicle,
        connection: u64,
        header: ReplyHeader,
        body: &[u8],
    ) -> Verdict {
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
        self.advance(all, zxid)?;
        let answer = match header.err {
            0 => Ok(normal(&ask, body).unwrap_or_else(|| b"unreadable".to_vec())),
            err => Err(err),
        };
        all.coverage.saw(format!("answered {}", waiting.header.op));
        if ask.writes() {
            self.answered_write(all, connection, &waiting, zxid, &answer)?;
        }
        if let (Ask::SetWatches(_), Ok(_)) = (&ask, &answer) {
            all.coverage.saw("watches are set again after a reconnect");
        }
        if let (Ask::Sync(_), Ok(_)) = (&ask, &answer) {
            order::caught_up_by_sync(session, zxid, waiting.after)?;
        }
        let View { lines, model, .. } = self;
        let Some(line) = lines.get_mut(&connection) else { return Ok(()) };
        watching::told_before_shown(connection, &line.owed, zxid)?;
        if !ask.writes() {
            line.answered_read(connection, model, &ask, &answer).or_else(|broken| {
                let half = line.shows_a_half(&all.halves(zxid), &ask, &answer);
                tree::seen_whole(zxid, &broken.what, !half).and(Err(broken))
            })?;
        }
        Ok(())
    }

    fn answered_write(
        &mut self,
        all: &mut Chronicle,
        connection: u64,
        waiting: &Waiting,
        zxid: Zxid,
        answer: &Result<Vec<u8>, i32>,
    ) -> Verdict {
        let Some(line) = self.lines.get(&connection) else { return Ok(()) };
        let (session, xid) = (line.session, waiting.header.xid);
        let became = all.take_became(session, xid);
        order::named_rightly(session, xid, zxid, became.as_ref().map(|became| became.zxid))?;
        let Some(became) = became else { return Ok(()) };
        let Ok(Some((_, ask))) = Ask::read(&waiting.frame) else { return Ok(()) };
        all.coverage.saw(if answer.is_ok() { "a write is confirmed" } else { "a write fails" });
        tree::answered(&ask, answer, &became.answer)
    }

    /// Follows the server to a transaction that it shows.
    fn advance(&mut self, all: &Chronicle, zxid: Zxid) -> Verdict {
        order::shows_no_older(zxid, self.model.zxid)?;
        for payload in all.between(self.model.zxid, zxid) {
            self.touched.by(payload);
            let changes = apply(&mut self.model, payload);
            for line in self.lines.values_mut() {
                changes.iter().for_each(|change| line.changed(change));
            }
        }
        tree::is_written(zxid, self.model.zxid == zxid)
    }
}

/// After which transaction a frame was made, as far as it says.
fn order_of(all: &Chronicle, line: &Line, frame: &[u8]) -> Zxid {
    if line.accepted {
        return shown_by(frame);
    }
    let welcome = jute::from_slice::<ConnectResponse>(frame).ok();
    // A session that goes on may go on at once.
    let new = |welcome: &ConnectResponse| welcome.session_id != line.session;
    let began = welcome.filter(new).and_then(|welcome| all.beginning(welcome.session_id));
    began.unwrap_or_default()
}

/// The transaction that a frame shows; zero if it shows none.
fn shown_by(frame: &[u8]) -> Zxid {
    let header: Option<ReplyHeader> = jute::from_slice(frame).ok();
    header.map_or(Zxid::ZERO, |header| Zxid(header.zxid.max(0) as u64))
}
