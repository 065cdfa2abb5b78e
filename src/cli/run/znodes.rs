//! The program of chapter 11: writes become transactions, and transactions a tree.

use clap::Args;
use jute::records::{ErrorCode, Txn};
use zxid::Zxid;

use super::layout::{columns, try_next};
use crate::shell::{Asked, asked};
use crate::workbench::{Done, Workbench};

/// How long a line may be.
const WIDTH: usize = 100;

/// What is asked for if nothing is said: each kind of write, and what is refused.
const STORY: &[&str] = &[
    "create /a x",
    "create -s /a/q-",
    "create /a/plain",
    "create -s /a/q-",
    "set -v 0 /a y",
    "set -v 0 /a z",
    "get /a",
    "delete /a/plain",
    "2: create -e /a/mine",
    "check /a 1 ; set /a w ; delete /a",
    "2: close",
];

const NEXT: &[(&str, &str)] = &[
    ("\"create -s /q-\" \"create /x\" \"create -s /q-\"", "is it its prefix's own number?"),
    ("\"create /a\" \"create /a\" \"get /a\"", "what fails takes a zxid; a read none"),
    ("\"create /a ; create /a/b ; delete /c\"", "all of a multi, or nothing"),
    ("\"create -e /e\" \"create /e/child\"", "an ephemeral node has no children"),
    ("--twice", "applied twice: the same tree"),
];

#[derive(Args, Debug)]
pub(super) struct ZnodesArgs {
    /// Requests in the shell's words, one in each argument; `2: ...` is asked by client 2, and
    /// `... ; ...` is a multi, which may also have `check path version`
    #[arg(value_name = "REQUEST")]
    requests: Vec<String>,
    /// Apply each transaction twice, as replay over a snapshot may
    #[arg(long)]
    twice: bool,
}

impl ZnodesArgs {
    /// What becomes of each request, and the tree in the end.
    pub(super) fn told(&self) -> Result<String, String> {
        let story: Vec<String> = STORY.iter().map(ToString::to_string).collect();
        let requests = if self.requests.is_empty() { &story } else { &self.requests };
        let mut bench = Workbench::new(self.twice);
        let mut lines = vec![format!("{:<6} what is asked, and what the transaction says", "zxid")];
        for request in requests {
            let (client, text) = client(request)?;
            let asked = asked(text)?;
            if let Some(done) = bench.begin(client) {
                lines.push(line(Some(done.zxid()), &format!("client {client} begins")));
                lines.extend(says(&done));
            }
            let done = match &asked {
                Asked::Write(write) => Some(bench.write(client, write)?),
                Asked::Close => Some(bench.close(client)),
                Asked::Read => None,
            };
            lines.push(line(done.as_ref().map(Done::zxid), request));
            match &done {
                Some(done) => lines.extend(says(done)),
                None => lines.push("       = nothing: a read is no transaction".to_string()),
            }
        }
        let mut told = lines.join("\n");
        told += &format!("\n\n{}\n{}", nodes(&bench), try_next("11", 43, NEXT));
        Ok(told)
    }
}

/// Who asks: client 1, unless it is said.
fn client(request: &str) -> Result<(u8, &str), String> {
    let Some((number, text)) = request.split_once(": ") else { return Ok((1, request)) };
    match number.parse() {
        Ok(client @ 1..=9) => Ok((client, text)),
        _ => Err(format!("`{request}`: {number} is no client; write 1 to 9")),
    }
}

fn line(zxid: Option<Zxid>, what: &str) -> String {
    let zxid = zxid.map_or("-".to_string(), |zxid| zxid.to_string());
    cut(format!("{zxid:<6} {what}"))
}

/// What a transaction says, in one line or, if it has parts, in several.
fn says(done: &Done) -> Vec<String> {
    let txn = done.txn();
    match (&txn, done.refusal()) {
        (Txn::Multi(parts), None) => parts.iter().map(|part| says_one(part)).collect(),
        (Txn::Multi(parts), Some(why)) => {
            let place = parts.iter().take_while(|part| !matches!(part, Txn::Error(_))).count() + 1;
            vec![cut(format!(
                "       = error {} {why}, at part {place}: nothing is done",
                why.code()
            ))]
        }
        _ => vec![says_one(&txn)],
    }
}

fn says_one(txn: &Txn<'_>) -> String {
    let what = match txn {
        Txn::Create(txn) => {
            let kind = if txn.ephemeral { " ephemeral" } else { "" };
            let (path, data, count) = (&txn.path, data(txn.data), txn.parent_cversion);
            format!("create {path} {data}{kind} created_in_parent={count}")
        }
        Txn::CreateContainer(txn) => {
            let (path, data, count) = (&txn.path, data(txn.data), txn.parent_cversion);
            format!("createContainer {path} {data} created_in_parent={count}")
        }
        Txn::CreateTtl(txn) => {
            let (path, data, count) = (&txn.path, data(txn.data), txn.parent_cversion);
            format!("createTTL {path} {data} ttl={} created_in_parent={count}", txn.ttl)
        }
        Txn::Delete(txn) => format!("delete {}", txn.path),
        Txn::SetData(txn) => {
            format!("setData {} {} version={}", txn.path, data(txn.data), txn.version)
        }
        Txn::SetAcl(txn) => {
            let acl: Vec<_> = txn.acl.iter().map(ToString::to_string).collect();
            format!("setACL {} {} version={}", txn.path, acl.join(","), txn.version)
        }
        Txn::Check(txn) => format!("check {} was good", txn.path),
        Txn::CreateSession(txn) => format!("createSession timeout={}", txn.timeout),
        Txn::CloseSession(Some(txn)) if !txn.paths.is_empty() => {
            format!("closeSession, and with it {}", txn.paths.join(", "))
        }
        Txn::CloseSession(_) => "closeSession".to_string(),
        Txn::Error(txn) => {
            let why = ErrorCode::from_code(txn.err).map_or(String::new(), |why| why.to_string());
            format!("error {} {why}: nothing is changed", txn.err)
        }
        Txn::Multi(_) => "multi".to_string(),
    };
    cut(format!("       = {what}"))
}

fn data(data: Option<&[u8]>) -> String {
    data.map_or("null".to_string(), |data| format!("{:?}", String::from_utf8_lossy(data)))
}

/// The tree in the end, but for the nodes of the system.
fn nodes(bench: &Workbench) -> String {
    let mut rows = vec![
        [
            "node", "data", "czxid", "mzxid", "pzxid", "version", "cversion", "aversion",
            "children", "owner",
        ]
        .map(str::to_string),
    ];
    let tree = &bench.state().tree;
    tree.visit_all(|path, node| {
        let system = path.strip_prefix(znodes::path::ZOOKEEPER);
        if system.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            let stat = node.stat();
            let owner = (1..=9).find(|client| {
                bench.session(*client).is_some_and(|it| it.0 == stat.ephemeral_owner)
            });
            rows.push([
                shortened(path, 28),
                shortened(&data(node.data()), 12),
                stat.czxid.to_string(),
                stat.mzxid.to_string(),
                stat.pzxid.to_string(),
                stat.version.to_string(),
                stat.cversion.to_string(),
                stat.aversion.to_string(),
                stat.num_children.to_string(),
                owner.map_or("-".to_string(), |client| format!("client {client}")),
            ]);
        }
        true
    });
    columns(&rows, " ") + &format!("The digest of the tree is 0x{:x}.\n", tree.digest())
}

fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_string(),
    }
}

fn cut(line: String) -> String {
    shortened(&line, WIDTH)
}
