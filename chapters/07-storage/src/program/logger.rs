//! The server of the chapter's program, and its client: a log with a network in front.
//!
//! Always true: the server forces one batch at a time, and what comes meanwhile is the next batch.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;
use jute::records::{OpCode, SetDataTxn, Txn, TxnHeader};
use machines::{
    Boot, Booted, Disk, Effects, Event, Fault, Machine, NodeId, Protocol, SimFiles, Simulated,
    Ticket,
};
use zxid::{SessionId, Zxid};

use crate::{Damage, Entry, Replay, Settings, SnapshotReader, State, Store, Write, recover};

/// The vocabulary of a client that writes and a server that logs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Logging {}

impl Protocol for Logging {
    type Peer = NodeId;
    type Message = Message;
    type Timer = Never;
    type Write = Write;
    type Fetch = Infallible;
    type Fetched = Infallible;
    type Recovered = Found;
    type Output = Said;
}

impl Simulated for Logging {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

pub(super) type Server = Box<dyn Machine<Protocol = Logging>>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    Write,
    Done(Zxid),
}

/// Nobody waits for anything here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Never {}

/// What the server tells its host.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Appended(Zxid),
    Found(Found),
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) last: Zxid,
    pub(super) notes: Vec<String>,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Write => write!(f, "Write"),
            Message::Done(zxid) => write!(f, "Done {zxid}"),
        }
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Appended(zxid) => write!(f, "Append {zxid}"),
            Said::Found(Found { last: Zxid::ZERO, .. }) => write!(f, "Found an empty log"),
            Said::Found(Found { last, .. }) => write!(f, "Found everything up to {last}"),
        }
    }
}

/// Sends all its writes as soon as it can.
pub(super) struct Writer {
    pub(super) server: NodeId,
    pub(super) writes: u32,
}

impl Machine for Writer {
    type Protocol = Logging;

    fn step(&mut self, event: Event<Logging>, effects: &mut Effects<Logging>) {
        match event {
            Event::Started(_) => effects.open(self.server),
            Event::Opened(server) => {
                (0..self.writes).for_each(|_| effects.send(server, Message::Write));
            }
            Event::Received { .. }
            | Event::Closed(_)
            | Event::Flushed(_)
            | Event::Durable(_)
            | Event::Failed(..)
            | Event::Drained => {}
            Event::Expired(never) => match never {},
            Event::Fetched(never) => match never {},
        }
    }
}

/// Logs what it is sent, and forces it in batches: what comes while the disk forces is forced next.
struct Logger {
    bytes: usize,
    careless: bool,
    last: Zxid,
    /// Who waits for an answer, and for which transaction.
    waiting: Vec<(NodeId, Zxid)>,
    /// Up to where the disk is being asked to force; none if it rests.
    forcing: Option<Zxid>,
    tickets: u64,
}

impl Logger {
    fn on_write(&mut self, from: NodeId, effects: &mut Effects<Logging>) {
        self.last = self.last.next().expect("nobody writes so much here");
        effects.write(Write::Append(entry(self.last, self.bytes)));
        effects.answer(Said::Appended(self.last));
        if self.careless {
            effects.send(from, Message::Done(self.last));
        } else {
            self.waiting.push((from, self.last));
        }
        self.force(effects);
    }

    fn force(&mut self, effects: &mut Effects<Logging>) {
        if self.forcing.is_none() {
            self.tickets += 1;
            effects.sync(Ticket(self.tickets));
            self.forcing = Some(self.last);
        }
    }

    fn on_durable(&mut self, effects: &mut Effects<Logging>) {
        let upto = self.forcing.take().expect("somebody asked for it");
        for (to, zxid) in self.waiting.extract_if(.., |(_, zxid)| *zxid <= upto) {
            effects.send(to, Message::Done(zxid));
        }
        if self.last > upto {
            self.force(effects);
        }
    }
}

impl Machine for Logger {
    type Protocol = Logging;

    fn step(&mut self, event: Event<Logging>, effects: &mut Effects<Logging>) {
        match event {
            Event::Started(found) => {
                self.last = found.last.max(Zxid::new(1, 0));
                effects.answer(Said::Found(found));
            }
            Event::Received { from, message: Message::Write } => self.on_write(from, effects),
            Event::Durable(_) => self.on_durable(effects),
            // Nothing is forced any more, so nobody is answered any more.
            Event::Failed(..) => self.waiting.clear(),
            Event::Received { message: Message::Done(_), .. }
            | Event::Opened(_)
            | Event::Closed(_)
            | Event::Flushed(_)
            | Event::Drained => {}
            Event::Expired(never) => match never {},
            Event::Fetched(never) => match never {},
        }
    }
}

/// A transaction as every server logs it: new data for a node.
fn entry(zxid: Zxid, bytes: usize) -> Entry {
    let data = vec![b'x'; bytes];
    let op = OpCode::SetData.code();
    let header = TxnHeader { session: SessionId(1), cxid: 0, zxid, time: 0, op };
    let (path, version) = (Cow::Borrowed("/a"), zxid.counter() as i32);
    let txn = Txn::SetData(SetDataTxn { path, data: Some(&data), version });
    let mut payload = Vec::new();
    txn.append_payload(&header, None, &mut payload);
    Entry { zxid, payload: Bytes::from(payload) }
}

pub(super) fn open_server(
    boot: Boot,
    bytes: usize,
    careless: bool,
) -> Result<Booted<Server>, Fault> {
    let settings = Settings { preallocate: 1 << 20, ..Settings::default() };
    let (recovered, store) = recover(boot.files, settings, Replay::None, &mut || Nothing)?;
    let notes = recovered.notes.iter().map(ToString::to_string).collect();
    let (last, waiting) = (recovered.last, Vec::new());
    let logger = Logger { bytes, careless, last, waiting, forcing: None, tickets: 0 };
    let machine: Server = Box::new(logger);
    Ok(Booted { machine, disk: Box::new(LogDisk(store)), recovered: Found { last, notes } })
}

/// The store, as this vocabulary uses it.
struct LogDisk(Store<SimFiles>);

impl Disk<Logging> for LogDisk {
    fn write(&mut self, write: Write) -> Result<(), Fault> {
        self.0.write(write)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.0.sync()
    }

    fn fetch(&mut self, never: Infallible) -> Result<Infallible, Fault> {
        match never {}
    }
}

/// A client stores nothing.
pub(super) struct NoDisk;

impl Disk<Logging> for NoDisk {
    fn write(&mut self, _: Write) -> Result<(), Fault> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn fetch(&mut self, never: Infallible) -> Result<Infallible, Fault> {
        match never {}
    }
}

/// A state with nothing in it: what is to be seen is the log.
struct Nothing;

impl State for Nothing {
    fn load(&mut self, body: &mut SnapshotReader<'_>) -> Result<(), Damage> {
        body.skip_body()
    }

    fn apply(&mut self, _: &Entry) -> Result<(), Damage> {
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        jute::to_vec(&(0i32, 0i32, "/"))
    }

    fn digest(&self) -> Option<u64> {
        None
    }
}
