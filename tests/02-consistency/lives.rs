//! The store over hundreds of seeded lives: what each promise is worth when everything happens.

use std::time::Duration;

use consistency::{
    Cause, Lab, Limits, Promise, Wish, linearizable, never_back, sequential, session_order,
    zxid_order,
};
use machines::{Dice, NodeId, Operation, Settings, Span};

/// Who lives: three servers, or five, and four clients that know all of them.
const CLIENTS: u64 = 4;

/// No history is longer: every order of it is tried.
const LONGEST: usize = 28;

/// A life, and what it was like.
struct Life {
    lab: Lab,
    /// How many requests had no answer.
    lost: usize,
    /// How long after the end of all faults the servers had the same; nothing if they never did.
    converged: Option<Duration>,
}

/// How a client chooses what to be promised.
type Choice = fn(&mut Dice, Wish) -> Promise;

/// A life to which everything happens, until the faults stop.
fn life(seed: u64, promise: Choice) -> Life {
    let mut dice = Dice::new(seed);
    let servers = [3, 5][dice.below(2)];
    let mut lab = Lab::new(servers, seed, settings(&mut dice), limits());
    for client in 1..=CLIENTS {
        let first = dice.between(1, servers + 1);
        let mut known: Vec<u64> = (first..=servers).collect();
        known.extend(1..first);
        lab.add_client(client, &known);
    }
    lab.run(Duration::from_millis(200));
    // Some live slowly, so that servers notice what happens; some fast, so that much overlaps.
    let pace = [3, 10, 60][dice.below(3)];
    let mut value = 0;
    for _ in 0..80 {
        hurt(&mut lab, servers, &mut dice);
        for client in 1..=CLIENTS {
            if !lab.waits(client) && dice.chance(150) && lab.history().len() < LONGEST {
                value += 1;
                let wish = if dice.chance(400) { Wish::Write(value) } else { Wish::Read };
                let promise = promise(&mut dice, wish);
                lab.ask(client, wish, promise);
            }
        }
        lab.run(Duration::from_micros(dice.between(0, pace * 1_000)));
    }
    let converged = recover(&mut lab, servers);
    let lost = lab.history().iter().filter(|op| op.answered.is_none()).count();
    Life { lab, lost, converged }
}

/// Ends all faults, and lets the servers come together.
fn recover(lab: &mut Lab, servers: u64) -> Option<Duration> {
    lab.world.heal();
    *lab.world.settings_mut() = Settings::default();
    lab.world.tell_what_broke();
    let begin = lab.world.now();
    let idle = |lab: &Lab| (1..=CLIENTS).all(|client| !lab.waits(client));
    while lab.world.now() < begin + Duration::from_secs(60) {
        // A loss of power that was planned may still come.
        for server in (1..=servers).map(NodeId::Server) {
            lab.world.resume(server);
            lab.world.restart(server);
        }
        lab.run(Duration::from_secs(1));
        if idle(lab) && lab.has_converged() {
            return Some(lab.world.now() - begin);
        }
    }
    None
}

fn limits() -> Limits {
    Limits { bound: Duration::from_millis(300), ..Limits::default() }
}

/// Short delays, so that much happens within the servers' limits; and connections that break.
fn settings(dice: &mut Dice) -> Settings {
    let slowest = [1, 5, 20][dice.below(3)];
    Settings {
        delay: Span::micros(50, slowest * 1_000),
        breaks: [0, 1_000, 10_000][dice.below(3)],
        dial: Span::millis(50, 200),
        patience: Span::millis(50, 500),
        learn: Span::millis(0, [1, 100, 1_000][dice.below(3)]),
        sync: Span::micros(50, [500, 5_000, 20_000][dice.below(3)]),
        ..Settings::default()
    }
}

fn hurt(lab: &mut Lab, servers: u64, dice: &mut Dice) {
    let server = NodeId::Server(dice.between(1, servers + 1));
    let other = NodeId::Server(dice.between(1, servers + 1));
    let client = NodeId::Client(dice.between(1, CLIENTS + 1));
    match dice.below(60) {
        0 => lab.world.crash(server),
        1 => lab.world.power_loss(server),
        2 => lab.world.pause(server),
        3 => lab.world.cut(server, other),
        4 => lab.world.cut(client, server),
        5 => lab.world.cut(server, client),
        6 | 7 => {
            let cut = dice.between(2, servers + 1);
            let some: Vec<u64> = (cut..=servers).collect();
            let clients: Vec<u64> = (1..=CLIENTS).filter(|_| dice.chance(500)).collect();
            lab.part(&some, &clients);
        }
        8 => lab.world.files(server).fail(Operation::Sync, dice.between(1, 4) as u32),
        9 => lab.world.files(server).lose_power_after(dice.between(1, 8)),
        10 => {
            let broken = dice.pick(&lab.world.connections()).map(|connection| connection.0);
            broken.into_iter().for_each(|connection| lab.world.reset(connection));
        }
        11 | 12 => lab.world.heal(),
        // The lights go out, and some servers are back at once.
        21 => {
            for server in (1..=servers).map(NodeId::Server) {
                lab.world.power_loss(server);
                if dice.chance(600) {
                    lab.world.restart(server);
                }
            }
        }
        13..=20 => {
            lab.world.resume(server);
            lab.world.restart(server);
        }
        _ => {}
    }
}

fn story(lab: &Lab) -> String {
    lab.history().iter().map(|op| format!("{op}\n")).collect()
}

#[test]
fn strict_operations_are_linearizable_over_400_lives() {
    let (mut answered, mut lost) = (0, 0);
    for seed in 0..400 {
        let life = life(seed, |_, _| Promise::Linearizable);
        let lab = &life.lab;
        let judged = linearizable(lab.history());
        assert!(judged.is_ok(), "seed {seed}: {}\n{}", judged.unwrap_err(), story(lab));
        assert_eq!(zxid_order(lab.replies()), Ok(()), "seed {seed}: {:#?}", lab.replies());
        assert_eq!(session_order(lab.replies()), Ok(()), "seed {seed}");
        assert_eq!(never_back(lab.replies()), Ok(()), "seed {seed}");
        assert!(life.converged.is_some(), "seed {seed}: the servers did not come together");
        answered += lab.replies().len();
        lost += life.lost;
    }
    assert!(answered > 3_000, "only {answered} requests were answered: little was tried");
    assert!(lost > 500, "only {lost} had no answer: little went wrong");
}

#[test]
fn strict_writes_and_bounded_reads_are_sequential_over_400_lives() {
    let (mut answered, mut stale) = (0, 0);
    for seed in 0..400 {
        let life = life(seed, |dice, wish| match wish {
            Wish::Read if dice.chance(800) => Promise::Sequential,
            _ => Promise::Linearizable,
        });
        let lab = &life.lab;
        let judged = sequential(lab.history());
        assert!(judged.is_ok(), "seed {seed}: {}\n{}", judged.unwrap_err(), story(lab));
        assert_eq!(zxid_order(lab.replies()), Ok(()), "seed {seed}: {:#?}", lab.replies());
        assert_eq!(session_order(lab.replies()), Ok(()), "seed {seed}:\n{}", story(lab));
        assert_eq!(never_back(lab.replies()), Ok(()), "seed {seed}:\n{}", story(lab));
        assert_eq!(too_old(lab), None, "seed {seed}:\n{}", story(lab));
        answered += lab.replies().len();
        stale += usize::from(linearizable(lab.history()).is_err());
    }
    assert!(answered > 3_000, "only {answered} requests were answered: little was tried");
    assert!(stale > 20, "only {stale} lives had a stale read: it could as well be linearizable");
}

/// A read that missed a write which had been confirmed longer ago than the bound, if there is one.
fn too_old(lab: &Lab) -> Option<(consistency::Reply, consistency::Reply)> {
    let bound = limits().bound.as_micros() as u64;
    let writes = || lab.replies().iter().filter(|reply| reply.write);
    lab.replies().iter().filter(|reply| !reply.write).find_map(|read| {
        let missed = |write: &&consistency::Reply| {
            write.position > read.position && write.answered + bound < read.invoked
        };
        writes().find(missed).map(|write| (*write, *read))
    })
}

#[test]
fn eventual_operations_converge_and_are_not_linearizable() {
    let (mut broken, mut shortest, mut answered) = (0, usize::MAX, 0);
    for seed in 0..400 {
        let life = life(seed, |_, _| Promise::Eventual);
        let lab = &life.lab;
        let converged = life.converged;
        assert!(converged.is_some(), "seed {seed}: the servers never came to hold the same");
        if let Err(why) = linearizable(lab.history()) {
            assert_eq!(why.cause, Cause::NotLinearizable, "seed {seed}");
            broken += 1;
            shortest = shortest.min(why.operations.len());
        }
        answered += lab.replies().len();
        // Of all that was written, what has the highest version is what remains.
        let last = lab.replies().iter().map(|reply| reply.position).max();
        let stored = lab.stored(1).expect("it runs").version.position();
        assert!(last.is_none_or(|last| stored >= last), "seed {seed}: a newer version was lost");
    }
    assert!(answered > 3_000, "only {answered} requests were answered");
    assert!(broken > 100, "only {broken} of 400 lives show that consistency was given up");
    assert_eq!(shortest, 2, "a write that is confirmed, and a read elsewhere that misses it");
}

#[test]
fn a_seed_has_one_story() {
    let hash = |seed| life(seed, |_, _| Promise::Linearizable).lab.world.trace().hash();
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7), hash(8));
}
