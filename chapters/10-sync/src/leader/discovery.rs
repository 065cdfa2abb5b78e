//! How a leader begins: it finds an epoch, has it promised, and has its history taken over.
//!
//! Always true:
//! - nobody hears of an epoch that is not on the leader's own disk;
//! - what an observer says counts for nothing, and a voter that is convalescent is one;
//! - no step is taken without a quorum, the leader among it.
//!
//! Book: chapter 10. ZooKeeper: `Leader.lead`, `LearnerHandler.run`.

use election::{LogEnd, ServerState, Vote};
use machines::Effects;
use storage::Write;
use zab::{Broadcast, Ceased, Learner, Packet, Told, Zab};
use zxid::Zxid;

use super::link::{Begun, Stage, Who};
use super::{Leader, Step};

/// Epochs above this are negative numbers on the wire, where -1 is none at all. Whoever claims to
/// have promised one would leave none for anybody.
const LAST_EPOCH: u32 = i32::MAX as u32;

impl Leader {
    /// Takes every step for which everything is there.
    pub(super) fn advance(&mut self, effects: &mut Effects<Zab>) {
        let Some(epoch) = self.epoch() else { return };
        let me = self.settings.me;
        if self.step == Step::Joining {
            self.enter(Step::Accepting, effects);
            self.history.promise(epoch);
            effects.write(Write::AcceptedEpoch(epoch));
            self.unforced = true;
        }
        if self.step == Step::Accepting && self.durable.accepted == epoch {
            self.enter(Step::Offering, effects);
            for number in self.learners(|stage| stage == Stage::Joined) {
                self.offer(number, epoch, effects);
            }
        }
        if self.step == Step::Offering && self.discovery.promised(me, Some(self.durable.current)) {
            self.enter(Step::Entering, effects);
            self.history.begin_epoch(epoch);
            effects.write(Write::CurrentEpoch(epoch));
            self.unforced = true;
        }
        if self.step == Step::Entering && self.durable.current == epoch {
            self.enter(Step::Establishing, effects);
            self.begun.insert(me);
            for number in self.learners(|stage| matches!(stage, Stage::Promised(_))) {
                self.synchronise(number, effects);
            }
        }
        if self.step == Step::Establishing && self.settings.members.is_quorum(&self.begun) {
            self.establish(epoch, effects);
        }
    }

    /// The numbers of the learners at a stage.
    pub(super) fn learners(&self, at: impl Fn(Stage) -> bool) -> Vec<u64> {
        let there = self.links.iter().filter(|(_, link)| at(link.stage));
        there.map(|(number, _)| *number).collect()
    }

    /// Somebody says who it is.
    pub(super) fn on_info(
        &mut self,
        number: u64,
        observes: bool,
        accepted: u32,
        learner: Learner,
        effects: &mut Effects<Zab>,
    ) {
        let Learner { server, protocol, config } = learner;
        let member = self.settings.members.contains(server) && server != self.settings.me;
        // Unlike ZooKeeper, which still knows what came before 3.4, and takes in servers that are
        // not in its configuration.
        let speaks = protocol >= Learner::PROTOCOL && accepted < LAST_EPOCH;
        // Whoever has a newer configuration may know members that this leader does not.
        if !member || !speaks || config > self.config {
            return self.close(number, effects);
        }
        // The server has dialled again, so its older connection is dead, though nobody said so yet.
        let older =
            self.links.iter().find(|(_, link)| link.who.is_some_and(|w| w.server == server));
        if let Some(older) = older.map(|(number, _)| *number) {
            self.close(older, effects);
        }
        // Unlike ZooKeeper, where a server that promised a later epoch, to a leader that never came to
        // be, is refused until this leader falls for another reason. The next one learns of the
        // promise, and finds an epoch above it.
        if self.epoch().is_some_and(|epoch| accepted > epoch) {
            return self.cease(Ceased::OldLeader, effects);
        }
        let link = self.links.get_mut(&number).expect("what is said comes over a link");
        (link.who, link.stage, link.waiting) =
            (Some(Who { server, observes }), Stage::Joined, None);
        let epoch = match observes {
            true => self.discovery.heard_of(accepted),
            false => self.discovery.join(server, accepted),
        };
        match epoch {
            Some(epoch) if self.step >= Step::Offering => self.offer(number, epoch, effects),
            Some(_) => self.advance(effects),
            None => {}
        }
    }

    fn offer(&mut self, number: u64, epoch: u32, effects: &mut Effects<Zab>) {
        let link = self.links.get_mut(&number).expect("whoever gets an offer is there");
        (link.stage, link.waiting) = (Stage::Offered, Some(effects.now().monotonic));
        effects.send(link.peer, Packet::LeaderInfo { epoch, protocol: Learner::PROTOCOL });
    }

    /// A learner has promised the epoch, and says where its history ends.
    pub(super) fn on_ack_epoch(
        &mut self,
        number: u64,
        last: Zxid,
        current: Option<u32>,
        effects: &mut Effects<Zab>,
    ) {
        let link = self.links.get_mut(&number).expect("what is said comes over a link");
        let server = link.who.expect("it was offered an epoch by name").server;
        (link.stage, link.waiting) = (Stage::Promised(last), None);
        if current.is_some() && current >= self.discovery.epoch() {
            // It has been where nobody can have been yet.
            return self.close(number, effects);
        }
        // A server that does not know its own history cannot vouch for it.
        let current = current.filter(|_| last != Vote::UNKNOWN);
        // Once a quorum has promised, whatever a learner has besides is not committed.
        if let Some(current_epoch) = current
            && self.step == Step::Offering
        {
            if self.discovery.refuses(LogEnd { current_epoch, last }) {
                return self.close(number, effects);
            }
            if link.counts() {
                self.discovery.promised(server, current);
            }
        }
        match self.step {
            Step::Offering => self.advance(effects),
            Step::Establishing | Step::Serving => self.synchronise(number, effects),
            // It is synchronised with all others when the epoch is on disk.
            Step::Joining | Step::Accepting | Step::Entering | Step::Over => {}
        }
    }

    /// A learner has everything with which the leader began, and what was proposed before it came.
    pub(super) fn on_begun(&mut self, number: u64, begun: Begun, effects: &mut Effects<Zab>) {
        let link = self.links.get_mut(&number).expect("what is said comes over a link");
        (link.stage, link.waiting) = (Stage::Begun(begun), None);
        let server = link.who.expect("it was synchronised by name").server;
        match self.step {
            Step::Serving => self.up_to_date(number, effects),
            _ if link.counts() => {
                self.begun.insert(server);
                self.advance(effects);
            }
            _ => {}
        }
    }

    /// A quorum has all of the leader's history: it is committed, and the leader established.
    fn establish(&mut self, epoch: u32, effects: &mut Effects<Zab>) {
        self.enter(Step::Serving, effects);
        self.broadcast = Broadcast::new(self.settings.members.clone(), epoch);
        for entry in self.history.commit(Zxid::new(epoch, 0)) {
            effects.answer(Told::Deliver(entry));
        }
        let (role, leader) = (ServerState::Leading, self.settings.me);
        effects.answer(Told::Serving { role, leader, epoch });
        for number in self.learners(|stage| matches!(stage, Stage::Begun(_))) {
            self.up_to_date(number, effects);
        }
        self.forget();
    }

    /// A learner may serve clients. What was committed since it got NEWLEADER comes right after.
    fn up_to_date(&mut self, number: u64, effects: &mut Effects<Zab>) {
        let now = effects.now().monotonic;
        let link = self.links.get_mut(&number).expect("whoever has begun is there");
        let Stage::Begun(Begun { committed, acked }) = link.stage else {
            panic!("a learner is up to date only when it has begun: {:?}", link.stage);
        };
        (link.stage, link.waiting) = (Stage::Following, Some(now));
        // What was committed when it came needs no acknowledgement, and may get none.
        (link.mark, link.acked) = ((self.broadcast.last(), now), acked.max(committed));
        effects.send(link.peer, Packet::UpToDate);
        if !link.observes() {
            let mut next = committed;
            while next < self.broadcast.committed() {
                next = next.next().expect("what is committed has a zxid");
                effects.send(link.peer, Packet::Commit(next));
            }
        }
        let server = link.who.expect("it was synchronised by name").server;
        if link.counts() {
            self.count(server, acked, effects);
        }
    }
}
