//! All nodes of a server, as a client of it reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use jute::records::{Acl, Stat};
use protocol::{Error, Operation, Reply};

use crate::client::Client;

/// How many nodes are asked for at once.
const AT_ONCE: usize = 200;

/// What a server says of its configuration is its own.
const CONFIG: &str = "/zookeeper/config";

/// How long a server may take to answer somebody new.
const PATIENCE: Duration = Duration::from_secs(8);

/// How many differences are shown.
const SHOWN: usize = 5;

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) data: Bytes,
    pub(super) acl: Vec<Acl>,
    pub(super) stat: Stat,
}

/// The nodes by their paths.
pub(super) type Tree = BTreeMap<String, Node>;

/// All nodes of a server, and everything that was committed before.
///
/// # Errors
/// The server does not answer, or nodes go while they are read.
pub(super) async fn read(server: SocketAddr) -> Result<Tree, String> {
    let connect = server.to_string();
    let client = Client::connect(&connect, PATIENCE).await.map_err(|error| error.to_string())?;
    let tree = read_all(&client).await.map_err(|error| format!("{server}: {error}"));
    client.close().await.ok();
    tree
}

async fn read_all(client: &Client) -> Result<Tree, Error> {
    client.sync("/").await?;
    let mut tree = Tree::new();
    let mut unread = vec!["/".to_string()];
    while !unread.is_empty() {
        let paths = unread.split_off(unread.len().saturating_sub(AT_ONCE));
        let asked: Vec<_> = paths
            .into_iter()
            .map(|path| {
                let data = client.request(Operation::GetData { path: path.clone() });
                let acl = client.request(Operation::GetAcl { path: path.clone() });
                let children = Operation::GetChildren { path: path.clone(), stat: false };
                (path, data, acl, client.request(children))
            })
            .collect();
        for (path, data, acl, children) in asked {
            let (data, acl, children) = (data.await?, acl.await?, children.await?);
            let (Reply::Data { data, stat }, Reply::Acl { acl, .. }, Reply::Children { names, .. }) =
                (data, acl, children)
            else {
                unreachable!("an answer is of the kind of its request")
            };
            let parent = path.trim_end_matches('/').to_string();
            unread.extend(names.iter().map(|name| format!("{parent}/{name}")));
            if path != CONFIG {
                tree.insert(path, Node { data: data.unwrap_or_default(), acl, stat });
            }
        }
    }
    Ok(tree)
}

/// What is different between two trees, in words; nothing if they are equal.
pub(super) fn difference(one: &Tree, other: &Tree) -> Option<String> {
    let paths: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ: Vec<_> = paths.iter().filter(|path| one.get(**path) != other.get(**path)).collect();
    let mut text = format!("{} of {} nodes differ", differ.len(), paths.len());
    for path in differ.iter().take(SHOWN) {
        let (here, there) = (one.get(**path), other.get(**path));
        write!(text, "; {path}: {here:?} and {there:?}").expect("a string takes everything");
    }
    (!differ.is_empty()).then_some(text)
}
