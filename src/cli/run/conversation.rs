//! The program of chapter 15: what a client and a server say to each other.

use std::collections::BTreeSet;

use assurance::program::{Conversation, Scene, run_conversation};
use clap::{Args, ValueEnum};
use machines::{Kind, Line, NodeId};

use super::frames::Frames;
use super::{PrintArgs, Story};

#[derive(Args, Debug)]
pub(super) struct ConversationArgs {
    /// What is shown
    #[arg(value_enum, default_value = "talk")]
    scene: SceneArg,
    /// Show the bytes of each frame
    #[arg(long, conflicts_with = "json")]
    bytes: bool,
    /// Another seed is another network: each message takes another time
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pub(super) print: PrintArgs,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum SceneArg {
    /// From the first frame to the last, and nothing breaks
    Talk,
    /// The server crashes, and the session goes on at another
    Move,
    /// The connection breaks before a create has reached the server
    LostRequest,
    /// The connection breaks before the answer to a create has reached the client
    LostReply,
    /// The same with a write that names a version
    LostVersion,
    /// The client is cut off for longer than its session lasts
    Expire,
}

impl ConversationArgs {
    /// Runs the program; gives the bytes too, if they are wanted.
    pub(super) fn story(&self) -> (Story, Frames) {
        let (scene, title) = match self.scene {
            SceneArg::Talk => {
                (Scene::Talk, "A client and a server, from the first frame to the last.")
            }
            SceneArg::Move => (Scene::Move, "A server crashes, and a session goes on at another."),
            SceneArg::LostRequest => {
                (Scene::LostRequest, "The connection breaks, and a request is lost with it.")
            }
            SceneArg::LostReply => {
                (Scene::LostReply, "The connection breaks, and a reply is lost with it.")
            }
            SceneArg::LostVersion => (
                Scene::LostVersion,
                "The connection breaks, and the reply to a write that names a version is lost.",
            ),
            SceneArg::Expire => {
                (Scene::Expire, "A client is cut off for longer than its session lasts.")
            }
        };
        let told = run_conversation(&Conversation { scene, seed: self.seed });
        let trace = told.seen(self.print.is_whole());
        let outcome = outcome(trace.lines());
        let mut narrator = Narrator::default();
        let note = Box::new(move |line: &Line| narrator.note(line));
        let title = title.to_string();
        let frames = if self.bytes { told.bytes } else { Frames::new() };
        (Story { title, trace, shows, note, outcome, next: NEXT }, frames)
    }
}

const NEXT: &[(&str, &str)] = &[
    ("--bytes", "what travels, byte by byte"),
    ("move", "the server crashes: what of session and watch?"),
    ("lost-request", "a create is lost on its way"),
    ("lost-reply", "its answer is lost: compare what the program hears"),
    ("lost-version", "BadVersion, and who has written?"),
    ("expire", "who says that a session is over?"),
];

/// What a person wants to see: what has to do with clients.
fn shows(line: &Line) -> bool {
    let is_client = |node: NodeId| matches!(node, NodeId::Client(_));
    match line.kind {
        Kind::Crashed => true,
        Kind::Received | Kind::Broken => is_client(line.node) || line.peer.is_some_and(is_client),
        Kind::Driven | Kind::Answered | Kind::Cut | Kind::Mended => is_client(line.node),
        _ => false,
    }
}

/// What each frame is about, said before the first of its kind.
const EXPLAINED: &[(Kind, &str, &str)] = &[
    (
        Kind::Received,
        "ConnectRequest timeout=6000 session=0x0",
        "The first frame has no header: the last zxid that the client has seen, the timeout that it \
         wants, and the session to go on with. It has none yet.",
    ),
    (
        Kind::Received,
        "ConnectRequest",
        "The same first frame on a new connection, with the session and its password. A server \
         that is behind what the client has seen would not take it.",
    ),
    (
        Kind::Received,
        "ConnectResponse timeout=0",
        "A timeout of 0: there is no such session. Only the ensemble can say so.",
    ),
    (
        Kind::Received,
        "ConnectResponse",
        "The session is there: a transaction, which all servers have. The timeout is what they \
         agreed on.",
    ),
    (
        Kind::Received,
        "setWatches",
        "The new server knows nothing of what was left at the old one. The client leaves its \
         watches again, with the last zxid that it has seen; what has happened since is told at \
         once.",
    ),
    (
        Kind::Received,
        "ping",
        "The client has said nothing for a third of its timeout, so it says that it is there.",
    ),
    (
        Kind::Received,
        "event",
        "An event has no number of a request. It comes before any answer that \
     shows the change.",
    ),
    (Kind::Received, "closeSession", "The end of the session is a transaction, too."),
    (
        Kind::Received,
        "reply",
        "Each answer has the number of its request, the last zxid that the server has applied, and \
         an error or 0.",
    ),
    (
        Kind::Broken,
        "",
        "The connection breaks. What was on its way is lost; each end learns of it \
     in its own time.",
    ),
    (
        Kind::Crashed,
        "",
        "The server crashes. The session does not: it is a transaction, not a \
     connection.",
    ),
    (
        Kind::Answered,
        "the program hears: ConnectionLoss",
        "This is all that the client knows: no \
     answer came. Request or reply, it cannot tell which of the two was lost.",
    ),
];

/// Says what a frame is about, when it is the first of its kind.
#[derive(Default)]
struct Narrator {
    said: BTreeSet<&'static str>,
}

impl Narrator {
    fn note(&mut self, line: &Line) -> Option<String> {
        if !shows(line) {
            return None;
        }
        if line.kind == Kind::Cut {
            let cut = "The client is cut off from all servers.";
            return self.said.insert(cut).then(|| cut.to_string());
        }
        let about = |(kind, what, _): &&(Kind, &str, &str)| {
            *kind == line.kind && line.text.starts_with(what)
        };
        let (_, _, why) = EXPLAINED.iter().find(about)?;
        self.said.insert(why).then(|| (*why).to_string())
    }
}

/// The last thing that the program heard.
fn outcome(lines: &[Line]) -> String {
    let heard = |line: &Line| line.text.strip_prefix("the program hears: ").map(str::to_owned);
    let all: Vec<String> = lines.iter().filter_map(heard).collect();
    format!(
        "The program heard {} things, and in the end: {}.",
        all.len(),
        all.last().map_or("nothing", String::as_str)
    )
}
