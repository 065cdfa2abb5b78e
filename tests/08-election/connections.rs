//! Which connection is kept, and what goes over it first.

use std::time::Duration;

use bytes::Bytes;
use election::{
    Connections, ElectionPort, Frame, Initial, Limits, Link, Notification, PortTimer, ServerState,
    Told, Vote,
};
use machines::{Dice, Effect, Effects, Settings};
use zxid::ServerId;

use crate::ensemble::{Ensemble, node, voters};

struct Subject {
    connections: Connections,
    effects: Effects<ElectionPort>,
}

const SMALL: Limits = Limits { initial: Duration::from_secs(1), strangers: 3, guests: 2 };

impl Subject {
    fn new(me: i64) -> Subject {
        let (address, members) = ("h:1".to_owned(), voters(3));
        let connections = Connections::new(ServerId(me), address, members, SMALL);
        Subject { connections, effects: Effects::new() }
    }

    fn done(&mut self) -> Vec<Effect<ElectionPort>> {
        self.effects.drain().collect()
    }

    fn send(&mut self, to: i64, round: i64) -> Vec<Effect<ElectionPort>> {
        self.connections.send(ServerId(to), message(round), &mut self.effects);
        self.done()
    }

    fn opened(&mut self, link: Link) -> Vec<Effect<ElectionPort>> {
        self.connections.on_opened(link, &mut self.effects);
        self.done()
    }

    fn closed(&mut self, link: Link) -> Vec<Effect<ElectionPort>> {
        self.connections.on_closed(link, &mut self.effects);
        self.done()
    }

    fn hello(&mut self, number: u64, server: ServerId) -> Vec<Effect<ElectionPort>> {
        self.opened(Link::From(number));
        let addresses = vec!["evil:1".to_owned()];
        let frame = Frame::Initial(Initial { server, addresses, several: false });
        let heard = self.connections.on_received(Link::From(number), frame, &mut self.effects);
        assert_eq!(heard, None);
        self.done()
    }

    fn connected(&self) -> Vec<ServerId> {
        self.connections.connected().collect()
    }
}

fn message(round: i64) -> Notification {
    let vote = Vote { leader: ServerId(2), zxid: Default::default(), epoch: 0 };
    Notification { state: ServerState::Looking, vote, round, version: 2, config: Bytes::new() }
}

fn sent(link: Link, round: i64) -> Effect<ElectionPort> {
    Effect::Send { to: link, message: Frame::Notification(message(round)) }
}

#[test]
fn the_larger_server_keeps_what_it_opens_and_begins_with_the_newest_message() {
    let mut subject = Subject::new(2);
    let link = Link::To(ServerId(1));
    assert_eq!(subject.send(1, 1), [Effect::Open(link)]);
    assert_eq!(subject.send(1, 2), []);
    let effects = subject.opened(link);
    let addresses = vec!["h:1".to_owned()];
    let initial = Initial { server: ServerId(2), addresses, several: false };
    let hello = Effect::Send { to: link, message: Frame::Initial(initial) };
    assert_eq!(effects, [hello.clone(), sent(link, 2)]);
    assert_eq!(subject.send(1, 3), [sent(link, 3)]);
    // A new connection repeats the last message: it may have been lost with the old one.
    assert_eq!(subject.closed(link), []);
    assert_eq!(subject.connected(), []);
    assert_eq!(subject.send(1, 4), [Effect::Open(link)]);
    assert_eq!(subject.opened(link), [hello, sent(link, 4)]);
}

#[test]
fn the_smaller_server_knocks_and_is_called_back() {
    let mut subject = Subject::new(2);
    let knock = Link::To(ServerId(3));
    subject.send(3, 1);
    let effects = subject.opened(knock);
    assert!(matches!(effects[..], [Effect::Send { .. }, Effect::Close(link)] if link == knock));
    assert_eq!(subject.connected(), []);
    let link = Link::From(5);
    let effects = subject.hello(5, ServerId(3));
    assert_eq!(effects, [Effect::Clear(PortTimer::Initial(5)), sent(link, 1)]);
    // Another one takes its place.
    let effects = subject.hello(6, ServerId(3));
    assert!(effects.ends_with(&[sent(Link::From(6), 1), Effect::Close(link)]));
    assert_eq!(subject.connected(), [ServerId(3)]);
    let late = Frame::Notification(message(9));
    let heard = subject.connections.on_received(link, late.clone(), &mut subject.effects);
    assert_eq!(heard, None, "nothing is heard from the one that was replaced");
    let heard = subject.connections.on_received(Link::From(6), late, &mut subject.effects);
    assert_eq!(heard, Some((ServerId(3), message(9))));
}

#[test]
fn a_knock_is_answered_by_calling_the_member_at_its_own_address() {
    let mut subject = Subject::new(2);
    let link = Link::To(ServerId(1));
    subject.send(1, 1);
    subject.opened(link);
    let effects = subject.hello(4, ServerId(1));
    let expected = [
        Effect::Close(Link::From(4)),
        Effect::Clear(PortTimer::Initial(4)),
        Effect::Close(link),
        Effect::Open(link),
    ];
    assert_eq!(effects, expected);
    assert_eq!(subject.hello(5, ServerId(1)).len(), 2, "it is being called already");
}

#[test]
fn a_guest_is_called_where_it_says_and_forgotten_when_it_is_gone() {
    let mut subject = Subject::new(2);
    let fresh = subject.connections.clone();
    let effects = subject.hello(4, ServerId(0));
    let located = Told::Located { server: ServerId(0), addresses: vec!["evil:1".to_owned()] };
    assert!(effects.contains(&Effect::Answer(located)));
    assert!(effects.contains(&Effect::Open(Link::To(ServerId(0)))));
    subject.closed(Link::To(ServerId(0)));
    assert_eq!(subject.connections, fresh);
    for (number, server) in [(5, 70), (6, 71), (7, 72)] {
        subject.hello(number, ServerId(server));
    }
    assert_eq!(subject.connected(), [ServerId(70), ServerId(71)], "there is room for two");
    subject.closed(Link::From(5));
    subject.hello(8, ServerId(72));
    assert_eq!(subject.connected(), [ServerId(71), ServerId(72)]);
}

#[test]
fn an_observer_without_an_id_is_given_one_and_stays() {
    let mut subject = Subject::new(2);
    subject.hello(4, Initial::NAMELESS);
    subject.hello(5, Initial::NAMELESS);
    assert_eq!(subject.connected(), [ServerId(-2), ServerId(-1)]);
    assert_eq!(subject.send(-1, 1), [sent(Link::From(4), 1)]);
    // Nobody else may take such an id, and when the observer is gone, nothing is left of it.
    let effects = subject.hello(6, ServerId(-1));
    assert!(effects.contains(&Effect::Close(Link::From(6))));
    subject.closed(Link::From(4));
    let before = subject.connections.clone();
    assert_eq!(subject.send(-1, 2), []);
    assert_eq!(subject.connections, before);
}

#[test]
fn whoever_claims_to_be_this_server_or_says_the_wrong_thing_first_is_hung_up_on() {
    let mut subject = Subject::new(2);
    assert!(subject.hello(4, ServerId(2)).contains(&Effect::Close(Link::From(4))));
    subject.opened(Link::From(5));
    let frame = Frame::Notification(message(1));
    assert_eq!(subject.connections.on_received(Link::From(5), frame, &mut subject.effects), None);
    assert!(subject.done().contains(&Effect::Close(Link::From(5))));
    subject.hello(6, ServerId(3));
    let addresses = Vec::new();
    let frame = Frame::Initial(Initial { server: ServerId(1), addresses, several: false });
    assert_eq!(subject.connections.on_received(Link::From(6), frame, &mut subject.effects), None);
    assert!(subject.done().contains(&Effect::Close(Link::From(6))));
    assert_eq!(subject.connected(), []);
}

#[test]
fn those_who_never_say_who_they_are_are_few_and_do_not_stay() {
    let mut subject = Subject::new(2);
    let timer = Effect::Set { timer: PortTimer::Initial(1), after: SMALL.initial };
    assert_eq!(subject.opened(Link::From(1)), [timer]);
    subject.opened(Link::From(2));
    subject.opened(Link::From(3));
    assert!(subject.opened(Link::From(4)).contains(&Effect::Close(Link::From(1))));
    subject.connections.on_expired(3, &mut subject.effects);
    assert!(subject.done().contains(&Effect::Close(Link::From(3))));
    subject.connections.on_expired(3, &mut subject.effects);
    assert_eq!(subject.done(), []);
}

#[test]
fn whatever_strangers_do_only_so_much_is_kept_of_them() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let mut subject = Subject::new(2);
        let mut opened = 0;
        for _ in 0..200 {
            let number = dice.between(opened.max(8) - 8, opened + 1);
            let link = match dice.below(3) {
                0 => Link::To(ServerId(dice.below(6) as i64)),
                _ => Link::From(number),
            };
            let ids = [-3, -1, 0, 1, 2, 3, 4, 5, 900, i64::MAX, i64::MIN];
            let server = ServerId(ids[dice.below(ids.len())]);
            match dice.below(5) {
                0 => {
                    opened += 1;
                    subject.hello(opened, server);
                }
                1 => {
                    opened += 1;
                    subject.opened(Link::From(opened));
                }
                2 => {
                    subject.closed(link);
                }
                3 => {
                    let frame = Frame::Notification(message(1));
                    let effects = &mut subject.effects;
                    let heard = subject.connections.on_received(link, frame, effects);
                    if let Some((from, _)) = heard {
                        subject.send(from.0, 1);
                    }
                }
                _ => subject.connections.on_expired(number, &mut subject.effects),
            }
            let guests = subject.connected().iter().filter(|it| !voters(3).contains(**it)).count();
            assert!(guests <= SMALL.guests, "seed {seed}: {guests} guests");
        }
        for number in 0..=opened {
            subject.closed(Link::From(number));
        }
        let ids = -250..1_000;
        ids.for_each(|id| drop(subject.closed(Link::To(ServerId(id)))));
        let text = format!("{:?}", subject.connections);
        assert!(text.len() < 1_500, "seed {seed}: nothing of them is left: {text}");
    }
}

#[test]
fn each_pair_of_servers_has_one_connection_and_the_larger_one_opened_it() {
    for seed in 0..50 {
        let mut ensemble = Ensemble::new(seed, Settings::default(), voters(4));
        for server in [2, 4, 1, 3] {
            ensemble.start(server);
        }
        ensemble.run(Duration::from_secs(2));
        let mut pairs: Vec<_> =
            ensemble.world.connections().into_iter().map(|(_, from, to)| (from, to)).collect();
        pairs.sort();
        let expected: Vec<_> =
            (1..=4).flat_map(|from| (1..from).map(move |to| (node(from), node(to)))).collect();
        assert_eq!(pairs, expected, "seed {seed}");
    }
}
