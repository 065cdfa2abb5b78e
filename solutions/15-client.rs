//! The client: one session, held together across the connections that carry it.
//!
//! A connection breaks; a session does not. The client goes from server to server with the id of
//! its session, its password, and the last zxid it has seen, so that no server behind that zxid
//! takes it, and it never goes back in time. What it left at the old server, watches and
//! credentials, it leaves again at the new one. Only the ensemble can say that a session is over.
//!
//! Always true:
//! - requests of one client are sent, and done, in the order in which they were asked;
//! - a request that was sent when the connection broke ends with `ConnectionLoss`: it may have been
//!   done. One that was not sent waits for the next connection;
//! - a watch event is told before any answer that came after it;
//! - nothing follows a final state.
//!
//! Book: chapter 15. ZooKeeper: `ClientCnxn`.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use jute::records::ConnectRequest;
use machines::{Dice, Effects, Event, Machine};
use protocol::{
    Ask, ClientMessage, ClientOptions, ClientOutput, ClientPeer, ClientTimer, ClientWire, Error,
    Garbled, Heard, Ledger, Reply, Request, SessionState, decode_connect_response, encode_connect,
    encode_request, xid,
};
use zxid::{SessionId, Zxid};

/// A server must hear from us at least this often, whatever the session timeout.
/// ZooKeeper: `ClientCnxn.MAX_SEND_PING_INTERVAL`.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The longest pause before the next round of attempts: clients that lost the same server should
/// not all knock at the next one together.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where effects go.
type Out = Effects<ClientWire>;

/// The client's machine.
#[derive(Clone, Debug)]
pub struct Session {
    requested: Duration,
    /// The servers by index, shuffled, so that clients spread over them.
    order: Vec<usize>,
    /// The place in `order` to try next.
    next: usize,
    /// How many servers were tried since the last pause.
    tried: usize,
    dice: Dice,

    state: SessionState,
    link: Link,
    id: SessionId,
    password: Bytes,
    timeout: Duration,

    /// Asked for, not yet sent.
    waiting: VecDeque<Ask>,
    /// Sent, and what the servers are to keep.
    ledger: Ledger,
    /// The numbers of the asks to close.
    closing: Vec<u64>,

    last_heard: Duration,
    last_sent: Duration,
}

/// The connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    /// None: between two attempts.
    Down,
    /// Being opened.
    Opening(usize),
    /// Open; the server has been asked for the session.
    Asking(usize),
    /// The server serves the session.
    Up(usize),
}

impl Machine for Session {
    type Protocol = ClientWire;

    fn step(&mut self, event: Event<ClientWire>, out: &mut Out) {
        match event {
            Event::Started(()) => self.seek(out),
            // The program asks for something.
            Event::Received { from: ClientPeer::Caller, message: ClientMessage::Ask(ask) } => {
                self.on_ask(ask, out);
            }
            // A connection: the session is asked for, or asked back.
            Event::Opened(ClientPeer::Server(server)) if self.link == Link::Opening(server) => {
                self.on_opened(server, out);
            }
            Event::Received { from: ClientPeer::Server(server), message } => {
                self.on_message(server, message, out);
            }
            Event::Closed(ClientPeer::Server(server)) if self.link.server() == Some(server) => {
                self.on_lost(out);
            }
            Event::Expired(timer) => self.on_timer(timer, out),
            Event::Fetched(nothing) => match nothing {},
            // Of connections that were given up; the caller is always there; no disk is used.
            Event::Opened(_)
            | Event::Closed(_)
            | Event::Received { from: ClientPeer::Caller, .. }
            | Event::Flushed(_)
            | Event::Durable(_)
            | Event::Failed(..)
            | Event::Drained => {}
        }
    }
}

impl Session {
    /// A client that has no session yet, or is to go on with one. Its first event is `Started`.
    pub fn new(options: ClientOptions) -> Session {
        assert!(options.servers > 0, "a connect string names at least one server");
        let mut dice = Dice::new(options.seed);
        let mut order: Vec<usize> = (0..options.servers).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, dice.below(last + 1));
        }
        let nobody = (SessionId::NONE, Bytes::from_static(&[0; 16]));
        let (id, password) = options.session.unwrap_or(nobody);
        Session {
            requested: options.timeout,
            order,
            next: 0,
            tried: 0,
            dice,
            state: SessionState::Disconnected,
            link: Link::Down,
            id,
            password,
            timeout: options.timeout,
            waiting: VecDeque::new(),
            ledger: Ledger::new(options.chroot),
            closing: Vec::new(),
            last_heard: Duration::ZERO,
            last_sent: Duration::ZERO,
        }
    }

    /// How long a server may be silent.
    fn read_timeout(&self) -> Duration {
        self.timeout * 2 / 3
    }

    /// How long we may be silent.
    fn ping_interval(&self) -> Duration {
        (self.read_timeout() / 2).min(LONGEST_SILENCE)
    }

    /// Tries the next server of the list.
    fn seek(&mut self, out: &mut Out) {
        let server = self.order[self.next];
        self.next = (self.next + 1) % self.order.len();
        self.tried += 1;
        self.link = Link::Opening(server);
        out.open(ClientPeer::Server(server));
        out.set(ClientTimer::Connect, self.timeout / self.order.len() as u32);
    }

    fn on_opened(&mut self, server: usize, out: &mut Out) {
        self.link = Link::Asking(server);
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.ledger.last_zxid().0 as i64,
            timeout: millis(self.requested),
            session_id: self.id,
            password: Some(&self.password),
        };
        let mut frames = Vec::new();
        // A read-only server will not do.
        encode_connect(&mut frames, &request, Some(false));
        self.send(frames, out);
    }

    fn on_message(&mut self, server: usize, message: ClientMessage, out: &mut Out) {
        let ClientMessage::Frame(frame) = message else { return }; // Servers send frames only.
        if self.link.server() != Some(server) {
            return; // Of a connection that we gave up.
        }
        self.last_heard = out.now().monotonic;
        let understood = match self.link {
            Link::Up(_) => self.on_frame(&frame, out),
            Link::Asking(_) => self.on_connect_response(server, &frame, out),
            Link::Opening(_) | Link::Down => Err(Garbled),
        };
        if understood.is_err() {
            self.drop_link(out);
        }
    }

    fn on_connect_response(
        &mut self,
        server: usize,
        frame: &[u8],
        out: &mut Out,
    ) -> Result<(), Garbled> {
        let (response, _) = decode_connect_response(frame)?;
        if response.timeout <= 0 {
            self.finish(SessionState::Expired, out);
            return Ok(());
        }
        self.link = Link::Up(server);
        self.id = response.session_id;
        self.password = Bytes::copy_from_slice(response.password);
        self.timeout = Duration::from_millis(response.timeout as u64);
        out.clear(ClientTimer::Connect);
        out.set(ClientTimer::Read, self.read_timeout());
        out.set(ClientTimer::Ping, self.ping_interval());
        self.announce(SessionState::SyncConnected, out);

        // Unlike ZooKeeper, which sends all this without waiting for the answer: a server that
        // refuses the session has then not seen the requests, and they need not fail.
        let mut frames = Vec::new();
        self.ledger.introduce(&mut frames);
        self.send(frames, out);
        for ask in std::mem::take(&mut self.waiting) {
            self.on_ask(ask, out);
        }
        Ok(())
    }

    fn on_frame(&mut self, frame: &[u8], out: &mut Out) -> Result<(), Garbled> {
        match self.ledger.read(frame, out)? {
            Heard::Dealt => {}
            Heard::Closed => self.finish(SessionState::Closed, out),
            Heard::AuthRefused => self.finish(SessionState::AuthFailed, out),
        }
        Ok(())
    }

    fn on_ask(&mut self, ask: Ask, out: &mut Out) {
        let up = matches!(self.link, Link::Up(_));
        let mut frames = Vec::new();
        match ask {
            Ask::Forget(watch) => self.ledger.forget_watch(watch),
            ask if self.state.is_final() => complete(&ask, Err(self.state.error()), out),
            Ask::Close { number } if up => {
                self.closing.push(number);
                if self.closing.len() == 1 {
                    self.ledger.close(&mut frames);
                }
            }
            // Nobody to tell; the ensemble will find out by itself.
            Ask::Close { number } => {
                self.closing.push(number);
                self.finish(SessionState::Closed, out);
            }
            ask if !self.closing.is_empty() => complete(&ask, Err(Error::Closed), out),
            Ask::Authenticate { number, scheme, auth } => {
                self.ledger.add_credential(number, scheme, auth);
                if up {
                    self.ledger.present(&mut frames);
                }
            }
            Ask::Request { number, operation, watch } if up => {
                let written = self.ledger.request(number, &operation, watch, &mut frames);
                if let Err(error) = written {
                    answer(number, Err(error), out);
                }
            }
            Ask::Request { .. } => self.waiting.push_back(ask),
        }
        self.send(frames, out);
    }

    fn on_timer(&mut self, timer: ClientTimer, out: &mut Out) {
        let now = out.now().monotonic;
        match (timer, self.link) {
            (ClientTimer::Retry, Link::Down) if !self.state.is_final() => self.seek(out),
            (ClientTimer::Connect, Link::Opening(_) | Link::Asking(_)) => self.drop_link(out),
            (ClientTimer::Read, Link::Up(_)) => {
                let silence = now.saturating_sub(self.last_heard);
                match self.read_timeout().checked_sub(silence) {
                    None | Some(Duration::ZERO) => self.drop_link(out),
                    Some(rest) => out.set(timer, rest),
                }
            }
            (ClientTimer::Ping, Link::Up(_)) => {
                let silence = now.saturating_sub(self.last_sent);
                match self.ping_interval().checked_sub(silence) {
                    None | Some(Duration::ZERO) => {
                        let mut frames = Vec::new();
                        encode_request(&mut frames, xid::PING, &Request::Ping);
                        self.send(frames, out);
                        out.set(timer, self.ping_interval());
                    }
                    Some(rest) => out.set(timer, rest),
                }
            }
            // Of a connection that is over.
            _ => {}
        }
    }

    /// Gives the connection up.
    fn drop_link(&mut self, out: &mut Out) {
        if let Some(server) = self.link.server() {
            out.close(ClientPeer::Server(server));
        }
        self.on_lost(out);
    }

    /// The connection is gone. What was sent on it may have been done or not.
    fn on_lost(&mut self, out: &mut Out) {
        let was_up = matches!(self.link, Link::Up(_));
        self.hang_up(out);
        if !self.closing.is_empty() {
            return self.finish(SessionState::Closed, out);
        }
        self.ledger.lose(Error::CONNECTION_LOSS, out);
        if was_up {
            self.announce(SessionState::Disconnected, out);
        }
        // The rest of the list at once; a pause when it went round, or a server was lost.
        if !was_up && self.tried < self.order.len() {
            return self.seek(out);
        }
        self.tried = 0;
        let pause = self.dice.time(Duration::ZERO, LONGEST_PAUSE.min(self.timeout / 3));
        out.set(ClientTimer::Retry, pause);
    }

    /// The session is over.
    fn finish(&mut self, state: SessionState, out: &mut Out) {
        if let Some(server) = self.link.server() {
            out.close(ClientPeer::Server(server));
        }
        self.hang_up(out);
        out.clear(ClientTimer::Retry);
        self.announce(state, out);
        self.ledger.finish(state.error(), out);
        for ask in std::mem::take(&mut self.waiting) {
            complete(&ask, Err(state.error()), out);
        }
        for number in std::mem::take(&mut self.closing) {
            answer(number, Ok(Reply::Done), out);
        }
    }

    fn hang_up(&mut self, out: &mut Out) {
        self.link = Link::Down;
        out.clear(ClientTimer::Connect);
        out.clear(ClientTimer::Read);
        out.clear(ClientTimer::Ping);
    }

    fn announce(&mut self, state: SessionState, out: &mut Out) {
        self.state = state;
        let timeout = millis(self.timeout);
        out.answer(ClientOutput::State { state, session: self.id, timeout });
    }

    fn send(&mut self, frames: Vec<u8>, out: &mut Out) {
        if let (Some(server), false) = (self.link.server(), frames.is_empty()) {
            self.last_sent = out.now().monotonic;
            out.send(ClientPeer::Server(server), ClientMessage::Chunk(frames.into()));
        }
    }
}

impl Link {
    /// The server that is connected, or being so.
    fn server(self) -> Option<usize> {
        match self {
            Link::Down => None,
            Link::Opening(server) | Link::Asking(server) | Link::Up(server) => Some(server),
        }
    }
}

/// Answers an ask that is to be answered.
fn complete(ask: &Ask, result: Result<Reply, Error>, out: &mut Out) {
    if let Some(number) = ask.number() {
        answer(number, result, out);
    }
}

fn answer(number: u64, result: Result<Reply, Error>, out: &mut Out) {
    out.answer(ClientOutput::Completed { number, result, zxid: Zxid::ZERO });
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
