//! The laws can fail: each is broken once, by what acceptors and learners say.

use machines::{Boot, Booted, Disk, Fault, Kind, Line, NodeId, Occurrence, Settings, World};
use paxos::laws::{Broken, Law, Witness};
use paxos::search::Scope;
use paxos::{Acceptor, Ballot, Journal, Output, Paxos, Proposal, Role, Slot, Value};

use crate::acceptor::proposal;

/// A world in which nothing happens, and a witness that has been shown this.
fn shown(said: &[(u64, Output)]) -> Result<(), Broken> {
    let world: World<Role> = World::new(1, Settings::default());
    let mut witness = Witness::new(3);
    witness.want(Value::Number(8));
    witness.want(Value::Number(5));
    said.iter().try_for_each(|(node, output)| {
        let line = Line {
            time: Default::default(),
            node: NodeId::Server(*node),
            kind: Kind::Durable,
            peer: None,
            number: None,
            text: String::new(),
        };
        witness.see(&world, &Occurrence { line, answers: vec![*output] })
    })
}

fn accepted(slot: u64, proposal: Proposal) -> Output {
    Output::Accepted { slot: Slot(slot), proposal }
}

fn learned(slot: u64, number: u64) -> Output {
    Output::Learned { slot: Slot(slot), value: Value::Number(number) }
}

fn law(said: &[(u64, Output)]) -> Option<Law> {
    shown(said).err().map(|broken| broken.law)
}

#[test]
fn two_values_in_one_slot_are_one_too_many() {
    let (one, other) = (proposal(2, 8), proposal(4, 5));
    let mut said = vec![(1, accepted(1, one)), (2, accepted(1, one)), (2, accepted(1, other))];
    assert_eq!(law(&said), None, "one acceptor may change its mind");
    said.push((3, accepted(1, other)));
    assert_eq!(law(&said), Some(Law::P1));
    let elsewhere = [(1, accepted(2, one)), (2, accepted(2, one)), (2, accepted(1, other))];
    assert_eq!(law(&[&elsewhere[..], &[(3, accepted(1, other))]].concat()), None);
}

#[test]
fn nothing_is_chosen_that_nobody_wants() {
    let strange = accepted(1, proposal(2, 9));
    assert_eq!(law(&[(1, strange)]), None, "one acceptor decides nothing");
    assert_eq!(law(&[(1, strange), (1, strange), (3, strange)]), Some(Law::P2));
    let noop = accepted(1, Proposal { n: Ballot(2), value: Value::Noop });
    assert_eq!(law(&[(1, noop), (3, noop)]), None);
}

#[test]
fn a_learner_learns_what_is_chosen_and_in_order() {
    let chosen = |slot| [(1, accepted(slot, proposal(2, 8))), (2, accepted(slot, proposal(2, 8)))];
    let after = |said: &[(u64, Output)]| law(&[&chosen(1)[..], &chosen(2), said].concat());
    assert_eq!(after(&[(9, learned(1, 8)), (9, learned(2, 8))]), None);
    assert_eq!(after(&[(9, learned(1, 5))]), Some(Law::P3), "another value");
    assert_eq!(after(&[(9, learned(2, 8))]), Some(Law::P3), "slot 1 is left out");
    assert_eq!(after(&[(9, learned(1, 8)), (9, learned(1, 8))]), Some(Law::P3), "again");
    assert_eq!(law(&[(1, accepted(1, proposal(2, 8))), (9, learned(1, 8))]), Some(Law::P3));
}

#[test]
fn a_ballot_has_one_value() {
    let said = [(1, accepted(1, proposal(2, 8))), (2, accepted(1, proposal(2, 5)))];
    assert_eq!(law(&said), Some(Law::P5));
}

/// A disk that keeps nothing, and says that it does.
struct Sieve;

impl Disk<Paxos> for Sieve {
    fn write(&mut self, _: paxos::Record) -> Result<(), Fault> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn fetch(
        &mut self,
        never: std::convert::Infallible,
    ) -> Result<std::convert::Infallible, Fault> {
        match never {}
    }
}

#[test]
fn an_acceptor_that_forgets_its_promise_is_noticed() {
    let mut world: World<Role> = World::new(1, Settings::default());
    let one = NodeId::Server(1);
    world.add(one, |boot: Boot| {
        let (_, recovered) = Journal::open(boot.files)?;
        Ok(Booted { machine: Scope::ours(), disk: Box::new(Sieve), recovered })
    });
    let mut witness = Witness::new(1);
    let mut see = |world: &mut World<Role>| -> Result<(), Broken> {
        while let Some(occurrence) = world.step() {
            witness.see(world, &occurrence)?;
        }
        Ok(())
    };
    assert_eq!(see(&mut world), Ok(()));
    world.drive(one, |role, effects| {
        let message = paxos::Message::Prepare { n: Ballot(7), first: Slot::FIRST, wish: None };
        let from = NodeId::Client(1);
        machines::Machine::step(role, machines::Event::Received { from, message }, effects);
    });
    assert_eq!(see(&mut world), Ok(()));
    world.crash(one);
    world.restart(one);
    let broken = see(&mut world).expect_err("it is back without its promise");
    assert_eq!(broken.to_string(), "P4: acceptor 1 promised 7, and is back at 0");
    assert_eq!(Scope::ours(), Role::Acceptor(Acceptor::default()));
}
