//! How the servers of an ensemble look: a table for a person, lines for a log, JSON for a program.
//!
//! Nothing here writes: facts go in, text comes out.

use serde_json::{Value as Json, json};

use super::facts::{Condition, Facts, Role};

/// What stands above the columns.
const HEAD: &str = "  server  state              epoch  zxid          sessions  clients   port";

/// What the keys do.
const KEYS: &str = "select  k kill  r restart  p pause/resume  c cut off/rejoin  q quit";

/// The whole table: where to connect, a line for each server, what happened last, and the keys.
pub fn table(all: &[Facts], selected: usize, said: &str) -> Vec<String> {
    let mut lines = vec![format!("connect: {}", connect(all)), String::new(), HEAD.to_string()];
    for (index, facts) in all.iter().enumerate() {
        let mark = if index == selected { '>' } else { ' ' };
        lines.push(format!("{mark} {}", row(facts)));
    }
    let numbers = if all.len() == 1 { "1".to_string() } else { format!("1-{}", all.len()) };
    lines.extend([String::new(), said.to_string(), format!("{numbers} {KEYS}")]);
    lines
}

/// One server. Of one that does not run, only what may still be true is shown.
fn row(facts: &Facts) -> String {
    let (seen, port) = (&facts.seen, facts.address.port());
    let of_running = |number: usize| match facts.condition {
        Condition::Running => number.to_string(),
        _ => "-".to_string(),
    };
    format!(
        "{:<6}  {:<17}  {:>5}  {:<12}  {:>8}  {:>7}  {port:>5}",
        facts.server.0,
        facts.state(),
        seen.epoch.map_or("-".to_string(), |epoch| epoch.to_string()),
        format!("0x{:x}", seen.zxid.0),
        of_running(seen.sessions),
        of_running(seen.clients),
    )
}

/// All servers that clients can connect to, as clients take them.
pub fn connect(all: &[Facts]) -> String {
    let addresses: Vec<_> = all.iter().map(|facts| facts.address.to_string()).collect();
    addresses.join(",")
}

/// How it stands with the whole: who leads, or what is waited for.
pub fn summary(all: &[Facts]) -> String {
    let running: Vec<_> =
        all.iter().filter(|facts| facts.condition == Condition::Running).collect();
    let looking: Vec<_> = running.iter().filter(|facts| !facts.serves()).collect();
    let leader = running.iter().find(|facts| facts.seen.role == Role::Leader);
    match leader {
        _ if running.is_empty() => "nobody runs".to_string(),
        Some(facts) if looking.is_empty() => format!("server {} leads", facts.server),
        Some(facts) => {
            let numbers: Vec<_> = looking.iter().map(|facts| facts.server.to_string()).collect();
            format!("server {} leads; still looking: {}", facts.server, numbers.join(", "))
        }
        None if running.iter().any(|facts| facts.seen.role == Role::Standalone) => {
            "serving".to_string()
        }
        None if looking.is_empty() => "nobody leads; nobody has noticed yet ...".to_string(),
        None => "electing a leader ...".to_string(),
    }
}

/// What has changed of a server, if it is worth a line: its condition and role, not its numbers.
pub fn change(before: Option<&Facts>, now: &Facts) -> Option<String> {
    let key = |facts: &Facts| (facts.condition.clone(), facts.cut, facts.seen.role);
    if before.is_some_and(|before| key(before) == key(now)) {
        return None;
    }
    let mut line = format!("server {}: {}", now.server, now.state());
    match &now.condition {
        Condition::Running if now.serves() => {
            line += &format!(", zxid 0x{:x}, clients at {}", now.seen.zxid.0, now.address);
        }
        Condition::Ended(why) => line += &format!(": {why}"),
        _ => {}
    }
    Some(line)
}

/// A server for a program.
pub fn json(facts: &Facts) -> Json {
    let (condition, why) = match &facts.condition {
        Condition::Starting => ("starting", None),
        Condition::Running => ("running", None),
        Condition::Paused => ("paused", None),
        Condition::Killed => ("killed", None),
        Condition::Ended(why) => ("ended", Some(why)),
    };
    json!({
        "server": facts.server.0,
        "address": facts.address.to_string(),
        "condition": condition,
        "why": why,
        "cut": facts.cut,
        "role": facts.seen.role.to_string(),
        "epoch": facts.seen.epoch,
        "zxid": facts.seen.zxid.0,
        "sessions": facts.seen.sessions,
        "clients": facts.seen.clients,
    })
}
