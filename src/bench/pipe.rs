//! One connection that keeps many requests on their way.
//!
//! Sending and receiving go on at the same time in one task: whatever the socket takes is written,
//! whatever it has is read. So neither side can wait for the other for ever.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use hdrhistogram::Histogram;
use jute::records::ConnectRequest;
use protocol::{Request, decode_connect_response, encode_connect, encode_request, xid};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::Instant;
use zxid::SessionId;

use super::histogram;
use super::workload::Load;

/// The timeout of our sessions, in ms. Long enough for the deletion of what was created.
const SESSION: i32 = 40_000;

/// What a read may bring at once.
const BUFFER: usize = 256 * 1024;

/// A reply above this is not one of ours.
const LONGEST: usize = 64 * 1024 * 1024;

/// The header of a reply: xid, zxid, error.
const HEADER: usize = 16;

/// Why a benchmark ended early.
#[derive(Debug)]
pub enum BenchError {
    /// The target cannot be read.
    Target(String),
    /// The connection failed.
    Io(io::Error),
    /// The server closed the connection.
    Closed,
    /// The server gave no session.
    NoSession,
    /// The server answered with this error code.
    Refused(i32),
    /// The server sent what no request of ours explains.
    Unexpected,
}

impl fmt::Display for BenchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BenchError::Target(text) => write!(f, "not host:port[,host:port...][/chroot]: {text}"),
            BenchError::Io(error) => write!(f, "{error}"),
            BenchError::Closed => write!(f, "the server closed the connection"),
            BenchError::NoSession => write!(f, "the server gave no session"),
            BenchError::Refused(code) => write!(f, "the server answered with error {code}"),
            BenchError::Unexpected => write!(f, "the server sent an unexpected answer"),
        }
    }
}

impl std::error::Error for BenchError {}

impl From<io::Error> for BenchError {
    fn from(error: io::Error) -> Self {
        BenchError::Io(error)
    }
}

/// A reply or a watch event.
pub(crate) struct Arrived {
    pub(crate) xid: i32,
    pub(crate) error: i32,
}

/// A connection with a session.
pub(crate) struct Pipe {
    stream: TcpStream,
    input: Vec<u8>,
    /// What has been taken from the input, and what has been read into it.
    taken: usize,
    filled: usize,
    output: Vec<u8>,
    written: usize,
    xid: i32,
}

impl Pipe {
    /// Connects and opens a session.
    pub(crate) async fn connect(server: &str) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let mut pipe = Self {
            stream,
            input: vec![0; BUFFER],
            taken: 0,
            filled: 0,
            output: Vec::new(),
            written: 0,
            xid: 0,
        };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout: SESSION,
            session_id: SessionId(0),
            password: Some(&[0; 16]),
        };
        encode_connect(&mut pipe.output, &request, Some(false));
        let frame = loop {
            if let Some(length) = pipe.whole()? {
                break pipe.take(length);
            }
            pipe.exchange().await?;
        };
        match decode_connect_response(&pipe.input[frame]) {
            Ok((response, _)) if response.timeout > 0 => Ok(pipe),
            Ok(_) => Err(BenchError::NoSession),
            Err(_) => Err(BenchError::Unexpected),
        }
    }

    /// Keeps `depth` requests of the load on their way until `end`, then waits for the answers
    /// that are due. Gives the latencies, in ns, of those that came in time.
    pub(crate) async fn drive(
        &mut self,
        load: &mut Load,
        depth: u32,
        end: Instant,
    ) -> Result<Histogram<u64>, BenchError> {
        let mut latencies = histogram();
        // When the requests on their way were sent, in runs of the same moment.
        let mut waiting: VecDeque<(Instant, u64)> = VecDeque::new();
        let mut unanswered = 0;
        let mut now = Instant::now();
        loop {
            let free = if now < end { u64::from(depth) - unanswered } else { 0 };
            for _ in 0..free {
                load.next(self.next_xid(), &mut self.output);
            }
            if free > 0 {
                waiting.push_back((now, free));
                unanswered += free;
            }
            if unanswered == 0 {
                return Ok(latencies);
            }
            self.exchange().await?;
            now = Instant::now();
            let mut answered = self.count_answers()?;
            unanswered -= answered;
            while answered > 0 {
                let (sent, run) = waiting.front_mut().ok_or(BenchError::Unexpected)?;
                let count = answered.min(*run);
                if now < end {
                    latencies.saturating_record_n((now - *sent).as_nanos() as u64, count);
                }
                *run -= count;
                answered -= count;
                if *run == 0 {
                    waiting.pop_front();
                }
            }
        }
    }

    /// Queues a request; it goes out with the next exchange.
    pub(crate) fn ask(&mut self, request: &Request) {
        let xid = self.next_xid();
        encode_request(&mut self.output, xid, request);
    }

    /// The next reply or watch event.
    pub(crate) async fn arrived(&mut self) -> Result<Arrived, BenchError> {
        loop {
            if let Some(arrived) = self.arrived_already()? {
                return Ok(arrived);
            }
            self.exchange().await?;
        }
    }

    /// Asks and waits; an error code other than `accepted` is an error.
    pub(crate) async fn call(
        &mut self,
        request: &Request<'_>,
        accepted: &[i32],
    ) -> Result<i32, BenchError> {
        self.ask(request);
        let arrived = self.arrived().await?;
        match arrived.error {
            0 => Ok(0),
            code if accepted.contains(&code) => Ok(code),
            code => Err(BenchError::Refused(code)),
        }
    }

    /// Sends requests without waiting for each; ends at the first error code.
    pub(crate) async fn call_all<'a>(
        &mut self,
        requests: impl Iterator<Item = Request<'a>>,
    ) -> Result<(), BenchError> {
        const AT_ONCE: usize = 1_000;
        let mut unanswered = 0;
        let mut requests = requests.peekable();
        while unanswered > 0 || requests.peek().is_some() {
            while unanswered < AT_ONCE
                && let Some(request) = requests.next()
            {
                self.ask(&request);
                unanswered += 1;
            }
            self.exchange().await?;
            unanswered -= self.count_answers()? as usize;
        }
        Ok(())
    }

    /// Ends the session.
    pub(crate) async fn close(mut self) -> Result<(), BenchError> {
        self.call(&Request::CloseSession, &[]).await.map(|_| ())
    }

    fn next_xid(&mut self) -> i32 {
        self.xid = if self.xid == i32::MAX { 1 } else { self.xid + 1 };
        self.xid
    }

    /// Counts and forgets the replies that are there. One with an error ends the run.
    fn count_answers(&mut self) -> Result<u64, BenchError> {
        let mut count = 0;
        while let Some(arrived) = self.arrived_already()? {
            match arrived {
                Arrived { xid: xid::EVENT, .. } => {}
                Arrived { error: 0, .. } => count += 1,
                Arrived { error, .. } => return Err(BenchError::Refused(error)),
            }
        }
        Ok(count)
    }

    fn arrived_already(&mut self) -> Result<Option<Arrived>, BenchError> {
        let Some(length) = self.whole()? else { return Ok(None) };
        let frame = self.take(length);
        let header = self.input[frame].first_chunk::<HEADER>().ok_or(BenchError::Unexpected)?;
        let int = |at: usize| i32::from_be_bytes(header[at..at + 4].try_into().expect("4 bytes"));
        Ok(Some(Arrived { xid: int(0), error: int(12) }))
    }

    /// The length of the next frame, if it is there as a whole.
    fn whole(&self) -> Result<Option<usize>, BenchError> {
        let ready = &self.input[self.taken..self.filled];
        let Some(length) = ready.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LONGEST {
            return Err(BenchError::Unexpected);
        }
        Ok((ready.len() >= 4 + length).then_some(length))
    }

    fn take(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.taken + 4;
        self.taken = start + length;
        start..self.taken
    }

    /// Writes what the socket takes and reads what it has; waits until one of both is possible.
    async fn exchange(&mut self) -> Result<(), BenchError> {
        if self.send()? {
            self.stream.readable().await?;
        } else {
            self.stream.ready(Interest::READABLE | Interest::WRITABLE).await?;
        }
        self.receive()
    }

    /// True when all is written.
    fn send(&mut self) -> Result<bool, BenchError> {
        while self.written < self.output.len() {
            match self.stream.try_write(&self.output[self.written..]) {
                Ok(n) => self.written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }

    fn receive(&mut self) -> Result<(), BenchError> {
        self.make_room();
        match self.stream.try_read(&mut self.input[self.filled..]) {
            Ok(0) => Err(BenchError::Closed),
            Ok(n) => {
                self.filled += n;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// What is taken makes room; what does not fit makes the buffer larger.
    fn make_room(&mut self) {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, 0);
        } else if self.input.len() - self.filled < BUFFER / 4 {
            self.input.copy_within(self.taken..self.filled, 0);
            (self.taken, self.filled) = (0, self.filled - self.taken);
            if self.input.len() - self.filled < BUFFER / 4 {
                self.input.resize(2 * self.input.len(), 0);
            }
        }
    }
}
