//! A client in the simulated world: the production client and the program that uses it, or whoever
//! has the world in hand and asks in place of a program.
//!
//! Always true: what the client is told, its host sees as an answer, before the program asks for more.

use bytes::{Bytes, BytesMut};
use machines::{Dice, Effect, Effects, Event, Machine};
use protocol::{
    Ask, ClientMessage, ClientOptions, ClientOutput, ClientPeer, ClientWire, Cut, Framer, Session,
};

use crate::vocabulary::{Message, Peer, Sim, Timer, Told};
use crate::workload::Program;

/// The production client, and the program if there is one.
pub struct ClientHost {
    session: Session,
    effects: Effects<ClientWire>,
    line: Option<(Framer, BytesMut)>,
    program: Option<Program>,
    /// Whether a trace tells in words what it asks for.
    worded: bool,
    /// How many servers its connect string names.
    servers: usize,
    /// Cuts what is sent into pieces.
    dice: Dice,
}

impl ClientHost {
    /// A program with a client of its own, which knows so many servers.
    pub fn new(mut program: Program, servers: usize) -> ClientHost {
        let dice = program.dice.split();
        let session = Session::new(options(&mut program, servers));
        let program = Some(program);
        let (effects, line, worded) = (Effects::new(), None, false);
        ClientHost { session, effects, line, program, worded, servers, dice }
    }

    /// A client without a program: it is asked by [`ClientHost::ask`], and sends what it has to say in
    /// one piece.
    pub fn by_hand(options: ClientOptions) -> ClientHost {
        let (servers, dice) = (options.servers, Dice::new(options.seed));
        let session = Session::new(options);
        let (effects, line, worded) = (Effects::new(), None, false);
        ClientHost { session, effects, line, program: None, worded, servers, dice }
    }

    /// A client without a program, of whose words and answers a trace tells in words.
    pub fn in_words(options: ClientOptions) -> ClientHost {
        ClientHost { worded: true, ..ClientHost::by_hand(options) }
    }

    /// Takes one event.
    pub fn step(&mut self, event: Event<Sim>, out: &mut Effects<Sim>) {
        self.effects.set_now(out.now());
        match event {
            Event::Started(_) => {
                self.tell(Event::Started(()), out);
                if let Some(program) = &mut self.program {
                    out.set(Timer::Program, program.pause());
                }
            }
            Event::Opened(Peer::Server(server)) => {
                let mut framer = Framer::new(Framer::LIMIT);
                framer.connected();
                self.line = Some((framer, BytesMut::new()));
                self.tell(Event::Opened(ClientPeer::Server(server)), out);
            }
            Event::Received { from: Peer::Server(server), message } => {
                self.receive(server, &message, out);
            }
            Event::Closed(Peer::Server(server)) => {
                self.line = None;
                self.tell(Event::Closed(ClientPeer::Server(server)), out);
            }
            Event::Expired(Timer::Client(timer)) => self.tell(Event::Expired(timer), out),
            Event::Expired(Timer::Program) => self.go_on(out),
            Event::Drained => self.tell(Event::Drained, out),
            Event::Opened(_)
            | Event::Received { .. }
            | Event::Closed(_)
            | Event::Expired(Timer::Server(_))
            | Event::Flushed(_)
            | Event::Durable(_)
            | Event::Fetched(_)
            | Event::Failed(..) => unreachable!("a client is told a client's events"),
        }
    }

    /// It is the program's turn. If its session is over it takes a new client.
    fn go_on(&mut self, out: &mut Effects<Sim>) {
        let Some(program) = &mut self.program else { return };
        if program.is_over() {
            program.begins_again();
            self.session = Session::new(options(program, self.servers));
            self.tell(Event::Started(()), out);
        }
        let asks = self.program.as_mut().map(|program| program.act(out.now().monotonic));
        self.ask(asks.unwrap_or_default(), out);
        if let Some(program) = &mut self.program {
            out.set(Timer::Program, program.pause());
        }
    }

    /// Asks the client for something, in a program's place.
    pub fn ask(&mut self, asks: Vec<Ask>, out: &mut Effects<Sim>) {
        self.effects.set_now(out.now());
        for ask in asks {
            let message = ClientMessage::Ask(ask);
            self.tell(Event::Received { from: ClientPeer::Caller, message }, out);
        }
    }

    fn receive(&mut self, server: usize, message: &Message, out: &mut Effects<Sim>) {
        let (Message::Chunk(chunk) | Message::Said(chunk)) = message else {
            panic!("a client is sent chunks")
        };
        if let Some((_, bytes)) = &mut self.line {
            bytes.extend_from_slice(chunk);
        }
        while let Some((framer, bytes)) = &mut self.line {
            let Ok(Some(Cut::Frame(frame))) = framer.cut(bytes) else { break };
            let (from, message) = (ClientPeer::Server(server), ClientMessage::Frame(frame));
            self.tell(Event::Received { from, message }, out);
        }
    }

    /// Steps the client and passes on what it wants done; what it tells its program comes after.
    fn tell(&mut self, event: Event<ClientWire>, out: &mut Effects<Sim>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.session.step(event, &mut effects);
        let mut told = Vec::new();
        for effect in effects.drain() {
            self.pass_on(effect, &mut told, out);
        }
        self.effects = effects;
        for output in told {
            let now = out.now().monotonic;
            let asks = self.program.as_mut().map(|program| program.hears(&output, now));
            out.answer(Told::Client(output));
            self.ask(asks.unwrap_or_default(), out);
        }
    }

    fn pass_on(
        &mut self,
        effect: Effect<ClientWire>,
        told: &mut Vec<ClientOutput>,
        out: &mut Effects<Sim>,
    ) {
        match effect {
            Effect::Open(peer) => out.open(server(peer)),
            Effect::Send { to, message } => {
                let ClientMessage::Chunk(bytes) = message else {
                    panic!("a client sends chunks, not {message:?}")
                };
                self.send(server(to), bytes, out);
            }
            Effect::Close(peer) => {
                self.line = None;
                out.close(server(peer));
            }
            Effect::Pause(peer) => out.pause(server(peer)),
            Effect::Resume(peer) => out.resume(server(peer)),
            Effect::Flush(peer) => out.flush(server(peer)),
            Effect::Set { timer, after } => out.set(Timer::Client(timer), after),
            Effect::Clear(timer) => out.clear(Timer::Client(timer)),
            Effect::Sync(_) => panic!("a client has no disk"),
            Effect::Write(nothing) => match nothing {},
            Effect::Fetch(nothing) => match nothing {},
            Effect::Answer(output) => told.push(output),
        }
    }

    /// Sends bytes; those of a program now and then in two pieces.
    fn send(&mut self, to: Peer, mut bytes: Bytes, out: &mut Effects<Sim>) {
        if self.program.is_some() && self.dice.chance(100) {
            let first = bytes.split_to(self.dice.below(bytes.len()));
            if !first.is_empty() {
                out.send(to, Message::Chunk(first));
            }
        }
        out.send(to, if self.worded { Message::Asked(bytes) } else { Message::Chunk(bytes) });
    }
}

fn options(program: &mut Program, servers: usize) -> ClientOptions {
    let (timeout, session) = (program.session_timeout(), program.guess());
    ClientOptions { servers, chroot: String::new(), session, timeout, seed: program.dice.any() }
}

fn server(peer: ClientPeer) -> Peer {
    match peer {
        ClientPeer::Server(place) => Peer::Server(place),
        ClientPeer::Caller => panic!("a client tells its caller by answers"),
    }
}
