//! The laws of an ensemble: what must be true after every step, whoever crashes and whatever fails.
//!
//! They are named as in the papers, and each is a predicate over what anybody could see who stands
//! beside the servers: what they said and heard, what they wrote to their disks and forced, what
//! they told the service above. They know nothing of how a server decides, so they hold for any
//! server that speaks this protocol.
//!
//! The observer keeps one ghost, the tree of all transactions that were ever logged anywhere. Each
//! has one parent, or two histories differ below a transaction that both have (Z10); so a history is
//! named by its last transaction, and one is a prefix of another if it is an ancestor. That makes
//! every law cheap enough to be checked after every step.
//!
//! Always true: the first law that is broken is remembered, with the facts.
//!
//! Book: chapters 9 and 10. Papers: Junqueira et al. 2011, §III; Ouyang et al. 2025.

mod conversation;
mod disks;
mod health;
mod law;
mod told;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use election::{Members, ServerState, Vote};
use storage::{Entry, Write};
use zab::{Health, Packet, Recovered};
use zxid::{ServerId, Zxid};

pub use law::{Broken, Law};

use crate::member::Member;
use crate::vocabulary::{Message, Peer};
use conversation::Conversation;
use disks::Disk;
use tree::Tree;

/// What is known of one server.
#[derive(Debug, Default)]
struct Server {
    /// How often it started.
    incarnation: u32,
    disk: Disk,
    /// It began to look for a leader, and looks still.
    looking: bool,
    /// The last transaction that the service above has.
    delivered: Zxid,
    /// Up to where its memory says that the history is committed.
    settled: Zxid,
    /// What it serves as, and the epoch.
    serving: Option<(ServerState, u32)>,
    conversations: BTreeMap<zab::Peer, Conversation>,
    /// As a leader: what was committed when it began to doubt whether it leads still.
    doubts: BTreeMap<u64, Zxid>,
    /// As a leader: up to where each server has acknowledged, the beginning of the epoch first.
    acks: BTreeMap<ServerId, Zxid>,
}

impl Server {
    /// Its part is over, or it has yet to get one.
    fn cease(&mut self) {
        self.looking = false;
        self.serving = None;
        self.conversations.clear();
        self.doubts.clear();
        self.acks.clear();
    }
}

/// The observer of an ensemble.
#[derive(Debug)]
pub struct Laws {
    members: Members,
    servers: BTreeMap<ServerId, Server>,
    tree: Tree,
    /// What leaders proposed.
    proposed: BTreeSet<Zxid>,
    /// The last transaction that any leader has committed.
    committed: Zxid,
    /// Up to where the leader of each epoch has committed.
    reigns: BTreeMap<u32, Zxid>,
    /// Of each epoch: who was established, in which incarnation, and with which history.
    established: BTreeMap<u32, (ServerId, u32, Zxid)>,
    /// Of each epoch: the history with which its leader means to begin.
    beginnings: BTreeMap<u32, Zxid>,
    broken: Option<Broken>,
}

impl Laws {
    /// An observer of these members, none of which has started yet.
    pub fn new(members: Members) -> Laws {
        Laws {
            members,
            servers: BTreeMap::new(),
            tree: Tree::default(),
            proposed: BTreeSet::new(),
            committed: Zxid::ZERO,
            reigns: BTreeMap::new(),
            established: BTreeMap::new(),
            beginnings: BTreeMap::new(),
            broken: None,
        }
    }

    /// The first law that was broken, if one was.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// The last transaction that any leader has committed.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// The epochs that are on a server's disk for sure: accepted, then current.
    pub fn epochs_on_disk(&self, server: ServerId) -> (u32, u32) {
        let stable = self.servers.get(&server).map_or_else(Default::default, |it| it.disk.stable());
        (stable.accepted, stable.current)
    }

    /// The last transaction that is on a server's disk for sure.
    pub fn last_on_disk(&self, server: ServerId) -> Zxid {
        self.servers.get(&server).map_or(Zxid::ZERO, |it| it.disk.stable().last)
    }

    /// Every transaction up to one, the oldest first, with a number for its payload.
    pub fn history(&self, last: Zxid) -> Vec<(Zxid, u64)> {
        self.tree.history(last)
    }

    /// The number that stands for a payload.
    pub fn number(payload: &[u8]) -> u64 {
        tree::number(payload)
    }

    /// A process has started, and found this on its disk.
    pub fn started(&mut self, server: ServerId, recovered: &Recovered) {
        let mut last = recovered.applied;
        for entry in &recovered.tail {
            self.logged(server, last, entry);
            last = entry.zxid;
        }
        let state = self.servers.entry(server).or_default();
        let convalescent = recovered.health != Health::Sound;
        let Recovered { accepted, current, .. } = *recovered;
        let found = disks::Version { accepted, current, last, convalescent };
        let verdict = state.disk.recovered(found, &self.tree);
        state.incarnation += 1;
        state.delivered = recovered.applied;
        state.settled = recovered.applied;
        state.cease();
        self.note(server, verdict);
        // An epoch that never was established binds nobody: a later leader may have cut it off.
        let begun = self.established.get(&recovered.current).map(|(.., beginning)| *beginning);
        let holds = begun.is_none_or(|beginning| self.tree.is_prefix(beginning, last));
        self.check(server, Law::D2, holds, || {
            format!("its disk says epoch {}, but ends at {last}", recovered.current)
        });
        let committed = self.committed;
        self.check(server, Law::Z12, self.is_safe(committed), || {
            format!("it came back with {last}, and no quorum has {committed}")
        });
    }

    /// A process could not start, though nobody damaged its disk.
    pub fn refused(&mut self, server: ServerId, why: &str) {
        self.check(server, Law::D10, false, || format!("it cannot start: {why}"));
    }

    /// The disk is about to carry out a write.
    pub fn wrote(&mut self, server: ServerId, write: &Write) {
        let last = self.server(server).disk.now().last;
        if let Write::Append(entry) = write {
            self.check(server, Law::Z15, entry.zxid.follows(last), || {
                format!("{} is logged after {last}", entry.zxid)
            });
            self.logged(server, last, entry);
        }
        let verdict = self.server(server).disk.write(write);
        self.note(server, verdict);
        let now = self.server(server).disk.now();
        match write {
            Write::Truncate(_) | Write::InstallSnapshot { .. } => {
                let committed = self.committed;
                self.check(server, Law::Z12, self.is_safe(committed), || {
                    format!("its log ends at {} now, and no quorum has {committed}", now.last)
                });
            }
            Write::Convalesced => self.convalesces(server),
            Write::CurrentEpoch(epoch) => {
                self.check(server, Law::D2, self.holds_beginning(*epoch, now.last), || {
                    format!("it notes epoch {epoch}, but its log ends at {}", now.last)
                });
                // The leader is the first to note it.
                self.beginnings.entry(*epoch).or_insert(now.last);
            }
            _ => {}
        }
    }

    /// The disk has forced everything that was written.
    pub fn forced(&mut self, server: ServerId) {
        self.server(server).disk.forced();
    }

    /// Some bytes of a disk were changed that had been forced to it. Until its server has convalesced,
    /// what is on it does not count for Z12; but D8 wants the change to be noticed.
    pub fn damaged(&mut self, server: ServerId) {
        self.server(server).disk.damage();
    }

    /// Whether a disk has what it should have, for all that was done to it, and its server counts.
    pub fn is_sound(&self, server: ServerId) -> bool {
        let disk = self.servers.get(&server).map(|state| &state.disk);
        disk.is_none_or(|disk| !disk.damaged && !disk.stable().convalescent)
    }

    /// Somebody puts a new disk into a server that is down.
    pub fn replaced(&mut self, server: ServerId) {
        self.server(server).disk = Disk::default();
    }

    /// A server was told that its disk has failed.
    pub fn failed(&mut self, server: ServerId) {
        self.server(server).disk.failed = true;
    }

    /// A leader is about to propose.
    pub fn proposed(&mut self, server: ServerId, entry: &Entry) {
        let zxid = entry.zxid;
        let (delivered, serving) = (self.server(server).delivered, self.server(server).serving);
        let before = self.tree.before_epoch(self.committed, zxid.epoch());
        self.check(server, Law::Z7, self.tree.is_prefix(before, delivered), || {
            format!("it proposes {zxid}, has delivered {delivered}, and {before} was committed")
        });
        let fits = serving == Some((ServerState::Leading, zxid.epoch()));
        let follows = zxid.counter() == 1 || self.proposed.contains(&Zxid(zxid.0 - 1));
        self.check(server, Law::Z17, fits && follows && zxid.counter() < u32::MAX, || {
            format!("it proposes {zxid} while it serves as {serving:?}")
        });
        self.proposed.insert(zxid);
    }

    /// A leader asks its followers whether it leads still; it gave the question this number.
    pub fn doubted(&mut self, server: ServerId, number: u64) {
        let committed = self.committed;
        self.server(server).doubts.insert(number, committed);
    }

    /// A server says something.
    pub fn sent(&mut self, server: ServerId, to: Peer, message: &Message) {
        self.counts(server, message);
        let (Peer::Quorum(to), Message::Quorum(packet)) = (to, message) else { return };
        let state = self.server(server);
        let (stable, failed) = (state.disk.stable(), state.disk.failed);
        let conversation = state.conversations.entry(to).or_default();
        let theirs = conversation.end();
        let (verdict, epoch) = (conversation.sent(packet), conversation.epoch);
        self.note(server, verdict);
        self.stands(server, packet, epoch, stable);
        self.spares(server, packet, epoch, theirs);
        let promises = matches!(packet, Packet::Ack(_) | Packet::AckEpoch { .. });
        self.check(server, Law::D9, !failed || !promises, || {
            format!("it says {packet} with a disk that failed")
        });
    }

    /// A server hears something.
    pub fn received(&mut self, server: ServerId, from: Peer, message: &Message) {
        let (Peer::Quorum(peer), Message::Quorum(packet)) = (from, message) else { return };
        let state = self.server(server);
        let conversation = state.conversations.entry(peer).or_default();
        conversation.received(packet);
        if let (Some(other), Packet::Ack(zxid)) = (conversation.server, packet) {
            let acked = state.acks.entry(other).or_insert(*zxid);
            *acked = zxid.max(acked).to_owned();
        }
    }

    /// A connection of the quorum port is new.
    pub fn opened(&mut self, server: ServerId, peer: Peer) {
        if let Peer::Quorum(peer) = peer {
            self.server(server).conversations.insert(peer, Conversation::default());
        }
    }

    /// After a step: what the member's memory says of itself.
    pub fn after(&mut self, server: ServerId, member: &Member) {
        let history = member.history();
        let (settled, last, committed) = (history.settled(), history.last(), history.committed());
        let state = self.server(server);
        let before = std::mem::replace(&mut state.settled, settled);
        let sound = settled <= last && settled <= committed;
        let disk = state.disk.stable().last;
        self.check(server, Law::Z14, settled >= before && sound, || {
            format!("{settled} is committed after {before}, said up to {committed}, of {last}")
        });
        // Later it may vote for itself with what it had long ago, because others still say so.
        let election = member.election().election();
        let (looks, vote) = (election.state() == ServerState::Looking, election.vote());
        let began = looks && !self.server(server).looking && self.members.is_voter(server);
        let knows = if history.is_convalescent() { Vote::UNKNOWN } else { disk };
        self.check(server, Law::D5, !began || vote.zxid == knows, || {
            format!("it votes with {}, and its disk ends at {disk}", vote.zxid)
        });
        self.server(server).looking = looks;
    }

    /// What the words of a learner promise is on its disk.
    fn stands(&mut self, server: ServerId, packet: &Packet, epoch: u32, stable: disks::Version) {
        match packet {
            // Nothing is promised by that.
            Packet::Ack(Zxid::ZERO) => {}
            Packet::Ack(zxid) if zxid.counter() == 0 => {
                let holds = self.holds_beginning(zxid.epoch(), stable.last);
                self.check(server, Law::D3, holds && stable.current == zxid.epoch(), || {
                    format!("it says {packet}, and its disk has {stable:?}")
                });
            }
            Packet::Ack(zxid) => {
                self.check(server, Law::D3, self.tree.is_prefix(*zxid, stable.last), || {
                    format!("it says {packet}, and its disk ends at {}", stable.last)
                });
            }
            Packet::AckEpoch { .. } => {
                self.check(server, Law::D4, stable.accepted >= epoch, || {
                    format!("it says {packet} to epoch {epoch}, and its disk has {stable:?}")
                });
            }
            _ => {}
        }
    }

    /// What a leader has a learner cut off is not committed: the learner's history ends at `theirs`.
    /// What a later leader committed counts for that one's learners only: this one was deposed, and
    /// whoever still comes to it has promised nothing to the later one, which does not rest on it.
    fn spares(&mut self, server: ServerId, packet: &Packet, epoch: u32, theirs: Zxid) {
        if let Packet::Trunc(to) | Packet::Snap(to) = packet {
            let reigns = self.reigns.range(..=epoch).map(|(_, committed)| *committed);
            let kept = self.tree.meet(theirs, reigns.max().unwrap_or_default());
            self.check(server, Law::Z13, self.tree.is_prefix(kept, *to), || {
                format!("it says {packet} to one that has {theirs}, of which {kept} is committed")
            });
        }
    }

    /// An entry is in a log, after another.
    fn logged(&mut self, server: ServerId, after: Zxid, entry: &Entry) {
        let verdict = self.tree.add(after, entry);
        self.note(server, verdict);
    }

    /// Whether a history has all that an epoch began with.
    fn holds_beginning(&self, epoch: u32, last: Zxid) -> bool {
        self.beginnings.get(&epoch).is_none_or(|beginning| self.tree.is_prefix(*beginning, last))
    }

    /// Whether a transaction is on the disks of a quorum, but for those that may be expected to lose
    /// something.
    fn is_safe(&self, zxid: Zxid) -> bool {
        let holds = |state: &Server| {
            state.disk.damaged || self.tree.is_prefix(zxid, state.disk.stable().last)
        };
        let with = self.servers.iter().filter(|(_, state)| holds(state));
        zxid == Zxid::ZERO || self.members.is_quorum(&with.map(|(server, _)| *server).collect())
    }

    fn server(&mut self, server: ServerId) -> &mut Server {
        self.servers.entry(server).or_default()
    }

    fn note(&mut self, server: ServerId, verdict: Result<(), (Law, String)>) {
        if let (Err((law, what)), None) = (verdict, &self.broken) {
            self.broken = Some(Broken { law, what: format!("server {server}: {what}") });
        }
    }

    fn check(&mut self, server: ServerId, law: Law, holds: bool, what: impl FnOnce() -> String) {
        self.note(server, if holds { Ok(()) } else { Err((law, what())) });
    }
}
