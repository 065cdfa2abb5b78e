//! Connections, for machines that only want to say something to somebody.
//!
//! The machines of this chapter send messages and expect that some are lost. Somebody has to open
//! connections for them; that is here, so that the protocols are about nothing else.
//!
//! Always true:
//! - messages to one node are handed to its connection in the order in which they were given;
//! - what is given before the connection is open waits for it, and is dropped if it does not open.
//!
//! Book: chapter 3.

use std::collections::BTreeMap;

use machines::{Effects, NodeId, Protocol};

/// The connections of one process.
#[derive(Clone, Debug)]
pub(crate) struct Links<P: Protocol<Peer = NodeId>>(BTreeMap<NodeId, Link<P>>);

#[derive(Clone, Debug)]
enum Link<P: Protocol> {
    Open,
    Opening {
        /// It was refused once. If both ends ask at the same time, one of them is.
        again: bool,
        waiting: Vec<P::Message>,
    },
}

impl<P: Protocol<Peer = NodeId>> Links<P> {
    pub(crate) fn new() -> Links<P> {
        Links(BTreeMap::new())
    }

    /// Says something, as soon as that is possible.
    pub(crate) fn send(&mut self, to: NodeId, message: P::Message, effects: &mut Effects<P>) {
        match self.0.get_mut(&to) {
            Some(Link::Open) => effects.send(to, message),
            Some(Link::Opening { waiting, .. }) => waiting.push(message),
            None => {
                self.0.insert(to, Link::Opening { again: false, waiting: vec![message] });
                effects.open(to);
            }
        }
    }

    pub(crate) fn on_opened(&mut self, peer: NodeId, effects: &mut Effects<P>) {
        if let Some(Link::Opening { waiting, .. }) = self.0.insert(peer, Link::Open) {
            waiting.into_iter().for_each(|message| effects.send(peer, message));
        }
    }

    pub(crate) fn on_closed(&mut self, peer: NodeId, effects: &mut Effects<P>) {
        match self.0.remove(&peer) {
            Some(Link::Opening { again: false, waiting }) => {
                self.0.insert(peer, Link::Opening { again: true, waiting });
                effects.open(peer);
            }
            Some(Link::Opening { again: true, .. } | Link::Open) | None => {}
        }
    }
}
