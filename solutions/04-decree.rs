//! One decree: how a majority of acceptors comes to choose one value and never another.
//!
//! A proposer asks twice. First it makes a majority promise to accept nothing of a lower ballot,
//! and hears what they have accepted so far. If any of it can have been chosen, it is the proposal
//! of the highest ballot among these, so that is what it asks them to accept; only if there is
//! none is it free. Any two majorities have an acceptor in common: that one's memory is all that
//! Paxos rests on, and therefore an acceptor says nothing before it is on its disk.
//!
//! Always true:
//! - an acceptor's promise never goes back, whatever crashes;
//! - a ballot has one value at most;
//! - once a majority has accepted a value, every higher ballot has that value.
//!
//! Nothing says that it ever ends: see `pause`.
//!
//! Book: chapter 4. Paper: Lamport 2001 (Paxos Made Simple), §2.2 and §2.4.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machines::{Dice, Effects, Event, Machine, NodeId, Ticket};
use paxos::{
    Ballot, Courtesy, Memory, Message, Numbers, Output, Paxos, Promise, Proposal, Record, Slot,
    Tickets, Timer, Value, majority,
};

/// How long it takes before something is said again.
const RESEND: Duration = Duration::from_millis(50);

/// The unit of waiting for another proposer; it doubles at each attempt.
const TURN: Duration = Duration::from_millis(50);

/// After so many attempts it is not doubled any more.
const PATIENT: u32 = 10;

/// The value that a proposer may ask for, given what acceptors promised it about a slot: its own
/// only if none of them has accepted anything. None before a majority has promised.
pub fn pick(promises: &[Promise], acceptors: usize, mine: Value) -> Option<Value> {
    // Exercise 4.2: what may be asked for?
    // A promise may come twice, and is one promise.
    let promised: BTreeSet<NodeId> = promises.iter().map(|promise| promise.from).collect();
    if promised.len() < majority(acceptors) {
        return None;
    }
    // Paxos Made Simple §2.2: the value of the highest-numbered proposal among the responses. Only
    // that one can have been chosen: its proposer asked a majority too, after all lower ballots.
    let highest = promises.iter().filter_map(|promise| promise.accepted).max_by_key(|it| it.n);
    Some(highest.map_or(mine, |proposal| proposal.value))
    // End of 4.2.
}

/// How long a proposer waits before it tries again, after so many attempts that failed. Two that
/// wait equally long collide again and again; so each waits for another time, and longer each time,
/// until the other one has had enough of it to finish.
pub fn pause(courtesy: Courtesy, attempts: u32) -> Duration {
    // Exercise 4.3: how long to wait?
    let turn = TURN * (1 << attempts.min(PATIENT));
    match courtesy {
        Courtesy::Eager => Duration::ZERO,
        Courtesy::Random { seed } => {
            Dice::new(seed.wrapping_add(u64::from(attempts))).time(Duration::ZERO, turn)
        }
        Courtesy::Ranked { rank } => turn * rank,
    }
    // End of 4.3.
}

/// Who has accepted what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tally(BTreeMap<(Slot, Ballot), BTreeSet<NodeId>>);

impl Tally {
    /// An acceptor has accepted the proposal of this ballot. Says whether a majority has: then its
    /// value is chosen. Acceptances of different ballots do not count together.
    pub fn count(&mut self, from: NodeId, slot: Slot, n: Ballot, acceptors: usize) -> bool {
        let those = self.0.entry((slot, n)).or_default();
        those.insert(from);
        those.len() >= majority(acceptors)
    }
}

/// An acceptor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acceptor {
    memory: Memory,
    /// Who wants to be told what it accepts, besides the proposer that asked for it.
    learners: BTreeSet<NodeId>,
    /// Answers that wait for the next sync to be asked for.
    fresh: Vec<(NodeId, Message)>,
    /// Answers that wait for the sync under way; there is none if nothing waits.
    waiting: Vec<(NodeId, Message)>,
    tickets: Tickets,
    /// The disk has failed: nothing that is not on it may be said any more.
    failed: bool,
}

impl Acceptor {
    /// What it remembers, on disk or not yet.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Phase 1. Promises, and says what was accepted; or says that more was promised already.
    fn on_prepare(&mut self, n: Ballot, first: Slot, effects: &mut Effects<Paxos>) -> Message {
        // Exercise 4.1: promise, or refuse
        let promised = self.memory.promised;
        if n < promised {
            return Message::Nack { n, promised };
        }
        // Equal: the same proposer asks again, because an answer was lost.
        if n > promised {
            self.memory.promised = n;
            effects.write(Record::Promised(n));
        }
        let accepted = self.memory.accepted.range(first..);
        Message::Promise { n, accepted: accepted.map(|(slot, it)| (*slot, *it)).collect() }
        // End of 4.1.
    }

    /// Phase 2. Accepts, unless more was promised. What was promised is what it compares with, not
    /// what was accepted: a promise binds before anything comes of it.
    fn on_accept(
        &mut self,
        slot: Slot,
        proposal: Proposal,
        effects: &mut Effects<Paxos>,
    ) -> Message {
        // Exercise 4.1: accept, or refuse
        let (n, promised) = (proposal.n, self.memory.promised);
        if n < promised {
            return Message::Nack { n, promised };
        }
        self.memory.promised = n;
        if self.memory.accepted.insert(slot, proposal) != Some(proposal) {
            effects.write(Record::Accepted { slot, proposal });
        }
        Message::Accepted { slot, proposal }
        // End of 4.1.
    }

    /// A learner is told what was accepted, now and from now on. While something is on its way to
    /// the disk it is told nothing; it will ask again.
    fn on_ask(&mut self, from: NodeId, first: Slot, effects: &mut Effects<Paxos>) {
        self.learners.insert(from);
        if self.waiting.is_empty() && !self.failed {
            for (slot, proposal) in self.memory.accepted.range(first..) {
                effects.send(from, Message::Accepted { slot: *slot, proposal: *proposal });
            }
        }
    }

    /// Even an answer for which nothing was written may rest on a write that is under way. But a
    /// refusal promises nothing: it need not wait.
    fn answer(&mut self, to: NodeId, answer: Message, effects: &mut Effects<Paxos>) {
        match answer {
            Message::Nack { .. } => effects.send(to, answer),
            _ => self.fresh.push((to, answer)),
        }
        self.sync(effects);
    }

    /// One sync at a time, for all that came meanwhile.
    fn sync(&mut self, effects: &mut Effects<Paxos>) {
        if self.waiting.is_empty() && !self.fresh.is_empty() && !self.failed {
            self.waiting = std::mem::take(&mut self.fresh);
            effects.sync(self.tickets.issue());
        }
    }

    fn on_durable(&mut self, effects: &mut Effects<Paxos>) {
        for (to, answer) in std::mem::take(&mut self.waiting) {
            match answer {
                Message::Promise { n, .. } => effects.answer(Output::Promised(n)),
                Message::Accepted { slot, proposal } => {
                    effects.answer(Output::Accepted { slot, proposal });
                    let others = self.learners.iter().filter(|it| **it != to);
                    others.for_each(|learner| effects.send(*learner, answer.clone()));
                }
                _ => {}
            }
            effects.send(to, answer);
        }
        self.sync(effects);
    }
}

impl Machine for Acceptor {
    type Protocol = Paxos;

    fn step(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        match event {
            Event::Started(memory) => self.memory = memory,
            Event::Received { from, message } => match message {
                Message::Prepare { n, first, .. } => {
                    let answer = self.on_prepare(n, first, effects);
                    self.answer(from, answer, effects);
                }
                Message::Accept { slot, proposal } => {
                    let answer = self.on_accept(slot, proposal, effects);
                    self.answer(from, answer, effects);
                }
                Message::Ask { first } => self.on_ask(from, first, effects),
                // The rest is between proposers and learners.
                Message::Promise { .. }
                | Message::Accepted { .. }
                | Message::Nack { .. }
                | Message::Leading { .. }
                | Message::Request(_)
                | Message::Chosen { .. } => {}
            },
            Event::Durable(_) => self.on_durable(effects),
            // Only a restart, which reads what is really there, can tell what it may say.
            Event::Failed(..) => {
                self.failed = true;
                self.waiting.clear();
            }
            Event::Closed(peer) => drop(self.learners.remove(&peer)),
            Event::Opened(_) | Event::Expired(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}

/// What a proposer is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Nobody wants anything, or it waits until it is time.
    Resting,
    /// Its ballot is being written down: after a crash it must not use it for another value.
    Beginning(Ticket),
    /// Phase 1: who has promised.
    Preparing(Vec<Promise>),
    /// Phase 2: what it asks for.
    Accepting(Value),
    /// It is decided.
    Done(Value),
}

/// A proposer of one decree, that of slot 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer {
    numbers: Numbers,
    acceptors: Vec<NodeId>,
    courtesy: Courtesy,
    /// What it would like to be decided.
    wish: Option<Value>,
    /// Its last ballot.
    n: Ballot,
    /// The highest ballot that it has heard of.
    highest: Ballot,
    /// How often another one got in between.
    attempts: u32,
    phase: Phase,
    tally: Tally,
    connected: BTreeSet<NodeId>,
    tickets: Tickets,
}

impl Proposer {
    /// A proposer that has yet to start.
    pub fn new(numbers: Numbers, acceptors: Vec<NodeId>, courtesy: Courtesy) -> Proposer {
        Proposer {
            numbers,
            acceptors,
            courtesy,
            wish: None,
            n: Ballot::default(),
            highest: Ballot::default(),
            attempts: 0,
            phase: Phase::Resting,
            tally: Tally::default(),
            connected: BTreeSet::new(),
            tickets: Tickets::default(),
        }
    }

    /// What is decided, if it knows.
    pub fn chosen(&self) -> Option<Value> {
        if let Phase::Done(value) = self.phase { Some(value) } else { None }
    }

    /// Its host wants this to be decided. What will be decided may be something else.
    pub fn propose(&mut self, wish: Value, effects: &mut Effects<Paxos>) {
        if self.wish.replace(wish).is_none() && self.phase == Phase::Resting {
            match self.courtesy {
                Courtesy::Ranked { .. } => self.rest(effects),
                Courtesy::Eager | Courtesy::Random { .. } => self.begin(effects),
            }
        }
    }

    fn rest(&mut self, effects: &mut Effects<Paxos>) {
        self.phase = Phase::Resting;
        effects.set(Timer::Begin, pause(self.courtesy, self.attempts));
    }

    /// Takes a ballot above all that it has heard of.
    fn begin(&mut self, effects: &mut Effects<Paxos>) {
        self.n = self.numbers.above(self.n.max(self.highest));
        let ticket = self.tickets.issue();
        self.phase = Phase::Beginning(ticket);
        effects.write(Record::Began(self.n));
        effects.sync(ticket);
    }

    /// What it has to say to each acceptor at present.
    fn question(&self) -> Option<Message> {
        match &self.phase {
            Phase::Preparing(_) => {
                Some(Message::Prepare { n: self.n, first: Slot::FIRST, wish: self.wish })
            }
            Phase::Accepting(value) => {
                let proposal = Proposal { n: self.n, value: *value };
                Some(Message::Accept { slot: Slot::FIRST, proposal })
            }
            Phase::Resting | Phase::Beginning(_) | Phase::Done(_) => None,
        }
    }

    /// Asks all acceptors, and dials those that are not connected.
    fn ask(&mut self, effects: &mut Effects<Paxos>) {
        for acceptor in &self.acceptors {
            match (self.connected.contains(acceptor), self.question()) {
                (true, Some(question)) => effects.send(*acceptor, question),
                (true, None) => {}
                (false, _) => effects.open(*acceptor),
            }
        }
        effects.set(Timer::Resend, RESEND);
    }

    fn on_opened(&mut self, peer: NodeId, effects: &mut Effects<Paxos>) {
        self.connected.insert(peer);
        if let Some(question) = self.question().filter(|_| self.acceptors.contains(&peer)) {
            effects.send(peer, question);
        }
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Paxos>) {
        if self.phase == Phase::Beginning(ticket) {
            self.phase = Phase::Preparing(Vec::new());
            self.ask(effects);
        }
    }

    fn on_promise(&mut self, promise: Promise, n: Ballot, effects: &mut Effects<Paxos>) {
        let (Phase::Preparing(promises), Some(wish)) = (&mut self.phase, self.wish) else { return };
        // An answer to an earlier ballot promises nothing about this one.
        if n != self.n {
            return;
        }
        promises.push(promise);
        if let Some(value) = pick(promises, self.acceptors.len(), wish) {
            self.phase = Phase::Accepting(value);
            let proposal = Proposal { n: self.n, value };
            effects.answer(Output::Proposed { slot: Slot::FIRST, proposal });
            self.ask(effects);
        }
    }

    /// Another proposer got in between.
    fn on_nack(&mut self, n: Ballot, by: Ballot, effects: &mut Effects<Paxos>) {
        self.highest = self.highest.max(by);
        let promised = match self.phase {
            Phase::Preparing(_) => false,
            Phase::Accepting(_) => true,
            Phase::Resting | Phase::Beginning(_) | Phase::Done(_) => return,
        };
        if n == self.n {
            effects.answer(Output::Preempted { n, by, promised });
            self.attempts += 1;
            self.rest(effects);
        }
    }

    fn on_accepted(&mut self, from: NodeId, proposal: Proposal, effects: &mut Effects<Paxos>) {
        let Proposal { n, value } = proposal;
        let chosen = self.tally.count(from, Slot::FIRST, n, self.acceptors.len());
        if chosen && self.chosen().is_none() {
            self.phase = Phase::Done(value);
            effects.clear(Timer::Begin);
            effects.clear(Timer::Resend);
            effects.answer(Output::Chosen { slot: Slot::FIRST, value });
        }
    }
}

impl Machine for Proposer {
    type Protocol = Paxos;

    fn step(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        match event {
            Event::Started(memory) => {
                self.n = memory.begun;
                self.ask(effects);
            }
            Event::Received { from, message } => match message {
                Message::Promise { n, accepted } => {
                    let accepted = accepted.get(&Slot::FIRST).copied();
                    self.on_promise(Promise { from, accepted }, n, effects);
                }
                Message::Nack { n, promised } => self.on_nack(n, promised, effects),
                Message::Accepted { proposal, .. } => self.on_accepted(from, proposal, effects),
                Message::Ask { .. } => {
                    if let Some(value) = self.chosen() {
                        effects.send(from, Message::Chosen { slot: Slot::FIRST, value });
                    }
                }
                // The rest is for acceptors and learners, and about longer logs.
                Message::Prepare { .. }
                | Message::Accept { .. }
                | Message::Leading { .. }
                | Message::Request(_)
                | Message::Chosen { .. } => {}
            },
            Event::Expired(Timer::Begin) => self.begin(effects),
            Event::Expired(Timer::Resend) => self.ask(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Opened(peer) => self.on_opened(peer, effects),
            Event::Closed(peer) => drop(self.connected.remove(&peer)),
            // Without a disk it cannot begin, and what it has begun is on it.
            Event::Failed(..) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
