//! What an established leader does with proposals, acknowledgements, and what learners ask.
//!
//! Always true:
//! - a learner hears of proposals, and of commits, in their order;
//! - what is committed is sent before what it answers is told.
//!
//! Book: chapter 10. ZooKeeper: `Leader.propose`, `Leader.processAck`, `Leader.tryToCommit`.

use machines::Effects;
use storage::{Entry, Write};
use zab::{Packet, Told, Zab};
use zxid::{ServerId, Zxid};

use super::link::{Begun, Stage};
use super::{Leader, Step};

/// What a packet has besides its payload, about.
const HEADER: usize = 32;

impl Leader {
    pub(super) fn on_proposal(&mut self, entry: Entry, effects: &mut Effects<Zab>) {
        assert!(self.step == Step::Serving, "only an established leader proposes: {:?}", self.step);
        self.broadcast.propose(entry.zxid);
        let mut slow = Vec::new();
        for (number, link) in &mut self.links {
            if link.is_live() && !link.observes() {
                effects.send(link.peer, Packet::Proposal(entry.clone()));
                if !link.count(entry.payload.len() + HEADER, effects) {
                    slow.push(*number);
                }
            }
        }
        effects.write(Write::Append(entry.clone()));
        self.unforced = true;
        self.history.append(entry);
        slow.into_iter().for_each(|number| self.close(number, effects));
    }

    /// A learner acknowledges the beginning, or a proposal.
    pub(super) fn on_ack(&mut self, number: u64, zxid: Zxid, effects: &mut Effects<Zab>) {
        let link = self.links.get_mut(&number).expect("what is said comes over a link");
        let beginning = Zxid::new(self.discovery.epoch().expect("NEWLEADER named it"), 0);
        if zxid > self.history.last().max(beginning) {
            // It has what does not exist.
            return self.close(number, effects);
        }
        let now = effects.now().monotonic;
        match &mut link.stage {
            // A convalescent says so without a number, see `Intake`.
            Stage::Beginning(begun)
                if zxid == beginning || link.who.is_some_and(|who| who.observes) =>
            {
                let begun = *begun;
                self.on_begun(number, begun, effects);
            }
            // ZooKeeper's learners may acknowledge a proposal before the beginning (ZOOKEEPER-4685).
            // It counts when the beginning is acknowledged.
            Stage::Beginning(begun) | Stage::Begun(begun) => begun.acked = begun.acked.max(zxid),
            _ => {
                link.waiting = Some(now);
                link.acked = link.acked.max(zxid);
                let server = link.who.expect("it was synchronised by name").server;
                if link.counts() {
                    self.count(server, zxid, effects);
                }
            }
        }
    }

    /// A server, or the leader itself, has everything up to a transaction on disk.
    pub(super) fn count(&mut self, server: ServerId, zxid: Zxid, effects: &mut Effects<Zab>) {
        let Some(to) = self.broadcast.ack(server, zxid) else { return };
        let entries = self.history.commit(to);
        let mut slow = Vec::new();
        for (number, link) in &mut self.links {
            match link.stage {
                // An observer is told without delay: it has not seen what it is told here before,
                // and to keep it would cost memory.
                Stage::Following | Stage::Beginning(_) | Stage::Begun(_) if link.observes() => {
                    for entry in &entries {
                        effects.send(link.peer, Packet::Inform(entry.clone()));
                        if !link.count(entry.payload.len() + HEADER, effects) {
                            slow.push(*number);
                            break;
                        }
                    }
                }
                Stage::Following => {
                    for entry in &entries {
                        effects.send(link.peer, Packet::Commit(entry.zxid));
                    }
                }
                _ => {}
            }
        }
        for entry in entries {
            effects.answer(Told::Deliver(entry));
        }
        slow.into_iter().for_each(|number| self.close(number, effects));
        self.forget();
    }

    /// Keeps no more history in memory than learners are likely to need. While one is on its way
    /// here from the log on disk, memory must not run away from it: then bytes are the only bound.
    pub(super) fn forget(&mut self) {
        let on_the_way = self.links.values().any(|link| link.is_catching_up());
        let entries = if on_the_way { usize::MAX } else { self.settings.window };
        self.history.forget(entries, self.settings.window_bytes);
    }

    /// A learner answers a ping, and says which sessions it has heard of.
    pub(super) fn on_pong(&mut self, number: u64, packet: Packet, effects: &mut Effects<Zab>) {
        self.confirmation.answered(number);
        self.on_asked(number, packet, effects);
        self.tell_confirmed(effects);
    }

    /// A learner passes on what concerns sessions.
    pub(super) fn on_asked(&mut self, link: u64, packet: Packet, effects: &mut Effects<Zab>) {
        let learner = self.links.get_mut(&link).expect("what is said comes over a link");
        learner.waiting = Some(effects.now().monotonic);
        let server = learner.who.expect("it was synchronised by name").server;
        let idle = matches!(&packet, Packet::Ping { touched, .. }
            if touched.as_ref().is_none_or(|touched| touched.is_empty()));
        if !idle {
            effects.answer(Told::Asked { server, link, packet });
        }
    }

    pub(super) fn tell_confirmed(&mut self, effects: &mut Effects<Zab>) {
        if let Some(round) = self.confirmation.confirmed() {
            effects.answer(Told::Confirmed(round));
        }
    }

    /// Where a learner stands that gets NEWLEADER now.
    pub(super) fn beginning(&self) -> Stage {
        Stage::Beginning(Begun { committed: self.decided(), acked: Zxid::ZERO })
    }
}
