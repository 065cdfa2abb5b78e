//! A bank: the example on which this chapter shows what retries do.
//!
//! Customers send requests to one server and send them again when no reply comes. Money shows at
//! once when something happened twice, or was confirmed and then forgotten. These are the types;
//! the server itself is the chapter's heart, in `solutions/01-machines.rs`.
//!
//! Book: chapter 1.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use crate::machine::Protocol;
use crate::node::NodeId;
use crate::world::Simulated;

/// The vocabulary of customers and their bank.
#[derive(Clone, Debug, PartialEq)]
pub enum Bank {}

impl Protocol for Bank {
    type Peer = NodeId;
    type Message = Message;
    type Timer = Timer;
    type Write = Record;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = Recovered;
    type Output = Reply;
}

impl Simulated for Bank {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

/// What a customer wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Adds to an account.
    Deposit {
        /// Which account.
        account: u64,
        /// How much.
        amount: u64,
    },
    /// Takes from an account, if it holds that much.
    Withdraw {
        /// Which account.
        account: u64,
        /// How much.
        amount: u64,
    },
    /// Asks what an account holds.
    Balance {
        /// Which account.
        account: u64,
    },
}

/// An order with its name. A customer that asks again asks under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The customer's number.
    pub client: u64,
    /// The request's number among this customer's. A customer makes a request only after it has
    /// the reply to the one before, and numbers rise.
    pub seq: u64,
    /// What to do.
    pub order: Order,
}

/// The account does not hold as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsufficientFunds;

/// The bank's reply to a request: the balance afterwards, or a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whose request it answers.
    pub client: u64,
    /// Which request it answers.
    pub seq: u64,
    /// What became of it.
    pub result: Result<u64, InsufficientFunds>,
}

/// What customers and bank send each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// To the bank.
    Request(Request),
    /// From the bank.
    Reply(Reply),
}

/// A customer's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// No reply has come: time to ask again.
    Retry,
}

/// What all accounts hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(pub BTreeMap<u64, u64>);

impl Accounts {
    /// Carries out an order, whether or not it was carried out before.
    pub fn apply(&mut self, order: Order) -> Result<u64, InsufficientFunds> {
        match order {
            Order::Deposit { account, amount } => {
                let balance = self.0.entry(account).or_default();
                *balance = balance.saturating_add(amount);
                Ok(*balance)
            }
            Order::Withdraw { account, amount } => {
                let balance = self.0.entry(account).or_default();
                *balance = balance.checked_sub(amount).ok_or(InsufficientFunds)?;
                Ok(*balance)
            }
            Order::Balance { account } => Ok(self.0.get(&account).copied().unwrap_or(0)),
        }
    }
}

/// All that the bank knows: what a snapshot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// What the accounts hold.
    pub accounts: Accounts,
    /// The last reply to each client.
    pub replies: BTreeMap<u64, Reply>,
}

/// What the bank writes to its disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Appends a request that was carried out to the log.
    Request(Request),
    /// Replaces the snapshot, and then empties the log.
    Books(Books),
}

/// What the bank finds on its disk when it starts. The first requests of the log may be in the
/// snapshot already: the power may have gone after the snapshot and before the log was emptied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last snapshot.
    pub books: Books,
    /// The log, in order.
    pub log: Vec<Request>,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Deposit { account, amount } => write!(f, "deposit {amount} to {account}"),
            Order::Withdraw { account, amount } => write!(f, "withdraw {amount} from {account}"),
            Order::Balance { account } => write!(f, "balance of {account}"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.result {
            Ok(balance) => write!(f, "Reply {}.{} balance={balance}", self.client, self.seq),
            Err(InsufficientFunds) => {
                write!(f, "Reply {}.{} InsufficientFunds", self.client, self.seq)
            }
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Request(Request { client, seq, order }) => {
                write!(f, "Request {client}.{seq} {order}")
            }
            Message::Reply(reply) => write!(f, "{reply}"),
        }
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
