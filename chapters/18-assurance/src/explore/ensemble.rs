//! Every course of an ensemble: the production members of chapter 10, on a model of a disk, with
//! one byte of payload in the place of a service.
//!
//! An election is one step, and discovery belongs to it (`reign.rs`). Everything after it is
//! fine-grained: each packet that arrives, each time the disk forces something, each proposal, each
//! connection that breaks is a step. A process may end at any of them, with any beginning of what it
//! wrote on its disk. How a learner is brought up to date is for its leader to say: with a DIFF, a
//! TRUNC, or a snapshot.
//!
//! Time does not pass: who is given up is given up by a step. Names do not matter either: while all
//! servers look for a leader nobody knows another's, and they are put into an order of their own.
//!
//! Read `state.rs` and `disk.rs`, then what may happen, here; then `reign.rs`, `faults.rs` and
//! `at_once.rs`, and `laws.rs` for what must hold.
//!
//! Book: chapter 18.

mod at_once;
mod configurations;
mod disk;
mod faults;
mod host;
mod laws;
mod reign;
mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Event, Kind, Machine, NodeId};
use storage::Entry;
use sync::{Message, Peer, Settings};
use zab::Packet;
use zxid::ServerId;

use super::notes::Notes;
use super::subject::Subject;
use crate::invariants::Verdict;

use at_once::is_news;
pub use configurations::ensembles;
use disk::Disk;
use laws::Memory;
pub use state::{Bounds, State};
use state::{Names, Server, Wire};

/// How many servers there are.
const SERVERS: usize = 3;

/// Payloads that differ.
static PAYLOADS: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// An ensemble of three.
#[derive(Clone, Debug)]
pub struct Ensembles {
    bounds: Bounds,
    members: Members,
    settings: Vec<Arc<Settings>>,
    fine: bool,
    must_see: Vec<&'static str>,
}

/// One thing that may happen. Servers are named by their place, from 0, and wires by their leader and
/// their number there; of a wire's ends 0 is the leader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first is elected, with the vote of the second.
    Elect(usize, usize),
    /// The first joins the second, whom a quorum follows.
    Join(usize, usize),
    /// The oldest packet to an end of a wire arrives.
    Deliver(usize, u64, usize),
    /// A leader learns that the learner at the end of a wire is gone.
    Notice(usize, u64),
    /// A wire breaks.
    Cut(usize, u64),
    /// A wire has taken what its leader sent.
    Flush(usize, u64),
    /// A disk forces what it was asked to, and says so.
    Force(usize),
    /// A disk answers a question.
    Fetch(usize),
    /// A leader proposes a transaction.
    Propose(usize),
    /// A leader that nobody follows gives up.
    GiveUp(usize),
    /// A process ends, when so many of its writes that wait are done, and starts again.
    Crash(usize, usize),
}

impl Ensembles {
    /// Three servers that keep so many committed transactions in memory, and may read others from
    /// the log on disk.
    pub fn new(bounds: Bounds, window: usize, from_disk: bool) -> Ensembles {
        let members = Members::majority((0..SERVERS).map(id));
        let settings = |at: usize| {
            Arc::new(Settings {
                me: id(at),
                members: members.clone(),
                config: Bytes::from_static(b"version=0"),
                election_address: String::new(),
                election_limits: Limits::default(),
                tick: Duration::from_millis(500),
                init_limit: 10,
                sync_limit: 5,
                window,
                window_bytes: 1 << 20,
                from_disk,
                from_disk_bytes: 0,
                force_snapshot: false,
            })
        };
        let settings = (0..SERVERS).map(settings).collect();
        let must_see = vec!["a leader is established"];
        Ensembles { bounds, members, settings, fine: false, must_see }
    }

    /// The same in the smallest steps that there are.
    pub(super) fn in_small_steps(self) -> Ensembles {
        Ensembles { fine: true, ..self }
    }

    /// What an exploration must have met besides.
    pub(super) fn which_sees(mut self, what: &[&'static str]) -> Ensembles {
        self.must_see.extend(what);
        self
    }

    fn deliver(&self, state: &mut State, wire: usize, end: usize, notes: &mut Notes) -> Verdict {
        let it = &mut state.wires[wire];
        let count = match it.to[end].iter().take_while(|packet| is_news(packet)).count() {
            _ if self.fine => 1,
            0 => it.to[end].len(),
            news => news,
        };
        let packets: Vec<Packet> = it.to[end].drain(..count).collect();
        let ends = [it.leader, it.learner];
        let sender = match end {
            0 => zab::Peer::Learner(it.number),
            _ => zab::Peer::Leader(id(it.leader)),
        };
        let nodes = ends.map(|at| state.node(at));
        for packet in &packets {
            notes.received(nodes[1 - end], nodes[end], || packet.to_string());
        }
        self.tell(state, ends[end], notes, |member, effects| {
            for packet in packets {
                let (from, message) = (Peer::Quorum(sender), Message::Quorum(packet));
                member.step(Event::Received { from, message }, effects);
            }
        })
    }

    fn flush(&self, state: &mut State, wire: usize, notes: &mut Notes) -> Verdict {
        let it = &mut state.wires[wire];
        it.flush = false;
        let (leader, learner) = (it.leader, Peer::Quorum(zab::Peer::Learner(it.number)));
        self.event(state, leader, Event::Flushed(learner), notes)
    }

    fn force(&self, state: &mut State, at: usize, notes: &mut Notes) -> Verdict {
        let Some(ticket) = state.server(at).disk.force() else { return Ok(()) };
        notes.happened(state.node(at), Kind::Durable, || ticket.to_string());
        self.event(state, at, Event::Durable(ticket), notes)
    }

    fn fetch(&self, state: &mut State, at: usize, notes: &mut Notes) -> Verdict {
        let server = state.server(at);
        let asked = server.asked.pop_front().expect("something was asked");
        let fetched = server.disk.fetch(&asked);
        notes.saw("the log on disk is read");
        self.event(state, at, Event::Fetched(fetched), notes)
    }

    fn propose(&self, state: &mut State, at: usize, notes: &mut Notes) -> Verdict {
        state.left.transactions -= 1;
        let zxid = state.servers[at].last.next().expect("few transactions are proposed");
        let nth = state.memory.proposed.len();
        let entry = Entry { zxid, payload: Bytes::from_static(&PAYLOADS[nth..=nth]) };
        state.server(at).last = zxid;
        state.proposes(&entry)?;
        self.tell(state, at, notes, |member, effects| member.propose(entry, effects))
    }
}

/// What may happen.
impl Ensembles {
    fn on_wire(&self, state: &State, wire: &Wire, steps: &mut Vec<Step>) {
        let (leader, number) = (wire.leader, wire.number);
        for end in [0, 1] {
            if !wire.to[end].is_empty() {
                steps.push(Step::Deliver(leader, number, end));
            }
        }
        if wire.gone {
            steps.push(Step::Notice(leader, number));
        } else if state.left.drops > 0 {
            steps.push(Step::Cut(leader, number));
        }
        if wire.flush {
            steps.push(Step::Flush(leader, number));
        }
    }

    fn on_server(&self, state: &State, at: usize, steps: &mut Vec<Step>) {
        let server = &state.servers[at];
        if server.disk.is_busy() {
            steps.push(Step::Force(at));
        }
        if !server.asked.is_empty() {
            steps.push(Step::Fetch(at));
        }
        if state.left.crashes > 0 {
            // What a server does when nobody knows of it, it could have done before it left.
            let some = 0..=self.unsafe_writes(state, at);
            let rests = server.looks() && server.disk.is_at_rest();
            steps.extend(some.filter(|_| !rests).map(|done| Step::Crash(at, done)));
        }
        steps.extend(self.is_left(state, at).then_some(Step::GiveUp(at)));
        steps.extend(self.may_propose(state, at).then_some(Step::Propose(at)));
    }

    /// Lets one thing happen, without judging what comes of it.
    fn happen(&self, state: &mut State, step: &Step, notes: &mut Notes) -> Verdict {
        match *step {
            Step::Elect(one, other) => self.elect(state, one, other, notes),
            Step::Join(at, leader) => self.join(state, at, leader, notes),
            Step::Deliver(leader, number, end) => {
                self.deliver(state, state.wire(leader, number), end, notes)
            }
            Step::Notice(leader, number) => self.notice(state, state.wire(leader, number), notes),
            Step::Cut(leader, number) => self.cut(state, state.wire(leader, number), notes),
            Step::Flush(leader, number) => self.flush(state, state.wire(leader, number), notes),
            Step::Force(at) => self.force(state, at, notes),
            Step::Fetch(at) => self.fetch(state, at, notes),
            Step::Propose(at) => self.propose(state, at, notes),
            Step::GiveUp(at) => self.give_up(state, at, notes),
            Step::Crash(at, done) => self.crash(state, at, done, notes),
        }
    }
}

impl Subject for Ensembles {
    type State = State;
    type Step = Step;

    fn initial(&self) -> State {
        let server = |settings: &Arc<Settings>| Server::new(settings.clone(), Disk::default());
        let servers = self.settings.iter().map(|it| Arc::new(server(it))).collect();
        let names = Names(std::array::from_fn(|at| at));
        let (wires, memory) = (Vec::new(), Memory::default());
        let mut state = State { servers, wires, memory, left: self.bounds, names };
        for at in 0..SERVERS {
            self.start(&mut state, at, &mut Notes::default()).expect("empty servers start well");
        }
        state
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.elections(state, steps);
        state.wires.iter().for_each(|wire| self.on_wire(state, wire, steps));
        (0..SERVERS).for_each(|at| self.on_server(state, at, steps));
    }

    fn take(&self, state: &mut State, step: &Step, notes: &mut Notes) -> Verdict {
        self.happen(state, step, notes)?;
        self.come_to_rest(state, notes)?;
        state.judge()
    }

    fn canonical(&self, mut state: State) -> State {
        state.wires.sort_by_key(|wire| (wire.leader, wire.number));
        if state.all_look() {
            state.sort(&self.settings);
        }
        state
    }

    fn unnamed(&self, state: &State, step: &Step) -> Step {
        let name = |at: usize| state.names.0[at];
        match *step {
            Step::Elect(one, other) => Step::Elect(name(one), name(other)),
            Step::Join(one, other) => Step::Join(name(one), name(other)),
            Step::Deliver(leader, number, end) => Step::Deliver(name(leader), number, end),
            Step::Notice(leader, number) => Step::Notice(name(leader), number),
            Step::Cut(leader, number) => Step::Cut(name(leader), number),
            Step::Flush(leader, number) => Step::Flush(name(leader), number),
            Step::Force(at) => Step::Force(name(at)),
            Step::Fetch(at) => Step::Fetch(name(at)),
            Step::Propose(at) => Step::Propose(name(at)),
            Step::GiveUp(at) => Step::GiveUp(name(at)),
            Step::Crash(at, done) => Step::Crash(name(at), done),
        }
    }

    fn must_see(&self) -> Vec<&'static str> {
        self.must_see.clone()
    }

    fn nodes(&self) -> Vec<NodeId> {
        (0..SERVERS).map(node).collect()
    }

    fn facts(&self, state: &State, node: NodeId) -> Vec<(String, String)> {
        let NodeId::Server(number) = node else { return Vec::new() };
        let server = &state.servers[number as usize - 1];
        // The election port has nothing to do here, so the member's own word for it is not meant.
        let member = &server.member;
        let doing = match (member.leader(), member.learner(), member.serving()) {
            (Some(_), _, None) => "about to lead",
            (Some(_), _, Some(_)) => "leads",
            (_, Some(_), None) => "about to follow",
            (_, Some(_), Some(_)) => "follows",
            (None, None, _) if server.looks() => "looks",
            (None, None, _) => "waits for its disk",
        };
        let safe = &server.disk.safe;
        vec![
            ("doing".into(), doing.into()),
            ("promised".into(), safe.accepted.to_string()),
            ("epoch".into(), safe.current.to_string()),
            ("on disk".into(), format!("{:?}", safe.log)),
            ("waiting".into(), server.disk.unsafe_writes().to_string()),
            ("delivered".into(), format!("{:?}", server.delivered)),
        ]
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = |at: &usize| at + 1;
        match self {
            Step::Elect(one, other) => {
                write!(f, "{} is elected, with {}", server(one), server(other))
            }
            Step::Join(one, other) => write!(f, "{} joins {}", server(one), server(other)),
            Step::Deliver(leader, number, 0) => {
                write!(f, "{} hears of its learner {number}", server(leader))
            }
            Step::Deliver(leader, number, _) => {
                write!(f, "learner {number} of {} hears of it", server(leader))
            }
            Step::Notice(leader, number) => {
                write!(f, "{} notices that its learner {number} is gone", server(leader))
            }
            Step::Cut(leader, number) => {
                write!(f, "learner {number} of {} loses it", server(leader))
            }
            Step::Flush(leader, number) => {
                write!(f, "learner {number} of {} has taken everything", server(leader))
            }
            Step::Force(at) => write!(f, "disk {} forces", server(at)),
            Step::Fetch(at) => write!(f, "disk {} answers", server(at)),
            Step::Propose(at) => write!(f, "{} proposes", server(at)),
            Step::GiveUp(at) => write!(f, "{} gives up", server(at)),
            Step::Crash(at, done) => write!(f, "{} ends with {done} writes done", server(at)),
        }
    }
}

fn id(at: usize) -> ServerId {
    ServerId(at as i64 + 1)
}

fn place(server: ServerId) -> usize {
    server.0 as usize - 1
}

fn node(at: usize) -> NodeId {
    NodeId::Server(at as u64 + 1)
}
