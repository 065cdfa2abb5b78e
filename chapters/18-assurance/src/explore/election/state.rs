//! One moment of an election: the servers, what is on its way, and how much may still happen.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use election::{Election, LogEnd, Members, Notification, ServerState};
use zxid::ServerId;

use super::bounds::Bounds;
use super::{id, settled};

/// A server whose process runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub(super) election: Election,
    /// It waits for a better vote.
    pub(super) settle: bool,
    /// It waits for any vote.
    pub(super) resend: bool,
    /// What it was told since it began to look, as far as it may count. Not the machine's own
    /// account of it, but what was delivered.
    pub(super) heard: BTreeSet<Named>,
}

/// Somebody named a leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Named {
    pub(super) by: usize,
    pub(super) leader: ServerId,
    /// By a vote, which counts for its round; otherwise as the leader that it has.
    pub(super) vote: bool,
}

/// What there is from one server to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Wire {
    on_its_way: VecDeque<Notification>,
    /// The last message, with which a new connection begins.
    newest: Option<Notification>,
}

/// One moment of an election.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Each server, if its process runs.
    pub(super) servers: Vec<Option<Server>>,
    /// Where each server's history ends.
    pub(super) logs: Vec<LogEnd>,
    /// From each server to each other.
    wires: Vec<Wire>,
    /// Of each round, who settled on whom, since it was started.
    pub(super) elected: BTreeMap<i64, BTreeSet<(ServerId, usize)>>,
    /// Which servers have crashed.
    pub(super) crashed: BTreeSet<usize>,
    /// How much may still happen.
    pub(super) left: Bounds,
}

impl State {
    /// Servers with these histories, none of which runs.
    pub(super) fn new(logs: &[LogEnd], bounds: Bounds) -> State {
        let count = logs.len();
        State {
            servers: vec![None; count],
            logs: logs.to_vec(),
            wires: vec![Wire::default(); count * count],
            elected: BTreeMap::new(),
            crashed: BTreeSet::new(),
            left: bounds,
        }
    }

    pub(super) fn server_mut(&mut self, at: usize) -> &mut Server {
        self.servers[at].as_mut().expect("the server runs")
    }

    pub(super) fn wire(&mut self, from: usize, to: usize) -> &mut VecDeque<Notification> {
        let count = self.servers.len();
        &mut self.wires[from * count + to].on_its_way
    }

    pub(super) fn newest(&mut self, from: usize, to: usize) -> &mut Option<Notification> {
        let count = self.servers.len();
        &mut self.wires[from * count + to].newest
    }

    /// Whether nothing is on its way from one server to another.
    pub(super) fn is_empty(&self, from: usize, to: usize) -> bool {
        self.wires[from * self.servers.len() + to].on_its_way.is_empty()
    }

    /// The next message from one server to another.
    pub(super) fn next(&self, from: usize, to: usize) -> Option<&Notification> {
        self.wires[from * self.servers.len() + to].on_its_way.front()
    }

    /// Whether a broken connection between two servers would lose anything.
    pub(super) fn would_lose(&self, one: usize, other: usize) -> bool {
        let wire = |from: usize, to: usize| &self.wires[from * self.servers.len() + to];
        [wire(one, other), wire(other, one)]
            .iter()
            .any(|it| !it.on_its_way.is_empty() && !it.on_its_way.iter().eq(it.newest.iter()))
    }

    pub(super) fn start(&mut self, at: usize, members: &Members) {
        let election = Election::new(id(at), members.clone(), Bytes::new());
        let heard = BTreeSet::new();
        self.servers[at] = Some(Server { election, settle: false, resend: false, heard });
    }

    /// A process is gone, and all that was on its way from it and to it.
    pub(super) fn crash(&mut self, at: usize) {
        self.servers[at] = None;
        for other in 0..self.servers.len() {
            self.wire(at, other).clear();
            self.wire(other, at).clear();
            *self.newest(at, other) = None;
        }
        for settled in self.elected.values_mut() {
            settled.retain(|(_, server)| *server != at);
        }
        self.elected.retain(|_, settled| !settled.is_empty());
        self.crashed.insert(at);
    }

    /// Forgets what makes no difference any more: between servers that stay connected for ever, what
    /// a new connection would begin with.
    pub(super) fn forget(&mut self) {
        if self.left.crashes > 0 || self.left.reconnects > 0 {
            return;
        }
        let count = self.servers.len();
        for (from, to) in (0..count * count).map(|wire| (wire / count, wire % count)) {
            if self.servers[from].is_some() && self.servers[to].is_some() {
                *self.newest(from, to) = None;
            }
        }
    }

    /// Whether all servers run, and nothing is on its way between any of them.
    pub(super) fn is_quiet(&self) -> bool {
        self.servers.iter().all(Option::is_some)
            && self.wires.iter().all(|wire| wire.on_its_way.is_empty())
    }

    /// Whom a server that has settled leads or follows.
    pub(super) fn leader_of(&self, at: usize) -> Option<ServerId> {
        let election = &self.servers[at].as_ref()?.election;
        settled(election.state()).then(|| election.vote().leader)
    }

    /// Those that follow a leader, and itself.
    pub(super) fn followers(&self, leader: usize) -> Vec<usize> {
        let all = 0..self.servers.len();
        all.filter(|at| self.leader_of(*at) == Some(id(leader))).collect()
    }

    pub(super) fn leads(&self, at: usize) -> bool {
        let server = self.servers[at].as_ref();
        server.is_some_and(|it| it.election.state() == ServerState::Leading)
    }

    /// Whether a server that has settled has a leader that leads, with a quorum.
    pub(super) fn can_reign(&self, at: usize, members: &Members) -> bool {
        let Some(leader) = self.leader_of(at) else { return false };
        let leader = super::place(leader);
        let followers = self.followers(leader).into_iter().map(id).collect();
        self.leads(leader) && members.is_quorum(&followers)
    }

    /// Whether a server has settled on a leader that cannot lead, and nothing is going to change
    /// that.
    pub(super) fn reigns_in_vain(&self, at: usize, members: &Members) -> bool {
        let settling = self.servers.iter().flatten().any(|server| server.settle);
        self.is_quiet() && !settling && !self.can_reign(at, members)
    }

    /// Whether everybody has one leader, and it leads.
    pub(super) fn is_agreed(&self, members: &Members) -> bool {
        let leader = self.leader_of(0);
        let all = 0..self.servers.len();
        self.can_reign(0, members) && all.clone().all(|at| self.leader_of(at) == leader)
    }

    /// Whether no follower of a leader has a later history.
    pub(super) fn is_ahead(&self, leader: usize) -> bool {
        self.followers(leader).into_iter().all(|at| self.logs[at] <= self.logs[leader])
    }

    /// What each server is about, and what is on its way.
    pub(super) fn in_short(&self) -> Vec<String> {
        let all = 0..self.servers.len();
        let part = |at: usize| match &self.servers[at] {
            None => format!("{} is down", id(at)),
            Some(server) => match server.election.state() {
                ServerState::Leading => format!("{} leads", id(at)),
                ServerState::Looking => {
                    let sure = if server.settle { ", has a quorum" } else { "" };
                    format!("{} votes {}{sure}", id(at), server.election.vote().leader)
                }
                _ => format!("{} follows {}", id(at), server.election.vote().leader),
            },
        };
        let ways = all.clone().flat_map(|from| all.clone().map(move |to| (from, to)));
        let on_its_way = ways.flat_map(|(from, to)| {
            let wire = self.wires[from * self.servers.len() + to].on_its_way.iter();
            wire.map(move |it| format!("{} → {}: {}", id(from), id(to), it.vote.leader))
        });
        all.clone().map(part).chain(on_its_way).collect()
    }

    /// What a person would want to know of a server.
    pub(super) fn facts(&self, at: usize) -> Vec<(String, String)> {
        let fact = |name: &str, value: String| (name.to_string(), value);
        let log = self.logs[at];
        let history = format!("epoch {}, zxid {}", log.current_epoch, log.last);
        let Some(server) = &self.servers[at] else {
            return vec![fact("process", "does not run".into()), fact("history", history)];
        };
        let mut timers: Vec<&str> = Vec::new();
        timers.extend(server.settle.then_some("Settle"));
        timers.extend(server.resend.then_some("Resend"));
        vec![
            fact("state", server.election.state().to_string()),
            fact("round", server.election.round().to_string()),
            fact("vote", server.election.vote().to_string()),
            fact("timers", timers.join(", ")),
            fact("history", history),
        ]
    }
}
