//! Who has what: sessions and ephemeral nodes (`dump`), and watches (`wchs`, `wchc`, `wchp`).
//!
//! ZooKeeper: `DumpCommand`, `WatchCommand`, `SessionTrackerImpl.dumpSessions`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sessions::Sessions;
use watches::Watcher;
use zxid::SessionId;

use super::connections::address;
use super::date::date;
use super::line;
use crate::client::Client;
use crate::facts::Facts;

/// Sessions and connections by when they expire, and the ephemeral nodes.
pub(super) fn dump(facts: &Facts<'_>) -> String {
    let mut text = "SessionTracker dump:\n".to_owned();
    match facts.sessions {
        Some(sessions) => session_sets(&mut text, sessions.buckets(), facts),
        None => global_sessions(&mut text, facts),
    }

    let tree = &facts.state.tree;
    let owners: Vec<SessionId> = tree.sessions_with_ephemerals().collect();
    text += "ephemeral nodes dump:\n";
    line(&mut text, format_args!("Sessions with Ephemerals ({}):", owners.len()));
    for owner in owners {
        line(&mut text, format_args!("{owner}:"));
        let paths = tree.ephemerals_of(owner);
        paths.iter().for_each(|path| line(&mut text, format_args!("\t{path}")));
    }

    let connections = connections_by_expiry(facts);
    let (sets, count) = (connections.len(), facts.clients.len());
    text += "Connections dump:\n";
    line(&mut text, format_args!("Connections Sets ({sets})/({count}):"));
    for (expiry, bucket) in &connections {
        expires(&mut text, bucket.len(), *expiry, facts);
        for client in bucket {
            let (from, session) = (address(client.connection.from), client.session);
            line(&mut text, format_args!("\tip: {from} sessionId: {session}"));
        }
    }
    text
}

/// The sessions by when they end: only where order is given is it known.
fn session_sets(
    text: &mut String,
    buckets: &BTreeMap<Duration, BTreeSet<SessionId>>,
    facts: &Facts<'_>,
) {
    let count: usize = buckets.values().map(|bucket| bucket.len()).sum();
    line(text, format_args!("Session Sets ({})/({count}):", buckets.len()));
    for (expiry, bucket) in buckets {
        expires(text, bucket.len(), *expiry, facts);
        bucket.iter().for_each(|session| line(text, format_args!("\t{session}")));
    }
}

/// The sessions as a learner knows them. ZooKeeper: `LearnerSessionTracker.dumpSessions`.
fn global_sessions(text: &mut String, facts: &Facts<'_>) {
    let sessions = &facts.state.sessions;
    line(text, format_args!("Global Sessions({}):", sessions.len()));
    for (session, timeout) in sessions {
        line(text, format_args!("{session}\t{timeout}ms"));
    }
}

/// How many watch how much.
pub(super) fn wchs(facts: &Facts<'_>) -> String {
    let (connections, paths, watches) = facts.watches.summary();
    format!("{connections} connections watching {paths} paths\nTotal watches:{watches}\n")
}

/// The watched paths of each session.
pub(super) fn wchc(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for (watcher, paths) in facts.watches.data_by_watcher() {
        line(&mut text, format_args!("{}", session(watcher, facts)));
        paths.iter().for_each(|path| line(&mut text, format_args!("\t{path}")));
    }
    text + "\n"
}

/// The watching sessions of each path.
pub(super) fn wchp(facts: &Facts<'_>) -> String {
    let mut text = String::new();
    for (path, watchers) in facts.watches.data_by_path() {
        line(&mut text, format_args!("{path}"));
        for watcher in watchers {
            line(&mut text, format_args!("\t{}", session(watcher, facts)));
        }
    }
    text + "\n"
}

fn session(watcher: Watcher, facts: &Facts<'_>) -> SessionId {
    facts.clients.get(&watcher.0).map_or(SessionId::NONE, |client| client.session)
}

fn expires(text: &mut String, count: usize, expiry: Duration, facts: &Facts<'_>) {
    let date = date(facts.wall_ms(expiry));
    line(text, format_args!("{count} expire at {date}:"));
}

/// Unlike ZooKeeper, which has a second queue for connections, a connection is closed when its
/// session expires, or if it has had none for too long.
fn connections_by_expiry<'a>(facts: &Facts<'a>) -> BTreeMap<Duration, Vec<&'a Client>> {
    let mut of_session = BTreeMap::new();
    for (expiry, bucket) in facts.sessions.into_iter().flat_map(Sessions::buckets) {
        of_session.extend(bucket.iter().map(|session| (*session, *expiry)));
    }
    let handshake = Duration::from_millis(facts.settings.handshake_ms);
    let mut connections = BTreeMap::<_, Vec<_>>::new();
    for client in facts.clients.values() {
        let expiry = match client.session {
            SessionId::NONE => client.opened + handshake,
            // A session that is not in the queue is ending now.
            session => of_session.get(&session).copied().unwrap_or(facts.now.monotonic),
        };
        connections.entry(expiry).or_default().push(client);
    }
    connections
}
