//! Writes a snapshot: header, body in pieces, seals, and only then its name.
//!
//! Unlike ZooKeeper, which writes `snapshot.Z` in place and forces nothing, a snapshot is written
//! under another name, forced to the disk, and renamed: a file called `snapshot.Z` was once whole.
//!
//! ZooKeeper: `FileSnap.serialize`, `SnapStream.sealStream`.

use machines::{Fault, Files};
use simd_adler32::Adler32;
use zxid::Zxid;

use crate::compress::Packer;
use crate::names::UNFINISHED;
use crate::snapshot_reader::{MAGIC, VERSION};
use crate::{Compression, DataFile};

/// Bytes to gather before they go to the file.
const PIECE: usize = 1 << 20;
/// Bytes to have in the file before they are forced to the disk, so that the last force, which
/// everything else waits for, is short.
const FORCE: u64 = 16 << 20;

/// A snapshot that is being written.
pub(crate) struct SnapshotWriter {
    file: DataFile,
    packer: Packer,
    sum: Adler32,
    at: u64,
    forced: u64,
}

impl SnapshotWriter {
    /// Begins a snapshot, in place of one that was not finished.
    pub(crate) fn begin(
        files: &mut dyn Files,
        zxid: Zxid,
        compression: Compression,
    ) -> Result<Self, Fault> {
        files.set_len(UNFINISHED, 0)?;
        let mut writer = SnapshotWriter {
            file: DataFile::Snapshot { zxid, compression },
            packer: Packer::new(compression),
            sum: Adler32::new(),
            at: 0,
            forced: 0,
        };
        let mut header = MAGIC.to_be_bytes().to_vec();
        header.extend(VERSION.to_be_bytes());
        header.extend((-1i64).to_be_bytes());
        writer.push(files, &header)?;
        Ok(writer)
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, files: &mut dyn Files, bytes: &[u8]) -> Result<(), Fault> {
        self.sum.write(bytes);
        self.packer.push(bytes);
        if self.packer.packed() >= PIECE {
            let packed = self.packer.take();
            self.put(files, &packed)?;
        }
        if self.at - self.forced >= FORCE {
            files.sync(UNFINISHED)?;
            self.forced = self.at;
        }
        Ok(())
    }

    /// Seals the snapshot and forces it to the disk. It still has its temporary name; the final one
    /// is the answer.
    pub(crate) fn seal(
        mut self,
        files: &mut dyn Files,
        digest: Option<(Zxid, u64)>,
    ) -> Result<DataFile, Fault> {
        self.push_seal(files)?;
        if let Some((zxid, digest)) = digest {
            let mut block = zxid.0.to_be_bytes().to_vec();
            block.extend(2i32.to_be_bytes());
            block.extend(digest.to_be_bytes());
            self.push(files, &block)?;
            self.push_seal(files)?;
        }
        let packed = std::mem::replace(&mut self.packer, Packer::new(Compression::None)).finish();
        self.put(files, &packed)?;
        files.sync(UNFINISHED)?;
        Ok(self.file)
    }

    fn push_seal(&mut self, files: &mut dyn Files) -> Result<(), Fault> {
        let mut seal = i64::from(self.sum.finish()).to_be_bytes().to_vec();
        seal.extend([0, 0, 0, 1, b'/']);
        self.push(files, &seal)
    }

    fn put(&mut self, files: &mut dyn Files, packed: &[u8]) -> Result<(), Fault> {
        files.write(UNFINISHED, self.at, packed)?;
        self.at += packed.len() as u64;
        Ok(())
    }
}
