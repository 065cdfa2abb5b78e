//! First boots: who leads when servers start one after another.

use std::time::Duration;

use election::{LogEnd, Program, ServerState, first_leader, run_program};
use machines::{Dice, Settings};
use zxid::{ServerId, Zxid};

use crate::ensemble::{Ensemble, voters};

/// Every order of these numbers.
fn orders(of: &[i64]) -> Vec<Vec<i64>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in of {
        let rest: Vec<i64> = of.iter().copied().filter(|it| it != first).collect();
        for mut order in orders(&rest) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}

/// Starts servers in this order and waits until all have settled. Says who led first.
fn boot_in_order(order: &[i64], gaps: &[u64], seed: u64) -> (Ensemble, ServerId) {
    let mut ensemble = Ensemble::new(seed, Settings::default(), voters(order.len() as i64));
    for (server, gap) in order.iter().zip(gaps) {
        ensemble.start(*server);
        ensemble.run(Duration::from_millis(*gap));
    }
    ensemble.run(Duration::from_secs(1));
    assert!(ensemble.agree(order), "all have the same leader: {order:?}, {gaps:?}");
    ensemble.one_leader_per_round();
    let first = ensemble.first().expect("somebody leads");
    (ensemble, first)
}

fn predicted(order: &[i64], gaps: &[u64]) -> Option<i64> {
    let order: Vec<ServerId> = order.iter().copied().map(ServerId).collect();
    first_leader(&order, gaps).map(|leader| leader.0)
}

#[test]
fn a_quorum_waits_for_nobody_however_good() {
    assert_eq!(predicted(&[1, 2, 3], &[300, 300]), Some(2));
    assert_eq!(predicted(&[1, 2, 3, 4, 5], &[300; 4]), Some(3));
    assert_eq!(predicted(&[5, 1, 2, 3, 4], &[300; 4]), Some(5));
    assert_eq!(predicted(&[1, 2, 3, 4], &[900; 3]), Some(3), "two of four are no quorum");
}

#[test]
fn a_better_server_that_comes_within_the_wait_leads_and_the_wait_begins_again() {
    assert_eq!(predicted(&[1, 2, 3], &[300, 100]), Some(3));
    assert_eq!(predicted(&[1, 2, 3, 4, 5], &[150; 4]), Some(5));
    assert_eq!(predicted(&[1, 2, 3, 4, 5], &[10, 10, 150, 300]), Some(4));
}

#[test]
fn a_worse_server_that_comes_within_the_wait_changes_nothing() {
    assert_eq!(predicted(&[2, 3, 1], &[100, 100]), Some(3));
    assert_eq!(predicted(&[2, 3, 4, 1, 5], &[10, 10, 150, 150]), Some(4));
}

#[test]
fn who_has_no_quorum_has_no_leader_and_who_is_alone_has_itself() {
    assert_eq!(predicted(&[], &[]), None);
    assert_eq!(predicted(&[7], &[]), Some(7));
}

#[test]
fn every_start_order_of_three_and_five_ends_as_predicted() {
    let mut seed = 0;
    for (servers, gaps) in [(3, vec![3, 60, 150, 400]), (5, vec![3, 70, 330])] {
        let servers: Vec<i64> = (1..=servers).collect();
        for order in orders(&servers) {
            for gap in &gaps {
                seed += 1;
                let gaps = vec![*gap; order.len()];
                let ids: Vec<ServerId> = order.iter().copied().map(ServerId).collect();
                let (_, first) = boot_in_order(&order, &gaps, seed);
                assert_eq!(Some(first), first_leader(&ids, &gaps), "{order:?} {gap} ms apart");
            }
        }
    }
}

#[test]
fn a_prediction_holds_for_gaps_of_every_kind() {
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let mut order: Vec<i64> = (1..=[3, 4, 5, 7][dice.below(4)]).collect();
        for at in 0..order.len() {
            let other = dice.below(order.len());
            order.swap(at, other);
        }
        // No sum of these is within 10 of 200.
        let gaps: Vec<u64> = order.iter().map(|_| [2, 25, 90, 300][dice.below(4)]).collect();
        let waits = (0..gaps.len()).flat_map(|from| (from..gaps.len()).map(move |to| (from, to)));
        let close =
            |(from, to): (usize, usize)| (190..=210).contains(&gaps[from..=to].iter().sum::<u64>());
        if waits.into_iter().any(close) {
            continue;
        }
        let ids: Vec<ServerId> = order.iter().copied().map(ServerId).collect();
        let (_, first) = boot_in_order(&order, &gaps, seed);
        assert_eq!(Some(first), first_leader(&ids, &gaps), "seed {seed}: {order:?} {gaps:?}");
    }
}

#[test]
fn the_third_of_five_leads_only_if_three_settle_before_the_fourth_is_heard() {
    let order: Vec<ServerId> = (1..=5).map(ServerId).collect();
    assert_eq!(first_leader(&order, &[500; 5]), Some(ServerId(3)));
    assert_eq!(first_leader(&order, &[100; 5]), Some(ServerId(5)));
    assert_eq!(first_leader(&order, &[500, 500, 100, 500, 500]), Some(ServerId(4)));
    let other: Vec<ServerId> = [5, 1, 2, 3, 4].map(ServerId).to_vec();
    assert_eq!(first_leader(&other, &[500; 5]), Some(ServerId(5)));
    assert_eq!(first_leader(&[], &[]), None);
}

#[test]
fn of_those_that_settle_together_the_best_history_leads() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let count = [3, 4, 5][dice.below(3)];
        let mut ensemble = Ensemble::new(seed, Settings::default(), voters(count));
        let log = |dice: &mut Dice| LogEnd {
            current_epoch: dice.between(0, 3) as u32,
            last: Zxid::new(dice.between(0, 2) as u32, dice.between(0, 3) as u32),
        };
        let absent = dice.between(0, (count as u64 - 1) / 2 + 1) as i64;
        let present: Vec<i64> = (1..=count).filter(|it| *it > absent).collect();
        for server in &present {
            ensemble.logs.borrow_mut().insert(*server, log(&mut dice));
            ensemble.start(*server);
        }
        ensemble.run(Duration::from_secs(1));
        let logs = ensemble.logs.borrow().clone();
        let best = present.iter().max_by_key(|it| (logs[it].current_epoch, logs[it].last, **it));
        assert!(ensemble.agree(&present), "seed {seed}: all have the same leader");
        assert_eq!(ensemble.first(), best.copied().map(ServerId), "seed {seed}");
    }
}

#[test]
fn a_minority_elects_nobody() {
    let mut ensemble = Ensemble::new(1, Settings::default(), voters(5));
    ensemble.start(4);
    ensemble.start(5);
    ensemble.run(Duration::from_secs(300));
    assert_eq!(ensemble.elected, []);
    assert_eq!(ensemble.state(5), Some(ServerState::Looking));
}

#[test]
fn a_server_alone_is_a_quorum_of_one() {
    let mut ensemble = Ensemble::new(1, Settings::default(), voters(1));
    ensemble.start(1);
    ensemble.run(Duration::from_millis(201));
    assert_eq!(ensemble.state(1), Some(ServerState::Leading));
}

#[test]
fn the_program_shows_a_first_boot_and_a_crash() {
    let mut program = Program::first_boot(3, Duration::from_millis(20));
    program.order = [3, 1, 2].map(ServerId).to_vec();
    let text = run_program(&program).to_string();
    assert!(
        text.contains("3 answered Leading vote=(epoch 0, zxid 0.0, server 3) round=1"),
        "{text}"
    );
    program.crash = true;
    program.order.push(ServerId(4));
    program.observers.push(ServerId(4));
    let text = run_program(&program).to_string();
    let leads = "2 answered Leading vote=(epoch 1, zxid 1.7, server 2) round=2";
    let joins = "3 answered Following 2 vote=(epoch 1, zxid 1.7, server 2) round=2";
    assert!(text.find(leads).expect(leads) < text.find(joins).expect(joins), "{text}");
    assert_eq!(text, run_program(&program).to_string());
}
