//! A server of the store, step by step: what it says, to whom, and not before what.

use std::time::Duration;

use consistency::{
    Content, Limits, Message, Promise, Replica, Request, Round, Store, Timer, Version, Wish,
};
use machines::{Effect, Effects, Event, Fault, Machine, NodeId, Now, Ticket};

const ONE: NodeId = NodeId::Server(1);
const THREE: NodeId = NodeId::Server(3);
const CLIENT: NodeId = NodeId::Client(1);

/// Server 2 of three, connected to both others, and the time.
struct Stage {
    replica: Replica,
    ms: u64,
}

fn content(counter: u64, server: u64, value: u64) -> Content {
    Content { version: Version { counter, server }, value }
}

fn ask(number: u64, wish: Wish, promise: Promise) -> Message {
    Message::Ask(Request { number, wish, promise, seen: Version::default() })
}

impl Stage {
    fn new() -> Stage {
        let mut stage =
            Stage { replica: Replica::new(2, &[1, 2, 3], Limits::default()), ms: 1_000 };
        stage.tell(Event::Started(Content::default()));
        stage.tell(Event::Opened(ONE));
        stage.tell(Event::Opened(THREE));
        stage
    }

    /// The same, when its first beat has been answered.
    fn in_touch() -> Stage {
        let mut stage = Stage::new();
        stage.hear(ONE, Message::Told(Round::Beat(1), Content::default()));
        stage.hear(ONE, Message::Kept(Round::Beat(1)));
        stage
    }

    fn tell(&mut self, event: Event<Store>) -> Vec<Effect<Store>> {
        let now = Now { monotonic: Duration::from_millis(self.ms), wall_ms: 0 };
        let mut effects = Effects::at(now);
        self.replica.step(event, &mut effects);
        effects.drain().collect()
    }

    fn hear(&mut self, from: NodeId, message: Message) -> Vec<Effect<Store>> {
        self.tell(Event::Received { from, message })
    }
}

/// What is sent, and to whom.
fn sent(effects: &[Effect<Store>]) -> Vec<(NodeId, Message)> {
    let sends = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message } => Some((*to, *message)),
        _ => None,
    });
    sends.collect()
}

fn both(message: Message) -> Vec<(NodeId, Message)> {
    vec![(ONE, message), (THREE, message)]
}

#[test]
fn a_strict_write_asks_then_keeps_and_answers_when_a_quorum_has_it() {
    let mut stage = Stage::in_touch();
    let round = Round::Request(CLIENT, 1);
    let effects = stage.hear(CLIENT, ask(1, Wish::Write(7), Promise::Linearizable));
    assert_eq!(sent(&effects), both(Message::Tell(round)));

    // Server 1 has something newer: the new version is above it. It goes to the disk first.
    let effects = stage.hear(ONE, Message::Told(round, content(4, 3, 6)));
    let new = content(5, 2, 7);
    assert!(effects.contains(&Effect::Write(new)), "{effects:?}");
    assert_eq!(sent(&effects), [], "nobody hears of a version that a crash could undo");

    let effects = stage.tell(Event::Durable(Ticket(2)));
    assert_eq!(sent(&effects), both(Message::Keep(round, new)));
    let effects = stage.hear(THREE, Message::Kept(round));
    assert_eq!(sent(&effects), [(CLIENT, Message::Answered { number: 1, content: new })]);
    assert_eq!(sent(&stage.hear(ONE, Message::Kept(round))), [], "it is answered once");
}

#[test]
fn a_strict_read_brings_what_it_found_to_a_quorum_before_it_answers() {
    let mut stage = Stage::in_touch();
    let round = Round::Request(CLIENT, 1);
    stage.hear(CLIENT, ask(1, Wish::Read, Promise::Linearizable));
    let found = content(4, 3, 6);
    let effects = stage.hear(ONE, Message::Told(round, found));
    assert_eq!(sent(&effects), [], "it has it in memory only");
    let effects = stage.tell(Event::Durable(Ticket(1)));
    assert_eq!(sent(&effects), both(Message::Keep(round, found)), "the next may not read less");
    let late = stage.hear(THREE, Message::Told(round, Content::default()));
    assert_eq!(sent(&late), [], "a late answer to the first question is none to the second");
    let effects = stage.hear(THREE, Message::Kept(round));
    assert_eq!(sent(&effects), [(CLIENT, Message::Answered { number: 1, content: found })]);
}

#[test]
fn an_eventual_request_is_answered_by_one_server_from_its_disk() {
    let mut stage = Stage::new();
    let effects = stage.hear(CLIENT, ask(1, Wish::Read, Promise::Eventual));
    let nothing = Message::Answered { number: 1, content: Content::default() };
    assert_eq!(sent(&effects), [(CLIENT, nothing)], "no quorum has ever answered it");
    let effects = stage.hear(CLIENT, ask(2, Wish::Write(7), Promise::Eventual));
    assert_eq!(sent(&effects), [], "not before it is on the disk");
    let new = content(1, 2, 7);
    let effects = stage.tell(Event::Durable(Ticket(1)));
    assert_eq!(sent(&effects), [(CLIENT, Message::Answered { number: 2, content: new })]);
}

#[test]
fn a_write_of_a_session_is_above_all_that_the_session_saw() {
    let mut stage = Stage::new();
    let (wish, promise) = (Wish::Write(7), Promise::Eventual);
    let request = Request { number: 1, wish, promise, seen: Version { counter: 9, server: 3 } };
    let effects = stage.hear(CLIENT, Message::Ask(request));
    assert!(effects.contains(&Effect::Write(content(10, 2, 7))), "{effects:?}");
    let effects = stage.hear(CLIENT, ask(2, wish, promise));
    assert!(effects.contains(&Effect::Write(content(11, 2, 7))), "no version twice: {effects:?}");
}

#[test]
fn other_servers_are_told_only_what_is_on_the_disk() {
    let mut stage = Stage::new();
    stage.hear(CLIENT, ask(1, Wish::Write(7), Promise::Eventual));
    let told = stage.hear(ONE, Message::Tell(Round::Beat(8)));
    assert_eq!(sent(&told), [(ONE, Message::Told(Round::Beat(8), Content::default()))]);
    let kept = stage.hear(ONE, Message::Keep(Round::Beat(8), content(1, 1, 5)));
    assert_eq!(sent(&kept), [], "what is newer is not on the disk yet either");
    let effects = stage.tell(Event::Durable(Ticket(1)));
    assert!(sent(&effects).contains(&(ONE, Message::Kept(Round::Beat(8)))), "{effects:?}");
    let told = stage.hear(ONE, Message::Tell(Round::Beat(9)));
    assert_eq!(sent(&told), [(ONE, Message::Told(Round::Beat(9), content(1, 2, 7)))]);
}

#[test]
fn the_last_writer_wins_and_an_older_content_is_not_kept() {
    let mut stage = Stage::new();
    stage.hear(ONE, Message::Keep(Round::Beat(1), content(3, 1, 5)));
    stage.tell(Event::Durable(Ticket(1)));
    let effects = stage.hear(THREE, Message::Keep(Round::Beat(1), content(2, 3, 6)));
    assert_eq!(effects.len(), 1, "it has something newer: {effects:?}");
    assert_eq!(sent(&effects), [(THREE, Message::Kept(Round::Beat(1)))]);
    assert_eq!(stage.replica.stored(), content(3, 1, 5));
    stage.hear(THREE, Message::Keep(Round::Beat(2), content(3, 3, 8)));
    stage.tell(Event::Durable(Ticket(2)));
    assert_eq!(stage.replica.stored(), content(3, 3, 8), "of one counter the larger server's");
}

#[test]
fn a_server_without_a_quorum_takes_no_request_that_needs_one() {
    let mut stage = Stage::new();
    for promise in [Promise::Linearizable, Promise::Sequential] {
        let effects = stage.hear(CLIENT, ask(1, Wish::Read, promise));
        assert_eq!(effects, [Effect::Close(CLIENT)], "it was never in touch: {promise}");
    }
    let mut stage = Stage::in_touch();
    stage.ms += 400;
    let effects = stage.hear(CLIENT, ask(1, Wish::Read, Promise::Sequential));
    assert_eq!(sent(&effects).len(), 1, "the bound is not over yet");
    stage.ms += 1;
    let effects = stage.hear(CLIENT, ask(2, Wish::Read, Promise::Sequential));
    assert_eq!(effects, [Effect::Close(CLIENT)], "the bound is over");
}

#[test]
fn a_server_that_is_cut_off_lets_go_of_clients_that_want_more_than_it_can_promise() {
    let mut stage = Stage::in_touch();
    let modest = NodeId::Client(2);
    stage.hear(CLIENT, ask(1, Wish::Write(7), Promise::Linearizable));
    stage.hear(CLIENT, ask(2, Wish::Read, Promise::Eventual));
    stage.hear(modest, ask(1, Wish::Read, Promise::Eventual));
    stage.ms += 401;
    let effects = stage.tell(Event::Expired(Timer::Beat));
    assert!(effects.contains(&Effect::Close(CLIENT)), "it still waits: {effects:?}");
    assert!(!effects.contains(&Effect::Close(modest)), "it asks for no quorum: {effects:?}");
    let round = Round::Request(CLIENT, 1);
    let effects = stage.hear(ONE, Message::Told(round, Content::default()));
    assert_eq!(effects, [], "nobody waits for this any more");
}

#[test]
fn the_bound_counts_from_when_the_question_was_asked() {
    let mut stage = Stage::new();
    stage.ms += 300;
    stage.hear(ONE, Message::Told(Round::Beat(1), Content::default()));
    stage.hear(ONE, Message::Kept(Round::Beat(1)));
    assert!(stage.replica.in_touch(Duration::from_millis(1_400)));
    assert!(!stage.replica.in_touch(Duration::from_millis(1_401)), "the answers are older");
}

#[test]
fn a_sequential_read_is_what_a_quorum_has_and_not_what_one_disk_has() {
    let mut stage = Stage::in_touch();
    stage.hear(CLIENT, ask(1, Wish::Write(7), Promise::Eventual));
    stage.tell(Event::Durable(Ticket(1)));
    let effects = stage.hear(CLIENT, ask(2, Wish::Read, Promise::Sequential));
    let old = Message::Answered { number: 2, content: Content::default() };
    assert_eq!(sent(&effects), [(CLIENT, old)], "a crash could still take the 7 away");
}

#[test]
fn a_session_that_has_seen_more_is_sent_elsewhere() {
    let mut stage = Stage::in_touch();
    let (wish, promise) = (Wish::Read, Promise::Sequential);
    let request = Request { number: 1, wish, promise, seen: Version { counter: 1, server: 3 } };
    assert_eq!(stage.hear(CLIENT, Message::Ask(request)), [Effect::Close(CLIENT)]);
}

#[test]
fn who_is_connected_again_is_asked_again() {
    let mut stage = Stage::in_touch();
    let round = Round::Request(CLIENT, 1);
    stage.hear(CLIENT, ask(1, Wish::Read, Promise::Linearizable));
    stage.tell(Event::Closed(ONE));
    let effects = stage.tell(Event::Opened(ONE));
    assert_eq!(sent(&effects), [(ONE, Message::Tell(round))]);
    stage.tell(Event::Closed(ONE));
    let effects = stage.tell(Event::Expired(Timer::Beat));
    assert!(effects.contains(&Effect::Open(ONE)), "of two, the larger asks: {effects:?}");
    assert!(!effects.contains(&Effect::Open(THREE)), "{effects:?}");
}

#[test]
fn after_its_disk_has_failed_a_server_says_nothing() {
    let mut stage = Stage::in_touch();
    stage.hear(CLIENT, ask(1, Wish::Write(7), Promise::Eventual));
    stage.tell(Event::Failed(Ticket(1), Fault::Full));
    assert_eq!(stage.hear(ONE, Message::Tell(Round::Beat(1))), []);
    assert_eq!(stage.hear(CLIENT, ask(2, Wish::Read, Promise::Eventual)), []);
}

#[test]
fn one_server_is_a_quorum_of_one() {
    let mut replica = Replica::new(2, &[2], Limits::default());
    let mut effects = Effects::new();
    replica.step(Event::Started(Content::default()), &mut effects);
    let message = ask(1, Wish::Read, Promise::Linearizable);
    replica.step(Event::Received { from: CLIENT, message }, &mut effects);
    let all: Vec<_> = effects.drain().collect();
    let answer = Message::Answered { number: 1, content: Content::default() };
    assert_eq!(sent(&all), [(CLIENT, answer)]);
}
