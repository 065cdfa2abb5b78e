//! Every course of an election: the machine of chapter 8, for a few servers.
//!
//! Servers start when they like. Between two of them there is one connection, as the election port
//! keeps it: what is sent arrives in order, and when the connection breaks all that is on its way
//! is lost, but a new one begins with the newest message for the other side. The same happens when
//! a server comes up. A timer that is armed may run out at any time.
//!
//! What comes after an election is told in two steps: a reign is established, which gives its
//! followers the leader's history and a new epoch, and a reign ends.
//!
//! Servers are not interchangeable: of two equal histories the higher id wins. So states that
//! differ in names alone are all followed.
//!
//! Book: chapter 18.

mod bounds;
mod configurations;
mod laws;
mod state;

use std::fmt;

use election::{Fle, LogEnd, Members, Notification, ServerState, Timer};
use machines::{Effect, Effects, Event, Kind, Machine, NodeId};
use zxid::ServerId;

use super::notes::Notes;
use super::subject::Subject;
use crate::invariants::Verdict;

pub use bounds::Bounds;
pub use configurations::elections;
use laws::Judge;
pub use state::State;

/// Elections of some servers with these histories.
#[derive(Clone, Debug)]
pub struct Elections {
    logs: Vec<LogEnd>,
    members: Members,
    bounds: Bounds,
}

/// One thing that may happen in an election. Servers are named by their place, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A server starts.
    Start(usize),
    /// The oldest message between two servers arrives.
    Deliver(usize, usize),
    /// A server stops waiting for a better vote.
    Settle(usize),
    /// A server says its vote again.
    Resend(usize),
    /// A server's process is killed.
    Crash(usize),
    /// The connection between two servers breaks, and there is a new one.
    Reconnect(usize, usize),
    /// A leader and those that follow it establish an epoch.
    Establish(usize),
    /// A server finds that it has no leader, or nobody to lead, and looks again.
    LookAgain(usize),
}

impl Elections {
    /// Elections among servers 1, 2, ... with these histories.
    pub fn new(logs: Vec<LogEnd>, bounds: Bounds) -> Elections {
        let members = Members::majority((0..logs.len()).map(id));
        Elections { logs, members, bounds }
    }

    /// Steps a server's machine, and carries out what it wants.
    fn tell(
        &self,
        state: &mut State,
        at: usize,
        with: impl FnOnce(&mut election::Election, &mut Effects<Fle>),
        notes: &mut Notes,
    ) {
        let mut effects: Effects<Fle> = Effects::new();
        let server = state.servers[at].as_mut().expect("only a server that runs is told anything");
        with(&mut server.election, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message } => self.send(state, at, place(to), message, notes),
                Effect::Set { timer: Timer::Settle, .. } => state.server_mut(at).settle = true,
                Effect::Set { timer: Timer::Resend, .. } => state.server_mut(at).resend = true,
                Effect::Clear(Timer::Settle) => state.server_mut(at).settle = false,
                Effect::Clear(Timer::Resend) => state.server_mut(at).resend = false,
                Effect::Answer(elected) => {
                    notes.happened(node(at), Kind::Answered, || elected.to_string());
                }
                Effect::Write(never) | Effect::Fetch(never) => match never {},
                other => unreachable!("an election has no use for {other:?}"),
            }
        }
    }

    fn send(&self, state: &mut State, from: usize, to: usize, it: Notification, notes: &mut Notes) {
        if state.servers[to].is_some() {
            notes.sent(node(from), node(to), || it.to_string());
            state.wire(from, to).push_back(it.clone());
        }
        *state.newest(from, to) = Some(it);
    }

    /// There is a new connection between two servers: it begins with the newest messages.
    fn connect(&self, state: &mut State, one: usize, other: usize, notes: &mut Notes) {
        for (from, to) in [(one, other), (other, one)] {
            notes.lost(node(from), node(to));
            state.wire(from, to).clear();
            if let Some(message) = state.newest(from, to).clone() {
                notes.sent(node(from), node(to), || message.to_string());
                state.wire(from, to).push_back(message);
            }
        }
    }

    fn start(&self, state: &mut State, at: usize, notes: &mut Notes) {
        notes.happened(node(at), Kind::Started, String::new);
        state.start(at, &self.members);
        for other in (0..self.logs.len()).filter(|other| *other != at) {
            if state.servers[other].is_some() {
                self.connect(state, at, other, notes);
            }
        }
        let log = state.logs[at];
        self.tell(state, at, |it, effects| it.step(Event::Started(log), effects), notes);
    }

    fn deliver(&self, state: &mut State, from: usize, to: usize, notes: &mut Notes) {
        let message = state.wire(from, to).pop_front().expect("it is on its way");
        notes.received(node(from), node(to), || message.to_string());
        let event = Event::Received { from: id(from), message };
        self.tell(state, to, |it, effects| it.step(event, effects), notes);
    }

    fn expire(&self, state: &mut State, at: usize, timer: Timer, notes: &mut Notes) {
        notes.happened(node(at), Kind::Expired, || timer.to_string());
        self.tell(state, at, |it, effects| it.step(Event::Expired(timer), effects), notes);
    }

    /// The leader's history becomes that of all who follow it, in a new epoch.
    fn establish(&self, state: &mut State, leader: usize, notes: &mut Notes) {
        let newest = state.logs.iter().map(|log| log.current_epoch).max().unwrap_or(0);
        let log = LogEnd { current_epoch: newest + 1, last: state.logs[leader].last };
        for at in state.followers(leader) {
            notes.happened(node(at), Kind::Driven, || format!("epoch {}", log.current_epoch));
            state.logs[at] = log;
            state.server_mut(at).election.update_epoch(log.current_epoch);
        }
        state.left.epochs -= 1;
        notes.saw("a reign is established");
    }

    fn look_again(&self, state: &mut State, at: usize, notes: &mut Notes) {
        if !state.reigns_in_vain(at, &self.members) {
            state.left.impatience -= 1;
        }
        notes.happened(node(at), Kind::Driven, || "looks again".to_string());
        notes.saw("a reign ends");
        let log = state.logs[at];
        self.tell(state, at, |it, effects| it.look(log, effects), notes);
    }
}

impl Subject for Elections {
    type State = State;
    type Step = Step;

    fn initial(&self) -> State {
        State::new(&self.logs, self.bounds)
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        let all = 0..self.logs.len();
        for at in all.clone() {
            bounds::steps_of(state, at, &self.members, steps);
        }
        for from in all.clone() {
            let heard = all.clone().filter(|to| !state.is_empty(from, *to));
            steps.extend(heard.map(|to| Step::Deliver(from, to)));
            if state.left.reconnects > 0 {
                let others = from + 1..self.logs.len();
                let breaks = others.filter(|to| state.would_lose(from, *to));
                steps.extend(breaks.map(|to| Step::Reconnect(from, to)));
            }
        }
    }

    fn take(&self, state: &mut State, step: &Step, notes: &mut Notes) -> Verdict {
        let judge = Judge::before(state, step);
        match *step {
            Step::Start(at) => self.start(state, at, notes),
            Step::Deliver(from, to) => self.deliver(state, from, to, notes),
            Step::Settle(at) => {
                state.server_mut(at).settle = false;
                self.expire(state, at, Timer::Settle, notes);
            }
            Step::Resend(at) => {
                if !state.is_quiet() {
                    state.left.resends -= 1;
                }
                state.server_mut(at).resend = false;
                self.expire(state, at, Timer::Resend, notes);
            }
            Step::Crash(at) => {
                notes.happened(node(at), Kind::Crashed, String::new);
                state.left.crashes -= 1;
                state.crash(at);
            }
            Step::Reconnect(one, other) => {
                notes.saw("a connection breaks with messages on it");
                state.left.reconnects -= 1;
                self.connect(state, one, other, notes);
            }
            Step::Establish(leader) => self.establish(state, leader, notes),
            Step::LookAgain(at) => self.look_again(state, at, notes),
        }
        let verdict = judge.after(self, state, notes);
        state.forget();
        verdict
    }

    fn ended(&self, state: &State) -> Verdict {
        laws::at_the_end(self, state)
    }

    fn is_fault(&self, state: &State, step: &Step) -> bool {
        match step {
            Step::Crash(_) | Step::Reconnect(..) => true,
            Step::Resend(_) => !state.is_quiet(),
            Step::LookAgain(at) => !state.reigns_in_vain(*at, &self.members),
            Step::Start(_) | Step::Deliver(..) | Step::Settle(_) | Step::Establish(_) => false,
        }
    }

    fn is_settled(&self, state: &State) -> bool {
        state.is_agreed(&self.members)
    }

    fn must_see(&self) -> Vec<&'static str> {
        self.bounds.must_see(self.logs.len())
    }

    fn nodes(&self) -> Vec<NodeId> {
        (0..self.logs.len()).map(node).collect()
    }

    fn facts(&self, state: &State, node: NodeId) -> Vec<(String, String)> {
        let NodeId::Server(server) = node else { return Vec::new() };
        state.facts(server as usize - 1)
    }

    fn in_short(&self, state: &State) -> Vec<String> {
        state.in_short()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::Start(at) => write!(f, "{} starts", id(at)),
            Step::Deliver(from, to) => write!(f, "{} hears {}", id(to), id(from)),
            Step::Settle(at) => write!(f, "{} waits no longer", id(at)),
            Step::Resend(at) => write!(f, "{} repeats its vote", id(at)),
            Step::Crash(at) => write!(f, "{} crashes", id(at)),
            Step::Reconnect(one, other) => write!(f, "{} and {} reconnect", id(one), id(other)),
            Step::Establish(at) => write!(f, "{} establishes an epoch", id(at)),
            Step::LookAgain(at) => write!(f, "{} looks again", id(at)),
        }
    }
}

/// The server in a place.
fn id(at: usize) -> ServerId {
    ServerId(at as i64 + 1)
}

/// The place of a server.
fn place(server: ServerId) -> usize {
    server.0 as usize - 1
}

fn node(at: usize) -> NodeId {
    NodeId::Server(at as u64 + 1)
}

/// Whether a server has a leader, or is one.
fn settled(state: ServerState) -> bool {
    state != ServerState::Looking
}
