//! The state that a history leads to, as this chapter sees it: something that can be loaded, and
//! changed by one entry after another.

use crate::{Damage, Entry, SnapshotReader};

/// What snapshots are of, and entries are applied to.
///
/// A snapshot is taken while entries go on being applied, so an entry may come again whose effect,
/// or a later one, is in the state already. `apply` must make it good, not fail.
pub trait State {
    /// Takes in a snapshot's body, up to and with the path `/` that ends its nodes. The state is
    /// fresh; if this fails it is thrown away. Make errors with [`SnapshotReader::damage`].
    fn load(&mut self, body: &mut SnapshotReader<'_>) -> Result<(), Damage>;

    /// Applies an entry. The only error is a payload that cannot be understood.
    fn apply(&mut self, entry: &Entry) -> Result<(), Damage>;

    /// The body of a snapshot of this state. It is asked for only when the state is fresh, to write
    /// the `snapshot.0` of an empty directory.
    fn save(&self) -> Vec<u8>;

    /// The digest of the tree, if one is kept.
    fn digest(&self) -> Option<u64>;
}
