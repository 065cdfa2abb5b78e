//! Jute's primitives: numbers, buffers, text and counts, and the frame around a message.
//!
//! Whatever is longer than a number says its length first. These lengths come from strangers: a
//! client may send any four bytes. So nothing here believes a length: it is compared with what is
//! there, and what is read is a view of the bytes that came, never a copy of a promised size.
//!
//! Always true:
//! - a length or a count never makes anybody reserve memory;
//! - null and empty are kept apart;
//! - no input makes these functions panic, and what failed to be read has consumed nothing that
//!   a caller could go on from.
//!
//! Book: chapter 6. ZooKeeper: `BinaryInputArchive`, `BinaryOutputArchive`.

use std::borrow::Cow;

use jute::Error;

/// Takes primitives from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the beginning of `bytes`.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// What has not been read yet.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Error> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A truth value: one byte, and any but 0 is true.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, Error> {
        Ok(self.byte()? != 0)
    }

    /// Four bytes.
    #[inline]
    pub fn int(&mut self) -> Result<i32, Error> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    #[inline]
    pub fn long(&mut self) -> Result<i64, Error> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// A length and as many bytes. Length -1 is null, any other negative one an error.
    #[inline]
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, Error> {
        // Exercise 6.1: a length and as many bytes, or null
        match self.int()? {
            -1 => Ok(None),
            length if length < 0 => Err(Error::Length(length)),
            length => self.take(length as usize).map(Some),
        }
        // End of 6.1.
    }

    /// A buffer that holds UTF-8. Bytes that do not are read as U+FFFD, as Java reads them.
    #[inline]
    pub fn text(&mut self) -> Result<Option<Cow<'a, str>>, Error> {
        Ok(self.buffer()?.map(|bytes| match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(lossy(bytes)),
        }))
    }

    /// How many elements a list has: -1 is null, and any other negative number is none, as in
    /// ZooKeeper. Every element takes a byte at least, so a count above the bytes left is an error.
    #[inline]
    pub fn count(&mut self) -> Result<Option<usize>, Error> {
        // Exercise 6.1: how many elements follow, or null
        match self.int()? {
            -1 => Ok(None),
            count if count < 0 => Ok(Some(0)),
            count if count as usize > self.rest.len() => Err(Error::EndOfData),
            count => Ok(Some(count as usize)),
        }
        // End of 6.1.
    }

    /// The next `N` bytes.
    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        // Exercise 6.1: the next bytes of a number
        let (array, rest) = self.rest.split_first_chunk().ok_or(Error::EndOfData)?;
        self.rest = rest;
        Ok(*array)
        // End of 6.1.
    }

    /// The next `length` bytes.
    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        // Exercise 6.1: the next bytes, if so many are there
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Error::EndOfData)?;
        self.rest = rest;
        Ok(taken)
        // End of 6.1.
    }
}

/// Appends primitives to some bytes.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer at the end of `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>) -> Writer<'a> {
        Writer { out }
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// One byte, 0 or 1.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.byte(u8::from(value));
    }

    /// Four bytes.
    #[inline]
    pub fn int(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// Eight bytes.
    #[inline]
    pub fn long(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    /// A length and the bytes; -1 for null.
    #[inline]
    pub fn buffer(&mut self, buffer: Option<&[u8]>) {
        // Exercise 6.1: write a length and the bytes, or null
        self.count(buffer.map(<[u8]>::len));
        self.out.extend_from_slice(buffer.unwrap_or_default());
        // End of 6.1.
    }

    /// A length in bytes, and the text as UTF-8; -1 for null.
    #[inline]
    pub fn text(&mut self, text: Option<&str>) {
        self.buffer(text.map(str::as_bytes));
    }

    /// The number of elements that follow; -1 for null.
    #[inline]
    pub fn count(&mut self, count: Option<usize>) {
        // Exercise 6.1: write how many elements follow, or null
        self.int(count.map_or(-1, |count| {
            i32::try_from(count).expect("nothing with more than 2^31-1 elements is ever written")
        }));
        // End of 6.1.
    }
}

/// Takes one frame, a length and as many bytes, from the front of `buffer`. `None`, and nothing
/// taken, when it has not come completely yet. A negative length, or one above `limit`, is an error
/// as soon as its four bytes are there: waiting for the rest would be obeying it.
pub fn read_frame<'a>(buffer: &mut &'a [u8], limit: usize) -> Result<Option<&'a [u8]>, Error> {
    // Exercise 6.1: take one frame, if all of it is there
    let Some((length, rest)) = buffer.split_first_chunk() else { return Ok(None) };
    let length = i32::from_be_bytes(*length);
    let wanted = usize::try_from(length).map_err(|_| Error::Length(length))?;
    if wanted > limit {
        return Err(Error::Length(length));
    }
    let Some((frame, rest)) = rest.split_at_checked(wanted) else { return Ok(None) };
    *buffer = rest;
    Ok(Some(frame))
    // End of 6.1.
}

/// Bytes as text, with U+FFFD for each part that is not UTF-8. Java, unlike Rust, counts an encoded
/// surrogate as one such part: that is how its servers write characters above U+FFFF.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (valid, broken) = match std::str::from_utf8(rest) {
            Ok(_) => (rest.len(), 0),
            Err(error) => {
                let broken = &rest[error.valid_up_to()..];
                (error.valid_up_to(), broken_length(broken, error.error_len()))
            }
        };
        text.push_str(&String::from_utf8_lossy(&rest[..valid]));
        if broken > 0 {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        rest = &rest[valid + broken..];
    }
    text
}

/// How many of these bytes, which begin with something that is not UTF-8, one U+FFFD stands for.
/// `found` is what Rust says; `None` means all of them.
fn broken_length(bytes: &[u8], found: Option<usize>) -> usize {
    match bytes {
        [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
        [0xed, 0xa0..=0xbf, ..] => 2,
        _ => found.unwrap_or(bytes.len()),
    }
}
