//! What a server finds on its disk when it starts.

use zxid::Zxid;

use crate::state::State;

/// The state that the disk held.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The state after the last transaction on disk.
    pub state: State,
    /// The snapshot from which it was made.
    pub snapshot: Zxid,
    /// How many transactions were made since, of the last epoch.
    pub replayed: u64,
    /// Bytes of all files in the data folder.
    pub data_bytes: u64,
    /// Bytes of all files in the log folder.
    pub log_bytes: u64,
}
