//! Commits: what a quorum has on disk, in order, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use election::{Members, Share};
use machines::Dice;
use zab::Broadcast;
use zxid::{ServerId, Zxid};

use crate::world::three;

/// The transaction of epoch 2 that has this counter.
fn nth(counter: u32) -> Zxid {
    Zxid::new(2, counter)
}

/// An epoch in which so much was proposed.
fn proposed(members: Members, count: u32) -> Broadcast {
    let mut broadcast = Broadcast::new(members, 2);
    (1..=count).for_each(|counter| broadcast.propose(nth(counter)));
    broadcast
}

#[test]
fn a_proposal_is_committed_when_a_quorum_has_it_on_disk() {
    let mut broadcast = proposed(three(), 1);
    assert!(!broadcast.is_idle());
    assert_eq!(broadcast.ack(ServerId(1), nth(1)), None);
    assert_eq!(broadcast.ack(ServerId(1), nth(1)), None, "once more from the same is not one more");
    assert_eq!(broadcast.ack(ServerId(3), nth(1)), Some(nth(1)));
    assert_eq!(broadcast.ack(ServerId(2), nth(1)), None, "it is committed already");
    assert!(broadcast.is_idle());
    assert_eq!((broadcast.last(), broadcast.committed()), (nth(1), nth(1)));
}

#[test]
fn followers_can_commit_what_the_leader_has_not_on_its_own_disk() {
    let mut broadcast = proposed(three(), 2);
    assert_eq!(broadcast.ack(ServerId(1), nth(2)), None);
    assert_eq!(broadcast.ack(ServerId(2), nth(1)), Some(nth(1)));
    assert_eq!(broadcast.ack(ServerId(2), nth(2)), Some(nth(2)));
}

#[test]
fn a_slow_quorum_commits_many_at_once() {
    let mut broadcast = proposed(three(), 9);
    assert_eq!(broadcast.ack(ServerId(3), nth(9)), None);
    assert_eq!(broadcast.ack(ServerId(1), nth(7)), Some(nth(7)));
    assert_eq!(broadcast.ack(ServerId(2), nth(4)), None);
    assert_eq!(broadcast.ack(ServerId(2), nth(9)), Some(nth(9)));
}

#[test]
fn what_was_acknowledged_once_stays_so() {
    let mut broadcast = proposed(three(), 5);
    assert_eq!(broadcast.ack(ServerId(1), nth(5)), None);
    assert_eq!(broadcast.ack(ServerId(1), nth(2)), None, "an old word that comes again");
    assert_eq!(broadcast.ack(ServerId(2), nth(4)), Some(nth(4)));
}

#[test]
fn four_proposals_are_committed_by_the_third_of_five_servers_in_whatever_order_they_acknowledge() {
    let five = Members::majority((1..=5).map(ServerId));
    for seed in 0..500 {
        let mut dice = Dice::new(seed);
        let mut broadcast = proposed(five.clone(), 4);
        // Up to where each server has everything on disk.
        let mut ends = [0; 5];
        while ends != [4; 5] {
            let server = dice.below(5);
            if ends[server] == 4 {
                continue;
            }
            ends[server] += 1;
            let before = broadcast.committed();
            let told = broadcast.ack(ServerId(server as i64 + 1), nth(ends[server]));
            let mut sorted = ends;
            sorted.sort();
            assert_eq!(broadcast.committed(), nth(sorted[2]), "seed {seed}: {ends:?}");
            assert_eq!(told, (before != nth(sorted[2])).then_some(nth(sorted[2])), "seed {seed}");
        }
    }
}

#[test]
fn a_heavy_voter_commits_all_that_a_quorum_has_with_it() {
    let share = |weight| Share { group: 1, weight };
    let light = (1..=3).map(|n| (ServerId(n), share(1)));
    let mut broadcast = proposed(Members::grouped(light.chain([(ServerId(4), share(3))])), 9);
    for (server, counter) in [(1, 5), (2, 7), (3, 9)] {
        assert_eq!(
            broadcast.ack(ServerId(server), nth(counter)),
            None,
            "3 of 6 is not more than half"
        );
    }
    assert_eq!(broadcast.ack(ServerId(4), nth(9)), Some(nth(9)));
}

#[test]
fn what_a_server_said_before_its_connection_ended_counts_no_more() {
    let mut broadcast = proposed(three(), 2);
    broadcast.ack(ServerId(1), nth(2));
    broadcast.left(ServerId(1));
    assert_eq!(broadcast.ack(ServerId(2), nth(2)), None);
    assert_eq!(broadcast.ack(ServerId(1), nth(1)), Some(nth(1)), "it says it anew");
    broadcast.left(ServerId(2));
    assert_eq!(broadcast.committed(), nth(1), "what is committed stays so");
}

#[test]
fn observers_strangers_and_voters_without_weight_commit_nothing() {
    let share = |weight| Share { group: 1, weight };
    let weighed = (1..=3).map(|n| (ServerId(n), share(1))).chain([(ServerId(4), share(0))]);
    let members = Members::grouped(weighed).with_observers([ServerId(5)]);
    let mut broadcast = proposed(members, 1);
    assert_eq!(broadcast.ack(ServerId(1), nth(1)), None);
    for nobody in [4, 5, 6] {
        assert_eq!(broadcast.ack(ServerId(nobody), nth(1)), None, "server {nobody}");
    }
    assert_eq!(broadcast.ack(ServerId(2), nth(1)), Some(nth(1)));
}

#[test]
fn what_was_not_proposed_in_this_epoch_cannot_be_acknowledged() {
    let mut broadcast = proposed(three(), 1);
    for other in [nth(0), nth(2), Zxid::new(1, 1), Zxid::new(3, 1), Zxid(u64::MAX)] {
        assert_eq!(broadcast.ack(ServerId(1), other), None);
        assert_eq!(broadcast.ack(ServerId(2), other), None, "{other}");
    }
    broadcast.propose(nth(2));
    assert_eq!(broadcast.ack(ServerId(1), nth(2)), None, "what came too early is forgotten");
    assert_eq!(broadcast.ack(ServerId(2), nth(1)), Some(nth(1)));
}

#[test]
#[should_panic(expected = "proposals come in order, after 2.1")]
fn a_leader_leaves_nothing_out() {
    proposed(three(), 1).propose(nth(3));
}

/// The plain way: for each proposal the servers that acknowledged it, as ZooKeeper has it.
struct Plain {
    members: Members,
    acks: BTreeMap<Zxid, BTreeSet<ServerId>>,
    committed: Zxid,
}

impl Plain {
    fn ack(&mut self, server: ServerId, zxid: Zxid) {
        if let Some(servers) = self.acks.get_mut(&zxid)
            && self.members.is_voter(server)
        {
            servers.insert(server);
        }
        let waiting = self.acks.range(nth(self.committed.counter() + 1)..);
        let done = waiting.take_while(|(_, servers)| self.members.is_quorum(servers));
        self.committed = done.last().map_or(self.committed, |(zxid, _)| *zxid);
    }

    fn left(&mut self, server: ServerId) {
        self.acks.values_mut().for_each(|servers| servers.retain(|it| *it != server));
    }
}

#[test]
fn the_commit_point_is_where_counting_each_proposal_by_itself_finds_it() {
    let share = |group, weight| Share { group, weight };
    let grouped = (1..=7).map(|n| (ServerId(n), share(n % 3, 1 + (n % 2) as u32)));
    let ensembles = [three(), Members::majority((1..=4).map(ServerId)), Members::grouped(grouped)];
    let ensembles = ensembles.map(|it| it.with_observers([ServerId(8)]));
    let (mut commits, mut many) = (0, 0);
    for seed in 0..3_000 {
        let mut dice = Dice::new(seed);
        let members = dice.pick(&ensembles).expect("there are three").clone();
        let mut broadcast = Broadcast::new(members.clone(), 2);
        let mut plain = Plain { members, acks: BTreeMap::new(), committed: nth(0) };
        // What each server has acknowledged: it does so one after the other.
        let mut said = BTreeMap::new();
        for _ in 0..dice.below(120) {
            if dice.chance(250) {
                let next = nth(broadcast.last().counter() + 1);
                broadcast.propose(next);
                plain.acks.insert(next, BTreeSet::new());
                continue;
            }
            let server = ServerId(dice.between(1, 10) as i64);
            let next = said.entry(server).or_insert(0);
            if dice.chance(20) {
                broadcast.left(server);
                plain.left(server);
                // It comes again with what is committed, and gets the rest anew.
                *next = broadcast.committed().counter();
                continue;
            }
            // Sometimes it says again what it has said, or what nobody proposed.
            let zxid = match dice.below(12) {
                0 => nth(dice.below(*next as usize + 1) as u32),
                1 => Zxid::new(1, *next + 1),
                _ if nth(*next) < broadcast.last() => {
                    *next += 1;
                    nth(*next)
                }
                _ => continue,
            };
            let before = broadcast.committed();
            let told = broadcast.ack(server, zxid);
            plain.ack(server, zxid);
            assert_eq!(broadcast.committed(), plain.committed, "seed {seed}");
            let new = (before != plain.committed).then_some(plain.committed);
            assert_eq!(told, new, "seed {seed}: it is told once");
            assert_eq!(broadcast.is_idle(), broadcast.last() == plain.committed);
            commits += usize::from(told.is_some());
            many += usize::from(told.is_some_and(|it| it.0 > before.0 + 1));
        }
    }
    assert!(commits > 10_000, "{commits} commits");
    assert_eq!(many, 0, "who acknowledges one after the other commits one after the other");
}
