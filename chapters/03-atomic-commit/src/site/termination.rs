//! Three-phase commit: what happens when somebody is silent.
//!
//! What is done is decided in `solutions/03-timeouts.rs`; here it is carried out.
//!
//! Book: chapter 3.

use std::collections::BTreeMap;

use machines::{Effects, NodeId};

use super::Site;
use super::part::{Lead, Next, Phase};
use crate::message::{Commit, DOUBT, Doubt, Message, Outcome, PATIENCE, Timer, Txn};
use crate::timeouts::{Resort, Ruling, Standing, Waits};
use crate::{on_silence, rule};

impl Site {
    /// It has waited in vain.
    pub(super) fn on_expired(&mut self, timer: Timer, effects: &mut Effects<Commit>) {
        let txn = timer.txn();
        let Some(waits) = self.parts.get(&txn).and_then(|part| part.waits()) else { return };
        let meant = match timer {
            Timer::Idle(_) => waits == Waits::ToBeAsked,
            Timer::Votes(_) => waits == Waits::Votes,
            Timer::Acks(_) => waits == Waits::Acks,
            Timer::States(_) => waits == Waits::States,
            Timer::Doubt(_) => matches!(waits, Waits::Leader(_)),
            Timer::Answer(_) => false,
        };
        // It no longer waits for that.
        if !meant {
            return;
        }
        match on_silence(waits, self.timeouts) {
            Resort::Abort => self.decide(txn, Outcome::Abort, Vec::new(), effects),
            Resort::Commit => self.decide(txn, Outcome::Commit, Vec::new(), effects),
            Resort::Rule => self.rule(txn, effects),
            Resort::Elect => self.elect(txn, effects),
        }
    }

    /// The leader is silent, and the next in line leads. Who was restarted has missed too much to
    /// lead or to elect: it only asks.
    fn elect(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let node = self.node;
        let part = self.part(txn);
        if part.steady {
            part.silent.extend(part.leader().filter(|leader| *leader != node));
        }
        if !part.steady || part.leader() == Some(node) {
            self.ask(txn, effects);
        } else {
            effects.set(Timer::Doubt(txn), DOUBT);
        }
    }

    /// Asks all others how far they have come.
    pub(super) fn ask(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let node = self.node;
        let part = self.part(txn);
        part.lead = Some(Lead::Asking(BTreeMap::new()));
        for site in part.sites.iter().filter(|site| **site != node) {
            let (leads, restarted) = (Message::StateRequest(txn), Message::Inquire(txn));
            effects.send(*site, if part.steady { leads } else { restarted });
        }
        effects.set(Timer::States(txn), PATIENCE);
    }

    /// Somebody asks how far this site has come: who leads now, or who was restarted.
    pub(super) fn on_question(
        &mut self,
        from: NodeId,
        txn: Txn,
        leads: bool,
        effects: &mut Effects<Commit>,
    ) {
        let decision = |outcome| Message::Decision { txn, outcome };
        let part = self.part(txn);
        if leads && matches!(part.phase, Phase::InDoubt(_)) {
            part.follow(from);
            if part.lead.is_none() {
                effects.set(Timer::Doubt(txn), DOUBT);
            }
        }
        let steady = part.steady;
        let state = |doubt| Message::State { txn, doubt, steady };
        match &mut part.phase {
            // Who has not voted can help the others: by never voting yes.
            Phase::Working => {
                let aborted = (from, decision(Outcome::Abort));
                self.decide(txn, Outcome::Abort, vec![aborted], effects);
            }
            Phase::InDoubt(doubt) => effects.send(from, state(*doubt)),
            Phase::Forcing(_, Next::InDoubt(doubt), then) => then.push((from, state(*doubt))),
            Phase::Forcing(_, Next::Decided(outcome), then) => {
                then.push((from, decision(*outcome)))
            }
            Phase::Decided(outcome) => effects.send(from, decision(*outcome)),
        }
    }

    /// Somebody says how far it has come.
    pub(super) fn on_state(
        &mut self,
        from: NodeId,
        txn: Txn,
        standing: Standing,
        effects: &mut Effects<Commit>,
    ) {
        let part = self.part(txn);
        let Some(Lead::Asking(answers)) = &mut part.lead else { return };
        answers.insert(from, standing);
        if answers.len() + 1 == part.sites.len() {
            self.rule(txn, effects);
        }
    }

    /// Decides by what the others have answered, where nobody has answered with a decision.
    fn rule(&mut self, txn: Txn, effects: &mut Effects<Commit>) {
        let part = self.part(txn);
        let (Phase::InDoubt(doubt), Some(Lead::Asking(answers))) = (&part.phase, &part.lead) else {
            return;
        };
        let mine = Standing { doubt: *doubt, steady: part.steady };
        effects.clear(Timer::States(txn));
        match rule(mine, answers, part.sites.len() - 1) {
            Ruling::Wait => {
                part.lead = None;
                effects.set(Timer::Doubt(txn), DOUBT);
            }
            Ruling::Abort => self.decide(txn, Outcome::Abort, Vec::new(), effects),
            Ruling::PreCommit(known) => {
                part.lead = Some(Lead::PreCommitting(known));
                match mine.doubt {
                    Doubt::Waiting => self.learn(txn, Vec::new(), effects),
                    Doubt::PreCommitted => self.announce(txn, effects),
                }
            }
        }
    }
}
