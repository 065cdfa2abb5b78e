//! Claims of chapters 12 and 13, on production servers and clients.

use std::time::Duration;

use assurance::claims::{Absence, Absent, Left, Watched, Watching, Way, absence, silent, watching};
use protocol::{EventKind, SessionState};

use super::{Experiment, SEED, Scene, scene};

/// Claim 13: watches fire once.
pub(super) fn once() -> Experiment {
    let of = |left| Watching { left, there: true, again: false, burst: false, seed: SEED };
    let (first, data) = told("A watch left by getData", &of(Left::GetData));
    let (second, one) = told("A persistent watch on the node", &of(Left::Persistent));
    let (third, all) = told("A recursive watch on the node and all below", &of(Left::Recursive));
    let holds = [
        (data.told.len() == 1, "a watch left by getData did not fire once"),
        (one.told.len() == 5, "a persistent watch did not hear of each change"),
        (all.told.len() == 5, "a recursive watch did not hear of each change"),
        (
            all.told.iter().all(|(kind, _)| *kind != EventKind::NodeChildrenChanged),
            "a recursive watch heard of a list of children",
        ),
    ];
    Experiment::of(vec![first, second, third], &holds)
}

/// Claim 14: getData leaves a watch for a creation.
pub(super) fn missing() -> Experiment {
    let of = |left| Watching { left, there: false, again: false, burst: false, seed: SEED };
    let (first, data) = told("getData on a node that is not there", &of(Left::GetData));
    let (second, exists) = told("exists on a node that is not there", &of(Left::Exists));
    let (third, persistent) = told("A persistent watch, likewise", &of(Left::Persistent));
    let created = |it: &Watched| it.told.first().is_some_and(|it| it.0 == EventKind::NodeCreated);
    let holds = [
        (!data.found && data.told.is_empty(), "getData left a watch"),
        (!exists.found && created(&exists), "exists left no watch for the creation"),
        (created(&persistent), "the persistent watch did not hear of the creation"),
    ];
    Experiment::of(vec![first, second, third], &holds)
}

/// Claim 15: a watcher sees every change.
pub(super) fn every_change() -> Experiment {
    let of = |burst| Watching { left: Left::GetData, there: true, again: true, burst, seed: SEED };
    let (first, slow) = told("The changes come one by one; each time client 1 reads", &of(false));
    let (second, fast) = told("The changes come at once", &of(true));
    let holds = [
        (slow.told.len() == 3, "client 1 missed a change that it had time to hear of"),
        (fast.told.len() < 3, "each of the changes was told"),
        (fast.last_read.as_deref() == Some("three"), "the last change was missed"),
    ];
    Experiment::of(vec![first, second], &holds)
}

/// Claim 33: every transaction triggers watches.
pub(super) fn transactions() -> Experiment {
    let (trace, facts) = silent(SEED);
    let outcome = format!(
        "There were {} transactions, of which one was refused ({}), and {} events; a write after \
         them made {}.",
        facts.transactions,
        facts.refused.map_or("not at all".to_string(), |code| code.to_string()),
        facts.events,
        facts.afterwards
    );
    let title = "Client 1 watches the whole tree; setACL, a wrong version, a session that comes and \
                 goes";
    let holds = [
        (facts.transactions == 4, "there were not four transactions"),
        (facts.events == 0, "one of them triggered a watch"),
        (facts.afterwards == 1, "a write triggered none"),
    ];
    Experiment::of(vec![scene(title, trace, outcome)], &holds)
}

/// Claim 20: ephemeral nodes vanish as soon as their client dies.
pub(super) fn ephemerals() -> Experiment {
    let play = |title: &str, way: Way, servers: u64| -> (Scene, Absent) {
        let (tick, timeout) = (Duration::from_secs(2), Duration::from_secs(6));
        let (trace, came) = absence(&Absence { servers, tick, timeout, way, seed: SEED });
        let outcome = match came.gone {
            Some(gone) => format!("Gone {} ms later.", (gone - came.left).as_millis()),
            None => "It is still there.".to_string(),
        };
        (scene(title, trace, outcome), came)
    };
    let (first, closed) = play("Client 1 closes its session", Way::Close, 1);
    let (second, killed) = play("Client 1 is killed; its connection is closed", Way::Crash, 1);
    let (third, moved) = play("The server of client 1 crashes", Way::Server, 3);
    let after = |it: &Absent| it.gone.map(|gone| gone - it.left);
    let connected = Some(SessionState::SyncConnected);
    let holds = [
        (after(&closed).is_some_and(|it| it.as_millis() < 100), "closing took its time"),
        (after(&killed).is_some_and(|it| it.as_secs() >= 4), "a dead client's node went at once"),
        (moved.there && moved.gone.is_none(), "the node did not outlive a server"),
        (moved.state == connected, "the client did not go on at another server"),
    ];
    Experiment::of(vec![first, second, third], &holds)
}

fn told(title: &str, scenario: &Watching) -> (Scene, Watched) {
    let (trace, came) = watching(scenario);
    let outcome = format!(
        "Client 2 made {} changes; client 1 was told of {}.",
        came.changes,
        came.told.len()
    );
    (scene(title, trace, outcome), came)
}
