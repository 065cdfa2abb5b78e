//! What is written to a log, and how: one line of text for each record.
//!
//! Always true: what [`Record`] prints is read back as the same record.
//!
//! Book: chapter 3.

use std::fmt;
use std::str::FromStr;

use machines::NodeId;

use crate::message::{Change, Txn, listed};

/// One entry of the log of a resource manager or of the transaction manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// RM: it is about to vote yes, and this is all that it must not forget. The transaction manager
    /// writes it as well, in three phases, without changes of its own.
    Prepared {
        /// Which transaction.
        txn: Txn,
        /// Who asked for the vote.
        coordinator: NodeId,
        /// All that were asked.
        resources: Vec<NodeId>,
        /// What it does here if it commits.
        changes: Vec<Change>,
    },
    /// All have voted yes.
    PreCommitted(Txn),
    /// The transaction has committed here.
    Committed(Txn),
    /// The transaction has aborted here.
    Aborted(Txn),
    /// TM: the transaction commits, and these have to be told.
    Commit {
        /// Which transaction.
        txn: Txn,
        /// The resource managers.
        resources: Vec<NodeId>,
    },
    /// TM: everybody has been told.
    End(Txn),
}

impl Record {
    /// Whose record it is.
    pub fn txn(&self) -> Txn {
        match self {
            Record::Prepared { txn, .. }
            | Record::PreCommitted(txn)
            | Record::Committed(txn)
            | Record::Aborted(txn)
            | Record::Commit { txn, .. }
            | Record::End(txn) => *txn,
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Prepared { txn, coordinator, resources, changes } => {
                let (at, what) = (listed(resources), listed(changes));
                write!(f, "prepared {txn} by {coordinator} at {at} changes {what}")
            }
            Record::PreCommitted(txn) => write!(f, "pre-committed {txn}"),
            Record::Committed(txn) => write!(f, "committed {txn}"),
            Record::Aborted(txn) => write!(f, "aborted {txn}"),
            Record::Commit { txn, resources } => write!(f, "commit {txn} at {}", listed(resources)),
            Record::End(txn) => write!(f, "end {txn}"),
        }
    }
}

impl FromStr for Record {
    type Err = ();

    fn from_str(line: &str) -> Result<Record, ()> {
        match line.split(' ').collect::<Vec<&str>>()[..] {
            ["prepared", txn, "by", coordinator, "at", resources, "changes", changes] => {
                Ok(Record::Prepared {
                    txn: txn.parse()?,
                    coordinator: coordinator.parse().map_err(drop)?,
                    resources: nodes(resources)?,
                    changes: self::changes(changes)?,
                })
            }
            ["pre-committed", txn] => Ok(Record::PreCommitted(txn.parse()?)),
            ["committed", txn] => Ok(Record::Committed(txn.parse()?)),
            ["aborted", txn] => Ok(Record::Aborted(txn.parse()?)),
            ["commit", txn, "at", resources] => {
                Ok(Record::Commit { txn: txn.parse()?, resources: nodes(resources)? })
            }
            ["end", txn] => Ok(Record::End(txn.parse()?)),
            _ => Err(()),
        }
    }
}

fn nodes(text: &str) -> Result<Vec<NodeId>, ()> {
    text.split(',').map(|node| node.parse().map_err(drop)).collect()
}

fn changes(text: &str) -> Result<Vec<Change>, ()> {
    let change = |text: &str| {
        let (account, amount) = text.split_once(':').ok_or(())?;
        Ok(Change {
            account: account.parse().map_err(drop)?,
            amount: amount.parse().map_err(drop)?,
        })
    };
    text.split(',').filter(|text| !text.is_empty()).map(change).collect()
}
