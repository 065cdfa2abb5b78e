//! Each law fails when it is broken: stories of three servers, sound up to their last step.
//!
//! What only mutants of the machines can break, liveness, is not here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members, ServerState};
use storage::{Entry, Write};
use sync::laws::{Law, Laws};
use sync::{Member, Message, Peer, Settings};
use zab::{Learner, Packet, Recovered, Told};
use zxid::{ServerId, Zxid};

const ONE: ServerId = ServerId(1);
const TWO: ServerId = ServerId(2);
const THREE: ServerId = ServerId(3);
const ALL: [ServerId; 3] = [ONE, TWO, THREE];

fn entry(epoch: u32, counter: u32) -> Entry {
    Entry { zxid: Zxid::new(epoch, counter), payload: Bytes::from_static(b"payload") }
}

fn learner(server: ServerId) -> Learner {
    Learner { server, protocol: Learner::PROTOCOL, config: 0 }
}

/// A story, as the observer is told it.
struct Story(Laws);

impl Story {
    /// Three empty servers. The third leads epoch 1, and all follow.
    fn begun() -> Story {
        let mut story = Story(Laws::new(Members::majority(ALL)));
        for server in ALL {
            story.0.started(server, &Recovered::default());
        }
        story.reign(THREE, 1);
        for follower in [ONE, TWO] {
            story.follow(follower, THREE, 1);
        }
        story
    }

    /// The same, and the first transaction is on the disks of the leader and of `holders`, is
    /// committed, and delivered by the leader.
    fn written(holders: &[ServerId]) -> Story {
        let mut story = Story::begun();
        story.0.proposed(THREE, &entry(1, 1));
        for server in holders.iter().copied().chain([THREE]) {
            story.log(server, entry(1, 1));
        }
        for server in holders {
            story.hear(*server, Packet::Ack(Zxid::new(1, 1)));
        }
        story.0.told(THREE, &Told::Deliver(entry(1, 1)));
        assert_eq!(story.0.broken(), None, "sound so far");
        story
    }

    /// A server notes an epoch, and its disk is forced.
    fn note(&mut self, server: ServerId, epoch: u32) {
        self.0.wrote(server, &Write::AcceptedEpoch(epoch));
        self.0.wrote(server, &Write::CurrentEpoch(epoch));
        self.0.forced(server);
    }

    /// A server leads an epoch, on the word of the two others.
    fn reign(&mut self, leader: ServerId, epoch: u32) {
        self.note(leader, epoch);
        for follower in ALL.into_iter().filter(|server| *server != leader) {
            self.note(follower, epoch);
            let link = Peer::Quorum(zab::Peer::Learner(follower.0 as u64));
            self.0.opened(leader, link);
            let info = Packet::FollowerInfo { accepted: 0, learner: learner(follower) };
            self.0.received(leader, link, &Message::Quorum(info));
            let ack = Packet::Ack(Zxid::new(epoch, 0));
            self.0.received(leader, link, &Message::Quorum(ack));
        }
        self.0.told(leader, &Told::Serving { role: ServerState::Leading, leader, epoch });
    }

    fn follow(&mut self, follower: ServerId, leader: ServerId, epoch: u32) {
        self.0.told(follower, &Told::Serving { role: ServerState::Following, leader, epoch });
    }

    /// An entry is logged, and the disk forced.
    fn log(&mut self, server: ServerId, entry: Entry) {
        self.0.wrote(server, &Write::Append(entry));
        self.0.forced(server);
    }

    /// The third server hears something of a follower.
    fn hear(&mut self, follower: ServerId, packet: Packet) {
        let link = Peer::Quorum(zab::Peer::Learner(follower.0 as u64));
        self.0.received(THREE, link, &Message::Quorum(packet));
    }

    /// A learner says something to its leader.
    fn say(&mut self, server: ServerId, leader: ServerId, packet: Packet) {
        let to = Peer::Quorum(zab::Peer::Leader(leader));
        self.0.sent(server, to, &Message::Quorum(packet));
    }

    /// A learner introduces itself, and hears of an epoch.
    fn introduce(&mut self, server: ServerId, leader: ServerId, epoch: u32) {
        let hello = Packet::FollowerInfo { accepted: 1, learner: learner(server) };
        self.say(server, leader, hello);
        let from = Peer::Quorum(zab::Peer::Leader(leader));
        let info = Packet::LeaderInfo { epoch, protocol: Learner::PROTOCOL };
        self.0.received(server, from, &Message::Quorum(info));
    }

    /// A server's disk is lost, and it starts with an empty one.
    fn lose(&mut self, server: ServerId) {
        self.0.replaced(server);
        self.0.started(server, &Recovered::default());
    }
}

/// A member that has not started: it looks, and its vote names nothing.
fn idle() -> Member {
    Member::new(Arc::new(Settings {
        me: ONE,
        members: Members::majority(ALL),
        config: Bytes::from_static(b"version=0"),
        election_address: "10.0.0.1:3888".to_string(),
        election_limits: Limits::default(),
        tick: Duration::from_secs(1),
        init_limit: 5,
        sync_limit: 5,
        window: 500,
        window_bytes: 1 << 20,
        from_disk: false,
        from_disk_bytes: 0,
        force_snapshot: false,
    }))
}

/// The story that breaks a law in its last step; none if only a mutant can.
fn break_law(law: Law) -> Option<Story> {
    let mut story = match law {
        Law::D2 => Story::written(&[TWO]),
        _ => Story::written(&[ONE, TWO]),
    };
    let laws = &mut story.0;
    let (second, third) = (entry(1, 2), entry(1, 3));
    match law {
        Law::Z1 => story.reign(TWO, 1),
        Law::Z2 => laws.told(ONE, &Told::Deliver(second)),
        Law::Z3 => {
            laws.told(ONE, &Told::Deliver(entry(1, 1)));
            laws.proposed(THREE, &second);
            story.log(ONE, second.clone());
            story.0.told(ONE, &Told::Deliver(second));
        }
        Law::Z4 => {
            laws.proposed(THREE, &second);
            ALL.into_iter().for_each(|server| story.log(server, second.clone()));
            story.0.told(TWO, &Told::Deliver(entry(1, 1)));
            story.reign(TWO, 2);
            story.0.proposed(TWO, &entry(2, 1));
            story.log(TWO, entry(2, 1));
            story.0.told(TWO, &Told::Deliver(entry(2, 1)));
        }
        Law::Z5 => {
            for entry in [second, third.clone()] {
                story.0.proposed(THREE, &entry);
                story.log(THREE, entry);
            }
            story.0.told(THREE, &Told::Deliver(third));
        }
        Law::Z6 => laws.told(THREE, &Told::Deliver(entry(1, 1))),
        Law::Z7 => {
            story.reign(TWO, 2);
            story.0.proposed(TWO, &entry(2, 1));
        }
        Law::Z8 => {
            story.reign(TWO, 2);
            story.lose(ONE);
            story.reign(ONE, 3);
        }
        Law::Z9 => {
            story.reign(TWO, 2);
            story.follow(ONE, TWO, 2);
        }
        Law::Z10 => {
            story.log(THREE, second);
            story.log(THREE, entry(2, 1));
            story.log(ONE, entry(2, 1));
        }
        Law::Z11 => {
            story.lose(ONE);
            story.reign(ONE, 2);
        }
        Law::Z12 => {
            laws.proposed(THREE, &second);
            story.log(THREE, second.clone());
            story.0.told(THREE, &Told::Deliver(second));
        }
        Law::Z13 => {
            let link = Peer::Quorum(zab::Peer::Learner(9));
            let info = Packet::FollowerInfo { accepted: 1, learner: learner(ONE) };
            laws.received(THREE, link, &Message::Quorum(info));
            let epoch = Packet::LeaderInfo { epoch: 1, protocol: Learner::PROTOCOL };
            laws.sent(THREE, link, &Message::Quorum(epoch));
            let ack = Packet::AckEpoch { last: Zxid::new(1, 1), current: None };
            laws.received(THREE, link, &Message::Quorum(ack));
            laws.sent(THREE, link, &Message::Quorum(Packet::Trunc(Zxid::ZERO)));
        }
        Law::Z14 => {
            let applied = Zxid::new(1, 1);
            laws.started(
                ONE,
                &Recovered { accepted: 1, current: 1, applied, ..Recovered::default() },
            );
            laws.after(ONE, &idle());
        }
        Law::Z15 => laws.wrote(ONE, &Write::Append(third)),
        Law::Z16 => {
            story.log(ONE, second.clone());
            story.log(TWO, Entry { payload: Bytes::from_static(b"another"), ..second });
        }
        Law::Z17 => laws.proposed(THREE, &third),
        Law::Z18 => story.say(ONE, THREE, Packet::Ack(Zxid::new(1, 1))),
        Law::Z19 => {
            laws.proposed(THREE, &second);
            ALL.into_iter().for_each(|server| story.log(server, second.clone()));
            story.0.told(THREE, &Told::Deliver(second));
        }
        Law::D1 => laws.wrote(ONE, &Write::AcceptedEpoch(0)),
        Law::D2 => {
            story.note(TWO, 2);
            story.note(ONE, 2);
        }
        Law::D3 => {
            story.introduce(ONE, THREE, 1);
            let current = Some(1);
            story.say(ONE, THREE, Packet::AckEpoch { last: Zxid::new(1, 1), current });
            story.say(ONE, THREE, Packet::Ack(Zxid::new(1, 0)));
            story.say(ONE, THREE, Packet::Ack(Zxid::new(1, 0)));
            story.0.wrote(ONE, &Write::Append(second));
            story.say(ONE, THREE, Packet::Ack(Zxid::new(1, 2)));
        }
        Law::D4 => {
            story.introduce(ONE, TWO, 2);
            let current = Some(1);
            story.say(ONE, TWO, Packet::AckEpoch { last: Zxid::new(1, 1), current });
        }
        Law::D5 => laws.after(ONE, &idle()),
        Law::D7 => laws.loaded(ONE, Zxid::new(1, 1), &[]),
        Law::D8 => {
            laws.started(ONE, &Recovered { accepted: 1, current: 1, ..Recovered::default() })
        }
        Law::D9 => {
            story.introduce(ONE, THREE, 1);
            story.0.failed(ONE);
            let current = Some(1);
            story.say(ONE, THREE, Packet::AckEpoch { last: Zxid::new(1, 1), current });
        }
        Law::D10 => {
            let applied = Zxid::new(1, 1);
            laws.started(ONE, &Recovered { applied, current: 1, ..Recovered::default() });
        }
        Law::S7 => {
            laws.doubted(ONE, 1);
            laws.told(ONE, &Told::Confirmed(1));
        }
        Law::L1 => return None,
    }
    Some(story)
}

#[test]
fn every_law_notices_when_it_is_broken() {
    let mut silent = BTreeSet::new();
    for law in Law::ALL {
        let Some(story) = break_law(*law) else { continue };
        let broken = story.0.broken().map(|broken| broken.law);
        if broken != Some(*law) {
            silent.insert((*law, broken));
        }
    }
    assert_eq!(silent, BTreeSet::new(), "each law, and what was noticed in its place");
}
