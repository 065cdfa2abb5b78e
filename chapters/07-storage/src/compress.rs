//! The three ways in which a snapshot's bytes are in its file: plain, gzip, snappy.
//!
//! Snappy is the stream format of the library snappy-java: a header of 16 bytes, then blocks, each
//! a length of four bytes and that many bytes in snappy's raw format.
//!
//! ZooKeeper: `SnapStream`. Book: chapter 7.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use machines::{Fault, Files};

use crate::Compression;

/// What a snappy file begins with; two version numbers of four bytes follow.
const SNAPPY_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Bytes of plain text in a block.
const BLOCK: usize = 32 * 1024;
/// The longest block, plain or not, that a reader takes in. Writers make far smaller ones.
const LONGEST_BLOCK: usize = 64 << 20;

/// Reads a snapshot file, uncompressed.
pub(crate) fn reader<'a>(
    files: &'a dyn Files,
    name: &'a str,
    compression: Compression,
) -> Box<dyn Read + 'a> {
    let file = FileReader { files, name, at: 0 };
    match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(MultiGzDecoder::new(file)),
        Compression::Snappy => Box::new(SnappyReader::new(file)),
    }
}

/// Whether a file looks like a whole snapshot, by its first or last bytes only.
/// ZooKeeper: `SnapStream.isValidSnapshot`.
pub(crate) fn looks_whole(
    files: &dyn Files,
    name: &str,
    compression: Compression,
) -> Result<bool, Fault> {
    let len = files.len(name)?;
    let (at, expected): (u64, &[u8]) = match compression {
        Compression::None if len < 10 => return Ok(false),
        Compression::None => (len - 5, &[0, 0, 0, 1, b'/']),
        Compression::Gzip => (0, &[0x1f, 0x8b]),
        Compression::Snappy => (0, &SNAPPY_MAGIC),
    };
    let mut bytes = [0; 8];
    let read = files.read(name, at, &mut bytes[..expected.len()])?;
    Ok(bytes[..read] == *expected)
}

/// A file as a stream.
struct FileReader<'a> {
    files: &'a dyn Files,
    name: &'a str,
    at: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.files.read(self.name, self.at, into).map_err(io::Error::other)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Takes snappy blocks apart.
struct SnappyReader<R> {
    source: R,
    started: bool,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> SnappyReader<R> {
    fn new(source: R) -> Self {
        SnappyReader { source, started: false, block: Vec::new(), at: 0 }
    }

    /// The next block. False at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        if !self.started {
            let mut header = [0; 16];
            self.source.read_exact(&mut header)?;
            if header[..8] != SNAPPY_MAGIC {
                return Err(bad("it does not begin as a snappy stream does"));
            }
            self.started = true;
        }
        let mut length = [0; 4];
        let read = read_up_to(&mut self.source, &mut length)?;
        match read {
            0 => return Ok(false),
            4 => {}
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
        let length = u32::from_be_bytes(length) as usize;
        let mut packed = Vec::new();
        self.source.by_ref().take(length as u64).read_to_end(&mut packed)?;
        if packed.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let plain = snap::raw::decompress_len(&packed).map_err(|error| bad(&error.to_string()))?;
        if plain > LONGEST_BLOCK {
            return Err(bad("a snappy block is too long"));
        }
        let mut decoder = snap::raw::Decoder::new();
        self.block = decoder.decompress_vec(&packed).map_err(|error| bad(&error.to_string()))?;
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for SnappyReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = into.len().min(self.block.len() - self.at);
        into[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Packs bytes on their way to a snapshot file.
pub(crate) enum Packer {
    /// As they are.
    Plain(Vec<u8>),
    /// gzip.
    Gzip(GzEncoder<Vec<u8>>),
    /// Snappy: what is packed, and the block that is not full yet.
    Snappy(Vec<u8>, Vec<u8>),
}

impl Packer {
    /// A packer that has packed nothing.
    pub(crate) fn new(compression: Compression) -> Packer {
        match compression {
            Compression::None => Packer::Plain(Vec::new()),
            Compression::Gzip => {
                Packer::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default()))
            }
            Compression::Snappy => {
                let mut packed = SNAPPY_MAGIC.to_vec();
                packed.extend([0, 0, 0, 1, 0, 0, 0, 1]);
                Packer::Snappy(packed, Vec::new())
            }
        }
    }

    /// Takes bytes in.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match self {
            Packer::Plain(packed) => packed.extend_from_slice(bytes),
            Packer::Gzip(packer) => packer.write_all(bytes).expect("memory takes any bytes"),
            Packer::Snappy(packed, block) => {
                for byte_run in bytes.chunks(BLOCK) {
                    let room = BLOCK - block.len();
                    let (now, later) = byte_run.split_at(room.min(byte_run.len()));
                    block.extend_from_slice(now);
                    if block.len() == BLOCK {
                        pack_block(packed, block);
                        block.extend_from_slice(later);
                    }
                }
            }
        }
    }

    /// How many packed bytes there are to take out.
    pub(crate) fn packed(&self) -> usize {
        match self {
            Packer::Plain(packed) | Packer::Snappy(packed, _) => packed.len(),
            Packer::Gzip(packer) => packer.get_ref().len(),
        }
    }

    /// Takes the packed bytes out.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        match self {
            Packer::Plain(packed) | Packer::Snappy(packed, _) => std::mem::take(packed),
            Packer::Gzip(packer) => std::mem::take(packer.get_mut()),
        }
    }

    /// The last packed bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Packer::Plain(packed) => packed,
            Packer::Gzip(packer) => packer.finish().expect("memory takes any bytes"),
            Packer::Snappy(mut packed, mut block) => {
                if !block.is_empty() {
                    pack_block(&mut packed, &mut block);
                }
                packed
            }
        }
    }
}

/// Packs a block and empties it.
fn pack_block(packed: &mut Vec<u8>, block: &mut Vec<u8>) {
    let bytes = snap::raw::Encoder::new().compress_vec(block).expect("a block is short");
    packed.extend((bytes.len() as u32).to_be_bytes());
    packed.extend(bytes);
    block.clear();
}

/// Fills `into` as far as there are bytes.
fn read_up_to(source: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < into.len() {
        match source.read(&mut into[read..])? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
