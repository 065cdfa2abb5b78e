//! Epochs: nobody can dispute a leader's.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use election::{Members, Share};
use machines::Dice;
use zab::{Discovery, Promise, promise};
use zxid::{ServerId, Zxid};

use crate::world::{Action, Again, World, end, three};

/// Server 3 of three, which once promised epoch `accepted`, and whose history ends here.
fn elected(accepted: u32, current: u32, last: Zxid) -> Discovery {
    Discovery::new(ServerId(3), three(), accepted, end(current, last))
}

#[test]
fn three_empty_servers_begin_with_epoch_1() {
    let mut leader = elected(0, 0, Zxid::ZERO);
    assert_eq!(leader.epoch(), None, "alone it is no quorum");
    assert_eq!(leader.join(ServerId(1), 0), Some(1));
    assert!(!leader.promised(ServerId(3), Some(0)));
    assert!(leader.promised(ServerId(1), Some(0)));
    assert_eq!(leader.join(ServerId(2), 0), Some(1), "who comes late gets the same");
}

#[test]
fn a_leader_without_others_is_its_own_quorum() {
    let alone = Members::majority([ServerId(1)]);
    let mut leader = Discovery::new(ServerId(1), alone, 4, end(4, Zxid::new(4, 2)));
    assert_eq!(leader.epoch(), Some(5));
    assert!(leader.promised(ServerId(1), Some(4)));
}

#[test]
fn a_leader_finds_its_epoch_when_a_quorum_has_joined_itself_included() {
    let mut leader = elected(2, 2, Zxid::new(2, 9));
    assert_eq!(leader.epoch(), None, "alone it is no quorum");
    assert_eq!(leader.join(ServerId(1), 7), Some(8), "one above the highest");
    assert_eq!(leader.epoch(), Some(8));
}

#[test]
fn a_leaders_own_promise_counts_like_any_other() {
    let mut leader = elected(6, 2, Zxid::new(2, 9));
    assert_eq!(leader.join(ServerId(1), 4), Some(7));
}

#[test]
fn who_comes_late_does_not_change_the_epoch() {
    let mut leader = elected(0, 0, Zxid::ZERO);
    assert_eq!(leader.join(ServerId(1), 0), Some(1));
    assert_eq!(leader.join(ServerId(2), 9), Some(1));
    assert_eq!(leader.heard_of(9), Some(1));
    assert_eq!(leader.epoch(), Some(1));
}

#[test]
fn one_server_that_joins_twice_is_one() {
    let five = Members::majority((1..=5).map(ServerId));
    let mut leader = Discovery::new(ServerId(3), five, 0, end(0, Zxid::ZERO));
    assert_eq!(leader.join(ServerId(1), 0), None);
    assert_eq!(leader.join(ServerId(1), 0), None);
    assert_eq!(leader.join(ServerId(2), 0), Some(1));
}

#[test]
fn who_has_no_vote_is_heard_and_not_counted() {
    let members = three().with_observers([ServerId(4)]);
    let mut leader = Discovery::new(ServerId(3), members, 0, end(0, Zxid::ZERO));
    assert_eq!(leader.join(ServerId(4), 6), None);
    assert_eq!(leader.heard_of(8), None);
    assert_eq!(leader.join(ServerId(1), 0), Some(9));
}

#[test]
fn the_epoch_is_above_what_the_others_promised() {
    let mut leader = elected(2, 2, Zxid::new(2, 9));
    assert_eq!(leader.join(ServerId(1), 7), Some(8));
    // Server 2 will refuse it, and whoever leads next will hear of 9.
    assert_eq!(leader.join(ServerId(2), 9), Some(8));
    assert_eq!(promise(9, 8), Promise::Refused);
}

#[test]
fn an_observer_makes_no_quorum_but_its_promise_is_heard() {
    let members = three().with_observers([ServerId(4)]);
    let mut leader = Discovery::new(ServerId(3), members, 0, end(0, Zxid::ZERO));
    assert_eq!(leader.join(ServerId(4), 6), None);
    assert_eq!(leader.join(ServerId(1), 0), Some(7));
    assert!(!leader.promised(ServerId(3), Some(0)));
    assert!(!leader.promised(ServerId(4), Some(6)));
    assert!(leader.promised(ServerId(1), Some(0)));
}

#[test]
fn others_are_no_quorum_without_the_leader() {
    let mut leader = elected(0, 0, Zxid::ZERO);
    leader.join(ServerId(1), 0);
    leader.join(ServerId(2), 0);
    assert!(!leader.promised(ServerId(1), Some(0)));
    assert!(!leader.promised(ServerId(2), Some(0)));
    assert!(leader.promised(ServerId(3), Some(0)));
}

#[test]
fn a_server_that_had_promised_this_epoch_before_may_follow_and_does_not_count() {
    assert_eq!(promise(5, 6), Promise::New);
    assert_eq!(promise(5, 5), Promise::Again);
    assert_eq!(promise(5, 4), Promise::Refused);
    let mut leader = elected(4, 4, Zxid::new(4, 1));
    leader.join(ServerId(1), 4);
    leader.promised(ServerId(3), Some(4));
    assert!(!leader.promised(ServerId(1), None));
    assert!(leader.promised(ServerId(1), Some(4)));
}

#[test]
fn a_server_promises_any_epoch_above_all_that_it_promised() {
    for offered in [6, 7, 90, u32::MAX] {
        assert_eq!(promise(5, offered), Promise::New, "epoch {offered}");
    }
    assert_eq!(promise(0, 1), Promise::New);
}

#[test]
fn the_epoch_that_was_promised_last_may_be_followed_and_is_no_new_promise() {
    for epoch in [0, 1, 5, u32::MAX] {
        assert_eq!(promise(epoch, epoch), Promise::Again, "epoch {epoch}");
    }
}

#[test]
fn an_epoch_below_what_was_promised_is_refused() {
    for offered in [0, 1, 4] {
        assert_eq!(promise(5, offered), Promise::Refused, "epoch {offered}");
    }
    assert_eq!(promise(u32::MAX, 0), Promise::Refused);
}

#[test]
fn whatever_is_offered_in_whatever_order_no_epoch_is_promised_twice() {
    for offers in 0..4u32.pow(5) {
        let (mut accepted, mut promises) = (0, BTreeSet::new());
        for place in 0..5 {
            let offered = offers / 4u32.pow(place) % 4;
            if promise(accepted, offered) == Promise::New {
                assert!(promises.insert(offered), "epoch {offered} was promised twice");
                accepted = offered;
            }
        }
        assert_eq!(promises.last().copied().unwrap_or(0), accepted, "the highest is the last");
    }
}

#[test]
fn a_learner_with_a_newer_history_is_refused() {
    let leader = elected(5, 5, Zxid::new(5, 10));
    assert!(!leader.refuses(end(5, Zxid::new(5, 10))), "the same");
    assert!(!leader.refuses(end(5, Zxid::new(5, 9))));
    assert!(leader.refuses(end(5, Zxid::new(5, 11))));
    assert!(leader.refuses(end(6, Zxid::new(5, 1))), "the epoch is compared first");
    assert!(!leader.refuses(end(4, Zxid::new(5, 99))));
}

#[test]
fn after_the_last_epoch_nobody_leads() {
    let mut leader = elected(u32::MAX - 1, 1, Zxid::ZERO);
    assert_eq!(leader.join(ServerId(1), 0), Some(u32::MAX));
    let mut leader = elected(0, 0, Zxid::ZERO);
    assert_eq!(leader.join(ServerId(1), u32::MAX), None);
    assert_eq!(leader.join(ServerId(2), 0), None);
}

fn fingerprint(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// Visits every world that can come about with epochs up to `epochs`. Says how many there are, or
/// what is wrong with one.
fn explore(first: World, epochs: u32) -> Result<usize, String> {
    let mut seen = BTreeSet::from([fingerprint(&first)]);
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        for action in world.actions() {
            let beyond = matches!(action, Action::Lead(server) if world.disks[&server] >= epochs);
            if beyond {
                continue;
            }
            let mut next = world.clone();
            next.act(action).map_err(|why| format!("{why}: after {action:?} in {world:#?}"))?;
            if seen.insert(fingerprint(&next)) {
                queue.push_back(next);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn two_leaders_never_have_the_same_epoch_whatever_happens_to_three_servers() {
    let worlds = explore(World::new(three(), Again::DoesNotCount, 2), 2);
    let worlds = worlds.unwrap_or_else(|why| panic!("{why}"));

    assert!(worlds > 40_000, "{worlds} worlds");
}

#[test]
fn if_a_promise_counted_twice_two_leaders_would_have_the_same_epoch() {
    let why = explore(World::new(three(), Again::Counts, 2), 2).unwrap_err();
    assert!(why.starts_with("two leaders have epoch 1"), "{why}");
}

#[test]
fn two_leaders_never_have_the_same_epoch_among_many_servers() {
    let share = |group| Share { group, weight: 1 };
    let grouped = Members::grouped((1..=9).map(|n| (ServerId(n), share(n % 3))));
    let five = Members::majority((1..=5).map(ServerId));
    let ensembles = [three(), five, grouped].map(|it| it.with_observers([ServerId(10)]));
    let (mut leaders, mut highest) = (0, 0);
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let members = dice.pick(&ensembles).expect("there are three").clone();
        let mut world = World::new(members, Again::DoesNotCount, u32::MAX);
        for _ in 0..dice.below(400) {
            let mut actions = world.actions();
            // A quiet world gets further.
            if dice.chance(900) {
                actions.retain(|it| !matches!(it, Action::Stop(_) | Action::Lead(_)));
            }
            let Some(action) = dice.pick(&actions) else { continue };
            world.act(*action).unwrap_or_else(|why| panic!("{why}: seed {seed}, {action:?}"));
        }
        leaders += world.found.len();
        highest = highest.max(world.found.last().copied().unwrap_or(0));
    }
    assert!(leaders > 1_000 && highest > 3, "{leaders} leaders, up to epoch {highest}");
}
