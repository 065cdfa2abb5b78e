//! The transactional outbox: two local transactions in place of one that spans two banks.
//!
//! The first bank takes the money and puts a message into its *outbox*, both in one local
//! transaction. It delivers the message again and again until the second bank has acknowledged it.
//! The second bank credits the money and remembers the message, both in one local transaction; so it
//! is an *idempotent consumer*, and delivering twice does no harm. Nobody votes, nobody is in doubt,
//! and no account is locked while messages travel. The price: for a while the money is in neither
//! account, and the second bank cannot say no. Between the two there may stand a message queue; it
//! is one more hop with the same two duties.
//!
//! The machines are in `solutions/03-outbox.rs`.
//!
//! Book: chapter 3. Paper: Helland 2007 ("Life beyond distributed transactions").

mod customer;
mod stage;

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use machines::{NodeId, Protocol, Simulated};

pub use customer::Customer;
pub use stage::{Audit, Office, PAYEE, PAYER, Role, add_all, crash_in_the_middle, end, step};

/// How long a bank waits for an acknowledgement, and a customer for an answer.
pub const RETRY: Duration = Duration::from_millis(300);

/// The vocabulary of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Outbox {}

impl Protocol for Outbox {
    type Peer = NodeId;
    type Message = Message;
    type Timer = Timer;
    type Write = Entry;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = Vec<Entry>;
    type Output = Told;
}

impl Simulated for Outbox {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

/// What a customer wants: money from an account here to one at the other bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The customer's number.
    pub customer: u64,
    /// The order's number among those of its customer, from 1. An order that is repeated keeps it.
    pub number: u64,
    /// From which account.
    pub from: u64,
    /// To which account at the other bank.
    pub to: u64,
    /// How much.
    pub amount: u64,
}

/// A message of the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its number among all that this bank sends, from 1.
    pub number: u64,
    /// To which account.
    pub to: u64,
    /// How much.
    pub amount: u64,
}

/// What is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// To the first bank.
    Order(Order),
    /// To the customer: the order of this number was carried out, or there is not so much money.
    Answer {
        /// Which order.
        number: u64,
        /// Whether it was carried out.
        paid: bool,
    },
    /// To the second bank, until it has acknowledged it.
    Payment(Payment),
    /// To the first bank: everything up to this number is credited.
    Credited(u64),
}

/// What both wait for: an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// None has come: it is said again.
    Retry,
}

/// What is written to a log. Each entry is a local transaction: it is there whole, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The order was carried out, the money was taken, and the payment is in the outbox.
    Paid(Order, Payment),
    /// The order was refused.
    Refused(Order),
    /// Everything in the outbox up to this number has arrived.
    Arrived(u64),
    /// The payment was credited, and this bank remembers from whom it had it.
    Credited(NodeId, Payment),
}

/// What the machines tell their host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The money was taken.
    Paid(Payment),
    /// The money was credited.
    Credited(Payment),
    /// A customer was told what became of its order.
    Answered(u64, bool),
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { customer, number, from, to, amount } = self;
        write!(f, "{customer}.{number} {amount} from {from} to {to}")
    }
}

impl fmt::Display for Payment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} to {}", self.number, self.amount, self.to)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Order(order) => write!(f, "Order {order}"),
            Message::Answer { number, paid: true } => write!(f, "Answer {number} paid"),
            Message::Answer { number, paid: false } => write!(f, "Answer {number} refused"),
            Message::Payment(payment) => write!(f, "Payment {payment}"),
            Message::Credited(number) => write!(f, "Credited up to #{number}"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Paid(payment) => write!(f, "Paid {payment}"),
            Told::Credited(payment) => write!(f, "Credited {payment}"),
            Told::Answered(number, paid) => write!(f, "Answered {number} paid={paid}"),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Paid(order, payment) => write!(f, "paid {order} by {payment}"),
            Entry::Refused(order) => write!(f, "refused {order}"),
            Entry::Arrived(number) => write!(f, "arrived {number}"),
            Entry::Credited(from, payment) => write!(f, "credited {from} {payment}"),
        }
    }
}

impl FromStr for Entry {
    type Err = ();

    fn from_str(line: &str) -> Result<Entry, ()> {
        match line.split(' ').collect::<Vec<&str>>()[..] {
            ["paid", name, amount, "from", from, "to", to, "by", number, _, "to", _] => {
                let order = order(name, amount, from, to)?;
                Ok(Entry::Paid(order, payment(number, amount, to)?))
            }
            ["refused", name, amount, "from", from, "to", to] => {
                Ok(Entry::Refused(order(name, amount, from, to)?))
            }
            ["arrived", number] => Ok(Entry::Arrived(read(number)?)),
            ["credited", from, number, amount, "to", to] => {
                Ok(Entry::Credited(from.parse().map_err(drop)?, payment(number, amount, to)?))
            }
            _ => Err(()),
        }
    }
}

fn order(name: &str, amount: &str, from: &str, to: &str) -> Result<Order, ()> {
    let (customer, number) = name.split_once('.').ok_or(())?;
    let (customer, number) = (read(customer)?, read(number)?);
    Ok(Order { customer, number, from: read(from)?, to: read(to)?, amount: read(amount)? })
}

fn payment(number: &str, amount: &str, to: &str) -> Result<Payment, ()> {
    let number = read(number.strip_prefix('#').ok_or(())?)?;
    Ok(Payment { number, to: read(to)?, amount: read(amount)? })
}

fn read(text: &str) -> Result<u64, ()> {
    text.parse().map_err(drop)
}
