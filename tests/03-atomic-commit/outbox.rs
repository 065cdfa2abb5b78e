//! The outbox: what was paid arrives once, whatever fails.

use std::time::Duration;

use atomic_commit::outbox::{self, Audit, Entry, Message, Office, Order, PAYEE, PAYER, Payment};
use machines::{Dice, NodeId, Operation, Settings, World};

fn order(number: u64, from: u64, amount: u64) -> Order {
    Order { customer: 1, number, from, to: 7, amount }
}

/// A world in which everything fails for a while, and then is repaired.
fn storm(seed: u64) -> (Audit, bool) {
    let mut dice = Dice::new(seed);
    let settings = Settings::rough(&mut dice);
    let mut world: World<Office> = World::new(seed, settings);
    world.trace_mut().record();
    let orders = (1..=8).map(|number| order(number, dice.between(1, 4), dice.between(1, 60)));
    outbox::add_all(&mut world, orders.collect());
    let (mut audit, mut behind) = (Audit::default(), false);
    for _ in 0..40 {
        hurt(&mut world, &mut dice);
        let limit = world.now() + Duration::from_millis(dice.between(0, 200));
        while outbox::step(&mut world, &mut audit, limit) {}
        let (paid, credited) = audit.sums();
        behind |= credited < paid;
    }
    outbox::end(&mut world, &mut audit);
    if let Some(broken) = audit.broken() {
        panic!("seed {seed}: a law is broken\n{}{broken}", world.trace());
    }
    (audit, behind)
}

fn hurt(world: &mut World<Office>, dice: &mut Dice) {
    let bank = [PAYER, PAYEE][dice.below(2)];
    match dice.below(11) {
        0 => world.crash(bank),
        1 | 2 => world.power_loss(bank),
        3 => world.pause(bank),
        4 => world.cut(PAYER, PAYEE),
        5 => world.cut(PAYEE, PAYER),
        6 => world.heal(),
        7 => world.files(bank).fail(Operation::Sync, dice.between(1, 4) as u32),
        8 => {
            let connections = world.connections();
            connections.into_iter().for_each(|(number, ..)| world.reset(number));
        }
        _ => {
            for node in world.nodes() {
                world.resume(node);
                world.restart(node);
            }
        }
    }
}

#[test]
fn every_payment_arrives_once_over_400_storms() {
    let (mut paid, mut behind) = (0, false);
    for seed in 0..400 {
        let (audit, was_behind) = storm(seed);
        let (out, came) = audit.sums();
        assert_eq!(out, came, "seed {seed}");
        paid += out;
        behind |= was_behind;
    }
    assert!(paid > 10_000, "{paid}");
    assert!(behind, "for a while the money must be in neither account");
}

#[test]
fn a_payment_that_is_delivered_twice_is_credited_once() {
    for seed in 0..20 {
        let (trace, audit) = outbox::crash_in_the_middle(seed);
        let came = |text: &str| {
            let lines = trace.lines().iter().map(|line| line.to_string());
            lines.filter(|line| line.starts_with(text)).count()
        };
        assert!(came("2 ← 1 Payment #1") >= 2, "seed {seed}:\n{trace}");
        assert_eq!(audit.broken(), None, "seed {seed}:\n{trace}");
        assert_eq!(audit.sums(), (90, 90), "the fourth order was refused");
    }
}

#[test]
fn entries_are_read_as_they_are_written() {
    let payment = Payment { number: 4, to: 7, amount: 30 };
    for entry in [
        Entry::Paid(order(2, 1, 30), payment),
        Entry::Refused(order(2, 1, 30)),
        Entry::Arrived(4),
        Entry::Credited(NodeId::Server(1), payment),
    ] {
        assert_eq!(entry.to_string().parse(), Ok(entry));
    }
    for line in ["", "paid", "credited 1 4 30 to 7", "arrived x"] {
        assert_eq!(line.parse::<Entry>(), Err(()), "{line}");
    }
    assert_eq!(Message::Payment(payment).to_string(), "Payment #4 30 to 7");
}
