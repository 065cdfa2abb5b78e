//! The transactional outbox and the idempotent consumer.
//!
//! Two banks cannot write to their disks together, but each can write two things together to its own.
//! So the first writes *the money is gone* and *the message is to be sent* in one entry, and sends
//! the message until it is acknowledged: at least once. The second writes *the money is here* and
//! *the message has come* in one entry: at most once. Together that is exactly once, whoever crashes.
//! It needs no vote and no lock, and for a while the money is in neither account.
//!
//! Always true:
//! - a payment is sent only when it is on disk that it is owed, and is acknowledged only when it is
//!   on disk that it is credited;
//! - payments are credited in the order of their numbers, so that the last number is all that the
//!   consumer must remember of a producer.
//!
//! Book: chapter 3. Paper: Helland 2007 ("Life beyond distributed transactions").

use std::collections::BTreeMap;

use atomic_commit::outbox::{Entry, Message, Order, Outbox, Payment, RETRY, Timer, Told};
use machines::{Effects, Event, Machine, NodeId, Ticket};

/// The bank that pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Who is paid.
    consumer: NodeId,
    balances: BTreeMap<u64, u64>,
    /// The last answer to each customer: the number of the order, and whether it was carried out.
    answers: BTreeMap<u64, (u64, bool)>,
    /// What is on disk and not acknowledged, by number.
    outbox: BTreeMap<u64, Payment>,
    /// How many payments there were.
    last: u64,
    /// What is on its way to the disk.
    writing: BTreeMap<Ticket, Entry>,
    ticket: u64,
    /// The disk has failed: nothing may be paid or answered until a restart.
    failed: bool,
}

impl Producer {
    /// A bank that pays another, with these accounts and what they held when its log was empty.
    pub fn new(consumer: NodeId, balances: impl IntoIterator<Item = (u64, u64)>) -> Producer {
        Producer {
            consumer,
            balances: balances.into_iter().collect(),
            answers: BTreeMap::new(),
            outbox: BTreeMap::new(),
            last: 0,
            writing: BTreeMap::new(),
            ticket: 0,
            failed: false,
        }
    }

    /// What all accounts hold together.
    pub fn total(&self) -> u64 {
        self.balances.values().sum()
    }

    /// How many payments wait in the outbox.
    pub fn waiting(&self) -> usize {
        self.outbox.len() + self.writing.len()
    }

    fn on_started(&mut self, log: Vec<Entry>, effects: &mut Effects<Outbox>) {
        for entry in log {
            self.execute(entry);
            match entry {
                Entry::Paid(_, payment) => drop(self.outbox.insert(payment.number, payment)),
                Entry::Arrived(number) => self.outbox.retain(|other, _| *other > number),
                Entry::Refused(_) | Entry::Credited(..) => {}
            }
        }
        // It may have crashed before anybody was told.
        self.outbox.values().for_each(|payment| effects.answer(Told::Paid(*payment)));
        self.deliver(effects);
    }

    fn on_order(&mut self, from: NodeId, order: Order, effects: &mut Effects<Outbox>) {
        match self.answers.get(&order.customer) {
            Some((number, paid)) if *number == order.number => {
                let (number, paid) = (*number, *paid);
                let durable = self.writing.values().all(|entry| !is_for(entry, &order));
                if durable {
                    effects.send(from, Message::Answer { number, paid });
                }
                return;
            }
            // It is late: its answer was received, or the customer would not have gone on.
            Some((number, _)) if *number > order.number => return,
            Some(_) | None => {}
        }
        let balance = self.balances.get(&order.from).copied().unwrap_or(0);
        let payment = Payment { number: self.last + 1, to: order.to, amount: order.amount };
        let entry = match balance < order.amount {
            true => Entry::Refused(order),
            false => Entry::Paid(order, payment),
        };
        self.execute(entry);
        self.ticket += 1;
        self.writing.insert(Ticket(self.ticket), entry);
        effects.write(entry);
        effects.sync(Ticket(self.ticket));
    }

    /// The first local transaction: the money, the answer and the message, together.
    fn execute(&mut self, entry: Entry) {
        match entry {
            Entry::Paid(order, payment) => {
                *self.balances.entry(order.from).or_default() -= order.amount;
                self.answers.insert(order.customer, (order.number, true));
                self.last = payment.number;
            }
            Entry::Refused(order) => {
                self.answers.insert(order.customer, (order.number, false));
            }
            Entry::Arrived(_) => {}
            Entry::Credited(..) => panic!("who pays is not paid"),
        }
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Outbox>) {
        let Some(entry) = self.writing.remove(&ticket) else { return };
        let (order, paid) = match entry {
            Entry::Paid(order, payment) => {
                effects.answer(Told::Paid(payment));
                self.outbox.insert(payment.number, payment);
                effects.send(self.consumer, Message::Payment(payment));
                effects.set(Timer::Retry, RETRY);
                (order, true)
            }
            Entry::Refused(order) => (order, false),
            Entry::Arrived(_) | Entry::Credited(..) => return,
        };
        let answer = Message::Answer { number: order.number, paid };
        effects.send(NodeId::Client(order.customer), answer);
    }

    /// Sends all that is not acknowledged, in order, and will send it again.
    fn deliver(&self, effects: &mut Effects<Outbox>) {
        for payment in self.outbox.values() {
            effects.send(self.consumer, Message::Payment(*payment));
        }
        if !self.outbox.is_empty() {
            effects.set(Timer::Retry, RETRY);
        }
    }

    /// Only now may it be dropped. If the entry is lost, it is delivered once more, without harm.
    fn on_credited(&mut self, number: u64, effects: &mut Effects<Outbox>) {
        let before = self.outbox.len();
        self.outbox.retain(|other, _| *other > number);
        if self.outbox.len() < before {
            effects.write(Entry::Arrived(number));
        }
    }
}

/// Whether an entry is what came of an order.
fn is_for(entry: &Entry, order: &Order) -> bool {
    matches!(entry, Entry::Paid(other, _) | Entry::Refused(other) if other == order)
}

impl Machine for Producer {
    type Protocol = Outbox;

    fn step(&mut self, event: Event<Outbox>, effects: &mut Effects<Outbox>) {
        if self.failed {
            return;
        }
        match event {
            Event::Started(log) => self.on_started(log, effects),
            Event::Received { from, message: Message::Order(order) } => {
                self.on_order(from, order, effects);
            }
            Event::Received { message: Message::Credited(number), .. } => {
                self.on_credited(number, effects);
            }
            Event::Expired(Timer::Retry) => self.deliver(effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            // Only a restart, which reads what is really there, can tell what was kept.
            Event::Failed(..) => self.failed = true,
            // What only others are told, and connections, which are somebody else's care.
            Event::Received { .. } | Event::Opened(_) | Event::Closed(_) => {}
            Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}

/// The bank that is paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consumer {
    balances: BTreeMap<u64, u64>,
    /// The last payment of each producer that is credited, though maybe not on disk.
    last: BTreeMap<NodeId, u64>,
    /// What is on its way to the disk.
    writing: BTreeMap<Ticket, (NodeId, Payment)>,
    ticket: u64,
    /// The disk has failed: nothing may be acknowledged until a restart.
    failed: bool,
}

impl Consumer {
    /// A bank whose accounts are empty.
    pub fn new() -> Consumer {
        Consumer::default()
    }

    /// What all accounts hold together.
    pub fn total(&self) -> u64 {
        self.balances.values().sum()
    }

    fn on_payment(&mut self, from: NodeId, payment: Payment, effects: &mut Effects<Outbox>) {
        let last = self.last.get(&from).copied().unwrap_or(0);
        if payment.number <= last {
            // It is credited already. If that is on disk too, the acknowledgement was lost.
            if self.writing.is_empty() {
                effects.send(from, Message::Credited(last));
            }
        } else if payment.number == last + 1 {
            self.execute(from, payment);
            self.ticket += 1;
            self.writing.insert(Ticket(self.ticket), (from, payment));
            effects.write(Entry::Credited(from, payment));
            effects.sync(Ticket(self.ticket));
        }
        // One before it is missing. All that is not acknowledged will come again, in order.
    }

    /// The second local transaction: the money and the number of the message, together.
    fn execute(&mut self, from: NodeId, payment: Payment) {
        *self.balances.entry(payment.to).or_default() += payment.amount;
        self.last.insert(from, payment.number);
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Outbox>) {
        let Some((from, payment)) = self.writing.remove(&ticket) else { return };
        effects.answer(Told::Credited(payment));
        effects.send(from, Message::Credited(payment.number));
    }
}

impl Machine for Consumer {
    type Protocol = Outbox;

    fn step(&mut self, event: Event<Outbox>, effects: &mut Effects<Outbox>) {
        if self.failed {
            return;
        }
        match event {
            Event::Started(log) => {
                for entry in log {
                    let Entry::Credited(from, payment) = entry else {
                        panic!("who is paid does not pay: {entry}");
                    };
                    self.execute(from, payment);
                    effects.answer(Told::Credited(payment));
                }
            }
            Event::Received { from, message: Message::Payment(payment) } => {
                self.on_payment(from, payment, effects);
            }
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            // Only a restart, which reads what is really there, can tell what was kept.
            Event::Failed(..) => self.failed = true,
            // What only others are told, and connections, which are somebody else's care.
            Event::Received { .. } | Event::Opened(_) | Event::Closed(_) => {}
            Event::Expired(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
