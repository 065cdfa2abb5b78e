//! A server in the simulated world, with the witness at its boundary.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::BytesMut;
use machines::{Effect, Effects, Event, Machine};
use protocol::{Cut, Framer};
use server::{Connection, Message, Notice, Server, Zk};

use crate::invariants::Verdict;
use crate::vocabulary::{Chunk, Found, Peer, Sim, Timer, Told};
use crate::witness::Witness;

/// The production server, and what its host does: it cuts frames and names things.
pub struct ServerHost {
    server: Server,
    effects: Effects<Zk>,
    lines: BTreeMap<Connection, (Framer, BytesMut)>,
    witness: Rc<RefCell<Witness>>,
    power_lost: bool,
}

impl ServerHost {
    /// A server that is about to start. `power_lost` says how it ended before.
    pub fn new(server: Server, witness: Rc<RefCell<Witness>>, power_lost: bool) -> ServerHost {
        let (effects, lines) = (Effects::new(), BTreeMap::new());
        ServerHost { server, effects, lines, witness, power_lost }
    }

    /// Takes one event; says what is broken, if something is.
    pub fn step(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) {
        self.effects.set_now(out.now());
        self.witness.borrow_mut().at(out.now().monotonic);
        // A server sends what it has to say at the end of its batch.
        let done = event == Event::Drained;
        let mut verdict = self.take(event, out);
        if done && verdict.is_ok() {
            verdict = self.witness.borrow_mut().judge();
        }
        if let Err(broken) = verdict {
            out.answer(Told::Broken(broken));
        }
    }

    fn take(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) -> Verdict {
        let event = match event {
            Event::Started(Found::Server(found)) => {
                self.witness.borrow_mut().started(&found.state, self.power_lost)?;
                Event::Started(*found)
            }
            Event::Opened(Peer::Client(connection)) => {
                self.lines.insert(connection, (Framer::new(Framer::LIMIT), BytesMut::new()));
                self.witness.borrow_mut().opened(connection.number, connection.from);
                Event::Opened(server::Peer::Client(connection))
            }
            Event::Received { from: Peer::Client(connection), message } => {
                return self.receive(connection, &message, out);
            }
            Event::Closed(Peer::Client(connection)) => {
                self.forget(connection);
                Event::Closed(server::Peer::Client(connection))
            }
            Event::Expired(Timer::Server(timer)) => Event::Expired(timer),
            Event::Durable(ticket) => {
                self.witness.borrow_mut().forced(ticket);
                Event::Durable(ticket)
            }
            Event::Failed(ticket, fault) => {
                self.witness.borrow_mut().failed();
                Event::Failed(ticket, fault)
            }
            Event::Fetched(fetched) => Event::Fetched(fetched),
            Event::Drained => Event::Drained,
            Event::Started(Found::Nothing)
            | Event::Flushed(_)
            | Event::Opened(Peer::Server(_))
            | Event::Received { from: Peer::Server(_), .. }
            | Event::Closed(Peer::Server(_))
            | Event::Expired(Timer::Client(_) | Timer::Program) => {
                unreachable!("a server is told a server's events")
            }
        };
        self.tell(event, out)
    }

    /// Cuts what has come into frames, and brings them to the server one by one.
    fn receive(
        &mut self,
        connection: Connection,
        chunk: &Chunk,
        out: &mut Effects<Sim>,
    ) -> Verdict {
        if let Some((_, bytes)) = self.lines.get_mut(&connection) {
            bytes.extend_from_slice(&chunk.0);
        }
        while let Some((framer, bytes)) = self.lines.get_mut(&connection) {
            let message = match framer.cut(bytes) {
                Ok(Some(Cut::Frame(frame))) => {
                    self.witness.borrow_mut().heard(connection.number, &frame);
                    Message::Frame(frame)
                }
                Ok(Some(Cut::Word(word))) => Message::Word(word),
                Ok(None) => break,
                Err(_) => {
                    self.forget(connection);
                    out.close(Peer::Client(connection));
                    return self.tell(Event::Closed(server::Peer::Client(connection)), out);
                }
            };
            let from = server::Peer::Client(connection);
            self.tell(Event::Received { from, message }, out)?;
        }
        Ok(())
    }

    /// Steps the server and passes on what it wants done, under the witness's eyes.
    fn tell(&mut self, event: Event<Zk>, out: &mut Effects<Sim>) -> Verdict {
        let mut effects = std::mem::take(&mut self.effects);
        self.server.step(event, &mut effects);
        let verdict = effects.drain().try_for_each(|effect| self.pass_on(effect, out));
        self.effects = effects;
        verdict
    }

    fn pass_on(&mut self, effect: Effect<Zk>, out: &mut Effects<Sim>) -> Verdict {
        match effect {
            Effect::Send { to: server::Peer::Client(connection), message } => {
                let Message::Chunk(bytes) = message else {
                    panic!("a server sends chunks, not {message:?}")
                };
                let verdict = self.witness.borrow_mut().said(connection.number, &bytes);
                out.send(Peer::Client(connection), Chunk(bytes));
                return verdict;
            }
            Effect::Close(server::Peer::Client(connection)) => {
                self.forget(connection);
                out.close(Peer::Client(connection));
            }
            Effect::Pause(peer) => out.pause(client(peer)),
            Effect::Resume(peer) => out.resume(client(peer)),
            Effect::Flush(peer) => out.flush(client(peer)),
            Effect::Set { timer, after } => out.set(Timer::Server(timer), after),
            Effect::Clear(timer) => out.clear(Timer::Server(timer)),
            Effect::Write(write) => {
                let verdict = self.witness.borrow_mut().writes(&write);
                out.write(write);
                return verdict;
            }
            Effect::Sync(ticket) => {
                self.witness.borrow_mut().asked_to_force(ticket);
                out.sync(ticket);
            }
            Effect::Fetch(fetch) => out.fetch(fetch),
            Effect::Answer(notice) => {
                self.witness.borrow_mut().coverage.saw(name(&notice));
                out.answer(Told::Server(notice));
            }
            Effect::Open(peer) | Effect::Send { to: peer, .. } | Effect::Close(peer) => {
                panic!("a server alone talks to clients, not to {peer}")
            }
        }
        Ok(())
    }

    fn forget(&mut self, connection: Connection) {
        self.lines.remove(&connection);
        self.witness.borrow_mut().closed(connection.number);
    }
}

fn client(peer: server::Peer) -> Peer {
    match peer {
        server::Peer::Client(connection) => Peer::Client(connection),
        other => panic!("a server alone talks to clients, not to {other}"),
    }
}

/// A notice's name, without its fields.
fn name(notice: &Notice) -> String {
    let text = format!("{notice:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_string()
}
