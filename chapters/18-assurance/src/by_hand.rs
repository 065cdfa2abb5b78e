//! What worlds have in common that somebody drives by hand: servers with usual settings, and clients
//! that begin at a chosen one.
//!
//! Book: chapter 18.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use election::{Limits, Members};
use machines::{Effect, Effects, Event, Machine};
use protocol::{ClientOptions, ClientPeer, Session};
use zxid::ServerId;

/// The text that the members keep of themselves.
pub(crate) const CONFIG: &[u8] = b"version=0";

/// The settings of a server; one that is the only voter stands alone.
pub(crate) fn settings(number: u64, members: &Members, tick: Duration) -> server::Settings {
    let (id, tick_ms) = (ServerId(number as i64), tick.as_millis() as u32);
    let ensemble = sync::Settings {
        me: id,
        members: members.clone(),
        config: Bytes::from_static(CONFIG),
        election_address: format!("10.0.1.{number}:3888"),
        election_limits: Limits::default(),
        tick,
        init_limit: 10,
        sync_limit: 5,
        window: 500,
        window_bytes: 1 << 20,
        from_disk: true,
        from_disk_bytes: 1 << 20,
        force_snapshot: false,
    };
    let alone = members.voters().count() == 1;
    server::Settings {
        id,
        seed: number,
        tick_ms,
        min_session_timeout: 2 * tick_ms as i32,
        max_session_timeout: 20 * tick_ms as i32,
        ensemble: (!alone).then(|| Arc::new(ensemble)),
        ..server::Settings::default()
    }
}

/// A client that knows so many servers and tries this one first: clients shuffle them by their seed,
/// and this is the first seed, from this one on, that does so.
pub(crate) fn begins_at(
    server: u64,
    servers: usize,
    timeout: Duration,
    mut seed: u64,
) -> ClientOptions {
    let first = Effect::Open(ClientPeer::Server(server as usize - 1));
    loop {
        let options =
            ClientOptions { servers, chroot: String::new(), session: None, timeout, seed };
        let mut effects = Effects::new();
        Session::new(options.clone()).step(Event::Started(()), &mut effects);
        if effects.list().contains(&first) {
            return options;
        }
        seed += 1;
    }
}
