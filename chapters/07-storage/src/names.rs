//! The names of the files in a data directory.
//!
//! Unlike ZooKeeper, which takes `snapshot.5.tmp` for a snapshot and `log.5.bak` for a log, only
//! names that it would give itself count.
//!
//! ZooKeeper: `Util.makeLogName`, `Util.makeSnapshotName`, `SnapStream`.

use machines::{Fault, Files};
use zxid::Zxid;

/// The file that holds the last accepted epoch.
pub const ACCEPTED_EPOCH: &str = "acceptedEpoch";
/// The file that holds the current epoch.
pub const CURRENT_EPOCH: &str = "currentEpoch";
/// The file that a snapshot is until it is whole. Its name is not one that ZooKeeper would load.
pub const UNFINISHED: &str = "unfinished.tmp";
/// The file that says which snapshot is about to take the place of everything else.
pub const INSTALLING: &str = "installing.tmp";

/// The file that says that this server convalesces, see `convalescence.rs`.
pub const CONVALESCENT: &str = "convalescent";

/// What the name of a file begins with that was set aside: this, a number, a dot, and its name.
///
/// Not what it ends with, since ZooKeeper would take `log.5.damaged` for a log.
const ASIDE: &str = "damaged-";

/// The name under which a file is kept when it is set aside for the `nth` time.
pub fn aside(name: &str, nth: u32) -> String {
    format!("{ASIDE}{nth}.{name}")
}

/// The name that a file had before it was set aside, and for the how manieth time it was. Nothing if
/// it was not.
pub fn before_aside(name: &str) -> Option<(&str, u32)> {
    let (nth, name) = name.strip_prefix(ASIDE)?.split_once('.')?;
    Some((name, nth.parse().ok()?))
}

/// Whether a file is a log, or was before it was set aside: those may lie in a folder of their own.
pub fn lies_with_logs(name: &str) -> bool {
    before_aside(name).map_or(name, |(name, _)| name).starts_with("log.")
}

/// How a snapshot is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// The stream format of snappy-java.
    Snappy,
}

impl Compression {
    /// What follows the zxid in a file name.
    pub fn extension(self) -> &'static str {
        match self {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Snappy => ".snappy",
        }
    }
}

/// A log file or a snapshot, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataFile {
    /// A log file.
    Log {
        /// Its first transaction.
        zxid: Zxid,
    },
    /// A snapshot.
    Snapshot {
        /// The last transaction whose effects are all in it.
        zxid: Zxid,
        /// How it is compressed.
        compression: Compression,
    },
}

impl DataFile {
    /// Reads a name. Nothing if it is that of another file.
    pub fn parse(name: &str) -> Option<DataFile> {
        let (kind, rest) = name.split_once('.')?;
        let (hex, extension) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
        let zxid = Zxid(u64::from_str_radix(hex, 16).ok()?);
        let compression = [Compression::None, Compression::Gzip, Compression::Snappy]
            .into_iter()
            .find(|compression| compression.extension() == extension)?;
        let file = match kind {
            "log" => DataFile::Log { zxid },
            "snapshot" => DataFile::Snapshot { zxid, compression },
            _ => return None,
        };
        // The name must be the very one that we would write: no sign, no zeros in front.
        (file.name() == name).then_some(file)
    }

    /// The name.
    pub fn name(self) -> String {
        match self {
            DataFile::Log { zxid } => format!("log.{}", zxid.hex()),
            DataFile::Snapshot { zxid, compression } => {
                format!("snapshot.{}{}", zxid.hex(), compression.extension())
            }
        }
    }

    /// The zxid in the name.
    pub fn zxid(self) -> Zxid {
        match self {
            DataFile::Log { zxid } | DataFile::Snapshot { zxid, .. } => zxid,
        }
    }

    /// Whether it is a log file.
    pub fn is_log(self) -> bool {
        matches!(self, DataFile::Log { .. })
    }
}

/// The log files and the snapshots of a folder, each in order of their zxids.
pub fn list(files: &dyn Files) -> Result<(Vec<DataFile>, Vec<DataFile>), Fault> {
    let mut all: Vec<DataFile> =
        files.names()?.iter().filter_map(|name| DataFile::parse(name)).collect();
    all.sort();
    Ok(all.into_iter().partition(|file| file.is_log()))
}
