//! Seeded lives: acceptors, proposers and learners to whom everything happens, every step judged;
//! then the faults stop, and all must end well.

use std::collections::BTreeSet;
use std::time::Duration;

use machines::{Dice, Kind, NodeId, Operation, Settings, World};
use paxos::search::Scope;
use paxos::{
    Ballot, Courtesy, Learner, LogProposer, Numbers, Output, Proposer, Role, Slot, Value, Watched,
    boot,
};

/// How many different things are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// One decree.
    Decree,
    /// A log.
    Log,
}

struct Life {
    watched: Watched,
    dice: Dice,
    kept: Kept,
    acceptors: Vec<NodeId>,
    proposers: Vec<NodeId>,
    learners: Vec<NodeId>,
    /// The last number that anybody wanted.
    wanted: u64,
    reached: BTreeSet<&'static str>,
}

impl Life {
    fn new(seed: u64, kept: Kept, record: bool) -> Life {
        let mut dice = Dice::new(seed);
        let mut world = World::new(seed, Settings::rough(&mut dice));
        if record {
            world.trace_mut().record();
        }
        let many = if dice.chance(500) { 3 } else { 5 };
        let acceptors: Vec<NodeId> = (1..=many).map(NodeId::Server).collect();
        let proposers: Vec<NodeId> = (1..=3).map(NodeId::Client).collect();
        let learners: Vec<NodeId> = (8..=9).map(NodeId::Client).collect();
        acceptors.iter().for_each(|node| world.add(*node, boot(Scope::ours())));
        for (rank, me) in (0..).zip(&proposers) {
            let numbers = Numbers { first: Ballot(u64::from(rank) + 1), step: 3 };
            let others = proposers.iter().copied().filter(|other| other != me).collect();
            let role = match kept {
                Kept::Log => Role::LogProposer(LogProposer::new(
                    *me,
                    numbers,
                    rank,
                    acceptors.clone(),
                    others,
                )),
                Kept::Decree => {
                    let courtesy = Courtesy::Random { seed: dice.any() };
                    Role::Proposer(Proposer::new(numbers, acceptors.clone(), courtesy))
                }
            };
            world.add(*me, boot(role));
        }
        for node in &learners {
            let role = Learner::new(acceptors.clone(), proposers.clone());
            world.add(*node, boot(Role::Learner(role)));
        }
        let watched = Watched::new(world, acceptors.len());
        let reached = BTreeSet::new();
        Life { watched, dice, kept, acceptors, proposers, learners, wanted: 0, reached }
    }

    fn nodes(&self) -> Vec<NodeId> {
        [&self.acceptors[..], &self.proposers, &self.learners].concat()
    }

    /// A proposer is told of a new wish.
    fn want(&mut self) {
        let proposer = *self.dice.pick(&self.proposers).expect("there are proposers");
        self.wanted += 1;
        self.watched.propose(proposer, Value::Number(self.wanted));
    }

    fn hurt(&mut self) {
        let nodes = self.nodes();
        let dice = &mut self.dice;
        let one = *dice.pick(&nodes).expect("there are nodes");
        let acceptor = *dice.pick(&self.acceptors).expect("there are acceptors");
        let what = dice.below(14);
        let (nth, changes) = (dice.between(1, 4) as u32, dice.between(1, 12));
        let (few, many) = (dice.below(self.acceptors.len()), dice.below(self.proposers.len() + 1));
        let world = self.watched.world();
        match what {
            0 => world.crash(one),
            1 => world.power_loss(one),
            2 => world.power_loss(acceptor),
            3 => world.pause(one),
            4 => world.files(acceptor).fail(Operation::Sync, nth),
            5 => world.files(acceptor).lose_power_after(changes),
            6 => world.part(&self.acceptors[..few], &self.proposers[..many]),
            7 => world.cut(one, acceptor),
            8 => world.heal(),
            9 => {
                let broken = dice.pick(&world.connections()).map(|connection| connection.0);
                broken.into_iter().for_each(|connection| world.reset(connection));
            }
            _ => {
                for node in nodes {
                    world.resume(node);
                    world.restart(node);
                }
            }
        }
    }

    /// Lets time pass. A process whose disk has failed is started again.
    fn pass(&mut self, time: Duration) {
        let limit = self.watched.world().now() + time;
        while let Some(occurrence) = self.watched.step_until(limit) {
            let (node, kind) = (occurrence.line.node, occurrence.line.kind);
            for output in &occurrence.answers {
                self.note(output);
            }
            if kind == Kind::Failed {
                self.watched.world().crash(node);
                self.watched.world().restart(node);
            }
            // What a proposer wanted, it no longer knows; its host still does.
            if kind == Kind::Started && self.kept == Kept::Decree && self.proposers.contains(&node)
            {
                self.want_again(node);
            }
            if self.watched.broken().is_some() {
                return;
            }
        }
    }

    fn want_again(&mut self, proposer: NodeId) {
        let NodeId::Client(number) = proposer else { return };
        self.watched.propose(proposer, Value::Number(100 + number));
    }

    fn note(&mut self, output: &Output) {
        let what = match output {
            Output::Preempted { promised: true, .. } => "a proposal was refused",
            Output::Preempted { promised: false, .. } => "a prepare was refused",
            Output::Proposed { proposal, .. } if proposal.value == Value::Noop => {
                "a gap was filled"
            }
            Output::Proposed { slot, proposal } => {
                let chosen = self.watched.witness().votes().chosen().get(slot);
                if chosen.is_none_or(|first| first.n >= proposal.n) {
                    return;
                }
                "what was chosen was proposed again"
            }
            Output::Leads { n, .. } if n.0 > 3 => "a leader was replaced",
            Output::Learned { slot: Slot(3..), .. } => "a log was learned",
            _ => return,
        };
        self.reached.insert(what);
    }

    /// How far every learner has come.
    fn all_learned(&self) -> Option<Slot> {
        let witness = self.watched.witness();
        self.learners.iter().map(|learner| witness.learned(*learner)).min().flatten()
    }

    /// The faults stop. Then something is decided, and everybody learns it.
    fn recover(&mut self) -> Result<(), String> {
        let nodes = self.nodes();
        let world = self.watched.world();
        world.heal();
        *world.settings_mut() = Settings::default();
        world.tell_what_broke();
        for node in nodes {
            world.resume(node);
            world.restart(node);
        }
        let last = self.watched.witness().votes().chosen().keys().max().copied();
        let goal = match self.kept {
            Kept::Decree => Slot::FIRST,
            Kept::Log => last.map_or(Slot::FIRST, |slot| slot.next()),
        };
        for _ in 0..120 {
            self.pass(Duration::from_secs(1));
            if let Some(broken) = self.watched.broken() {
                return Err(broken.to_string());
            }
            if self.all_learned() >= Some(goal) {
                return Ok(());
            }
            let nodes = self.nodes();
            nodes.into_iter().for_each(|node| self.watched.world().restart(node));
            self.want();
        }
        let learned = self.all_learned();
        Err(format!("two minutes after the last fault: learned {learned:?}, not {goal:?}"))
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..50 {
            if self.dice.chance(700) {
                self.hurt();
            }
            if self.kept == Kept::Log {
                self.want();
            }
            let time = self.dice.time(Duration::ZERO, Duration::from_millis(120));
            self.pass(time);
            if let Some(broken) = self.watched.broken() {
                return Err(broken.to_string());
            }
        }
        self.recover()
    }
}

/// Lives of these seeds. Of the first that ends badly it is told how.
fn lives(kept: Kept, seeds: std::ops::Range<u64>) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::new();
    for seed in seeds {
        let mut life = Life::new(seed, kept, false);
        if let Err(why) = life.live() {
            let mut again = Life::new(seed, kept, true);
            let same = again.live();
            let lines: Vec<String> =
                again.watched.world().trace().lines().iter().map(ToString::to_string).collect();
            let end = &lines[lines.len().saturating_sub(60)..];
            panic!("{kept:?}, seed {seed}: {why}\nagain: {same:?}\n{}", end.join("\n"));
        }
        reached.extend(life.reached);
    }
    reached
}

fn all_were_reached(reached: &BTreeSet<&str>, all: &[&str]) {
    let missing: Vec<_> = all.iter().filter(|what| !reached.contains(*what)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

const OF_A_DECREE: &[&str] =
    &["a proposal was refused", "a prepare was refused", "what was chosen was proposed again"];

const OF_A_LOG: &[&str] = &[
    "a proposal was refused",
    "what was chosen was proposed again",
    "a gap was filled",
    "a leader was replaced",
    "a log was learned",
];

#[test]
fn one_value_is_chosen_over_300_lives() {
    all_were_reached(&lives(Kept::Decree, 0..300), OF_A_DECREE);
}

#[test]
fn one_log_is_learned_over_200_lives() {
    all_were_reached(&lives(Kept::Log, 0..200), OF_A_LOG);
}

#[test]
#[ignore = "it takes minutes"]
fn nothing_breaks_over_twenty_thousand_lives() {
    lives(Kept::Decree, 0..10_000);
    lives(Kept::Log, 0..10_000);
}
