//! For how long a leader waits: for a quorum, and for each learner.
//!
//! Book: chapter 10. ZooKeeper: `Leader.lead`, `LearnerHandler.ping`, `SyncLimitCheck`.

use std::collections::BTreeSet;
use std::time::Duration;

use machines::Effects;
use zab::{Ceased, Packet, Timer, Zab};
use zxid::Zxid;

use super::link::{Link, Stage};
use super::{Leader, Step};

impl Leader {
    /// Half a tick is over.
    pub(super) fn on_tick(&mut self, effects: &mut Effects<Zab>) {
        let now = effects.now().monotonic;
        effects.set(Timer::Tick, self.settings.tick / 2);
        self.ticks += 1;
        // As ZooKeeper, each of the steps may take so long.
        if self.step < Step::Serving && now.saturating_sub(self.since) >= self.settings.init_time()
        {
            return self.cease(Ceased::NoQuorum, effects);
        }
        let late = self.links.iter().filter(|(_, link)| self.is_late(link, now));
        for number in late.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.close(number, effects);
        }
        self.mark(now);
        self.ping(Link::is_live, effects);
        if self.step == Step::Serving && self.ticks.is_multiple_of(2) && !self.has_quorum() {
            self.cease(Ceased::QuorumLost, effects);
        }
    }

    /// Whether a learner has kept the leader waiting for too long.
    fn is_late(&self, link: &Link, now: Duration) -> bool {
        let limit = match link.stage {
            Stage::Stranger | Stage::Following => self.settings.sync_time(),
            _ => self.settings.init_time(),
        };
        let (oldest, sent) = link.mark;
        let votes = link.who.is_some_and(|who| self.settings.members.is_voter(who.server));
        let slow = link.stage == Stage::Following
            && votes
            && !link.observes()
            && link.acked < oldest
            && now.saturating_sub(sent) >= self.settings.sync_time();
        slow || link.waiting.is_some_and(|since| now.saturating_sub(since) >= limit)
    }

    /// Marks the last proposal for every learner that has acknowledged the one that was marked
    /// before: so none of its proposals is older, but for half a tick, than the mark says.
    fn mark(&mut self, now: Duration) {
        for link in self.links.values_mut().filter(|link| link.stage == Stage::Following) {
            if link.acked >= link.mark.0 {
                link.mark = (self.broadcast.last(), now);
            }
        }
    }

    /// Asks learners whether they are there. Those that have yet to get UPTODATE do not answer, but
    /// want to hear something.
    pub(super) fn ping(&mut self, whom: impl Fn(&Link) -> bool, effects: &mut Effects<Zab>) {
        let beginning = Zxid::new(self.epoch().unwrap_or(0), 0);
        let last = self.history.last().max(beginning);
        for (number, link) in self.links.iter().filter(|(_, link)| whom(link)) {
            effects.send(link.peer, Packet::Ping { zxid: last, touched: None });
            if let (Stage::Following, Some(who), true) = (link.stage, link.who, link.counts()) {
                self.confirmation.asked(*number, who.server);
            }
        }
    }

    /// Whether a quorum, the leader among it, is connected. Those that are silent for too long are
    /// not.
    fn has_quorum(&self) -> bool {
        let mut present: BTreeSet<_> = self
            .links
            .values()
            .filter(|link| link.counts())
            .filter_map(|link| link.who)
            .map(|who| who.server)
            .collect();
        present.insert(self.settings.me);
        self.settings.members.is_quorum(&present)
    }
}
