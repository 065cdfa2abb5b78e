//! What must hold of elections, after every step.
//!
//! An election promises less than one would like: two servers may lead at once, and a leader may
//! have nobody who follows. What it does promise is here, in terms of what was delivered to whom
//! and what the machine shows, not of what it keeps inside.

use std::collections::BTreeSet;

use election::{Election, Notification, ServerState, Vote};
use zxid::ServerId;

use super::state::{Named, State};
use super::{Elections, Step, id, place, settled};
use crate::explore::notes::Notes;
use crate::invariants::{Invariant, Verdict, holds};

/// What was, before a step.
pub(super) struct Judge {
    /// The server that takes the step, and what it was.
    at: usize,
    before: Option<Election>,
    /// What it is about to hear, and from whom.
    heard: Option<(usize, Notification)>,
    step: Step,
    /// Whether it had crashed before.
    crashed: bool,
}

impl Judge {
    pub(super) fn before(state: &State, step: &Step) -> Judge {
        let (at, heard) = match *step {
            Step::Deliver(from, to) => (to, state.next(from, to).map(|it| (from, it.clone()))),
            Step::Start(at)
            | Step::Settle(at)
            | Step::Resend(at)
            | Step::Crash(at)
            | Step::Establish(at)
            | Step::LookAgain(at)
            | Step::Reconnect(at, _) => (at, None),
        };
        let before = state.servers[at].as_ref().map(|server| server.election.clone());
        Judge { at, before, heard, step: *step, crashed: state.crashed.contains(&at) }
    }

    pub(super) fn after(self, world: &Elections, state: &mut State, notes: &mut Notes) -> Verdict {
        let Some(server) = &state.servers[self.at] else { return Ok(()) };
        let after = server.election.clone();
        self.remember(&after, state);
        self.note(&after, state, notes);
        self.votes_well(&after, state)?;
        if settled(after.state()) && !self.before.as_ref().is_some_and(|it| settled(it.state())) {
            self.heard_a_quorum(&after, world, state)?;
            self.chose_the_best(&after, world, state)?;
            self.one_leader_in_a_round(&after, world, state, notes)?;
            state.server_mut(self.at).heard.clear();
        }
        Ok(())
    }

    /// Writes down what was delivered: who names whom.
    fn remember(&self, after: &Election, state: &mut State) {
        let at = self.at;
        let round = self.before.as_ref().map(Election::round);
        let anew = matches!(self.step, Step::LookAgain(_) | Step::Start(_));
        let later = round.is_some_and(|before| after.round() > before);
        let server = state.server_mut(at);
        if anew {
            server.heard.clear();
        }
        if later {
            server.heard.retain(|named| !named.vote);
        }
        let Some((by, n)) = &self.heard else { return };
        let vote = n.state == ServerState::Looking;
        let looked = self.before.as_ref().is_some_and(|it| !settled(it.state()));
        if looked && (!vote || n.round == after.round()) {
            server.heard.insert(Named { by: *by, leader: n.vote.leader, vote });
        }
    }

    fn note(&self, after: &Election, state: &State, notes: &mut Notes) {
        if self.crashed && matches!(self.step, Step::Start(_)) {
            notes.saw("a server comes back");
        }
        let Some(before) = &self.before else { return };
        let looks = before.state() == ServerState::Looking;
        if looks && after.round() > before.round() {
            notes.saw("a server joins a later round");
        }
        let votes_on = looks && after.state() == ServerState::Looking;
        if votes_on && after.round() == before.round() && after.vote() != before.vote() {
            notes.saw("a vote is changed for a better one");
        }
        if looks && settled(after.state()) {
            if matches!(self.step, Step::Deliver(..)) {
                notes.saw("a server joins a leader that was elected before");
            }
            let leaders = (0..state.servers.len()).filter(|at| state.leads(*at)).count();
            if leaders > 1 {
                notes.saw("two servers lead at once");
            }
        }
    }

    /// E4: within a round a vote gets no worse, nobody votes for less than he heard in it, and
    /// nobody for less than he has.
    fn votes_well(&self, after: &Election, state: &State) -> Verdict {
        if after.state() != ServerState::Looking {
            return Ok(());
        }
        let vote = after.vote();
        let own = Vote::own(id(self.at), state.logs[self.at]);
        no_less(vote, own, || format!("server {} has {own}, and votes for {vote}", id(self.at)))?;
        if let Some((from, n)) = &self.heard
            && n.state == ServerState::Looking
            && n.round == after.round()
        {
            let (me, from) = (id(self.at), id(*from));
            let what = || format!("server {me} hears {} from {from}, and votes for {vote}", n.vote);
            no_less(vote, n.vote, what)?;
        }
        if let Some(before) = &self.before
            && before.state() == ServerState::Looking
            && before.round() == after.round()
        {
            let old = before.vote();
            no_less(vote, old, || {
                format!("server {} changes its vote from {old} to {vote}", id(self.at))
            })?;
        }
        Ok(())
    }

    /// E2: whoever settles on a leader heard a quorum name it, itself included.
    fn heard_a_quorum(&self, after: &Election, world: &Elections, state: &State) -> Verdict {
        let leader = after.vote().leader;
        let names = self.supporters(leader, state);
        holds(Invariant::E2, names.len() > world.logs.len() / 2, || {
            let names = listed(&names);
            format!("server {} settles on {leader}, whom it heard [{names}] name", id(self.at))
        })
    }

    /// Those who named a leader to this server, and itself if it voted so.
    fn supporters(&self, leader: ServerId, state: &State) -> Vec<ServerId> {
        let heard = &state.servers[self.at].as_ref().expect("it has settled").heard;
        let others = heard.iter().filter(|named| named.leader == leader).map(|named| id(named.by));
        let own = self.before.as_ref().is_some_and(|before| before.vote().leader == leader);
        let names: BTreeSet<ServerId> = others.chain(own.then_some(id(self.at))).collect();
        names.into_iter().collect()
    }

    /// E3: whoever waited for better votes settles on a leader that is the best of a quorum.
    fn chose_the_best(&self, after: &Election, world: &Elections, state: &State) -> Verdict {
        // Who joins others follows a leader that was elected before, whatever he has himself; and
        // when epochs are established, histories change after votes are cast.
        if !matches!(self.step, Step::Settle(_)) || world.bounds.epochs > 0 {
            return Ok(());
        }
        let vote = after.vote();
        let has = Vote::own(vote.leader, state.logs[place(vote.leader)]);
        holds(Invariant::E3, vote == has, || format!("a vote {vote} wins, but there is {has}"))?;
        let supporters = self.supporters(vote.leader, state);
        let no_better = |server: &&ServerId| {
            rank(&vote) >= rank(&Vote::own(**server, state.logs[place(**server)]))
        };
        let quorum = supporters.iter().filter(no_better).count() > world.logs.len() / 2;
        holds(Invariant::E3, quorum, || {
            let wanted = listed(&supporters);
            format!("server {} settles on {vote}, whom [{wanted}] wanted", id(self.at))
        })
    }

    /// E1: within a round one leader at most is settled on by a quorum. A process that comes back
    /// has forgotten how it voted, so this is said only while none has.
    fn one_leader_in_a_round(
        &self,
        after: &Election,
        world: &Elections,
        state: &mut State,
        notes: &mut Notes,
    ) -> Verdict {
        let elected = state.elected.entry(after.round()).or_default();
        elected.insert((after.vote().leader, self.at));
        let count = |leader: usize| elected.iter().filter(|(it, _)| *it == id(leader)).count();
        let all = 0..world.logs.len();
        let won = all.filter(|leader| count(*leader) > world.logs.len() / 2).map(id);
        let won: Vec<ServerId> = won.collect();
        if !won.is_empty() {
            notes.saw("a quorum follows a leader");
        }
        holds(Invariant::E1, won.len() <= 1 || !state.crashed.is_empty(), || {
            format!("in round {} quorums have settled on each of {}", after.round(), listed(&won))
        })
    }
}

/// What must hold where nothing more can happen: everybody follows one leader. If no harm was done
/// and everybody waited for better votes, it is the best of all.
pub(super) fn at_the_end(world: &Elections, state: &State) -> Verdict {
    holds(Invariant::L4, state.is_agreed(&world.members), || {
        let all = 0..world.logs.len();
        let leaders: Vec<ServerId> = all.filter_map(|at| state.leader_of(at)).collect();
        let leaders = listed(&leaders);
        format!("nothing more can happen, and the servers settled on [{leaders}]")
    })?;
    if world.bounds.hasty > 0 || world.bounds != state.left {
        return Ok(());
    }
    let all = 0..world.logs.len();
    let vote = |at: usize| Vote::own(id(at), state.logs[at]);
    let best = all.map(vote).max_by_key(rank).unwrap_or(Vote::NONE);
    let chosen = state.leader_of(0).unwrap_or(Vote::NONE.leader);
    holds(Invariant::E3, chosen == best.leader, || {
        format!("{best} is the best vote, and everybody settled on {chosen}")
    })
}

/// Servers as a sentence lists them.
fn listed(servers: &[ServerId]) -> String {
    servers.iter().map(ServerId::to_string).collect::<Vec<_>>().join(", ")
}

/// A vote's place in the order of votes, as the chapter defines it.
fn rank(vote: &Vote) -> (i64, u64, ServerId) {
    (vote.epoch, vote.zxid.0, vote.leader)
}

fn no_less(vote: Vote, than: Vote, what: impl FnOnce() -> String) -> Verdict {
    holds(Invariant::E4, rank(&vote) >= rank(&than), what)
}
