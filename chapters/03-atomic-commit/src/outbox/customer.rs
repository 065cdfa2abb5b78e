//! A customer of the first bank: orders payments one after another, and repeats each until it is
//! answered. It is the customer of chapter 1 in other words.
//!
//! Book: chapter 3.

use machines::{Effects, Event, Machine, NodeId};

use super::{Message, Order, Outbox, RETRY, Timer, Told};

/// A customer with a list of orders.
#[derive(Clone, Debug)]
pub struct Customer {
    bank: NodeId,
    orders: Vec<Order>,
    answered: usize,
}

impl Customer {
    /// A customer that gives these orders, which are numbered from 1, to a bank.
    pub fn new(bank: NodeId, orders: Vec<Order>) -> Customer {
        Customer { bank, orders, answered: 0 }
    }

    /// Whether every order was answered.
    pub fn is_done(&self) -> bool {
        self.answered == self.orders.len()
    }

    fn ask(&self, effects: &mut Effects<Outbox>) {
        if let Some(order) = self.orders.get(self.answered) {
            effects.send(self.bank, Message::Order(*order));
            effects.set(Timer::Retry, RETRY);
        }
    }
}

impl Machine for Customer {
    type Protocol = Outbox;

    fn step(&mut self, event: Event<Outbox>, effects: &mut Effects<Outbox>) {
        match event {
            Event::Started(_) | Event::Expired(Timer::Retry) => self.ask(effects),
            Event::Received { message: Message::Answer { number, paid }, .. } => {
                // An answer that comes twice answers nothing any more.
                if number == self.answered as u64 + 1 {
                    self.answered += 1;
                    effects.clear(Timer::Retry);
                    effects.answer(Told::Answered(number, paid));
                    self.ask(effects);
                }
            }
            // Nobody asks a customer, and it has no disk.
            Event::Received { .. } | Event::Durable(_) | Event::Failed(..) => {}
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
