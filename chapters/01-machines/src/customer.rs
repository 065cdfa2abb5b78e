//! A customer of the bank: makes requests one after another and repeats each until it is answered.
//!
//! Always true:
//! - a request that is repeated keeps its number;
//! - there is one request under way at most.

use std::time::Duration;

use crate::bank::{Bank, Message, Order, Request, Timer};
use crate::machine::{Effects, Event, Machine};
use crate::node::NodeId;

/// How long a customer waits before it asks again.
const PATIENCE: Duration = Duration::from_millis(50);

/// A customer with a list of orders. It tells its host each reply.
#[derive(Clone, Debug)]
pub struct Customer {
    number: u64,
    bank: NodeId,
    orders: Vec<Order>,
    answered: usize,
    connected: bool,
}

impl Customer {
    /// Customer `number`, who wants these orders carried out in turn.
    pub fn new(number: u64, bank: NodeId, orders: Vec<Order>) -> Self {
        Customer { number, bank, orders, answered: 0, connected: false }
    }

    fn ask(&self, effects: &mut Effects<Bank>) {
        let Some(order) = self.orders.get(self.answered) else {
            effects.clear(Timer::Retry);
            return;
        };
        effects.set(Timer::Retry, PATIENCE);
        if self.connected {
            let (client, seq) = (self.number, self.answered as u64 + 1);
            let request = Request { client, seq, order: *order };
            effects.send(self.bank, Message::Request(request));
        } else {
            effects.open(self.bank);
        }
    }
}

impl Machine for Customer {
    type Protocol = Bank;

    fn step(&mut self, event: Event<Bank>, effects: &mut Effects<Bank>) {
        match event {
            Event::Started(_) | Event::Expired(Timer::Retry) => self.ask(effects),
            Event::Opened(_) => {
                self.connected = true;
                self.ask(effects);
            }
            // The retry timer is running: it will open a new connection.
            Event::Closed(_) => self.connected = false,
            Event::Received { message: Message::Reply(reply), .. } => {
                // A reply may come twice; the second one answers nothing any more.
                if reply.seq == self.answered as u64 + 1 {
                    self.answered += 1;
                    effects.answer(reply);
                    self.ask(effects);
                }
            }
            // Nobody asks a customer, and it has no disk.
            Event::Received { message: Message::Request(_), .. }
            | Event::Flushed(_)
            | Event::Durable(_)
            | Event::Failed(..)
            | Event::Drained => {}
            Event::Fetched(never) => match never {},
        }
    }
}
