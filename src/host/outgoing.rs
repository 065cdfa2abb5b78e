//! What waits to be sent on one connection.
//!
//! Always true:
//! - what was given is sent in order, all of it, or nothing from some point on; but of votes only
//!   the newest, if an older one has not begun to be sent;
//! - a mark is reached when everything that was given before it has been taken by the socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

/// Chunks that one write gives to the socket, at most.
const GATHERED: usize = 32;

/// Chunks, as the machine gave them, never copied; and packets, written one after another.
#[derive(Default)]
pub(super) struct Outgoing {
    chunks: VecDeque<Bytes>,
    /// What was written since the last chunk.
    tail: Vec<u8>,
    /// A vote, if none is being sent.
    vote: Option<Bytes>,
    waiting: usize,
    /// Bytes that the socket has taken since the connection began.
    taken: u64,
    /// Where somebody wants to be told that all was taken.
    marks: VecDeque<u64>,
}

impl Outgoing {
    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether anything was ever given.
    pub(super) fn is_virgin(&self) -> bool {
        self.taken == 0 && self.waiting == 0
    }

    /// Adds a chunk.
    pub(super) fn add(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.seal();
            self.waiting += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Lets something be written behind the rest.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.tail.len();
        write(&mut self.tail);
        self.waiting += self.tail.len() - before;
    }

    /// Adds a vote, in place of one that still waits.
    pub(super) fn vote(&mut self, vote: Bytes) {
        self.waiting += vote.len();
        let old = self.vote.replace(vote);
        self.waiting -= old.map_or(0, |old| old.len());
    }

    /// Notes that somebody wants to be told when all of this was taken.
    pub(super) fn mark(&mut self) {
        self.marks.push_back(self.taken + self.waiting as u64);
    }

    /// Takes away the marks that are reached; says how many.
    pub(super) fn reached(&mut self) -> usize {
        let reached = self.marks.iter().take_while(|mark| **mark <= self.taken).count();
        self.marks.drain(..reached);
        reached
    }

    /// Gives the socket as much as it takes.
    pub(super) fn write(&mut self, stream: &TcpStream) -> io::Result<()> {
        self.seal();
        while self.waiting > 0 {
            if self.chunks.is_empty() {
                self.chunks.extend(self.vote.take());
            }
            let mut slices = [IoSlice::new(&[]); GATHERED];
            for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
                *slice = IoSlice::new(chunk);
            }
            let count = self.chunks.len().min(GATHERED);
            match stream.try_write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.sent(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes a chunk of what was written.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.chunks.push_back(std::mem::take(&mut self.tail).into());
        }
    }

    fn sent(&mut self, mut count: usize) {
        self.waiting -= count;
        self.taken += count as u64;
        while let Some(first) = self.chunks.front_mut() {
            if first.len() > count {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.chunks.pop_front();
        }
    }
}
