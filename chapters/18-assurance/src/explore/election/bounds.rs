//! How much may happen in an election that is explored, and what may happen next.
//!
//! Without bounds there would be no end: a server can crash for ever. What is bounded is what does
//! harm, or repeats something; what an election needs to come to its end is free.

use election::{Members, ServerState};

use super::state::State;
use super::{Step, settled};

/// How much may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// How many processes are killed.
    pub crashes: u8,
    /// How many connections break.
    pub reconnects: u8,
    /// How often a vote is repeated while messages are on their way. When none is, it is free.
    pub resends: u8,
    /// How many epochs are established.
    pub epochs: u8,
    /// How often a server looks again although its reign could go on, or could begin yet. When it
    /// cannot and no message is on its way, it is free.
    pub impatience: u8,
    /// In how many rounds a server may stop waiting for a better vote at any time. In later ones
    /// it waits as long as anything can happen: 200 milliseconds are long.
    pub hasty: u8,
}

impl Bounds {
    /// What an exploration within these bounds must have met.
    pub(super) fn must_see(&self, servers: usize) -> Vec<&'static str> {
        let mut all = vec!["a vote is changed for a better one", "a quorum follows a leader"];
        let mut when = |condition: bool, what: &'static str| {
            if condition {
                all.push(what);
            }
        };
        when(self.crashes > 0, "a server comes back");
        when(self.reconnects > 0, "a connection breaks with messages on it");
        when(self.epochs > 0, "a reign is established");
        when(self.hasty > 0 && servers > 2, "two servers lead at once");
        // Two servers that stay up have heard each other before either has a quorum.
        let late = self.hasty > 0 && (servers > 2 || self.crashes > 0);
        when(late, "a server joins a leader that was elected before");
        when(late, "a reign ends");
        when(self.impatience > 0, "a server joins a later round");
        all
    }
}

/// What a server may do next by itself, or may be done to it.
pub(super) fn steps_of(state: &State, at: usize, members: &Members, steps: &mut Vec<Step>) {
    let Some(server) = &state.servers[at] else {
        return steps.push(Step::Start(at));
    };
    if state.left.crashes > 0 {
        steps.push(Step::Crash(at));
    }
    let quiet = state.is_quiet();
    let hasty = server.election.round() <= i64::from(state.left.hasty);
    if server.settle && (quiet || hasty) {
        steps.push(Step::Settle(at));
    }
    if server.resend && (quiet || state.left.resends > 0) {
        steps.push(Step::Resend(at));
    }
    if !settled(server.election.state()) {
        return;
    }
    let leads = server.election.state() == ServerState::Leading;
    let able = leads && state.can_reign(at, members) && state.is_ahead(at);
    if able && state.left.epochs > 0 {
        steps.push(Step::Establish(at));
    }
    if state.left.impatience > 0 || state.reigns_in_vain(at, members) {
        steps.push(Step::LookAgain(at));
    }
}
