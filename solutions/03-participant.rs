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
        for record in log {
            let txn = record.txn();
            let branch = match record {
                Record::Prepared { coordinator, resources, changes, .. } => {
                    self.bank.restore(txn, &changes);
                    Branch::Prepared(Parties { coordinator, resources })
                }
                Record::Committed(_) => {
                    self.bank.free(txn, Outcome::Commit);
                    Branch::Decided(Outcome::Commit)
                }
                Record::Aborted(_) => {
                    self.bank.free(txn, Outcome::Abort);
                    Branch::Decided(Outcome::Abort)
                }
                other => panic!("no participant of two phases writes `{other}`"),
            };
            self.branches.insert(txn, branch);
        }
        for (txn, branch) in &self.branches {
            match branch {
                Branch::Decided(outcome) => effects.answer(Told::Decided(*txn, *outcome)),
                Branch::Prepared(parties) => self.inquire(*txn, parties, effects),
                Branch::Working | Branch::Promising(_) | Branch::Forcing(..) => {}
            }
        }
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
        let no = (coordinator, Message::Voted { txn, vote: Vote::No });
        let changes = self.bank.changes(txn).to_vec();
        match self.branches.get_mut(&txn) {
            Some(Branch::Working) if !changes.is_empty() => {
                let parties = Parties { coordinator, resources: resources.clone() };
                self.branches.insert(txn, Branch::Promising(parties));
                effects.clear(Timer::Idle(txn));
                let promise = Record::Prepared { txn, coordinator, resources, changes };
                self.force(txn, promise, effects);
            }
            // It has no locks yet, or it crashed and knows nothing of the work that it did.
            None | Some(Branch::Working) => self.abort_alone(txn, vec![no], effects),
            Some(Branch::Forcing(Outcome::Abort, then)) => then.push(no),
            Some(Branch::Decided(Outcome::Abort)) => effects.send(no.0, no.1),
            // It was asked before, and its vote is on its way.
            Some(Branch::Promising(_) | Branch::Prepared(_)) => {}
            Some(Branch::Forcing(Outcome::Commit, _) | Branch::Decided(Outcome::Commit)) => {}
        }
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
        match (self.branches.get(&txn), outcome) {
            (Some(Branch::Prepared(parties)), Outcome::Commit) => {
                let ack = vec![(parties.coordinator, Message::Ack(txn))];
                self.branches.insert(txn, Branch::Forcing(outcome, ack));
                self.force(txn, Record::Committed(txn), effects);
            }
            // The coordinator has not heard that this one knows.
            (Some(Branch::Decided(Outcome::Commit)), Outcome::Commit) => {
                effects.send(from, Message::Ack(txn));
            }
            // Nothing need be forced: if this is forgotten, an abort will be presumed again.
            (
                None | Some(Branch::Working | Branch::Promising(_) | Branch::Prepared(_)),
                Outcome::Abort,
            ) => {
                effects.write(Record::Aborted(txn));
                self.settle(txn, Outcome::Abort, effects);
            }
            // It is known already, or soon will be. What is decided is never reversed, and nobody
            // can commit what this participant has not promised.
            (Some(Branch::Forcing(..) | Branch::Decided(_)), _) => {}
            (None | Some(Branch::Working | Branch::Promising(_)), Outcome::Commit) => {}
        }
        // End of 3.1.
    }

    /// Another participant is in doubt. Who has not voted can help it: by never voting yes.
    fn on_inquire(&mut self, from: NodeId, txn: Txn, effects: &mut Effects<Commit>) {
        // Exercise 3.1: another one is in doubt, and asks
        let aborted = Message::Decision { txn, outcome: Outcome::Abort };
        match self.branches.get_mut(&txn) {
            None | Some(Branch::Working) => self.abort_alone(txn, vec![(from, aborted)], effects),
            Some(Branch::Promising(_) | Branch::Prepared(_)) => {
                effects.send(from, Message::InDoubt(txn));
            }
            Some(Branch::Forcing(outcome, then)) => {
                then.push((from, Message::Decision { txn, outcome: *outcome }));
            }
            Some(Branch::Decided(outcome)) => {
                effects.send(from, Message::Decision { txn, outcome: *outcome });
            }
        }
        // End of 3.1.
    }

    /// What was to be forced to the disk is there.
    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Commit>) {
        // Exercise 3.1: what was forced is on disk
        let Some(txn) = self.syncs.remove(&ticket) else { return };
        match self.branches.remove(&txn) {
            Some(Branch::Promising(parties)) => {
                let vote = Vote::Yes;
                effects.answer(Told::Voted(txn, vote));
                effects.send(parties.coordinator, Message::Voted { txn, vote });
                effects.set(Timer::Doubt(txn), DOUBT);
                self.branches.insert(txn, Branch::Prepared(parties));
            }
            Some(Branch::Forcing(outcome, then)) => {
                self.settle(txn, outcome, effects);
                then.into_iter().for_each(|(to, message)| effects.send(to, message));
            }
            // It was told to abort before its promise was on disk, and had not given it.
            Some(Branch::Decided(outcome)) => {
                self.branches.insert(txn, Branch::Decided(outcome));
            }
            None | Some(Branch::Working | Branch::Prepared(_)) => {
                panic!("{txn} forced nothing, and something of it was forced")
            }
        }
        // End of 3.1.
    }

    fn on_expired(&mut self, timer: Timer, effects: &mut Effects<Commit>) {
        // Exercise 3.1: nobody has said anything for a while
        match timer {
            // Nobody has asked for a vote. Nothing is promised, so the work may be dropped.
            Timer::Idle(txn) if self.branches.get(&txn) == Some(&Branch::Working) => {
                self.abort_alone(txn, Vec::new(), effects);
            }
            // Nobody has told the decision, so it asks; more is not allowed to it.
            Timer::Doubt(txn) => {
                if let Some(Branch::Prepared(parties)) = self.branches.get(&txn) {
                    self.inquire(txn, parties, effects);
                }
            }
            // A timer may run out while it is being stopped; and the others are other parties'.
            Timer::Idle(_) | Timer::Answer(_) | Timer::Votes(_) => {}
            Timer::Acks(_) | Timer::States(_) => {}
        }
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
