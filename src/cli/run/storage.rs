//! The program of chapter 7: a log, what happens to its disk, and what is found afterwards.

use std::collections::BTreeSet;

use ::storage::program::{LeftOver, Outcome, Program, Trouble, run_program};
use clap::{Args, ValueEnum};
use machines::{Kind, Line};
use zxid::Zxid;

use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct StorageArgs {
    /// What happens to the disk
    #[arg(value_enum, default_value = "written")]
    trouble: TroubleArg,
    /// How often the client writes, without waiting for an answer
    #[arg(long, value_name = "N", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(3..=40))]
    writes: u32,
    /// Bytes of data in each write; the disk writes in sectors of 512
    #[arg(long, value_name = "N", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u32).range(8..=4000))]
    bytes: u32,
    /// Which record a bit turns in, with `flipped`
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=40))]
    record: u32,
    /// The server answers before it has forced what it answers for
    #[arg(long)]
    careless: bool,
    /// Another seed is another disk: other bytes survive
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TroubleArg {
    /// The power goes when the second batch is appended, and nothing of it is written yet
    Appended,
    /// The power goes when the second batch is written, but not forced
    Written,
    /// The power goes when the second batch is forced
    Forced,
    /// All is forced; then a bit turns
    Flipped,
}

impl StorageArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Result<Story, String> {
        let Self { writes, record, careless, seed, .. } = *self;
        if record > writes {
            return Err(format!("--record {record}: there are {writes} records; add --writes"));
        }
        let (trouble, what) = match self.trouble {
            TroubleArg::Appended => (Trouble::Appended, "The power goes before a batch is written"),
            TroubleArg::Written => {
                (Trouble::Written, "The power goes when a batch is written, and not forced")
            }
            TroubleArg::Forced => (Trouble::Forced, "The power goes when a batch is forced"),
            TroubleArg::Flipped => (Trouble::Flipped(record), "All is forced; then a bit turns"),
        };
        let bytes = self.bytes as usize;
        let outcome = run_program(&Program { writes, bytes, trouble, careless, seed });
        let how = if careless { "; the server answers before it forces" } else { "" };
        let (title, end) = (format!("{what}{how}."), tell(&outcome));
        let mut said = BTreeSet::new();
        let refused = outcome.found.clone().err();
        let notes = outcome.found.map_or(Vec::new(), |(_, notes)| notes).join(" ");
        let note = Box::new(move |line: &Line| match line.kind {
            Kind::Refused => {
                refused.as_ref().map(|why| format!("The server does not start. It says: {why}."))
            }
            // The first start finds nothing.
            Kind::Answered if line.text.starts_with("Found everything") && !notes.is_empty() => {
                Some(format!("Recovery says: {notes}."))
            }
            _ => explain(line, &mut said),
        });
        Ok(Story { title, trace: outcome.trace, shows, note, outcome: end, next: NEXT })
    }
}

const NEXT: &[(&str, &str)] = &[
    ("written --careless", "answers that nothing stands behind"),
    ("written --seed 6", "the same on another disk: other bytes survive"),
    ("appended", "the power goes before anything is written"),
    ("forced", "the power goes when the batch is forced"),
    ("flipped", "a bit turns in what was promised"),
    ("flipped --record 7", "a bit turns in the last batch: nobody can tell"),
];

/// What a person wants to see: what is asked and answered, and what the disk has.
fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Received | Kind::Durable | Kind::Crashed | Kind::PowerLost | Kind::Answered => true,
        Kind::Started => line.node == machines::NodeId::Server(1),
        _ => false,
    }
}

/// What each kind of line is about, said before the first of them.
const EXPLAINED: &[(Kind, &str, &str)] = &[
    (
        Kind::Answered,
        "Append",
        "Each write becomes a transaction, and is appended to the log: in memory so far.",
    ),
    (
        Kind::Durable,
        "t1",
        "The first batch is forced. What was appended meanwhile is the next batch.",
    ),
    (Kind::Received, "Done", "The client is told that its write is done."),
    (Kind::PowerLost, "", "The power goes. What was not forced survives as the disk likes."),
    (Kind::Crashed, "", "The process ends. All was forced; then a bit of the file turns."),
];

fn explain(line: &Line, said: &mut BTreeSet<&'static str>) -> Option<String> {
    let about =
        |(kind, what, _): &&(Kind, &str, &str)| *kind == line.kind && line.text.starts_with(what);
    let (_, _, why) = EXPLAINED.iter().find(about)?;
    said.insert(why).then(|| (*why).to_string())
}

/// What the file looked like, and whether a promise was broken.
fn tell(outcome: &Outcome) -> String {
    let Outcome { told, found, left, .. } = outcome;
    let promised = match told.counter() {
        0 => "The client was told of nothing".to_string(),
        _ => format!("The client was told of everything up to {told}"),
    };
    let kept = match found {
        Err(_) => "the server refuses to start: better than to forget".to_string(),
        Ok((last, _)) if last < told => {
            format!("found is {}: promises are broken", upto(*last))
        }
        Ok((last, _)) => format!("found is {}: every promise is kept", upto(*last)),
    };
    let table = left.as_ref().map_or("There is no log file.".to_string(), table);
    format!("{promised}; {kept}.\n\n{table}")
}

fn upto(last: Zxid) -> String {
    if last.counter() == 0 { "nothing".to_string() } else { format!("everything up to {last}") }
}

/// The file as recovery found it.
fn table(left: &LeftOver) -> String {
    let LeftOver { name, mark, records, end: (end, flaw) } = left;
    let mut lines = vec![
        format!("{name}, before the restart. Its mark is {mark}: all below it was forced."),
        format!("{:>7}  what is there", "byte"),
        format!("{:>7}  the header", 0),
    ];
    lines.extend(records.iter().map(|(at, zxid)| format!("{at:>7}  {zxid}")));
    lines.push(format!("{end:>7}  {flaw}"));
    lines.join("\n")
}
