//! How a server of an explored ensemble comes to lead, or to follow, in one step.
//!
//! An election may be won by whoever has the best vote of a quorum, by chapter 8's own order; ids do
//! not matter. Discovery belongs to the step: the leader finds its epoch, a quorum promises it, and
//! the leader enters it.
//! Nothing that is safe on a disk before or after differs for that: whoever dies in the middle has
//! promised an epoch, or has not, and leads nobody. Worlds that are small enough take discovery
//! [in small steps](super::Ensembles::in_small_steps).

use election::{Vote, better};
use zab::Packet;

use super::laws::QUORUM;
use super::state::State;
use super::{Ensembles, SERVERS, Step, id};
use crate::explore::notes::Notes;
use crate::invariants::Verdict;

impl Ensembles {
    /// Whether a server may win an election with the vote of another. Of equals each may.
    fn wins(&self, state: &State, one: usize, other: usize) -> bool {
        let ballot = |at: usize| state.member(at).ballot();
        let (Some(mine), Some(theirs)) = (ballot(one), ballot(other)) else { return false };
        let (mine, theirs) = (Vote::own(id(0), mine), Vote::own(id(0), theirs));
        one != other && !better(&theirs, &mine, &self.members)
    }

    /// Who may be elected, and who may join a leader. Of servers that are alike, the first.
    pub(super) fn elections(&self, state: &State, steps: &mut Vec<Step>) {
        let nameless = state.all_look();
        let first = |at: usize, but: usize| {
            !nameless || !(0..at).any(|other| other != but && state.alike(other, at))
        };
        let pairs = (0..SERVERS).flat_map(|one| (0..SERVERS).map(move |other| (one, other)));
        for (one, other) in pairs {
            let next = state.left.epochs > 0 && self.wins(state, one, other);
            if next && first(one, one) && first(other, one) {
                steps.push(Step::Elect(one, other));
            }
            let looks = state.servers[one].looks();
            if looks && state.leads(other) && state.supporters(other) + 1 >= QUORUM {
                steps.push(Step::Join(one, other));
            }
        }
    }

    /// A server is elected with the vote of another.
    pub(super) fn elect(
        &self,
        state: &mut State,
        leader: usize,
        learner: usize,
        notes: &mut Notes,
    ) -> Verdict {
        state.left.epochs -= 1;
        self.tell(state, leader, notes, |member, wants| member.elected(id(leader), wants))?;
        self.join(state, learner, leader, notes)
    }

    /// A server joins a leader.
    pub(super) fn join(
        &self,
        state: &mut State,
        learner: usize,
        leader: usize,
        notes: &mut Notes,
    ) -> Verdict {
        self.tell(state, learner, notes, |member, wants| member.elected(id(leader), wants))?;
        while !self.fine
            && let Some(step) = self.next_of_discovery(state, learner, leader)
        {
            self.happen(state, &step, notes)?;
        }
        Ok(())
    }

    /// What is next, until the learner has promised the leader's epoch and the leader has entered it.
    fn next_of_discovery(&self, state: &State, learner: usize, leader: usize) -> Option<Step> {
        let (wire, _) = state.end(learner, zab::Peer::Leader(id(leader)))?;
        let it = &state.wires[wire];
        let epoch = state.member(leader).leader()?.epoch();
        let disk = |at: usize| Some(&state.servers[at].disk).filter(|disk| disk.is_busy());
        let enters = disk(leader).is_some_and(|it| Some(it.safe.current) < epoch);
        let promises = disk(learner).is_some_and(|it| Some(it.safe.accepted) < epoch);
        match (it.to[0].front(), it.to[1].front()) {
            (Some(Packet::FollowerInfo { .. } | Packet::AckEpoch { .. }), _) => {
                Some(Step::Deliver(leader, it.number, 0))
            }
            (None, Some(Packet::LeaderInfo { .. })) => Some(Step::Deliver(leader, it.number, 1)),
            (None, None) if enters => Some(Step::Force(leader)),
            (None, None) if promises => Some(Step::Force(learner)),
            _ => None,
        }
    }
}
