//! The scenes of the captured conversations: who leads, who was there before, and where the history
//! ended when the recording began.

use std::collections::BTreeMap;

use bytes::Bytes;
use storage::Entry;
use zab::Packet;
use zxid::Zxid;

use crate::recorded::{Frame, frames};

/// Not played: `reconfigEnabled` is not supported, so nobody ever proposes a new configuration.
pub(crate) const SKIPPED: &str = "reconfig-enabled";

/// From here on the recorded leader numbers its proposals from a place that only a property for
/// tests can choose.
const ROLLED_OVER: f64 = 3_000.0;

/// The frames that are played.
pub(crate) fn played(name: &str) -> Vec<Frame> {
    let mut all = frames(name);
    if name == "zxid-rollover" {
        all.retain(|frame| frame.ms < ROLLED_OVER);
    }
    all
}

/// The same on each connection.
pub(crate) fn by_connection(frames: &[Frame]) -> BTreeMap<u64, Vec<&Frame>> {
    let mut connections: BTreeMap<u64, Vec<&Frame>> = BTreeMap::new();
    for frame in frames {
        connections.entry(frame.connection).or_default().push(frame);
    }
    connections
}

pub(crate) fn is_hello(packet: &Packet) -> bool {
    matches!(packet, Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. })
}

pub(crate) fn is_the_leaders(packet: &Packet) -> bool {
    match packet {
        Packet::Proposal(_) | Packet::Commit(_) | Packet::Inform(_) => true,
        Packet::Ping { touched, .. } => touched.is_none(),
        Packet::LeaderInfo { .. } | Packet::Revalidated { .. } | Packet::Sync => true,
        _ => false,
    }
}

/// Who leads on this connection.
pub(crate) fn leader_of(frames: &[&Frame]) -> i64 {
    let first = frames.first().expect("a connection has frames");
    if is_hello(first.packet()) {
        return first.to;
    }
    let leads = frames.iter().find(|frame| is_the_leaders(frame.packet()));
    leads.expect("the leader says something").from
}

/// Where the history ends on a connection that is there from the beginning.
pub(crate) fn last_before(frames: &[&Frame]) -> Zxid {
    let last = frames.iter().find_map(|frame| match frame.packet() {
        Packet::Ping { zxid, .. } => Some(*zxid),
        Packet::Proposal(entry) | Packet::Inform(entry) => Some(Zxid(entry.zxid.0 - 1)),
        _ => None,
    });
    last.expect("something shows where the history ends")
}

/// A transaction of which only the place matters.
pub(crate) fn any_entry(zxid: Zxid) -> Entry {
    Entry { zxid, payload: Bytes::from_static(b"what nobody else has") }
}
