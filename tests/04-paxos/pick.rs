//! What a proposer may ask for: every set of promises of three and of five acceptors.

use machines::NodeId;
use paxos::{Ballot, Promise, Proposal, Value, pick};

const MINE: Value = Value::Number(7);

/// Each acceptor: silent, without anything, or with a proposal of ballot 1, 2 or 3.
fn each_set(acceptors: u32, mut look: impl FnMut(&[Promise])) {
    // The values of the three ballots: all different, or two alike.
    for values in [[10, 20, 30], [10, 10, 30], [10, 20, 10], [10, 20, 20], [7, 20, 30]] {
        for code in 0..5_u32.pow(acceptors) {
            let answer = |acceptor: u32| code / 5_u32.pow(acceptor) % 5;
            let promises: Vec<Promise> = (0..acceptors)
                .filter(|acceptor| answer(*acceptor) > 0)
                .map(|acceptor| {
                    let n = u64::from(answer(acceptor) - 1);
                    let value = |n| Value::Number(values[n as usize - 1]);
                    let accepted = (n > 0).then(|| Proposal { n: Ballot(n), value: value(n) });
                    Promise { from: NodeId::Server(u64::from(acceptor) + 1), accepted }
                })
                .collect();
            look(&promises);
        }
    }
}

/// What must be asked for, found ballot by ballot from the highest down.
fn expected(promises: &[Promise]) -> Value {
    let of = |n: u64| {
        let accepted = promises.iter().filter_map(|promise| promise.accepted);
        accepted.into_iter().find(|proposal| proposal.n == Ballot(n))
    };
    let highest = [3, 2, 1].into_iter().find_map(of);
    highest.map_or(MINE, |proposal| proposal.value)
}

fn check(acceptors: u32) {
    let (mut free, mut bound) = (0, 0);
    each_set(acceptors, |promises| {
        let enough = promises.len() > acceptors as usize / 2;
        let wanted = enough.then(|| expected(promises));
        let mut turned = promises.to_vec();
        for _ in 0..promises.len().max(1) {
            let picked = pick(&turned, acceptors as usize, MINE);
            assert_eq!(
                picked, wanted,
                "of {acceptors} acceptors these promised: {turned:?}. Of what they have accepted \
                 only the proposal of the highest ballot can have been chosen; with nothing \
                 accepted the proposer is free; without a majority it may ask for nothing"
            );
            if !turned.is_empty() {
                turned.rotate_left(1);
            }
        }
        match wanted {
            Some(MINE) => free += 1,
            Some(_) => bound += 1,
            None => {}
        }
    });
    assert!(free > 0 && bound > 0, "both are seen: {free} free, {bound} bound");
}

#[test]
fn every_set_of_promises_of_three_acceptors_leads_to_the_highest_ballot() {
    check(3);
}

#[test]
fn every_set_of_promises_of_five_acceptors_leads_to_the_highest_ballot() {
    check(5);
}

#[test]
fn an_acceptor_that_promises_twice_is_one_acceptor() {
    for acceptors in [3_u32, 5] {
        each_set(acceptors, |promises| {
            let twice: Vec<Promise> = promises.iter().chain(promises).copied().collect();
            assert_eq!(
                pick(&twice, acceptors as usize, MINE),
                pick(promises, acceptors as usize, MINE),
                "{promises:?}, each of them twice, is no more than once"
            );
        });
    }
}
