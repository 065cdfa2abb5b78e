//! Where links leave word for the driver.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use server::Peer;
use tokio::sync::Notify;

use super::codec::Codec;
use super::link::{Link, READ};

/// Word for the driver.
pub(super) enum Incoming {
    /// Somebody has connected.
    Opened(Rc<Link>),
    /// A link has messages, or has come to its end.
    Ready(Rc<Link>),
    /// A link has sent everything up to a mark.
    Flushed(Rc<Link>),
    /// A peer that was called has answered, or has not.
    Dialled {
        /// Who.
        peer: Peer,
        /// Which call.
        number: u64,
        /// The connection, and what will be spoken on it.
        link: Option<(Rc<Link>, Codec)>,
    },
}

/// The driver's inbox, shared by all links of a server.
pub(super) struct Inbox {
    incoming: RefCell<VecDeque<Incoming>>,
    /// Wakes the driver.
    pub(super) wake: Notify,
    /// Room for one read. All links read on one thread, one after another.
    pub(super) scratch: RefCell<Box<[u8]>>,
}

impl Inbox {
    pub(super) fn new() -> Rc<Inbox> {
        Rc::new(Inbox {
            incoming: RefCell::default(),
            wake: Notify::new(),
            scratch: RefCell::new(vec![0; READ].into_boxed_slice()),
        })
    }

    pub(super) fn put(&self, incoming: Incoming) {
        self.incoming.borrow_mut().push_back(incoming);
        self.wake.notify_one();
    }

    pub(super) fn take(&self) -> Option<Incoming> {
        self.incoming.borrow_mut().pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.incoming.borrow().is_empty()
    }
}
