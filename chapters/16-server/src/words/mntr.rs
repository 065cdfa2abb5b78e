//! What monitoring tools read: `mntr`, a line for each measure.
//!
//! The names are ZooKeeper's, in the order in which its version 3.8 gave them. Measures of the Java
//! virtual machine, of its process and of parts that this server does not have are left out.
//!
//! ZooKeeper: `MonitorCommand`, `ZooKeeperServer.dumpMonitorValues`.

use super::{average, line, node_count};
use crate::facts::{Facts, Followers, Standing};
use crate::stats::Sizes;

/// All measures, as `zk_<key><tab><value>`.
pub(super) fn mntr(facts: &Facts<'_>) -> String {
    let (stats, state) = (facts.stats, &facts.state);
    let mut text = String::new();
    let mut add = |key: &str, value: String| line(&mut text, format_args!("zk_{key}\t{value}"));
    add("version", facts.settings.about.version.clone());
    add("server_state", facts.mode().to_owned());
    if facts.settings.ensemble.is_some() {
        add("peer_state", peer_state(facts.standing).to_owned());
    }
    if let (Standing::Observing, Some((leader, _))) = (facts.standing, facts.reign) {
        add("observer_master_id", leader.to_string());
    }
    add("ephemerals_count", state.tree.ephemerals_count().to_string());
    add("num_alive_connections", facts.clients.len().to_string());
    add("avg_latency", average(stats.latency));
    add("outstanding_requests", facts.outstanding.to_string());
    add("znode_count", node_count(facts).to_string());
    add("global_sessions", state.sessions.len().to_string());
    // Counted only where there is TLS.
    add("non_mtls_remote_conn_count", "0".to_owned());
    add("last_client_response_size", stats.response_size.last.to_string());
    add("packets_sent", stats.sent.to_string());
    add("packets_received", stats.received.to_string());
    add("max_client_response_size", stats.response_size.max.to_string());
    add("connection_drop_probability", "0.0".to_owned());
    add("watch_count", facts.watches.count().to_string());
    add("auth_failed_count", stats.auth_failed.to_string());
    add("min_latency", stats.latency.min.to_string());
    add("approximate_data_size", state.tree.data_size().to_string());
    add("local_sessions", "0".to_owned());
    add("uptime", uptime(facts));
    add("max_latency", stats.latency.max.to_string());
    add("outstanding_tls_handshake", "0".to_owned());
    add("min_client_response_size", stats.response_size.min.to_string());
    add("non_mtls_local_conn_count", "0".to_owned());
    if let Standing::Leading(Followers { learners, followers, observers, pending_syncs }) =
        facts.standing
    {
        let Sizes { last, max, min } = stats.proposal_size;
        add("learners", learners.to_string());
        add("synced_followers", followers.to_string());
        // Followers that only wait to be given a vote: there are none without reconfiguration.
        add("synced_non_voting_followers", "0".to_owned());
        add("synced_observers", observers.to_string());
        add("pending_syncs", pending_syncs.to_string());
        // ZooKeeper's begins when it is elected, not when it serves.
        add("leader_uptime", uptime(facts));
        add("last_proposal_size", last.to_string());
        add("max_proposal_size", max.to_string());
        add("min_proposal_size", min.to_string());
    }
    if let Some(ensemble) = &facts.settings.ensemble {
        add("quorum_size", ensemble.members.voters().count().to_string());
    }
    text
}

fn uptime(facts: &Facts<'_>) -> String {
    facts.now.monotonic.saturating_sub(facts.stats.started).as_millis().to_string()
}

/// What the server does in its ensemble. Others see it in no phase but this one: before it serves
/// it is looking for its place.
fn peer_state(standing: Standing) -> &'static str {
    match standing {
        Standing::Alone | Standing::Looking => "looking",
        Standing::Leading(_) => "leading - broadcast",
        Standing::Following => "following - broadcast",
        Standing::Observing => "observing - broadcast",
    }
}
