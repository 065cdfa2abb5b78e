//! What a server found on its disk, compared with the model.

use server::State;

use crate::model::{CONFIG, Model};

/// How a state differs from the model, in words, if it does.
pub(crate) fn difference(expected: &Model, found: &State) -> Option<String> {
    if expected.sessions != found.sessions {
        return Some(format!("sessions are {:?}, not {:?}", found.sessions, expected.sessions));
    }
    for (path, node) in &expected.nodes {
        let Some(there) = found.tree.node(path) else { return Some(format!("{path} is missing")) };
        // Each server writes there by itself, when it starts.
        if path == CONFIG {
            continue;
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
        if there.children_count() != node.children.len() {
            return Some(format!("{path} has {} children", there.children_count()));
        }
    }
    let (many, right) = (found.tree.len(), expected.nodes.len());
    if many != right {
        return Some(format!("there are {many} nodes, not {right}"));
    }
    (found.tree.digest() != expected.digest).then(|| "the digest differs".to_string())
}
