//! What the clients ask: request frames that are encoded once and then only numbered.

use std::borrow::Cow;
use std::fmt;

use clap::ValueEnum;
use jute::records::{Acl, CreateRequest, OpCode, ReadRequest, SetDataRequest};
use protocol::{Request, encode_request};

/// A workload, as it is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Every client replaces the data of its own node.
    Set,
    /// Every client creates nodes.
    Create,
    /// Every client reads its own node.
    Get,
    /// Nine reads to one write.
    Mixed,
    /// One client, one request at a time.
    Latency,
    /// One change to as many watchers as there are clients, until the last has heard of it.
    Watch,
}

impl Workload {
    /// What is measured for it.
    pub(crate) fn measures(self) -> &'static [Measure] {
        match self {
            Workload::Set => &[Measure::Set],
            Workload::Create => &[Measure::Create],
            Workload::Get => &[Measure::Get],
            Workload::Mixed => &[Measure::Mixed],
            Workload::Latency => &[Measure::SetAlone, Measure::GetAlone],
            Workload::Watch => &[Measure::Watch],
        }
    }
}

/// A line of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    Set,
    Create,
    Get,
    Mixed,
    SetAlone,
    GetAlone,
    Watch,
}

impl Measure {
    /// One client, one request at a time.
    pub(crate) fn is_alone(self) -> bool {
        matches!(self, Measure::SetAlone | Measure::GetAlone)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Measure::Set => "set",
            Measure::Create => "create",
            Measure::Get => "get",
            Measure::Mixed => "mixed",
            Measure::SetAlone => "latency set",
            Measure::GetAlone => "latency get",
            Measure::Watch => "watch",
        })
    }
}

/// Digits in the name of a created node.
const DIGITS: usize = 10;

/// The requests of one client, in an endless row.
pub(crate) struct Load {
    /// Taken in turn.
    frames: Vec<Frame>,
    sent: u64,
}

/// A whole frame with its length.
#[derive(Clone)]
struct Frame {
    bytes: Vec<u8>,
    /// Where the number of a new node stands.
    name: Option<usize>,
}

impl Load {
    /// What client number `client` does under `root` with `size` bytes of data.
    pub(crate) fn new(measure: Measure, root: &str, client: u32, size: u32) -> Self {
        let data = data(size);
        let own = own_node(root, client);
        let read =
            Frame::of(&Request::GetData(ReadRequest { path: Cow::Borrowed(&own), watch: false }));
        let write = Frame::of(&set_request(&own, &data));
        let frames = match measure {
            Measure::Set | Measure::SetAlone | Measure::Watch => vec![write],
            Measure::Get | Measure::GetAlone => vec![read],
            Measure::Mixed => {
                let mut ten = vec![read; 10];
                // Not all clients write at the same moment.
                ten[client as usize % 10] = write;
                ten
            }
            Measure::Create => {
                vec![Frame::creating(&create_request(&created_node(root, client, 0), &data))]
            }
        };
        Self { frames, sent: 0 }
    }

    /// Appends the next request, numbered `xid`.
    pub(crate) fn next(&mut self, xid: i32, out: &mut Vec<u8>) {
        let frame = &self.frames[self.sent as usize % self.frames.len()];
        let start = out.len();
        out.extend_from_slice(&frame.bytes);
        out[start + 4..start + 8].copy_from_slice(&xid.to_be_bytes());
        if let Some(name) = frame.name {
            let mut number = self.sent;
            for digit in out[start + name..start + name + DIGITS].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        self.sent += 1;
    }

    /// How many nodes this load has made.
    pub(crate) fn created(&self) -> u64 {
        if self.frames[0].name.is_some() { self.sent } else { 0 }
    }
}

impl Frame {
    fn of(request: &Request) -> Self {
        let mut bytes = Vec::new();
        encode_request(&mut bytes, 0, request);
        Self { bytes, name: None }
    }

    /// The path ends in digits, which are to be replaced.
    fn creating(request: &Request) -> Self {
        let frame = Self::of(request);
        let length = u32::from_be_bytes(frame.bytes[12..16].try_into().expect("4 bytes")) as usize;
        Self { name: Some(16 + length - DIGITS), ..frame }
    }
}

/// The node that a client reads and writes.
pub(crate) fn own_node(root: &str, client: u32) -> String {
    format!("{root}/node-{client}")
}

/// Where a client creates nodes.
pub(crate) fn nursery(root: &str, client: u32) -> String {
    format!("{root}/create-{client}")
}

/// The node that a client creates as its `number`th.
pub(crate) fn created_node(root: &str, client: u32, number: u64) -> String {
    format!("{}/{number:0DIGITS$}", nursery(root, client))
}

/// Data of so many bytes.
pub(crate) fn data(size: u32) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(size as usize).collect()
}

/// Replaces the data of a node, whatever its version.
pub(crate) fn set_request<'a>(path: &'a str, data: &'a [u8]) -> Request<'a> {
    Request::SetData(SetDataRequest { path: Cow::Borrowed(path), data: Some(data), version: -1 })
}

/// Creates a persistent node that is open to everybody.
pub(crate) fn create_request<'a>(path: &'a str, data: &'a [u8]) -> Request<'a> {
    let request =
        CreateRequest { path: Cow::Borrowed(path), data: Some(data), acl: Acl::open(), flags: 0 };
    Request::Create { op: OpCode::Create, request }
}
