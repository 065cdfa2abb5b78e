//! Conversations of Apache's servers: our bytes are theirs, and our server in the place of one of
//! them says what it said.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use election::wire::{
    append_initial, append_notification, cut_initial, cut_message, read_notification,
};
use election::{Elected, Election, Fle, LogEnd, Members, Notification, ServerState, Timer, Vote};
use machines::{Effect, Effects, Event, Machine};
use zxid::{ServerId, Zxid};

use crate::quorum::{self, CONVERSATIONS, Recorded};

/// The frames of the election port, in order.
fn conversation(name: &str) -> Vec<Recorded> {
    quorum::conversation(name, "election")
}

/// A frame as a notification; none if it is an initial message.
fn notification(frame: &Recorded) -> Option<Notification> {
    if frame.bytes.starts_with(&[0xff, 0xff]) {
        return None;
    }
    let mut arrived = BytesMut::from(&frame.bytes[..]);
    let message = cut_message(&mut arrived).expect("it has a good length").expect("it is whole");
    Some(read_notification(&message).expect("it can be read"))
}

#[test]
fn every_frame_is_read_and_written_as_it_was() {
    let mut frames = 0;
    for name in CONVERSATIONS {
        for frame in conversation(name) {
            let mut out = Vec::new();
            match notification(&frame) {
                Some(notification) => append_notification(&mut out, &notification),
                None => {
                    let mut arrived = BytesMut::from(&frame.bytes[..]);
                    let initial = cut_initial(&mut arrived).expect("it can be read");
                    let initial = initial.expect("it is whole");
                    assert_eq!(initial.server, ServerId(frame.from));
                    append_initial(&mut out, &initial);
                }
            }
            assert_eq!(out, frame.bytes, "{name}: connection {}", frame.connection);
            frames += 1;
        }
    }
    assert_eq!(frames, 106);
}

/// Our server in the place of one of Apache's.
struct Stand {
    me: i64,
    election: Election,
    effects: Effects<Fle>,
    said: BTreeMap<i64, Vec<Notification>>,
    elected: Vec<Elected>,
}

impl Stand {
    /// Server `me` of three voters and perhaps observer 4, with the config text that it sent.
    fn new(me: i64, frames: &[Recorded]) -> Stand {
        let config = frames.iter().filter(|it| it.from == me).find_map(notification);
        let config = config.map_or(Bytes::new(), |it| it.config);
        let members = Members::majority((1..=3).map(ServerId)).with_observers([ServerId(4)]);
        let election = Election::new(ServerId(me), members, config);
        let (effects, said) = (Effects::new(), BTreeMap::new());
        Stand { me, election, effects, said, elected: Vec::new() }
    }

    fn step(&mut self, event: Event<Fle>) {
        self.election.step(event, &mut self.effects);
        self.carry_out();
    }

    fn look(&mut self, log: LogEnd) {
        self.election.look(log, &mut self.effects);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        for effect in self.effects.drain() {
            match effect {
                Effect::Send { to, message } => {
                    let said = self.said.entry(to.0).or_default();
                    if said.last() != Some(&message) {
                        said.push(message);
                    }
                }
                Effect::Answer(elected) => self.elected.push(elected),
                _ => {}
            }
        }
    }

    fn hear(&mut self, frame: &Recorded) {
        if frame.to == self.me
            && let Some(message) = notification(frame)
        {
            self.step(Event::Received { from: ServerId(frame.from), message });
        }
    }

    /// What the original said is among what we said, in order, and both ended with the same.
    fn agrees(&self, frames: &[Recorded]) {
        let mut theirs: BTreeMap<i64, Vec<Notification>> = BTreeMap::new();
        for frame in frames.iter().filter(|it| it.from == self.me) {
            if let Some(message) = notification(frame) {
                theirs.entry(frame.to).or_default().push(message);
            }
        }
        for (to, mut theirs) in theirs {
            theirs.dedup();
            let ours = &self.said[&to];
            let mut rest = ours.iter();
            assert!(
                theirs.iter().all(|it| rest.any(|our| our == it)) && rest.next().is_none(),
                "to {to} the original said {theirs:#?}, and we {ours:#?}",
            );
        }
    }
}

/// Where the logs of `leader-crash-reelection` end.
const FIRST: LogEnd = LogEnd { current_epoch: 1, last: Zxid(0x1_0000_0029) };

#[test]
fn each_server_of_a_first_boot_can_be_ours() {
    let frames = conversation("first-boot");
    for me in 1..=3 {
        let mut stand = Stand::new(me, &frames);
        stand.step(Event::Started(LogEnd::default()));
        for frame in &frames {
            stand.hear(frame);
        }
        stand.agrees(&frames);
        stand.step(Event::Expired(Timer::Settle));
        let leads = stand.elected.iter().map(|it| (it.vote.leader, it.round)).collect::<Vec<_>>();
        assert_eq!(leads, [(ServerId(3), 1)]);
    }
}

#[test]
fn an_observer_that_joins_can_be_ours() {
    let frames = conversation("observer-join-inform");
    let mut stand = Stand::new(4, &frames);
    stand.step(Event::Started(LogEnd { current_epoch: 1, last: Zxid::new(1, 3) }));
    for frame in &frames {
        stand.hear(frame);
    }
    stand.agrees(&frames);
    assert_eq!(stand.elected.len(), 1);
    assert_eq!(stand.elected[0].role, ServerState::Observing);
    assert_eq!(stand.elected[0].vote.leader, ServerId(3));
}

#[test]
fn servers_that_are_not_looking_can_be_ours() {
    let frames = conversation("handshake-diff");
    for me in [1, 3] {
        let mut stand = Stand::new(me, &frames);
        stand.step(Event::Started(LogEnd::default()));
        // They had settled in round 1, and the leader had established its epoch.
        let three = Vote { leader: ServerId(3), zxid: Zxid::ZERO, epoch: 0 };
        let looking = Notification {
            state: ServerState::Looking,
            vote: three,
            round: 1,
            version: 2,
            config: Bytes::new(),
        };
        stand.step(Event::Received { from: ServerId(4 - me), message: looking });
        stand.step(Event::Expired(Timer::Settle));
        stand.election.update_epoch(1);
        for frame in &frames {
            stand.hear(frame);
        }
        stand.agrees(&frames);
    }
}

#[test]
fn the_server_that_comes_back_after_a_crash_can_be_ours() {
    let frames = conversation("leader-crash-reelection");
    let mut stand = Stand::new(3, &frames);
    stand.step(Event::Started(FIRST));
    for frame in &frames {
        stand.hear(frame);
    }
    stand.agrees(&frames);
    let vote = Vote { leader: ServerId(2), zxid: FIRST.last, epoch: 2 };
    let expected = Elected { role: ServerState::Following, vote, round: 2 };
    assert_eq!(stand.elected, [expected]);
}

#[test]
fn an_observer_whose_leader_was_killed_can_be_ours() {
    let mut stand = Stand::new(4, &conversation("leader-crash-reelection"));
    stand.step(Event::Started(LogEnd::default()));
    for frame in &conversation("observer-join-inform") {
        stand.hear(frame);
    }
    stand.said.clear();
    stand.look(FIRST);
    let frames = conversation("leader-crash-reelection");
    let (before, after): (Vec<_>, Vec<_>) = frames.into_iter().partition(|it| it.ms < 500.0);
    for frame in &before {
        stand.hear(frame);
    }
    // Two servers still name the dead leader: the observer elects it, in vain, and looks again.
    stand.step(Event::Expired(Timer::Settle));
    assert_eq!(stand.elected.last().map(|it| (it.vote.leader, it.round)), Some((ServerId(3), 2)));
    stand.agrees(&before);
    stand.said.clear();
    stand.look(FIRST);
    for frame in &after {
        stand.hear(frame);
    }
    stand.agrees(&after);
    assert_eq!(stand.elected.last().map(|it| (it.vote.leader, it.round)), Some((ServerId(2), 2)));
}
