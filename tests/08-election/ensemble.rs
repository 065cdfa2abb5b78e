//! Servers in the simulated world, and the laws that are checked after every step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use election::{Elected, ElectionServer, LogEnd, Members, ServerState, Told, Vote, better, boot};
use machines::{NodeId, Settings, World};
use zxid::ServerId;

pub(crate) fn node(server: i64) -> NodeId {
    NodeId::Server(server as u64)
}

/// What a looking server was seen with: process, round, vote.
type Seen = (u32, i64, Vote);

pub(crate) struct Ensemble {
    pub(crate) world: World<ElectionServer>,
    pub(crate) members: Members,
    /// Where each server's log ends; read when it starts.
    pub(crate) logs: Rc<RefCell<BTreeMap<i64, LogEnd>>>,
    /// All elections that ended, in order: when, where, and how.
    pub(crate) elected: Vec<(Duration, i64, Elected)>,
    votes: BTreeMap<i64, Seen>,
    /// Of each round: whom each process settled on.
    settled: BTreeMap<i64, BTreeMap<(i64, u32), ServerId>>,
}

impl Ensemble {
    pub(crate) fn new(seed: u64, settings: Settings, members: Members) -> Ensemble {
        Ensemble {
            world: World::new(seed, settings),
            members,
            logs: Rc::default(),
            elected: Vec::new(),
            votes: BTreeMap::new(),
            settled: BTreeMap::new(),
        }
    }

    pub(crate) fn start(&mut self, server: i64) {
        let logs = self.logs.clone();
        let log = move |_| logs.borrow().get(&server).copied().unwrap_or_default();
        self.world.add(node(server), boot(ServerId(server), self.members.clone(), log));
    }

    /// Does the next thing, if it is not after `limit`, and checks the laws.
    pub(crate) fn step(&mut self, limit: Duration) -> bool {
        let Some(occurrence) = self.world.step_until(limit) else { return false };
        if let NodeId::Server(server) = occurrence.line.node {
            for told in occurrence.answers {
                self.on_told(server as i64, told);
            }
            self.votes_get_no_worse(server as i64);
        }
        true
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let limit = self.world.now() + time;
        while self.step(limit) {}
    }

    pub(crate) fn look(&mut self, server: i64) {
        let log = self.logs.borrow().get(&server).copied().unwrap_or_default();
        self.world.drive(node(server), |machine, effects| machine.look(log, effects));
        self.votes_get_no_worse(server);
    }

    pub(crate) fn server(&self, server: i64) -> Option<&ElectionServer> {
        self.world.machine(node(server))
    }

    pub(crate) fn state(&self, server: i64) -> Option<ServerState> {
        Some(self.server(server)?.election().state())
    }

    /// Whom a server leads or follows.
    pub(crate) fn leader(&self, server: i64) -> Option<ServerId> {
        let election = self.server(server)?.election();
        (election.state() != ServerState::Looking).then(|| election.vote().leader)
    }

    /// The first server that led.
    pub(crate) fn first(&self) -> Option<ServerId> {
        let mut elected = self.elected.iter();
        let (_, server, _) = elected.find(|(_, _, it)| it.role == ServerState::Leading)?;
        Some(ServerId(*server))
    }

    /// Whether every one of these servers runs, and all have the same leader, who leads.
    pub(crate) fn agree(&self, servers: &[i64]) -> bool {
        let leaders: BTreeSet<_> = servers.iter().map(|server| self.leader(*server)).collect();
        let Some(Some(leader)) = leaders.first() else { return false };
        leaders.len() == 1 && self.state(leader.0) == Some(ServerState::Leading)
    }

    fn on_told(&mut self, server: i64, told: Told) {
        let Told::Elected(elected) = told else { return };
        let voter = self.members.is_voter(ServerId(server));
        let role = match elected.vote.leader {
            ServerId(leader) if leader == server => ServerState::Leading,
            _ if voter => ServerState::Following,
            _ => ServerState::Observing,
        };
        assert_eq!(elected.role, role, "server {server} takes the part that the vote gives it");
        assert!(self.members.weight(elected.vote.leader) > 0, "only voters that weigh are elected");
        self.elected.push((self.world.now(), server, elected));
        let process = (server, self.world.incarnation(node(server)));
        self.settled.entry(elected.round).or_default().insert(process, elected.vote.leader);
    }

    /// Within a round, a vote never gets worse.
    fn votes_get_no_worse(&mut self, server: i64) {
        let incarnation = self.world.incarnation(node(server));
        let Some(machine) = self.world.machine(node(server)) else { return };
        let election = machine.election();
        if election.state() != ServerState::Looking {
            self.votes.remove(&server);
            return;
        }
        let (round, vote) = (election.round(), election.vote());
        let before = self.votes.insert(server, (incarnation, round, vote));
        let Some((process, old_round, old)) = before else { return };
        if process == incarnation {
            assert!(
                round >= old_round,
                "server {server} goes back from round {old_round} to {round}"
            );
            assert!(
                round > old_round || vote == old || better(&vote, &old, &self.members),
                "server {server} changes its vote from {old} to the worse {vote} in round {round}",
            );
        }
    }

    /// At most one server has been followed, in one round, by a quorum that settled in that round.
    /// It holds while no process is started twice, for then each settles once in a round.
    pub(crate) fn one_leader_per_round(&self) {
        for (round, settled) in &self.settled {
            let mut followers: BTreeMap<ServerId, BTreeSet<ServerId>> = BTreeMap::new();
            for ((server, _), leader) in settled {
                followers.entry(*leader).or_default().insert(ServerId(*server));
            }
            followers.retain(|_, all| self.members.is_quorum(all));
            assert!(followers.len() <= 1, "round {round} has the leaders {followers:?}");
        }
    }
}

/// Voters 1 to `count`.
pub(crate) fn voters(count: i64) -> Members {
    Members::majority((1..=count).map(ServerId))
}
