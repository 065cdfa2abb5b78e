//! Elections while everything fails that can fail, and what must come of them when it stops.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use election::{LogEnd, ServerState};
use machines::{Dice, NodeId, Settings};
use zxid::{ServerId, Zxid};

use crate::ensemble::{Ensemble, node, voters};

/// What happened in some runs: each must have happened at least once in many.
#[derive(Default)]
struct Seen {
    elections: usize,
    joined: usize,
    rounds: i64,
}

/// An ensemble, and who in place of the next chapter's protocol tells servers that their leader is
/// no leader.
struct Storm {
    ensemble: Ensemble,
    dice: Dice,
    all: Vec<i64>,
    voters: Vec<i64>,
    cuts: BTreeSet<(i64, i64)>,
    /// How often in a row a server was found without a leader that leads, or without followers.
    strikes: BTreeMap<i64, u32>,
    /// Which elections led to an epoch, and to which.
    reigns: BTreeMap<usize, u32>,
    restarts: bool,
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut dice = Dice::new(seed);
        let count = [3, 3, 4, 5, 5][dice.below(5)];
        let voters_ids: Vec<i64> = (1..=count).collect();
        let observers = dice.below(3) as i64;
        let all: Vec<i64> = (1..=count + observers).collect();
        let members = voters(count).with_observers((count + 1..=count + observers).map(ServerId));
        let settings = Settings::rough(&mut dice);
        let ensemble = Ensemble::new(seed, settings, members);
        let (cuts, strikes, reigns) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        let restarts = dice.chance(700);
        Storm { ensemble, dice, all, voters: voters_ids, cuts, strikes, reigns, restarts }
    }

    fn any(&mut self) -> i64 {
        self.all[self.dice.below(self.all.len())]
    }

    fn harm(&mut self) {
        let (one, other) = (self.any(), self.any());
        let world = &mut self.ensemble.world;
        match self.dice.below(9) {
            0 if self.restarts => world.crash(node(one)),
            1 if self.restarts => world.power_loss(node(one)),
            2 | 3 if self.restarts => world.restart(node(one)),
            4 => world.pause(node(one)),
            5 => world.resume(node(one)),
            6 => {
                world.cut(node(one), node(other));
                self.cuts.insert((one, other));
            }
            7 => {
                world.heal();
                self.cuts.clear();
            }
            8 => {
                let connections = world.connections();
                if let Some((number, ..)) = self.dice.pick(&connections) {
                    world.reset(*number);
                }
            }
            _ => {}
        }
    }

    fn reaches(&self, one: i64, other: i64) -> bool {
        let running = |server| self.ensemble.world.running(node(server));
        running(one)
            && running(other)
            && !self.cuts.contains(&(one, other))
            && !self.cuts.contains(&(other, one))
    }

    fn follows(&self, server: i64, leader: i64) -> bool {
        server == leader
            || self.reaches(server, leader)
                && self.ensemble.leader(server) == Some(ServerId(leader))
                && self.ensemble.state(leader) == Some(ServerState::Leading)
    }

    /// Whether a server's reign, as leader or as subject, can go on.
    fn reigns(&self, server: i64) -> bool {
        let Some(leader) = self.ensemble.leader(server) else { return true };
        if leader.0 != server {
            return self.follows(server, leader.0);
        }
        let followers = self.voters.iter().filter(|voter| self.follows(**voter, server));
        self.ensemble.members.is_quorum(&followers.copied().map(ServerId).collect())
    }

    /// Ends reigns that cannot go on, and lets leaders with a quorum establish their epoch.
    fn supervise(&mut self) {
        for server in self.all.clone() {
            if self.reigns(server) {
                self.strikes.remove(&server);
                if self.ensemble.state(server) == Some(ServerState::Leading) {
                    self.establish(server);
                }
            } else {
                let strikes = self.strikes.entry(server).or_default();
                *strikes += 1;
                if *strikes > 1 && self.ensemble.world.running(node(server)) {
                    self.strikes.remove(&server);
                    self.ensemble.look(server);
                }
            }
        }
    }

    /// The leader has a quorum: it establishes an epoch, once, and brings its followers into it
    /// one after another. If one of them is ahead of it, it gives up.
    fn establish(&mut self, leader: i64) {
        let followers: Vec<i64> =
            self.all.iter().copied().filter(|it| self.follows(*it, leader)).collect();
        let logs = self.ensemble.logs.borrow().clone();
        let log = |server: &i64| logs.get(server).copied().unwrap_or_default();
        let won = self.ensemble.elected.iter().rposition(|(_, server, _)| *server == leader);
        let won = won.expect("whoever leads was elected");
        let ahead = |it: &i64| self.voters.contains(it) && log(it) > log(&leader);
        if !self.reigns.contains_key(&won) && followers.iter().any(ahead) {
            return self.ensemble.look(leader);
        }
        let newest = logs.values().map(|it| it.current_epoch).max().unwrap_or(0);
        let epoch = *self.reigns.entry(won).or_insert(newest + 1);
        let end =
            LogEnd { current_epoch: epoch, last: Zxid::new(epoch, self.dice.below(9) as u32) };
        for follower in followers {
            if follower == leader || self.dice.chance(800) {
                self.ensemble.logs.borrow_mut().insert(follower, end);
                if let Some(machine) = self.ensemble.world.machine_mut(node(follower)) {
                    machine.update_epoch(epoch);
                }
            }
        }
    }

    fn calm(&mut self) {
        self.ensemble.world.heal();
        self.cuts.clear();
        *self.ensemble.world.settings_mut() = Settings::default();
        for server in self.all.clone() {
            self.ensemble.world.resume(node(server));
            self.ensemble.world.restart(node(server));
        }
    }

    fn run(&mut self, time: Duration) {
        let limit = self.ensemble.world.now() + time;
        while self.ensemble.world.now() < limit {
            self.ensemble.run(Duration::from_millis(250));
            self.supervise();
        }
    }
}

fn weather(seed: u64, seen: &mut Seen) {
    let mut storm = Storm::new(seed);
    for server in storm.all.clone() {
        storm.ensemble.start(server);
    }
    let harms = storm.dice.below(60);
    for _ in 0..harms {
        let time = storm.dice.time(Duration::ZERO, Duration::from_millis(800));
        storm.run(time);
        storm.harm();
    }
    storm.calm();
    // A minute for what broke to be noticed, one until votes are repeated, and then some.
    let mut left = 300;
    while !(storm.ensemble.agree(&storm.all) && storm.all.iter().all(|it| storm.reigns(*it))) {
        assert!(left > 0, "seed {seed}: all have a leader in the end: {}", describe(&storm));
        left -= 1;
        storm.run(Duration::from_secs(1));
    }
    if !storm.restarts {
        storm.ensemble.one_leader_per_round();
    }
    let elected = &storm.ensemble.elected;
    seen.elections += elected.len();
    seen.joined += elected.iter().filter(|(.., it)| it.role == ServerState::Observing).count();
    seen.rounds = seen.rounds.max(elected.iter().map(|(.., it)| it.round).max().unwrap_or(0));
}

fn describe(storm: &Storm) -> String {
    let election = |server: &i64| storm.ensemble.server(*server).map(|it| it.election().clone());
    let all = storm.all.iter().map(|server| format!("{server}: {:?}\n", election(server)));
    all.collect()
}

#[test]
fn when_faults_stop_all_servers_follow_one_leader() {
    let mut seen = Seen::default();
    (0..1_000).for_each(|seed| weather(seed, &mut seen));
    assert!(seen.elections > 5_000, "there are {} elections", seen.elections);
    assert!(seen.joined > 500, "observers join {} times", seen.joined);
    assert!(seen.rounds > 5, "there is a round {}", seen.rounds);
}

#[test]
#[ignore = "takes minutes"]
fn when_faults_stop_all_servers_follow_one_leader_many_times() {
    let mut seen = Seen::default();
    (1_000..101_000).for_each(|seed| weather(seed, &mut seen));
}

#[test]
fn the_same_seed_makes_the_same_elections() {
    let hash = |seed| {
        let mut ensemble = Ensemble::new(seed, Settings::rough(&mut Dice::new(seed)), voters(3));
        (1..=3).for_each(|server| ensemble.start(server));
        ensemble.run(Duration::from_secs(5));
        ensemble.world.trace().hash()
    };
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7), hash(8));
}

#[test]
fn a_partition_leaves_the_majority_with_a_leader_and_the_rest_without() {
    for seed in 0..50 {
        let mut storm = Storm::new(seed);
        storm.all = (1..=5).collect();
        storm.voters = storm.all.clone();
        storm.ensemble = Ensemble::new(seed, Settings::default(), voters(5));
        (1..=5).for_each(|server| storm.ensemble.start(server));
        storm.run(Duration::from_secs(2));
        assert_eq!(storm.ensemble.leader(1), Some(ServerId(5)));
        let (some, rest): ([NodeId; 3], [NodeId; 2]) = ([1, 2, 3].map(node), [4, 5].map(node));
        storm.ensemble.world.part(&some, &rest);
        for (one, other) in [1, 2, 3].into_iter().flat_map(|it| [(it, 4), (it, 5)]) {
            storm.cuts.insert((one, other));
        }
        storm.run(Duration::from_secs(30));
        assert!(storm.ensemble.agree(&[1, 2, 3]), "seed {seed}");
        assert_eq!(storm.ensemble.state(4), Some(ServerState::Looking), "seed {seed}");
        assert_eq!(storm.ensemble.state(5), Some(ServerState::Looking), "seed {seed}");
        storm.calm();
        storm.run(Duration::from_secs(120));
        assert!(storm.ensemble.agree(&[1, 2, 3, 4, 5]), "seed {seed}");
    }
}
