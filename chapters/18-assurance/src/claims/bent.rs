//! Members that are told something else than was said, as if their rules were other ones.
//!
//! The machines are the production ones. What reaches them is bent on its way: a vote, so that only
//! its server's number decides which is better; the end of a follower's history, so that its
//! leader does not see that it is ahead; what its disk told it of epochs. So a rule can be left out
//! that no switch turns off.
//!
//! Always true: with [`Bend::Nothing`] a member hears what was said.
//!
//! Book: chapter 18.

use election::Frame;
use machines::{Boot, Booted, Effects, Event, Fault, Machine};
use sync::{Ensemble, Message, Scribe};
use zab::Packet;
use zxid::Zxid;

/// Which rules are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bend {
    /// None.
    Nothing,
    /// Of two votes that one is better whose server has the larger number, whatever their histories.
    VoteOrder,
    /// That, and no leader refuses a follower that is ahead of it.
    VoteOrderAndDiscovery,
    /// Whoever starts knows no epoch but that of the last transaction in its log.
    EpochOfTheLog,
}

/// A member behind a bend.
pub(crate) struct Bent {
    pub(crate) scribe: Scribe,
    bend: Bend,
}

/// Starts a member behind a bend.
pub(crate) fn bent(
    mut boot: impl FnMut(Boot) -> Result<Booted<Scribe>, Fault> + 'static,
    bend: Bend,
) -> impl FnMut(Boot) -> Result<Booted<Bent>, Fault> + 'static {
    move |process| {
        let Booted { machine: scribe, disk, mut recovered } = boot(process)?;
        if bend == Bend::EpochOfTheLog {
            let last = recovered.tail.last().map_or(recovered.applied, |entry| entry.zxid);
            (recovered.accepted, recovered.current) = (last.epoch(), last.epoch());
        }
        Ok(Booted { machine: Bent { scribe, bend }, disk, recovered })
    }
}

impl Bent {
    fn heard(&self, message: Message) -> Message {
        match (self.bend, message) {
            (Bend::Nothing | Bend::EpochOfTheLog, message) => message,
            // All that a vote says of a history now follows from the number, so that the larger
            // number is better, and equal votes are equal.
            (_, Message::Election(Frame::Notification(mut heard))) => {
                let number = heard.vote.leader.0;
                heard.vote.epoch = ABOVE_ALL_EPOCHS + number;
                heard.vote.zxid = Zxid(number as u64);
                Message::Election(Frame::Notification(heard))
            }
            // Whoever leads has been in an epoch, so this follower is not ahead of it.
            (
                Bend::VoteOrderAndDiscovery,
                Message::Quorum(Packet::AckEpoch { last, current: Some(_) }),
            ) => Message::Quorum(Packet::AckEpoch { last, current: Some(0) }),
            (_, message) => message,
        }
    }
}

/// No server of an experiment ever comes to this epoch.
const ABOVE_ALL_EPOCHS: i64 = 1_000;

impl Machine for Bent {
    type Protocol = Ensemble;

    fn step(&mut self, event: Event<Ensemble>, effects: &mut Effects<Ensemble>) {
        let event = match event {
            Event::Received { from, message } => {
                Event::Received { from, message: self.heard(message) }
            }
            event => event,
        };
        self.scribe.step(event, effects);
    }
}
