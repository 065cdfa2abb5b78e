//! The plan: every row by itself, and that whoever does what it says has the leader's history.

use std::collections::BTreeSet;

use machines::Dice;
use storage::Entry;
use sync::{Plan, plan};
use zab::History;
use zxid::Zxid;

use crate::leader_desk::{entries, entry, recovered};

fn z(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

/// A history of which memory has what follows `from`, and of which the first so many are committed.
fn history(from: Zxid, tail: Vec<Entry>, committed: Zxid) -> History {
    let mut history = History::new(recovered(0, from, tail));
    history.commit(committed);
    history
}

/// Memory has 2.3 to 2.5 and 4.1 to 4.3; the leader's epoch is 6, and all of this is decided.
fn two_epochs() -> History {
    let tail = entries(2, 5).into_iter().skip(2).chain(entries(4, 3)).collect();
    history(z(2, 2), tail, Zxid::ZERO)
}

fn of_two_epochs(last: Zxid) -> Plan {
    plan(last, &two_epochs(), z(6, 0), Some(u64::MAX))
}

#[test]
fn a_learner_that_ends_where_the_leader_does_gets_nothing() {
    assert_eq!(of_two_epochs(z(4, 3)), Plan::Diff { after: z(4, 3) });
    assert_eq!(of_two_epochs(z(6, 0)), Plan::Diff { after: z(6, 0) });
    let empty = history(Zxid::ZERO, Vec::new(), Zxid::ZERO);
    assert_eq!(plan(Zxid::ZERO, &empty, z(1, 0), None), Plan::Diff { after: Zxid::ZERO });
}

#[test]
fn a_learner_that_ends_in_memory_gets_what_follows() {
    for last in [z(2, 2), z(2, 3), z(2, 5), z(4, 1), z(4, 2)] {
        assert_eq!(of_two_epochs(last), Plan::Diff { after: last });
    }
}

#[test]
fn a_learner_that_went_on_in_an_epoch_whose_end_is_known_is_cut_there() {
    assert_eq!(of_two_epochs(z(2, 6)), Plan::Trunc { to: z(2, 5) });
    assert_eq!(of_two_epochs(z(2, 99)), Plan::Trunc { to: z(2, 5) });
    assert_eq!(of_two_epochs(z(4, 4)), Plan::Trunc { to: z(4, 3) });
    // Even if all that is left is the state.
    let old = history(z(2, 2), Vec::new(), Zxid::ZERO);
    assert_eq!(plan(z(2, 3), &old, z(3, 0), None), Plan::Trunc { to: z(2, 2) });
}

#[test]
fn a_learner_that_went_on_in_an_epoch_of_which_the_leader_has_nothing_is_cut_where_it_began() {
    assert_eq!(of_two_epochs(z(3, 1)), Plan::Trunc { to: z(2, 5) });
    assert_eq!(of_two_epochs(z(5, 1)), Plan::Trunc { to: z(4, 3) });
    // Of a later epoch than the leader's own nothing is known.
    assert_eq!(of_two_epochs(z(7, 1)), Plan::Snap);
    // The number of an epoch's beginning is no transaction: there is nothing in a log to be cut after it.
    let began = history(z(2, 0), Vec::new(), Zxid::ZERO);
    assert_eq!(plan(z(2, 3), &began, z(3, 0), None), Plan::Snap);
}

#[test]
fn a_learner_that_ends_where_an_epoch_began_has_all_before() {
    for last in [z(3, 0), z(4, 0), z(5, 0)] {
        assert_eq!(of_two_epochs(last), Plan::Diff { after: last });
    }
    assert_eq!(of_two_epochs(z(7, 0)), Plan::Snap, "that epoch has yet to come");
    let began = history(z(2, 0), entries(3, 2), Zxid::ZERO);
    assert_eq!(plan(z(2, 0), &began, z(4, 0), None), Plan::Diff { after: z(2, 0) });
}

#[test]
fn a_learner_from_before_memory_gets_the_log_if_that_is_cheaper_than_a_snapshot() {
    let wanted = Plan::FromDisk { after: z(2, 1) };
    assert_eq!(of_two_epochs(z(2, 1)), wanted);
    assert_eq!(plan(z(2, 1), &two_epochs(), z(6, 0), None), Plan::Snap);
    // It lacks one entry that is not in memory, and those in memory have 15 bytes.
    assert_eq!(plan(z(2, 1), &two_epochs(), z(6, 0), Some(15)), wanted);
    assert_eq!(plan(z(2, 1), &two_epochs(), z(6, 0), Some(14)), Plan::Snap);
    // Of an earlier epoch: two at least.
    assert_eq!(plan(z(1, 9), &two_epochs(), z(6, 0), Some(30)), Plan::FromDisk { after: z(1, 9) });
    assert_eq!(plan(z(1, 9), &two_epochs(), z(6, 0), Some(29)), Plan::Snap);
}

#[test]
fn who_has_nothing_or_does_not_know_what_gets_a_snapshot() {
    assert_eq!(of_two_epochs(Zxid::ZERO), Plan::Snap);
    assert_eq!(of_two_epochs(Zxid(u64::MAX)), Plan::Snap);
    // Nothing is also what a learner says that must forget what it has.
    let all = history(Zxid::ZERO, entries(1, 3), z(1, 3));
    assert_eq!(plan(Zxid::ZERO, &all, z(2, 0), Some(u64::MAX)), Plan::Snap);
}

#[test]
fn what_is_proposed_and_not_decided_is_cut_and_sent_again() {
    let mut history = history(z(4, 3), entries(6, 5), z(6, 2));
    let at = |last, history: &History, decided| plan(last, history, decided, None);
    assert_eq!(at(z(6, 2), &history, z(6, 2)), Plan::Diff { after: z(6, 2) });
    assert_eq!(at(z(6, 1), &history, z(6, 2)), Plan::Diff { after: z(6, 1) });
    assert_eq!(at(z(6, 4), &history, z(6, 2)), Plan::Trunc { to: z(6, 2) });
    history.commit(z(6, 4));
    assert_eq!(at(z(6, 4), &history, z(6, 4)), Plan::Diff { after: z(6, 4) });
    // Nothing is decided in this epoch: the cut is to the end of the one before, which must be in
    // the log of whoever has what was proposed since.
    let fresh = self::history(z(4, 3), entries(6, 5), z(6, 0));
    assert_eq!(at(z(6, 4), &fresh, z(6, 0)), Plan::Trunc { to: z(4, 3) });
    assert_eq!(at(z(6, 9), &fresh, z(6, 0)), Plan::Snap, "it was never proposed");
}

/// A server of the world below.
#[derive(Clone, Debug, Default)]
struct Server {
    current: u32,
    log: Vec<Zxid>,
}

/// Servers that keep to the protocol, as far as histories go: in each epoch somebody with the newest
/// history of a quorum leads, the quorum takes its history over, and proposals reach some of it.
struct World {
    servers: Vec<Server>,
    /// The epochs whose leaders were established.
    began: BTreeSet<u32>,
    leader: usize,
    epoch: u32,
    /// How much of the leader's log is decided.
    decided: usize,
}

impl World {
    fn grow(dice: &mut Dice) -> World {
        let count = if dice.chance(500) { 3 } else { 5 };
        let servers = vec![Server::default(); count];
        let mut world = World { servers, began: BTreeSet::new(), leader: 0, epoch: 0, decided: 0 };
        for _ in 0..=dice.below(6) {
            world.reign(dice);
        }
        world
    }

    fn reign(&mut self, dice: &mut Dice) {
        let (count, epoch) = (self.servers.len(), self.epoch + 1 + dice.below(2) as u32);
        let mut quorum = BTreeSet::new();
        while quorum.len() <= count / 2 {
            quorum.insert(dice.below(count));
        }
        let newest =
            |it: &&usize| (self.servers[**it].current, self.servers[**it].log.last().copied());
        let leader = *quorum.iter().max_by_key(newest).expect("a quorum has members");
        let log = self.servers[leader].log.clone();
        (self.leader, self.epoch, self.decided) = (leader, epoch, log.len());
        self.servers[leader].current = epoch;
        // Some of the quorum may not come so far, and then nobody is established.
        let mut has = BTreeSet::from([leader]);
        for server in quorum.iter().filter(|it| **it != leader) {
            if dice.chance(850) {
                self.servers[*server] = Server { current: epoch, log: log.clone() };
                has.insert(*server);
            }
        }
        if has.len() <= count / 2 {
            return;
        }
        self.began.insert(epoch);
        for counter in 1..=dice.below(6) as u32 {
            self.servers[leader].log.push(z(epoch, counter));
            has.retain(|it| *it == leader || dice.chance(800));
            for server in has.iter().filter(|it| **it != leader) {
                self.servers[*server].log.push(z(epoch, counter));
            }
            if has.len() > count / 2 {
                self.decided = self.servers[leader].log.len();
            }
        }
    }

    /// Where a server may say that its history ends: at its last transaction, or where the epoch
    /// began in which it got no other.
    fn ends(&self, server: &Server) -> Vec<Zxid> {
        let last = server.log.last().copied().unwrap_or_default();
        let began = self.began.contains(&server.current).then_some(z(server.current, 0));
        std::iter::once(last).chain(began.filter(|began| *began > last)).collect()
    }

    /// The leader's history, of which memory has forgotten the first so many entries.
    fn history(&self, forgotten: usize) -> (History, Zxid) {
        let log = &self.servers[self.leader].log;
        let from = forgotten.checked_sub(1).map_or(Zxid::ZERO, |last| log[last]);
        let tail = log[forgotten..].iter().map(|it| entry(it.epoch(), it.counter())).collect();
        let committed = self.decided.checked_sub(1).map_or(Zxid::ZERO, |last| log[last]);
        let decided = committed.max(z(self.epoch, 0));
        (history(from, tail, decided), decided)
    }
}

#[test]
fn whoever_does_as_planned_has_the_leaders_history() {
    let mut seen = BTreeSet::new();
    for seed in 0..3000 {
        let mut dice = Dice::new(seed);
        let world = World::grow(&mut dice);
        let leaders = &world.servers[world.leader].log;
        let forgotten = dice.below(world.decided + 1);
        let (history, decided) = world.history(forgotten);
        let claims =
            world.servers.iter().flat_map(|it| world.ends(it).into_iter().map(move |at| (it, at)));
        for (server, last) in claims {
            let mut log = server.log.clone();
            let planned = plan(last, &history, decided, Some(u64::MAX));
            let after = match planned {
                Plan::Diff { after } => after,
                Plan::Trunc { to } => {
                    assert!(log.contains(&to), "seed {seed}: {to} is not in {log:?}");
                    assert!(to >= history.from(), "seed {seed}: memory does not go on from {to}");
                    log.retain(|it| *it <= to);
                    to
                }
                // The disk knows whether it has it.
                Plan::FromDisk { after } if leaders.contains(&after) => after,
                Plan::FromDisk { .. } | Plan::Snap => {
                    let decided = &leaders[..world.decided];
                    let shared = log.iter().zip(decided).take_while(|(it, ours)| it == ours);
                    let shared = shared.count();
                    assert!(shared <= forgotten, "seed {seed}: {server:?} has more than the state");
                    log.clear();
                    Zxid::ZERO
                }
            };
            seen.insert(format!("{planned:?}").split(' ').next().map(str::to_string));
            let decided_log = &leaders[..world.decided];
            assert!(
                log.len() <= world.decided && decided_log.starts_with(&log),
                "seed {seed}: {planned:?} for {server:?} under {leaders:?}, decided {decided}"
            );
            log.extend(leaders.iter().filter(|it| **it > after));
            assert_eq!(&log, leaders, "seed {seed}: {planned:?} for {server:?}");
        }
    }
    assert_eq!(seen.len(), 4, "all plans are made: {seen:?}");
}
