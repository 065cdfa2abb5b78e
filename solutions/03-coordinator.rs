//! The coordinator of two-phase commit: it asks everybody, decides alone, and tells everybody.
//!
//! The decision is made at one moment: when the record `commit` is on the coordinator's disk. Before
//! that moment, whatever goes wrong means abort: a vote no, a vote that does not come, a crash. What
//! is not on its disk is *presumed* to have aborted, so an abort costs no write at all. After that
//! moment the coordinator tells the decision until everybody has acknowledged it, and then forgets.
//!
//! Always true:
//! - it commits only if all have voted yes, and tells nobody before that is on disk;
//! - it forgets a commit only when nobody will ever ask for it again.
//!
//! Book: chapter 3. Papers: Gray 1978; Mohan, Lindsay, Obermarck 1986 (presumed abort).

use std::collections::{BTreeMap, BTreeSet};

use atomic_commit::{Commit, Message, Outcome, PATIENCE, Record, Timer, Told, Txn, Vote};
use machines::{Effects, Event, Machine, NodeId, Ticket};

/// How far the end of a transaction has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ending {
    /// First phase: these votes are missing.
    Voting { resources: Vec<NodeId>, missing: BTreeSet<NodeId> },
    /// All have voted yes, and that is on its way to the disk.
    Forcing { resources: Vec<NodeId> },
    /// Second phase: it has committed, and these have not acknowledged it.
    Telling { unheard: BTreeSet<NodeId> },
}

/// The transaction manager's part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coordinator {
    endings: BTreeMap<Txn, Ending>,
    /// What it has aborted since it started. The rest is presumed.
    aborted: BTreeSet<Txn>,
    /// Whose record each sync under way is for.
    syncs: BTreeMap<Ticket, Txn>,
    ticket: u64,
    /// The disk has failed: nothing may be decided until a restart.
    failed: bool,
}

impl Coordinator {
    /// A coordinator that has yet to start.
    pub fn new() -> Coordinator {
        Coordinator::default()
    }

    /// Reads the log: whatever has committed is told until everybody knows. What was being voted on
    /// is not there, and so it has aborted.
    fn on_started(&mut self, log: Vec<Record>, effects: &mut Effects<Commit>) {
        for record in log {
            match record {
                Record::Commit { txn, resources } => {
                    let unheard = resources.into_iter().chain([txn.client()]).collect();
                    self.endings.insert(txn, Ending::Telling { unheard });
                }
                Record::End(txn) => drop(self.endings.remove(&txn)),
                other => panic!("no coordinator of two phases writes `{other}`"),
            }
        }
        for (txn, ending) in &self.endings {
            effects.answer(Told::Decided(*txn, Outcome::Commit));
            self.tell(*txn, ending, effects);
        }
    }

    /// The application wants its transaction to end.
    fn on_finish(
        &mut self,
        txn: Txn,
        wish: Outcome,
        resources: Vec<NodeId>,
        effects: &mut Effects<Commit>,
    ) {
        if self.endings.contains_key(&txn) || self.aborted.contains(&txn) {
            return;
        }
        if wish == Outcome::Abort {
            return self.abort(txn, &resources, effects);
        }
        for resource in &resources {
            let resources = resources.clone();
            effects.send(*resource, Message::Prepare { txn, resources });
        }
        effects.set(Timer::Votes(txn), PATIENCE);
        let missing = resources.iter().copied().collect();
        self.endings.insert(txn, Ending::Voting { resources, missing });
    }

    fn on_voted(&mut self, from: NodeId, txn: Txn, vote: Vote, effects: &mut Effects<Commit>) {
        match (self.endings.get_mut(&txn), vote) {
            (Some(Ending::Voting { resources, missing }), Vote::Yes) => {
                missing.remove(&from);
                if missing.is_empty() {
                    let resources = std::mem::take(resources);
                    self.commit(txn, resources, effects);
                }
            }
            (Some(Ending::Voting { resources, .. }), Vote::No) => {
                let resources = std::mem::take(resources);
                self.abort(txn, &resources, effects);
            }
            // It votes on what is not here: what is not here has aborted.
            (None, Vote::Yes) => {
                effects.send(from, Message::Decision { txn, outcome: Outcome::Abort });
            }
            // Its vote was counted already, or is not needed.
            (Some(Ending::Forcing { .. } | Ending::Telling { .. }), _) | (None, Vote::No) => {}
        }
    }

    /// Everybody has promised. From the moment when this is on disk, it is decided.
    fn commit(&mut self, txn: Txn, resources: Vec<NodeId>, effects: &mut Effects<Commit>) {
        effects.clear(Timer::Votes(txn));
        self.ticket += 1;
        self.syncs.insert(Ticket(self.ticket), txn);
        effects.write(Record::Commit { txn, resources: resources.clone() });
        effects.sync(Ticket(self.ticket));
        self.endings.insert(txn, Ending::Forcing { resources });
    }

    /// Nothing is written, and nobody has to acknowledge: whoever asks later finds nothing here.
    fn abort(&mut self, txn: Txn, resources: &[NodeId], effects: &mut Effects<Commit>) {
        self.endings.remove(&txn);
        self.aborted.insert(txn);
        effects.clear(Timer::Votes(txn));
        effects.answer(Told::Decided(txn, Outcome::Abort));
        for party in resources.iter().chain([&txn.client()]) {
            effects.send(*party, Message::Decision { txn, outcome: Outcome::Abort });
        }
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Commit>) {
        let Some(txn) = self.syncs.remove(&ticket) else { return };
        let Some(Ending::Forcing { resources }) = self.endings.remove(&txn) else {
            panic!("{txn} forced nothing, and something of it was forced");
        };
        effects.answer(Told::Decided(txn, Outcome::Commit));
        let unheard = resources.into_iter().chain([txn.client()]).collect();
        let ending = Ending::Telling { unheard };
        self.tell(txn, &ending, effects);
        self.endings.insert(txn, ending);
    }

    /// Tells the commit to all that have not acknowledged it, and will do so again.
    fn tell(&self, txn: Txn, ending: &Ending, effects: &mut Effects<Commit>) {
        let Ending::Telling { unheard } = ending else { return };
        for party in unheard {
            effects.send(*party, Message::Decision { txn, outcome: Outcome::Commit });
        }
        effects.set(Timer::Acks(txn), PATIENCE);
    }

    fn on_ack(&mut self, from: NodeId, txn: Txn, effects: &mut Effects<Commit>) {
        // Nobody has to acknowledge an abort, but an application does.
        let Some(Ending::Telling { unheard }) = self.endings.get_mut(&txn) else { return };
        unheard.remove(&from);
        if unheard.is_empty() {
            // If this is lost, everybody is told and acknowledges once more.
            effects.write(Record::End(txn));
            effects.clear(Timer::Acks(txn));
            self.endings.remove(&txn);
        }
    }

    /// Somebody does not know how it ended.
    fn on_inquire(&mut self, from: NodeId, txn: Txn, effects: &mut Effects<Commit>) {
        let outcome = match self.endings.get(&txn) {
            // It is not decided yet.
            Some(Ending::Voting { .. } | Ending::Forcing { .. }) => return,
            Some(Ending::Telling { .. }) => Outcome::Commit,
            // Presumed abort. Should the application ask for a commit only now, it is too late.
            None => {
                if self.aborted.insert(txn) {
                    effects.answer(Told::Decided(txn, Outcome::Abort));
                }
                Outcome::Abort
            }
        };
        effects.send(from, Message::Decision { txn, outcome });
    }

    fn on_expired(&mut self, timer: Timer, effects: &mut Effects<Commit>) {
        match (timer, self.endings.get_mut(&timer.txn())) {
            // Over-conservative, and the only safe thing: it cannot tell a slow vote from no vote.
            (Timer::Votes(txn), Some(Ending::Voting { resources, .. })) => {
                let resources = std::mem::take(resources);
                self.abort(txn, &resources, effects);
            }
            (Timer::Acks(txn), Some(_)) => self.tell(txn, &self.endings[&txn], effects),
            // A timer may run out while it is being stopped; and the others are other parties'.
            (Timer::Votes(_) | Timer::Acks(_) | Timer::Answer(_), _) => {}
            (Timer::Idle(_) | Timer::Doubt(_) | Timer::States(_), _) => {}
        }
    }
}

impl Machine for Coordinator {
    type Protocol = Commit;

    fn step(&mut self, event: Event<Commit>, effects: &mut Effects<Commit>) {
        if self.failed {
            return;
        }
        match event {
            Event::Started(log) => self.on_started(log, effects),
            Event::Received { from, message } => match message {
                Message::Finish { txn, wish, resources } => {
                    self.on_finish(txn, wish, resources, effects);
                }
                Message::Voted { txn, vote } => self.on_voted(from, txn, vote, effects),
                Message::Ack(txn) => self.on_ack(from, txn, effects),
                Message::Inquire(txn) => self.on_inquire(from, txn, effects),
                // What only others are told.
                Message::Work { .. } | Message::Worked(_) | Message::Refused(_) => {}
                Message::Prepare { .. } | Message::CanCommit { .. } | Message::PreCommit(_) => {}
                Message::PreCommitted(_) | Message::Decision { .. } | Message::InDoubt(_) => {}
                Message::StateRequest(_) | Message::State { .. } => {}
            },
            Event::Expired(timer) => self.on_expired(timer, effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            // Whether the decision is on disk, only a restart can tell.
            Event::Failed(..) => self.failed = true,
            // Messages may be lost: whoever needs an answer asks again.
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
