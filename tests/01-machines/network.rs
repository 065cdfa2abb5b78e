//! Connections arrive in order, and fail as TCP connections do.

use std::time::Duration;

use machines::{Event, Kind, NodeId, Settings, World};

use crate::puppet::{ONE, Puppet, TWO, settle, two};

fn connected(seed: u64) -> World<Puppet> {
    let mut world = two(seed, Settings::default());
    world.drive(ONE, |_, effects| effects.open(TWO));
    settle(&mut world);
    assert!(heard(&world, ONE, &Event::Opened(TWO)), "the connection opens");
    assert!(heard(&world, TWO, &Event::Opened(ONE)), "the other side has it too");
    world
}

fn heard(world: &World<Puppet>, node: NodeId, event: &Event<crate::puppet::Toy>) -> bool {
    world.machine(node).is_some_and(|puppet| puppet.was_told(event))
}

fn say(world: &mut World<Puppet>, from: NodeId, to: NodeId, words: &[&str]) {
    world
        .drive(from, |_, effects| words.iter().for_each(|word| effects.send(to, word.to_string())));
}

fn words(world: &World<Puppet>, node: NodeId) -> Vec<String> {
    world.machine(node).map(Puppet::heard).unwrap_or_default()
}

#[test]
fn messages_of_one_connection_arrive_in_order() {
    for seed in 0..100 {
        let mut world = connected(seed);
        say(&mut world, ONE, TWO, &["a", "b", "c"]);
        say(&mut world, TWO, ONE, &["x", "y", "z"]);
        settle(&mut world);
        assert_eq!(words(&world, TWO), ["a", "b", "c"], "seed {seed}");
        assert_eq!(words(&world, ONE), ["x", "y", "z"], "seed {seed}");
    }
}

#[test]
fn a_message_is_one_line_where_it_is_sent_and_one_where_it_arrives() {
    let mut world = connected(1);
    say(&mut world, ONE, TWO, &["hello"]);
    settle(&mut world);
    let lines = world.trace().lines();
    let sent = lines.iter().find(|line| line.kind == Kind::Sent).expect("it is sent");
    let received = lines.iter().find(|line| line.kind == Kind::Received).expect("it arrives");
    assert_eq!((sent.number, sent.peer), (received.number, Some(TWO)));
    assert_eq!(sent.to_string(), "1 → 2 hello");
    assert_eq!(received.to_string(), "2 ← 1 hello");
}

#[test]
fn nobody_hears_what_is_sent_without_a_connection() {
    let mut world = two(1, Settings::default());
    say(&mut world, ONE, TWO, &["hello"]);
    settle(&mut world);
    assert!(words(&world, TWO).is_empty());
    assert!(world.trace().to_string().contains("1 lost: hello"));
}

#[test]
fn a_cut_holds_messages_back_one_way_until_it_is_mended() {
    let mut world = connected(3);
    world.settings_mut().patience = machines::Span::millis(60_000, 60_001);
    world.cut(ONE, TWO);
    say(&mut world, ONE, TWO, &["a", "b"]);
    say(&mut world, TWO, ONE, &["x"]);
    let limit = world.now() + Duration::from_secs(10);
    while world.step_until(limit).is_some() {}
    assert_eq!(words(&world, ONE), ["x"], "the other direction is open");
    assert!(words(&world, TWO).is_empty());
    world.mend(ONE, TWO);
    say(&mut world, ONE, TWO, &["c"]);
    settle(&mut world);
    assert_eq!(words(&world, TWO), ["a", "b", "c"]);
    assert!(!heard(&world, ONE, &Event::Closed(TWO)));
}

#[test]
fn a_sender_gives_up_what_does_not_get_through_and_the_other_end_is_half_open() {
    for seed in 0..50 {
        let mut world = connected(seed);
        world.part(&[ONE], &[TWO]);
        say(&mut world, ONE, TWO, &["a"]);
        settle(&mut world);
        assert!(heard(&world, ONE, &Event::Closed(TWO)), "seed {seed}: the sender gives up");
        assert!(!heard(&world, TWO, &Event::Closed(ONE)), "seed {seed}: the other does not know");
        world.heal();
        say(&mut world, TWO, ONE, &["x"]);
        settle(&mut world);
        assert!(words(&world, ONE).is_empty(), "seed {seed}: its end is gone");
        assert!(heard(&world, TWO, &Event::Closed(ONE)), "seed {seed}: it learns by sending");
    }
}

#[test]
fn a_broken_connection_loses_what_is_on_the_way_and_both_ends_learn_of_it() {
    let mut world = connected(5);
    say(&mut world, ONE, TWO, &["a"]);
    let (number, from, to) = world.connections()[0];
    assert_eq!((from, to), (ONE, TWO));
    world.reset(number);
    settle(&mut world);
    assert!(words(&world, TWO).is_empty());
    assert!(heard(&world, ONE, &Event::Closed(TWO)) && heard(&world, TWO, &Event::Closed(ONE)));
    assert!(world.connections().is_empty());
}

#[test]
fn messages_can_break_connections_by_themselves() {
    let mut world = connected(5);
    world.settings_mut().breaks = 1_000_000;
    say(&mut world, ONE, TWO, &["a"]);
    settle(&mut world);
    assert!(words(&world, TWO).is_empty() && heard(&world, ONE, &Event::Closed(TWO)));
}

#[test]
fn nobody_listens_where_no_process_runs() {
    let mut world = two(1, Settings::default());
    world.crash(TWO);
    world.drive(ONE, |_, effects| effects.open(TWO));
    let asked = world.now();
    settle(&mut world);
    assert!(heard(&world, ONE, &Event::Closed(TWO)));
    let closed = world.trace().lines().iter().find(|line| line.kind == Kind::Closed);
    let soon = asked + Duration::from_millis(10);
    assert!(closed.is_some_and(|line| line.time < soon), "its operating system refuses at once");
}

#[test]
fn nobody_answers_where_there_is_no_power() {
    let mut world = two(1, Settings::default());
    world.power_loss(TWO);
    world.drive(ONE, |_, effects| effects.open(TWO));
    let asked = world.now();
    settle(&mut world);
    let closed = world.trace().lines().iter().find(|line| line.kind == Kind::Closed);
    let late = asked + Duration::from_millis(900);
    assert!(closed.is_some_and(|line| line.time > late), "only its own patience ends the dial");
}

#[test]
fn a_connection_may_be_refused() {
    let mut world = two(1, Settings { refusals: 1_000, ..Settings::default() });
    world.drive(ONE, |_, effects| effects.open(TWO));
    settle(&mut world);
    assert!(heard(&world, ONE, &Event::Closed(TWO)) && !heard(&world, ONE, &Event::Opened(TWO)));
}

#[test]
fn two_that_dial_each_other_end_with_one_connection() {
    for seed in 0..200 {
        let mut world = two(seed, Settings::default());
        world.drive(ONE, |_, effects| effects.open(TWO));
        if seed % 2 == 0 {
            let limit = world.now() + Duration::from_micros(seed * 10);
            while world.step_until(limit).is_some() {}
        }
        world.drive(TWO, |_, effects| effects.open(ONE));
        settle(&mut world);
        say(&mut world, ONE, TWO, &["a"]);
        say(&mut world, TWO, ONE, &["x"]);
        settle(&mut world);
        assert_eq!(words(&world, TWO), ["a"], "seed {seed}\n{}", world.trace());
        assert_eq!(words(&world, ONE), ["x"], "seed {seed}");
        assert_eq!(world.connections().len(), 1, "seed {seed}");
    }
}

#[test]
fn what_is_not_read_waits_and_stays_in_order() {
    let mut world = connected(9);
    world.drive(TWO, |_, effects| effects.pause(ONE));
    say(&mut world, ONE, TWO, &["a", "b", "c"]);
    settle(&mut world);
    assert!(words(&world, TWO).is_empty());
    world.drive(TWO, |_, effects| effects.resume(ONE));
    say(&mut world, ONE, TWO, &["d"]);
    settle(&mut world);
    assert_eq!(words(&world, TWO), ["a", "b", "c", "d"]);
}

#[test]
fn a_close_comes_after_what_was_sent_and_nothing_is_heard_after_it() {
    let mut world = connected(9);
    say(&mut world, TWO, ONE, &["too late"]);
    world.drive(ONE, |_, effects| {
        effects.send(TWO, "bye".to_string());
        effects.close(TWO);
    });
    settle(&mut world);
    assert_eq!(words(&world, TWO), ["bye"]);
    let told = &world.machine(TWO).expect("it runs").told;
    let closed = told.iter().position(|event| *event == Event::Closed(ONE));
    assert_eq!(closed, told.iter().rposition(|event| *event != Event::Drained));
    assert!(words(&world, ONE).is_empty() && !heard(&world, ONE, &Event::Closed(TWO)));
}

#[test]
fn bytes_of_a_killed_process_still_arrive() {
    let mut world = connected(2);
    say(&mut world, ONE, TWO, &["last words"]);
    world.crash(ONE);
    settle(&mut world);
    assert_eq!(words(&world, TWO), ["last words"]);
    assert!(heard(&world, TWO, &Event::Closed(ONE)));
}

#[test]
fn a_node_without_power_tells_nobody_and_a_new_process_refuses_its_old_connections() {
    let mut world = connected(2);
    world.power_loss(ONE);
    settle(&mut world);
    assert!(!heard(&world, TWO, &Event::Closed(ONE)), "it is half open");
    world.restart(ONE);
    say(&mut world, TWO, ONE, &["are you there"]);
    settle(&mut world);
    assert!(heard(&world, TWO, &Event::Closed(ONE)), "the answer is a reset");
    assert!(words(&world, ONE).is_empty());
}

#[test]
fn a_new_connection_of_a_name_ends_the_old_one() {
    let mut world = connected(2);
    world.power_loss(ONE);
    world.restart(ONE);
    settle(&mut world);
    world.drive(ONE, |_, effects| effects.open(TWO));
    settle(&mut world);
    let told: Vec<_> = world.machine(TWO).expect("it runs").told.iter().collect();
    let ends: Vec<_> = told
        .into_iter()
        .filter(|event| matches!(event, Event::Opened(_) | Event::Closed(_)))
        .collect();
    assert_eq!(ends, [&Event::Opened(ONE), &Event::Closed(ONE), &Event::Opened(ONE)]);
    say(&mut world, TWO, ONE, &["again"]);
    settle(&mut world);
    assert_eq!(words(&world, ONE), ["again"]);
}

#[test]
fn bytes_that_their_sender_has_given_up_may_still_arrive() {
    let late = (0..50).filter(|seed| {
        let mut world = connected(*seed);
        world.part(&[ONE], &[TWO]);
        say(&mut world, ONE, TWO, &["stale"]);
        settle(&mut world);
        assert!(heard(&world, ONE, &Event::Closed(TWO)));
        world.heal();
        settle(&mut world);
        words(&world, TWO) == ["stale"]
    });
    assert!((5..45).contains(&late.count()));
}
