//! Three-phase commit: nobody commits before everybody knows that all have voted yes.
//!
//! The transaction manager and the resource managers are the same machine here: the manager has no
//! bank, and leads first. The three phases are in this file; what happens when somebody is silent is
//! in `site/termination.rs` and `solutions/03-timeouts.rs`.
//!
//! Always true:
//! - a vote, a pre-commit and a decision are on disk before anybody is told;
//! - who has voted yes holds its locks until it has decided, and a decision is never reversed.
//!
//! Book: chapter 3. Papers: Skeen 1981; Bernstein, Hadzilacos, Goodman 1987, §7.5.

mod part;
mod termination;

use std::collections::{BTreeMap, BTreeSet};

use machines::{Effects, Event, Machine, NodeId, Ticket};

use crate::bank::{Bank, Refused};
use crate::message::{
    Change, Commit, DOUBT, Doubt, Message, Outcome, PATIENCE, Timer, Told, Txn, Vote,
};
use crate::record::Record;
use crate::timeouts::{Standing, Timeouts};
use part::{Lead, Next, Part, Phase};

/// A transaction manager, or a resource manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    node: NodeId,
    /// A transaction manager has none.
    bank: Option<Bank>,
    timeouts: Timeouts,
    parts: BTreeMap<Txn, Part>,
    /// Whose record each sync under way is for.
    syncs: BTreeMap<Ticket, Txn>,
    ticket: u64,
    /// The disk has failed: nothing may be promised or decided until a restart.
    failed: bool,
}

impl Site {
    /// The transaction manager on this node.
    pub fn manager(node: NodeId, timeouts: Timeouts) -> Site {
        let (parts, syncs) = (BTreeMap::new(), BTreeMap::new());
        Site { node, bank: None, timeouts, parts, syncs, ticket: 0, failed: false }
    }

    /// The resource manager on this node, whose bank holds what it held when its log was empty.
    pub fn resource(node: NodeId, bank: Bank, timeouts: Timeouts) -> Site {
        Site { bank: Some(bank), ..Site::manager(node, timeouts) }
    }

    /// Its accounts and locks, if it is a resource manager.
    pub fn bank(&self) -> Option<&Bank> {
        self.bank.as_ref()
    }

    /// Reads the log from its beginning. Whoever is in doubt asks the others: it has missed what they
    /// did since, and has no say in it.
    fn on_started(&mut self, log: Vec<Record>, effects: &mut Effects<Commit>) {
        for record in log {
            let txn = record.txn();
            let phase = match record {
                Record::Prepared { coordinator, resources, changes, .. } => {
                    let phase = Phase::InDoubt(Doubt::Waiting);
                    let part = Part::new(phase.clone(), coordinator, &resources);
                    self.parts.insert(txn, Part { steady: false, ..part });
                    if let Some(bank) = &mut self.bank {
                        bank.restore(txn, &changes);
                    }
                    phase
                }
                Record::PreCommitted(_) => Phase::InDoubt(Doubt::PreCommitted),
                Record::Committed(_) => self.recover(txn, Outcome::Commit),
                Record::Aborted(_) => self.recover(txn, Outcome::Abort),
                other => panic!("no site of three phases writes `{other}`"),
            };
            self.part(txn).phase = phase;
        }
        let known: Vec<(Txn, Phase)> =
            self.parts.iter().map(|(txn, part)| (*txn, part.phase.clone())).collect();
        for (txn, phase) in known {
            match phase {
                Phase::Decided(outcome) => effects.answer(Told::Decided(txn, outcome)),
                _ => self.ask(txn, effects),
            }
        }
    }

    fn recover(&mut self, txn: Txn, outcome: Outcome) -> Phase {
        if let Some(bank) = &mut self.bank {
            bank.free(txn, outcome);
        }
        Phase::Decided(outcome)
    }

    /// An application works here.
    fn on_work(&mut self, txn: Txn, changes: &[Change], effects: &mut Effects<Commit>) {
        let Some(bank) = &mut self.bank else { return };
        match self.parts.get(&txn).map(|part| &part.phase) {
            None => {}
            Some(Phase::Decided(Outcome::Abort)) => {
                return effects.send(txn.client(), Message::Refused(txn));
            }
            // All the work of a transaction comes in one message.
            Some(_) => return,
        }
        let done = bank.work(txn, changes, effects);
        self.part(txn).phase = Phase::Working;
        if done == Err(Refused) {
            self.refuse(txn, effects);
        }
    }

    /// The application wants its transaction to end. The manager leads first.
    fn on_finish(
        &mut self,
        txn: Txn,
        wish: Outcome,
        resources: &[NodeId],
        effects: &mut Effects<Commit>,
    ) {
        // Somebody has asked for it before, and so it has aborted.
        if self.parts.contains_key(&txn) {
            return;
        }
        let mut part = Part::new(Phase::InDoubt(Doubt::Waiting), self.node, resources);
        part.lead = Some(Lead::Voting(resources.iter().copied().collect()));
        self.parts.insert(txn, part);
        if wish == Outcome::Abort {
            return self.decide(txn, Outcome::Abort, Vec::new(), effects);
        }
        for resource in resources {
            let resources = resources.to_vec();
            effects.send(*resource, Message::CanCommit { txn, resources });
        }
        effects.set(Timer::Votes(txn), PATIENCE);
    }

    /// The first phase: the coordinator wants a vote.
    fn on_can_commit(
        &mut self,
        coordinator: NodeId,
        txn: Txn,
        resources: Vec<NodeId>,
        effects: &mut Effects<Commit>,
    ) {
        let Some(bank) = &self.bank else { return };
        let changes = bank.changes(txn).to_vec();
        let [yes, no] =
            [Vote::Yes, Vote::No].map(|vote| (coordinator, Message::Voted { txn, vote }));
        match self.parts.get_mut(&txn).map(|part| &mut part.phase) {
            Some(Phase::Working) if !changes.is_empty() => {
                let part = Part::new(Phase::Working, coordinator, &resources);
                self.parts.insert(txn, part);
                effects.clear(Timer::Idle(txn));
                effects.write(Record::Prepared { txn, coordinator, resources, changes });
                self.force(txn, Next::InDoubt(Doubt::Waiting), vec![yes], effects);
            }
            // It has no locks yet, or it crashed and knows nothing of the work that it did.
            None | Some(Phase::Working) => self.decide(txn, Outcome::Abort, vec![no], effects),
            Some(Phase::Forcing(_, Next::Decided(Outcome::Abort), then)) => then.push(no),
            Some(Phase::Decided(Outcome::Abort)) => effects.send(no.0, no.1),
            // It was asked before, and has voted yes.
            Some(Phase::Forcing(..) | Phase::InDoubt(_) | Phase::Decided(_)) => {}
        }
    }

    fn on_voted(&mut self, from: NodeId, txn: Txn, vote: Vote, effects: &mut Effects<Commit>) {
        let Some(part) = self.parts.get_mut(&txn) else { return };
        let (Some(Lead::Voting(missing)), Phase::InDoubt(_)) = (&mut part.lead, &part.phase) else {
            return;
        };
        missing.remove(&from);
        if vote == Vote::No {
            self.decide(txn, Outcome::Abort, Vec::new(), effects);
        } else if missing.is_empty() {
            effects.clear(Timer::Votes(txn));
            part.lead = Some(Lead::PreCommitting(BTreeSet::new()));
            self.learn(txn, Vec::new(), effects);
        }
    }

    /// The second phase: somebody leads, and says that all have voted yes.
    fn on_pre_commit(&mut self, from: NodeId, txn: Txn, effects: &mut Effects<Commit>) {
        let Some(part) = self.parts.get_mut(&txn) else { return };
        let known = Message::PreCommitted(txn);
        match &mut part.phase {
            Phase::InDoubt(Doubt::Waiting) => {
                part.follow(from);
                part.lead = None;
                self.learn(txn, vec![(from, known)], effects);
            }
            Phase::InDoubt(Doubt::PreCommitted) => {
                effects.send(from, known);
                if part.lead.is_none() {
                    effects.set(Timer::Doubt(txn), DOUBT);
                }
            }
            Phase::Forcing(_, Next::InDoubt(Doubt::PreCommitted), then) => then.push((from, known)),
            Phase::Forcing(_, Next::Decided(outcome), then) => {
                then.push((from, Message::Decision { txn, outcome: *outcome }));
            }
            Phase::Decided(outcome) => {
                effects.send(from, Message::Decision { txn, outcome: *outcome });
            }
            // Nobody can know of a vote that was not given.
            Phase::Working | Phase::Forcing(_, Next::InDoubt(Doubt::Waiting), _) => {}
        }
    }

    /// It knows now that all have voted yes.
    fn learn(&mut self, txn: Txn, then: Vec<(NodeId, Message)>, effects: &mut Effects<Commit>) {
        if self.bank.is_none() {
            let (coordinator, resources) = (self.node, self.part(txn).sites[1..].to_vec());
            effects.write(Record::Prepared { txn, coordinator, resources, changes: Vec::new() });
        }
        effects.write(Record::PreCommitted(txn));
        self.force(txn, Next::InDoubt(Doubt::PreCommitted), then, effects);
    }

    fn on_pre_committed(&mut self, from: NodeId, txn: Txn, effects: &mut Effects<Commit>) {
        let Some(part) = self.parts.get_mut(&txn) else { return };
        if let (Some(Lead::PreCommitting(known)), Phase::InDoubt(_)) = (&mut part.lead, &part.phase)
        {
            known.insert(from);
            self.count(txn, effects);
        }
    }

    /// A leader tells the others that all have voted yes.
    fn announce(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let node = self.node;
        let part = self.part(txn);
        let Some(Lead::PreCommitting(known)) = &part.lead else { return };
        let others = part.sites.iter().filter(|site| **site != node && !known.contains(site));
        others.for_each(|site| effects.send(*site, Message::PreCommit(txn)));
        effects.set(Timer::Acks(txn), PATIENCE);
        self.count(txn, effects);
    }

    /// The last phase begins when all that have not crashed know that all have voted yes.
    fn count(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let node = self.node;
        let part = self.part(txn);
        let Some(Lead::PreCommitting(known)) = &part.lead else { return };
        let knows =
            |site: &NodeId| *site == node || known.contains(site) || part.silent.contains(site);
        if part.sites.iter().all(knows) {
            self.decide(txn, Outcome::Commit, Vec::new(), effects);
        }
    }

    /// Somebody knows how it has ended.
    fn on_decision(&mut self, txn: Txn, outcome: Outcome, effects: &mut Effects<Commit>) {
        match self.parts.get_mut(&txn) {
            None | Some(Part { phase: Phase::Working, .. }) => {
                // Nobody can commit what this site has not voted for.
                if outcome == Outcome::Abort {
                    self.decide(txn, outcome, Vec::new(), effects);
                }
            }
            Some(part) => match part.phase {
                Phase::InDoubt(_) | Phase::Forcing(_, Next::InDoubt(_), _) => {
                    part.lead = None;
                    self.decide(txn, outcome, Vec::new(), effects);
                }
                // What is decided is never reversed.
                Phase::Working | Phase::Forcing(_, Next::Decided(_), _) | Phase::Decided(_) => {}
            },
        }
    }
}

/// What all of it ends in.
impl Site {
    /// What this site knows of a transaction; of a new one, nothing.
    fn part(&mut self, txn: Txn) -> &mut Part {
        self.parts.entry(txn).or_insert_with(|| Part::new(Phase::Working, self.node, &[]))
    }

    /// The work cannot be done.
    fn refuse(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let refused = (txn.client(), Message::Refused(txn));
        self.decide(txn, Outcome::Abort, vec![refused], effects);
    }

    /// Writes how it ends, and forces that to the disk. Then these are told.
    fn decide(
        &mut self,
        txn: Txn,
        outcome: Outcome,
        then: Vec<(NodeId, Message)>,
        effects: &mut Effects<Commit>,
    ) {
        effects.write(match outcome {
            Outcome::Commit => Record::Committed(txn),
            Outcome::Abort => Record::Aborted(txn),
        });
        self.force(txn, Next::Decided(outcome), then, effects);
    }

    /// Forces what was written to the disk. Then `next` is true, and these are told.
    fn force(
        &mut self,
        txn: Txn,
        next: Next,
        then: Vec<(NodeId, Message)>,
        effects: &mut Effects<Commit>,
    ) {
        self.ticket += 1;
        let ticket = Ticket(self.ticket);
        self.syncs.insert(ticket, txn);
        effects.sync(ticket);
        self.part(txn).phase = Phase::Forcing(ticket, next, then);
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Commit>) {
        let Some(txn) = self.syncs.remove(&ticket) else { return };
        let part = self.part(txn);
        let then = match &mut part.phase {
            Phase::Forcing(last, next, then) if *last == ticket => {
                let (next, then) = (*next, std::mem::take(then));
                match next {
                    Next::InDoubt(doubt) => self.doubt(txn, doubt, effects),
                    Next::Decided(outcome) => self.settle(txn, outcome, effects),
                }
                then
            }
            // A decision came before it was on disk.
            _ => return,
        };
        then.into_iter().for_each(|(to, message)| effects.send(to, message));
    }

    /// It does not know how the transaction ends, and its disk says how far it has come.
    fn doubt(&mut self, txn: Txn, doubt: Doubt, effects: &mut Effects<Commit>) {
        let part = self.part(txn);
        part.phase = Phase::InDoubt(doubt);
        if doubt == Doubt::Waiting {
            effects.answer(Told::Voted(txn, Vote::Yes));
        }
        match part.lead {
            Some(_) => self.announce(txn, effects),
            None => effects.set(Timer::Doubt(txn), DOUBT),
        }
    }

    /// Ends a transaction here. A leader tells the others; the manager tells the application.
    fn settle(&mut self, txn: Txn, outcome: Outcome, effects: &mut Effects<Commit>) {
        let node = self.node;
        let part = self.part(txn);
        part.phase = Phase::Decided(outcome);
        for timer in [Timer::Doubt(txn), Timer::Votes(txn), Timer::Acks(txn), Timer::States(txn)] {
            effects.clear(timer);
        }
        effects.answer(Told::Decided(txn, outcome));
        let decision = Message::Decision { txn, outcome };
        if part.lead.take().is_some() {
            let others = part.sites.iter().filter(|site| **site != node);
            others.for_each(|site| effects.send(*site, decision.clone()));
        }
        let Some(bank) = &mut self.bank else { return effects.send(txn.client(), decision) };
        for next in bank.end(txn, outcome, effects) {
            self.refuse(next, effects);
        }
    }
}

impl Machine for Site {
    type Protocol = Commit;

    fn step(&mut self, event: Event<Commit>, effects: &mut Effects<Commit>) {
        if self.failed {
            return;
        }
        match event {
            Event::Started(log) => self.on_started(log, effects),
            Event::Received { from, message } => match message {
                Message::Work { txn, changes } => self.on_work(txn, &changes, effects),
                Message::Finish { txn, wish, resources } => {
                    self.on_finish(txn, wish, &resources, effects);
                }
                Message::CanCommit { txn, resources } => {
                    self.on_can_commit(from, txn, resources, effects);
                }
                Message::Voted { txn, vote } => self.on_voted(from, txn, vote, effects),
                Message::PreCommit(txn) => self.on_pre_commit(from, txn, effects),
                Message::PreCommitted(txn) => self.on_pre_committed(from, txn, effects),
                Message::Decision { txn, outcome } => self.on_decision(txn, outcome, effects),
                Message::StateRequest(txn) => self.on_question(from, txn, true, effects),
                Message::Inquire(txn) => self.on_question(from, txn, false, effects),
                Message::State { txn, doubt, steady } => {
                    self.on_state(from, txn, Standing { doubt, steady }, effects);
                }
                // Nothing is forgotten here, so nobody has to acknowledge; and the rest belongs to
                // two phases, or to applications.
                Message::Ack(_) | Message::Prepare { .. } | Message::InDoubt(_) => {}
                Message::Worked(_) | Message::Refused(_) => {}
            },
            Event::Expired(timer) => self.on_expired(timer, effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            // Only a restart, which reads what is really there, can tell what was kept.
            Event::Failed(..) => self.failed = true,
            // Messages may be lost: whoever needs an answer asks again.
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
