//! The chapter's program: a client writes, a server logs, something happens to the disk, and the
//! server starts again.
//!
//! The server is no more than a log with a network in front: what it appends, forces and finds goes
//! through the store and the recovery of every server of the product. It can be made careless, and
//! then answers before anything is forced: the fault that this chapter is about.
//!
//! Always true, unless it is careless: what the client is told of was forced to the disk before.
//!
//! Book: chapter 7.

mod logger;

use std::time::Duration;

use machines::{Booted, Fault, Files, Kind, NodeId, Occurrence, SimFiles, Trace, World};
use zxid::Zxid;

use self::logger::{Found, Logging, NoDisk, Said, Server, Writer, open_server};
use crate::log_format::HEADER;
use crate::{DataFile, Flaw, LogReader};

const SERVER: NodeId = NodeId::Server(1);
const CLIENT: NodeId = NodeId::Client(1);

/// How long the server stays down.
const DOWN: Duration = Duration::from_millis(100);

/// The log file of all runs: its name is its first transaction.
const LOG: DataFile = DataFile::Log { zxid: Zxid(1 << 32 | 1) };

/// What happens to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The power goes when the second batch is appended, and nothing of it is written yet.
    Appended,
    /// The power goes when the second batch is written, and before it is forced.
    Written,
    /// The power goes when the second batch is forced.
    Forced,
    /// The process ends when all is forced, and a bit turns in this record, counted from 1.
    Flipped(u32),
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// How often the client writes; twice at least. It does not wait for an answer.
    pub writes: u32,
    /// Bytes of data in each write.
    pub bytes: usize,
    /// What happens to the disk.
    pub trouble: Trouble,
    /// Whether the server answers before it has forced what it answers for.
    pub careless: bool,
    /// The seed of the world: which of the bytes that were not forced survive.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All that happened.
    pub trace: Trace,
    /// The last transaction that the client was told of.
    pub told: Zxid,
    /// The last transaction that was found after the restart, and what was put right; or why the
    /// server does not start.
    pub found: Result<(Zxid, Vec<String>), String>,
    /// The log file before the restart; nothing if its name was lost too.
    pub left: Option<LeftOver>,
}

/// A log file as the trouble left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOver {
    /// Its name.
    pub name: String,
    /// Below this byte everything was forced, as the file itself says.
    pub mark: u64,
    /// The whole records from the beginning: the byte at which each begins, and its transaction.
    pub records: Vec<(u64, Zxid)>,
    /// Where they end, and what is there.
    pub end: (u64, Flaw),
}

/// Runs it.
pub fn run_program(program: &Program) -> Outcome {
    let mut world = World::new(program.seed, machines::Settings::default());
    world.trace_mut().record();
    let Program { writes, bytes, careless, .. } = *program;
    world.add(SERVER, move |boot| open_server(boot, bytes, careless));
    world.add(CLIENT, move |_| {
        let machine: Server = Box::new(Writer { server: SERVER, writes });
        Ok(Booted { machine, disk: Box::new(NoDisk), recovered: Found::default() })
    });
    make_trouble(&mut world, program);
    pass(&mut world, DOWN);
    let told = told(world.trace());
    let left = look(&world.files(SERVER)).expect("the disk can be read");
    world.restart(SERVER);
    let found = found(&mut world);
    Outcome { trace: world.trace().clone(), told, found, left }
}

fn make_trouble(world: &mut World<Server>, program: &Program) {
    let disk = world.files(SERVER);
    until(world, |it| it.line.kind == Kind::Durable);
    match program.trouble {
        // Forcing a batch changes the disk three times: the mark, the records, and the force.
        Trouble::Appended => disk.lose_power_after(0),
        Trouble::Written => disk.lose_power_after(2),
        Trouble::Forced => {
            until(world, |it| it.line.kind == Kind::Durable);
            return world.power_loss(SERVER);
        }
        Trouble::Flipped(record) => {
            let last = Zxid::new(1, program.writes);
            while told(world.trace()) < last && world.step().is_some() {}
            world.crash(SERVER);
            let left = look(&disk).expect("the disk can be read").expect("it was forced");
            let (at, _) = left.records[record.clamp(1, program.writes) as usize - 1];
            // A bit of the data: after the record's head, and the transaction's.
            return disk.flip(&left.name, (at + 60) * 8);
        }
    }
    until(world, |it| it.line.kind == Kind::PowerLost);
}

/// Goes on until something happens that is known to happen.
fn until(world: &mut World<Server>, is_so: impl Fn(&Occurrence<Logging>) -> bool) {
    while !is_so(&world.step().expect("it happens")) {}
}

fn pass(world: &mut World<Server>, time: Duration) {
    let limit = world.now() + time;
    while world.step_until(limit).is_some() {}
}

/// The last transaction that the client was told of.
fn told(trace: &Trace) -> Zxid {
    let heard = trace.lines().iter().filter(|line| {
        (line.node, line.kind) == (CLIENT, Kind::Received) && line.text.starts_with("Done")
    });
    Zxid(heard.count() as u64 | 1 << 32)
}

/// What the server finds when it starts again.
fn found(world: &mut World<Server>) -> Result<(Zxid, Vec<String>), String> {
    loop {
        let step = world.step().expect("a process that is started starts, or is refused");
        match step.line.kind {
            Kind::Refused => return Err(step.line.text),
            Kind::Started => {
                let found = step.answers.into_iter().find_map(|answer| match answer {
                    Said::Found(Found { last, notes }) => Some((last, notes)),
                    Said::Appended(_) => None,
                });
                return Ok(found.expect("a server says what it found"));
            }
            _ => {}
        }
    }
}

/// Reads the log file as recovery will.
fn look(files: &SimFiles) -> Result<Option<LeftOver>, Fault> {
    let name = LOG.name();
    if !files.exists(&name)? {
        return Ok(None);
    }
    let mut log = LogReader::open(files, &name, HEADER)?;
    let mut records = Vec::new();
    let flaw = loop {
        match log.next_record()? {
            Ok((at, entry)) => records.push((at, entry.zxid)),
            Err(flaw) => break flaw,
        }
    };
    Ok(Some(LeftOver { mark: log.mark(), end: (log.at(), flaw), name, records }))
}
