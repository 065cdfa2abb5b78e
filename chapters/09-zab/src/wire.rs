//! The quorum port's bytes, and how they are written. `packets.rs` reads them.
//!
//! Packets follow each other without a length in front: type, zxid, data, and who the client is.
//! After a `Snap` comes a snapshot's body as it is in a file, and a signature; then packets again.
//!
//! Always true: what a server of ZooKeeper 3.8 wrote is written as it was read, byte for byte.
//!
//! Book: chapter 9. ZooKeeper: `zookeeper.jute`, `LearnerHandler`, `Learner`.

use jute::Writer;
use zxid::Zxid;

use crate::packet::{Learner, Packet, Request};
pub use crate::packets::{Packets, WireError};

pub(crate) const REQUEST: i32 = 1;
pub(crate) const PROPOSAL: i32 = 2;
pub(crate) const ACK: i32 = 3;
pub(crate) const COMMIT: i32 = 4;
pub(crate) const PING: i32 = 5;
pub(crate) const REVALIDATE: i32 = 6;
pub(crate) const SYNC: i32 = 7;
pub(crate) const INFORM: i32 = 8;
pub(crate) const COMMIT_AND_ACTIVATE: i32 = 9;
pub(crate) const NEW_LEADER: i32 = 10;
pub(crate) const FOLLOWER_INFO: i32 = 11;
pub(crate) const UP_TO_DATE: i32 = 12;
pub(crate) const DIFF: i32 = 13;
pub(crate) const TRUNC: i32 = 14;
pub(crate) const SNAP: i32 = 15;
pub(crate) const OBSERVER_INFO: i32 = 16;
pub(crate) const LEADER_INFO: i32 = 17;
pub(crate) const ACK_EPOCH: i32 = 18;
pub(crate) const INFORM_AND_ACTIVATE: i32 = 19;

/// The zxid of a packet that is about no transaction.
pub(crate) const NO_ZXID: Zxid = Zxid(u64::MAX);

/// What follows a snapshot's body: "BenWasHere", after its length.
pub(crate) const SIGNATURE: &[u8; 14] = b"\0\0\0\x0aBenWasHere";

/// Appends a packet's bytes.
pub fn append(packet: &Packet, out: &mut Vec<u8>) {
    match packet {
        Packet::FollowerInfo { accepted, learner } => {
            learner_info(out, FOLLOWER_INFO, *accepted, learner);
        }
        Packet::ObserverInfo { accepted, learner } => {
            learner_info(out, OBSERVER_INFO, *accepted, learner);
        }
        Packet::LeaderInfo { epoch, protocol } => {
            with_data(out, LEADER_INFO, Zxid::new(*epoch, 0), &[&protocol.to_be_bytes()]);
        }
        Packet::AckEpoch { last, current } => {
            let current = current.map_or(-1, |epoch| epoch as i32);
            with_data(out, ACK_EPOCH, *last, &[&current.to_be_bytes()]);
        }
        Packet::Diff(zxid) => bare(out, DIFF, *zxid),
        Packet::Trunc(zxid) => bare(out, TRUNC, *zxid),
        Packet::Snap(zxid) => bare(out, SNAP, *zxid),
        Packet::SnapshotBytes(bytes) => out.extend_from_slice(bytes),
        Packet::SnapshotEnd => out.extend_from_slice(SIGNATURE),
        Packet::Proposal(entry) => with_data(out, PROPOSAL, entry.zxid, &[&entry.payload]),
        Packet::Commit(zxid) => bare(out, COMMIT, *zxid),
        Packet::Inform(entry) => with_data(out, INFORM, entry.zxid, &[&entry.payload]),
        Packet::NewLeader { epoch, config: Some(config) } => {
            with_data(out, NEW_LEADER, Zxid::new(*epoch, 0), &[config]);
        }
        Packet::NewLeader { epoch, config: None } => bare(out, NEW_LEADER, Zxid::new(*epoch, 0)),
        Packet::UpToDate => bare(out, UP_TO_DATE, NO_ZXID),
        Packet::Ack(zxid) => bare(out, ACK, *zxid),
        Packet::Ping { zxid, touched: None } => bare(out, PING, *zxid),
        Packet::Ping { zxid, touched: Some(touched) } => {
            let mut data = Vec::with_capacity(12 * touched.len());
            let mut writer = Writer::new(&mut data);
            for (session, timeout) in touched {
                writer.long(session.0);
                writer.int(*timeout);
            }
            with_data(out, PING, *zxid, &[&data]);
        }
        Packet::Revalidate { session, timeout } => {
            let data: [&[u8]; 2] = [&session.0.to_be_bytes(), &timeout.to_be_bytes()];
            with_data(out, REVALIDATE, NO_ZXID, &data);
        }
        Packet::Revalidated { session, valid } => {
            let data: [&[u8]; 2] = [&session.0.to_be_bytes(), &[u8::from(*valid)]];
            with_data(out, REVALIDATE, NO_ZXID, &data);
        }
        Packet::Request(request) => append_request(out, request),
        Packet::Sync => bare(out, SYNC, Zxid::ZERO),
        Packet::CommitAndActivate { zxid, leader } => {
            with_data(out, COMMIT_AND_ACTIVATE, *zxid, &[&leader.0.to_be_bytes()]);
        }
        Packet::InformAndActivate { entry, leader } => {
            let data: [&[u8]; 2] = [&leader.0.to_be_bytes(), &entry.payload];
            with_data(out, INFORM_AND_ACTIVATE, entry.zxid, &data);
        }
    }
}

fn learner_info(out: &mut Vec<u8>, kind: i32, accepted: u32, learner: &Learner) {
    let Learner { server, protocol, config } = learner;
    let data: [&[u8]; 3] =
        [&server.0.to_be_bytes(), &protocol.to_be_bytes(), &config.to_be_bytes()];
    with_data(out, kind, Zxid::new(accepted, 0), &data);
}

fn append_request(out: &mut Vec<u8>, request: &Request) {
    let Request { session, cxid, op, body, identities } = request;
    let (session, cxid, op) = (session.0.to_be_bytes(), cxid.to_be_bytes(), op.to_be_bytes());
    append_data(out, REQUEST, NO_ZXID, &[&session, &cxid, &op, body]);
    jute::append(out, identities);
}

/// A packet without data.
fn bare(out: &mut Vec<u8>, kind: i32, zxid: Zxid) {
    let mut writer = Writer::new(out);
    writer.int(kind);
    writer.long(zxid.0 as i64);
    writer.buffer(None);
    writer.count(None);
}

/// A packet of which the data are these parts.
fn with_data(out: &mut Vec<u8>, kind: i32, zxid: Zxid, data: &[&[u8]]) {
    append_data(out, kind, zxid, data);
    Writer::new(out).count(None);
}

/// The same up to who the client is.
fn append_data(out: &mut Vec<u8>, kind: i32, zxid: Zxid, data: &[&[u8]]) {
    let mut writer = Writer::new(out);
    writer.int(kind);
    writer.long(zxid.0 as i64);
    writer.count(Some(data.iter().map(|part| part.len()).sum()));
    data.iter().for_each(|part| out.extend_from_slice(part));
}
