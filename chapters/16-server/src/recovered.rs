//! What a server finds on its disk when it starts.

use zxid::Zxid;

use crate::state::State;

/// The state that the disk held.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The state: of a server that stands alone after the last transaction on disk, of a member
    /// after the snapshot, since only a leader can say what of the rest is committed.
    pub state: State,
    /// The snapshot from which it was made.
    pub snapshot: Zxid,
    /// What a member of an ensemble needs besides; nothing for a server that stands alone.
    pub member: Option<zab::Recovered>,
    /// How many transactions were made since, of the last epoch.
    pub replayed: u64,
    /// Bytes of all files in the data folder.
    pub data_bytes: u64,
    /// Bytes of all files in the log folder.
    pub log_bytes: u64,
}
