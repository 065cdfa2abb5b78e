//! This server's part in its ensemble: the member, and what it wants done.
//!
//! What the member says is gathered here while the server is at work on something, and carried out
//! before the step ends. So whoever asks the member for something need not know about everything
//! else that may come of it.
//!
//! Always true:
//! - what needs a leader is dropped if this server does not lead any more, and the same for what
//!   needs a learner: then the server is about to be told.

use std::sync::Arc;

use bytes::Bytes;
use election::ServerState;
use machines::{Effect, Effects, Event, Machine, Now, Ticket};
use storage::Entry;
use sync::{Ensemble, Member};
use zab::{Ceased, Packet, Told};
use zxid::{ServerId, SessionId, Zxid};

use crate::facts::Followers;
use crate::vocabulary::{Message, Peer, Timer, Zk};

/// A member of an ensemble, and what it wants done.
#[derive(Debug)]
pub struct Part {
    member: Member,
    wanted: Effects<Ensemble>,
}

impl Part {
    /// A part that has yet to begin.
    pub fn new(settings: Arc<sync::Settings>) -> Part {
        Part { member: Member::new(settings), wanted: Effects::new() }
    }

    /// The member.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The leader under which this server serves, and its epoch.
    pub fn serving(&self) -> Option<(ServerId, u32)> {
        self.member.serving()
    }

    /// Leading: whom, as an operator is told.
    pub fn followers(&self, pending_syncs: usize) -> Followers {
        let mut followers = Followers { pending_syncs, ..Followers::default() };
        let learners = self.member.leader().into_iter().flat_map(|leader| leader.learners_known());
        for (_, synced, observes) in learners {
            followers.learners += 1;
            followers.followers += usize::from(synced && !observes);
            followers.observers += usize::from(synced && observes);
        }
        followers
    }

    /// Says what the time is.
    pub fn set_now(&mut self, now: Now) {
        self.wanted.set_now(now);
    }

    /// Something happened that concerns the member.
    pub fn step(&mut self, event: Event<Ensemble>) {
        self.member.step(event, &mut self.wanted);
    }

    /// Takes what is wanted, if anything is.
    pub fn take_wanted(&mut self) -> Option<Effects<Ensemble>> {
        let now = self.wanted.now();
        let any = !self.wanted.list().is_empty();
        any.then(|| std::mem::replace(&mut self.wanted, Effects::at(now)))
    }

    /// Gives back the list that was taken, now empty, to be used again.
    pub fn give_back(&mut self, list: Effects<Ensemble>) {
        if self.wanted.list().is_empty() {
            self.wanted = list;
        }
    }

    /// Leading: proposes a transaction.
    pub fn propose(&mut self, entry: Entry) {
        if self.leads() {
            self.member.propose(entry, &mut self.wanted);
        }
    }

    /// Leading: answers a learner.
    pub fn answer(&mut self, link: u64, packet: Packet) {
        if self.leads() {
            self.member.answer(link, packet, &mut self.wanted);
        }
    }

    /// Leading: answers a learner before anything else that is wanted. Gives what comes of it.
    pub fn answer_at_once(&mut self, link: u64, packet: Packet) -> Effects<Ensemble> {
        let mut wanted = Effects::at(self.wanted.now());
        if self.leads() {
            self.member.answer(link, packet, &mut wanted);
        }
        wanted
    }

    /// Leading: asks a quorum whether it still follows. Gives the number of the question.
    pub fn confirm(&mut self) -> u64 {
        if self.leads() { self.member.confirm(&mut self.wanted) } else { u64::MAX }
    }

    /// Leading: begins the state that a learner asked for.
    pub fn snapshot_begin(&mut self, link: u64, zxid: Zxid) {
        if self.leads() {
            self.member.snapshot_begin(link, zxid, &mut self.wanted);
        }
    }

    /// Leading: goes on with it.
    pub fn snapshot_bytes(&mut self, link: u64, bytes: Bytes) {
        if self.leads() {
            self.member.snapshot_bytes(link, bytes, &mut self.wanted);
        }
    }

    /// Leading: ends it.
    pub fn snapshot_end(&mut self, link: u64) {
        if self.leads() {
            self.member.snapshot_end(link, &mut self.wanted);
        }
    }

    /// Learning: asks the leader.
    pub fn ask(&mut self, packet: Packet) {
        if self.serving().is_some() && !self.leads() {
            self.member.ask(packet, &mut self.wanted);
        }
    }

    /// Learning: something was heard of a session.
    pub fn touch(&mut self, session: SessionId, timeout: i32) {
        self.member.touch(session, timeout);
    }

    /// Gives up the role.
    pub fn resign(&mut self, why: Ceased) {
        self.member.resign(why, &mut self.wanted);
    }

    fn leads(&self) -> bool {
        self.member.state() == ServerState::Leading
    }
}

/// What the member wants, for the server that it is a part of.
#[derive(Debug)]
pub enum Wish {
    /// This is for the host.
    Effect(Effect<Zk>),
    /// What it wrote is to be forced.
    Force(Ticket),
    /// This is for the server.
    Told(Told),
}

impl From<Effect<Ensemble>> for Wish {
    fn from(effect: Effect<Ensemble>) -> Wish {
        Wish::Effect(match effect {
            Effect::Open(peer) => Effect::Open(peer.into()),
            Effect::Send { to, message } => Effect::Send { to: to.into(), message: message.into() },
            Effect::Close(peer) => Effect::Close(peer.into()),
            Effect::Pause(peer) => Effect::Pause(peer.into()),
            Effect::Resume(peer) => Effect::Resume(peer.into()),
            Effect::Flush(peer) => Effect::Flush(peer.into()),
            Effect::Set { timer, after } => Effect::Set { timer: Timer::Member(timer), after },
            Effect::Clear(timer) => Effect::Clear(Timer::Member(timer)),
            Effect::Write(write) => Effect::Write(write),
            Effect::Fetch(fetch) => Effect::Fetch(fetch),
            Effect::Sync(ticket) => return Wish::Force(ticket),
            Effect::Answer(told) => return Wish::Told(told),
        })
    }
}

/// What happened, if it concerns the member; nothing if it concerns clients.
pub fn for_member(event: Event<Zk>) -> Option<Event<Ensemble>> {
    Some(match event {
        Event::Opened(peer) => Event::Opened(of_member(peer)?),
        Event::Closed(peer) => Event::Closed(of_member(peer)?),
        Event::Flushed(peer) => Event::Flushed(of_member(peer)?),
        Event::Received { from, message } => {
            let message = match message {
                Message::Election(frame) => sync::Message::Election(frame),
                Message::Quorum(packet) => sync::Message::Quorum(packet),
                Message::Frame(_) | Message::Word(_) | Message::Chunk(_) => return None,
            };
            Event::Received { from: of_member(from)?, message }
        }
        Event::Expired(Timer::Member(timer)) => Event::Expired(timer),
        Event::Fetched(fetched) => Event::Fetched(fetched),
        Event::Failed(ticket, fault) => Event::Failed(ticket, fault),
        Event::Drained => Event::Drained,
        Event::Started(_) | Event::Expired(_) | Event::Durable(_) => return None,
    })
}

fn of_member(peer: Peer) -> Option<sync::Peer> {
    match peer {
        Peer::Client(_) => None,
        Peer::Election(link) => Some(sync::Peer::Election(link)),
        Peer::Quorum(peer) => Some(sync::Peer::Quorum(peer)),
    }
}
