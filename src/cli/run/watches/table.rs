//! The table of chapter 13: every change, and what it tells to each kind of watch.

use std::io::{self, Write as _, stdout};

use ::watches::{Fired, KINDS, WatchKind, Write, fire};

use super::super::layout::{columns, try_next};

/// Prints what is told to one watch on a path, by somebody who may read the nodes or not.
pub(super) fn print(watched: &str, may_read: bool, next: &[(&str, &str)]) -> io::Result<()> {
    let mut out = stdout().lock();
    let mut rows = vec![["change", "data", "child", "persistent", "recursive"].map(String::from)];
    let mut spent = [false; KINDS.len()];
    for write in changes() {
        let fired = KINDS.map(|kind| fire(kind, watched, &write, may_read));
        for (spent, fired) in spent.iter_mut().zip(&fired) {
            *spent |= !fired.stays;
        }
        let [data, child, persistent, recursive] = fired.map(|fired| cell(&fired));
        rows.push([words(&write), data, child, persistent, recursive]);
    }
    writeln!(out, "What is told to a watch on {watched}:\n\n{}", columns(&rows, "  "))?;
    let those = |gone: bool| -> Vec<&str> {
        let kinds = KINDS.iter().zip(spent).filter(|(_, spent)| *spent == gone);
        kinds.map(|(kind, _)| name(*kind)).collect()
    };
    writeln!(out, "Spent when they fire: {}. They stay: {}.", those(true).join(", "), {
        those(false).join(", ")
    })?;
    writeln!(out, "getData and exists leave a data watch, getChildren a child watch.")?;
    writeln!(out, "On the wire each event's name begins with Node: NodeCreated, and so on.")?;
    write!(out, "\n{}", try_next("13", 28, next))?;
    out.flush()
}

/// The changes of the table: of the parent, the node, its child, and what is below that.
fn changes() -> Vec<Write> {
    let mut changes = Vec::new();
    for path in ["/a", "/a/b", "/a/b/c", "/a/b/c/d"].map(String::from) {
        changes.push(Write::Create(path.clone()));
        changes.push(Write::SetData(path.clone()));
        if path == "/a/b" {
            changes.push(Write::WrongVersion(path.clone()));
            changes.push(Write::SetAcl(path.clone()));
        }
        changes.push(Write::Delete(path));
    }
    changes
}

fn words(write: &Write) -> String {
    let path = write.path();
    match write {
        Write::Create(_) => format!("create {path}"),
        Write::SetData(_) => format!("set {path}"),
        Write::WrongVersion(_) => format!("set {path} 7"),
        Write::SetAcl(_) => format!("setACL {path}"),
        Write::Delete(_) => format!("delete {path}"),
    }
}

fn cell(Fired { told, refused, .. }: &Fired) -> String {
    let event = |event: &::watches::Event| event.to_string().trim_start_matches("Node").to_string();
    match (refused, told.as_slice()) {
        (Some(why), _) => format!("({why})"),
        (None, []) => "-".to_string(),
        (None, told) => told.iter().map(event).collect::<Vec<_>>().join(", "),
    }
}

fn name(kind: WatchKind) -> &'static str {
    match kind {
        WatchKind::Data => "data",
        WatchKind::Child => "child",
        WatchKind::Persistent => "persistent",
        WatchKind::Recursive => "recursive",
    }
}
