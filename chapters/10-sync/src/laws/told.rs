//! The laws about what servers tell the service above: what is delivered, and who serves.

use std::collections::BTreeSet;

use election::ServerState;
use storage::Entry;
use zab::Told;
use zxid::{ServerId, Zxid};

use super::{Law, Laws};

impl Laws {
    /// A server tells the service above something.
    pub fn told(&mut self, server: ServerId, told: &Told) {
        match told {
            Told::Deliver(entry) => self.delivered(server, entry),
            Told::Serving { role, leader, epoch } => {
                self.server(server).serving = Some((*role, *epoch));
                match role {
                    ServerState::Leading => self.begins(server, *epoch),
                    _ => self.joins(server, *leader, *epoch),
                }
            }
            Told::Confirmed(number) => self.confirmed(server, *number),
            Told::Ceased(_) => self.server(server).cease(),
            _ => {}
        }
    }

    /// The service above has a state now that is whole up to a transaction, and these are the
    /// transactions of which it is made, with the numbers of their payloads.
    pub fn loaded(&mut self, server: ServerId, last: Zxid, state: &[(Zxid, u64)]) {
        self.server(server).delivered = last;
        let history = self.tree.history(last);
        self.check(server, Law::D7, history == state, || {
            format!("its state up to {last} has {} of {}", state.len(), history.len())
        });
    }

    fn delivered(&mut self, server: ServerId, entry: &Entry) {
        let zxid = entry.zxid;
        let state = self.server(server);
        let before = std::mem::replace(&mut state.delivered, zxid);
        let leads = matches!(state.serving, Some((ServerState::Leading, _)));
        let begun = state.serving.is_some();
        let known = self.tree.number(zxid) == Some(Laws::number(&entry.payload));
        self.check(server, Law::Z2, known && self.proposed.contains(&zxid), || {
            format!("{zxid} is delivered as nobody proposed it")
        });
        self.check(server, Law::Z6, zxid > before, || format!("{zxid} comes after {before}"));
        let counted = zxid.counter() == 1 || before == Zxid(zxid.0 - 1);
        self.check(server, Law::Z5, counted, || format!("{zxid} is delivered after {before}"));
        let parent = self.tree.parent(zxid);
        self.check(server, Law::Z4, parent == Some(before), || {
            format!("{zxid} is delivered after {before}, and was logged after {parent:?}")
        });
        // A leader delivers what it began with before it serves, and is the first to commit.
        if leads || !begun && self.leads(server) {
            self.commits(server, zxid, leads);
        }
        let committed = self.committed;
        self.check(server, Law::Z3, self.tree.is_prefix(zxid, committed), || {
            format!("{zxid} is delivered, and the ensemble has {committed}")
        });
    }

    /// A leader commits.
    fn commits(&mut self, server: ServerId, zxid: Zxid, established: bool) {
        let state = &self.servers[&server];
        let epoch = state.serving.map_or(state.disk.now().current, |(_, epoch)| epoch);
        // Also what a later leader has committed already.
        let reign = self.reigns.entry(epoch).or_default();
        *reign = zxid.max(*reign);
        if zxid <= self.committed {
            return;
        }
        if self.tree.is_prefix(self.committed, zxid) {
            self.committed = zxid;
        }
        self.check(server, Law::Z12, self.is_safe(zxid), || {
            format!("{zxid} is committed, and not on the disks of a quorum")
        });
        if established {
            self.check(server, Law::Z19, self.is_acked(server, zxid), || {
                format!("{zxid} is committed without the word of a quorum")
            });
        }
    }

    /// A leader is established.
    fn begins(&mut self, server: ServerId, epoch: u32) {
        let last = self.server(server).disk.now().last;
        let incarnation = self.server(server).incarnation;
        let other = self.established.insert(epoch, (server, incarnation, last));
        self.check(server, Law::Z1, other.is_none(), || {
            format!("epoch {epoch} was led by {other:?}")
        });
        let all: Vec<(u32, Zxid)> =
            self.established.iter().map(|(epoch, (.., beginning))| (*epoch, *beginning)).collect();
        let ordered = all.windows(2).all(|two| self.tree.is_prefix(two[0].1, two[1].1));
        self.check(server, Law::Z8, ordered, || format!("epochs began with {all:?}"));
        // It may learn of its quorum so late that another leads already.
        let committed = self.tree.before_epoch(self.committed, epoch);
        self.check(server, Law::Z11, self.tree.is_prefix(committed, last), || {
            format!("it leads epoch {epoch} with {last}, and {committed} is committed")
        });
        self.check(server, Law::Z19, self.is_acked(server, Zxid::new(epoch, 0)), || {
            format!("epoch {epoch} begins without the word of a quorum")
        });
        self.check(server, Law::Z12, self.is_safe(last), || {
            format!("epoch {epoch} begins with {last}, which no quorum has on disk")
        });
    }

    /// A learner begins to serve.
    fn joins(&mut self, server: ServerId, leader: ServerId, epoch: u32) {
        let delivered = self.server(server).delivered;
        let last = self.server(server).disk.now().last;
        let begun = self.established.get(&epoch).map(|(who, _, beginning)| (*who, *beginning));
        self.check(server, Law::Z1, begun.is_some_and(|(who, _)| who == leader), || {
            format!("it follows server {leader} in epoch {epoch}, which began as {begun:?}")
        });
        let beginning = begun.map_or(Zxid::ZERO, |(_, beginning)| beginning);
        self.check(server, Law::Z9, self.tree.is_prefix(beginning, delivered), || {
            format!("it serves with {delivered}, and epoch {epoch} began with {beginning}")
        });
        let leads = self.servers.iter().find_map(|(_, state)| {
            (state.serving == Some((ServerState::Leading, epoch))).then(|| state.disk.now().last)
        });
        // The leader's disk may be slower than the learner's.
        let agree = |of: Zxid| self.tree.is_prefix(of, last) || self.tree.is_prefix(last, of);
        self.check(server, Law::Z10, leads.is_none_or(agree), || {
            format!("it serves with {last} in its log, its leader with {leads:?}")
        });
    }

    /// A leader has heard that it led still when it asked.
    fn confirmed(&mut self, server: ServerId, number: u64) {
        let state = self.server(server);
        let later = state.doubts.split_off(&(number + 1));
        let asked = std::mem::replace(&mut state.doubts, later);
        let delivered = state.delivered;
        let committed = asked.into_values().max().unwrap_or_default();
        self.check(server, Law::S7, self.tree.is_prefix(committed, delivered), || {
            format!("it is sure to lead with {delivered}, but {committed} was committed before")
        });
    }

    /// Whether a server is about to lead: it has begun an epoch, and nobody is established in it.
    fn leads(&self, server: ServerId) -> bool {
        let state = &self.servers[&server];
        !state.conversations.keys().any(|peer| matches!(peer, zab::Peer::Leader(_)))
            && !self.established.contains_key(&state.disk.now().current)
    }

    /// Whether a quorum has told a leader that it has a transaction; itself it knows.
    fn is_acked(&self, leader: ServerId, zxid: Zxid) -> bool {
        let state = &self.servers[&leader];
        let own = state.disk.stable();
        let has = match zxid.counter() {
            0 => own.current == zxid.epoch(),
            _ => self.tree.is_prefix(zxid, own.last),
        };
        let acked = state.acks.iter().filter(|(_, acked)| **acked >= zxid);
        let mut servers: BTreeSet<ServerId> = acked.map(|(server, _)| *server).collect();
        if has {
            servers.insert(leader);
        }
        self.members.is_quorum(&servers)
    }
}
