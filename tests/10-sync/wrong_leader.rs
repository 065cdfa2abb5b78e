//! A learner that calls a server which does not lead.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machines::{Effect, Effects, Event, Machine, NodeId, World};
use sync::laws::Laws;
use sync::{Habits, Member, Peer, Scribe, Settings, boot};
use zab::Recovered;
use zxid::ServerId;

use crate::leader_desk::settings;

/// The connection of somebody who calls.
const CALLER: Peer = Peer::Quorum(zab::Peer::Learner(99));

#[test]
fn who_follows_hangs_up_on_a_learner_and_who_leads_does_not() {
    for seed in 1..20 {
        let mut world = ensemble(seed);
        for server in 1..=3 {
            let node = NodeId::Server(server);
            let leads = world.machine(node).expect("it runs").leads();
            let mut done = Vec::new();
            world.drive(node, |scribe, effects| {
                scribe.step(Event::Opened(CALLER), effects);
                done = effects.list().to_vec();
            });
            let hangs_up = done.contains(&Effect::Close(CALLER));
            assert_eq!(hangs_up, !leads, "seed {seed}, server {server}, leads: {leads}");
        }
    }
}

#[test]
fn who_is_looking_lets_a_learner_wait_until_it_knows() {
    let mut member = Member::new(settings(3, 0).into());
    let mut effects = Effects::new();
    member.step(Event::Started(Recovered::default()), &mut effects);
    let mut effects = Effects::new();
    member.step(Event::Opened(CALLER), &mut effects);
    assert!(effects.list().contains(&Effect::Pause(CALLER)), "{:?}", effects.list());
    assert!(!effects.list().contains(&Effect::Close(CALLER)), "{:?}", effects.list());
}

/// Three servers, one of which leads and serves.
fn ensemble(seed: u64) -> World<Scribe> {
    let members = settings(3, 0).members;
    let laws = Rc::new(RefCell::new(Laws::new(members)));
    let mut world = World::new(seed, machines::Settings::default());
    for server in 1..=3 {
        let settings = Settings { me: ServerId(server), ..settings(3, 0) };
        let boot = boot(Arc::new(settings), Habits::default(), laws.clone());
        world.add(NodeId::Server(server as u64), boot);
    }
    let serves = |world: &World<Scribe>, node: &NodeId| {
        world.machine(*node).is_some_and(|scribe| scribe.member().serving().is_some())
    };
    while !world.nodes().iter().all(|node| serves(&world, node)) {
        world.step_until(Duration::from_secs(60)).expect("three servers begin to serve");
    }
    world
}
