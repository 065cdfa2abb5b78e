//! A server in the simulated world, with the witness at its boundary.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use election::ServerState;
use machines::{Effect, Effects, Event, Machine, Now};
use protocol::{Cut, Framer};
use server::{Connection, Message, Notice, Server, Zk};

use super::wire::Wires;
use crate::invariants::{Invariant, Verdict, holds};
use crate::vocabulary::{self, Found, Peer, Sim, Timer, Told};
use crate::witness::Witness;

/// The production server, and what its host does: it cuts frames and names things.
pub struct ServerHost {
    number: u64,
    server: Server,
    effects: Effects<Zk>,
    lines: BTreeMap<Connection, (Framer, BytesMut)>,
    /// The clients that are answered in whole frames, as they ask.
    worded: BTreeSet<Connection>,
    /// The clients that it reads no more.
    unread: BTreeSet<Connection>,
    wires: Wires,
    witness: Rc<RefCell<Witness>>,
    power_lost: bool,
    /// What it is doing; nothing while it looks for a leader.
    role: Option<Role>,
}

/// What a server is doing for its clients.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Role {
    Alone,
    Member(ServerState),
}

impl ServerHost {
    /// A server that is about to start. `power_lost` says how it ended before.
    pub fn new(
        number: u64,
        server: Server,
        witness: Rc<RefCell<Witness>>,
        power_lost: bool,
    ) -> ServerHost {
        ServerHost {
            number,
            server,
            effects: Effects::new(),
            lines: BTreeMap::new(),
            worded: BTreeSet::new(),
            unread: BTreeSet::new(),
            wires: Wires::default(),
            witness,
            power_lost,
            role: None,
        }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether it serves clients.
    pub fn serves(&self) -> bool {
        self.role.is_some()
    }

    /// Whether it leads others.
    pub fn leads(&self) -> bool {
        self.role == Some(Role::Member(ServerState::Leading))
    }

    /// Takes one event; says what is broken, if something is.
    pub fn step(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) {
        self.effects.set_now(out.now());
        self.witness.borrow_mut().at(self.number, out.now().monotonic);
        // A server sends what it has to say at the end of its batch.
        let done = event == Event::Drained;
        let mut verdict = self.take(event, out);
        if done && verdict.is_ok() {
            verdict = self.witness.borrow_mut().judge(self.number, self.server.state());
        }
        if let Err(broken) = verdict {
            out.answer(Told::Broken(broken));
        }
    }

    /// How many requests of a client wait.
    fn waiting(&self, connection: Connection, now: Now) -> usize {
        let client = self.server.facts(now, 0).clients.get(&connection.number);
        client.map_or(0, |client| client.waiting.len())
    }

    /// Whoever lets more requests wait than the limit allows is read no more.
    fn keeps_its_limit(&self, connection: Connection, before: usize, now: Now) -> Verdict {
        let facts = self.server.facts(now, 0);
        let (all, limit) = (facts.outstanding, facts.settings.outstanding_limit);
        let kept = all <= limit || self.unread.contains(&connection);
        holds(Invariant::L5, kept || self.waiting(connection, now) <= before, || {
            let server = self.number;
            format!("{all} requests wait in server {server}, more than {limit}, and it reads on")
        })
    }

    fn take(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) -> Verdict {
        let event = match event {
            Event::Started(Found::Server(found)) => {
                self.witness.borrow_mut().started(self.number, &found, self.power_lost)?;
                self.role = found.member.is_none().then_some(Role::Alone);
                Event::Started(*found)
            }
            Event::Opened(peer) => {
                self.open(peer);
                Event::Opened(theirs(peer))
            }
            Event::Received { from: Peer::Client(connection), message } => {
                return self.receive(connection, &message, out);
            }
            Event::Received { from, message } => {
                let said = match message {
                    vocabulary::Message::Election(frame) => sync::Message::Election(frame),
                    vocabulary::Message::Quorum(packet) => sync::Message::Quorum(packet),
                    other => panic!("servers do not send {other} to servers"),
                };
                self.witness.borrow_mut().hears(self.number, between(from), &said)?;
                let message = match said {
                    sync::Message::Election(frame) => Message::Election(frame),
                    sync::Message::Quorum(packet) => Message::Quorum(packet),
                };
                Event::Received { from: theirs(from), message }
            }
            Event::Closed(peer) => {
                self.forget(peer);
                Event::Closed(theirs(peer))
            }
            Event::Flushed(peer) => Event::Flushed(theirs(peer)),
            Event::Expired(Timer::Server(timer)) => Event::Expired(timer),
            Event::Durable(ticket) => {
                self.witness.borrow_mut().is_forced(self.number, ticket);
                Event::Durable(ticket)
            }
            Event::Failed(ticket, fault) => {
                self.witness.borrow_mut().fails(self.number);
                Event::Failed(ticket, fault)
            }
            Event::Fetched(fetched) => Event::Fetched(fetched),
            Event::Drained => Event::Drained,
            Event::Started(Found::Nothing) | Event::Expired(Timer::Client(_) | Timer::Program) => {
                unreachable!("a server is told a server's events")
            }
        };
        self.tell(event, out)
    }

    fn open(&mut self, peer: Peer) {
        match peer {
            Peer::Client(connection) => {
                self.lines.insert(connection, (Framer::new(Framer::LIMIT), BytesMut::new()));
                self.witness.borrow_mut().opened(self.number, connection.number, connection.from);
            }
            peer => {
                self.forget(peer);
                self.witness.borrow_mut().meets(self.number, between(peer));
            }
        }
    }

    fn forget(&mut self, peer: Peer) {
        match peer {
            Peer::Client(connection) => {
                self.lines.remove(&connection);
                self.worded.remove(&connection);
                self.unread.remove(&connection);
                self.witness.borrow_mut().closed(self.number, connection.number);
            }
            Peer::Election(link) => self.wires.forget(link),
            Peer::Quorum(_) | Peer::Server(_) => {}
        }
    }

    /// Cuts what has come into frames, and brings them to the server one by one.
    fn receive(
        &mut self,
        connection: Connection,
        message: &vocabulary::Message,
        out: &mut Effects<Sim>,
    ) -> Verdict {
        let chunk = match message {
            vocabulary::Message::Chunk(chunk) => chunk,
            vocabulary::Message::Asked(frames) => {
                self.worded.insert(connection);
                frames
            }
            other => panic!("clients do not send {other}"),
        };
        if let Some((_, bytes)) = self.lines.get_mut(&connection) {
            bytes.extend_from_slice(chunk);
        }
        while let Some((framer, bytes)) = self.lines.get_mut(&connection) {
            let message = match framer.cut(bytes) {
                Ok(Some(Cut::Frame(frame))) => {
                    self.witness.borrow_mut().asked(self.number, connection.number, &frame);
                    Message::Frame(frame)
                }
                Ok(Some(Cut::Word(word))) => Message::Word(word),
                Ok(None) => break,
                Err(_) => {
                    self.forget(Peer::Client(connection));
                    out.close(Peer::Client(connection));
                    return self.tell(Event::Closed(server::Peer::Client(connection)), out);
                }
            };
            let from = server::Peer::Client(connection);
            let waiting = self.waiting(connection, out.now());
            self.tell(Event::Received { from, message }, out)?;
            self.keeps_its_limit(connection, waiting, out.now())?;
        }
        Ok(())
    }

    /// Steps the server and passes on what it wants done, under the witness's eyes.
    fn tell(&mut self, event: Event<Zk>, out: &mut Effects<Sim>) -> Verdict {
        let mut effects = std::mem::take(&mut self.effects);
        self.server.step(event, &mut effects);
        let mut verdict = effects.list().iter().try_for_each(|effect| self.look(effect));
        if verdict.is_ok() && self.role.is_some() {
            verdict = self.witness.borrow_mut().applied(self.number, self.server.state());
        }
        if let (Ok(()), Some(part)) = (&verdict, self.server.part()) {
            verdict = self.witness.borrow_mut().after(self.number, part.member());
        }
        for effect in effects.drain() {
            let said = self.pass_on(effect, out);
            verdict = verdict.and(said);
        }
        self.effects = effects;
        verdict
    }

    /// What the witness must know before it judges what is said.
    fn look(&mut self, effect: &Effect<Zk>) -> Verdict {
        let mut witness = self.witness.borrow_mut();
        match effect {
            Effect::Write(write) => {
                let leads =
                    matches!(self.role, Some(Role::Alone | Role::Member(ServerState::Leading)));
                witness.writes(self.number, write, leads)?;
            }
            Effect::Sync(ticket) => witness.asked_to_force(self.number, *ticket),
            Effect::Answer(notice) => {
                witness.saw(name(notice));
                if let Notice::DigestMismatch { zxid } = notice {
                    witness.mismatch(self.number, *zxid)?;
                }
                if let Notice::Joined { role, leader, epoch, .. } = notice {
                    self.role = Some(Role::Member(*role));
                    let (role, leader, epoch) = (*role, *leader, *epoch);
                    let serving = zab::Told::Serving { role, leader, epoch };
                    witness.joins(self.number, serving, self.server.state())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn pass_on(&mut self, effect: Effect<Zk>, out: &mut Effects<Sim>) -> Verdict {
        match effect {
            Effect::Open(peer) => out.open(ours(peer)),
            Effect::Send { to, message } => return self.send(to, message, out),
            Effect::Close(peer) => {
                self.forget(ours(peer));
                out.close(ours(peer));
            }
            Effect::Pause(peer) => {
                if let server::Peer::Client(connection) = peer {
                    self.unread.insert(connection);
                }
                out.pause(ours(peer));
            }
            Effect::Resume(peer) => {
                if let server::Peer::Client(connection) = peer {
                    self.unread.remove(&connection);
                }
                out.resume(ours(peer));
            }
            Effect::Flush(peer) => out.flush(ours(peer)),
            Effect::Set { timer, after } => out.set(Timer::Server(timer), after),
            Effect::Clear(timer) => out.clear(Timer::Server(timer)),
            Effect::Write(write) => out.write(write),
            Effect::Sync(ticket) => out.sync(ticket),
            Effect::Fetch(fetch) => out.fetch(fetch),
            Effect::Answer(notice) => {
                let verdict = match notice {
                    Notice::Left { why } => {
                        self.role = None;
                        self.witness.borrow_mut().leaves(self.number, why)
                    }
                    _ => Ok(()),
                };
                out.answer(Told::Server(notice));
                return verdict;
            }
        }
        Ok(())
    }

    fn send(&mut self, to: server::Peer, message: Message, out: &mut Effects<Sim>) -> Verdict {
        let (verdict, message) = match (to, message) {
            (server::Peer::Client(connection), Message::Chunk(bytes)) => {
                let verdict = self.said(connection, &bytes);
                match self.worded.contains(&connection) {
                    true => (verdict, vocabulary::Message::Said(bytes)),
                    false => (verdict, vocabulary::Message::Chunk(bytes)),
                }
            }
            (to, Message::Election(frame)) => {
                let said = sync::Message::Election(frame.clone());
                (self.tells(ours(to), &said), vocabulary::Message::Election(frame))
            }
            (to, Message::Quorum(packet)) => {
                let said = sync::Message::Quorum(packet.clone());
                (self.tells(ours(to), &said), vocabulary::Message::Quorum(packet))
            }
            (to, message) => panic!("a server does not send {message} to {to}"),
        };
        out.send(ours(to), message);
        verdict
    }

    /// The server says something to another.
    fn tells(&mut self, to: Peer, said: &sync::Message) -> Verdict {
        if let (Peer::Election(link), sync::Message::Election(frame)) = (to, said) {
            self.wires.say(link, frame)?;
        }
        self.witness.borrow_mut().tells(self.number, between(to), said)
    }

    fn said(&self, connection: Connection, bytes: &Bytes) -> Verdict {
        self.witness.borrow_mut().said(self.number, connection.number, bytes)
    }
}

/// A peer as the server names it.
fn theirs(peer: Peer) -> server::Peer {
    match peer {
        Peer::Client(connection) => server::Peer::Client(connection),
        Peer::Election(link) => server::Peer::Election(link),
        Peer::Quorum(peer) => server::Peer::Quorum(peer),
        Peer::Server(_) => unreachable!("a server dials no server as a client"),
    }
}

/// A server's peer that is a server.
fn between(peer: Peer) -> sync::Peer {
    match peer {
        Peer::Election(link) => sync::Peer::Election(link),
        Peer::Quorum(peer) => sync::Peer::Quorum(peer),
        Peer::Client(_) | Peer::Server(_) => unreachable!("{peer} is no server's server"),
    }
}

/// A peer as the world names it.
fn ours(peer: server::Peer) -> Peer {
    match peer {
        server::Peer::Client(connection) => Peer::Client(connection),
        server::Peer::Election(link) => Peer::Election(link),
        server::Peer::Quorum(peer) => Peer::Quorum(peer),
    }
}

/// A notice's name, without its fields.
fn name(notice: &Notice) -> String {
    let text = format!("{notice:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_string()
}
