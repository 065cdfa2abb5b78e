//! What must have been reached over many seeds, or the runs say less than they seem to.
//!
//! An invariant about moved sessions says nothing if no session ever moved. So there is a list, and
//! many runs together fail when something on it never happened to them, although it could have: of
//! runs without faults, or of servers that stand alone, less is expected.

use crate::coverage::Coverage;
use crate::settings::Settings;

/// After so many seeds everything that is usual must have been reached, and after so many also what
/// is rare.
const USUAL: u64 = 300;
const RARE: u64 = 3_000;

/// By any servers, whatever is allowed to go wrong.
const ALWAYS: &[&str] = &[
    "Refused",
    "SnapshotSaved",
    "a program hears NodeDeleted",
    "a session is Closed",
    "a snapshot is sealed",
    "a watch is left again",
    "a write fails",
    "a write is confirmed",
    "an event is told",
    "create: NoAuth",
    "create: NoChildrenForEphemerals",
    "delete: NotEmpty",
    "multi: done",
    "multiRead: done",
    "read a register: done",
    "removeWatches: done",
    "setACL: BadVersion",
    "setData: BadVersion",
    // createSession, closeSession, container, deleteContainer, createTTL.
    "transaction -10",
    "transaction -11",
    "transaction 19",
    "transaction 20",
    "transaction 21",
    "write a register: done",
];

/// By several servers, whatever is allowed to go wrong.
const BY_SEVERAL: &[&str] = &[
    "a learner is brought up to date by DIFF",
    "a server is following",
    "a server is leading",
    "read a register as it is here: done",
    "sync a register: done",
];

/// By any servers, if everything may go wrong.
const UNDER_FAULTS: &[&str] = &[
    "a session is resumed",
    "an event is caught up on",
    "multi: ConnectionLoss",
    "watches are set again after a reconnect",
    "write a register: ConnectionLoss",
];

/// By several servers, if everything may go wrong.
const BY_SEVERAL_UNDER_FAULTS: &[&str] = &[
    "a learner is brought up to date by SNAP",
    "a learner is sent what is on disk",
    "a program guesses a password",
    "a quorum serves while another server is as it was",
    "a quorum serves while another server is cut off",
    "a quorum serves while another server is cut off from servers alone",
    "a quorum serves while another server is down",
    "a quorum serves while another server is slow",
    "a quorum serves while another server is stopped",
    "a server gives up: LeaderLost",
    "a server gives up: LeaderSilent",
    "a server gives up: QuorumLost",
    "a session moves to another server",
    "clients come to a server that was left behind",
    "a snapshot is installed",
];

/// The same, but not often.
const RARELY: &[&str] = &[
    "a convalescent votes again",
    "a history is cut",
    "a learner is brought up to date by TRUNC",
    "a learner is brought up to date by TRUNC+DIFF",
    "a server gets a new disk",
    "a server gives up: NoQuorum",
    "a server gives up: RolledOver",
    "a server gives up: Unreachable",
    "a server is Convalescent",
    "a server is Forgetful",
    "a session is Expired",
    "a session is refused",
    // A leader is lost between each two of its steps.
    "the leader is lost after Ack",
    "the leader is lost after AckEpoch",
    "the leader is lost after Commit",
    "the leader is lost after Diff",
    "the leader is lost after FollowerInfo",
    "the leader is lost after LeaderInfo",
    "the leader is lost after NewLeader",
    "the leader is lost after UpToDate",
];

/// What was never reached in so many seeds with these settings, and should have been.
pub fn missing(coverage: &Coverage, settings: &Settings, seeds: u64) -> Vec<String> {
    let mut wanted = wanted(settings, seeds);
    wanted.retain(|what| coverage.count(what) == 0);
    wanted
}

/// What so many seeds must reach with these settings.
pub fn wanted(settings: &Settings, seeds: u64) -> Vec<String> {
    let several = settings.voters != Some(1);
    let everything = settings.faults == crate::nemesis::Kind::all();
    let mut wanted = Vec::new();
    let mut want = |when: bool, list: &[&str]| {
        if when {
            wanted.extend(list.iter().map(|what| what.to_string()));
        }
    };
    let (usual, rare) = (seeds >= USUAL, seeds >= RARE);
    want(usual, ALWAYS);
    want(usual && several, BY_SEVERAL);
    want(usual && several && settings.observers != Some(0), &["a server is observing"]);
    want(usual && everything, UNDER_FAULTS);
    want(usual && several && everything, BY_SEVERAL_UNDER_FAULTS);
    want(rare && several && everything, RARELY);
    let kinds = settings.faults.iter().filter(|kind| usual && (several || !kind.is_for_many()));
    wanted.extend(kinds.map(|kind| format!("fault {kind:?}")));
    wanted
}
