//! Confirmations: a leader that asks whether it leads is told so only by those who were asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use election::Members;
use machines::Dice;
use zab::Confirmation;
use zxid::ServerId;

use crate::world::three;

/// Server 3 of three leads; server 1 is at connection 11, and server 2 at 12.
fn leading() -> Confirmation {
    Confirmation::new(ServerId(3), three())
}

#[test]
fn a_round_is_confirmed_by_the_answer_to_a_ping_that_came_after_it_began() {
    let mut leader = leading();
    leader.asked(11, ServerId(1));
    assert_eq!(leader.begin(), 1);
    leader.asked(11, ServerId(1));
    leader.answered(11);
    assert_eq!(leader.confirmed(), None, "that was the ping before");
    leader.answered(11);
    assert_eq!(leader.confirmed(), Some(1));
    assert_eq!(leader.confirmed(), None, "it is said once");
}

#[test]
fn one_answer_confirms_all_rounds_before_its_ping() {
    let mut leader = leading();
    leader.begin();
    leader.asked(12, ServerId(2));
    leader.begin();
    leader.begin();
    leader.asked(12, ServerId(2));
    leader.begin();
    leader.answered(12);
    assert_eq!(leader.confirmed(), Some(1));
    leader.answered(12);
    assert_eq!(leader.confirmed(), Some(3), "the fourth began later");
}

#[test]
fn a_connection_that_is_closed_confirms_nothing() {
    let mut leader = leading();
    leader.begin();
    leader.asked(11, ServerId(1));
    leader.answered(11);
    leader.left(11);
    assert_eq!(leader.confirmed(), None);
    leader.answered(11);
    assert_eq!(leader.confirmed(), None, "nor does an answer that nobody asked for");
}

#[test]
fn a_leader_that_is_a_quorum_asks_nobody() {
    let mut leader = Confirmation::new(ServerId(1), Members::majority([ServerId(1)]));
    assert_eq!(leader.confirmed(), None, "there is no round");
    leader.begin();
    leader.begin();
    assert_eq!(leader.confirmed(), Some(2));
}

#[test]
fn observers_confirm_nothing() {
    let members = three().with_observers([ServerId(4)]);
    let mut leader = Confirmation::new(ServerId(3), members);
    leader.begin();
    leader.asked(14, ServerId(4));
    leader.answered(14);
    assert_eq!(leader.confirmed(), None);
}

/// A connection as one sees it from outside: when each ping was sent, by the steps of the test.
#[derive(Default)]
struct Wire {
    server: i64,
    unanswered: VecDeque<u64>,
    answered: Option<u64>,
}

#[test]
fn a_round_is_confirmed_exactly_when_a_quorum_answered_a_ping_sent_after_it_began() {
    let mut rounds = 0;
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let voters = 1 + dice.between(0, 5) as i64;
        let members = Members::majority((1..=voters).map(ServerId));
        let members = members.with_observers([ServerId(9)]);
        let mut leader = Confirmation::new(ServerId(1), members.clone());
        let mut begun = Vec::new();
        let mut wires: BTreeMap<u64, Wire> = BTreeMap::new();
        let mut confirmed = 0;
        for step in 0..dice.between(0, 80) {
            let link = dice.between(0, 7);
            match dice.below(8) {
                0 => {
                    begun.push(step);
                    assert_eq!(leader.begin(), begun.len() as u64);
                }
                1..=3 => {
                    let server = 2 + dice.between(0, 8) as i64;
                    let new = Wire { server, ..Wire::default() };
                    let wire = wires.entry(link).or_insert(new);
                    wire.unanswered.push_back(step);
                    leader.asked(link, ServerId(wire.server));
                }
                4..=6 => {
                    leader.answered(link);
                    let ping = wires.get_mut(&link).and_then(|it| it.unanswered.pop_front());
                    if ping.is_some() {
                        wires.get_mut(&link).expect("it is there").answered = ping;
                    }
                }
                _ if dice.chance(300) => {
                    leader.left(link);
                    wires.remove(&link);
                }
                _ => {}
            }
            let follows = |began: u64| {
                let heard = wires.values().filter(|it| it.answered.is_some_and(|at| at > began));
                let mut heard: BTreeSet<ServerId> = heard.map(|it| ServerId(it.server)).collect();
                heard.insert(ServerId(1));
                members.is_quorum(&heard)
            };
            let last = begun.iter().filter(|began| follows(**began)).count() as u64;
            let told = leader.confirmed();
            assert_eq!(told, (last > confirmed).then_some(last), "seed {seed}");
            confirmed = last.max(confirmed);
        }
        rounds += confirmed;
    }
    assert!(rounds > 1_000, "{rounds} rounds");
}
