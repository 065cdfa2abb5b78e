//! The laws about a server whose disk was damaged: nobody counts on it before it has what it lost.
//!
//! Why nothing is lost by letting it vote again, call it C:
//! - *What it acknowledged.* Whatever was committed with C's word is also on another server of any
//!   quorum that C is not in. Only such a quorum establishes the leader that brings C up to date, and
//!   so that leader has it. What C acknowledged and is not committed yet was proposed before C came
//!   back; so C takes back its vote only when it has all that its leader had proposed by then. If the
//!   others are no quorum, nobody is established, and nothing is served.
//! - *What it promised.* A rival that had C's promise of a later epoch could begin a reign with it
//!   after all, and cut off what C acknowledges for an earlier one. So the promise is kept, where it
//!   can be read: C follows no leader below it. Where it is lost, C first hears of all other voters,
//!   since it started, that they follow or have no vote either, except for its leader. Whoever does
//!   has given up every attempt that could use the old promise. A quorum is not enough for that, nor
//!   that somebody looks: its word may be from before it came to lead.
//! - *Which leader.* C follows whom a quorum of others said, since C started, that it follows. A
//!   reign in which C acknowledged something had begun before, with a quorum that promised it; so
//!   one of those has left every earlier leader, and C does not come to a leader of the past.
//!
//! ZooKeeper's leader counts the acknowledgements of a voter, whatever it called itself. So what C
//! says itself is such that nobody counts it: a vote with an unknown zxid, an ACKEPOCH without an
//! epoch, an ACK of nothing.

use election::{Frame, Notification, ServerState, Vote};
use zab::Packet;
use zxid::{ServerId, Zxid};

use super::{Law, Laws};
use crate::vocabulary::Message;

impl Laws {
    /// What a convalescent says may not count, whoever hears it: neither for an election, nor for an
    /// epoch, nor for a proposal.
    pub(super) fn counts(&mut self, server: ServerId, message: &Message) {
        // Whatever a server says that never votes, nobody counts it.
        if !self.server(server).disk.stable().convalescent || !self.members.is_voter(server) {
            return;
        }
        let counts = match message {
            Message::Election(Frame::Notification(Notification { state, vote, .. })) => match state
            {
                ServerState::Looking => vote.zxid != Vote::UNKNOWN && *vote != Vote::NONE,
                ServerState::Following | ServerState::Leading => true,
                ServerState::Observing => false,
            },
            Message::Quorum(Packet::Ack(zxid)) => *zxid != Zxid::ZERO,
            Message::Quorum(Packet::AckEpoch { current, .. }) => current.is_some(),
            Message::Quorum(Packet::FollowerInfo { .. }) => true,
            Message::Election(_) | Message::Quorum(_) => false,
        };
        self.check(server, Law::Z19, !counts, || {
            format!("it says {message}, though it has yet to get back what it lost")
        });
    }

    /// A server is about to say that others may count on it again.
    pub(super) fn convalesces(&mut self, server: ServerId) {
        let state = self.server(server);
        let (before, now) = (state.disk.before, state.disk.now());
        // What was acknowledged and is not committed may be gone for good.
        let kept = self.tree.meet(before, self.committed);
        self.check(server, Law::D8, self.tree.is_prefix(kept, now.last), || {
            format!("it had {before}, of which {kept} is committed, and has {} again", now.last)
        });
        let established = self.established.contains_key(&now.current);
        self.check(server, Law::Z19, established, || {
            format!("it is to be counted on with {now:?}, and nobody is established in that epoch")
        });
    }
}
