//! What leaders and learners say to each other.
//!
//! A learner is whoever is connected to a leader: a follower, which votes, or an observer, which
//! does not. The names are those on the wire.
//!
//! Book: chapter 9. ZooKeeper: `QuorumPacket`, `Leader`, `LearnerInfo`.

use std::fmt;

use bytes::Bytes;
use jute::records::Id;
use storage::Entry;
use zxid::{ServerId, SessionId, Zxid};

/// Who a learner is, as it says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Learner {
    /// Its number.
    pub server: ServerId,
    /// The version of the protocol that it speaks.
    pub protocol: i32,
    /// The version of the configuration that it has.
    pub config: i64,
}

impl Learner {
    /// The version of the protocol that servers since ZooKeeper 3.4 speak.
    pub const PROTOCOL: i32 = 0x10000;
}

/// A client's request that only the leader can carry out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The client's session.
    pub session: SessionId,
    /// The client's number for it. The transaction carries it back.
    pub cxid: i32,
    /// The operation's number.
    pub op: i32,
    /// The request as the client sent it, without its header.
    pub body: Bytes,
    /// Who the client is; nothing for the beginning of a session.
    pub identities: Option<Vec<Id>>,
}

/// What travels between a learner and its leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Packet {
    /// Learner: I would follow you, and have promised this epoch. It is the first on a connection.
    FollowerInfo {
        /// The highest epoch it ever promised.
        accepted: u32,
        /// Who it is.
        learner: Learner,
    },
    /// The same from an observer.
    ObserverInfo {
        /// The highest epoch it ever promised.
        accepted: u32,
        /// Who it is.
        learner: Learner,
    },
    /// Leader: this will be my epoch.
    LeaderInfo {
        /// The epoch.
        epoch: u32,
        /// The version of the protocol.
        protocol: i32,
    },
    /// Learner: I promise it, and this is where my history ends.
    AckEpoch {
        /// Its last transaction.
        last: Zxid,
        /// The epoch of that history; nothing if the learner had promised the leader's epoch
        /// before, and then it does not count for a quorum.
        current: Option<u32>,
    },
    /// Leader: you get what you lack.
    Diff(Zxid),
    /// Leader: cut your history after this; then you get what you lack.
    Trunc(Zxid),
    /// Leader: forget your history; my state after this transaction follows, as a stream.
    Snap(Zxid),
    /// The next bytes of the stream: whole items of a snapshot's body, so that a reader can take
    /// them as they come.
    SnapshotBytes(Bytes),
    /// The stream is complete.
    SnapshotEnd,
    /// Leader: log this, and tell me when it is on your disk.
    Proposal(Entry),
    /// Leader: this is committed. It is the oldest proposal that was not.
    Commit(Zxid),
    /// Leader, to observers: this is committed.
    Inform(Entry),
    /// Leader: this is all of my beginning. The text names the members.
    NewLeader {
        /// The epoch that begins.
        epoch: u32,
        /// The members, in text.
        config: Option<Bytes>,
    },
    /// Leader: a quorum has my beginning. You may serve clients.
    UpToDate,
    /// Learner: everything up to this is on my disk; or, with counter 0, your beginning is.
    Ack(Zxid),
    /// Leader: are you there? Learner: yes, and these sessions were heard of since.
    Ping {
        /// The leader's last proposal; an answer repeats it.
        zxid: Zxid,
        /// In an answer: each session with its timeout in ms.
        touched: Option<Vec<(SessionId, i32)>>,
    },
    /// Learner: may this session go on through me?
    Revalidate {
        /// The session.
        session: SessionId,
        /// Its timeout in ms.
        timeout: i32,
    },
    /// Leader: whether it may.
    Revalidated {
        /// The session.
        session: SessionId,
        /// Whether it lives, and is the learner's now.
        valid: bool,
    },
    /// Learner: do this.
    Request(Request),
    /// Leader: everything that was committed when your oldest `sync` came has been sent to you.
    Sync,
    /// Leader, after a change of the configuration: `Commit`, and who is to lead.
    CommitAndActivate {
        /// What is committed.
        zxid: Zxid,
        /// Who leads.
        leader: ServerId,
    },
    /// Leader, after a change of the configuration: `Inform`, and who is to lead.
    InformAndActivate {
        /// What is committed.
        entry: Entry,
        /// Who leads.
        leader: ServerId,
    },
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Packet::FollowerInfo { accepted, learner } => {
                write!(f, "FollowerInfo server {} accepted={accepted}", learner.server)
            }
            Packet::ObserverInfo { accepted, learner } => {
                write!(f, "ObserverInfo server {} accepted={accepted}", learner.server)
            }
            Packet::LeaderInfo { epoch, .. } => write!(f, "LeaderInfo epoch={epoch}"),
            Packet::AckEpoch { last, current: Some(current) } => {
                write!(f, "AckEpoch last={last} current={current}")
            }
            Packet::AckEpoch { last, current: None } => write!(f, "AckEpoch last={last}"),
            Packet::Diff(zxid) => write!(f, "Diff {zxid}"),
            Packet::Trunc(zxid) => write!(f, "Trunc {zxid}"),
            Packet::Snap(zxid) => write!(f, "Snap {zxid}"),
            Packet::SnapshotBytes(bytes) => write!(f, "SnapshotBytes {}", bytes.len()),
            Packet::SnapshotEnd => write!(f, "SnapshotEnd"),
            Packet::Proposal(entry) => write!(f, "Proposal {}", entry.zxid),
            Packet::Commit(zxid) => write!(f, "Commit {zxid}"),
            Packet::Inform(entry) => write!(f, "Inform {}", entry.zxid),
            Packet::NewLeader { epoch, .. } => write!(f, "NewLeader epoch={epoch}"),
            Packet::UpToDate => write!(f, "UpToDate"),
            Packet::Ack(zxid) => write!(f, "Ack {zxid}"),
            Packet::Ping { zxid, touched: None } => write!(f, "Ping {zxid}"),
            Packet::Ping { zxid, touched: Some(touched) } => {
                write!(f, "Ping {zxid} sessions={}", touched.len())
            }
            Packet::Revalidate { session, .. } => write!(f, "Revalidate {session}"),
            Packet::Revalidated { session, valid } => {
                write!(f, "Revalidated {session} {}", if *valid { "valid" } else { "gone" })
            }
            Packet::Request(request) => {
                write!(f, "Request {} #{} op={}", request.session, request.cxid, request.op)
            }
            Packet::Sync => write!(f, "Sync"),
            Packet::CommitAndActivate { zxid, leader } => {
                write!(f, "CommitAndActivate {zxid} leader={leader}")
            }
            Packet::InformAndActivate { entry, leader } => {
                write!(f, "InformAndActivate {} leader={leader}", entry.zxid)
            }
        }
    }
}
