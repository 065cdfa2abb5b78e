//! Servers that become leaders and lose it again, as far as epochs go: what each has promised, on
//! disk, and what is on its way between them.

use std::collections::{BTreeMap, BTreeSet};

use election::{LogEnd, Members};
use zab::{Discovery, Promise, promise};
use zxid::{ServerId, Zxid};

/// Whether a server counts that had promised the same epoch before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Again {
    DoesNotCount,
    Counts,
}

/// All servers, and what is on its way. The sets are in order, so that equal worlds look equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    members: Members,
    again: Again,
    /// The highest epoch that each server promised.
    pub(crate) disks: BTreeMap<ServerId, u32>,
    leaders: BTreeMap<ServerId, Leader>,
    /// Whom each server follows that does.
    following: BTreeMap<ServerId, ServerId>,
    /// What leaders have yet to hear: who has joined, and what it had promised.
    joins: BTreeSet<(ServerId, ServerId, u32)>,
    /// Who promised, and whether it counts.
    promises: BTreeSet<(ServerId, ServerId, bool)>,
    /// The epochs for which a leader found a quorum.
    pub(crate) found: BTreeSet<u32>,
    /// How often a server may still stop what it does.
    stops: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Leader {
    discovery: Discovery,
    /// What everybody promised that it heard of before it had an epoch.
    heard: BTreeMap<ServerId, u32>,
    /// Whether its own promise is on disk: only then it tells others of its epoch.
    promised: bool,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// A server was elected. Nobody says that it is the only one.
    Lead(ServerId),
    /// A server dials a leader, and says what it promised.
    Follow(ServerId, ServerId),
    HearJoin(ServerId, ServerId, u32),
    /// A leader promises its own epoch.
    PromiseOwn(ServerId),
    /// A learner hears of its leader's epoch.
    Offer(ServerId),
    HearPromise(ServerId, ServerId, bool),
    /// A server crashes, or gives up. What it had sent still arrives, what it had on disk stays.
    Stop(ServerId),
}

impl World {
    pub(crate) fn new(members: Members, again: Again, stops: u32) -> World {
        let disks = members.voters().chain(members.observers()).map(|it| (it, 0)).collect();
        World {
            members,
            again,
            disks,
            leaders: BTreeMap::new(),
            following: BTreeMap::new(),
            joins: BTreeSet::new(),
            promises: BTreeSet::new(),
            found: BTreeSet::new(),
            stops,
        }
    }

    /// Everything that can happen.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for server in self.disks.keys().copied() {
            let leader = self.leaders.get(&server);
            if leader.is_none() && !self.following.contains_key(&server) {
                if self.members.is_voter(server) {
                    actions.push(Action::Lead(server));
                }
                actions.extend(self.leaders.keys().map(|to| Action::Follow(server, *to)));
            } else if self.stops > 0 {
                actions.push(Action::Stop(server));
            }
            if leader.is_some_and(|it| it.discovery.epoch().is_some() && !it.promised) {
                actions.push(Action::PromiseOwn(server));
            }
            let followed = self.following.get(&server).and_then(|leader| self.leaders.get(leader));
            if followed.is_some_and(|leader| leader.promised) && !self.has_answered(server) {
                actions.push(Action::Offer(server));
            }
        }
        actions.extend(self.joins.iter().map(|(to, from, it)| Action::HearJoin(*to, *from, *it)));
        let promises = self.promises.iter();
        actions.extend(promises.map(|(to, from, counts)| Action::HearPromise(*to, *from, *counts)));
        actions
    }

    /// Whether a server's promise is on its way. (That it may promise twice does no harm.)
    fn has_answered(&self, server: ServerId) -> bool {
        self.promises.iter().any(|(_, from, _)| *from == server)
    }

    /// What comes of it. An error is a sentence that must never be true.
    pub(crate) fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Lead(server) => self.lead(server),
            Action::Follow(server, leader) => {
                self.following.insert(server, leader);
                self.joins.insert((leader, server, self.disks[&server]));
            }
            Action::HearJoin(leader, server, accepted) => {
                self.joins.remove(&(leader, server, accepted));
                return self.hear_join(leader, server, accepted);
            }
            Action::PromiseOwn(server) => {
                let leader = self.leaders.get_mut(&server).expect("it leads");
                let epoch = leader.discovery.epoch().expect("it has an epoch");
                leader.promised = true;
                self.disks.insert(server, epoch);
                return self.hear_promise(server, server, true);
            }
            Action::Offer(server) => self.offer(server),
            Action::HearPromise(leader, server, counts) => {
                self.promises.remove(&(leader, server, counts));
                return self.hear_promise(leader, server, counts);
            }
            Action::Stop(server) => self.stop(server),
        }
        Ok(())
    }

    fn lead(&mut self, server: ServerId) {
        let accepted = self.disks[&server];
        let discovery = Discovery::new(server, self.members.clone(), accepted, LogEnd::default());
        let heard = BTreeMap::from([(server, accepted)]);
        let leader = Leader { discovery, heard, promised: false, done: false };
        self.leaders.insert(server, leader);
    }

    fn hear_join(&mut self, to: ServerId, server: ServerId, accepted: u32) -> Result<(), String> {
        let leader = self.leaders.get_mut(&to).expect("it leads");
        let before = leader.discovery.epoch();
        let epoch = leader.discovery.join(server, accepted);
        if before.is_some() {
            return ensure(epoch == before, format!("{before:?} became {epoch:?}"));
        }
        leader.heard.insert(server, accepted);
        let heard: BTreeSet<ServerId> = leader.heard.keys().copied().collect();
        let enough = self.members.is_quorum(&heard);
        ensure(epoch.is_some() == enough, format!("epoch {epoch:?} after {heard:?} joined"))?;
        let above = epoch.is_none_or(|it| leader.heard.values().all(|heard| it > *heard));
        ensure(above, format!("epoch {epoch:?} is not above {:?}", leader.heard))
    }

    fn offer(&mut self, server: ServerId) {
        let leader = self.following[&server];
        let epoch = self.leaders[&leader].discovery.epoch().expect("it told of it");
        match promise(self.disks[&server], epoch) {
            Promise::New => {
                self.disks.insert(server, epoch);
                self.promises.insert((leader, server, true));
            }
            Promise::Again => {
                self.promises.insert((leader, server, self.again == Again::Counts));
            }
            Promise::Refused => {
                self.following.remove(&server);
            }
        }
    }

    fn hear_promise(&mut self, to: ServerId, server: ServerId, counts: bool) -> Result<(), String> {
        let leader = self.leaders.get_mut(&to).expect("it leads");
        let epoch = leader.discovery.epoch().expect("it told of it");
        let enough = leader.discovery.promised(server, counts.then_some(0));
        if !enough || leader.done {
            return ensure(enough || !leader.done, format!("server {to} lost a quorum it had"));
        }
        leader.done = true;
        let bound = self.disks.iter().filter(|(_, disk)| **disk >= epoch);
        let bound: BTreeSet<ServerId> = bound.map(|(server, _)| *server).collect();
        ensure(self.members.is_quorum(&bound), format!("only {bound:?} promised epoch {epoch}"))?;
        ensure(self.found.insert(epoch), format!("two leaders have epoch {epoch}"))
    }

    fn stop(&mut self, server: ServerId) {
        self.stops -= 1;
        self.following.remove(&server);
        if self.leaders.remove(&server).is_some() {
            self.following.retain(|_, leader| *leader != server);
            self.joins.retain(|(to, _, _)| *to != server);
            self.promises.retain(|(to, _, _)| *to != server);
        }
    }
}

fn ensure(holds: bool, otherwise: String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Three voters.
pub(crate) fn three() -> Members {
    Members::majority((1..=3).map(ServerId))
}

/// Where a history ends.
pub(crate) fn end(current_epoch: u32, last: Zxid) -> LogEnd {
    LogEnd { current_epoch, last }
}
