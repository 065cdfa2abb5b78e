//! A client of the store: one session, with one request under way at a time.
//!
//! It is connected to one server and tries the next one of its list when that connection is gone.
//! A request is sent once: whether one without an answer happened, nobody can tell, and to send a
//! write again could bring back a value that has been overwritten since.
//!
//! Always true:
//! - each request has one [`Outcome`], and the outcomes come in the order of the requests;
//! - the session remembers the newest version that it was told of, and says so with each request.
//!
//! Book: chapter 2. As ZooKeeper's client, which sends the last zxid it saw when it connects.

use machines::{Effects, Event, Machine, NodeId};

use crate::store::{
    Content, Limits, Message, Outcome, Promise, Request, Store, Timer, Version, Wish,
};

/// A client of the store.
#[derive(Clone, Debug)]
pub struct Client {
    servers: Vec<u64>,
    /// Which of the servers it uses now.
    at: usize,
    limits: Limits,
    connected: bool,
    /// The number of the last request.
    number: u64,
    /// What it waits for, and whether that was sent.
    under_way: Option<(Request, bool)>,
    seen: Version,
}

impl Client {
    /// A client that tries these servers in turn, the first one first.
    pub fn new(servers: &[u64], limits: Limits) -> Client {
        assert!(!servers.is_empty(), "a client knows a server");
        let servers = servers.to_vec();
        let (connected, under_way, seen) = (false, None, Version::default());
        Client { servers, at: 0, limits, connected, number: 0, under_way, seen }
    }

    /// Whether it waits for no answer.
    pub fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Whether it has a connection.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// The newest version that it was told of.
    pub fn seen(&self) -> Version {
        self.seen
    }

    /// Makes a request, now or as soon as there is a connection.
    pub fn ask(&mut self, wish: Wish, promise: Promise, effects: &mut Effects<Store>) {
        assert!(self.is_idle(), "a session has one request under way at a time");
        self.number += 1;
        let request = Request { number: self.number, wish, promise, seen: self.seen };
        self.under_way = Some((request, false));
        effects.set(Timer::Patience, self.limits.patience);
        self.send(effects);
    }

    /// Leaves its server for the next one of the list.
    pub fn move_on(&mut self, effects: &mut Effects<Store>) {
        effects.close(self.server());
        self.on_closed(effects);
    }

    fn server(&self) -> NodeId {
        NodeId::Server(self.servers[self.at])
    }

    fn send(&mut self, effects: &mut Effects<Store>) {
        let server = self.server();
        if let (true, Some((request, sent))) = (self.connected, &mut self.under_way) {
            *sent = true;
            effects.send(server, Message::Ask(*request));
        }
    }

    fn on_closed(&mut self, effects: &mut Effects<Store>) {
        self.connected = false;
        self.at = (self.at + 1) % self.servers.len();
        effects.set(Timer::Retry, self.limits.retry);
        // What was not sent can still be sent to another server.
        if self.under_way.is_some_and(|(_, sent)| sent) {
            self.end(None, effects);
        }
    }

    fn end(&mut self, answer: Option<Content>, effects: &mut Effects<Store>) {
        let Some((request, _)) = self.under_way.take() else { return };
        effects.clear(Timer::Patience);
        effects.answer(Outcome { request, content: answer });
    }

    fn on_answered(&mut self, number: u64, content: Content, effects: &mut Effects<Store>) {
        if self.under_way.is_some_and(|(request, _)| request.number == number) {
            self.seen = self.seen.max(content.version);
            self.end(Some(content), effects);
        }
    }
}

impl Machine for Client {
    type Protocol = Store;

    fn step(&mut self, event: Event<Store>, effects: &mut Effects<Store>) {
        match event {
            Event::Started(_) | Event::Expired(Timer::Retry) => effects.open(self.server()),
            Event::Opened(_) => {
                self.connected = true;
                self.send(effects);
            }
            Event::Closed(_) => self.on_closed(effects),
            Event::Received { message: Message::Answered { number, content }, .. } => {
                self.on_answered(number, content, effects);
            }
            // No answer: perhaps another server is better off.
            Event::Expired(Timer::Patience) => {
                self.end(None, effects);
                self.move_on(effects);
            }
            // Servers ask nothing of a client, and it has no disk.
            Event::Received { .. }
            | Event::Expired(Timer::Beat)
            | Event::Flushed(_)
            | Event::Durable(_)
            | Event::Failed(..)
            | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
