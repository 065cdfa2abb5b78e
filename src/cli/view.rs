//! What `ensemble start` shows on a terminal: the server's state in one line, refreshed each
//! second. Lines of the log push it down.

use std::io::{Write, stdout};
use std::time::Instant;

use machines::Now;
use server::Server;

use crate::host::Running;

/// The line on the terminal.
#[derive(Default)]
pub(super) struct View {
    /// When it was shown last, and how many requests there had been.
    last: Option<(Instant, u64)>,
}

impl View {
    /// Shows how the server is now, over what was shown before.
    pub(super) fn show(&mut self, running: &Running<Server>) {
        let Some((text, received)) = running.look(describe) else { return };
        let now = Instant::now();
        let rate = self.last.map_or(0.0, |(then, before)| {
            received.saturating_sub(before) as f64 / (now - then).as_secs_f64()
        });
        self.last = Some((now, received));
        // The cursor stays at the line's beginning, so that whatever comes next overwrites it.
        let mut out = stdout().lock();
        write!(out, "\x1b[2K{text}  requests/s {rate:.0}\r").and_then(|()| out.flush()).ok();
    }

    /// Leaves the last state on the terminal.
    pub(super) fn end(self) {
        writeln!(stdout()).ok();
    }
}

/// The server in one line, and how many frames it has received.
fn describe(server: &Server) -> (String, u64) {
    let facts = server.facts(Now::default(), 0);
    let text = format!(
        "{}  zxid 0x{:x}  sessions {}  connections {}  watches {}",
        facts.mode(),
        facts.state.last.0,
        facts.state.sessions.len(),
        facts.clients.len(),
        facts.watches.count(),
    );
    (text, facts.stats.received)
}
