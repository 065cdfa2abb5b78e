//! Reads the quorum port: cuts a stream of bytes into packets.
//!
//! There is nothing in the stream by which one could find the next packet after a bad one. So one
//! wrong byte is the end of the connection.
//!
//! Always true:
//! - what cannot be read is an error, and nothing is allocated for more than has arrived;
//! - a transaction, or a piece of a snapshot, is not copied again: it is a view of what came;
//! - a packet that comes one byte at a time is not gone through again for each of them.
//!
//! Book: chapter 9. ZooKeeper: `QuorumPacket.deserialize`, `LearnerHandler.run`,
//! `Learner.syncWithLeader`.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use jute::records::Id;
use storage::{BadItem, Entry, Items};
use zxid::{ServerId, SessionId, Zxid};

use crate::packet::{Learner, Packet, Request};
use crate::wire::*;

/// About how many bytes of a snapshot to give at once.
const PIECE: usize = 256 << 10;

/// Why bytes can be no packet. The connection must be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// There is no packet of this type.
    Type(i32),
    /// Something has a negative length.
    Length(i32),
    /// Something has more bytes than it may.
    TooLong(usize),
    /// A packet of this type has not the data that it should have.
    Data(i32),
    /// A packet's zxid is not that of the transaction in it.
    Entry {
        /// The packet's.
        packet: Zxid,
        /// The transaction's; nothing if it is too short to have one.
        entry: Option<Zxid>,
    },
    /// Who the client is cannot be read.
    Identity(jute::Error),
    /// A snapshot's body has something in it that it should not.
    Snapshot(BadItem),
    /// A snapshot's body does not end as it should.
    Signature,
}

/// Cuts a stream of bytes into packets.
#[derive(Clone, Debug)]
pub struct Packets {
    longest: usize,
    arrived: BytesMut,
    /// Without so many bytes there is no use in looking for the next packet.
    need: usize,
    /// The items of the snapshot that is coming.
    snapshot: Option<Items>,
}

impl Packets {
    /// Nothing yet. No packet's data, and nothing in a snapshot, may have more than `longest`
    /// bytes: ZooKeeper's `jute.maxbuffer` and `zookeeper.jute.maxbuffer.extrasize` together.
    pub fn new(longest: usize) -> Packets {
        Packets { longest, arrived: BytesMut::new(), need: 0, snapshot: None }
    }

    /// Takes the next bytes of the stream. Ask for packets until there is none before taking more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// The next packet, if it is all there; while a snapshot comes, those of its items that are.
    ///
    /// # Errors
    /// What is there can be no packet. The connection must be closed.
    #[expect(clippy::should_implement_trait, reason = "after an error there is no next")]
    pub fn next(&mut self) -> Result<Option<Packet>, WireError> {
        if self.snapshot.is_some() {
            return self.next_of_snapshot();
        }
        if self.arrived.len() < self.need {
            return Ok(None);
        }
        let length = packet_length(&self.arrived, self.longest)?;
        if self.arrived.len() < length {
            self.need = length;
            return Ok(None);
        }
        self.need = 0;
        let packet = read(self.arrived.split_to(length).freeze())?;
        if let Packet::Snap(_) = packet {
            self.snapshot = Some(Items::new(self.longest));
        }
        Ok(Some(packet))
    }

    fn next_of_snapshot(&mut self) -> Result<Option<Packet>, WireError> {
        let Some(items) = &mut self.snapshot else { return Ok(None) };
        let mut rest = &self.arrived[..];
        while self.arrived.len() - rest.len() < PIECE {
            if items.next(&mut rest).map_err(WireError::Snapshot)?.is_none() {
                break;
            }
        }
        let whole = self.arrived.len() - rest.len();
        if whole > 0 {
            return Ok(Some(Packet::SnapshotBytes(self.arrived.split_to(whole).freeze())));
        }
        if !items.is_ended() {
            return Ok(None);
        }
        let there = self.arrived.len().min(SIGNATURE.len());
        if self.arrived[..there] != SIGNATURE[..there] {
            return Err(WireError::Signature);
        }
        if there < SIGNATURE.len() {
            return Ok(None);
        }
        self.arrived.advance(there);
        self.snapshot = None;
        Ok(Some(Packet::SnapshotEnd))
    }
}

/// How many bytes the packet at the front of these has, as far as can be told. It is all there if
/// there are so many.
fn packet_length(bytes: &[u8], longest: usize) -> Result<usize, WireError> {
    if let Some(kind) = int(bytes, 0)
        && !(REQUEST..=INFORM_AND_ACTIVATE).contains(&kind)
    {
        return Err(WireError::Type(kind));
    }
    let identities = buffer_end(bytes, 12, longest)?;
    let mut end = identities + 4;
    let mut left = int(bytes, identities).map_or(0, |count| count.max(0) as usize);
    while left > 0 && end <= bytes.len() {
        end = buffer_end(bytes, buffer_end(bytes, end, longest)?, longest)?;
        left -= 1;
        // Each of those that are left has two lengths at least.
        let least = end + 8 * left - identities;
        if least > longest {
            return Err(WireError::TooLong(least));
        }
    }
    Ok(end + 8 * left)
}

/// Where the buffer or text ends whose length is at `at`, as far as can be told.
fn buffer_end(bytes: &[u8], at: usize, longest: usize) -> Result<usize, WireError> {
    match int(bytes, at) {
        None | Some(-1) => Ok(at + 4),
        Some(length) if length < 0 => Err(WireError::Length(length)),
        Some(length) if length as usize > longest => Err(WireError::TooLong(length as usize)),
        Some(length) => Ok(at + 4 + length as usize),
    }
}

fn int(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..)?.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))
}

/// Reads a packet that is all there. Of its parts, those that it does not need are passed over.
fn read(mut packet: Bytes) -> Result<Packet, WireError> {
    let kind = packet.get_i32();
    let zxid = Zxid(packet.get_u64());
    let data = match packet.get_i32() {
        -1 => None,
        length => Some(packet.split_to(length as usize)),
    };
    let present = data.is_some();
    let data = data.unwrap_or_default();
    let entry = |payload| read_entry(zxid, payload);
    Ok(match kind {
        REQUEST => Packet::Request(read_request(data, &packet)?),
        PROPOSAL => Packet::Proposal(entry(data)?),
        ACK => Packet::Ack(zxid),
        COMMIT => Packet::Commit(zxid),
        PING if present => Packet::Ping { zxid, touched: Some(read_touched(&data)?) },
        PING => Packet::Ping { zxid, touched: None },
        REVALIDATE => read_revalidate(data)?,
        SYNC => Packet::Sync,
        INFORM => Packet::Inform(entry(data)?),
        COMMIT_AND_ACTIVATE => {
            Packet::CommitAndActivate { zxid, leader: ServerId(long(&mut &data[..], kind)?) }
        }
        NEW_LEADER => Packet::NewLeader { epoch: zxid.epoch(), config: present.then_some(data) },
        FOLLOWER_INFO => {
            Packet::FollowerInfo { accepted: zxid.epoch(), learner: read_learner(&data, kind)? }
        }
        UP_TO_DATE => Packet::UpToDate,
        DIFF => Packet::Diff(zxid),
        TRUNC => Packet::Trunc(zxid),
        SNAP => Packet::Snap(zxid),
        OBSERVER_INFO => {
            Packet::ObserverInfo { accepted: zxid.epoch(), learner: read_learner(&data, kind)? }
        }
        LEADER_INFO => {
            let protocol = int(&data, 0).ok_or(WireError::Data(kind))?;
            Packet::LeaderInfo { epoch: zxid.epoch(), protocol }
        }
        ACK_EPOCH => {
            let current = int(&data, 0).ok_or(WireError::Data(kind))?;
            let current = if current == -1 { None } else { Some(current as u32) };
            Packet::AckEpoch { last: zxid, current }
        }
        INFORM_AND_ACTIVATE => {
            let mut payload = data;
            let leader = ServerId(long(&mut payload, kind)?);
            Packet::InformAndActivate { entry: entry(payload)?, leader }
        }
        _ => return Err(WireError::Type(kind)),
    })
}

fn read_entry(packet: Zxid, payload: Bytes) -> Result<Entry, WireError> {
    match Entry::from_payload(payload) {
        Some(entry) if entry.zxid == packet => Ok(entry),
        other => Err(WireError::Entry { packet, entry: other.map(|entry| entry.zxid) }),
    }
}

/// Unlike ZooKeeper, which reads a shorter one too, as servers before 3.5 sent it.
fn read_learner(data: &[u8], kind: i32) -> Result<Learner, WireError> {
    let short = |_| WireError::Data(kind);
    let mut data = data;
    Ok(Learner {
        server: ServerId(data.try_get_i64().map_err(short)?),
        protocol: data.try_get_i32().map_err(short)?,
        config: data.try_get_i64().map_err(short)?,
    })
}

fn read_request(mut data: Bytes, identities: &[u8]) -> Result<Request, WireError> {
    let short = |_| WireError::Data(REQUEST);
    let identities: Option<Vec<Id>> = jute::from_slice(identities).map_err(WireError::Identity)?;
    Ok(Request {
        session: SessionId(data.try_get_i64().map_err(short)?),
        cxid: data.try_get_i32().map_err(short)?,
        op: data.try_get_i32().map_err(short)?,
        body: data,
        identities,
    })
}

fn read_touched(data: &[u8]) -> Result<Vec<(SessionId, i32)>, WireError> {
    let (touched, []) = data.as_chunks::<12>() else { return Err(WireError::Data(PING)) };
    let session = |mut bytes: &[u8]| (SessionId(bytes.get_i64()), bytes.get_i32());
    Ok(touched.iter().map(|bytes| session(bytes)).collect())
}

/// A question and its answer differ only in length.
fn read_revalidate(mut data: Bytes) -> Result<Packet, WireError> {
    match data.len() {
        12 => {
            let (session, timeout) = (SessionId(data.get_i64()), data.get_i32());
            Ok(Packet::Revalidate { session, timeout })
        }
        9 => {
            let (session, valid) = (SessionId(data.get_i64()), data.get_u8() != 0);
            Ok(Packet::Revalidated { session, valid })
        }
        _ => Err(WireError::Data(REVALIDATE)),
    }
}

fn long(data: &mut impl Buf, kind: i32) -> Result<i64, WireError> {
    data.try_get_i64().map_err(|_| WireError::Data(kind))
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Type(kind) => write!(f, "there is no packet of type {kind}"),
            WireError::Length(length) => write!(f, "a length is {length}"),
            WireError::TooLong(length) => {
                write!(f, "{length} bytes are more than jute.maxbuffer and extrasize allow")
            }
            WireError::Data(kind) => {
                write!(f, "a packet of type {kind} has not the data that it should have")
            }
            WireError::Entry { packet, entry: Some(entry) } => {
                write!(f, "a packet for {packet} has transaction {entry} in it")
            }
            WireError::Entry { packet, entry: None } => {
                write!(f, "a packet for {packet} has no transaction in it")
            }
            WireError::Identity(error) => write!(f, "an identity cannot be read: {error}"),
            WireError::Snapshot(bad) => write!(f, "a snapshot cannot be read: {bad}"),
            WireError::Signature => write!(f, "a snapshot does not end with its signature"),
        }
    }
}

impl std::error::Error for WireError {}
