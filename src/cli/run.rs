//! The command `run`: the programs of the chapters, most as traces of the simulated world.
//!
//! What is printed is what happened, line by line as it is in the trace; a person gets it in
//! columns, without the lines that are about connections only, with a sentence where a phase
//! begins and with what to try next. A program gets all of it with `--json`.

mod acl;
mod atomic;
mod bank;
mod consistency;
mod conversation;
mod election;
mod frames;
mod hunt;
mod jute;
pub(super) mod layout;
mod paxos;
mod request;
mod sessions;
mod storage;
mod sync;
mod tour;
mod watches;
mod znodes;
mod zxid;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, BufWriter, IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use machines::{Frame, Kind, Line, Picture, Table, Trace};

use acl::AclArgs;
use atomic::AtomicArgs;
use bank::BankArgs;
use consistency::PartitionArgs;
use conversation::ConversationArgs;
use election::ElectionArgs;
use frames::{Frames, dump};
use hunt::HuntArgs;
use jute::JuteArgs;
use layout::Layout;
use paxos::PaxosArgs;
use request::RequestArgs;
use sessions::SessionArgs;
use storage::StorageArgs;
use sync::{BroadcastArgs, ReturnArgs};
use tour::TourArgs;
use watches::WatchArgs;
use znodes::ZnodesArgs;
use zxid::ZxidArgs;

/// How many lines of a trace are drawn at most.
const MOST: usize = 160;

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(subcommand)]
    chapter: Option<Chapter>,
}

#[derive(Subcommand, Debug)]
enum Chapter {
    /// A client that counts, while you kill its servers: on a real ensemble
    #[command(name = "00", alias = "0")]
    Tour(TourArgs),
    /// A request, and what can become of it
    #[command(name = "01", alias = "1")]
    Bank(BankArgs),
    /// A partition of a replicated store: consistency is given up, or availability
    #[command(name = "02", alias = "2")]
    Partition(PartitionArgs),
    /// A transfer between two banks: two phases, three, and the outbox
    #[command(name = "03", alias = "3")]
    Atomic(AtomicArgs),
    /// Paxos: one value, message by message; a duel; a log
    #[command(name = "04", alias = "4")]
    Paxos(PaxosArgs),
    /// What zxids say: the epoch, the counter, and what may follow what
    #[command(name = "05", alias = "5")]
    Zxid(ZxidArgs),
    /// The bytes of a record, field by field
    #[command(name = "06", alias = "6")]
    Jute(JuteArgs),
    /// A log that loses its power, and what is found on the disk afterwards
    #[command(name = "07", alias = "7")]
    Storage(StorageArgs),
    /// An election: at first boot, and after a crash of the leader
    #[command(name = "08", alias = "8")]
    Election(ElectionArgs),
    /// An epoch is found, and transactions are broadcast
    #[command(name = "09", alias = "9")]
    Broadcast(BroadcastArgs),
    /// A server that was away is brought up to date
    #[command(name = "10")]
    Return(ReturnArgs),
    /// Writes become transactions, and transactions a tree
    #[command(name = "11")]
    Znodes(ZnodesArgs),
    /// A session: heartbeats, and how it ends or goes on
    #[command(name = "12")]
    Session(SessionArgs),
    /// Watches: which change fires which, and one as it is left and fires
    #[command(name = "13")]
    Watch(WatchArgs),
    /// Permissions: who may do what with a node, and which entry says so
    #[command(name = "14")]
    Acl(AclArgs),
    /// What a client and a server say to each other, and what is lost when a connection breaks
    #[command(name = "15")]
    Conversation(ConversationArgs),
    /// A write on its way through a whole ensemble
    #[command(name = "16")]
    Request(RequestArgs),
    /// A hunt: seeds are tried until one breaks a law, and its story is made small
    #[command(name = "18")]
    Hunt(HuntArgs),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// The chapters that have a program, and what it shows.
const PROGRAMS: &[(&str, &str)] = &[
    ("00", "a client that counts, while you kill its servers: on a real ensemble"),
    ("01", "a request, and what can become of it"),
    ("02", "a partition of a replicated store: consistency is given up, or availability"),
    ("03", "a transfer between two banks: two phases, three, and the outbox"),
    ("04", "Paxos: one value, message by message; a duel; a log"),
    ("05", "what zxids say: the epoch, the counter, and what may follow what"),
    ("06", "the bytes of a record, field by field"),
    ("07", "a log that loses its power, and what is found on the disk afterwards"),
    ("08", "an election: at first boot, and after a crash of the leader"),
    ("09", "an epoch is found, and transactions are broadcast"),
    ("10", "a server that was away is brought up to date"),
    ("11", "writes become transactions, and transactions a tree"),
    ("12", "a session: heartbeats, and how it ends or goes on"),
    ("13", "watches: which change fires which, and one as it is left and fires"),
    ("14", "permissions: who may do what with a node, and which entry says so"),
    ("15", "what a client and a server say to each other, and what is lost when it breaks"),
    ("16", "a write on its way through a whole ensemble"),
    ("18", "a hunt: seeds are tried until one breaks a law, and its story is made small"),
];

/// How to print a trace.
#[derive(Args, Debug)]
struct PrintArgs {
    /// Show each line of the trace: connections, and messages both sent and received
    #[arg(long)]
    all: bool,
    /// Print each line of the trace as an object of JSON
    #[arg(long, conflicts_with = "all")]
    json: bool,
    /// Show what each node is like, and when it becomes another, in place of what they say
    #[arg(long, conflicts_with_all = ["all", "json"])]
    table: bool,
    /// Draw it into this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl PrintArgs {
    /// Whether all of a trace is wanted, and not only what a person reads.
    fn is_whole(&self) -> bool {
        self.all || self.json || self.table
    }
}

/// Told each line in turn, it says what stands before it.
type Notes = Box<dyn FnMut(&Line) -> Option<String>>;

/// A trace, and what makes it readable.
struct Story {
    /// What is to be seen, in a sentence.
    title: String,
    trace: Trace,
    /// Whether a person wants to see a line.
    shows: fn(&Line) -> bool,
    /// What is to be said before a line, if anything.
    note: Notes,
    /// How it ended, in a sentence.
    outcome: String,
    /// Options to try next, and what they show.
    next: &'static [(&'static str, &'static str)],
}

impl RunArgs {
    /// Runs a chapter's program, or says which there are.
    pub(super) fn run(&self) -> ExitCode {
        let printed = match &self.chapter {
            None => list(),
            Some(Chapter::Tour(args)) => return args.run(),
            Some(Chapter::Bank(args)) => tell("01", args.story(), &args.print),
            Some(Chapter::Partition(args)) => tell("02", args.story(), &args.print),
            Some(Chapter::Atomic(args)) => tell("03", args.story(), &args.print),
            Some(Chapter::Paxos(args)) => tell("04", args.story(), &args.print),
            Some(Chapter::Zxid(args)) => args.tell(),
            Some(Chapter::Jute(args)) => match args.told() {
                Ok(told) => print(&told),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Storage(args)) => match args.story() {
                Ok(story) => tell("07", story, &args.print),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Election(args)) => match args.story() {
                Ok(story) => tell("08", story, &args.print),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Broadcast(args)) => tell("09", args.story(), &args.print),
            Some(Chapter::Return(args)) => tell("10", args.story(), &args.print),
            Some(Chapter::Znodes(args)) => match args.told() {
                Ok(told) => print(&told),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Session(args)) => match args.story() {
                Ok(story) => tell("12", story, &args.print),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Watch(args)) => match args.story() {
                Ok(Some(story)) => tell("13", story, &args.print),
                Ok(None) => args.table(),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Acl(args)) => match args.tell() {
                Ok(printed) => printed,
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Conversation(args)) => {
                let (story, frames) = args.story();
                tell_with("15", story, &args.print, &frames)
            }
            Some(Chapter::Request(args)) => match args.story() {
                Ok(story) => tell("16", story, &args.print),
                Err(why) => return mistake(&why),
            },
            Some(Chapter::Hunt(args)) => tell("18", args.story(), &args.print),
            Some(Chapter::Other(words)) => {
                let name = words.first().map_or("", String::as_str);
                let names: Vec<_> = PROGRAMS.iter().map(|(number, _)| *number).collect();
                let why = format!("chapter {name} has no program; there are {}", names.join(", "));
                return mistake(&why);
            }
        };
        match printed {
            Ok(()) => ExitCode::SUCCESS,
            // Whoever closed the other end does not want to read more.
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            Err(why) => mistake(&why.to_string()),
        }
    }
}

/// What is wrong with the command line.
pub(super) fn mistake(why: &str) -> ExitCode {
    eprintln!("ensemble: {why}");
    ExitCode::from(2)
}

/// Prints what a program has to say that is no trace.
fn print(told: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(told.as_bytes())?;
    out.flush()
}

fn list() -> io::Result<()> {
    let mut out = stdout().lock();
    for (number, what) in PROGRAMS {
        writeln!(out, "ensemble run {number}    {what}")?;
    }
    writeln!(out, "\nAdd --help to see what can be changed.")
}

/// Draws the lines of a trace that a person wants to see into a file. A message whose arrival is
/// shown is drawn from where it was sent.
pub(super) fn draw(
    file: &Path,
    title: &str,
    trace: &Trace,
    shows: fn(&Line) -> bool,
    end: &str,
) -> Result<(), String> {
    let lines = trace.lines();
    let shown: BTreeSet<Option<u64>> =
        lines.iter().filter(|line| shows(line)).map(|line| line.number).collect();
    let is_drawn = |line: &&Line| {
        shows(line)
            || line.kind == Kind::Sent && line.number.is_some() && shown.contains(&line.number)
    };
    let frame = |line: &Line| Frame { line: line.clone(), facts: Vec::new() };
    let frames: Vec<Frame> = lines.iter().filter(is_drawn).map(frame).collect();
    let end: Vec<String> =
        end.lines().filter(|line| !line.is_empty()).map(str::to_string).collect();
    let picture =
        Picture { title, frames: &frames, noise: &[], most: MOST, end: &end, broken: false };
    fs::write(file, picture.svg()).map_err(|why| format!("{}: {why}", file.display()))
}

/// Prints a story.
fn tell(number: &str, story: Story, print: &PrintArgs) -> io::Result<()> {
    tell_with(number, story, print, &Frames::new())
}

/// Prints a story, and below a message the bytes that it was, if they are known.
fn tell_with(number: &str, mut story: Story, print: &PrintArgs, frames: &Frames) -> io::Result<()> {
    if print.table {
        return tabulate(number, &story, print);
    }
    if let Some(file) = &print.svg {
        let Story { title, trace, shows, outcome, .. } = &story;
        draw(file, title, trace, *shows, outcome).map_err(io::Error::other)?;
    }
    let mut out = BufWriter::new(stdout().lock());
    if print.json {
        for line in story.trace.lines() {
            writeln!(out, "{}", layout::json(line))?;
        }
        return out.flush();
    }
    let emphasis = stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    let layout = Layout::new(story.trace.lines(), emphasis);
    writeln!(out, "{}\n\n{}", layout.emphasis(&story.title), layout.head())?;
    for line in story.trace.lines() {
        if let Some(note) = (story.note)(line) {
            writeln!(out, "\n{}", layout.note(&note))?;
        }
        if print.all {
            writeln!(out, "{}", layout.whole(line))?;
        } else if (story.shows)(line) {
            writeln!(out, "{}", layout.line(line))?;
            for row in dump(line, frames) {
                writeln!(out, "{row}")?;
            }
        }
    }
    writeln!(out, "\n{}\n", layout.emphasis(&story.outcome))?;
    out.write_all(layout::try_next(number, 28, story.next).as_bytes())?;
    out.flush()
}

/// Prints what nodes were like in a story.
fn tabulate(number: &str, story: &Story, print: &PrintArgs) -> io::Result<()> {
    let table = Table { title: &story.title, trace: &story.trace };
    let rows = table.rows();
    if rows.is_empty() {
        let why =
            format!("the program of chapter {number} has no table; 04, 08, 09 and 10 have one");
        return Err(io::Error::other(why));
    }
    if let Some(file) = &print.svg {
        fs::write(file, table.svg())?;
    }
    let mut out = BufWriter::new(stdout().lock());
    writeln!(out, "{}\n", story.title)?;
    out.write_all(layout::states(&table.nodes(), &rows).as_bytes())?;
    writeln!(out, "\n{}", story.outcome)?;
    out.flush()
}

/// Reads a time such as `100ms` or `2s`; a number alone counts milliseconds.
fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => text.strip_suffix('s').map_or((text, 1), |number| (number, 1000)),
    };
    let millis = number.parse::<u32>().map_err(|_| "write for example 100ms, or 2s".to_string())?;
    Ok(Duration::from_millis(u64::from(millis) * unit))
}

/// Numbers of servers as a person lists them: `1, 2 and 3`.
fn listed(servers: &[u64]) -> String {
    let words: Vec<_> = servers.iter().map(u64::to_string).collect();
    match words.as_slice() {
        [] => "nobody".to_string(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}
