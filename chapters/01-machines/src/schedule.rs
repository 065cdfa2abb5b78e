//! What will happen in a simulated world, in order.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::connection::Parcel;
use crate::machine::Protocol;
use crate::node::NodeId;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Happening<P: Protocol> {
    /// A node starts its process.
    Boot(NodeId),
    /// A stopped process goes on with what has happened meanwhile.
    CatchUp(NodeId),
    /// A parcel comes to the end of its way.
    Arrive { connection: u64, to: usize, parcel: Parcel<P> },
    /// What could not get through to this end, or was not read there, may go on.
    Unblock { connection: u64, to: usize },
    /// A process takes a parcel in.
    Take { node: NodeId, connection: u64, to: usize, parcel: Parcel<P> },
    /// A process learns that its connection is broken.
    Learn { node: NodeId, connection: u64, side: usize },
    /// A process has waited long enough for its connection to open.
    DialTimeout { node: NodeId, connection: u64 },
    /// A sender has waited long enough for its messages to get through.
    GiveUp { node: NodeId, connection: u64, side: usize },
    /// A timer runs out, unless it was set again, which changes its number.
    Expire { node: NodeId, incarnation: u32, timer: P::Timer, number: u64 },
    /// The disk has done its next job.
    Disk { node: NodeId, incarnation: u32 },
    /// The host finds no more events.
    Drain { node: NodeId, incarnation: u32 },
}

impl<P: Protocol> Happening<P> {
    /// The process that has to run for this to happen.
    pub(crate) fn process(&self) -> Option<NodeId> {
        match self {
            Happening::Boot(_)
            | Happening::CatchUp(_)
            | Happening::Arrive { .. }
            | Happening::Unblock { .. } => None,
            Happening::Take { node, .. }
            | Happening::Learn { node, .. }
            | Happening::DialTimeout { node, .. }
            | Happening::GiveUp { node, .. }
            | Happening::Expire { node, .. }
            | Happening::Disk { node, .. }
            | Happening::Drain { node, .. } => Some(*node),
        }
    }
}

/// Everything that will happen, by time, and in the order of planning at equal times.
#[derive(Clone, Debug)]
pub(crate) struct Schedule<P: Protocol> {
    planned: BTreeMap<(Duration, u64), Happening<P>>,
    /// The present.
    pub(crate) now: Duration,
    last: u64,
}

impl<P: Protocol> Schedule<P> {
    pub(crate) fn new() -> Self {
        Schedule { planned: BTreeMap::new(), now: Duration::ZERO, last: 0 }
    }

    /// A number that nothing else in this world has.
    pub(crate) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn after(&mut self, delay: Duration, happening: Happening<P>) {
        self.at(self.now + delay, happening);
    }

    pub(crate) fn at(&mut self, time: Duration, happening: Happening<P>) {
        let number = self.number();
        self.at_number(time, number, happening);
    }

    /// Plans under a number; says for when, which is not before the present.
    pub(crate) fn at_number(
        &mut self,
        time: Duration,
        number: u64,
        happening: Happening<P>,
    ) -> Duration {
        let time = time.max(self.now);
        self.planned.insert((time, number), happening);
        time
    }

    pub(crate) fn cancel(&mut self, time: Duration, number: u64) {
        self.planned.remove(&(time, number));
    }

    /// A node that was to start does not.
    pub(crate) fn forget_boots(&mut self, node: NodeId) {
        self.planned.retain(|_, it| !matches!(it, Happening::Boot(other) if *other == node));
    }

    /// Goes on to the next happening, if it is not after `limit`.
    pub(crate) fn next(&mut self, limit: Duration) -> Option<Happening<P>> {
        let first = self.planned.first_entry().filter(|first| first.key().0 <= limit)?;
        self.now = first.key().0;
        Some(first.remove())
    }

    pub(crate) fn next_time(&self) -> Option<Duration> {
        self.planned.first_key_value().map(|((time, _), _)| *time)
    }
}
