//! The digest of a tree: one number that differs when two trees differ.
//!
//! Each node adds the CRC-32 of its path, data and stat; the sum, modulo 2^64, is the digest of the
//! tree. So a change costs only the nodes that it touches, and replicas can compare themselves
//! after every transaction. ACLs are not covered, nor is anything below `/zookeeper/`.
//!
//! ZooKeeper: `DigestCalculator`, `AdHash`.

use jute::records::StatPersisted;

/// The CRC-32 of a node's path and data: the part of its digest that a change of stat leaves alone.
/// The root's path counts as empty.
pub(crate) fn prefix(path: &str, data: Option<&[u8]>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(if path == "/" { b"" } else { path.as_bytes() });
    crc.update(data.unwrap_or_default());
    crc.finalize()
}

/// What a node adds to the digest of its tree.
pub(crate) fn node(prefix: u32, stat: &StatPersisted) -> u64 {
    let mut bytes = [0; 60];
    let longs = [stat.czxid.0, stat.mzxid.0, stat.pzxid.0, stat.ctime as u64, stat.mtime as u64];
    for (place, long) in bytes.chunks_exact_mut(8).zip(longs) {
        place.copy_from_slice(&long.to_be_bytes());
    }
    bytes[40..44].copy_from_slice(&stat.version.to_be_bytes());
    bytes[44..48].copy_from_slice(&stat.cversion.to_be_bytes());
    bytes[48..52].copy_from_slice(&stat.aversion.to_be_bytes());
    bytes[52..60].copy_from_slice(&stat.ephemeral_owner.to_be_bytes());
    let mut crc = crc32fast::Hasher::new_with_initial(prefix);
    crc.update(&bytes);
    u64::from(crc.finalize())
}

/// Whether a node's path is left out of the digest.
pub(crate) fn leaves_out(path: &str) -> bool {
    path.starts_with("/zookeeper/")
}
