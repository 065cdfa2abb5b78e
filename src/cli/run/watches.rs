//! The program of chapter 13: which change fires which watch, and one watch as it is left and fires.

mod table;

use std::io;

use assurance::claims::{Left, Watched, Watching, watching};
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId};
use protocol::EventKind;

use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct WatchArgs {
    /// The table of what fires what, or by what a client leaves one watch
    #[arg(value_enum, default_value = "table")]
    what: What,
    /// In the table: the path that is watched
    #[arg(long, value_name = "PATH", default_value = "/a/b", value_parser = read_path)]
    on: String,
    /// In the table: the watcher may not read the nodes
    #[arg(long)]
    no_read: bool,
    /// The node is not there yet when the watch is left
    #[arg(long)]
    missing: bool,
    /// The client asks again, with a new watch, whenever it is told something
    #[arg(long)]
    again: bool,
    /// All changes are asked for at once
    #[arg(long)]
    burst: bool,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Every change of a node, its parent and what is below, and every kind of watch
    Table,
    #[value(name = "getData")]
    GetData,
    #[value(name = "exists")]
    Exists,
    #[value(name = "getChildren")]
    GetChildren,
    /// addWatch for one node
    Persistent,
    /// addWatch for a node and all below
    Recursive,
}

impl WatchArgs {
    /// A watch as it is left and fires; nothing if the table is asked for.
    pub(super) fn story(&self) -> Result<Option<Story>, String> {
        let left = match self.what {
            What::Table if self.print.svg.is_some() || self.print.json || self.print.all => {
                let why =
                    "the table is no trace; name a watch, for example `ensemble run 13 exists`";
                return Err(why.to_string());
            }
            What::Table => return Ok(None),
            What::GetData => Left::GetData,
            What::Exists => Left::Exists,
            What::GetChildren => Left::GetChildren,
            What::Persistent => Left::Persistent,
            What::Recursive => Left::Recursive,
        };
        let WatchArgs { missing, again, burst, seed, .. } = *self;
        let (trace, came) = watching(&Watching { left, there: !missing, again, burst, seed });
        let by = self.what.to_possible_value().map_or(String::new(), |it| it.get_name().into());
        let node = if missing { "/app, which is not there" } else { "/app" };
        Ok(Some(Story {
            title: format!("Client 1 leaves a watch on {node} ({by}); client 2 makes changes."),
            trace,
            shows,
            note: notes(),
            outcome: outcome(&came),
            next: NEXT,
        }))
    }

    /// Prints the table.
    pub(super) fn table(&self) -> io::Result<()> {
        table::print(&self.on, !self.no_read, NEXT)
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--on /a", "the same changes, seen from the parent"),
    ("--no-read", "a watcher that may not read the node"),
    ("getData", "a watch that fires once"),
    ("getData --again --burst", "what is missed between two watches"),
    ("getData --missing", "no node, and no watch"),
    ("exists --missing", "no node, and a watch"),
    ("recursive", "a watch that stays, and sees all below"),
];

fn read_path(text: &str) -> Result<String, String> {
    match znodes::path::is_valid(text) {
        true => Ok(text.to_string()),
        false => Err(format!("{text} is no path; write for example /a/b")),
    }
}

/// What a person wants to see: what clients ask, what they are answered, and what watches tell.
fn shows(line: &Line) -> bool {
    let client = |node: NodeId| matches!(node, NodeId::Client(_));
    let between = client(line.node) || line.peer.is_some_and(client);
    line.kind == Kind::Received && between && !line.text.contains("xid=-2")
}

/// Says once what a request, an event, a change is about.
fn notes() -> super::Notes {
    let mut said = (false, false, false);
    Box::new(move |line: &Line| {
        let first = |said: &mut bool| !std::mem::replace(said, true);
        let asks = line.kind == Kind::Received && matches!(line.node, NodeId::Server(_));
        if asks && line.peer == Some(NodeId::Client(1)) && line.text.contains("/app") {
            return first(&mut said.0).then(|| {
                "Client 1 reads, or adds a watch. The watch is kept by the server, under the path \
                 and the connection."
                    .to_string()
            });
        }
        if asks && line.peer == Some(NodeId::Client(2)) && said.0 && line.text.contains("/app") {
            return first(&mut said.1).then(|| "Client 2 makes its changes.".to_string());
        }
        let told = line.kind == Kind::Received && line.text.contains("event ");
        (told && first(&mut said.2)).then(|| {
            "An event says what happened to which node, and nothing of the data. Whoever wants \
             that has to ask."
                .to_string()
        })
    })
}

fn outcome(came: &Watched) -> String {
    let told: Vec<String> = came
        .told
        .iter()
        .map(|(kind, path): &(EventKind, String)| format!("{kind:?} {path}"))
        .collect();
    let mut text = match told.len() {
        0 => format!("Changes: {}. Client 1 was told nothing", came.changes),
        1 => format!("Changes: {}. Client 1 was told of one: {}", came.changes, told[0]),
        many => format!("Changes: {}. Client 1 was told of {many}", came.changes),
    };
    if !came.found {
        text += ", and its read found no node";
    }
    if let Some(data) = &came.last_read {
        text += &format!("; what it last read is {data:?}");
    }
    text + "."
}
