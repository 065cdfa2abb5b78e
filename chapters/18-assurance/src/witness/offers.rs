//! How a leader brings each of its learners up to date, in the words that everybody uses for it.

use std::collections::BTreeMap;

use zab::{Packet, Peer};

/// What a leader has offered to learners whose epoch has yet to begin.
#[derive(Debug, Default)]
pub(super) struct Offers(BTreeMap<Peer, Offer>);

#[derive(Debug, Default)]
struct Offer {
    /// The learner was told to cut its history.
    cut: bool,
    /// It was sent a snapshot.
    whole: bool,
    /// It was sent transactions.
    more: bool,
}

impl Offers {
    /// A leader says something to a learner. With the beginning of the epoch the offer is complete,
    /// and has a name.
    pub(super) fn says(&mut self, to: Peer, packet: &Packet) -> Option<&'static str> {
        match packet {
            Packet::Diff(_) => drop(self.0.insert(to, Offer::default())),
            Packet::Trunc(_) => drop(self.0.insert(to, Offer { cut: true, ..Offer::default() })),
            Packet::Snap(_) => drop(self.0.insert(to, Offer { whole: true, ..Offer::default() })),
            Packet::Proposal(_) | Packet::Inform(_) => {
                if let Some(offer) = self.0.get_mut(&to) {
                    offer.more = true;
                }
            }
            Packet::NewLeader { .. } => return self.0.remove(&to).map(|offer| offer.name()),
            _ => {}
        }
        None
    }
}

impl Offer {
    fn name(&self) -> &'static str {
        match self {
            Offer { whole: true, .. } => "a learner is brought up to date by SNAP",
            Offer { cut: true, more: true, .. } => "a learner is brought up to date by TRUNC+DIFF",
            Offer { cut: true, .. } => "a learner is brought up to date by TRUNC",
            Offer { more: true, .. } => "a learner is brought up to date by DIFF",
            _ => "a learner is up to date",
        }
    }
}
