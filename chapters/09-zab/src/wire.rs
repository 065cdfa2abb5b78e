//! How packets are written: the bytes of the quorum port.
//!
//! Book: chapter 9. ZooKeeper: `QuorumPacket`, `zookeeper.jute`.

use crate::packet::Packet;

/// What arrived cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError(pub String);

/// Appends a packet's bytes.
pub fn append(_packet: &Packet, _out: &mut Vec<u8>) {
    todo!()
}

/// Cuts a stream of bytes into packets.
#[derive(Clone, Debug, Default)]
pub struct Packets {}

impl Packets {
    /// Nothing yet. `longest` bounds the length of one packet's data.
    pub fn new(_longest: usize) -> Packets {
        todo!()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, _bytes: &[u8]) {
        todo!()
    }

    /// The next whole packet, if it is there.
    ///
    /// # Errors
    /// What is there can be no packet.
    pub fn next(&mut self) -> Result<Option<Packet>, WireError> {
        todo!()
    }
}
