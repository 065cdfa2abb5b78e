//! What a server holds, compared with the model, in words.

use server::State;
use zxid::SessionId;

use crate::model::{CONFIG, Model, Node};

/// How a state differs from the model, if it does.
pub(crate) fn difference(expected: &Model, found: &State) -> Option<String> {
    if expected.sessions != found.sessions {
        return Some(format!("sessions are {:?}, not {:?}", found.sessions, expected.sessions));
    }
    let differs = |(path, node): (&String, &Node)| node_differs(path, Some(node), found);
    if let Some(what) = expected.nodes.iter().find_map(differs) {
        return Some(what);
    }
    let (many, right) = (found.tree.len(), expected.nodes.len());
    if many != right {
        return Some(format!("there are {many} nodes, not {right}"));
    }
    let (many, right) = (found.tree.ephemerals_count(), expected.ephemerals_count());
    if many != right {
        return Some(format!("there are {many} ephemeral nodes by the sessions, not {right}"));
    }
    (found.tree.digest() != expected.digest).then(|| "the digest differs".to_string())
}

/// How one node differs, if it does; the model may have none.
pub(super) fn node_differs(path: &str, expected: Option<&Node>, found: &State) -> Option<String> {
    let (node, there) = match (expected, found.tree.node(path)) {
        (None, None) => return None,
        (Some(_), None) => return Some(format!("{path} is missing")),
        (None, Some(_)) => return Some(format!("{path} is still there")),
        (Some(node), Some(there)) => (node, there),
    };
    // Each server writes there by itself, when it starts.
    if path == CONFIG {
        return None;
    }
    if there.data() != node.data.as_deref() {
        return Some(format!("the data of {path} differs"));
    }
    if there.persisted() != node.stat {
        let (found, expected) = (there.persisted(), node.stat);
        return Some(format!("the stat of {path} is {found:?}, not {expected:?}"));
    }
    if there.acl()[..] != node.acl[..] {
        return Some(format!("the list of {path} is {:?}, not {:?}", there.acl(), node.acl));
    }
    let (many, right) = (there.children_count(), node.children.len());
    (many != right).then(|| format!("{path} has {many} children, not {right}"))
}

/// How one session differs, and what it owns, if it does.
pub(super) fn session_differs(
    session: SessionId,
    expected: &Model,
    found: &State,
) -> Option<String> {
    let (timeout, right) = (found.sessions.get(&session), expected.sessions.get(&session));
    if timeout != right {
        return Some(format!("the timeout of {session} is {timeout:?}, not {right:?}"));
    }
    let (owned, right) = (found.tree.ephemerals_of(session), expected.ephemerals(session));
    (owned != right).then(|| format!("{session} owns {owned:?}, not {right:?}"))
}
