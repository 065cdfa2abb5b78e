//! What a learner does with its leader's words, and in which order.
//!
//! A leader counts on what a learner says: a promise, the beginning of an epoch, a proposal. It may
//! go on, and tell clients, as soon as a quorum has said so. So a learner says nothing before it is
//! on its disk, and it writes in the order in which one thing relies on another:
//!
//! 1. the promise (`acceptedEpoch`), then ACKEPOCH;
//! 2. the history: cut, or replaced by a snapshot, then appended to, one entry after another;
//! 3. the epoch for which that history stands (`currentEpoch`);
//! 4. ACK of NEWLEADER, and no other ACK before it;
//! 5. after UPTODATE: what is committed is delivered, and each proposal acknowledged once it is on
//!    disk, in order.
//!
//! A learner whose disk was damaged has lost what it said before: it is *convalescent*. It says nothing
//! that counts, and learns like an observer, until all of this is on its disk again, and everything
//! that was under way when it came as well. Only then it leaves the mark behind, and votes again.
//! The argument why nothing is lost by that is in `chapters/10-sync/src/laws/health.rs`.
//!
//! One swap in this list is one entry in ZooKeeper's list of lost data. ZOOKEEPER-3911: the history
//! was logged after step 4; a quorum acknowledged, lost power, and had nothing. The mending logged
//! it before, but on another thread: ZOOKEEPER-4646 is step 4 before the disk is done, and
//! ZOOKEEPER-4643 step 3 before it; a server with a new epoch and an old history then wins elections
//! against those that have the data. ZOOKEEPER-4685: that thread acknowledged a proposal before
//! step 4, and the leader took it for the ACK that it waited for. ZOOKEEPER-3642: a snapshot counted
//! before it was whole on disk. ZOOKEEPER-2845 and 4712: the server's memory and its log differed
//! when it voted. ZOOKEEPER-4394: a COMMIT between NEWLEADER and UPTODATE was not understood.
//! ZOOKEEPER-4925: entries came in by two ways, and one of them forgot to remember them.
//! ZOOKEEPER-4837: a cut was below what the state above had applied already.
//!
//! Therefore here is one way in (`take`) for every entry, whenever it comes; one queue to the disk;
//! memory that holds what the log holds; and a state above that is told only what is committed.
//!
//! Always true:
//! - what is said to the leader is on disk;
//! - memory and log are the same history, without a hole; an unfinished snapshot is part of neither;
//! - nothing is delivered before UPTODATE, and nothing that is not committed.
//!
//! Book: chapter 10. Paper: Ouyang et al. 2025 (multi-grained specifications, §5). ZooKeeper:
//! `Learner.syncWithLeader`, `Learner.registerWithLeader`, `Follower.processPacket`,
//! `FollowerZooKeeperServer.commit`.
#![allow(unused)]

use std::collections::VecDeque;

use election::ServerState;
use machines::{Effects, Ticket};
use storage::{Entry, Write};
use zab::{Ceased, History, Packet, Peer, Promise, Told, Zab, promise};
use zxid::{ServerId, Zxid};

/// How far a learner is with its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It waits for the leader's epoch.
    Introduced,
    /// Its promise goes to the disk, and is there with this ticket.
    Promising(Ticket),
    /// It waits to hear how it will be brought up to date.
    Promised,
    /// A snapshot comes in. It is whole up to this transaction.
    Loading(Zxid),
    /// The history comes in, up to NEWLEADER.
    Receiving,
    /// The history and the epoch go to the disk, and are there with this ticket.
    Beginning(Ticket),
    /// It has acknowledged the beginning, and waits until a quorum has.
    Begun,
    /// It serves.
    Serving,
}

/// Why a learner cannot go on as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Halt {
    /// It gives up this leader.
    Cease(Ceased),
    /// It must dial the leader again, and ask for everything.
    Redial,
}

/// What a learner takes in from its leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intake {
    leader: ServerId,
    /// Following or observing.
    role: ServerState,
    history: History,
    stage: Stage,
    epoch: u32,
    /// The state above holds what the leader never had. Only a snapshot helps.
    blank: bool,
    /// Up to where everything is committed, as the leader says.
    committed: Zxid,
    /// What is to be acknowledged, and the ticket with which it is on disk.
    owed: VecDeque<(Zxid, Ticket)>,
    /// The last ticket given to the disk.
    given: Ticket,
    /// The last one that is done.
    durable: Ticket,
    /// Convalescent: up to where the leader had proposed when it said so first.
    goal: Option<Zxid>,
    /// Convalescent no longer, from this ticket on.
    convalesced: Option<Ticket>,
}

impl Intake {
    /// A learner that is about to follow `leader`, as a follower or as an observer. All of its
    /// history is on disk.
    pub fn new(leader: ServerId, role: ServerState, history: History) -> Intake {
        Intake {
            leader,
            role,
            history,
            stage: Stage::Introduced,
            epoch: 0,
            blank: false,
            committed: Zxid::ZERO,
            owed: VecDeque::new(),
            given: Ticket(0),
            durable: Ticket(0),
            goal: None,
            convalesced: None,
        }
    }

    /// Whether it is told what is committed, rather than what is proposed.
    pub fn observes(&self) -> bool {
        !self.votes()
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Gives the history back. It counts when the disk has come to rest.
    pub fn into_history(mut self) -> History {
        if self.convalesced.is_some() {
            self.history.convalesce();
        }
        self.history
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The last ticket that was given to the disk: everything so far is there with it.
    pub fn given(&self) -> Ticket {
        self.given
    }

    /// Forgets the oldest committed entries, see [`History::forget`].
    pub fn forget(&mut self, count: usize, bytes: usize) {
        self.history.forget(count, bytes);
    }

    /// A new connection to the leader is open.
    pub fn introduce(&mut self) {
        self.stage = Stage::Introduced;
        self.owed.clear();
    }

    /// The leader is given up. A snapshot that is not whole is worth nothing.
    pub fn abandon(&mut self, effects: &mut Effects<Zab>) {
        if matches!(self.stage, Stage::Loading(_)) {
            effects.write(Write::AbandonSnapshot);
        }
    }

    /// The leader says something. What it may not say at this stage ends the connection.
    pub fn receive(&mut self, packet: Packet, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        let synchronised = self.stage >= Stage::Receiving;
        match (self.stage, packet) {
            (Stage::Introduced, Packet::LeaderInfo { epoch, .. }) => self.on_epoch(epoch, effects),
            (Stage::Promised, Packet::Diff(to)) if !self.blank => self.on_diff(to),
            (Stage::Promised, Packet::Trunc(to)) if !self.blank => self.on_trunc(to, effects),
            (Stage::Promised, Packet::Snap(zxid)) => self.on_snap(zxid, effects),
            (Stage::Loading(_), Packet::SnapshotBytes(bytes)) => {
                effects.write(Write::SnapshotBytes(bytes.clone()));
                self.force(effects);
                effects.answer(Told::SnapshotBytes(bytes));
                Ok(())
            }
            (Stage::Loading(zxid), Packet::SnapshotEnd) => self.on_snapshot_end(zxid, effects),
            (Stage::Serving, Packet::Proposal(_)) if !self.votes() => bad(),
            (_, Packet::Proposal(entry)) if synchronised => self.take(entry, effects),
            (_, Packet::Commit(zxid) | Packet::CommitAndActivate { zxid, .. }) if synchronised => {
                self.on_commit(zxid, effects)
            }
            (_, Packet::Inform(entry) | Packet::InformAndActivate { entry, .. })
                if synchronised && !self.votes() =>
            {
                let zxid = entry.zxid;
                self.take(entry, effects)?;
                self.on_commit(zxid, effects)?;
                self.convalesce(effects);
                Ok(())
            }
            (Stage::Receiving, Packet::NewLeader { epoch, .. }) if epoch == self.epoch => {
                self.on_new_leader(effects)
            }
            (Stage::Begun, Packet::UpToDate) => self.on_up_to_date(effects),
            (Stage::Serving, packet @ (Packet::Revalidated { .. } | Packet::Sync)) => {
                effects.answer(Told::Answered(packet));
                Ok(())
            }
            (_, _) => bad(),
        }
    }

    /// The leader says up to where it has proposed.
    pub fn on_ping(&mut self, zxid: Zxid, effects: &mut Effects<Zab>) {
        if self.stage == Stage::Serving && self.history.is_convalescent() {
            self.goal.get_or_insert(zxid);
            self.convalesce(effects);
        }
    }

    /// Everything up to a ticket is on disk: now it may be said.
    pub fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Zab>) {
        self.durable = self.durable.max(ticket);
        if self.convalesced.is_some_and(|convalesced| self.durable >= convalesced) {
            self.history.convalesce();
        }
        // Exercise 10.2: what may be said, now that this is on disk?
        todo!("10.2: what may be said, now that this is on disk?")
        // End of 10.2.
    }

    /// The leader's epoch is known.
    fn on_epoch(&mut self, epoch: u32, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        self.epoch = epoch;
        match promise(self.history.accepted(), epoch) {
            Promise::New => {
                self.history.promise(epoch);
                effects.write(Write::AcceptedEpoch(epoch));
                self.stage = Stage::Promising(self.force(effects));
            }
            Promise::Again => self.acknowledge_epoch(None, effects),
            Promise::Refused => return Err(Halt::Cease(Ceased::OldLeader)),
        }
        Ok(())
    }

    fn acknowledge_epoch(&mut self, current: Option<u32>, effects: &mut Effects<Zab>) {
        // Whoever names no epoch is not counted.
        let current = current.filter(|_| !self.history.is_convalescent());
        let last = if self.blank { Zxid::ZERO } else { self.history.last() };
        effects.send(Peer::Leader(self.leader), Packet::AckEpoch { last, current });
        self.stage = Stage::Promised;
    }

    /// The leader's history goes on where this one ends.
    fn on_diff(&mut self, to: Zxid) -> Result<(), Halt> {
        self.agree(to);
        Ok(())
    }

    /// What is above `to` never was in the leader's history.
    fn on_trunc(&mut self, to: Zxid, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: TRUNC: what is above `to` must go
        todo!("10.2: TRUNC: what is above `to` must go")
        // End of 10.2.
    }

    /// The leader's state comes in place of this one's, once it is whole.
    fn on_snap(&mut self, zxid: Zxid, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: SNAP: a snapshot begins to come in
        todo!("10.2: SNAP: a snapshot begins to come in")
        // End of 10.2.
    }

    fn on_snapshot_end(&mut self, zxid: Zxid, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: all of the snapshot is here
        todo!("10.2: all of the snapshot is here")
        // End of 10.2.
    }

    /// From here on the leader's entries follow. What is here up to `to` will be committed when the
    /// leader says UPTODATE; what is here beyond it is a proposal like any other.
    fn agree(&mut self, to: Zxid) {
        self.committed = to.min(self.history.last()).max(self.history.settled());
        if self.votes() {
            let beyond = self.history.after(self.committed);
            self.owed = beyond.map(|entry| (entry.zxid, self.given)).collect();
        }
        self.stage = Stage::Receiving;
    }

    /// An entry comes. It goes to memory and to the log, at once and always.
    fn take(&mut self, entry: Entry, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: PROPOSAL: an entry has come
        todo!("10.2: PROPOSAL: an entry has come")
        // End of 10.2.
    }

    /// The oldest entry that was not committed is.
    fn on_commit(&mut self, zxid: Zxid, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: COMMIT: an entry is decided
        todo!("10.2: COMMIT: an entry is decided")
        // End of 10.2.
    }

    /// All of the leader's beginning is here.
    fn on_new_leader(&mut self, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: NEWLEADER: all of the leader's beginning is here
        todo!("10.2: NEWLEADER: all of the leader's beginning is here")
        // End of 10.2.
    }

    /// A quorum has the leader's beginning: it is committed.
    fn on_up_to_date(&mut self, effects: &mut Effects<Zab>) -> Result<(), Halt> {
        // Exercise 10.2: UPTODATE: a quorum has the leader's beginning
        todo!("10.2: UPTODATE: a quorum has the leader's beginning")
        // End of 10.2.
    }

    fn deliver(&mut self, effects: &mut Effects<Zab>) {
        for entry in self.history.commit(self.committed) {
            effects.answer(Told::Deliver(entry));
        }
    }

    fn acknowledge_owed(&mut self, effects: &mut Effects<Zab>) {
        // Exercise 10.2: which of the owed proposals may be acknowledged?
        todo!("10.2: which of the owed proposals may be acknowledged?")
        // End of 10.2.
    }

    /// Says that the beginning is here. A convalescent says that *something* is, which a leader takes
    /// for an answer and does not count: ZooKeeper's would count the beginning, whoever says it.
    /// ZooKeeper: `Leader.waitForNewLeaderAck`.
    fn acknowledge_beginning(&self, effects: &mut Effects<Zab>) {
        let convalescent = self.history.is_convalescent();
        let beginning = if convalescent { Zxid::ZERO } else { Zxid::new(self.epoch, 0) };
        self.acknowledge(beginning, effects);
    }

    /// A convalescent has everything that its leader ever proposed by the time it was brought up to
    /// date, and so all that it may have acknowledged before it lost it: others may count on it again.
    fn convalesce(&mut self, effects: &mut Effects<Zab>) {
        let there = |goal: Zxid| goal.counter() == 0 || goal <= self.history.last();
        if self.convalesced.is_none() && self.goal.is_some_and(there) {
            // It comes behind all of that in the queue to the disk, which forces it first.
            effects.write(Write::Convalesced);
            self.convalesced = Some(self.force(effects));
        }
    }

    fn acknowledge(&self, zxid: Zxid, effects: &mut Effects<Zab>) {
        effects.send(Peer::Leader(self.leader), Packet::Ack(zxid));
    }

    fn force(&mut self, effects: &mut Effects<Zab>) -> Ticket {
        self.given = Ticket(self.given.0 + 1);
        effects.sync(self.given);
        self.given
    }

    fn votes(&self) -> bool {
        self.role == ServerState::Following
    }
}

fn bad() -> Result<(), Halt> {
    Err(Halt::Cease(Ceased::BadPacket))
}
