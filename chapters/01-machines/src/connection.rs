//! A simulated connection: two ends, and what travels between them.
//!
//! Always true:
//! - what has come to an end and could not be taken in waits there in order.
//!
//! Book: chapter 1.

use std::collections::VecDeque;
use std::time::Duration;

use crate::machine::Protocol;
use crate::node::NodeId;

/// The end that asked for the connection.
pub(crate) const DIALLER: usize = 0;
/// The end that was asked.
pub(crate) const ACCEPTOR: usize = 1;

/// What travels over a connection.
#[derive(Clone, Debug)]
pub(crate) enum Parcel<P: Protocol> {
    /// Asks for the connection.
    Dial,
    /// Says that it is open.
    Accepted,
    /// A message, with its number in the trace.
    Message { number: u64, message: P::Message },
    /// Asks to be sent back, since all before it has arrived.
    Mark,
    /// The answer to a mark.
    Marked,
    /// Says that nothing more will come: the end is closed, or refused, or long gone.
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Opening,
    Open,
    Gone,
}

pub(crate) struct End<P: Protocol> {
    pub(crate) node: NodeId,
    /// What the machine here calls the other end. An acceptor has not named it while it opens.
    pub(crate) peer: Option<P::Peer>,
    pub(crate) state: State,
    /// The machine does not read.
    pub(crate) unread: bool,
    /// What has come so far and could not be taken in.
    pub(crate) inbox: VecDeque<Parcel<P>>,
    /// What is still on the way to this end never arrives.
    pub(crate) lost: bool,
    /// When the last parcel for this end arrives.
    pub(crate) last: Duration,
    /// Whether the sender at the other end is about to give up.
    pub(crate) giving_up: bool,
}

pub(crate) struct Connection<P: Protocol> {
    pub(crate) ends: [End<P>; 2],
    /// Everything that travels on it is lost.
    pub(crate) broken: bool,
}

impl<P: Protocol> End<P> {
    pub(crate) fn new(node: NodeId, peer: Option<P::Peer>) -> Self {
        End {
            node,
            peer,
            state: State::Opening,
            unread: false,
            inbox: VecDeque::new(),
            lost: false,
            last: Duration::ZERO,
            giving_up: false,
        }
    }
}
