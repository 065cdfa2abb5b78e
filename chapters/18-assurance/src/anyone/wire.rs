//! What a server says to the election ports of others, once more in bytes: written, and read back as
//! it will be there. (What goes over the quorum port, the laws of chapter 10 read back.)
//!
//! Always true:
//! - what is read back is what was written, whatever was written before on the same connection.

use std::collections::BTreeMap;

use bytes::BytesMut;
use election::{Frame, Link, wire};

use crate::invariants::{Verdict, replicas};

/// The readers at the other ends of a server's connections to election ports.
#[derive(Debug, Default)]
pub(super) struct Wires(BTreeMap<Link, BytesMut>);

impl Wires {
    /// A connection is open, or gone.
    pub(super) fn forget(&mut self, link: Link) {
        self.0.remove(&link);
    }

    /// The server says something over a connection.
    pub(super) fn say(&mut self, link: Link, frame: &Frame) -> Verdict {
        let bytes = self.0.entry(link).or_default();
        let mut written = Vec::new();
        let read = match frame {
            Frame::Initial(initial) => {
                wire::append_initial(&mut written, initial);
                bytes.extend_from_slice(&written);
                wire::cut_initial(bytes).ok().flatten().map(Frame::Initial)
            }
            Frame::Notification(notification) => {
                wire::append_notification(&mut written, notification);
                bytes.extend_from_slice(&written);
                let message = wire::cut_message(bytes).ok().flatten();
                let read = message.and_then(|message| wire::read_notification(&message).ok());
                read.map(Frame::Notification)
            }
        };
        replicas::is_understood(frame, read.as_ref() == Some(frame) && bytes.is_empty())
    }
}
