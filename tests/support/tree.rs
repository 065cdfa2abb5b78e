//! All nodes of a server, as a client reads them; and whether the servers of an ensemble agree.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::ensemble::Ensemble;
use crate::session::{Request, Session, sync};
use crate::wire::{Reader, Writer};

/// How many nodes are asked for at once.
const AT_ONCE: usize = 200;

/// What a server says of its configuration is its own, and so are the times of that node.
const CONFIG: &str = "/zookeeper/config";

/// Bytes of a `Stat`.
const STAT: usize = 68;

/// A node as the wire has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) data: Option<Vec<u8>>,
    /// The answer to `getACL`.
    acl: Vec<u8>,
    stat: Vec<u8>,
}

/// The nodes by their paths.
pub(crate) type Tree = BTreeMap<String, Node>;

impl Node {
    /// The fields of its `Stat`, in the order of the wire.
    fn stat(&self) -> Vec<i64> {
        let mut reader = Reader(&self.stat);
        let long = |reader: &mut Reader| reader.long().expect("a long");
        let int = |reader: &mut Reader| i64::from(reader.int().expect("an int"));
        let mut fields = Vec::new();
        for field in [long, long, long, long, int, int, int, long, int, int, long] {
            fields.push(field(&mut reader));
        }
        fields
    }
}

/// All nodes of a server, and everything that was committed before. Nobody may delete meanwhile.
pub(crate) fn read(server: SocketAddr) -> io::Result<Tree> {
    let mut session = Session::new(10_000, Duration::from_secs(30));
    session.connect(server)?;
    let (op, body) = sync();
    session.ask(op, body)?;
    let mut tree = Tree::new();
    let mut unread = vec!["/".to_string()];
    while !unread.is_empty() {
        let paths = unread.split_off(unread.len().saturating_sub(AT_ONCE));
        let requests = paths.iter().flat_map(|path| questions(path)).collect();
        let answers = session.ask_all(requests)?;
        for (path, answers) in paths.iter().zip(answers.chunks(3)) {
            if let Some((_, _)) = answers.iter().find(|(error, _)| *error != 0) {
                return Err(io::Error::other(format!("{path} changes while it is read")));
            }
            let node = node(&answers[0].1, &answers[1].1);
            let parent = path.trim_end_matches('/');
            unread.extend(children(&answers[2].1).map(|name| format!("{parent}/{name}")));
            if path != CONFIG {
                tree.insert(path.clone(), node);
            }
        }
    }
    session.close()?;
    Ok(tree)
}

/// `getData`, `getACL`, `getChildren`.
fn questions(path: &str) -> [Request; 3] {
    let path = || Writer::default().buffer(path.as_bytes());
    [(4, path().byte(0)), (6, path()), (8, path().byte(0))]
}

fn node(data: &[u8], acl: &[u8]) -> Node {
    let mut reader = Reader(data);
    let bytes = reader.buffer().expect("data").map(<[u8]>::to_vec);
    let stat = reader.take(STAT).expect("a stat").to_vec();
    // getACL ends with the same stat.
    let acl = acl[..acl.len() - STAT].to_vec();
    Node { data: bytes, acl, stat }
}

fn children(body: &[u8]) -> impl Iterator<Item = String> {
    let mut reader = Reader(body);
    let count = reader.int().expect("a count");
    (0..count).map(move |_| reader.text().expect("a name"))
}

/// Waits until these servers have the same nodes with the same stats, and gives them. The sessions
/// of those who read come and go meanwhile; they have no nodes.
pub(crate) fn await_equal(ensemble: &Ensemble, ids: &[usize]) -> Tree {
    let mut agreed = None;
    let mut last = String::new();
    let mut equal = || {
        let trees: Result<Vec<Tree>, _> =
            ids.iter().map(|id| read(ensemble.address(*id))).collect();
        match trees {
            Err(error) => last = error.to_string(),
            Ok(mut trees) => {
                let different = trees.iter().zip(ids).skip(1).find(|(tree, _)| **tree != trees[0]);
                match different {
                    None => agreed = Some(trees.swap_remove(0)),
                    Some((tree, id)) => {
                        last = format!("server {} and {id}: {}", ids[0], shown(&trees[0], tree));
                    }
                }
            }
        }
        agreed.is_some()
    };
    let start = Instant::now();
    while !equal() {
        assert!(start.elapsed() < PATIENCE, "the servers do not agree: {last}");
        thread::sleep(Duration::from_millis(100));
    }
    agreed.expect("they agree")
}

/// How long servers may take to come to the same state, after the last change.
const PATIENCE: Duration = Duration::from_secs(30);

/// The first few differences of two trees.
fn shown(one: &Tree, other: &Tree) -> String {
    let paths: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differs = |path: &&&String| one.get(**path) != other.get(**path);
    let all: Vec<_> = paths.iter().filter(differs).collect();
    let mut out = format!("{} of {} nodes differ\n", all.len(), paths.len());
    for path in all.iter().take(10) {
        let show = |tree: &Tree| match tree.get(**path) {
            Some(node) => format!("{:x?} data {:?} acl {:?}", node.stat(), node.data, node.acl),
            None => "absent".into(),
        };
        out += &format!("{path}:\n  {}\n  {}\n", show(one), show(other));
    }
    out
}
