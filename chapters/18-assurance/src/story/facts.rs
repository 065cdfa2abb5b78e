//! Facts: what a server is like, as names and values for a person to read.

use machines::{Facts, Now};
use server::Server;
use sync::laws::Laws;
use sync::{Member, Scribe};
use zxid::{ServerId, Zxid};

/// So many of the last transactions of a history are listed.
const LISTED: usize = 6;

/// What a scribe is like, and what is on its disk for sure.
pub(crate) fn of_scribe(scribe: &Scribe, on_disk: String) -> Facts {
    let mut facts = of_member(scribe.member());
    fact(&mut facts, "on disk", on_disk);
    fact(&mut facts, "delivered", scribe.applied());
    facts
}

/// What a server is like, and what is on its disk for sure.
pub(crate) fn of_server(server: &Server, on_disk: String) -> Facts {
    let seen = server.facts(Now::default(), 0);
    let mut facts = match server.part() {
        Some(part) => of_member(part.member()),
        None => vec![("role".to_string(), seen.mode().to_string())],
    };
    if server.part().is_some() {
        fact(&mut facts, "on disk", on_disk);
    }
    fact(&mut facts, "applied", seen.state.last);
    fact(&mut facts, "nodes", seen.state.tree.len());
    let sessions: Vec<String> = seen.state.sessions.keys().map(|id| id.to_string()).collect();
    fact(&mut facts, "sessions", listed(&sessions));
    fact(&mut facts, "connections", seen.clients.len());
    fact(&mut facts, "requests at work", seen.outstanding);
    facts
}

/// What a member of an ensemble is like.
fn of_member(member: &Member) -> Facts {
    let history = member.history();
    let mut facts = Facts::new();
    let role = match (member.leader(), member.learner()) {
        (Some(leader), _) => match leader.epoch() {
            Some(epoch) => format!("{}, epoch {epoch}", member.state()),
            None => format!("{}, no epoch yet", member.state()),
        },
        (_, Some(learner)) => {
            let stage = format!("{:?}", learner.stage()).to_lowercase();
            format!("{}, {}", member.state(), stage.split('(').next().unwrap_or_default())
        }
        (None, None) => member.state().to_string(),
    };
    fact(&mut facts, "role", role);
    let serves = member.serving().map(|(leader, epoch)| format!("under {leader}, epoch {epoch}"));
    fact(&mut facts, "serves", serves.unwrap_or_else(|| "no".to_string()));
    let (accepted, current) = (history.accepted(), history.current());
    fact(&mut facts, "epochs", format!("accepted {accepted}, current {current}"));
    let entries: Vec<String> = history.after(Zxid::ZERO).map(|it| it.zxid.to_string()).collect();
    let entries = if entries.is_empty() { vec![history.last().to_string()] } else { entries };
    fact(&mut facts, "history", listed(&entries));
    fact(&mut facts, "committed", history.committed());
    if let Some(leader) = member.leader() {
        let learners: Vec<String> = leader
            .learners_known()
            .map(|(who, synced, _)| format!("{who}{}", if synced { "" } else { " (not yet)" }))
            .collect();
        fact(&mut facts, "learners", listed(&learners));
    }
    facts
}

/// What is on the disk of a member for sure.
pub(crate) fn on_disk(laws: &Laws, server: u64) -> String {
    let server = ServerId(server as i64);
    let (accepted, current) = laws.epochs_on_disk(server);
    format!("up to {}; accepted {accepted}, current {current}", laws.last_on_disk(server))
}

fn fact(facts: &mut Facts, name: &str, value: impl ToString) {
    facts.push((name.to_string(), value.to_string()));
}

/// The last few of a list.
fn listed(items: &[String]) -> String {
    match items.len().checked_sub(LISTED) {
        _ if items.is_empty() => "none".to_string(),
        Some(more) if more > 0 => format!("... {}", items[more..].join(" ")),
        _ => items.join(" "),
    }
}
