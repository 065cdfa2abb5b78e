//! An application: moves money between accounts at several banks.
//!
//! It works at all of the banks, and when all say that it can be done, it asks the transaction manager
//! for a commit. If a bank refuses, or says nothing, it asks for an abort. Then it waits to hear how
//! its transaction has ended, however long that takes.
//!
//! Always true:
//! - there is one transaction under way at most;
//! - the end of a transaction is asked for once; after that, it only inquires.
//!
//! Book: chapter 3. X/Open: the TX interface.

use std::collections::BTreeSet;

use machines::{Effects, Event, Machine, NodeId};

use crate::message::{ANSWER, Change, Commit, Message, Outcome, Timer, Told, Txn};

/// Money to be moved: the changes to make, and at which bank each. They add up to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer(pub Vec<(NodeId, Change)>);

/// How far the application has come with the present transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// The banks are at work; these are done.
    Working(BTreeSet<NodeId>),
    /// The end was asked for.
    Finishing,
}

/// An application with a list of transfers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    number: u64,
    manager: NodeId,
    transfers: Vec<Transfer>,
    /// How many have ended.
    ended: usize,
    stage: Stage,
}

impl Application {
    /// Application `number`, which makes these transfers one after another. After a restart it must
    /// be given none: it has no disk, and does not know which it has made.
    pub fn new(number: u64, manager: NodeId, transfers: Vec<Transfer>) -> Application {
        let stage = Stage::Working(BTreeSet::new());
        Application { number, manager, transfers, ended: 0, stage }
    }

    /// Whether all transfers have ended.
    pub fn is_done(&self) -> bool {
        self.ended == self.transfers.len()
    }

    fn txn(&self) -> Txn {
        Txn { application: self.number, number: self.ended as u64 + 1 }
    }

    fn resources(&self) -> Vec<NodeId> {
        let banks: BTreeSet<NodeId> =
            self.transfers[self.ended].0.iter().map(|(bank, _)| *bank).collect();
        banks.into_iter().collect()
    }

    /// Begins the next transfer, if there is one.
    fn begin(&mut self, effects: &mut Effects<Commit>) {
        let Some(Transfer(changes)) = self.transfers.get(self.ended) else { return };
        let txn = self.txn();
        for bank in self.resources() {
            let here = changes.iter().filter(|(at, _)| *at == bank);
            let changes = here.map(|(_, change)| *change).collect();
            effects.send(bank, Message::Work { txn, changes });
        }
        self.stage = Stage::Working(BTreeSet::new());
        effects.set(Timer::Answer(txn), ANSWER);
    }

    /// Asks for the end of the transaction.
    fn finish(&mut self, wish: Outcome, effects: &mut Effects<Commit>) {
        let (txn, resources) = (self.txn(), self.resources());
        self.stage = Stage::Finishing;
        effects.answer(Told::Asked(txn, wish, resources.clone()));
        effects.send(self.manager, Message::Finish { txn, wish, resources });
        effects.set(Timer::Answer(txn), ANSWER);
    }

    fn on_worked(&mut self, from: NodeId, effects: &mut Effects<Commit>) {
        let all = self.resources().len();
        // Too late: it has asked for an abort already.
        let Stage::Working(done) = &mut self.stage else { return };
        done.insert(from);
        if done.len() == all {
            self.finish(Outcome::Commit, effects);
        }
    }

    fn on_decision(&mut self, outcome: Outcome, effects: &mut Effects<Commit>) {
        let txn = self.txn();
        effects.clear(Timer::Answer(txn));
        effects.answer(Told::Decided(txn, outcome));
        effects.send(self.manager, Message::Ack(txn));
        self.ended += 1;
        self.begin(effects);
    }

    fn on_silence(&mut self, effects: &mut Effects<Commit>) {
        match self.stage {
            Stage::Working(_) => self.finish(Outcome::Abort, effects),
            // To ask for a commit again could begin another vote on what has ended long ago.
            Stage::Finishing => {
                effects.send(self.manager, Message::Inquire(self.txn()));
                effects.set(Timer::Answer(self.txn()), ANSWER);
            }
        }
    }
}

impl Machine for Application {
    type Protocol = Commit;

    fn step(&mut self, event: Event<Commit>, effects: &mut Effects<Commit>) {
        match event {
            Event::Started(_) => self.begin(effects),
            Event::Received { from, message: Message::Decision { txn, outcome } } => {
                if self.stage == Stage::Finishing && !self.is_done() && txn == self.txn() {
                    self.on_decision(outcome, effects);
                } else {
                    // It is told once more: it has not been heard, or was restarted.
                    effects.send(from, Message::Ack(txn));
                }
            }
            Event::Received { from, message: Message::Worked(txn) } if txn == self.txn() => {
                self.on_worked(from, effects);
            }
            Event::Received { message: Message::Refused(txn), .. } if txn == self.txn() => {
                if self.stage != Stage::Finishing {
                    self.finish(Outcome::Abort, effects);
                }
            }
            // What is said about other transactions is old, and what only others are told.
            Event::Received { .. } => {}
            Event::Expired(Timer::Answer(txn)) if txn == self.txn() => self.on_silence(effects),
            Event::Expired(_) => {}
            // It has no disk, and connections are somebody else's care.
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Durable(_) | Event::Failed(..) => {}
            Event::Fetched(never) => match never {},
        }
    }
}
