//! A bank as a resource manager sees it: accounts, and the locks on them.
//!
//! A transaction locks every account that it changes here before it changes any, and keeps the
//! locks until it has ended. Until then its changes are set aside: nobody sees them. Whoever wants a
//! locked account waits in line. That is what makes a transaction in doubt expensive: it is not only
//! its own money that nobody can move.
//!
//! Always true:
//! - an account is locked for one transaction at most, and a transaction has all its locks or none;
//! - a balance is never below zero, and changes only when a transaction commits.
//!
//! Book: chapter 3.

use std::collections::BTreeMap;

use machines::Effects;

use crate::message::{Change, Commit, IDLE, Message, Outcome, Timer, Told, Txn};

/// An account does not hold as much as is to be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What came of the wish for locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    /// It has all of them, and what it wants can be done.
    Granted,
    /// It stands in line for this account, which that transaction has.
    Waits(u64, Txn),
    /// It cannot be done.
    Refused,
}

/// Accounts and locks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bank {
    balances: BTreeMap<u64, i64>,
    /// Which transaction has an account.
    locks: BTreeMap<u64, Txn>,
    /// What the transactions that have their locks will change.
    granted: BTreeMap<Txn, Vec<Change>>,
    /// Those that wait for locks, the first first.
    line: Vec<(Txn, Vec<Change>)>,
}

impl Bank {
    /// A bank with these accounts and what they hold.
    pub fn new(balances: impl IntoIterator<Item = (u64, i64)>) -> Bank {
        Bank { balances: balances.into_iter().collect(), ..Bank::default() }
    }

    /// An application works here for a transaction. It is told when that is done, which may be
    /// later, when others have freed their accounts.
    pub fn work(
        &mut self,
        txn: Txn,
        changes: &[Change],
        effects: &mut Effects<Commit>,
    ) -> Result<(), Refused> {
        match self.lock(txn, changes) {
            Grant::Granted => effects.send(txn.client(), Message::Worked(txn)),
            Grant::Waits(account, holder) => {
                self.line.push((txn, changes.to_vec()));
                effects.answer(Told::Waits(txn, account, holder));
            }
            Grant::Refused => return Err(Refused),
        }
        effects.set(Timer::Idle(txn), IDLE);
        Ok(())
    }

    /// After a restart: a transaction that was promised its locks has them again.
    pub fn restore(&mut self, txn: Txn, changes: &[Change]) {
        let grant = self.lock(txn, changes);
        assert_eq!(grant, Grant::Granted, "{txn} had its locks when it was promised");
    }

    /// A transaction ends here: it makes its changes or drops them, and its accounts are free. Those
    /// that waited for them go on; given back are those that cannot.
    pub fn end(&mut self, txn: Txn, outcome: Outcome, effects: &mut Effects<Commit>) -> Vec<Txn> {
        self.free(txn, outcome);
        effects.clear(Timer::Idle(txn));
        let mut refused = Vec::new();
        for (next, changes) in std::mem::take(&mut self.line) {
            match self.lock(next, &changes) {
                Grant::Granted => effects.send(next.client(), Message::Worked(next)),
                Grant::Waits(..) => self.line.push((next, changes)),
                Grant::Refused => refused.push(next),
            }
        }
        refused
    }

    /// Makes a transaction's changes, or not, and frees its accounts, and nothing else.
    pub fn free(&mut self, txn: Txn, outcome: Outcome) {
        let changes = self.granted.remove(&txn).unwrap_or_default();
        if outcome == Outcome::Commit {
            for change in changes {
                *self.balances.entry(change.account).or_default() += change.amount;
            }
        }
        self.locks.retain(|_, holder| *holder != txn);
        self.line.retain(|(other, _)| *other != txn);
    }

    /// Locks all the accounts, or none.
    fn lock(&mut self, txn: Txn, changes: &[Change]) -> Grant {
        for change in changes {
            if let Some(holder) = self.holder(change.account).filter(|holder| *holder != txn) {
                return Grant::Waits(change.account, holder);
            }
        }
        let enough = |change: &Change| self.balance(change.account) + change.amount >= 0;
        if !changes.iter().all(enough) {
            return Grant::Refused;
        }
        self.locks.extend(changes.iter().map(|change| (change.account, txn)));
        self.granted.insert(txn, changes.to_vec());
        Grant::Granted
    }

    /// What an account holds; what is set aside does not count.
    pub fn balance(&self, account: u64) -> i64 {
        self.balances.get(&account).copied().unwrap_or(0)
    }

    /// What all accounts hold together.
    pub fn total(&self) -> i64 {
        self.balances.values().sum()
    }

    /// Which transaction has an account.
    pub fn holder(&self, account: u64) -> Option<Txn> {
        self.locks.get(&account).copied()
    }

    /// What a transaction that has its locks will change here.
    pub fn changes(&self, txn: Txn) -> &[Change] {
        self.granted.get(&txn).map_or(&[], Vec::as_slice)
    }

    /// The transactions that have locks.
    pub fn holders(&self) -> impl Iterator<Item = Txn> {
        self.granted.keys().copied()
    }
}
