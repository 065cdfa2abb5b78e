//! The witness: sees all that crosses the servers' boundaries, and judges it after every step.
//!
//! It reads the requests, the transactions that servers write and apply, and the answers, and follows
//! with the reference model: every transaction must be what the rules make of its request, every
//! answer what the model answers, every event the one that is due. It lives outside the servers, so
//! it also knows what they were told before a crash.
//!
//! There is one order of all transactions, the [`Chronicle`]; a server that applies something applies
//! the next of it, or adds to it. And there is a [`View`] of each server: what its clients must be
//! told follows from how much of the chronicle it has applied.
//!
//! Always true:
//! - what was applied anywhere is never forgotten, whatever happens to the servers.

mod chronicle;
mod clients;
mod disk;
mod judge;
mod ledger;
mod line;
mod offers;
mod recovery;
mod replica;
mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use election::Members;
use server::{Recovered, State};
use storage::{Entry, Write};
use sync::laws::Laws;
use sync::{Member, Message};
use zab::{Ceased, Health, Packet, Told};
use zxid::{ServerId, SessionId, Zxid};

pub(crate) use chronicle::Chronicle;
use view::View;

use crate::history::History;
use crate::invariants::{Broken, Invariant, Verdict, durability, order, replicas, sessions, tree};
use crate::model::Model;

/// What is known of all servers from outside.
#[derive(Debug)]
pub struct Witness {
    members: Members,
    views: BTreeMap<u64, View>,
    all: Chronicle,
    /// What must hold between the servers of an ensemble.
    laws: Laws,
}

impl Witness {
    /// A witness of servers that have never started. The one server of a world is its own quorum.
    pub fn new(members: Members, empty: Model) -> Witness {
        let servers = members.voters().chain(members.observers());
        let views = servers.map(|server| (server.0 as u64, View::new(server.0 as u64))).collect();
        Witness { laws: Laws::new(members.clone()), members, views, all: Chronicle::new(empty) }
    }

    /// One server, and what all have done.
    fn of(&mut self, server: u64) -> (&mut View, &mut Chronicle) {
        let view = self.views.get_mut(&server).expect("the witness knows every server");
        (view, &mut self.all)
    }

    /// What all have done.
    pub(crate) fn all(&self) -> &Chronicle {
        &self.all
    }

    /// The server starts, and `found` is what its disk held.
    pub fn started(&mut self, server: u64, found: &Recovered, power_lost: bool) -> Verdict {
        let (view, all) = self.of(server);
        // What was said before the end was said; of the rest of that batch nobody heard.
        view.judge_said(all)?;
        self.may_start_from(server, found, power_lost)?;
        let (view, _) = self.of(server);
        view.disk.start(found);
        match &found.member {
            Some(member) => {
                if member.health != Health::Sound {
                    self.all.coverage.saw(format!("a server is {:?}", member.health));
                }
                self.laws.started(id(server), member);
            }
            // Whoever stands alone has committed all that is on its disk.
            None => self.applied(server, &found.state)?,
        }
        let (view, all) = self.of(server);
        view.start(all, &found.state);
        self.lawful()
    }

    /// What must hold between the servers.
    pub(crate) fn laws(&self) -> &Laws {
        &self.laws
    }

    /// Whether the laws hold.
    pub fn lawful(&self) -> Verdict {
        match self.laws.broken() {
            Some(sync::laws::Broken { law, what }) => {
                Err(Broken { invariant: Invariant::Law(*law), what: what.clone() })
            }
            None => Ok(()),
        }
    }

    /// Whether a server may start from what it found.
    pub(crate) fn may_start_from(
        &self,
        server: u64,
        found: &Recovered,
        power_lost: bool,
    ) -> Verdict {
        let view = &self.views[&server];
        match &found.member {
            // Whoever was damaged and knows it may have anything. Whether it was is a law.
            Some(member) if member.health != Health::Sound => Ok(()),
            None => {
                let kept = view.shown();
                view.disk.may_be_found(found.state.last, kept, power_lost)?;
                let expected = self.state_alone(view, found.state.last);
                let difference = recovery::difference(&expected, &found.state);
                durability::recovered_state(found.state.last, difference)
            }
            Some(member) => {
                let last = member.tail.last().map_or(member.applied, |entry| entry.zxid);
                view.disk.may_be_found(last, Zxid::ZERO, power_lost)?;
                view.disk.epochs_may_be_found(member.accepted, member.current)?;
                let invented = |entry: &&Entry| !self.all.was_written(entry.zxid, &entry.payload);
                durability::nothing_invented(member.tail.iter().find(invented).map(|e| e.zxid))?;
                self.replayed(view, found)
            }
        }
    }

    /// The model after a transaction that a server alone has written, and perhaps not yet applied.
    fn state_alone(&self, view: &View, zxid: Zxid) -> Model {
        let mut model = self.all.model_at(zxid);
        let after = model.zxid;
        for (_, payload) in view.disk.written().after(after).iter().take_while(|e| e.0 <= zxid) {
            chronicle::apply(&mut model, payload);
        }
        model
    }

    /// Whether a member's snapshot, and as much of its log as is committed, give the right state.
    fn replayed(&self, view: &View, found: &Recovered) -> Verdict {
        let Some(member) = &found.member else { return Ok(()) };
        let committed = |entry: &&Entry| self.all.payload(entry.zxid) == Some(&entry.payload);
        let mut state = found.state.clone();
        for entry in member.tail.iter().take_while(committed) {
            let applied = state.apply(entry, &mut Vec::new());
            durability::can_be_read(entry.zxid, applied.is_ok())?;
        }
        // A snapshot may have effects of what comes after it, and the log may not have that yet.
        if state.last < view.disk.fuzzy() {
            return Ok(());
        }
        let expected = self.all.model_at(state.last);
        durability::recovered_state(state.last, recovery::difference(&expected, &state))
    }

    /// A server gives its disk something to write. `leads` says whether it is its own will.
    pub fn writes(&mut self, server: u64, write: &Write, leads: bool) -> Verdict {
        let last = self.all.last();
        let (view, all) = self.of(server);
        let applied = view.applied;
        view.disk.writes(write, applied, last)?;
        match write {
            Write::Append(entry) => {
                all.written(entry.zxid, &entry.payload);
                if leads && let Some(session) = chronicle::expires(&entry.payload) {
                    let timeout = Duration::from_millis(all.timeout(session).max(0) as u64);
                    let silent = view.silence(session).unwrap_or(timeout);
                    sessions::was_silent(session, silent, timeout)?;
                }
                if leads && !self.is_alone() {
                    self.laws.proposed(id(server), entry);
                }
            }
            Write::EndSnapshot { .. } => all.coverage.saw("a snapshot is sealed"),
            Write::InstallSnapshot { .. } => {
                all.coverage.saw("a snapshot is installed");
                view.applied = view.disk.written().last();
                let history = self.laws.history(self.views[&server].applied);
                self.laws.loaded(id(server), self.views[&server].applied, &history);
            }
            Write::Truncate(_) => all.coverage.saw("a history is cut"),
            _ => {}
        }
        self.lawful()
    }

    /// A server's disk is about to carry out a write.
    pub fn carries_out(&mut self, server: u64, write: &Write) {
        if !self.is_alone() {
            self.laws.wrote(id(server), write);
        }
    }

    /// A server's disk has forced everything that it wrote.
    pub fn has_forced(&mut self, server: u64) {
        if !self.is_alone() {
            self.laws.forced(id(server));
        }
    }

    /// A server learns that its disk has failed.
    pub fn fails(&mut self, server: u64) {
        let (view, _) = self.of(server);
        view.disk.fail();
        if !self.is_alone() {
            self.laws.failed(id(server));
        }
    }

    /// A server asks its disk for entries that a learner lacks.
    pub(crate) fn looks_up(&mut self) {
        self.saw("a learner is sent what is on disk");
    }

    /// Counts something that was reached.
    pub(crate) fn saw(&mut self, what: impl Into<String>) {
        self.all.coverage.saw(what);
    }

    /// A server has its place in the ensemble.
    pub fn joins(&mut self, server: u64, serving: Told, state: &State) -> Verdict {
        self.applied(server, state)?;
        self.laws.told(id(server), &serving);
        let (view, all) = self.of(server);
        if let Told::Serving { role, epoch, .. } = &serving {
            all.coverage.saw(format!("a server is {role}"));
            view.reign = Some(*epoch);
        }
        view.serve(all, state);
        self.lawful()
    }

    /// A server has lost its place.
    pub fn leaves(&mut self, server: u64, why: Ceased) -> Verdict {
        self.laws.told(id(server), &Told::Ceased(why));
        let (view, all) = self.of(server);
        view.serves = false;
        if why == Ceased::Convalesced {
            all.coverage.saw("a convalescent votes again");
        }
        all.coverage.saw(format!("a server gives up: {why:?}"));
        replicas::is_expected(server, why != Ceased::BadPacket)
    }

    /// A connection between servers is open.
    pub fn meets(&mut self, server: u64, peer: sync::Peer) {
        self.laws.opened(id(server), peer);
    }

    /// A server says something to another.
    pub fn tells(&mut self, server: u64, to: sync::Peer, message: &Message) -> Verdict {
        self.laws.sent(id(server), to, message);
        let (view, all) = self.of(server);
        if let (sync::Peer::Quorum(to), Message::Quorum(packet)) = (to, message)
            && let Some(how) = view.offers.says(to, packet)
        {
            all.coverage.saw(how);
        }
        if let Message::Quorum(Packet::Ping { touched: Some(touched), .. }) = message {
            let told = |session: &SessionId| touched.iter().any(|(told, _)| told == session);
            let forgotten: Vec<SessionId> =
                view.tells().into_iter().filter(|session| !told(session)).collect();
            sessions::passed_on(server, &forgotten)?;
        }
        self.lawful()
    }

    /// A server hears something from another. A leader hears of sessions so.
    pub fn hears(&mut self, server: u64, from: sync::Peer, message: &Message) -> Verdict {
        self.laws.received(id(server), from, message);
        let (view, _) = self.of(server);
        match message {
            Message::Quorum(Packet::Ping { touched: Some(touched), .. }) => {
                touched.iter().for_each(|(session, _)| view.hears_of(*session));
            }
            Message::Quorum(Packet::Revalidate { session, .. }) => view.hears_of(*session),
            Message::Quorum(Packet::Request(request)) => view.hears_of(request.session),
            _ => {}
        }
        self.lawful()
    }

    /// After a step: what a member's memory says of itself.
    pub(crate) fn after(&mut self, server: u64, member: &Member) -> Verdict {
        self.laws.after(id(server), member);
        self.lawful()
    }

    /// A server has applied what its state says.
    pub fn applied(&mut self, server: u64, state: &State) -> Verdict {
        self.of(server).0.disk.applied(state.last);
        let view = &self.views[&server];
        let (before, now) = (view.applied, state.last);
        if before == now {
            return Ok(());
        }
        durability::silent_after_failure(view.disk.failed(), now, view.disk.forced().last())?;
        let new: Vec<(Zxid, Bytes)> =
            view.disk.written().after(before).iter().take_while(|e| e.0 <= now).cloned().collect();
        for (zxid, payload) in new {
            if self.is_alone() {
                let forced = self.views[&server].disk.forced().holds(zxid, &payload);
                durability::shown_is_forced(zxid, forced)?;
            } else {
                let entry = Entry { zxid, payload: payload.clone() };
                self.laws.told(id(server), &Told::Deliver(entry));
                self.lawful()?;
            }
            if zxid > self.all.last() {
                self.all.commit(zxid, &payload)?;
            }
        }
        tree::is_written(now, now <= self.all.last())?;
        let (view, all) = self.of(server);
        view.applied = now;
        if now >= view.disk.fuzzy() {
            let found = (state.tree.digest(), state.sessions.len());
            replicas::same_state(server, now, found, all.digest(now))?;
        }
        Ok(())
    }

    /// Whether a server's state is what all that was ever committed leads to.
    pub(crate) fn holds_all(&self, server: u64, state: &State) -> Verdict {
        replicas::holds_all(server, recovery::difference(self.all.model(), state))
    }

    /// Judges what clients were told, over the whole run.
    pub fn judge_history(&self, history: &History) -> Verdict {
        history.judge(self.all.model())?;
        history.replies.iter().try_for_each(|reply| {
            let made = self.all.maker(Zxid(reply.position));
            order::never_lost(reply, self.all.last(), made)
        })
    }

    /// Whether the world has one server, which stands alone.
    fn is_alone(&self) -> bool {
        self.views.len() == 1
    }

    /// A server finds that its tree is not what a transaction says that it must be.
    pub(crate) fn mismatch(&mut self, server: u64, zxid: Zxid) -> Verdict {
        // Effects of what comes after a snapshot may be there before their transactions.
        let fuzzy = zxid < self.views[&server].disk.fuzzy();
        replicas::as_foretold(server, zxid, fuzzy)
    }

    /// A server's batch is done: judges all that was said in it, and what the server holds.
    pub fn judge(&mut self, server: u64, state: &State) -> Verdict {
        let (view, all) = self.of(server);
        view.judge(all, state)
    }
}

fn id(server: u64) -> ServerId {
    ServerId(server as i64)
}
