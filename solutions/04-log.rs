//! A log of decrees: one proposer makes the acceptors promise it every slot at once, and then
//! needs one round trip for each value.
//!
//! The acceptors are those of one decree. What is new is who proposes, and where. As long as one
//! proposer leads, it gives each value the next slot and asks for it at once. When it dies, another
//! one takes a higher ballot, and hears in a single phase 1 what was accepted in any slot: this it
//! proposes again, and where nobody knows of anything, although there is something later, it fills
//! the gap with a no-op. Learners count what acceptors say, and give out values in order.
//!
//! Always true:
//! - a proposer asks for at most one value in a slot under one ballot;
//! - it gives no value of its own to a slot of which it may not have heard everything;
//! - a learner gives out no slot before the one that precedes it.
//!
//! Book: chapter 4. Paper: Lamport 2001 (Paxos Made Simple), §3.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use machines::{Effects, Event, Machine, NodeId, Ticket};
use paxos::{
    Ballot, Courtesy, Memory, Message, Numbers, Output, Paxos, Promise, Proposal, Record, Slot,
    Tally, Tickets, Timer, Value, majority, pause, pick,
};

/// How long it takes before something is said again: a question, or that one leads.
const BEAT: Duration = Duration::from_millis(20);

/// How long a learner waits before it asks for what it may have missed.
const PATIENCE: Duration = Duration::from_millis(200);

/// What an acceptor promised: of each slot what it has accepted.
type Promised = BTreeMap<Slot, Proposal>;

/// What a proposer is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Another one leads, or will.
    Following,
    /// Its ballot is being written down.
    Beginning(Ticket),
    /// Phase 1, for all slots: who has promised.
    Preparing(BTreeMap<NodeId, Promised>),
    /// Phase 2, slot after slot.
    Leading,
}

/// A proposer of a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogProposer {
    me: NodeId,
    numbers: Numbers,
    /// How many proposers are preferred to it.
    rank: u32,
    acceptors: Vec<NodeId>,
    /// The other proposers.
    others: Vec<NodeId>,
    /// Its last ballot.
    n: Ballot,
    /// The highest ballot that it has heard of.
    highest: Ballot,
    /// How often another one got in between since anything was decided.
    attempts: u32,
    phase: Phase,
    /// Who leads, as far as it knows.
    leader: Option<NodeId>,
    /// What was wanted and has no slot yet.
    wishes: VecDeque<Value>,
    /// What it asks for, slot by slot.
    asked: BTreeMap<Slot, Value>,
    /// What it knows to be decided.
    chosen: BTreeMap<Slot, Value>,
    tally: Tally,
    connected: BTreeSet<NodeId>,
    tickets: Tickets,
}

impl LogProposer {
    /// A proposer that has yet to start. Of those that want to lead, the one of the lowest rank
    /// tries first.
    pub fn new(
        me: NodeId,
        numbers: Numbers,
        rank: u32,
        acceptors: Vec<NodeId>,
        others: Vec<NodeId>,
    ) -> LogProposer {
        LogProposer {
            me,
            numbers,
            rank,
            acceptors,
            others,
            n: Ballot::default(),
            highest: Ballot::default(),
            attempts: 0,
            phase: Phase::Following,
            leader: None,
            wishes: VecDeque::new(),
            asked: BTreeMap::new(),
            chosen: BTreeMap::new(),
            tally: Tally::default(),
            connected: BTreeSet::new(),
            tickets: Tickets::default(),
        }
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.phase == Phase::Leading
    }

    /// What it knows to be decided.
    pub fn chosen(&self) -> &BTreeMap<Slot, Value> {
        &self.chosen
    }

    /// Somebody wants this in the log. It is lost if its proposer dies or is overtaken before anybody
    /// accepted it; who wants it for certain asks again, and may then find it twice.
    pub fn propose(&mut self, wish: Value, effects: &mut Effects<Paxos>) {
        self.wishes.push_back(wish);
        self.place_wishes(effects);
    }

    /// The first slot of which it does not know what is decided.
    fn first_open(&self) -> Slot {
        let mut slot = Slot::FIRST;
        while self.chosen.contains_key(&slot) {
            slot = slot.next();
        }
        slot
    }

    /// The first slot after all that anything is known of.
    fn first_free(&self) -> Slot {
        let last = self.asked.keys().chain(self.chosen.keys()).max();
        last.map_or(Slot::FIRST, |slot| slot.next())
    }

    /// Gives each wish a slot if it leads; otherwise whoever leads gets it.
    fn place_wishes(&mut self, effects: &mut Effects<Paxos>) {
        if self.leads() {
            while let Some(wish) = self.wishes.pop_front() {
                self.ask_for(self.first_free(), wish, effects);
            }
        } else if let Some(leader) = self.leader.filter(|it| self.connected.contains(it)) {
            self.wishes.drain(..).for_each(|it| effects.send(leader, Message::Request(it)));
        }
    }

    /// Phase 2 for one slot.
    fn ask_for(&mut self, slot: Slot, value: Value, effects: &mut Effects<Paxos>) {
        let proposal = Proposal { n: self.n, value };
        self.asked.insert(slot, value);
        effects.answer(Output::Proposed { slot, proposal });
        self.tell_acceptors(&Message::Accept { slot, proposal }, effects);
    }

    fn tell_acceptors(&self, message: &Message, effects: &mut Effects<Paxos>) {
        for acceptor in self.acceptors.iter().filter(|it| self.connected.contains(it)) {
            effects.send(*acceptor, message.clone());
        }
    }

    /// Lets the others try, and tries again if none of them leads before its turn.
    fn follow(&mut self, effects: &mut Effects<Paxos>) {
        self.phase = Phase::Following;
        self.asked.clear();
        let courtesy = Courtesy::Ranked { rank: self.rank + 1 };
        effects.set(Timer::Begin, pause(courtesy, self.attempts));
    }

    /// Takes a ballot above all that it has heard of.
    fn begin(&mut self, effects: &mut Effects<Paxos>) {
        self.leader = None;
        self.n = self.numbers.above(self.n.max(self.highest));
        let ticket = self.tickets.issue();
        self.phase = Phase::Beginning(ticket);
        effects.write(Record::Began(self.n));
        effects.sync(ticket);
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Paxos>) {
        if self.phase == Phase::Beginning(ticket) {
            self.phase = Phase::Preparing(BTreeMap::new());
            self.tell_acceptors(&self.prepare(), effects);
        }
    }

    /// One question about all slots of which it does not know.
    fn prepare(&self) -> Message {
        Message::Prepare { n: self.n, first: self.first_open(), wish: None }
    }

    fn on_promise(
        &mut self,
        from: NodeId,
        n: Ballot,
        accepted: Promised,
        effects: &mut Effects<Paxos>,
    ) {
        let Phase::Preparing(promises) = &mut self.phase else { return };
        if n != self.n {
            return;
        }
        promises.insert(from, accepted);
        if promises.len() >= majority(self.acceptors.len()) {
            let promises = std::mem::take(promises);
            self.lead(&promises, effects);
        }
    }

    /// It is promised every slot. What may be decided already comes first.
    fn lead(&mut self, promises: &BTreeMap<NodeId, Promised>, effects: &mut Effects<Paxos>) {
        (self.phase, self.leader) = (Phase::Leading, Some(self.me));
        let (mut slot, known) = (self.first_open(), self.first_free());
        effects.answer(Output::Leads { n: self.n, first: slot });
        let last = promises.values().filter_map(|it| it.keys().next_back().copied()).max();
        let end = last.map_or(known, |last| known.max(last.next()));
        while slot < end {
            if !self.chosen.contains_key(&slot) {
                let about: Vec<Promise> = promises
                    .iter()
                    .map(|(from, it)| Promise { from: *from, accepted: it.get(&slot).copied() })
                    .collect();
                let value = pick(&about, self.acceptors.len(), Value::Noop);
                self.ask_for(slot, value.expect("a majority has promised"), effects);
            }
            slot = slot.next();
        }
        self.place_wishes(effects);
        // It has just said everything.
        effects.set(Timer::Resend, BEAT);
    }

    /// Says again what was not answered, and to the other proposers that it leads.
    fn beat(&mut self, effects: &mut Effects<Paxos>) {
        for peer in self.acceptors.iter().chain(self.others.iter().filter(|it| **it > self.me)) {
            if !self.connected.contains(peer) {
                effects.open(*peer);
            }
        }
        match &self.phase {
            Phase::Preparing(_) => self.tell_acceptors(&self.prepare(), effects),
            Phase::Leading => {
                // Who cannot reach a majority must not keep the others from trying.
                let reached = self.acceptors.iter().filter(|it| self.connected.contains(it));
                if reached.count() >= majority(self.acceptors.len()) {
                    for other in self.others.iter().filter(|it| self.connected.contains(it)) {
                        effects.send(*other, Message::Leading { n: self.n });
                    }
                }
                for (slot, value) in &self.asked {
                    let proposal = Proposal { n: self.n, value: *value };
                    self.tell_acceptors(&Message::Accept { slot: *slot, proposal }, effects);
                }
            }
            Phase::Following | Phase::Beginning(_) => {}
        }
        effects.set(Timer::Resend, BEAT);
    }

    /// Another proposer has a higher ballot.
    fn on_nack(&mut self, n: Ballot, by: Ballot, effects: &mut Effects<Paxos>) {
        self.highest = self.highest.max(by);
        let promised = match self.phase {
            Phase::Preparing(_) => false,
            Phase::Leading => true,
            Phase::Following | Phase::Beginning(_) => return,
        };
        if n == self.n {
            effects.answer(Output::Preempted { n, by, promised });
            self.attempts += 1;
            self.leader = None;
            self.follow(effects);
        }
    }

    /// Another proposer leads. Whoever has a lower ballot gives up; acceptors would make it.
    fn on_leading(&mut self, from: NodeId, n: Ballot, effects: &mut Effects<Paxos>) {
        let mine = if self.phase == Phase::Following { Ballot::default() } else { self.n };
        if n < mine.max(self.highest) {
            return;
        }
        (self.highest, self.leader) = (n, Some(from));
        self.follow(effects);
        self.place_wishes(effects);
    }

    fn on_accepted(
        &mut self,
        from: NodeId,
        slot: Slot,
        proposal: Proposal,
        effects: &mut Effects<Paxos>,
    ) {
        let Proposal { n, value } = proposal;
        if self.tally.count(from, slot, n, self.acceptors.len()) {
            self.asked.remove(&slot);
            if self.chosen.insert(slot, value).is_none() {
                self.attempts = 0;
                effects.answer(Output::Chosen { slot, value });
            }
        }
    }

    fn on_received(&mut self, from: NodeId, message: Message, effects: &mut Effects<Paxos>) {
        match message {
            Message::Promise { n, accepted } => self.on_promise(from, n, accepted, effects),
            Message::Accepted { slot, proposal } => self.on_accepted(from, slot, proposal, effects),
            Message::Nack { n, promised } => self.on_nack(n, promised, effects),
            Message::Leading { n } => self.on_leading(from, n, effects),
            Message::Request(wish) => self.propose(wish, effects),
            Message::Ask { first } => {
                for (slot, value) in self.chosen.range(first..) {
                    effects.send(from, Message::Chosen { slot: *slot, value: *value });
                }
            }
            // The rest is for acceptors and learners.
            Message::Prepare { .. } | Message::Accept { .. } | Message::Chosen { .. } => {}
        }
    }
}

impl Machine for LogProposer {
    type Protocol = Paxos;

    fn step(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        match event {
            Event::Started(Memory { begun, .. }) => {
                self.n = begun;
                self.follow(effects);
                self.beat(effects);
            }
            Event::Received { from, message } => self.on_received(from, message, effects),
            Event::Expired(Timer::Begin) => self.begin(effects),
            Event::Expired(Timer::Resend) => self.beat(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Opened(peer) => drop(self.connected.insert(peer)),
            Event::Closed(peer) => drop(self.connected.remove(&peer)),
            // Without a disk it cannot begin, and what it has begun is on it.
            Event::Failed(..) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}

/// A learner: finds out what is decided, and gives it out in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner {
    acceptors: Vec<NodeId>,
    proposers: Vec<NodeId>,
    /// The next slot to give out.
    next: Slot,
    /// What is decided and cannot be given out yet, because something before it is missing.
    known: BTreeMap<Slot, Value>,
    tally: Tally,
    connected: BTreeSet<NodeId>,
}

impl Learner {
    /// A learner that has yet to start.
    pub fn new(acceptors: Vec<NodeId>, proposers: Vec<NodeId>) -> Learner {
        Learner {
            acceptors,
            proposers,
            next: Slot::FIRST,
            known: BTreeMap::new(),
            tally: Tally::default(),
            connected: BTreeSet::new(),
        }
    }

    fn learn(&mut self, slot: Slot, value: Value, effects: &mut Effects<Paxos>) {
        if slot >= self.next {
            self.known.insert(slot, value);
        }
        while let Some(value) = self.known.remove(&self.next) {
            effects.answer(Output::Learned { slot: self.next, value });
            self.next = self.next.next();
        }
    }

    /// Asks all, and dials those that are not connected.
    fn ask(&mut self, effects: &mut Effects<Paxos>) {
        for peer in self.acceptors.iter().chain(&self.proposers) {
            if self.connected.contains(peer) {
                effects.send(*peer, Message::Ask { first: self.next });
            } else {
                effects.open(*peer);
            }
        }
        effects.set(Timer::Resend, PATIENCE);
    }
}

impl Machine for Learner {
    type Protocol = Paxos;

    fn step(&mut self, event: Event<Paxos>, effects: &mut Effects<Paxos>) {
        match event {
            Event::Started(_) | Event::Expired(_) => self.ask(effects),
            Event::Received { from, message: Message::Accepted { slot, proposal } } => {
                if self.tally.count(from, slot, proposal.n, self.acceptors.len()) {
                    self.learn(slot, proposal.value, effects);
                }
            }
            Event::Received { message: Message::Chosen { slot, value }, .. } => {
                self.learn(slot, value, effects);
            }
            Event::Opened(peer) => {
                self.connected.insert(peer);
                effects.send(peer, Message::Ask { first: self.next });
            }
            Event::Closed(peer) => drop(self.connected.remove(&peer)),
            // Nobody asks a learner, and it has no disk.
            Event::Received { .. }
            | Event::Durable(_)
            | Event::Failed(..)
            | Event::Flushed(_)
            | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
