//! Our learners in the place of Apache's, in every conversation that was captured at the quorum
//! port: told what those were told, they say what those said, in the same order, byte for byte.
//! `tests/fixtures/DEVIATIONS` names what they say otherwise, and why.

use std::sync::Arc;
use std::time::Duration;

use election::Members;
use machines::{Effect, Effects, Event, Machine, Now, Ticket};
use sync::{Learner, Settings};
use zab::{History, Packet, Peer, Recovered, Zab};
use zxid::{ServerId, Zxid};

use crate::leader_desk::settings;
use crate::quorum::CONVERSATIONS;
use crate::recorded::{Comparison, Deviations, Frame};
use crate::scenes::{SKIPPED, any_entry, by_connection, is_hello, last_before, leader_of, played};

/// A learner of ours, and everything that it sent.
struct Stand {
    learner: Learner,
    leader: ServerId,
    now: Duration,
    sent: Vec<Packet>,
    tickets: Vec<Ticket>,
}

impl Stand {
    /// One whose disk holds this.
    fn new(me: i64, observes: bool, leader: i64, recovered: Recovered) -> Stand {
        let mut settings: Settings = settings(3, 1);
        settings.me = ServerId(me);
        let voters = (1..=3).filter(|id| !observes || *id != me);
        settings.members = Members::majority(voters.map(ServerId)).with_observers([ServerId(me)]);
        if !observes {
            settings.members = Members::majority((1..=3).map(ServerId));
        }
        let leader = ServerId(leader);
        let learner = Learner::new(Arc::new(settings), leader, History::new(recovered));
        let mut stand =
            Stand { learner, leader, now: Duration::ZERO, sent: Vec::new(), tickets: Vec::new() };
        stand.act(Learner::begin);
        stand.step(Event::Opened(Peer::Leader(leader)));
        stand
    }

    fn act(&mut self, act: impl FnOnce(&mut Learner, &mut Effects<Zab>)) {
        let mut effects = Effects::at(Now { monotonic: self.now, wall_ms: 0 });
        act(&mut self.learner, &mut effects);
        for effect in effects.drain() {
            match effect {
                Effect::Send { message, .. } => self.sent.push(message),
                Effect::Sync(ticket) => self.tickets.push(ticket),
                Effect::Close(_) => panic!("it hangs up"),
                _ => {}
            }
        }
    }

    /// Everything that was written is on disk.
    fn durable(&mut self) {
        for ticket in std::mem::take(&mut self.tickets) {
            self.step(Event::Durable(ticket));
        }
    }

    fn step(&mut self, event: Event<Zab>) {
        self.act(|learner, effects| learner.step(event, effects));
    }

    fn hears(&mut self, packet: Packet) {
        self.step(Event::Received { from: Peer::Leader(self.leader), message: packet });
    }
}

#[test]
fn every_learner_can_be_ours() {
    let mut connections = 0;
    for name in CONVERSATIONS.into_iter().filter(|name| *name != SKIPPED) {
        let frames = played(name);
        let deviations = Deviations::of(name, &frames);
        for on_one in by_connection(&frames).values() {
            learn(name, on_one, &deviations);
            connections += 1;
        }
    }
    assert_eq!(connections, 27);
}

/// Plays one connection to a learner.
fn learn(name: &str, frames: &[&Frame], deviations: &Deviations) {
    let leader = leader_of(frames);
    let me = frames[0].from + frames[0].to - leader;
    let observes = frames
        .iter()
        .any(|frame| matches!(frame.packet(), Packet::ObserverInfo { .. } | Packet::Inform(_)));
    let mut stand = Stand::new(me, observes, leader, disk_of_a_learner(frames));
    if !is_hello(frames[0].packet()) {
        // It follows already.
        let last = last_before(frames);
        stand.hears(Packet::LeaderInfo { epoch: last.epoch(), protocol: 0x10000 });
        stand.hears(Packet::Diff(last));
        stand.hears(Packet::NewLeader { epoch: last.epoch(), config: None });
        stand.durable();
        stand.hears(Packet::UpToDate);
        stand.sent.clear();
    }
    let mut comparison = Comparison::default();
    // Where a recording ends under load, the last answers are not in it.
    let answered = frames.iter().rev().find_map(|frame| match frame.packet() {
        Packet::Ack(zxid) if zxid.counter() > 0 => Some(*zxid),
        _ => None,
    });
    for frame in frames {
        let unanswered = |zxid: Zxid| answered.is_some_and(|answered| zxid > answered);
        match frame.packet() {
            Packet::Proposal(entry) if unanswered(entry.zxid) => continue,
            Packet::Commit(zxid) if unanswered(*zxid) => continue,
            _ => {}
        }
        stand.now = Duration::from_secs_f64(frame.ms / 1_000.0);
        match (frame.from == me, frame.packet()) {
            // The leader is heard when the recorded learner answers it.
            (false, Packet::Ping { .. }) => {}
            (false, _) => frame.packets.iter().for_each(|packet| stand.hears(packet.clone())),
            (true, Packet::Ping { zxid, touched }) => {
                for (session, timeout) in touched.iter().flatten() {
                    stand.learner.touch(*session, *timeout);
                }
                stand.hears(Packet::Ping { zxid: *zxid, touched: None });
            }
            (true, packet @ (Packet::Request(_) | Packet::Revalidate { .. })) => {
                stand.act(|learner, effects| learner.ask(packet.clone(), effects));
            }
            (true, _) => stand.durable(),
        }
        comparison.sent(stand.sent.drain(..));
        if frame.from == me {
            comparison.compare(frame, deviations, name);
        }
    }
    comparison.end(name);
}

/// What a learner had on its disk, as its first words tell it.
fn disk_of_a_learner(frames: &[&Frame]) -> Recovered {
    let packets = || frames.iter().map(|frame| frame.packet());
    let accepted = packets().find_map(|packet| match packet {
        Packet::FollowerInfo { accepted, .. } | Packet::ObserverInfo { accepted, .. } => {
            Some(*accepted)
        }
        _ => None,
    });
    let Some(accepted) = accepted else {
        let applied = last_before(frames);
        let epoch = applied.epoch();
        return Recovered { accepted: epoch, current: epoch, applied, ..Recovered::default() };
    };
    let (last, current) = packets()
        .find_map(|packet| match packet {
            Packet::AckEpoch { last, current } => Some((*last, current.unwrap_or(accepted))),
            _ => None,
        })
        .expect("it promises the epoch");
    let cut = packets().find_map(|packet| match packet {
        Packet::Trunc(to) => Some(*to),
        _ => None,
    });
    // What will be cut is in its log, and not in its snapshot.
    let applied = cut.unwrap_or(last);
    let tail = (applied.0 + 1..=last.0).map(|zxid| any_entry(Zxid(zxid))).collect();
    Recovered { accepted, current, applied, tail, ..Recovered::default() }
}
