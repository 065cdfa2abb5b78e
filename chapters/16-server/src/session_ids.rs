//! The ids that a server gives to sessions.
//!
//! Always true:
//! - no id comes twice, whatever the clock did and whichever role the server had when it gave it.
//!
//! ZooKeeper: `SessionTrackerImpl.nextSessionId`.

use sessions::{first_session_id, next_session_id};
use zxid::{ServerId, SessionId};

use crate::state::State;

/// The ids of one server.
#[derive(Debug)]
pub struct SessionIds {
    server: ServerId,
    last: SessionId,
}

impl SessionIds {
    /// The ids of a server that starts now, by its wall clock.
    pub fn new(server: ServerId, wall_ms: i64, state: &State) -> SessionIds {
        // Should the clock have been set back, ids of sessions that are over must not come again.
        let first = first_session_id(server, wall_ms, state.largest_of(server));
        SessionIds { server, last: SessionId(first.0 - 1) }
    }

    /// Goes on above every id of this server's that a state knows: what a member has in its log it
    /// learns only when its leader says what of it is committed.
    pub fn go_above(&mut self, state: &State) {
        self.last = state.largest_of(self.server).map_or(self.last, |known| known.max(self.last));
    }

    /// The next one.
    pub fn give(&mut self) -> SessionId {
        self.last = next_session_id(self.last);
        self.last
    }
}
