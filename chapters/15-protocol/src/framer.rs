//! The framer: cuts what a connection brings into whole messages.
//!
//! Bytes come in pieces of any size. The framer says when a message is complete, and gives it away
//! without copying it.
//!
//! Always true:
//! - a length that may not be is refused as soon as its four bytes are there;
//! - a four-letter word is only ever the first thing on a connection.
//!
//! Book: chapter 15. ZooKeeper: `NIOServerCnxn.readLength`.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::Word;

/// Cuts the bytes of one connection.
#[derive(Clone, Debug)]
pub struct Framer {
    limit: usize,
    expects: Expects,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    /// The first thing: a word or a frame.
    WordOrFrame,
    /// Frames, from now on.
    Frame,
    /// Nothing: after a word all is ignored.
    Nothing,
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A frame, without its length.
    Frame(Bytes),
    /// A four-letter word.
    Word(Word),
}

/// A frame that is not going to be read. The connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Its length is negative.
    Negative(i32),
    /// It is longer than the limit.
    TooLong(i32),
}

impl Framer {
    /// The longest frame that servers and clients take unless told otherwise, in bytes. ZooKeeper:
    /// `jute.maxbuffer`.
    pub const LIMIT: usize = 0xf_ffff;

    /// A framer for a new connection to a server, whose frames have `limit` bytes at most.
    pub fn new(limit: usize) -> Framer {
        Framer { limit, expects: Expects::WordOrFrame }
    }

    /// From now on only frames may come. The first frame does the same; a client, to which nobody
    /// sends words, says it at once.
    pub fn connected(&mut self) {
        self.expects = Expects::Frame;
    }

    /// Takes the first whole message from `bytes`; `None` if it has not come completely yet.
    pub fn cut(&mut self, bytes: &mut BytesMut) -> Result<Option<Cut>, FrameError> {
        match self.expects {
            Expects::Nothing => {
                bytes.clear();
                Ok(None)
            }
            Expects::Frame => self.cut_frame(bytes),
            Expects::WordOrFrame => match bytes.first_chunk().copied().and_then(Word::parse) {
                Some(word) => Ok(self.cut_word(word, bytes)),
                None => self.cut_frame(bytes),
            },
        }
    }

    fn cut_word(&mut self, word: Word, bytes: &mut BytesMut) -> Option<Cut> {
        let word = match word {
            Word::Stmk(_) => Word::Stmk(bytes[4..].first_chunk().copied().map(i64::from_be_bytes)?),
            word => word,
        };
        bytes.clear();
        self.expects = Expects::Nothing;
        Some(Cut::Word(word))
    }

    fn cut_frame(&mut self, bytes: &mut BytesMut) -> Result<Option<Cut>, FrameError> {
        match jute::read_frame(&mut &bytes[..], self.limit) {
            Ok(None) => Ok(None),
            Ok(Some(frame)) => {
                let length = frame.len();
                bytes.advance(4);
                self.expects = Expects::Frame;
                Ok(Some(Cut::Frame(bytes.split_to(length).freeze())))
            }
            Err(_) => {
                let length = (&bytes[..]).get_i32();
                Err(if length < 0 {
                    FrameError::Negative(length)
                } else {
                    FrameError::TooLong(length)
                })
            }
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Negative(length) => write!(f, "a frame says that its length is {length}"),
            FrameError::TooLong(length) => write!(f, "a frame of {length} bytes is too long"),
        }
    }
}

impl std::error::Error for FrameError {}
