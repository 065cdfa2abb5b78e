//! Our leader in the place of Apache's, in every conversation that was captured at the quorum port:
//! told what that one was told by all its learners, it says what that one said, on each connection in
//! the same order, byte for byte. `tests/fixtures/DEVIATIONS` names what it says otherwise, and why.

use std::collections::BTreeMap;

use bytes::Bytes;
use machines::Event;
use storage::Entry;
use zab::{Packet, Recovered, Timer};
use zxid::{ServerId, Zxid};

use crate::leader_desk::{Desk, settings};
use crate::quorum::CONVERSATIONS;
use crate::recorded::{Comparison, Deviations, Frame};
use crate::scenes::{SKIPPED, any_entry, is_hello, last_before, leader_of, played};

#[test]
fn every_leader_can_be_ours() {
    for name in CONVERSATIONS.into_iter().filter(|name| *name != SKIPPED) {
        let all = played(name);
        let deviations = Deviations::of(name, &all);
        lead(name, &all, &deviations);
    }
}

/// Plays what all learners of a leader said, to ours.
fn lead(name: &str, frames: &[Frame], deviations: &Deviations) {
    // The rollover itself is a matter of four thousand million proposals; then the same server is
    // elected again.
    let first = if name == "zxid-rollover" { 300.0 } else { 0.0 };
    let frames: Vec<&Frame> = frames.iter().filter(|frame| frame.ms >= first).collect();
    let mut play = Play::begin(&frames);
    for frame in frames {
        let link = frame.connection;
        if frame.from != play.me {
            play.hear(frame);
            continue;
        }
        play.prepare(frame, deviations);
        let comparison = play.comparisons.entry(link).or_default();
        comparison.compare(frame, deviations, name);
    }
    play.collect();
    for comparison in play.comparisons.into_values() {
        comparison.end(name);
    }
}

/// A follower of whom nothing was recorded.
const SILENT: u64 = 1_000;

/// A leader of ours in its place.
struct Play {
    me: i64,
    desk: Desk,
    comparisons: BTreeMap<u64, Comparison>,
    /// Acknowledgements of NEWLEADER that the recorded leader took note of only later: it has a
    /// thread for every learner.
    early: BTreeMap<u64, Option<Packet>>,
}

impl Play {
    /// The leader as it was when the recording began: just elected, or established with those who
    /// followed it then.
    fn begin(frames: &[&Frame]) -> Play {
        let mut connections: BTreeMap<u64, Vec<&Frame>> = BTreeMap::new();
        for &frame in frames {
            connections.entry(frame.connection).or_default().push(frame);
        }
        let me = leader_of(connections.values().next().expect("there is a connection"));
        let packets = || frames.iter().map(|frame| frame.packet());
        let mut settings = settings(3, 1);
        settings.me = ServerId(me);
        // Nobody is given up meanwhile.
        (settings.init_limit, settings.sync_limit) = (1_000, 1_000);
        if let Some(config) = packets().find_map(config_of) {
            settings.config = config;
        }
        let here = |frames: &&Vec<&Frame>| !is_hello(frames[0].packet());
        let established = connections.values().find(here);
        // One that sends what was committed in its own epoch is established by somebody.
        let snapshot = packets().find_map(|packet| match packet {
            Packet::Snap(zxid) if zxid.counter() > 0 => Some(*zxid),
            _ => None,
        });
        let (recovered, proposed) = match (established, snapshot) {
            (Some(frames), _) => past_of_a_leader(packets(), last_before(frames)),
            (None, Some(last)) => past_of_a_leader(packets(), last),
            (None, None) => (disk_of_the_elected(packets()), Vec::new()),
        };
        let last = recovered.log_end();
        let mut desk = Desk::new(settings, recovered);
        for (link, frames) in &connections {
            if here(&frames) {
                let learner = frames[0].from + frames[0].to - me;
                desk.follows(*link, learner, last.last, last.current_epoch);
            }
        }
        if established.is_none() && snapshot.is_some() {
            desk.follows(SILENT, 1, last.last, last.current_epoch);
        }
        // What it has sent to others meanwhile was not recorded.
        for entry in proposed {
            let zxid = entry.zxid;
            desk.propose(entry);
            desk.durable();
            desk.says(SILENT, Packet::Ack(zxid));
            for link in connections.iter().filter(|(_, frames)| here(frames)).map(|(link, _)| link)
            {
                desk.says(*link, Packet::Ack(zxid));
            }
        }
        for link in connections.keys() {
            desk.take_sent(*link);
        }
        Play { me, desk, comparisons: BTreeMap::new(), early: BTreeMap::new() }
    }

    /// A learner says something.
    fn hear(&mut self, frame: &Frame) {
        let (link, packet) = (frame.connection, frame.packet().clone());
        if is_hello(&packet) {
            self.desk.opened(link);
            self.early.insert(link, None);
        }
        match (self.early.get_mut(&link), &packet) {
            (Some(early @ None), Packet::Ack(_)) => *early = Some(packet),
            _ => self.desk.says(link, packet),
        }
    }

    /// Does what made the recorded leader say this, unless ours has said something already.
    fn prepare(&mut self, frame: &Frame, deviations: &Deviations) {
        let link = frame.connection;
        self.collect();
        let sent = self.comparisons.entry(link).or_default().has(frame, deviations);
        match frame.packet() {
            Packet::Proposal(entry) => self.propose(entry),
            Packet::Inform(entry) => {
                self.propose(entry);
                self.commit(entry.zxid);
            }
            Packet::Commit(zxid) => self.commit(*zxid),
            Packet::UpToDate => {
                let early = self.early.remove(&link).flatten();
                self.desk.says(link, early.expect("it has acknowledged NEWLEADER"));
                self.desk.durable();
            }
            _ if sent => {}
            Packet::Ping { .. } => self.desk.step(Event::Expired(Timer::Tick)),
            packet @ (Packet::Sync | Packet::Revalidated { .. }) => {
                self.desk.act(|leader, effects| leader.answer(link, packet.clone(), effects));
            }
            Packet::Snap(zxid) => {
                self.desk.durable();
                self.desk.act(|leader, effects| leader.snapshot_begin(link, *zxid, effects));
            }
            Packet::SnapshotBytes(_) => {
                for packet in &frame.packets {
                    self.desk.act(|leader, effects| match packet {
                        Packet::SnapshotBytes(bytes) => {
                            leader.snapshot_bytes(link, bytes.clone(), effects);
                        }
                        _ => leader.snapshot_end(link, effects),
                    });
                }
            }
            _ => self.desk.durable(),
        }
        self.collect();
    }

    /// The service above proposes this, if it has not yet.
    fn propose(&mut self, entry: &Entry) {
        if entry.zxid > self.desk.leader.history().last() {
            self.desk.propose(entry.clone());
        }
    }

    /// The leader's own disk has it, and who is silent acknowledges it, if that is needed.
    fn commit(&mut self, zxid: Zxid) {
        if self.desk.leader.history().committed() < zxid {
            self.desk.durable();
            self.desk.says(SILENT, Packet::Ack(zxid));
        }
    }

    /// Takes what our leader has sent so far.
    fn collect(&mut self) {
        for link in 0..SILENT {
            let packets = self.desk.packets(link);
            if !packets.is_empty() {
                self.comparisons.entry(link).or_default().sent(packets);
            }
        }
    }
}

fn config_of(packet: &Packet) -> Option<Bytes> {
    match packet {
        Packet::NewLeader { config, .. } => config.clone(),
        _ => None,
    }
}

/// What an established leader had on its disk when it was elected, and what it has proposed since.
fn past_of_a_leader<'a>(
    packets: impl Iterator<Item = &'a Packet>,
    last: Zxid,
) -> (Recovered, Vec<Entry>) {
    let (mut known, mut applied) = (BTreeMap::new(), Zxid::ZERO);
    for packet in packets {
        match packet {
            Packet::Proposal(entry) => drop(known.insert(entry.zxid, entry.clone())),
            // What it proposed since is in another epoch than where it cuts.
            Packet::Trunc(to) => applied = *to,
            _ => {}
        }
    }
    let before = last.epoch() - 1;
    let recovered =
        Recovered { accepted: before, current: before, applied, ..Recovered::default() };
    let entry = |counter| {
        let zxid = Zxid::new(last.epoch(), counter);
        known.get(&zxid).cloned().unwrap_or_else(|| any_entry(zxid))
    };
    (recovered, (1..=last.counter()).map(entry).collect())
}

/// What a leader had on its disk that was elected when the recording began.
fn disk_of_the_elected<'a>(packets: impl Iterator<Item = &'a Packet>) -> Recovered {
    let mut recovered = Recovered::default();
    for packet in packets {
        match packet {
            Packet::LeaderInfo { epoch, .. } => {
                (recovered.accepted, recovered.current) = (epoch - 1, epoch - 1);
            }
            Packet::Diff(to) => recovered.applied = *to,
            _ => {}
        }
    }
    recovered
}
