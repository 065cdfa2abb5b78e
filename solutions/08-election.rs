//! Fast leader election: how servers that know nothing of each other agree on whom to follow.
//!
//! Every server votes, at first for itself, and repeats the best vote that it has heard. When a
//! quorum repeats the same vote, and no better one comes for a moment, the election is over. No
//! vote is ever written to disk, and two servers may well settle on two leaders: what makes the
//! outcome safe is not this file but discovery, in the next chapter. An election only finds soon
//! a server that discovery will accept.
//!
//! Always true:
//! - a server's vote never gets worse within a round;
//! - a server settles only on a vote that it heard from a quorum of voters, and that it either
//!   found to be the best of its round, or heard from the leader itself.
//!
//! Book: chapter 8. ZooKeeper: `FastLeaderElection.lookForLeader`, `WorkerReceiver`.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use election::{Ballot, Elected, Fle, LogEnd, Members, Notification, ServerState, Timer, Vote};
use machines::{Effects, Event, Machine};
use zxid::ServerId;

/// How long a server that has a quorum waits for a better vote.
const SETTLE: Duration = Duration::from_millis(200);

/// How long a server waits before it repeats its vote, the first time; then twice as long each.
const RESEND: Duration = Duration::from_millis(200);

/// How long it waits at most. Unlike ZooKeeper, where it is a minute: so long a server that was cut
/// off could go on looking after everybody can be reached again.
const RESEND_LIMIT: Duration = Duration::from_secs(2);

/// Whether a vote is better than another: by epoch, then by zxid, then by server id. It is not
/// better if it is equal, and a vote for a server that weighs nothing is never better.
pub fn better(new: &Vote, current: &Vote, members: &Members) -> bool {
    // Exercise 8.1: which of two votes is better?
    // ZooKeeper compares all three as signed numbers: the vote of an observer is below every other.
    let rank = |vote: &Vote| (vote.epoch, vote.zxid.0 as i64, vote.leader);
    members.weight(new.leader) > 0 && rank(new) > rank(current)
    // End of 8.1.
}

/// Whether two ballots are for the same outcome.
pub fn same(one: &Ballot, other: &Ballot) -> bool {
    if one.state == ServerState::Looking || other.state == ServerState::Looking {
        return one.vote == other.vote && one.round == other.round;
    }
    // Followers of one leader may report different zxids and rounds for it (ZOOKEEPER-1732), and
    // those of an old format no epoch.
    let epochs_compare = (one.version > 0) == (other.version > 0);
    one.vote.leader == other.vote.leader && (one.vote.epoch == other.vote.epoch || !epochs_compare)
}

/// Whether those who voted as `wanted` does are a quorum.
pub fn agreed(ballots: &BTreeMap<ServerId, Ballot>, wanted: &Ballot, members: &Members) -> bool {
    let voters = ballots.iter().filter(|(_, ballot)| same(ballot, wanted));
    members.is_quorum(&voters.map(|(voter, _)| *voter).collect())
}

/// Who of those alive may lead without losing anything that was acknowledged: those with the
/// latest history. Nobody, if they are not more than half of all that have a log.
pub fn safe_leaders(
    logs: &BTreeMap<ServerId, LogEnd>,
    alive: &BTreeSet<ServerId>,
) -> BTreeSet<ServerId> {
    // Exercise 8.5: who has all that was acknowledged?
    let present: Vec<_> = logs.iter().filter(|(server, _)| alive.contains(server)).collect();
    if present.len() <= logs.len() / 2 {
        return BTreeSet::new();
    }
    let latest = present.iter().map(|(_, log)| (log.current_epoch, log.last)).max();
    let safe = present.iter().filter(|(_, log)| Some((log.current_epoch, log.last)) == latest);
    safe.map(|(server, _)| **server).collect()
    // End of 8.5.
}

/// Who leads first when empty servers are started one after another, `gaps_ms[i]` ms passing
/// between the start of `order[i]` and of the next. None if they cannot have a quorum.
///
/// Messages take a millisecond or two: a better server that comes within 10 ms of the end of the
/// wait may or may not be heard.
pub fn first_leader(order: &[ServerId], gaps_ms: &[u64]) -> Option<ServerId> {
    // Exercise 8.3: who leads first?
    let quorum = order.len() / 2 + 1;
    let mut best = *order.iter().take(quorum).max()?;
    let mut waited = 0;
    for (next, gap) in order.iter().zip(gaps_ms.iter().copied().chain([0])).skip(quorum - 1) {
        if *next >= best {
            (best, waited) = (*next, 0);
        }
        waited += gap;
        if waited >= SETTLE.as_millis() as u64 {
            break;
        }
    }
    Some(best)
    // End of 8.3.
}

/// One server's part in elections, for as long as its process runs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Election {
    me: ServerId,
    members: Members,
    config: Bytes,
    state: ServerState,
    /// The number of this election, or of the one that made the present leader.
    round: i64,
    /// The vote with which this server began to look.
    initial: Vote,
    /// The best vote of the round so far.
    proposal: Vote,
    /// What others are told by a server that is not looking: the vote that won, and its round.
    current: (Vote, i64),
    /// Who votes how in this round.
    ballots: BTreeMap<ServerId, Ballot>,
    /// What was heard from servers that have a leader, whatever the round.
    established: BTreeMap<ServerId, Ballot>,
    /// A quorum agrees, and `Settle` runs.
    settling: bool,
    /// How long to wait before the vote is repeated.
    interval: Duration,
    /// Whether this server may have promised something that it does not remember.
    forgetful: bool,
    /// If so: who was heard not to lead, since this server began to look.
    idle: BTreeSet<ServerId>,
}

impl Election {
    /// A server that has yet to start. `config` is the text that names the members to others.
    pub fn new(me: ServerId, members: Members, config: Bytes) -> Election {
        Election {
            me,
            members,
            config,
            state: ServerState::Looking,
            round: 0,
            initial: Vote::NONE,
            proposal: Vote::NONE,
            current: (Vote::NONE, -1),
            ballots: BTreeMap::new(),
            established: BTreeMap::new(),
            settling: false,
            interval: RESEND,
            forgetful: false,
            idle: BTreeSet::new(),
        }
    }

    /// Says whether this server may have promised something to somebody that it does not remember.
    /// Then it follows only when it has heard of everybody else that they follow, or have no vote
    /// either: whoever does cannot begin a reign any more with what it was promised before.
    pub fn set_forgetful(&mut self, forgetful: bool) {
        self.forgetful = forgetful;
    }

    /// What the server is doing.
    pub fn state(&self) -> ServerState {
        self.state
    }

    /// The round: of this election, or of the one that made the present leader.
    pub fn round(&self) -> i64 {
        self.round
    }

    /// The vote: while looking the best of the round, otherwise the one that won.
    pub fn vote(&self) -> Vote {
        if self.state == ServerState::Looking { self.proposal } else { self.current.0 }
    }

    /// Begins to look for a leader: at start, and when the reign of the last one has ended for
    /// this server. `log` must cover everything that is in the server's log (ZOOKEEPER-2845).
    pub fn look(&mut self, log: LogEnd, effects: &mut Effects<Fle>) {
        self.state = ServerState::Looking;
        // Java's numbers wrap as well; a round is only ever compared with those of other servers.
        self.round = self.round.wrapping_add(1);
        let member = self.members.is_voter(self.me);
        self.initial = if member { Vote::own(self.me, log) } else { Vote::NONE };
        // Who does not know what it has says nothing that anybody could count, not even of before.
        if self.initial.zxid == Vote::UNKNOWN {
            self.current.0 = self.initial;
        }
        self.ballots.clear();
        self.established.clear();
        self.idle.clear();
        self.settling = false;
        self.interval = RESEND;
        self.propose(self.initial, effects);
        self.await_outcome(effects);
    }

    /// Tells the epoch that the new leader has established. Servers that come later hear it, and
    /// it must be the same from all that follow this leader (ZOOKEEPER-1732).
    pub fn update_epoch(&mut self, epoch: u32) {
        self.current.0.epoch = i64::from(epoch);
    }

    /// Whether this server has a vote. A voter that does not know what it has tells so, and is
    /// ignored by all; it waits until others have a leader.
    fn votes(&self) -> bool {
        self.members.is_voter(self.me) && self.initial.zxid != Vote::UNKNOWN
    }

    /// Whether this server may take part in a reign. It does not lead without a vote, though others
    /// may think that it does still. And nobody else may come to lead with what it has forgotten.
    fn may_join(&self, leader: ServerId) -> bool {
        if leader == self.me && !self.votes() {
            return false;
        }
        let others = self.members.voters().filter(|voter| *voter != self.me && *voter != leader);
        !self.forgetful || others.into_iter().all(|voter| self.idle.contains(&voter))
    }

    fn on_started(&mut self, log: LogEnd, effects: &mut Effects<Fle>) {
        self.current = (Vote::own(self.me, log), -1);
        self.look(log, effects);
    }

    /// Somebody says what it thinks.
    fn on_notification(&mut self, from: ServerId, n: Notification, effects: &mut Effects<Fle>) {
        // A server without a vote is told what to follow, and does not count.
        if !self.members.is_voter(from) {
            let (vote, _) = self.current;
            return self.tell(from, vote, self.round, effects);
        }
        if self.state != ServerState::Looking {
            if n.state == ServerState::Looking {
                let (vote, round) = self.current;
                self.tell(from, vote, round, effects);
            }
            return;
        }
        if self.forgetful && gives_way(&n) {
            self.idle.insert(from);
        }
        if n.state == ServerState::Looking && n.round < self.round {
            self.tell(from, self.proposal, self.round, effects);
        }
        if !self.members.is_voter(n.vote.leader) {
            return;
        }
        match n.state {
            ServerState::Looking => self.on_looking(from, n, effects),
            ServerState::Following | ServerState::Leading => self.on_established(from, n, effects),
            // An observer is no voter; a voter that says it is one has changed its mind.
            ServerState::Observing => {}
        }
        if self.state == ServerState::Looking {
            self.await_outcome(effects);
        }
    }

    /// A voter looks as well.
    ///
    /// Unlike ZooKeeper, a vote that comes while this server settles is treated as any other. There
    /// it is lost unless it is better, one of an old round opens the election again, and each vote
    /// prolongs the wait, so that a talkative server could hold up an election for ever.
    fn on_looking(&mut self, from: ServerId, n: Notification, effects: &mut Effects<Fle>) {
        // Exercise 8.2: somebody who is looking, too, has voted
        if self.initial.zxid == Vote::UNKNOWN || n.vote.zxid == Vote::UNKNOWN {
            return;
        }
        match n.round.cmp(&self.round) {
            // It has been told the present round, and will vote again.
            Ordering::Less => return,
            Ordering::Equal => {
                if better(&n.vote, &self.proposal, &self.members) {
                    self.propose(n.vote, effects);
                }
            }
            // Votes of rounds that are over say nothing about this one.
            Ordering::Greater => {
                self.round = n.round;
                self.ballots.clear();
                let joins = better(&n.vote, &self.initial, &self.members);
                self.propose(if joins { n.vote } else { self.initial }, effects);
            }
        }
        self.ballots.insert(from, ballot(n.vote, n.round));
        // End of 8.2.
    }

    /// A voter has a leader, while this server looks.
    fn on_established(&mut self, from: ServerId, n: Notification, effects: &mut Effects<Fle>) {
        // Exercise 8.4: somebody who has a leader has answered
        let heard = Ballot { state: n.state, round: n.round, vote: n.vote, version: n.version };
        if !self.may_join(n.vote.leader) {
            return;
        }
        if n.round == self.round {
            // In one and the same round, the epoch may be from before or after the leader's
            // discovery: without a version, it is not compared.
            self.ballots.insert(from, Ballot { version: 0, ..heard });
            if agreed(&self.ballots, &heard, &self.members) && self.confirmed(&self.ballots, &heard)
            {
                return self.settle(n.vote, effects);
            }
        }
        self.established.insert(from, heard);
        if agreed(&self.established, &heard, &self.members)
            && self.confirmed(&self.established, &heard)
        {
            self.round = n.round;
            self.settle(n.vote, effects);
        }
        // End of 8.4.
    }

    /// Whether the leader itself says that it leads: its followers may not know that it is dead.
    fn confirmed(&self, ballots: &BTreeMap<ServerId, Ballot>, heard: &Ballot) -> bool {
        let leader = heard.vote.leader;
        if leader == self.me {
            return heard.round == self.round;
        }
        ballots.get(&leader).is_some_and(|ballot| ballot.state == ServerState::Leading)
    }

    /// Votes, and tells all voters.
    fn propose(&mut self, vote: Vote, effects: &mut Effects<Fle>) {
        self.proposal = vote;
        if self.votes() {
            self.ballots.insert(self.me, ballot(vote, self.round));
        }
        self.tell_all(effects);
    }

    /// Waits for a better vote if a quorum agrees, and otherwise for anything.
    fn await_outcome(&mut self, effects: &mut Effects<Fle>) {
        let mine = ballot(self.proposal, self.round);
        let agreed = agreed(&self.ballots, &mine, &self.members);
        if !agreed {
            if self.settling {
                effects.clear(Timer::Settle);
            }
            effects.set(Timer::Resend, self.interval);
        } else if !self.settling {
            effects.clear(Timer::Resend);
            effects.set(Timer::Settle, SETTLE);
        }
        self.settling = agreed;
    }

    /// Nobody has said anything for a while: messages, or connections, may be lost.
    fn on_resend(&mut self, effects: &mut Effects<Fle>) {
        self.interval = (2 * self.interval).min(RESEND_LIMIT);
        self.tell_all(effects);
        effects.set(Timer::Resend, self.interval);
    }

    /// The election is over.
    fn settle(&mut self, vote: Vote, effects: &mut Effects<Fle>) {
        self.state = if vote.leader == self.me {
            ServerState::Leading
        } else if self.votes() {
            ServerState::Following
        } else {
            ServerState::Observing
        };
        self.current = (vote, self.round);
        self.settling = false;
        self.ballots.clear();
        self.established.clear();
        effects.clear(Timer::Resend);
        effects.clear(Timer::Settle);
        effects.answer(Elected { role: self.state, vote, round: self.round });
    }

    fn tell_all(&self, effects: &mut Effects<Fle>) {
        for voter in self.members.voters().filter(|voter| *voter != self.me) {
            self.tell(voter, self.proposal, self.round, effects);
        }
    }

    fn tell(&self, to: ServerId, vote: Vote, round: i64, effects: &mut Effects<Fle>) {
        let (state, config) = (self.state, self.config.clone());
        let version = Notification::VERSION;
        effects.send(to, Notification { state, vote, round, version, config });
    }
}

/// Whether a voter says that it leads nobody, and could not before it looks anew. One that looks does
/// not say so: it may have come to lead since, without a word, and the last one it had is repeated
/// over every new connection. But a server that does not know what it has does not lead.
fn gives_way(n: &Notification) -> bool {
    match n.state {
        ServerState::Following | ServerState::Observing => true,
        ServerState::Looking => n.vote.zxid == Vote::UNKNOWN,
        ServerState::Leading => false,
    }
}

/// The ballot of a looking server.
fn ballot(vote: Vote, round: i64) -> Ballot {
    Ballot { state: ServerState::Looking, round, vote, version: 0 }
}

impl Machine for Election {
    type Protocol = Fle;

    fn step(&mut self, event: Event<Fle>, effects: &mut Effects<Fle>) {
        match event {
            Event::Started(log) => self.on_started(log, effects),
            // What a server has to say to itself it does not send.
            Event::Received { from, .. } if from == self.me => {}
            Event::Received { from, message } => self.on_notification(from, message, effects),
            // A timer may run out while it is being stopped.
            Event::Expired(_) if self.state != ServerState::Looking => {}
            Event::Expired(Timer::Resend) if !self.settling => self.on_resend(effects),
            Event::Expired(Timer::Settle) if self.settling => self.settle(self.proposal, effects),
            Event::Expired(Timer::Resend | Timer::Settle) => {}
            // Votes are repeated until they are heard: connections are somebody else's care.
            Event::Opened(_) | Event::Closed(_) | Event::Flushed(_) | Event::Drained => {}
            // Nothing is stored.
            Event::Durable(_) | Event::Failed(..) => {}
            Event::Fetched(never) => match never {},
        }
    }
}
