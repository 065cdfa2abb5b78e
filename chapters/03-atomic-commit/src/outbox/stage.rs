//! The world in which the outbox is tried: a customer, the bank that pays, the bank that is paid.
//!
//! Book: chapter 3.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::{
    Boot, Booted, Effect, Effects, Event, Fault, Kind, Machine, NodeId, Occurrence, Settings,
    Trace, World,
};

use super::{Customer, Order, Outbox, Payment, Told};
use crate::laws::{Broken, Law};
use crate::links::Links;
use crate::log::Log;
use crate::{Consumer, Producer};

/// The bank that pays.
pub const PAYER: NodeId = NodeId::Server(1);
/// The bank that is paid.
pub const PAYEE: NodeId = NodeId::Server(2);

/// What each of the accounts 1 to 3 of the first bank holds at first.
const OPENING: u64 = 100;

/// What a process is.
#[derive(Clone, Debug)]
pub enum Role {
    /// It orders payments.
    Customer(Customer),
    /// It pays.
    Producer(Producer),
    /// It is paid.
    Consumer(Consumer),
}

/// A machine with connections.
#[derive(Clone, Debug)]
pub struct Office {
    role: Role,
    links: Links<Outbox>,
}

impl Office {
    /// What it is.
    pub fn role(&self) -> &Role {
        &self.role
    }
}

impl Machine for Office {
    type Protocol = Outbox;

    fn step(&mut self, event: Event<Outbox>, effects: &mut Effects<Outbox>) {
        match event {
            Event::Opened(peer) => return self.links.on_opened(peer, effects),
            Event::Closed(peer) => return self.links.on_closed(peer, effects),
            _ => {}
        }
        let mut wanted = Effects::at(effects.now());
        match &mut self.role {
            Role::Customer(machine) => machine.step(event, &mut wanted),
            Role::Producer(machine) => machine.step(event, &mut wanted),
            Role::Consumer(machine) => machine.step(event, &mut wanted),
        }
        for effect in wanted.drain() {
            match effect {
                Effect::Send { to, message } => self.links.send(to, message, effects),
                other => effects.push(other),
            }
        }
    }
}

/// Starts both banks, and one customer with these orders.
pub fn add_all(world: &mut World<Office>, orders: Vec<Order>) {
    let opening = || (1..=3).map(|account| (account, OPENING));
    world.add(PAYER, move |boot| start(Role::Producer(Producer::new(PAYEE, opening())), boot));
    world.add(PAYEE, |boot| start(Role::Consumer(Consumer::new()), boot));
    world.add(NodeId::Client(1), move |boot| {
        start(Role::Customer(Customer::new(PAYER, orders.clone())), boot)
    });
}

fn start(role: Role, boot: Boot) -> Result<Booted<Office>, Fault> {
    let (log, recovered) = Log::open(boot.files)?;
    let machine = Office { role, links: Links::new() };
    Ok(Booted { machine, disk: Box::new(log), recovered })
}

/// Repairs everything, and goes on until all is done or for two minutes.
pub fn end(world: &mut World<Office>, audit: &mut Audit) {
    world.heal();
    *world.settings_mut() = Settings::default();
    world.tell_what_broke();
    let end = world.now() + Duration::from_secs(120);
    while !is_done(world) && world.now() < end {
        // A fault that was still to come may have come.
        for node in world.nodes() {
            world.resume(node);
            world.restart(node);
        }
        let limit = world.now() + Duration::from_secs(1);
        while step(world, audit, limit) {}
    }
    audit.observe_end(world);
}

/// Does the next thing, if it happens no later than `limit`, and says whether it did. A process
/// whose disk has failed does nothing any more: it is started again.
pub fn step(world: &mut World<Office>, audit: &mut Audit, limit: Duration) -> bool {
    let Some(occurrence) = world.step_until(limit) else { return false };
    audit.observe(&occurrence);
    if occurrence.line.kind == Kind::Failed {
        world.crash(occurrence.line.node);
        world.restart(occurrence.line.node);
    }
    true
}

fn is_done(world: &World<Office>) -> bool {
    world.nodes().into_iter().all(|node| match world.machine(node).map(Office::role) {
        Some(Role::Customer(customer)) => customer.is_done(),
        Some(Role::Producer(producer)) => producer.waiting() == 0,
        Some(Role::Consumer(_)) => true,
        None => false,
    })
}

/// Who looks whether everything that was paid arrives, and once.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    paid: BTreeMap<u64, Payment>,
    /// What the second bank has told since it started; it begins with what is in its log.
    credited: BTreeMap<u64, Payment>,
    broken: Option<Broken>,
}

impl Audit {
    /// The first law that was broken.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// How much was paid, and how much of that was credited.
    pub fn sums(&self) -> (u64, u64) {
        let sum = |payments: &BTreeMap<u64, Payment>| payments.values().map(|it| it.amount).sum();
        (sum(&self.paid), sum(&self.credited))
    }

    /// Looks at what has just happened.
    pub fn observe(&mut self, occurrence: &Occurrence<Outbox>) {
        if (occurrence.line.kind, occurrence.line.node) == (Kind::Started, PAYEE) {
            self.credited.clear();
        }
        for told in &occurrence.answers {
            let broken = match told {
                Told::Paid(payment) => {
                    self.paid.insert(payment.number, *payment);
                    None
                }
                Told::Credited(payment) if self.paid.get(&payment.number) != Some(payment) => {
                    Some((Law::O2, format!("{payment} was credited, and not paid")))
                }
                Told::Credited(payment) => self
                    .credited
                    .insert(payment.number, *payment)
                    .map(|_| (Law::O1, format!("{payment} was credited twice"))),
                Told::Answered(..) => None,
            };
            self.remember(occurrence.line.time, broken);
        }
    }

    fn observe_end(&mut self, world: &World<Office>) {
        let (mut left, mut arrived) = (0, 0);
        for node in world.nodes() {
            match world.machine(node).map(Office::role) {
                Some(Role::Producer(producer)) => left = producer.total(),
                Some(Role::Consumer(consumer)) => arrived = consumer.total(),
                Some(Role::Customer(_)) | None => {}
            }
        }
        let missing = self.paid.values().find(|it| !self.credited.contains_key(&it.number));
        let broken = match missing {
            Some(payment) => Some((Law::O3, format!("{payment} was paid, and not credited"))),
            None if left + arrived != 3 * OPENING => {
                Some((Law::O3, format!("{left} is left, and {arrived} has arrived")))
            }
            None => None,
        };
        self.remember(world.now(), broken);
    }

    fn remember(&mut self, time: Duration, broken: Option<(Law, String)>) {
        if let (None, Some((law, why))) = (&self.broken, broken) {
            self.broken = Some(Broken { law, time, why });
        }
    }
}

/// A payment is delivered and credited, but the acknowledgement is lost, and then both banks crash.
/// It is delivered again, and not credited again.
pub fn crash_in_the_middle(seed: u64) -> (Trace, Audit) {
    let mut world = World::new(seed, Settings::default());
    world.trace_mut().record();
    let order = |number, to| Order { customer: 1, number, from: 1, to, amount: 30 };
    add_all(&mut world, vec![order(1, 7), order(2, 8), order(3, 9), order(4, 9)]);
    let mut audit = Audit::default();
    go(&mut world, &mut audit, "2 ← 1 Payment #1");
    world.cut(PAYEE, PAYER);
    go(&mut world, &mut audit, "2 answered Credited #1");
    world.crash(PAYEE);
    world.power_loss(PAYER);
    end(&mut world, &mut audit);
    (world.trace().clone(), audit)
}

/// Goes on until the trace has a line with this text.
fn go(world: &mut World<Office>, audit: &mut Audit, text: &str) {
    let mut seen = 0;
    while step(world, audit, Duration::MAX) {
        let lines = world.trace().lines();
        if lines[seen..].iter().any(|line| line.to_string().contains(text)) {
            return;
        }
        seen = lines.len();
    }
}
