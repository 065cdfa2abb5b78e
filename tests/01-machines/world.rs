//! Processes, disks and clocks of the simulated world.

use std::time::Duration;

use machines::{Dice, Event, Fault, Files, Kind, NodeId, Settings, Ticket, Trace, World};

use crate::puppet::{ONE, Puppet, TWO, boot, settle, text, two};

/// A life of two puppets in which the dice decide everything.
fn life(seed: u64) -> World<Puppet> {
    let mut dice = Dice::new(seed);
    let settings = Settings::rough(&mut dice);
    let mut world = World::new(seed, settings);
    world.trace_mut().record();
    for node in [ONE, TWO, NodeId::Client(1)] {
        world.add(node, boot);
    }
    for round in 0..200 {
        let node = *dice.pick(&world.nodes()).expect("there are nodes");
        let other = *dice.pick(&world.nodes()).expect("there are nodes");
        match dice.below(24) {
            0 => world.crash(node),
            1 => world.power_loss(node),
            2 => world.pause(node),
            3 => world.cut(node, other),
            4 => world.heal(),
            5 => world.jump(node, 5_000),
            6 => world.set_drift(node, 1_000),
            7..10 => world.restart(node),
            10..12 => world.resume(node),
            _ if node == other => {}
            12..16 => {
                world.drive(node, |_, effects| effects.open(other));
            }
            _ => {
                world.drive(node, |_, effects| {
                    effects.send(other, format!("message {round}"));
                    effects.write(format!("{round} "));
                    effects.sync(Ticket(round));
                    effects.set("tick", Duration::from_millis(round));
                });
            }
        }
        for _ in 0..dice.below(12) {
            world.step();
        }
    }
    world
}

#[test]
fn the_same_seed_makes_the_same_trace() {
    for seed in 0..100 {
        let (one, other) = (life(seed), life(seed));
        assert_eq!(one.trace().hash(), other.trace().hash(), "seed {seed}");
        assert_eq!(one.trace().lines(), other.trace().lines(), "seed {seed}");
    }
    assert_ne!(life(1).trace().hash(), life(2).trace().hash());
}

#[test]
fn the_lines_of_a_trace_make_the_same_trace() {
    let world = life(7);
    let again: Trace = world.trace().lines().iter().cloned().collect();
    assert_eq!((again.hash(), again.count()), (world.trace().hash(), world.trace().count()));
    assert_eq!(again.lines(), world.trace().lines());
}

#[test]
fn a_trace_is_the_same_on_every_platform_and_in_every_profile() {
    assert_eq!(life(7).trace().hash(), 13_542_749_973_267_174_662);
}

#[test]
fn within_a_hundred_lives_everything_happens() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..100 {
        seen.extend(life(seed).trace().lines().iter().map(|line| line.kind));
    }
    for kind in [
        Kind::Crashed,
        Kind::PowerLost,
        Kind::Paused,
        Kind::Resumed,
        Kind::Cut,
        Kind::Mended,
        Kind::Broken,
        Kind::Opened,
        Kind::Accepted,
        Kind::Closed,
        Kind::Received,
        Kind::Lost,
        Kind::Expired,
        Kind::Durable,
    ] {
        assert!(seen.contains(&kind), "{kind:?} never happened");
    }
}

#[test]
fn what_is_durable_survives_the_loss_of_power_and_the_rest_may_not() {
    let mut lost = 0;
    for seed in 0..200 {
        let mut world = two(seed, Settings::default());
        world.drive(ONE, |_, effects| {
            effects.write("safe ".to_string());
            effects.sync(Ticket(1));
        });
        settle(&mut world);
        assert!(world.machine(ONE).expect("it runs").was_told(&Event::Durable(Ticket(1))));
        world.drive(ONE, |_, effects| effects.write("unsafe".to_string()));
        settle(&mut world);
        world.power_loss(ONE);
        world.restart(ONE);
        settle(&mut world);
        let recovered = text(&world.files(ONE), "journal");
        assert!(recovered.starts_with("safe "), "seed {seed}: {recovered}");
        lost += usize::from(!recovered.contains("unsafe"));
        assert!(world.machine(ONE).expect("it runs").was_told(&Event::Started(recovered)));
    }
    assert!((20..200).contains(&lost), "unsynced text was lost {lost} times of 200");
}

#[test]
fn a_killed_process_loses_only_what_its_disk_had_not_begun() {
    let mut world = two(1, Settings::default());
    world.drive(ONE, |_, effects| effects.write("written ".to_string()));
    settle(&mut world);
    world.drive(ONE, |_, effects| effects.write("queued".to_string()));
    world.crash(ONE);
    world.restart(ONE);
    settle(&mut world);
    assert!(world.machine(ONE).expect("it runs").was_told(&Event::Started("written ".into())));
    assert_eq!(world.incarnation(ONE), 2);
}

#[test]
fn a_batch_is_written_only_after_the_one_before_is_forced() {
    let mut world = two(1, Settings::default());
    world.drive(ONE, |_, effects| {
        effects.write("a".to_string());
        effects.sync(Ticket(1));
        effects.write("b".to_string());
        effects.sync(Ticket(2));
    });
    while !world.machine(ONE).expect("it runs").was_told(&Event::Durable(Ticket(1))) {
        assert!(text(&world.files(ONE), "journal").len() <= 1, "b is not written yet");
        world.step().expect("something happens");
    }
    settle(&mut world);
    assert_eq!(text(&world.files(ONE), "journal"), "ab");
}

#[test]
fn after_a_failed_sync_the_disk_refuses_everything_until_the_restart() {
    let mut world = two(1, Settings::default());
    world.files(ONE).fail(machines::Operation::Sync, 1);
    world.drive(ONE, |_, effects| {
        effects.write("a".to_string());
        effects.sync(Ticket(1));
        effects.sync(Ticket(2));
        effects.fetch(());
    });
    settle(&mut world);
    let told = &world.machine(ONE).expect("it runs").told;
    let failed: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            Event::Failed(ticket, Fault::Broken(_)) => Some(ticket.0),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [1, 2, 2], "both syncs and the question fail");
    assert!(!world.machine(ONE).expect("it runs").was_told(&Event::Durable(Ticket(2))));
}

#[test]
fn a_full_disk_fails_the_sync_after_the_write() {
    let mut world = two(1, Settings::default());
    world.files(ONE).leave_room(Some(3));
    world.drive(ONE, |_, effects| {
        effects.write("12345".to_string());
        effects.sync(Ticket(1));
    });
    settle(&mut world);
    assert!(world.machine(ONE).expect("it runs").was_told(&Event::Failed(Ticket(1), Fault::Full)));
}

#[test]
fn power_can_fail_between_any_two_operations_of_the_disk() {
    let mut world = two(1, Settings::default());
    world.files(ONE).lose_power_after(2);
    world.drive(ONE, |_, effects| {
        effects.write("a".to_string());
        effects.sync(Ticket(1));
    });
    settle(&mut world);
    assert!(world.machine(ONE).is_none(), "the node went down with its disk");
    assert!(world.trace().to_string().contains("1 lost power"));
    world.restart(ONE);
    settle(&mut world);
    assert!(world.running(ONE));
}

#[test]
fn a_paused_process_finds_everything_when_it_goes_on() {
    let mut world = two(4, Settings::default());
    world.drive(ONE, |_, effects| effects.open(TWO));
    settle(&mut world);
    world.drive(TWO, |_, effects| effects.set("tick", Duration::from_millis(10)));
    world.pause(TWO);
    world.drive(ONE, |_, effects| effects.send(TWO, "a".to_string()));
    let before = world.clock(TWO).monotonic;
    let limit = world.now() + Duration::from_secs(5);
    while world.step_until(limit).is_some() {}
    assert!(world.machine(TWO).expect("it is there").heard().is_empty());
    world.resume(TWO);
    settle(&mut world);
    let two = world.machine(TWO).expect("it runs");
    assert_eq!(two.heard(), ["a"]);
    assert!(two.was_told(&Event::Expired("tick")));
    assert!(world.clock(TWO).monotonic >= before + Duration::from_secs(5), "time has jumped");
}

#[test]
fn a_timer_that_is_set_again_runs_out_once() {
    let mut world = two(1, Settings::default());
    let start = world.now();
    world.drive(ONE, |_, effects| {
        effects.set("tick", Duration::from_millis(5));
        effects.set("tick", Duration::from_millis(50));
        effects.set("tock", Duration::from_millis(20));
        effects.clear("tock");
    });
    settle(&mut world);
    let expired: Vec<_> =
        world.trace().lines().iter().filter(|line| line.kind == Kind::Expired).collect();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].time, start + Duration::from_millis(50));
    assert_eq!(expired[0].to_string(), "1 expired tick");
}

#[test]
fn a_wall_clock_that_jumps_moves_no_timer() {
    let mut world = two(1, Settings::default());
    let start = world.now();
    let before = world.clock(ONE);
    world.drive(ONE, |_, effects| effects.set("tick", Duration::from_millis(100)));
    world.jump(ONE, -3_600_000);
    assert_eq!(world.clock(ONE).wall_ms, before.wall_ms - 3_600_000);
    assert_eq!(world.clock(ONE).monotonic, before.monotonic);
    settle(&mut world);
    assert!(world.now() >= start + Duration::from_millis(100));
    assert!(world.now() < start + Duration::from_millis(101));
}

#[test]
fn a_clock_that_runs_fast_ends_its_timers_early() {
    let mut world = two(1, Settings::default());
    let start = world.now();
    world.drive(ONE, |_, effects| effects.set("tick", Duration::from_secs(10)));
    world.set_drift(ONE, 100_000);
    let expired = loop {
        let occurrence = world.step().expect("the timer runs out");
        if occurrence.line.kind == Kind::Expired {
            break occurrence.line.time - start;
        }
    };
    assert!(expired > Duration::from_millis(9_000) && expired < Duration::from_millis(9_200));
    assert!(world.clock(ONE).monotonic - start >= Duration::from_secs(10));
}

#[test]
fn drained_comes_once_after_a_batch_and_not_after_itself() {
    let mut world = two(1, Settings::default());
    world.drive(ONE, |_, effects| effects.answer("done".to_string()));
    settle(&mut world);
    let told = &world.machine(ONE).expect("it runs").told;
    assert_eq!(*told, [Event::Started(String::new()), Event::Drained, Event::Drained]);
}

#[test]
fn answers_come_with_the_step_that_gave_them() {
    let mut world = two(1, Settings::default());
    let occurrence = world.drive(ONE, |_, effects| effects.answer("forty-two".to_string()));
    assert_eq!(occurrence.expect("it runs").answers, ["forty-two"]);
    assert!(world.trace().to_string().ends_with("1 answered forty-two\n"));
}

#[test]
fn a_process_that_cannot_start_says_why_and_can_be_started_again() {
    let mut world: World<Puppet> = World::new(1, Settings::default());
    world.add(ONE, |start| if start.incarnation == 1 { Err(Fault::Full) } else { boot(start) });
    settle(&mut world);
    assert!(world.machine(ONE).is_none());
    world.restart(ONE);
    settle(&mut world);
    assert!(world.running(ONE) && world.files(ONE).names().is_ok());
}

#[test]
fn a_slow_node_is_slower_by_so_many_times() {
    let forced = |times| {
        let mut world = two(1, Settings::default());
        let start = world.now();
        world.slow(ONE, times);
        world.drive(ONE, |_, effects| {
            effects.write("a".to_string());
            effects.sync(Ticket(1));
        });
        settle(&mut world);
        let durable = world.trace().lines().iter().find(|line| line.kind == Kind::Durable);
        durable.expect("the disk is done").time - start
    };
    assert_eq!(forced(50), forced(1) * 50);
}
