//! Every possible order of events, for three servers.
//!
//! Between two servers only the newest message is on its way; a newer one takes its place, as the
//! election port does it. Time is left out: what may happen is only which timer runs out when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use election::{Election, Fle, LogEnd, Notification, ServerState, Timer, Vote, better};
use machines::{Effect, Effects, Event, Machine};
use zxid::{ServerId, Zxid};

use crate::ensemble::voters;

#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    servers: Vec<Option<Election>>,
    settling: BTreeSet<usize>,
    /// The newest message from one server to another.
    wires: BTreeMap<(usize, usize), Notification>,
    /// How often a server may still start anew.
    crashes: u32,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Start(usize),
    Deliver(usize, usize),
    Settle(usize),
    Crash(usize),
}

/// When a server that has a quorum stops waiting for a better vote.
#[derive(Clone, Copy, PartialEq)]
enum Patience {
    /// When nothing is on its way any more: 200 ms are long.
    Long,
    /// At any time.
    None,
}

struct Explorer {
    logs: Vec<LogEnd>,
    patience: Patience,
}

impl Explorer {
    fn first(&self, crashes: u32) -> State {
        let servers = vec![None; self.logs.len()];
        State { servers, settling: BTreeSet::new(), wires: BTreeMap::new(), crashes }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        let servers = state.servers.iter().enumerate();
        let mut actions: Vec<Action> = servers
            .filter_map(|(at, it)| match it {
                None => Some(Action::Start(at)),
                Some(_) if state.crashes > 0 => Some(Action::Crash(at)),
                Some(_) => None,
            })
            .collect();
        let started = |(_, to): &&(usize, usize)| state.servers[*to].is_some();
        let heard = state.wires.keys().filter(started);
        actions.extend(heard.map(|(from, to)| Action::Deliver(*from, *to)));
        let quiet = state.wires.is_empty() && state.servers.iter().all(Option::is_some);
        if quiet || self.patience == Patience::None {
            actions.extend(state.settling.iter().map(|at| Action::Settle(*at)));
        }
        actions
    }

    fn next(&self, state: &State, action: Action) -> State {
        let mut next = state.clone();
        let (at, event) = match action {
            Action::Start(at) => {
                let election = Election::new(id(at), voters(self.logs.len() as i64), Bytes::new());
                next.servers[at] = Some(election);
                (at, Event::Started(self.logs[at]))
            }
            Action::Deliver(from, to) => {
                let message = next.wires.remove(&(from, to)).expect("it is on its way");
                (to, Event::Received { from: id(from), message })
            }
            Action::Settle(at) => {
                next.settling.remove(&at);
                (at, Event::Expired(Timer::Settle))
            }
            Action::Crash(at) => {
                next.servers[at] = None;
                next.settling.remove(&at);
                next.wires.retain(|(from, to), _| *from != at && *to != at);
                next.crashes -= 1;
                return next;
            }
        };
        let before = next.servers[at].clone().expect("it has started");
        let mut effects: Effects<Fle> = Effects::new();
        next.servers[at].as_mut().expect("it has started").step(event, &mut effects);
        self.judge(&before, next.servers[at].as_ref().expect("it is still there"));
        for effect in effects.drain() {
            match effect {
                Effect::Send { to, message } => {
                    next.wires.insert((at, to.0 as usize - 1), message);
                }
                Effect::Set { timer: Timer::Settle, .. } => {
                    next.settling.insert(at);
                }
                Effect::Clear(Timer::Settle) => {
                    next.settling.remove(&at);
                }
                _ => {}
            }
        }
        next
    }

    /// Visits every state once; says how many there are. `end` judges those in which nothing more
    /// happens.
    fn explore(&self, crashes: u32, mut end: impl FnMut(&State)) -> usize {
        let first = self.first(crashes);
        let mut seen = BTreeSet::from([fingerprint(&first)]);
        let mut queue = VecDeque::from([first]);
        while let Some(state) = queue.pop_front() {
            let actions = self.actions(&state);
            if actions.is_empty() {
                end(&state);
            }
            for action in actions {
                let next = self.next(&state, action);
                if seen.insert(fingerprint(&next)) {
                    queue.push_back(next);
                }
            }
        }
        seen.len()
    }

    /// The vote of a server that looks gets no worse.
    fn judge(&self, before: &Election, after: &Election) {
        let looks = |it: &Election| it.state() == ServerState::Looking && it.round() > 0;
        if looks(before) && looks(after) {
            let (old, new) = (before.vote(), after.vote());
            assert!(after.round() >= before.round(), "rounds do not go back while looking");
            assert!(
                after.round() > before.round()
                    || new == old
                    || better(&new, &old, &voters(self.logs.len() as i64)),
                "{old} becomes {new} in one round",
            );
        }
    }
}

fn id(at: usize) -> ServerId {
    ServerId(at as i64 + 1)
}

fn fingerprint(state: &State) -> u128 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let hash = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, state).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    hash(1) << 64 | hash(2)
}

fn votes(state: &State) -> Vec<(ServerState, Vote)> {
    state.servers.iter().flatten().map(|it| (it.state(), it.vote())).collect()
}

#[test]
fn three_patient_servers_settle_on_the_best_vote_in_every_order_of_events() {
    let log = |current_epoch, counter| LogEnd { current_epoch, last: Zxid::new(1, counter) };
    patient(vec![LogEnd::default(); 3], 3);
    patient(vec![log(1, 5), log(1, 5), log(1, 4)], 2);
    patient(vec![log(2, 1), log(1, 9), log(1, 8)], 1);
}

#[test]
#[ignore = "takes a minute: there are 626,615 states"]
fn four_patient_servers_do_so_too() {
    patient(vec![LogEnd::default(); 4], 4);
}

fn patient(logs: Vec<LogEnd>, best: i64) {
    let mut ends = 0;
    let states = Explorer { logs, patience: Patience::Long }.explore(0, |state| {
        let votes = votes(state);
        ends += 1;
        for (at, (role, vote)) in votes.iter().enumerate() {
            assert_eq!(vote.leader, ServerId(best), "{votes:?}");
            let leads = id(at) == ServerId(best);
            let expected = if leads { ServerState::Leading } else { ServerState::Following };
            assert_eq!(*role, expected);
        }
    });
    assert!(states > 300 && ends > 0, "{states} states, {ends} ends");
}

#[test]
fn hasty_servers_leave_nobody_looking_for_ever() {
    let logs = vec![LogEnd::default(); 3];
    let mut two = false;
    let states = Explorer { logs, patience: Patience::None }.explore(0, |state| {
        let votes = votes(state);
        let looking = votes.iter().filter(|(role, _)| *role == ServerState::Looking).count();
        let leading = votes.iter().filter(|(role, _)| *role == ServerState::Leading).count();
        assert!(looking <= 1, "a quorum has settled: {votes:?}");
        two |= leading == 2;
    });
    assert!(states > 2_000, "{states} states");
    assert!(two, "an election alone does not keep two servers from leading: discovery does");
}

#[test]
fn a_server_that_starts_anew_at_any_moment_changes_nothing_about_that() {
    let logs = vec![LogEnd::default(); 3];
    let mut ends = 0;
    let states = Explorer { logs, patience: Patience::Long }.explore(1, |state| {
        let votes = votes(state);
        let looking = votes.iter().filter(|(role, _)| *role == ServerState::Looking).count();
        ends += 1;
        assert!(looking <= 1, "a quorum has settled: {votes:?}");
    });
    assert!(states > 2_000 && ends > 0, "{states} states, {ends} ends");
}
