//! A crowd of learners that come and go while writes go on. Each checks every packet that it gets:
//! there is no gap, nothing comes twice, and nothing at the wrong time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use machines::Dice;
use storage::Entry;
use zab::Packet;
use zxid::Zxid;

use crate::leader_desk::{Desk, entries, entry, recovered, settings};

const EPOCH: u32 = 3;

/// What a learner was told last about where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Promised,
    Loading(Zxid),
    Receiving,
    Beginning,
    Following,
}

/// A learner that knows what it may be told.
#[derive(Debug)]
struct Pupil {
    observes: bool,
    phase: Phase,
    log: Vec<Zxid>,
    /// How much of the log it knows to be committed.
    committed: usize,
    /// How much of it has been acknowledged, or needs not be.
    acked: usize,
}

impl Pupil {
    /// Takes a packet. What is in the log from the first on is what this pupil ever gets.
    fn take(&mut self, packet: Packet, leaders: &[Zxid]) {
        let before = self.phase;
        match (packet, before) {
            (Packet::Diff(to), Phase::Promised) => {
                assert!(self.last() <= to, "what is beyond {to} would have to be cut");
                self.phase = Phase::Receiving;
            }
            (Packet::Trunc(to), Phase::Promised) => {
                assert!(self.log.contains(&to), "{to} is in the log that is cut there");
                self.log.retain(|zxid| *zxid <= to);
                self.phase = Phase::Receiving;
            }
            (Packet::Snap(zxid), Phase::Promised) => self.phase = Phase::Loading(zxid),
            (Packet::SnapshotBytes(_), Phase::Loading(_)) => {}
            (Packet::SnapshotEnd, Phase::Loading(at)) => {
                self.log = leaders.iter().copied().filter(|zxid| *zxid <= at).collect();
                self.phase = Phase::Receiving;
            }
            (Packet::Proposal(entry), _) if self.observes => {
                assert_eq!(self.phase, Phase::Receiving, "an observer is told what is committed");
                self.log.push(entry.zxid);
            }
            (Packet::Proposal(entry), Phase::Receiving | Phase::Beginning | Phase::Following) => {
                self.log.push(entry.zxid);
            }
            (Packet::Inform(entry), Phase::Beginning | Phase::Following) if self.observes => {
                self.log.push(entry.zxid);
                self.committed = self.log.len();
            }
            (Packet::Commit(zxid), Phase::Receiving) => {
                assert_eq!(self.log.last(), Some(&zxid), "it is committed as it comes");
                self.committed = self.log.len();
            }
            (Packet::Commit(zxid), Phase::Following) if !self.observes => {
                assert_eq!(self.log.get(self.committed), Some(&zxid), "the oldest is committed");
                self.committed += 1;
            }
            (Packet::NewLeader { epoch, .. }, Phase::Receiving) => {
                assert_eq!(epoch, EPOCH);
                self.acked = self.committed;
                self.phase = Phase::Beginning;
            }
            (Packet::UpToDate, Phase::Beginning) => self.phase = Phase::Following,
            (Packet::Ping { .. }, Phase::Beginning | Phase::Following) => {}
            (packet, phase) => panic!("{packet} in {phase:?}"),
        }
        if before == Phase::Promised || matches!(before, Phase::Loading(_)) {
            // What it had when it came, and has still, is committed.
            self.committed = self.log.len();
        }
        let loading = matches!(self.phase, Phase::Loading(_));
        assert!(
            loading || leaders.starts_with(&self.log),
            "{:?} is no beginning of {leaders:?}",
            self.log
        );
        assert!(self.committed <= self.log.len());
    }

    fn last(&self) -> Zxid {
        self.log.last().copied().unwrap_or_default()
    }
}

/// A leader, its whole history, and the learners by link. Server 1 is always there.
struct Crowd {
    desk: Desk,
    dice: Dice,
    leaders: Vec<Zxid>,
    pupils: BTreeMap<u64, (i64, Pupil)>,
    /// What servers have that are not connected.
    away: BTreeMap<i64, Vec<Zxid>>,
    links: u64,
    delivered: usize,
    seen: BTreeSet<&'static str>,
}

impl Crowd {
    fn gather(seed: u64) -> Crowd {
        let mut dice = Dice::new(seed);
        let old = 3 + dice.below(20) as u32;
        let mut log = entries(1, old);
        log.extend(entries(2, dice.below(8) as u32));
        let applied = dice.below(log.len());
        let mut settings = settings(5, 1);
        (settings.window, settings.window_bytes) = (dice.below(6), 20 + dice.below(400));
        settings.from_disk = dice.chance(700);
        let history = recovered(2, log[applied].zxid, log[applied + 1..].to_vec());
        let mut desk = Desk::new(settings, history);
        let leaders: Vec<Zxid> = log.iter().map(|entry| entry.zxid).collect();
        desk.log = log;
        let mut crowd = Crowd {
            desk,
            dice,
            leaders,
            pupils: BTreeMap::new(),
            away: BTreeMap::new(),
            links: 0,
            delivered: applied + 1,
            seen: BTreeSet::new(),
        };
        for server in [1, 2, 4, 5, 6] {
            crowd.away.insert(server, crowd.leaders.clone());
            crowd.damage(server);
        }
        crowd
    }

    /// A server that is away loses what it may lose, or turns out to have something of its own.
    fn damage(&mut self, server: i64) {
        let log = self.away.get_mut(&server).expect("it is away");
        match self.dice.below(4) {
            0 => log.truncate(self.dice.below(log.len() + 1)),
            1 if server != 6 && !log.is_empty() && self.leaders.starts_with(log) => {
                log.truncate(1 + self.dice.below(log.len()));
                let last = log.last().copied().expect("one is left");
                // A leader that failed had proposed it, and nobody else has seen it.
                if self.leaders.get(log.len()).is_some_and(|next| next.epoch() > last.epoch()) {
                    log.push(last.next().expect("there are few"));
                }
            }
            _ => {}
        }
    }

    fn come(&mut self, server: i64, current: Option<u32>) {
        let Some(log) = self.away.remove(&server) else { return };
        self.links += 1;
        let (link, observes) = (self.links, server == 6);
        let last = log.last().copied().unwrap_or_default();
        let phase = Phase::Promised;
        self.pupils.insert(link, (server, Pupil { observes, phase, log, committed: 0, acked: 0 }));
        self.desk.joins(link, server, 2);
        self.desk.durable();
        for packet in self.desk.packets(link) {
            assert_eq!(packet.to_string(), format!("LeaderInfo epoch={EPOCH}"));
        }
        if self.desk.leader.epoch().is_some() {
            self.desk.promises(link, last, current);
        }
    }

    fn leave(&mut self, link: u64) {
        let (server, pupil) = self.pupils.remove(&link).expect("it is there");
        if !self.desk.is_closed(link) {
            self.desk.breaks(link);
        }
        self.desk.flushes.retain(|asked| *asked != link);
        let log = match pupil.phase {
            Phase::Loading(_) => Vec::new(),
            _ => pupil.log,
        };
        self.away.insert(server, log);
        if self.dice.chance(200) {
            self.damage(server);
        }
    }

    /// One learner acknowledges what it has.
    fn answer(&mut self, link: u64) {
        let (_, pupil) = self.pupils.get_mut(&link).expect("it is there");
        match pupil.phase {
            Phase::Beginning => self.desk.acks(link, EPOCH, 0),
            Phase::Following if pupil.acked < pupil.log.len() && !pupil.observes => {
                let zxid = pupil.log[pupil.acked];
                pupil.acked += 1;
                self.desk.says(link, Packet::Ack(zxid));
            }
            _ => {}
        }
    }

    /// Streams a piece of a snapshot, if one is wanted.
    fn snapshot(&mut self, link: u64) {
        let committed = self.leaders[self.delivered - 1];
        let phase = self.pupils[&link].1.phase;
        self.desk.act(|leader, effects| leader.snapshot_begin(link, committed, effects));
        if matches!(phase, Phase::Loading(_)) && !self.desk.flushes.contains(&link) {
            self.seen.insert("snapshot");
            if self.dice.chance(600) {
                let bytes = Bytes::from_static(b"items");
                self.desk.act(|leader, effects| leader.snapshot_bytes(link, bytes, effects));
            } else {
                self.desk.act(|leader, effects| leader.snapshot_end(link, effects));
            }
        }
    }

    fn propose(&mut self) {
        let last = *self.leaders.last().expect("there is a history");
        let counter = if last.epoch() == EPOCH { last.counter() + 1 } else { 1 };
        let new: Entry = entry(EPOCH, counter);
        self.leaders.push(new.zxid);
        self.desk.propose(new);
    }

    /// Hands out what was sent, and what was told.
    fn hand_out(&mut self) {
        for (link, (_, pupil)) in &mut self.pupils {
            for packet in self.desk.packets(*link) {
                match &packet {
                    Packet::Trunc(_) => self.seen.insert("cut"),
                    Packet::Inform(_) => self.seen.insert("inform"),
                    Packet::Commit(_) if pupil.phase == Phase::Following => {
                        self.seen.insert("commit")
                    }
                    _ => false,
                };
                pupil.take(packet, &self.leaders);
            }
        }
        for told in self.desk.take_told() {
            if let Some(zxid) = told.strip_prefix("Deliver ") {
                assert_eq!(zxid, self.leaders[self.delivered].to_string(), "each once, in order");
                self.delivered += 1;
                self.check_committed();
            }
        }
    }

    /// What is committed in this epoch, a quorum has, the leader among it.
    fn check_committed(&self) {
        let zxid = self.leaders[self.delivered - 1];
        if zxid.epoch() == EPOCH {
            let voters = self.pupils.values().filter(|(server, _)| *server != 6);
            let has = voters.filter(|(_, pupil)| pupil.log.contains(&zxid)).count();
            let away =
                self.away.iter().filter(|(server, log)| **server != 6 && log.contains(&zxid));
            assert!(has + away.count() >= 2, "{zxid} is committed on too few disks");
        }
    }

    fn step(&mut self) {
        let links: Vec<u64> = self.pupils.keys().copied().collect();
        let link = self.dice.pick(&links).copied();
        let serving = self.desk.leader.history().committed() >= Zxid::new(EPOCH, 0);
        match (self.dice.below(20), link) {
            (0..=5, _) if serving => self.propose(),
            (6, _) => {
                let servers: Vec<i64> = self.away.keys().copied().collect();
                if let Some(server) = self.dice.pick(&servers).copied() {
                    self.come(server, None);
                }
            }
            (7, Some(link)) if serving && self.pupils.len() > 3 && self.dice.chance(300) => {
                self.leave(link);
            }
            (8, _) => self.desk.durable(),
            (9..=10, _) if !self.desk.fetches.is_empty() => {
                self.seen.insert("disk");
                let most = 1 + self.dice.below(4);
                self.desk.fetched(most);
            }
            (11..=12, _) => {
                let asked: Vec<u64> = self.desk.flushes.iter().copied().collect();
                if let Some(link) = self.dice.pick(&asked) {
                    self.desk.flushed(*link);
                }
            }
            (13, Some(link)) => self.snapshot(link),
            (_, Some(link)) => self.answer(link),
            _ => {}
        }
        self.hand_out();
        for (link, (server, pupil)) in &self.pupils {
            let closed = self.desk.is_closed(*link);
            assert!(!closed, "#{link}, server {server}, was closed: {pupil:?}");
        }
    }

    /// Peace: no more writes, and everybody does what it can, until all have everything.
    fn settle(&mut self) {
        for server in [1, 2, 4, 5, 6] {
            self.come(server, None);
        }
        let links: Vec<u64> = self.pupils.keys().copied().collect();
        for _ in 0..400 {
            self.desk.durable();
            if !self.desk.fetches.is_empty() {
                self.desk.fetched(3);
            }
            if let Some(link) = self.desk.flushes.front().copied() {
                self.desk.flushed(link);
            }
            for link in &links {
                self.snapshot(*link);
                self.answer(*link);
            }
            self.hand_out();
        }
        for (server, pupil) in self.pupils.values() {
            assert_eq!(pupil.phase, Phase::Following, "server {server}: {pupil:?}");
            assert_eq!((&pupil.log, pupil.committed), (&self.leaders, self.leaders.len()));
        }
        assert_eq!(self.delivered, self.leaders.len());
    }
}

#[test]
fn whoever_comes_while_writes_go_on_gets_everything_once_and_in_order() {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        println!("seed {seed}");
        let mut crowd = Crowd::gather(seed);
        for server in [1, 2] {
            crowd.away.insert(server, crowd.leaders.clone());
            crowd.come(server, Some(2));
        }
        // When the first one came, there was no quorum yet.
        let last = crowd.pupils[&1].1.last();
        assert_eq!(crowd.desk.take_sent(1), ["LeaderInfo epoch=3"]);
        crowd.desk.promises(1, last, Some(2));
        for _ in 0..300 {
            crowd.step();
        }
        crowd.settle();
        seen.extend(crowd.seen);
    }
    let all = BTreeSet::from(["commit", "cut", "disk", "inform", "snapshot"]);
    assert_eq!(seen, all, "everything happens");
}
