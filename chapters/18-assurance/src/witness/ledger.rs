//! The ledger of faults: what may still be broken, after all that was, without breaking what others
//! need.
//!
//! Nothing promises that a write is kept if a quorum of the disks lose it. So before a disk is harmed
//! somebody looks here, whether a nemesis wants it or a story says so.
//!
//! A disk that says that it has forced what it has not is no fault here. If the power goes then, its
//! server has forgotten what it acknowledged and what it promised, and nothing on the disk tells. In an
//! ensemble of three, one such disk makes a minority of what was a quorum: what it and one other had is
//! lost (S5, Z11), and with a promise that it forgot two may lead in one epoch (Z1). No law between
//! servers is left that could be asked for.
//!
//! Always true:
//! - of the disks of fewer than a quorum of the voters bytes are changed, until their servers have
//!   convalesced;
//! - a disk is replaced only while all others have what is on it.

use machines::{NodeId, World};
use storage::names::before_aside;

use super::{Witness, id};
use crate::anyone::Anyone;
use crate::story::Act;

impl Witness {
    /// Whether all servers but one hold all that was ever committed, and nothing else, under one
    /// epoch: then nothing is lost if that one's disk is.
    pub(crate) fn can_spare(&self, server: u64) -> bool {
        let last = self.all.last();
        let epochs = self.views.values().next().map_or((0, 0), |view| view.disk.forced().epochs());
        self.views.values().filter(|view| self.members.is_voter(id(view.server))).all(|view| {
            let (forced, written) = (view.disk.forced(), view.disk.written());
            let settled = forced.last() == last && written.last() == last;
            let same = forced.epochs() == epochs && written.epochs() == epochs;
            settled && same && epochs.0 == epochs.1 && (view.server == server || view.serves)
        })
    }

    /// Whether the disk of a server is not damaged, or no longer.
    pub(crate) fn is_sound(&self, server: u64, world: &World<Anyone>) -> bool {
        self.laws.is_sound(id(server)) && !is_struck(server, world)
    }

    /// Whether the disk of a server is sound, and stays so if the disks of fewer than a quorum of the
    /// voters are not.
    pub(crate) fn may_damage(&self, server: u64, world: &World<Anyone>) -> bool {
        let sound = |server: u64| self.is_sound(server, world);
        let ill = self.members.voters().filter(|voter| !sound(voter.0 as u64)).count();
        let most = (self.members.voters().count() - 1) / 2;
        sound(server) && (!self.members.is_voter(id(server)) || ill < most)
    }

    /// Notes what is about to be done to a disk. Gives false if it would break more than may break:
    /// then it is not done.
    pub(crate) fn allows(&mut self, act: &Act, world: &World<Anyone>) -> bool {
        match act {
            Act::NewDisk(NodeId::Server(number)) if self.can_spare(*number) => {
                self.laws.replaced(id(*number));
                let (view, _) = self.of(*number);
                view.disk.wipe();
            }
            Act::Flip(NodeId::Server(number), ..) | Act::Stray(NodeId::Server(number), _)
                if self.may_damage(*number, world) =>
            {
                self.laws.damaged(id(*number));
            }
            Act::NewDisk(_) | Act::Flip(..) | Act::Stray(..) => return false,
            _ => {}
        }
        true
    }
}

/// Whether there are bytes on a server's disk that nobody wrote, in a file that it may still read.
fn is_struck(server: u64, world: &World<Anyone>) -> bool {
    let struck = world.files(NodeId::Server(server)).struck();
    struck.iter().any(|name| before_aside(name).is_none())
}
