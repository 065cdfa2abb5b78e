//! ZAB's decisions: which epoch a leader gets, what is committed, and whether it leads still.
//!
//! An elected leader knows only that a quorum wished for it. Before it proposes anything, a quorum
//! must have joined it and told the highest epoch that each ever promised; it takes the next one.
//! Then a quorum must promise that epoch, which is to promise never again to listen to an earlier
//! leader. Two leaders cannot both get that with one epoch: some server would have to be in both
//! quorums, and a server promises an epoch once. From then on every proposal is committed as soon as
//! a quorum has it on disk, and in the order in which they were made.
//!
//! There is no network and no disk here, and no time: whoever calls sees to it that what is counted
//! here is on disk first.
//!
//! Always true:
//! - a leader's epoch is above every epoch that anybody who joined before had promised, and never
//!   changes;
//! - nothing counts for a quorum but what voters said;
//! - what is committed is on the disks of a quorum, and so is all that was proposed before it.
//!
//! Book: chapter 9. Paper: Junqueira et al. 2011, §V. ZooKeeper: `Leader.getEpochToPropose`,
//! `Leader.waitForEpochAck`, `Leader.processAck`, `Learner.registerWithLeader`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use election::{LogEnd, Members};
use zxid::{ServerId, Zxid};

/// How a leader finds its epoch: the first half of becoming one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Discovery {
    me: ServerId,
    members: Members,
    /// Where the leader's own history ends.
    mine: LogEnd,
    /// The highest epoch that anybody who joined has promised.
    highest: u32,
    joined: BTreeSet<ServerId>,
    epoch: Option<u32>,
    promised: BTreeSet<ServerId>,
}

impl Discovery {
    /// Server `me` was elected. It has joined itself, and once promised epoch `accepted`.
    pub fn new(me: ServerId, members: Members, accepted: u32, mine: LogEnd) -> Discovery {
        let (joined, promised) = (BTreeSet::new(), BTreeSet::new());
        let mut discovery =
            Discovery { me, members, mine, highest: accepted, joined, epoch: None, promised };
        discovery.join(me, accepted);
        discovery
    }

    /// A server has joined that once promised epoch `accepted`. Gives the leader's epoch, from the
    /// moment when a quorum, the leader among it, has joined.
    pub fn join(&mut self, server: ServerId, accepted: u32) -> Option<u32> {
        // Exercise 9.2: a server has joined: which epoch, and when?
        if self.epoch.is_none() {
            self.highest = self.highest.max(accepted);
            self.joined.insert(server);
            if self.is_quorum(&self.joined) {
                // After the last epoch there is none: then nobody leads.
                self.epoch = self.highest.checked_add(1);
            }
        }
        self.epoch
        // End of 9.2.
    }

    /// A server without a vote, or one that nobody may count on, once promised epoch `accepted`: it
    /// would refuse an epoch that is not above it. Gives the leader's epoch, once it is found.
    pub fn heard_of(&mut self, accepted: u32) -> Option<u32> {
        // Exercise 9.2: somebody who does not count has joined
        if self.epoch.is_none() {
            self.highest = self.highest.max(accepted);
        }
        self.epoch
        // End of 9.2.
    }

    /// The leader's epoch, once it is found.
    pub fn epoch(&self) -> Option<u32> {
        self.epoch
    }

    /// Whether a learner's history is newer than the leader's. Such a learner cannot follow it:
    /// what it has and the leader has not may be committed.
    pub fn refuses(&self, theirs: LogEnd) -> bool {
        // Exercise 9.4: is a learner's history newer than the leader's?
        (theirs.current_epoch, theirs.last) > (self.mine.current_epoch, self.mine.last)
        // End of 9.4.
    }

    /// A server, or the leader itself, has promised the epoch, and has the history of epoch
    /// `current`. Says whether a quorum, the leader among it, has promised.
    ///
    /// A server that had promised this epoch before names no `current`, and does not count: as
    /// ZooKeeper's `LearnerHandler`, since it may have promised it to somebody else.
    pub fn promised(&mut self, server: ServerId, current: Option<u32>) -> bool {
        // Exercise 9.4: a server has promised the epoch: is it a quorum now?
        assert!(self.epoch.is_some(), "server {server} promises an epoch that is not found yet");
        if current.is_some() {
            self.promised.insert(server);
        }
        self.is_quorum(&self.promised)
        // End of 9.4.
    }

    /// Whether these servers are a quorum, and the leader is one of them.
    fn is_quorum(&self, servers: &BTreeSet<ServerId>) -> bool {
        // Exercise 9.2: are these a quorum, and the leader one of them?
        servers.contains(&self.me) && self.members.is_quorum(servers)
        // End of 9.2.
    }
}

/// What a learner makes of the epoch that a leader offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// It is above all that this server promised: promise it, on disk, before saying so.
    New,
    /// It is the one that this server promised last: it may follow, but does not count.
    Again,
    /// It is below what this server promised: that leader's time is over.
    Refused,
}

/// What a learner that once promised epoch `accepted` makes of the epoch `offered`.
pub fn promise(accepted: u32, offered: u32) -> Promise {
    // Exercise 9.3: what becomes of the epoch that a leader offers?
    match offered.cmp(&accepted) {
        Ordering::Greater => Promise::New,
        Ordering::Equal => Promise::Again,
        Ordering::Less => Promise::Refused,
    }
    // End of 9.3.
}

/// How a leader learns what is committed.
///
/// A server acknowledges in the order of the proposals, so one zxid says it all: everything up to
/// there is on its disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broadcast {
    members: Members,
    /// The last proposal.
    last: Zxid,
    committed: Zxid,
    /// Up to where each voter has everything on disk.
    acked: BTreeMap<ServerId, Zxid>,
}

impl Broadcast {
    /// An epoch begins, with everything before it committed.
    pub fn new(members: Members, epoch: u32) -> Broadcast {
        let begin = Zxid::new(epoch, 0);
        Broadcast { members, last: begin, committed: begin, acked: BTreeMap::new() }
    }

    /// The leader proposes a transaction.
    pub fn propose(&mut self, zxid: Zxid) {
        assert_eq!(Ok(zxid), self.last.next(), "proposals come in order, after {}", self.last);
        self.last = zxid;
    }

    /// A server, or the leader itself, has everything up to a transaction on disk. Gives the new
    /// commit point, if there is one: everything up to there is committed now.
    pub fn ack(&mut self, server: ServerId, zxid: Zxid) -> Option<Zxid> {
        // Exercise 9.6: a server has all up to `zxid` on disk: what is committed now?
        // That the beginning of the epoch is on its disk is no proposal; what is committed needs no
        // more; and what was never proposed is a server's mistake.
        if zxid <= self.committed || zxid > self.last || !self.members.is_voter(server) {
            return None;
        }
        let mark = self.acked.entry(server).or_insert(zxid);
        *mark = zxid.max(*mark);
        // What a quorum has on disk ends where one of its members ends.
        let ends: BTreeSet<Zxid> =
            self.acked.values().copied().filter(|end| *end > self.committed).collect();
        let new = ends.into_iter().rev().find(|end| self.members.is_quorum(&self.with(*end)))?;
        self.committed = new;
        Some(new)
        // End of 9.6.
    }

    /// A server's connection is over. On the next one it may be told to drop what is not committed,
    /// though it acknowledged it, and gets it anew: so what it said before counts no more.
    ///
    /// Unlike ZooKeeper, which counts an acknowledgement for ever.
    pub fn left(&mut self, server: ServerId) {
        self.acked.remove(&server);
    }

    /// The last proposal; the beginning of the epoch if there is none.
    pub fn last(&self) -> Zxid {
        self.last
    }

    /// Up to where everything is committed.
    pub fn committed(&self) -> Zxid {
        self.committed
    }

    /// Whether every proposal is committed.
    pub fn is_idle(&self) -> bool {
        self.committed == self.last
    }

    // Part of 9.6.
    /// The voters that have everything up to a transaction on disk.
    fn with(&self, zxid: Zxid) -> BTreeSet<ServerId> {
        let with = self.acked.iter().filter(|(_, end)| **end >= zxid);
        with.map(|(server, _)| *server).collect()
    }
    // End of 9.6.
}

/// How a leader makes sure that it leads still.
///
/// What a leader has committed is the last word only while nobody else leads. To know that, it
/// begins a round, pings all that follow, and waits until a quorum has answered: each of them was
/// still its follower after the round had begun. A connection keeps order, so the first answer
/// belongs to the first ping.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Confirmation {
    me: ServerId,
    members: Members,
    /// The last round that was begun.
    round: u64,
    /// The last round that was said to be confirmed.
    confirmed: u64,
    learners: BTreeMap<u64, Asked>,
}

/// What was asked of a learner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    server: ServerId,
    /// For each ping that is not answered: the last round that had begun by then.
    waiting: VecDeque<u64>,
    /// The round of the last ping that is answered.
    answered: u64,
}

impl Confirmation {
    /// Server `me` leads.
    pub fn new(me: ServerId, members: Members) -> Confirmation {
        Confirmation { me, members, round: 0, confirmed: 0, learners: BTreeMap::new() }
    }

    /// Begins a round: only answers to pings from now on will count for it.
    pub fn begin(&mut self) -> u64 {
        self.round += 1;
        self.round
    }

    /// A ping goes out over this connection, to this server. Every ping must be told of, whatever
    /// for, so that the answers can be told apart.
    pub fn asked(&mut self, link: u64, server: ServerId) {
        let new = Asked { server, waiting: VecDeque::new(), answered: 0 };
        self.learners.entry(link).or_insert(new).waiting.push_back(self.round);
    }

    /// The oldest ping over this connection that was not answered is answered.
    pub fn answered(&mut self, link: u64) {
        if let Some(asked) = self.learners.get_mut(&link)
            && let Some(round) = asked.waiting.pop_front()
        {
            asked.answered = round;
        }
    }

    /// This connection is closed. What it answered counts no more, which is to be on the safe side.
    pub fn left(&mut self, link: u64) {
        self.learners.remove(&link);
    }

    /// The last round that a quorum, the leader among it, has confirmed, if that was not said
    /// before. All earlier rounds are confirmed with it.
    pub fn confirmed(&mut self) -> Option<u64> {
        let rounds: BTreeSet<u64> = self.learners.values().map(|asked| asked.answered).collect();
        // A leader that is a quorum by itself needs no answer.
        let rounds = std::iter::once(self.round).chain(rounds.into_iter().rev());
        let confirmed = rounds.filter(|round| *round > self.confirmed);
        let confirmed = confirmed.into_iter().find(|round| self.is_confirmed(*round))?;
        self.confirmed = confirmed;
        Some(confirmed)
    }

    fn is_confirmed(&self, round: u64) -> bool {
        let heard = self.learners.values().filter(|asked| asked.answered >= round);
        let mut servers: BTreeSet<ServerId> = heard.map(|asked| asked.server).collect();
        servers.insert(self.me);
        self.members.is_quorum(&servers)
    }
}
