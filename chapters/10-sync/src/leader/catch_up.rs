//! How a learner gets what it lacks: out of memory, from the log on disk, or as a snapshot.
//!
//! Whatever it began with, it comes to a point from which on all is in memory. Then it gets the
//! rest at once, NEWLEADER, and from there on everything that happens.
//!
//! Always true:
//! - every entry that is sent follows the one before it, wherever the two come from;
//! - a learner gets no more before it has taken what was sent, so one that is slow costs nothing.
//!
//! Book: chapter 10. ZooKeeper: `LearnerHandler.syncFollower`, `Leader.startForwarding`.

use bytes::Bytes;
use machines::Effects;
use storage::{Entry, Fetch};
use zab::{Packet, Told, Zab};
use zxid::Zxid;

use super::Leader;
use super::link::Stage;
use crate::{Plan, plan};

/// Bytes of payload that are sent before the learner must have taken them.
const CHUNK: usize = 1 << 20;

impl Leader {
    /// Begins to bring a learner up to date that has promised the epoch.
    pub(super) fn synchronise(&mut self, number: u64, effects: &mut Effects<Zab>) {
        let link = self.links.get_mut(&number).expect("whoever has promised is there");
        let Stage::Promised(last) = link.stage else {
            panic!("a learner is synchronised when it has promised: {:?}", link.stage);
        };
        let peer = link.peer;
        let limit = match self.settings.from_disk_bytes {
            0 => u64::MAX,
            bytes => bytes,
        };
        let disk = self.settings.from_disk.then_some(limit);
        // A state that is older than what the learner has on disk must not take its place.
        let wanted = match self.settings.force_snapshot && last <= self.history.settled() {
            true => Plan::Snap,
            false => plan(last, &self.history, self.decided(), disk),
        };
        match wanted {
            Plan::Diff { after } => {
                effects.send(peer, Packet::Diff(self.history.last().min(self.decided())));
                self.catch_up(number, after, effects);
            }
            Plan::Trunc { to } => {
                effects.send(peer, Packet::Trunc(to));
                self.catch_up(number, to, effects);
            }
            Plan::FromDisk { after } => self.fetch(number, after, false, effects),
            Plan::Snap => self.want_snapshot(number, effects),
        }
    }

    /// Sends what follows a transaction, as much as can be sent now.
    fn catch_up(&mut self, number: u64, after: Zxid, effects: &mut Effects<Zab>) {
        if after < self.history.from() {
            return self.fetch(number, after, true, effects);
        }
        let (decided, stage) = (self.decided(), self.beginning());
        let link = self.links.get_mut(&number).expect("whoever catches up is there");
        let (mut last, mut bytes) = (after, 0);
        for entry in self.history.after(after) {
            assert!(
                entry.zxid.follows(last),
                "a learner gets no hole: {} after {last}",
                entry.zxid
            );
            // What is not decided is not much, and is committed only for those that have it all.
            if bytes >= CHUNK && entry.zxid <= decided {
                link.stage = Stage::Taking(last);
                return link.flush(effects);
            }
            (last, bytes) = (entry.zxid, bytes + entry.payload.len());
            if entry.zxid <= decided {
                effects.send(link.peer, Packet::Proposal(entry.clone()));
                effects.send(link.peer, Packet::Commit(entry.zxid));
            } else if !link.observes() {
                effects.send(link.peer, Packet::Proposal(entry.clone()));
            }
        }
        let (epoch, config) = (decided.epoch(), Some(self.settings.config.clone()));
        effects.send(link.peer, Packet::NewLeader { epoch, config });
        (link.stage, link.waiting) = (stage, Some(effects.now().monotonic));
    }

    /// Asks the disk for what follows a transaction, up to what is in memory.
    fn fetch(&mut self, number: u64, after: Zxid, told: bool, effects: &mut Effects<Zab>) {
        let to = self.history.from();
        // One answer is for all that wait for the same.
        let asked = self.links.values().any(|link| {
            matches!(link.stage, Stage::Fetching { after: a, to: t, .. } if (a, t) == (after, to))
        });
        if !asked {
            effects.fetch(Fetch::Entries { from: after, to, bytes: CHUNK });
        }
        let link = self.links.get_mut(&number).expect("whoever catches up is there");
        (link.stage, link.waiting) = (Stage::Fetching { after, to, told }, None);
    }

    /// The disk has answered: with entries, or with none if it does not have what was asked for.
    pub(super) fn on_fetched(
        &mut self,
        from: Zxid,
        to: Zxid,
        entries: Vec<Entry>,
        effects: &mut Effects<Zab>,
    ) {
        let whole = is_whole(from, &entries);
        let waiting = self.links.iter().filter_map(|(number, link)| match link.stage {
            Stage::Fetching { after, to: until, told } if (after, until) == (from, to) => {
                Some((*number, told))
            }
            _ => None,
        });
        for (number, told) in waiting.collect::<Vec<_>>() {
            match (whole, told) {
                (true, _) => self.send_fetched(number, told, &entries, effects),
                (false, false) => self.want_snapshot(number, effects),
                // It was told DIFF, and there is no other way to go on: it comes again.
                (false, true) => self.close(number, effects),
            }
        }
    }

    fn send_fetched(
        &mut self,
        number: u64,
        told: bool,
        entries: &[Entry],
        effects: &mut Effects<Zab>,
    ) {
        let decided = self.history.last().min(self.decided());
        let link = self.links.get_mut(&number).expect("whoever catches up is there");
        if !told {
            effects.send(link.peer, Packet::Diff(decided));
        }
        // Memory begins with what is committed, so that all before it is committed as well.
        for entry in entries {
            effects.send(link.peer, Packet::Proposal(entry.clone()));
            effects.send(link.peer, Packet::Commit(entry.zxid));
        }
        let last = entries.last().expect("what is whole is not empty").zxid;
        link.stage = Stage::Taking(last);
        link.flush(effects);
    }

    fn want_snapshot(&mut self, number: u64, effects: &mut Effects<Zab>) {
        let link = self.links.get_mut(&number).expect("whoever catches up is there");
        (link.stage, link.waiting) = (Stage::SnapshotWanted, None);
        effects.answer(Told::SnapshotWanted(number));
    }

    pub(super) fn on_snapshot_begin(
        &mut self,
        number: u64,
        zxid: Zxid,
        effects: &mut Effects<Zab>,
    ) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if link.stage == Stage::SnapshotWanted {
            link.stage = Stage::Snapshot(zxid);
            effects.send(link.peer, Packet::Snap(zxid));
            link.flush(effects);
        }
    }

    pub(super) fn on_snapshot_bytes(
        &mut self,
        number: u64,
        bytes: Bytes,
        effects: &mut Effects<Zab>,
    ) {
        let Some(link) = self.links.get_mut(&number) else { return };
        if matches!(link.stage, Stage::Snapshot(_)) {
            effects.send(link.peer, Packet::SnapshotBytes(bytes));
            link.flush(effects);
        }
    }

    pub(super) fn on_snapshot_end(&mut self, number: u64, effects: &mut Effects<Zab>) {
        let Some(link) = self.links.get(&number) else { return };
        if let Stage::Snapshot(zxid) = link.stage {
            effects.send(link.peer, Packet::SnapshotEnd);
            self.catch_up(number, zxid, effects);
        }
    }

    /// A learner has taken what was sent.
    pub(super) fn on_flushed(&mut self, number: u64, effects: &mut Effects<Zab>) {
        let Some(link) = self.links.get_mut(&number) else { return };
        link.take(effects);
        match link.stage {
            Stage::Taking(after) => self.catch_up(number, after, effects),
            Stage::Snapshot(_) => {
                // Now it waits for the service above.
                link.waiting = None;
                effects.answer(Told::SnapshotMore(number));
            }
            _ => {}
        }
    }
}

/// Whether entries go on from a transaction without a hole.
fn is_whole(from: Zxid, entries: &[Entry]) -> bool {
    let befores = std::iter::once(from).chain(entries.iter().map(|entry| entry.zxid));
    !entries.is_empty()
        && entries.iter().zip(befores).all(|(entry, before)| entry.zxid.follows(before))
}
