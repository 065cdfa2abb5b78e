//! The laws of atomic commit: what must hold after every step, whatever fails.
//!
//! AC1 to AC5 are those of Bernstein, Hadzilacos and Goodman; the others say what the protocols of
//! this chapter promise besides. Each is a predicate over what anybody could see who stands beside
//! the machines: what they tell their hosts, what is on their disks, who has which account. They
//! know nothing of how a machine decides.
//!
//! Always true: the first law that is broken is remembered, with the facts.
//!
//! Book: chapter 3. Paper: Bernstein, Hadzilacos, Goodman 1987, §7.3.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use machines::{NodeId, Occurrence, World};

use crate::log::Log;
use crate::message::{Commit, Outcome, Told, Txn, Vote};
use crate::process::Process;
use crate::record::Record;

machines::laws! {
    /// A law.
    pub enum Law {
        /// All that decide decide the same.
        AC1: "One bank made the transfer, and the other did not.",
        /// Nobody reverses a decision.
        AC2: "A bank told the outcome, and then another.",
        /// Commit only if all have voted yes.
        AC3: "A transfer was made that one of the banks could not make.",
        /// Without failures, if all vote yes, it commits.
        AC4: "A transfer did not happen, and nothing was in its way.",
        /// When failures are repaired, and none is new for long enough, all decide.
        AC5: "Everything runs again, and somebody still waits for the outcome.",
        /// What is promised or committed is on disk before anybody is told.
        R1: "A crash makes a bank forget what it has promised or done.",
        /// Who has promised has its accounts until it has decided.
        R2: "Somebody else used the money that was set aside.",
        /// All banks together hold what they held.
        R3: "Money was lost or made.",
        /// Outbox: a payment is credited once at most.
        O1: "Somebody was paid twice.",
        /// Outbox: what is credited was taken from an account first.
        O2: "Somebody was paid with money that nobody has paid.",
        /// Outbox: when failures are repaired, everything that was paid is credited.
        O3: "Money was paid, and nobody got it.",
    }
}

/// A law that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub law: Law,
    /// When that was seen.
    pub time: Duration,
    /// What was seen.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broken { law, time, why } = self;
        write!(f, "  at {:.3}s {law}: {why} ({})", time.as_secs_f64(), law.meaning())
    }
}

/// Somebody who stands beside the machines.
#[derive(Clone, Debug, Default)]
pub struct Laws {
    /// Where work was done for a transaction whose commit was asked for.
    asked: BTreeMap<Txn, Vec<NodeId>>,
    /// Who has voted yes.
    promised: BTreeSet<(Txn, NodeId)>,
    decided: BTreeMap<(Txn, NodeId), Outcome>,
    broken: Option<Broken>,
}

impl Laws {
    /// The first law that was broken.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Who has decided what, of one transaction.
    pub fn decided(&self, txn: Txn) -> BTreeMap<NodeId, Outcome> {
        let those = self.decided.iter().filter(|((other, _), _)| *other == txn);
        those.map(|((_, node), outcome)| (*node, *outcome)).collect()
    }

    /// Who has promised and does not know the outcome, of one transaction.
    pub fn in_doubt(&self, txn: Txn) -> BTreeSet<NodeId> {
        let those = self.promised.iter().filter(|(other, _)| *other == txn);
        those.filter(|it| !self.decided.contains_key(it)).map(|(_, node)| *node).collect()
    }

    /// Whether somebody has voted yes.
    pub fn has_promised(&self, txn: Txn, node: NodeId) -> bool {
        self.promised.contains(&(txn, node))
    }

    /// Looks at what has just happened.
    pub fn observe(&mut self, world: &World<Process>, occurrence: &Occurrence<Commit>) {
        let (node, time) = (occurrence.line.node, occurrence.line.time);
        for told in &occurrence.answers {
            let checked = match told {
                Told::Asked(txn, Outcome::Commit, resources) => {
                    self.asked.insert(*txn, resources.clone());
                    Ok(())
                }
                Told::Voted(txn, Vote::Yes) => self.promise(world, *txn, node),
                Told::Decided(txn, outcome) => self.decide(world, *txn, node, *outcome),
                Told::Asked(..) | Told::Voted(_, Vote::No) | Told::Waits(..) => Ok(()),
            };
            self.remember(time, checked);
        }
        let checked = self.keeps_its_locks(world, node);
        self.remember(time, checked);
    }

    /// Looks at the end of a run in which nothing failed.
    pub fn observe_success(&mut self, world: &World<Process>) {
        let aborted = |txn: &&Txn| self.decided(**txn).values().any(|it| *it == Outcome::Abort);
        let checked = match self.asked.keys().find(aborted) {
            Some(txn) => Err((Law::AC4, format!("{txn} aborted"))),
            None => Ok(()),
        };
        self.remember(world.now(), checked);
    }

    /// Looks at the end of a run, when everything has been repaired for long. `total` is what all
    /// banks held at first.
    pub fn observe_end(&mut self, world: &World<Process>, total: i64) {
        let undecided = self.promised.iter().find(|it| !self.decided.contains_key(it));
        let mut checked = match undecided {
            Some((txn, node)) => Err((Law::AC5, format!("{node} does not know how {txn} ended"))),
            None => Ok(()),
        };
        let mut sum = 0;
        for node in world.nodes() {
            let Some(machine) = world.machine(node) else { continue };
            let Some(bank) = machine.bank() else { continue };
            sum += bank.total();
            if let (Ok(()), Some(txn)) = (&checked, bank.holders().next()) {
                checked = Err((Law::AC5, format!("{node} still holds locks for {txn}")));
            }
        }
        self.remember(world.now(), checked);
        if sum != total {
            let why = format!("the banks hold {sum}, and held {total}");
            self.remember(world.now(), Err((Law::R3, why)));
        }
    }

    fn promise(&mut self, world: &World<Process>, txn: Txn, node: NodeId) -> Checked {
        self.promised.insert((txn, node));
        let promise = |record: &Record| matches!(record, Record::Prepared { .. });
        let kept = on_disk(world, node, txn, promise);
        let why = || format!("{node} voted yes on {txn}, and that is not on its disk");
        if kept { Ok(()) } else { Err((Law::R1, why())) }
    }

    fn decide(
        &mut self,
        world: &World<Process>,
        txn: Txn,
        node: NodeId,
        outcome: Outcome,
    ) -> Checked {
        if self.decided.get(&(txn, node)).is_some_and(|before| *before != outcome) {
            return Err((Law::AC2, format!("{node} now says {outcome} of {txn}")));
        }
        let other = self.decided(txn).into_iter().find(|(_, before)| *before != outcome);
        self.decided.insert((txn, node), outcome);
        if let Some((other, before)) = other {
            return Err((Law::AC1, format!("{other} says {before} of {txn}, {node} {outcome}")));
        }
        if outcome == Outcome::Abort {
            return Ok(());
        }
        let resources = self.asked.get(&txn).map_or(&[][..], Vec::as_slice);
        if let Some(missing) = resources.iter().find(|it| !self.promised.contains(&(txn, **it))) {
            let why = format!("{node} commits {txn}, and {missing} has not voted yes");
            return Err((Law::AC3, why));
        }
        let commit = |record: &Record| {
            matches!(record, Record::Committed(_) | Record::Commit { .. } | Record::End(_))
        };
        // An application has no disk.
        let server = matches!(node, NodeId::Server(_));
        if server && !on_disk(world, node, txn, commit) {
            return Err((Law::R1, format!("{node} committed {txn}, and not on its disk")));
        }
        Ok(())
    }

    fn keeps_its_locks(&self, world: &World<Process>, node: NodeId) -> Checked {
        let Some(bank) = world.machine(node).and_then(Process::bank) else { return Ok(()) };
        for (txn, promised) in &self.promised {
            if *promised != node || self.decided.contains_key(&(*txn, node)) {
                continue;
            }
            let changes = bank.changes(*txn);
            let kept = changes.iter().all(|change| bank.holder(change.account) == Some(*txn));
            if changes.is_empty() || !kept {
                let why = format!("{node} has promised {txn}, and does not have its accounts");
                return Err((Law::R2, why));
            }
        }
        Ok(())
    }

    fn remember(&mut self, time: Duration, checked: Checked) {
        if let (None, Err((law, why))) = (&self.broken, checked) {
            self.broken = Some(Broken { law, time, why });
        }
    }
}

type Checked = Result<(), (Law, String)>;

/// Whether a node has a record of a transaction on its disk, for sure.
fn on_disk(
    world: &World<Process>,
    node: NodeId,
    txn: Txn,
    which: impl Fn(&Record) -> bool,
) -> bool {
    let log = Log::peek::<Record>(&world.files(node).forced()).unwrap_or_default();
    log.iter().any(|record| record.txn() == txn && which(record))
}
