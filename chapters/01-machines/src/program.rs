//! The chapter's program: a customer deposits 100, and something goes wrong on the way.
//!
//! The bank is the chapter's heart, or one that carries out whatever it receives and remembers
//! nobody: what most servers do before somebody has been charged twice.
//!
//! Book: chapter 1.

use std::time::Duration;

use crate::bank::{Accounts, Bank, Message, Order, Record, Recovered, Reply, Request};
use crate::customer::Customer;
use crate::ledger::Ledger;
use crate::machine::{Effects, Event, Fault, Machine, Ticket};
use crate::node::{Boot, Booted, NodeId};
use crate::settings::Settings;
use crate::trace::{Kind, Line, Trace};
use crate::world::World;

const BANK: NodeId = NodeId::Server(1);
const CUSTOMER: NodeId = NodeId::Client(1);

/// Which account the customer pays into.
pub const ACCOUNT: u64 = 7;

/// How much the customer pays in, once.
pub const AMOUNT: u64 = 100;

/// How long nothing gets through.
const TROUBLE: Duration = Duration::from_millis(120);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    Nothing,
    /// What the customer sends does not arrive for a while.
    RequestLost,
    /// What the bank sends does not arrive for a while.
    ReplyLost,
    /// The bank's power goes when it has received the request, and comes back.
    PowerLost,
    /// The bank's power goes when the request is on its disk, and comes back.
    PowerLostLater,
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// What goes wrong.
    pub trouble: Trouble,
    /// Whether the bank remembers whom it answered what.
    pub remembers: bool,
    /// The seed of the world.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All that happened.
    pub trace: Trace,
    /// What the account holds in the end.
    pub balance: u64,
    /// How often the customer asked.
    pub asked: usize,
}

/// Runs it.
pub fn run_program(program: Program) -> Outcome {
    let mut world: World<Box<dyn Machine<Protocol = Bank>>> =
        World::new(program.seed, Settings::default());
    world.trace_mut().record();
    world.add(BANK, move |boot| match program.remembers {
        true => open(boot, Box::new(crate::AtMostOnce::new(0))),
        false => open(boot, Box::new(Careless::default())),
    });
    let order = Order::Deposit { account: ACCOUNT, amount: AMOUNT };
    world.add(CUSTOMER, move |boot| open(boot, Box::new(Customer::new(1, BANK, vec![order]))));
    match program.trouble {
        Trouble::Nothing => {}
        Trouble::RequestLost => {
            until(&mut world, CUSTOMER, Kind::Opened);
            world.cut(CUSTOMER, BANK);
        }
        Trouble::ReplyLost => {
            until(&mut world, BANK, Kind::Received);
            world.cut(BANK, CUSTOMER);
        }
        Trouble::PowerLost => until(&mut world, BANK, Kind::Received),
        Trouble::PowerLostLater => {
            until(&mut world, BANK, Kind::Received);
            world.cut(BANK, CUSTOMER);
            until(&mut world, BANK, Kind::Durable);
        }
    }
    if let Trouble::PowerLost | Trouble::PowerLostLater = program.trouble {
        world.power_loss(BANK);
        world.restart(BANK);
    }
    let heals = world.now() + TROUBLE;
    while world.step_until(heals).is_some() {}
    world.heal();
    // The customer gives up a broken connection after a while, and asks again.
    let ends = world.now() + Duration::from_secs(20);
    while world.step_until(ends).is_some() {}
    let is_request = |line: &&Line| {
        line.kind == Kind::Sent && line.node == CUSTOMER && line.text.starts_with("Request")
    };
    let trace = world.trace().clone();
    let asked = trace.lines().iter().filter(is_request).count();
    Outcome { balance: balance(&trace), asked, trace }
}

type Banking = World<Box<dyn Machine<Protocol = Bank>>>;

fn until(world: &mut Banking, node: NodeId, kind: Kind) {
    loop {
        let line = world.step().expect("the customer asks until it is answered").line;
        if (line.node, line.kind) == (node, kind) {
            return;
        }
    }
}

/// What the account holds: the bank's last reply says so, whether it arrives or not.
fn balance(trace: &Trace) -> u64 {
    let said = |line: &Line| line.text.split_once("balance=")?.1.parse().ok();
    let is_reply = |line: &&Line| (line.node, line.kind) == (BANK, Kind::Sent);
    trace.lines().iter().rev().filter(is_reply).find_map(said).unwrap_or(0)
}

fn open(
    boot: Boot,
    machine: Box<dyn Machine<Protocol = Bank>>,
) -> Result<Booted<Box<dyn Machine<Protocol = Bank>>>, Fault> {
    let (ledger, recovered) = Ledger::open(boot.files)?;
    Ok(Booted { machine, disk: Box::new(ledger), recovered })
}

/// A bank that carries out whatever it receives. It is as careful with its disk as the other one.
#[derive(Clone, Debug, Default)]
struct Careless {
    accounts: Accounts,
    waiting: Vec<(Ticket, NodeId, Reply)>,
    ticket: u64,
}

impl Careless {
    fn on_started(&mut self, recovered: Recovered) {
        self.accounts = recovered.books.accounts;
        for request in recovered.log {
            // Whether it could be carried out was told when it was.
            self.accounts.apply(request.order).ok();
        }
    }

    fn on_request(&mut self, from: NodeId, request: Request, effects: &mut Effects<Bank>) {
        let Request { client, seq, order } = request;
        let result = self.accounts.apply(order);
        effects.write(Record::Request(request));
        self.ticket += 1;
        self.waiting.push((Ticket(self.ticket), from, Reply { client, seq, result }));
        effects.sync(Ticket(self.ticket));
    }

    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Bank>) {
        self.waiting.retain(|(waits, to, reply)| {
            if *waits <= ticket {
                effects.send(*to, Message::Reply(*reply));
            }
            *waits > ticket
        });
    }
}

impl Machine for Careless {
    type Protocol = Bank;

    fn step(&mut self, event: Event<Bank>, effects: &mut Effects<Bank>) {
        match event {
            Event::Started(recovered) => self.on_started(recovered),
            Event::Received { from, message: Message::Request(request) } => {
                self.on_request(from, request, effects);
            }
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Failed(..) => self.waiting.clear(),
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) | Event::Drained => {}
            Event::Received { message: Message::Reply(_), .. } | Event::Expired(_) => {}
            Event::Fetched(never) => match never {},
        }
    }
}
