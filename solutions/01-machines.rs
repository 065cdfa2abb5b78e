//! Retries and idempotence: what a client knows when no reply comes, and how a server makes asking
//! again harmless.
//!
//! A message and its reply can both be lost, and to the one who waits the two look alike. So a
//! client that wants something done for certain must ask again, and then it may be done twice. The
//! cure is in the server: it remembers, together with what it did and as safely, whom it answered
//! what.
//!
//! Always true:
//! - no request of a client is carried out twice, and a repeated request gets the first reply;
//! - a reply is sent only when what it confirms is on disk;
//! - what was done and the memory of having done it are one record, so that no crash parts them.
//!
//! Book: chapter 1. Paper: Saltzer, Reed, Clark 1984 (the end-to-end argument).

use std::collections::BTreeMap;

use machines::bank::{Bank, Books, Message, Record, Recovered, Reply, Request};
use machines::knowledge::{Change, Knowledge, Operation, Outcome, Status};
use machines::{Effects, Event, Machine, NodeId, Ticket};

/// What a client knows of an operation after these attempts to have it carried out, in order.
pub fn classify(attempts: &[Outcome]) -> Knowledge {
    // Exercise 1.1: what is known after these attempts?
    let mut knowledge = Knowledge::DidNot;
    for outcome in attempts {
        match outcome {
            Outcome::Done => return Knowledge::Happened,
            // A timeout says only that the client has stopped waiting.
            Outcome::TimedOut | Outcome::ConnectionLost => knowledge = Knowledge::Unknown,
            // Says nothing about earlier attempts: the node that exists, the version that has
            // changed, may be the client's own work.
            Outcome::Refused(_) | Outcome::NotSent => {}
        }
    }
    knowledge
    // End of 1.1.
}

/// Whether a client may send an operation again after these attempts, without risk of leaving
/// something else behind than sending it once would have left.
pub fn may_retry(operation: Operation, attempts: &[Outcome]) -> bool {
    // Exercise 1.1: may it be sent again?
    match classify(attempts) {
        Knowledge::Happened => false,
        Knowledge::DidNot => true,
        Knowledge::Unknown => match operation {
            Operation::Read
            | Operation::Create
            | Operation::Set
            | Operation::SetIfVersion
            | Operation::Delete => true,
            Operation::CreateSequential | Operation::Increment => false,
        },
    }
    // End of 1.1.
}

/// Changes a status from `expected` to `new`, so that asking twice does no more than asking once.
/// It compares with what the asker expects: statuses have an order, but no status may be skipped.
pub fn change(status: &mut Status, expected: Status, new: Status) -> Change {
    // Exercise 1.3: a change that may be asked for twice
    if *status == new {
        Change::MadeBefore
    } else if *status == expected {
        *status = new;
        Change::Made
    } else {
        Change::Refused
    }
    // End of 1.3.
}

/// The bank's server: carries out each request once, however often it is asked.
#[derive(Clone, Debug, Default)]
pub struct AtMostOnce {
    books: Books,
    /// Replies that wait for the next sync to be asked for.
    fresh: Vec<(NodeId, Reply)>,
    /// Replies that wait for a sync under way.
    waiting: BTreeMap<Ticket, Vec<(NodeId, Reply)>>,
    /// The last sync that was asked for.
    ticket: u64,
    /// How many requests were logged since the last snapshot.
    logged: usize,
    /// How many there may be. Zero is no limit.
    snapshot_every: usize,
    /// The disk has failed: nothing that is not on it may be confirmed any more.
    failed: bool,
}

impl AtMostOnce {
    /// A server that writes a snapshot after so many requests.
    pub fn new(snapshot_every: usize) -> Self {
        AtMostOnce { snapshot_every, ..AtMostOnce::default() }
    }

    /// What the server holds in its memory.
    pub fn books(&self) -> &Books {
        &self.books
    }

    fn on_started(&mut self, recovered: Recovered) {
        self.books = recovered.books;
        self.logged = recovered.log.len();
        for request in recovered.log {
            self.execute(request);
        }
    }

    fn on_request(&mut self, from: NodeId, request: Request, effects: &mut Effects<Bank>) {
        // Exercise 1.2: a request has come: carry it out once, and keep its reply back
        if self.failed {
            return;
        }
        if self.execute(request) {
            effects.write(Record::Request(request));
            self.logged += 1;
        }
        // An older request than the last is late: its reply was received, or its client would not
        // have gone on.
        if let Some(reply) = self.books.replies.get(&request.client)
            && reply.seq == request.seq
        {
            self.fresh.push((from, *reply));
        }
        // End of 1.2.
    }

    /// Carries out a request, unless that was done before, and remembers the reply.
    fn execute(&mut self, Request { client, seq, order }: Request) -> bool {
        // Exercise 1.2: carry it out unless that was done before, and remember the reply
        if self.books.replies.get(&client).is_some_and(|last| seq <= last.seq) {
            return false;
        }
        let result = self.books.accounts.apply(order);
        self.books.replies.insert(client, Reply { client, seq, result });
        true
        // End of 1.2.
    }

    fn on_drained(&mut self, effects: &mut Effects<Bank>) {
        // Exercise 1.2: nothing more is at hand: force what was written
        if self.fresh.is_empty() {
            return;
        }
        if self.snapshot_every > 0 && self.logged >= self.snapshot_every {
            effects.write(Record::Books(self.books.clone()));
            self.logged = 0;
        }
        self.ticket += 1;
        self.waiting.insert(Ticket(self.ticket), std::mem::take(&mut self.fresh));
        effects.sync(Ticket(self.ticket));
        // End of 1.2.
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Bank>) {
        // Exercise 1.2: all before this ticket is on disk: who may be answered now?
        for (to, reply) in self.waiting.remove(&ticket).unwrap_or_default() {
            effects.send(to, Message::Reply(reply));
        }
        // End of 1.2.
    }
}

impl Machine for AtMostOnce {
    type Protocol = Bank;

    fn step(&mut self, event: Event<Bank>, effects: &mut Effects<Bank>) {
        match event {
            Event::Started(recovered) => self.on_started(recovered),
            Event::Received { from, message: Message::Request(request) } => {
                self.on_request(from, request, effects);
            }
            // All that arrived together is forced to the disk together.
            Event::Drained => self.on_drained(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            // The disk may have dropped what it should have kept. Only a restart, which reads what
            // is really there, can tell.
            Event::Failed(..) => {
                self.failed = true;
                self.fresh.clear();
                self.waiting.clear();
            }
            // A reply on a connection that is gone is lost; its client will ask again.
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) => {}
            // A bank is sent no replies and sets no timers.
            Event::Received { message: Message::Reply(_), .. } | Event::Expired(_) => {}
            Event::Fetched(never) => match never {},
        }
    }
}
