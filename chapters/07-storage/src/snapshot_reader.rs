//! Reads a snapshot as a stream: header, body, seals.
//!
//! A snapshot may be larger than memory has room for twice, so it is read in pieces of a mebibyte;
//! whatever is asked for is taken from the piece at hand, and the piece grows only while a single
//! value is longer. The checksum runs over every byte on its way through.
//!
//! Always true:
//! - nothing is allocated because a damaged length says so, only for bytes that are there;
//! - `seals` accepts nothing of which one bit was changed.
//!
//! ZooKeeper: `FileSnap.deserialize`, `SerializeUtils.deserializeSnapshot`, `DataTree.deserialize`.

use std::io::Read;
use std::ops::Range;

use jute::records::Acl;
use serde::de::DeserializeOwned;
use simd_adler32::Adler32;
use zxid::{SessionId, Zxid};

use crate::items::array;
use crate::{Damage, Node};

/// The first four bytes of a snapshot: "ZKSN".
pub(crate) const MAGIC: i32 = 0x5a4b_534e;
/// The version of the snapshot format.
pub(crate) const VERSION: i32 = 2;
/// Bytes to ask the disk for at once.
const PIECE: usize = 1 << 20;

/// A snapshot that is being read.
pub struct SnapshotReader<'a> {
    file: String,
    source: Box<dyn Read + 'a>,
    /// Bytes read; those below `at` are taken, those below `summed` are in the checksum.
    buffer: Vec<u8>,
    at: usize,
    summed: usize,
    /// Bytes that were in the buffer before it was last emptied.
    before: u64,
    sum: Adler32,
}

impl<'a> SnapshotReader<'a> {
    /// A reader of uncompressed bytes. The name is for errors.
    pub fn new(file: impl Into<String>, source: impl Read + 'a) -> Self {
        SnapshotReader {
            file: file.into(),
            source: Box::new(source),
            buffer: Vec::new(),
            at: 0,
            summed: 0,
            before: 0,
            sum: Adler32::new(),
        }
    }

    /// An error at this place.
    pub fn damage(&self, why: impl Into<String>) -> Damage {
        Damage::Snapshot {
            file: self.file.clone(),
            at: self.before + self.at as u64,
            why: why.into(),
        }
    }

    /// A four-byte number.
    pub fn int(&mut self) -> Result<i32, Damage> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// An eight-byte number.
    pub fn long(&mut self) -> Result<i64, Damage> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// How many values of a kind follow. A negative count is an error.
    pub fn count(&mut self) -> Result<usize, Damage> {
        let count = self.int()?;
        usize::try_from(count).map_err(|_| self.damage(format!("a count is {count}")))
    }

    /// A string.
    pub fn text(&mut self) -> Result<&str, Damage> {
        let range = self.piece(0)?.ok_or_else(|| self.damage("a string is null"))?;
        self.check_text(range.clone())?;
        let start = self.at;
        self.at += range.end;
        Ok(self.str(start + range.start..self.at))
    }

    /// A byte array, or null.
    pub fn buffer(&mut self) -> Result<Option<&[u8]>, Damage> {
        let Some(range) = self.piece(0)? else {
            self.at += 4;
            return Ok(None);
        };
        let start = self.at;
        self.at += range.end;
        Ok(Some(&self.buffer[start + range.start..start + range.end]))
    }

    /// Any record.
    pub fn record<T: DeserializeOwned>(&mut self) -> Result<T, Damage> {
        loop {
            let mut decoder = jute::Decoder::new(&self.buffer[self.at..]);
            match decoder.next::<T>() {
                Ok(record) => {
                    self.at = self.buffer.len() - decoder.rest().len();
                    return Ok(record);
                }
                Err(jute::Error::EndOfData) => {
                    let more = self.buffer.len() - self.at + 1;
                    self.need(more)?;
                }
                Err(error) => return Err(self.damage(error.to_string())),
            }
        }
    }

    /// An entry of the session table: the session, and its timeout in ms.
    pub fn session(&mut self) -> Result<(SessionId, i32), Damage> {
        Ok((SessionId(self.long()?), self.int()?))
    }

    /// An entry of the table of access control lists: its number, and the list.
    pub fn acl(&mut self) -> Result<(i64, Vec<Acl>), Damage> {
        self.record()
    }

    /// The next node, or nothing after the last.
    pub fn node(&mut self) -> Result<Option<Node<'_>>, Damage> {
        let length = loop {
            // What is already on this disk is read, however long it is.
            let length = Node::length(&self.buffer[self.at..], usize::MAX);
            let length = length.map_err(|bad| self.damage(bad.to_string()))?;
            if self.buffer.len() - self.at >= length {
                break length;
            }
            self.need(length)?;
        };
        match Node::read(&self.buffer[self.at..self.at + length]) {
            Ok(node) => {
                self.at += length;
                Ok(node)
            }
            Err(bad) => Err(self.damage(bad.to_string())),
        }
    }

    /// Reads the header that a file begins with.
    pub(crate) fn header(&mut self) -> Result<(), Damage> {
        // ZooKeeper checks the magic number only.
        if self.int()? != MAGIC {
            return Err(self.damage("it does not begin as a snapshot does"));
        }
        self.array::<12>().map(drop)
    }

    /// Reads what follows the body: seal, digest, seal. Gives the digest, if there is one.
    pub(crate) fn seals(&mut self) -> Result<Option<(Zxid, u64)>, Damage> {
        self.seal()?;
        if self.at_end()? {
            return Ok(None); // Digests are off, or the writer is older than they are.
        }
        let zxid = Zxid(self.long()? as u64);
        let digest = match self.int()? {
            version if version < 2 => self.text().map(|_| None)?,
            2 => Some((zxid, self.long()? as u64)),
            version => return Err(self.damage(format!("its digest has version {version}"))),
        };
        self.seal()?;
        if !self.at_end()? {
            // From ZooKeeper 3.9 on: the last zxid, which the file name tells us well enough.
            self.long()?;
            self.seal()?;
        }
        Ok(digest)
    }

    /// Passes over a body, checking that it is one.
    pub(crate) fn skip_body(&mut self) -> Result<(), Damage> {
        for _ in 0..self.count()? {
            self.session()?;
        }
        for _ in 0..self.count()? {
            self.acl()?;
        }
        while self.node()?.is_some() {}
        Ok(())
    }

    /// A checksum of all so far, and the string "/".
    fn seal(&mut self) -> Result<(), Damage> {
        self.add_to_sum();
        let expected = i64::from(self.sum.finish());
        if self.long()? != expected {
            return Err(self.damage("its checksum is wrong"));
        }
        if self.text()? != "/" {
            return Err(self.damage("a seal does not end in '/'"));
        }
        Ok(())
    }

    /// Where the bytes of a buffer or string are whose length is at `offset`, both counted from the
    /// place at hand. They are in memory afterwards.
    fn piece(&mut self, offset: usize) -> Result<Option<Range<usize>>, Damage> {
        self.need(offset + 4)?;
        let length = i32::from_be_bytes(array(&self.buffer, self.at + offset));
        if length == -1 {
            return Ok(None);
        }
        let length =
            usize::try_from(length).map_err(|_| self.damage(format!("a length is {length}")))?;
        self.need(offset + 4 + length)?;
        Ok(Some(offset + 4..offset + 4 + length))
    }

    fn check_text(&self, range: Range<usize>) -> Result<(), Damage> {
        let bytes = &self.buffer[self.at + range.start..self.at + range.end];
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.damage("a string is not UTF-8")),
        }
    }

    fn str(&self, range: Range<usize>) -> &str {
        std::str::from_utf8(&self.buffer[range]).expect("the text was checked")
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        self.need(N)?;
        self.at += N;
        Ok(array(&self.buffer, self.at - N))
    }

    fn at_end(&mut self) -> Result<bool, Damage> {
        Ok(self.at == self.buffer.len() && !self.fill()?)
    }

    /// Brings `bytes` bytes from the place at hand into memory.
    #[inline]
    fn need(&mut self, bytes: usize) -> Result<(), Damage> {
        if self.buffer.len() - self.at >= bytes { Ok(()) } else { self.refill(bytes) }
    }

    fn refill(&mut self, bytes: usize) -> Result<(), Damage> {
        self.add_to_sum();
        self.buffer.drain(..self.at);
        self.before += self.at as u64;
        (self.at, self.summed) = (0, 0);
        while self.buffer.len() < bytes {
            if !self.fill()? {
                return Err(self.damage("it ends too early"));
            }
        }
        Ok(())
    }

    /// Reads one more piece. False at the end.
    fn fill(&mut self) -> Result<bool, Damage> {
        let held = self.buffer.len();
        self.buffer.resize(held + PIECE, 0);
        let read = self.source.read(&mut self.buffer[held..]);
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        read.map(|bytes| bytes > 0).map_err(|error| self.damage(error.to_string()))
    }

    fn add_to_sum(&mut self) {
        self.sum.write(&self.buffer[self.summed..self.at]);
        self.summed = self.at;
    }
}
