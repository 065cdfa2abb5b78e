//! A core of the ensemble: a quorum that is well, and must serve although the others are not.
//!
//! When the storm is over, a quorum of the voters is drawn. These and the clients are mended, and all
//! ways between them. Every other server is down, stopped, cut off, slow, or left as it is. One that
//! is cut off from the servers alone, and whose clock runs slow, believes for a while yet that it is
//! one of them, and clients ask it: this is what a deposed leader is like.
//!
//! Always true: what is done here follows from the seed and the setting, and so no story tells it.

use std::time::Duration;

use machines::NodeId;
use sync::laws::Law;
use zxid::ServerId;

use super::Run;
use crate::anyone::{Anyone, ServerHost};
use crate::invariants::{Invariant, Verdict, holds};
use crate::story::between;

/// How often a leader and a learner may wait for each other until there is a leader.
const PATIENCE: u32 = 5;
/// By how much the nemesis makes a disk slower at most: what a disk has begun then takes its time.
const SLOWEST: u32 = 40;
/// How many elections a core may need.
const ROUNDS: i64 = 20;
/// For how long programs go on with a core.
const WORK: Duration = Duration::from_millis(1_500);

/// What is the matter with a server that is not in the core.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Matter {
    Down,
    Stopped,
    /// No way from it to anybody, or back.
    Alone,
    /// No way to other servers, but to clients.
    Deposed,
    Slow,
    Nothing,
}

const MATTERS: [(Matter, &str); 6] = [
    (Matter::Down, "is down"),
    (Matter::Stopped, "is stopped"),
    (Matter::Alone, "is cut off"),
    (Matter::Deposed, "is cut off from servers alone"),
    (Matter::Slow, "is slow"),
    (Matter::Nothing, "is as it was"),
];

/// The place of `Matter::Deposed`.
const DEPOSED: usize = 3;

impl Run {
    /// A quorum that is well comes to serve, and answers everything.
    pub(super) fn a_core_serves(&mut self) -> Verdict {
        let core = self.draw_core();
        if self.is_safe() || core.len() < 2 {
            return Ok(());
        }
        self.world.heal();
        self.world.tell_what_broke();
        let disk = SLOWEST * self.world.settings_mut().sync.high;
        let all = self.world.nodes();
        let is_well = |node: &NodeId| core.contains(node) || matches!(node, NodeId::Client(_));
        let well: Vec<NodeId> = all.iter().copied().filter(is_well).collect();
        self.hands.mend(&well, &mut self.world);
        self.friendly();
        let mut away = Vec::new();
        for node in all.into_iter().filter(|node| !is_well(node)) {
            if !matches!(self.disturb(node), Matter::Slow | Matter::Nothing) {
                away.push(node);
            }
        }
        self.history.borrow_mut().contest = true;
        let within = PATIENCE * (self.waits + Duration::from_secs(1)) + disk;
        self.comes_to_serve(&core, &away, within)?;
        self.pass(self.measure.of(WORK))?;
        self.drive_clients_to(&away)?;
        self.pass(self.measure.of(WORK))?;
        self.history.borrow_mut().contest = false;
        self.history.borrow_mut().quiet = true;
        self.all_is_answered(self.settings.patience, "a quorum is well")?;
        self.history.borrow_mut().quiet = false;
        Ok(())
    }

    /// A quorum of the voters, and none that could do without one of its members. Whose disk is
    /// damaged may wait for others, and is none of them.
    fn draw_core(&mut self) -> Vec<NodeId> {
        let witness = self.witness.borrow();
        let sound = |id: &ServerId| witness.is_sound(id.0 as u64, &self.world);
        let mut voters: Vec<ServerId> = self.members.voters().filter(sound).collect();
        drop(witness);
        // Mostly those who led do not belong to it: that is when there is most to be done.
        let leads =
            |id: &ServerId| self.host(NodeId::Server(id.0 as u64)).is_some_and(ServerHost::leads);
        let others: Vec<ServerId> = voters.iter().copied().filter(|id| !leads(id)).collect();
        if self.members.is_quorum(&others.iter().copied().collect()) && self.dice.chance(700) {
            voters = others;
        }
        let mut core = Vec::new();
        while !self.members.is_quorum(&core.iter().copied().collect()) {
            core.push(voters.swap_remove(self.dice.below(voters.len())));
        }
        core.into_iter().map(|id| NodeId::Server(id.0 as u64)).collect()
    }

    /// Something is the matter with a server.
    fn disturb(&mut self, node: NodeId) -> Matter {
        let leads = self.host(node).is_some_and(ServerHost::leads);
        let drawn = if leads && self.dice.chance(600) { DEPOSED } else { self.dice.below(6) };
        let (matter, words) = MATTERS[drawn];
        self.coverage.saw(format!("a quorum serves while another server {words}"));
        match matter {
            Matter::Down => self.world.crash(node),
            Matter::Stopped => self.world.pause(node),
            Matter::Alone => self.cut_off(node, self.world.nodes()),
            Matter::Deposed => {
                self.cut_off(node, self.hands.servers());
                self.world.set_drift(node, -400_000);
            }
            Matter::Slow => self.world.slow(node, self.dice.between(2, 40) as u32),
            Matter::Nothing => {}
        }
        matter
    }

    fn cut_off(&mut self, node: NodeId, others: Vec<NodeId>) {
        for other in others.into_iter().filter(|other| *other != node) {
            self.world.cut(node, other);
            self.world.cut(other, node);
        }
    }

    /// The core comes to serve under one leader, in time, and without one election after another.
    fn comes_to_serve(&mut self, core: &[NodeId], away: &[NodeId], within: Duration) -> Verdict {
        let begin = self.world.now();
        let before = self.round(&self.hands.servers());
        while !self.serves_as_one(core, away) {
            holds(Invariant::Law(Law::L1), self.world.now() < begin + within, || {
                format!("{core:?} are a quorum that is well, and do not serve after {within:?}")
            })?;
            let rounds = self.round(core) - before;
            holds(Invariant::L4, rounds <= ROUNDS, || {
                format!("{core:?} are a quorum that is well, and began {rounds} elections")
            })?;
            self.pass(Duration::from_millis(50))?;
        }
        Ok(())
    }

    /// Clients of the core are cut off from all servers, but for one that still believes that it is
    /// part of it. So they come to it, and have seen more than it has.
    fn drive_clients_to(&mut self, away: &[NodeId]) -> Verdict {
        let serves = |node: &NodeId| self.host(*node).is_some_and(ServerHost::serves);
        let Some(stale) = away.iter().copied().find(serves) else { return Ok(()) };
        let servers = self.hands.servers();
        let others: Vec<NodeId> = servers.into_iter().filter(|node| *node != stale).collect();
        let clients = |node: &NodeId| matches!(node, NodeId::Client(_));
        for client in self.world.nodes().into_iter().filter(clients) {
            self.cut_off(client, others.clone());
            for other in &others {
                let lines = between(client, *other, &self.world);
                lines.into_iter().for_each(|number| self.world.reset(number));
            }
        }
        self.coverage.saw("clients come to a server that was left behind");
        self.pass(self.measure.of(WORK))?;
        for client in self.world.nodes().into_iter().filter(clients) {
            for other in &others {
                self.world.mend(client, *other);
                self.world.mend(*other, client);
            }
        }
        Ok(())
    }

    /// The last round of an election that one of these servers knows of.
    fn round(&self, servers: &[NodeId]) -> i64 {
        let part = |node: &NodeId| self.host(*node)?.server().part();
        let round = |node| Some(part(node)?.member().election().election().round());
        servers.iter().filter_map(round).max().unwrap_or(0)
    }

    /// Whether these servers serve in one reign, whose leader is not away: all, or as many as are a
    /// quorum with a leader that is none of them. If that one is slow, what it sends to who has to
    /// catch up may be as slow as what is written meanwhile.
    fn serves_as_one(&self, servers: &[NodeId], away: &[NodeId]) -> bool {
        let node = |id: ServerId| NodeId::Server(id.0 as u64);
        let reign = |id: ServerId| self.host(node(id))?.server().part()?.serving();
        let leads = |id: ServerId| reign(id).is_some_and(|(leader, _)| leader == id);
        let mut leaders =
            self.members.voters().filter(|id| leads(*id) && !away.contains(&node(*id)));
        leaders.any(|leader| {
            let counts = |id: &ServerId| *id == leader || servers.contains(&node(*id));
            let follows = |id: &ServerId| reign(*id) == reign(leader);
            let voters = self.members.voters().filter(counts).filter(follows);
            self.members.is_quorum(&voters.collect())
        })
    }

    fn host(&self, node: NodeId) -> Option<&ServerHost> {
        match self.world.machine(node)? {
            Anyone::Server(host) => Some(host),
            Anyone::Client(_) => None,
        }
    }
}
