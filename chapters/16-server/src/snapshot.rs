//! Saving a snapshot while the server goes on: a slice at a time, and the next only when the disk
//! has the last.
//!
//! Always true:
//! - at most one snapshot is under way;
//! - no slice takes long: it ends after a fixed number of bytes;
//! - what is not yet on disk of a snapshot is never more than one slice.
//!
//! ZooKeeper: `SyncRequestProcessor`, `ZooKeeperServer.takeSnapshot`.

use bytes::Bytes;
use machines::{Dice, Effects, Ticket};
use storage::Write;
use znodes::Walk;
use zxid::Zxid;

use crate::notice::Notice;
use crate::settings::Settings;
use crate::state::{State, save_head, save_slice};
use crate::vocabulary::Zk;

/// When snapshots are taken, and the one under way.
#[derive(Debug)]
pub struct Snapshots {
    count: u64,
    size: u64,
    dice: Dice,
    /// Transactions and bytes logged since the last snapshot was begun, and how many are enough.
    logged: u64,
    bytes: u64,
    enough: u64,
    enough_bytes: u64,
    /// Bytes of the last snapshot of this process.
    weight: u64,
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    zxid: Zxid,
    walk: Walk,
    sealed: bool,
    /// The ticket that says that the disk has the last slice.
    ticket: Option<Ticket>,
}

impl Snapshots {
    /// Nothing under way, and `replayed` transactions since the last snapshot.
    pub fn new(settings: &Settings, replayed: u64) -> Snapshots {
        let mut snapshots = Snapshots {
            count: settings.snap_count.max(2),
            size: settings.snap_size,
            dice: Dice::new(settings.seed),
            logged: replayed,
            bytes: 0,
            enough: 0,
            enough_bytes: 0,
            weight: 0,
            under_way: None,
        };
        snapshots.draw();
        snapshots
    }

    /// Draws how many transactions are enough for the next one, so that not all servers of an
    /// ensemble save at the same time.
    fn draw(&mut self) {
        self.enough = self.count / 2 + self.dice.between(0, self.count / 2 + 1);
        self.enough_bytes = match self.size {
            0 => u64::MAX,
            size => size / 2 + self.dice.between(0, size / 2 + 1),
        };
    }

    /// Counts a transaction that was applied.
    pub fn applied(&mut self, bytes: usize) {
        self.logged += 1;
        self.bytes += bytes as u64;
    }

    /// Begins a snapshot if enough was logged. Says whether there is something new to be forced.
    ///
    /// Unlike ZooKeeper, a large tree is not saved again before as many bytes were logged as
    /// the last snapshot has: else a server under load would do little but save.
    pub fn begin_if_due(&mut self, state: &mut State, effects: &mut Effects<Zk>) -> bool {
        let due = self.logged > self.enough || self.bytes > self.enough_bytes;
        if !due || self.bytes < self.weight || self.under_way.is_some() {
            return false;
        }
        self.logged = 0;
        self.bytes = 0;
        self.weight = 0;
        self.draw();
        let zxid = state.last;
        effects.answer(Notice::SnapshotBegun { zxid });
        effects.write(Write::Roll);
        effects.write(Write::BeginSnapshot { zxid });
        effects.write(Write::SnapshotBytes(Bytes::from(save_head(state))));
        let walk = state.tree.begin_walk(zxid);
        self.under_way = Some(UnderWay { zxid, walk, sealed: false, ticket: None });
        true
    }

    /// Gives up the one under way: a leader's snapshot takes the place of the state.
    pub fn abandon(&mut self, state: &mut State, effects: &mut Effects<Zk>) {
        // A sealed one has its name already.
        if let Some(under_way) = self.under_way.take()
            && !under_way.sealed
        {
            state.tree.end_walk(under_way.walk);
            effects.write(Write::AbandonSnapshot);
        }
        (self.logged, self.bytes, self.weight) = (0, 0, 0);
    }

    /// Notes the ticket of a sync: it covers the last slice.
    pub fn synced_by(&mut self, ticket: Ticket) {
        if let Some(under_way) = &mut self.under_way {
            under_way.ticket.get_or_insert(ticket);
        }
    }

    /// The disk has everything up to `ticket`: writes the next slice, or ends. Says whether there
    /// is something new to be forced.
    pub fn durable(
        &mut self,
        ticket: Ticket,
        state: &mut State,
        effects: &mut Effects<Zk>,
    ) -> bool {
        let Some(under_way) = &mut self.under_way else { return false };
        if under_way.ticket.is_none_or(|covers| covers > ticket) {
            return false;
        }
        if under_way.sealed {
            effects.answer(Notice::SnapshotSaved { zxid: under_way.zxid });
            self.under_way = None;
            return false;
        }
        under_way.ticket = None;
        let mut slice = Vec::new();
        let more = save_slice(&mut slice, state, under_way.walk);
        self.weight += slice.len() as u64;
        effects.write(Write::SnapshotBytes(Bytes::from(slice)));
        if !more {
            state.tree.end_walk(under_way.walk);
            let digest = Some((state.last, state.tree.digest()));
            effects.write(Write::EndSnapshot { digest });
            under_way.sealed = true;
        }
        true
    }
}
