//! What a server tells its host, as lines of the log: an event, and fields.

use server::{Notice, Refused};
use zab::Ceased;
use zxid::Zxid;

/// Writes a notice to the log.
pub(super) fn log(notice: &Notice) {
    match notice {
        Notice::Recovered { zxid, nodes, sessions } => {
            tracing::info!(zxid = hex(*zxid), nodes, sessions, "recovered");
        }
        Notice::Joined { role, leader, epoch, zxid } => {
            tracing::info!(%role, leader = leader.0, epoch, zxid = hex(*zxid), "joined");
        }
        Notice::Left { why: Ceased::Convalesced } => {
            tracing::info!("convalesced: up to date again, and a voter");
        }
        Notice::Left { why } => tracing::warn!(?why, "left"),
        Notice::BadSnapshot { why } => tracing::error!(why, "bad snapshot"),
        Notice::SnapshotComing { zxid } => tracing::info!(zxid = hex(*zxid), "snapshot coming"),
        // Clients of a server that has no leader yet come again and again.
        Notice::Refused { from, why: Refused::NotServing, .. } => {
            tracing::debug!(%from, "not serving");
        }
        Notice::Refused { from, session, why } => {
            tracing::warn!(%from, %session, ?why, "connection refused");
        }
        Notice::SessionOpened { session, timeout, from } => {
            tracing::debug!(%session, timeout, %from, "session opened");
        }
        Notice::SessionResumed { session, from } => {
            tracing::debug!(%session, %from, "session resumed");
        }
        Notice::SessionClosed { session, expired: true } => {
            tracing::info!(%session, "session expired");
        }
        Notice::SessionClosed { session, expired: false } => {
            tracing::debug!(%session, "session closed");
        }
        Notice::SnapshotBegun { zxid } => tracing::info!(zxid = hex(*zxid), "snapshot begun"),
        Notice::SnapshotSaved { zxid } => tracing::info!(zxid = hex(*zxid), "snapshot saved"),
        Notice::DiskFailed { why } => tracing::error!(why, "disk failed"),
        Notice::QuotaExceeded { path, what, limit, used } => {
            tracing::warn!(path, what, limit, used, "quota exceeded");
        }
        Notice::DigestMismatch { zxid } => tracing::error!(zxid = hex(*zxid), "digest mismatch"),
    }
}

/// A zxid as operators know it: from file names, and from `srvr`.
fn hex(zxid: Zxid) -> String {
    format!("0x{:x}", zxid.0)
}
