//! What a leader and a learner may say on one connection, and in which order; and that it is read as
//! it was written.

use std::collections::VecDeque;

use zab::Packet;
use zab::wire::{self, Packets};
use zxid::{ServerId, Zxid};

use super::law::Law;

/// How far a conversation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    #[default]
    Silent,
    /// FOLLOWERINFO or LEADERINFO was said.
    Introduced,
    /// ACKEPOCH was said.
    Promised,
    /// SNAP was said, and its bytes follow.
    Streaming,
    /// The history is being said.
    Synchronising,
    /// NEWLEADER was said, or acknowledged.
    Begun,
    /// UPTODATE was said, or acknowledged.
    UpToDate,
}

/// One connection, as one of its ends knows it.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// What this end has said.
    stage: Stage,
    /// Who is at the other end, if it is a learner.
    pub(crate) server: Option<ServerId>,
    /// The leader's epoch, as it was said.
    pub(crate) epoch: u32,
    /// Where the learner's history ends with all that it was sent.
    end: Zxid,
    /// What was proposed and not committed.
    open: VecDeque<Zxid>,
    /// The last acknowledgement.
    acked: Zxid,
    /// Reads what was said, as the other end will.
    reader: Packets,
}

/// More bytes than a packet has here.
const LONGEST: usize = 1 << 24;

impl Default for Conversation {
    fn default() -> Self {
        Conversation {
            stage: Stage::Silent,
            server: None,
            epoch: 0,
            end: Zxid::ZERO,
            open: VecDeque::new(),
            acked: Zxid::ZERO,
            reader: Packets::new(LONGEST),
        }
    }
}

impl Conversation {
    /// Where the learner's history ends with all that it was sent.
    pub(crate) fn end(&self) -> Zxid {
        self.end
    }

    /// This end hears something.
    pub(crate) fn received(&mut self, packet: &Packet) {
        match packet {
            Packet::FollowerInfo { learner, .. } | Packet::ObserverInfo { learner, .. } => {
                self.server = Some(learner.server);
            }
            Packet::LeaderInfo { epoch, .. } => self.epoch = *epoch,
            Packet::AckEpoch { last, .. } => self.end = *last,
            _ => {}
        }
    }

    /// This end says something.
    pub(crate) fn sent(&mut self, packet: &Packet) -> Result<(), (Law, String)> {
        let (before, end) = (self.stage, self.end);
        if !self.is_read_back(packet) {
            return Err((Law::Z18, format!("it says {packet}, which is read as something else")));
        }
        match self.go_on(packet) {
            true => Ok(()),
            false => {
                let what = format!("it says {packet} when {before:?}, after {end}");
                let law = if before > Stage::Promised { law(packet) } else { Law::Z18 };
                Err((law, what))
            }
        }
    }

    fn go_on(&mut self, packet: &Packet) -> bool {
        let from = self.stage;
        let to = match packet {
            Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. } => Stage::Introduced,
            Packet::LeaderInfo { epoch, .. } => {
                self.epoch = *epoch;
                Stage::Introduced
            }
            Packet::AckEpoch { .. } => Stage::Promised,
            Packet::Diff(_) => Stage::Synchronising,
            Packet::Trunc(to) => {
                self.end = *to;
                Stage::Synchronising
            }
            Packet::Snap(zxid) => {
                self.end = *zxid;
                Stage::Streaming
            }
            Packet::SnapshotBytes(_) => return from == Stage::Streaming,
            Packet::SnapshotEnd => Stage::Synchronising,
            Packet::NewLeader { .. } => Stage::Begun,
            Packet::UpToDate => Stage::UpToDate,
            Packet::Ack(zxid) if zxid.counter() == 0 => match from {
                Stage::Promised => Stage::Begun,
                _ => Stage::UpToDate,
            },
            Packet::Proposal(entry) => return self.proposes(entry.zxid),
            Packet::Inform(entry) => {
                return from >= Stage::Begun && self.proposes(entry.zxid) && self.commits();
            }
            Packet::Commit(zxid) => {
                let timely = from != Stage::Begun && self.open.front() == Some(zxid);
                return timely && self.commits();
            }
            Packet::Ack(zxid) => {
                let rises = *zxid > self.acked;
                self.acked = *zxid;
                return from == Stage::UpToDate && rises;
            }
            Packet::Ping { touched: None, .. } => return from >= Stage::Introduced,
            Packet::Ping { .. }
            | Packet::Revalidate { .. }
            | Packet::Revalidated { .. }
            | Packet::Request(_)
            | Packet::Sync => return from == Stage::UpToDate,
            Packet::CommitAndActivate { .. } | Packet::InformAndActivate { .. } => return false,
        };
        self.stage = to;
        match to {
            Stage::Silent => false,
            Stage::Introduced => from == Stage::Silent,
            Stage::Promised | Stage::Streaming => from == Stage::Introduced,
            Stage::Synchronising if *packet == Packet::SnapshotEnd => from == Stage::Streaming,
            Stage::Synchronising => from == Stage::Introduced,
            Stage::Begun => matches!(from, Stage::Synchronising | Stage::Promised),
            Stage::UpToDate => from == Stage::Begun,
        }
    }

    /// Whether the other end reads what was said. A snapshot may come in other pieces.
    fn is_read_back(&mut self, packet: &Packet) -> bool {
        let mut bytes = Vec::new();
        wire::append(packet, &mut bytes);
        self.reader.push(&bytes);
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        loop {
            match self.reader.next() {
                Ok(Some(Packet::SnapshotBytes(bytes))) => pieces.extend_from_slice(&bytes),
                Ok(Some(packet)) => whole.push(packet),
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        match packet {
            Packet::SnapshotBytes(bytes) => whole.is_empty() && pieces == bytes[..],
            packet => whole.iter().eq([packet]) && pieces.is_empty(),
        }
    }

    fn proposes(&mut self, zxid: Zxid) -> bool {
        let fits = self.stage >= Stage::Synchronising && zxid.follows(self.end);
        self.end = zxid;
        self.open.push_back(zxid);
        fits
    }

    fn commits(&mut self) -> bool {
        self.open.pop_front().is_some()
    }
}

/// What a packet breaks that comes at the right time, but with the wrong transaction.
fn law(packet: &Packet) -> Law {
    match packet {
        Packet::Proposal(_) | Packet::Inform(_) => Law::Z15,
        Packet::Commit(_) => Law::Z14,
        _ => Law::Z18,
    }
}
