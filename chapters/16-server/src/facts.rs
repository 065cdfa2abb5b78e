//! Everything that a four-letter word may tell, gathered for one answer.

use std::collections::BTreeMap;
use std::time::Duration;

use machines::Now;
use sessions::Sessions;
use watches::Watches;

use crate::client::Client;
use crate::settings::Settings;
use crate::state::State;
use crate::stats::Stats;

/// A look at a server.
pub struct Facts<'a> {
    /// What the operator chose.
    pub settings: &'a Settings,
    /// The time.
    pub now: Now,
    /// The connections, by number, the asking one too.
    pub clients: &'a BTreeMap<u64, Client>,
    /// The asking connection's number.
    pub asking: u64,
    /// The tree and the sessions.
    pub state: &'a State,
    /// The sessions and when they expire.
    pub sessions: &'a Sessions,
    /// The watches.
    pub watches: &'a Watches,
    /// The counts.
    pub stats: &'a Stats,
    /// Requests at work.
    pub outstanding: usize,
    /// Whether clients are served.
    pub serving: bool,
}

impl Facts<'_> {
    /// What this server is in its ensemble, as `srvr` and `mntr` show it.
    pub fn mode(&self) -> &'static str {
        "standalone"
    }

    /// The server's number, as `conf` shows it: a server that stands alone has none.
    pub fn shown_id(&self) -> i64 {
        0
    }

    /// The wall clock in ms at a time of the monotonic clock, by what both show now.
    pub fn wall_ms(&self, monotonic: Duration) -> i64 {
        self.now.wall_ms + monotonic.as_millis() as i64 - self.now.monotonic.as_millis() as i64
    }
}
