//! What a server counts about itself, for the four-letter words.

use std::collections::VecDeque;
use std::time::Duration;

use zxid::Zxid;

use crate::client::Latency;

const DIGEST_EVERY: u64 = 128;
const DIGESTS: usize = 1024;
/// ZooKeeper: `ZooTrace.getTextTraceLevel`, at start.
const TRACE_MASK: i64 = 306;

/// Counts of the whole server. Times are in ms.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Frames received.
    pub received: u64,
    /// Answers and events sent.
    pub sent: u64,
    /// How long requests took.
    pub latency: Latency,
    /// Credentials that were refused.
    pub auth_failed: u64,
    /// When the server began to serve.
    pub started: Duration,
    /// Bytes of files in the data folder, as far as the server knows.
    pub data_bytes: u64,
    /// Bytes of files in the log folder, as far as the server knows.
    pub log_bytes: u64,
    /// The tree's digest at each 128th transaction, the newest last, as `hash` shows.
    pub digests: VecDeque<(Zxid, u64)>,
    /// The mask that `stmk` sets and `gtmk` shows. Nothing is traced by it.
    pub trace_mask: i64,
    /// The size of the last, the largest and the smallest answer.
    pub response_size: Sizes,
    /// The same of what was proposed to an ensemble.
    pub proposal_size: Sizes,
}

impl Default for Stats {
    /// Nothing counted yet.
    fn default() -> Stats {
        Stats {
            received: 0,
            sent: 0,
            latency: Latency::default(),
            auth_failed: 0,
            started: Duration::ZERO,
            data_bytes: 0,
            log_bytes: 0,
            digests: VecDeque::new(),
            trace_mask: TRACE_MASK,
            response_size: Sizes::default(),
            proposal_size: Sizes::default(),
        }
    }
}

impl Stats {
    /// A member begins to serve: it counts anew what clients see, as ZooKeeper does.
    pub fn begin(&mut self, now: Duration) {
        let Stats { data_bytes, log_bytes, trace_mask, .. } = *self;
        let digests = std::mem::take(&mut self.digests);
        *self =
            Stats { started: now, data_bytes, log_bytes, digests, trace_mask, ..Stats::default() };
    }

    /// Counts how long an answer took.
    pub fn answered(&mut self, latency: Duration) {
        self.latency.add(latency.as_millis() as u64);
    }

    /// Counts the frames that are about to be sent, and says how many there are.
    pub fn count_frames(&mut self, mut bytes: &[u8]) -> u64 {
        let before = self.sent;
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            self.response_size.add(length);
            self.sent += 1;
            bytes = &rest[length..];
        }
        self.sent - before
    }

    /// Remembers the tree's digest at each 128th transaction.
    pub fn note_digest(&mut self, zxid: Zxid, digest: u64) {
        if zxid.0.is_multiple_of(DIGEST_EVERY) {
            if self.digests.len() == DIGESTS {
                self.digests.pop_front();
            }
            self.digests.push_back((zxid, digest));
        }
    }

    /// Forgets the counts: the word `srst`.
    pub fn reset(&mut self) {
        self.received = 0;
        self.sent = 0;
        self.latency = Latency::default();
    }
}

/// Sizes in bytes; -1 when there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The last.
    pub last: i64,
    /// The largest.
    pub max: i64,
    /// The smallest.
    pub min: i64,
}

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes { last: -1, max: -1, min: -1 }
    }
}

impl Sizes {
    /// Counts one more.
    pub fn add(&mut self, size: usize) {
        let size = size as i64;
        self.last = size;
        self.max = self.max.max(size);
        self.min = if self.min == -1 { size } else { self.min.min(size) };
    }
}
