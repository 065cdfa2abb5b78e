//! The program of chapter 2: a partition, and what is given up in it.

use std::time::Duration;

use ::consistency::{
    Action, Course, GiveUp, OpId, Operation, Program, Promise, Violation, run_program,
};
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId};

use super::{PrintArgs, Story, listed, time};

#[derive(Args, Debug)]
pub(super) struct PartitionArgs {
    /// What to give up where there is no quorum: consistency, or availability
    #[arg(long, value_enum, default_value = "a")]
    give_up: GiveUpArg,
    /// What reads are promised, if it is not the same as writes
    #[arg(long, value_enum)]
    reads: Option<PromiseArg>,
    /// How many servers there are; less than half of them are cut off
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(3..=25))]
    servers: u64,
    /// How long the partition lasts; 0 for none
    #[arg(long, default_value = "1s", value_parser = time, value_name = "TIME")]
    partition: Duration,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum GiveUpArg {
    /// Consistency: whoever is asked answers, whatever others have
    C,
    /// Availability: without a quorum there is no answer
    A,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum PromiseArg {
    /// As if there were one copy
    Linearizable,
    /// Old by a bounded time at most, and never older than what the session has seen
    Sequential,
    /// What the server has
    Eventual,
}

impl PartitionArgs {
    /// Runs the program.
    pub(super) fn story(&self) -> Story {
        let (given_up, letter) = match self.give_up {
            GiveUpArg::C => (GiveUp::Consistency, "C"),
            GiveUpArg::A => (GiveUp::Availability, "A"),
        };
        let writes = given_up.promise();
        let reads = self.reads.map_or(writes, PromiseArg::promise);
        let (servers, partition, seed) = (self.servers, self.partition, self.seed);
        let program = Program { servers, writes, reads, partition, seed };
        let course = run_program(&program);

        let minority = program.minority();
        let who = match minority.len() {
            1 => format!("server {} of {servers} is", listed(&minority)),
            _ => format!("servers {} of {servers} are", listed(&minority)),
        };
        let promises = match writes == reads {
            true => format!("All is {writes}"),
            false => format!("Writes {writes}, reads {reads}"),
        };
        let title = match partition.is_zero() {
            true => format!("No partition. {promises}"),
            false => format!("A partition: {who} cut off, {letter} is given up. {promises}"),
        };
        let mut narrator = Narrator { program, parted: false, healed: false, dropped: false };
        let outcome = outcome(&program, &course);
        let trace = course.trace;
        let note = Box::new(move |line: &Line| narrator.note(line));
        Story { title, trace, shows, note, outcome, next: NEXT }
    }
}

impl PromiseArg {
    fn promise(self) -> Promise {
        match self {
            PromiseArg::Linearizable => Promise::Linearizable,
            PromiseArg::Sequential => Promise::Sequential,
            PromiseArg::Eventual => Promise::Eventual,
        }
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--give-up c", "both sides answer; a confirmed write is lost"),
    ("--reads eventual", "each operation gives up what it likes"),
    ("--reads sequential", "reads of a bounded age, as ZooKeeper's"),
    ("--partition 0", "without a partition nothing is given up"),
    ("--servers 5 --partition 3s", "more servers, and longer"),
    ("--seed 2", "the same on another network"),
    ("--all", "with connections and beats, and all that is sent"),
];

/// What a person wants to see: what clients and servers say because of a request.
fn shows(line: &Line) -> bool {
    match line.kind {
        Kind::Received => !line.text.contains("beat="),
        Kind::Answered => true,
        Kind::Left => matches!(line.peer, Some(NodeId::Client(_))),
        _ => false,
    }
}

/// Says what a phase is about, once, when it begins.
struct Narrator {
    program: Program,
    parted: bool,
    healed: bool,
    dropped: bool,
}

impl Narrator {
    fn note(&mut self, line: &Line) -> Option<String> {
        let minority = self.program.minority();
        match line.kind {
            Kind::Started if line.node == NodeId::Server(1) => Some(
                "The servers start, and ask each other what they have, again and again."
                    .to_string(),
            ),
            Kind::Cut if !std::mem::replace(&mut self.parted, true) => Some(format!(
                "The wires are cut between {} with client 2 and all others. A quorum is {} servers.",
                listed(&minority),
                self.program.servers / 2 + 1,
            )),
            Kind::Mended if !std::mem::replace(&mut self.healed, true) => Some(
                "The wires are mended. What waited in them arrives, and the copies meet: the \
                 higher version wins."
                    .to_string(),
            ),
            Kind::Left if shows(line) && !std::mem::replace(&mut self.dropped, true) => {
                Some(format!(
                    "For 400 ms no quorum has answered server {}. It lets go of its client, which \
                     does not learn what became of its request.",
                    line.node
                ))
            }
            _ => None,
        }
    }
}

/// What was answered, what the checkers say, and whether the copies met.
fn outcome(program: &Program, course: &Course) -> String {
    let during = if program.partition.is_zero() { "All is well" } else { "During the partition" };
    let [(asked_1, told_1), (asked_2, told_2)] = [1, 2].map(|it| course.during_partition(it));
    let mut text = format!(
        "{during}: {told_1} of {asked_1} requests of client 1 answered, {told_2} of {asked_2} of \
         client 2."
    );
    text += &verdict(course, "Linearizable", &course.linearizable);
    text += &verdict(course, "Sequential", &course.sequential);
    if let Err(why) = &course.order {
        text += "\nA confirmed write was lost to one that is older, but has a higher version:";
        text += &those(course, why);
    }
    text += &match (course.converged, course.remains) {
        (Some(after), Some(value)) => {
            format!("\nConverged: after {} ms, and all have {value}.", after.as_millis())
        }
        _ => "\nConverged: no.".to_string(),
    };
    text
}

/// What a checker says: an order that explains the history, or the operations that none explains.
fn verdict(course: &Course, what: &str, judged: &Result<Vec<OpId>, Violation>) -> String {
    match judged {
        Ok(_) => format!("\n{what}: yes."),
        Err(why) => format!("\n{what}: no. These show it:{}", those(course, why)),
    }
}

/// The operations that show a violation, a line each.
fn those(course: &Course, why: &Violation) -> String {
    let operations = why.operations.iter().map(|id| shown(course.operation(*id)));
    operations.map(|line| format!("\n  {line}")).collect()
}

/// An operation with its times in ms, as in the columns above.
fn shown(op: &Operation) -> String {
    let ms = |ticks: u64| ticks as f64 / 1000.0;
    let what = match op.action {
        Action::Write(value) => format!("write {value}"),
        Action::Read(value) => format!("read {value}"),
    };
    let end = op.answered.map_or("no answer".to_string(), |end| format!("to {:.1}", ms(end)));
    format!("{} client {}: {what} from {:.1} {end}", op.id, op.client, ms(op.invoked))
}
