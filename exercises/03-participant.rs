//! A participant of two-phase commit: it promises, and then does as it is told.
//!
//! A participant that votes yes promises to commit or to abort, as will be decided, whatever happens
//! to it meanwhile; so the promise is on its disk before it is given. From then on it is *in doubt*:
//! it may neither commit nor abort on its own, and keeps its locks. If the coordinator is silent it
//! asks the other participants. One that has decided tells it; one that has not voted aborts, and
//! tells it. Only if all that answer are in doubt as well, they are *blocked* until the coordinator
//! is back.
//!
//! Always true:
//! - a vote and a decision are on disk before anybody is told, but for an abort that was ordered;
//! - who has voted yes holds its locks until it knows the decision, across restarts;
//! - a decision is never reversed, and every question about it gets the same answer for ever.
//!
//! Book: chapter 3. Papers: Gray 1978; Mohan, Lindsay, Obermarck 1986 (presumed abort).
#![allow(unused)]

use std::collections::BTreeMap;

use atomic_commit::{Bank, Change, Commit, DOUBT, Message, Outcome, Record, Refused, Timer, Told};
use atomic_commit::{Txn, Vote};
use machines::{Effects, Event, Machine, NodeId, Ticket};

/// How far a transaction has come at a participant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Branch {
    /// Work was done, or waits for locks. Nothing is promised.
    Working,
    /// The promise is on its way to the disk.
    Promising(Parties),
    /// The promise is given: in doubt.
    Prepared(Parties),
    /// The decision is on its way to the disk. Then these are told.
    Forcing(Outcome, Vec<(NodeId, Message)>),
    /// It is over.
    Decided(Outcome),
}

/// Whom a participant in doubt can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parties {
    coordinator: NodeId,
    resources: Vec<NodeId>,
}

/// A resource manager's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    node: NodeId,
    bank: Bank,
    /// All transactions it has heard of. What has ended stays, since others may ask.
    branches: BTreeMap<Txn, Branch>,
    /// Whose record each sync under way is for.
    syncs: BTreeMap<Ticket, Txn>,
    ticket: u64,
    /// The disk has failed: nothing may be promised or decided until a restart.
    failed: bool,
}

impl Participant {
    /// The participant on this node, whose bank holds what it held when its log was empty.
    pub fn new(node: NodeId, bank: Bank) -> Participant {
        let (branches, syncs) = (BTreeMap::new(), BTreeMap::new());
        Participant { node, bank, branches, syncs, ticket: 0, failed: false }
    }

    /// Where it runs.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Its accounts and locks.
    pub fn bank(&self) -> &Bank {
        &self.bank
    }

    /// Reads the log from its beginning: what was promised is promised still, locks included.
    fn on_started(&mut self, log: Vec<Record>, effects: &mut Effects<Commit>) {
        // Exercise 3.1: what the log says is so again, and who is in doubt asks
        todo!("3.1: what the log says is so again, and who is in doubt asks")
        // End of 3.1.
    }

    /// An application works here.
    fn on_work(&mut self, txn: Txn, changes: &[Change], effects: &mut Effects<Commit>) {
        match self.branches.get(&txn) {
            None => {}
            Some(Branch::Decided(Outcome::Abort)) => {
                return effects.send(txn.client(), Message::Refused(txn));
            }
            // All the work of a transaction comes in one message.
            Some(_) => return,
        }
        self.branches.insert(txn, Branch::Working);
        if self.bank.work(txn, changes, effects) == Err(Refused) {
            self.refuse(txn, effects);
        }
    }

    /// The first phase: the coordinator wants a vote.
    fn on_prepare(
        &mut self,
        coordinator: NodeId,
        txn: Txn,
        resources: Vec<NodeId>,
        effects: &mut Effects<Commit>,
    ) {
        // Exercise 3.1: a vote is wanted
        todo!("3.1: a vote is wanted")
        // End of 3.1.
    }

    /// The second phase: somebody knows how it has ended.
    fn on_decision(
        &mut self,
        from: NodeId,
        txn: Txn,
        outcome: Outcome,
        effects: &mut Effects<Commit>,
    ) {
        // Exercise 3.1: somebody knows how it has ended
        todo!("3.1: somebody knows how it has ended")
        // End of 3.1.
    }

    /// Another participant is in doubt. Who has not voted can help it: by never voting yes.
    fn on_inquire(&mut self, from: NodeId, txn: Txn, effects: &mut Effects<Commit>) {
        // Exercise 3.1: another one is in doubt, and asks
        todo!("3.1: another one is in doubt, and asks")
        // End of 3.1.
    }

    /// What was to be forced to the disk is there.
    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Commit>) {
        // Exercise 3.1: what was forced is on disk
        todo!("3.1: what was forced is on disk")
        // End of 3.1.
    }

    fn on_expired(&mut self, timer: Timer, effects: &mut Effects<Commit>) {
        // Exercise 3.1: nobody has said anything for a while
        todo!("3.1: nobody has said anything for a while")
        // End of 3.1.
    }

    /// Asks everybody who may know, and will ask again.
    fn inquire(&self, txn: Txn, parties: &Parties, effects: &mut Effects<Commit>) {
        let others = parties.resources.iter().filter(|other| **other != self.node);
        for other in std::iter::once(&parties.coordinator).chain(others) {
            effects.send(*other, Message::Inquire(txn));
        }
        effects.set(Timer::Doubt(txn), DOUBT);
    }

    /// Aborts what was never promised, on its own. That is forced to the disk before anybody is
    /// told: it could be promised otherwise, if work and question came again after a crash.
    fn abort_alone(
        &mut self,
        txn: Txn,
        then: Vec<(NodeId, Message)>,
        effects: &mut Effects<Commit>,
    ) {
        self.branches.insert(txn, Branch::Forcing(Outcome::Abort, then));
        self.force(txn, Record::Aborted(txn), effects);
    }

    /// Writes a record and forces it to the disk.
    fn force(&mut self, txn: Txn, record: Record, effects: &mut Effects<Commit>) {
        self.ticket += 1;
        self.syncs.insert(Ticket(self.ticket), txn);
        effects.write(record);
        effects.sync(Ticket(self.ticket));
    }

    /// Ends a transaction here. Those that waited for its accounts go on.
    fn settle(&mut self, txn: Txn, outcome: Outcome, effects: &mut Effects<Commit>) {
        self.branches.insert(txn, Branch::Decided(outcome));
        effects.clear(Timer::Doubt(txn));
        effects.answer(Told::Decided(txn, outcome));
        for next in self.bank.end(txn, outcome, effects) {
            self.refuse(next, effects);
        }
    }

    /// The work cannot be done.
    fn refuse(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let refused = (txn.client(), Message::Refused(txn));
        self.abort_alone(txn, vec![refused], effects);
    }
}

impl Machine for Participant {
    type Protocol = Commit;

    fn step(&mut self, event: Event<Commit>, effects: &mut Effects<Commit>) {
        if self.failed {
            return;
        }
        match event {
            Event::Started(log) => self.on_started(log, effects),
            Event::Received { from, message } => match message {
                Message::Work { txn, changes } => self.on_work(txn, &changes, effects),
                Message::Prepare { txn, resources } => {
                    self.on_prepare(from, txn, resources, effects);
                }
                Message::Decision { txn, outcome } => self.on_decision(from, txn, outcome, effects),
                Message::Inquire(txn) => self.on_inquire(from, txn, effects),
                // Who is in doubt as well is no help. The timer runs on.
                Message::InDoubt(_) => {}
                // A decision that it had from another participant.
                Message::Ack(_) => {}
                // What only others are told.
                Message::Worked(_) | Message::Refused(_) | Message::Finish { .. } => {}
                Message::Voted { .. } | Message::CanCommit { .. } | Message::PreCommit(_) => {}
                Message::PreCommitted(_) | Message::StateRequest(_) | Message::State { .. } => {}
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
