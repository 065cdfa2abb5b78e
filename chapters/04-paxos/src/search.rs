//! All orders of events of a small world, one after another: what can happen to a few acceptors
//! when a few proposers try one ballot each.
//!
//! The network keeps all that was ever sent. So a message may come late, never, twice, or after
//! one that was sent later; and an acceptor may lose its power at any time, also between what it
//! does with a message and the end of its disk's work. A state is looked at once, and nearer ones
//! are looked at first: what is found is a shortest way to it.
//!
//! To keep it small, two things are one step each that in the world are many, and nothing is lost
//! by that. A proposer is handed as many promises at once as make a majority, since nobody can tell
//! what it knew before. And a disk does at once what it is asked, or loses it with the power.
//!
//! Book: chapter 4.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::rc::Rc;

use foldhash::quality::FixedState;
use machines::{Effect, Effects, Event, Machine, NodeId};

use crate::laws::{Broken, Law, Verdict, Votes};
use crate::message::{Message, Paxos, Record};
use crate::role::Role;
use crate::vocabulary::{Ballot, Courtesy, Memory, Numbers, Proposal, Value, majority};
use crate::{Acceptor, Hearsay, Proposer};

/// What is searched.
#[derive(Clone, Debug)]
pub struct Scope {
    /// How many acceptors there are.
    pub acceptors: u64,
    /// How each of them begins.
    pub acceptor: Role,
    /// What is proposed, each by a proposer of its own: its ballot, and what it would like.
    pub proposals: Vec<Proposal>,
    /// Whether acceptors may lose their power.
    pub power_losses: bool,
}

impl Scope {
    /// Three acceptors, and proposers with ballots 2, 4, 6 that want 8, 5 and 1.
    pub fn three(acceptor: Role, ballots: usize) -> Scope {
        let wishes = [(2, 8), (4, 5), (6, 1)].into_iter().take(ballots);
        let proposal = |(n, value)| Proposal { n: Ballot(n), value: Value::Number(value) };
        let proposals = wishes.map(proposal).collect();
        Scope { acceptors: 3, acceptor, proposals, power_losses: true }
    }

    /// The acceptor of this chapter.
    pub fn ours() -> Role {
        Role::Acceptor(Acceptor::default())
    }

    /// The acceptor of popular notes. Whether it answers a prepare that comes twice, they do not say.
    pub fn hearsay(again: bool) -> Role {
        Role::Hearsay(Hearsay::new(again))
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many states were looked at.
    pub states: usize,
    /// How many steps were tried.
    pub steps: usize,
    /// The values that are chosen in some state. If there is none, the search says nothing.
    pub chosen: BTreeSet<Value>,
    /// The law that can be broken, if one can, and a shortest way to it.
    pub broken: Option<(Broken, Vec<Step>)>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Parcel {
    /// Who sent it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What it says.
    pub message: Message,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message arrives, and what it makes its receiver write is on disk.
    Arrives(Rc<Parcel>),
    /// A message arrives, and the power goes before anything is on disk.
    ArrivesInVain(Rc<Parcel>),
    /// Promises arrive at a proposer.
    Promises(Vec<Rc<Parcel>>),
    /// An acceptor loses its power and is started again.
    PowerLoss(NodeId),
}

impl fmt::Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ← {} {}", self.to, self.from, self.message)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Arrives(parcel) => write!(f, "{parcel}"),
            Step::ArrivesInVain(parcel) => write!(f, "{parcel}\n{} lost power", parcel.to),
            Step::Promises(parcels) => {
                let lines: Vec<String> = parcels.iter().map(|it| it.to_string()).collect();
                write!(f, "{}", lines.join("\n"))
            }
            Step::PowerLoss(node) => write!(f, "{node} lost power"),
        }
    }
}

/// A process and its disk.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Process {
    role: Role,
    disk: Memory,
}

/// All on which it depends what may happen from now on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    processes: BTreeMap<NodeId, Rc<Process>>,
    /// All that was ever sent, but for what no machine here takes notice of.
    sent: BTreeSet<Rc<Parcel>>,
    votes: Votes,
    /// The highest promise that each acceptor has given to anybody.
    promised: BTreeMap<NodeId, Ballot>,
}

/// What a search does its work with.
struct Search {
    wanted: BTreeSet<Value>,
    /// The way to each state: the state before it, and the step from there.
    ways: Vec<(usize, Option<Step>)>,
    seen: BTreeSet<u64>,
    next: VecDeque<(usize, State)>,
    found: Found,
}

/// Looks at every state that can be reached, or at those before a law is broken.
pub fn search(scope: &Scope) -> Found {
    let found = Found { states: 0, steps: 0, chosen: BTreeSet::new(), broken: None };
    let wanted = scope.proposals.iter().map(|it| it.value).collect();
    let (ways, seen, next) = (Vec::new(), BTreeSet::new(), VecDeque::new());
    let mut search = Search { wanted, ways, seen, next, found };
    search.meet(0, None, State::first(scope));
    while let Some((number, state)) = search.next.pop_front() {
        search.found.states += 1;
        search.found.chosen.extend(state.votes.chosen().values().map(|it| it.value));
        let mut steps = state.steps(scope);
        while let Some(step) = steps.pop_front() {
            let mut next = state.clone();
            search.found.steps += 1;
            let verdict = next.take(&step, scope);
            if let Err(broken) = verdict.and_then(|()| next.votes.are_wanted(&search.wanted)) {
                search.found.broken = Some((broken, search.way(number, step)));
                return search.found;
            }
            // Where nothing was written, a loss of power in between is one before or after.
            if let Step::Arrives(parcel) = &step
                && scope.power_losses
                && next.processes[&parcel.to].disk != state.processes[&parcel.to].disk
            {
                steps.push_back(Step::ArrivesInVain(parcel.clone()));
            }
            if next != state {
                search.meet(number, Some(step), next);
            }
        }
    }
    search.found
}

impl Search {
    /// Remembers a state that was not met before. Two states of one fingerprint would be taken for
    /// one; among a million it happens with a probability of one in forty million.
    fn meet(&mut self, before: usize, step: Option<Step>, state: State) {
        if self.seen.insert(FixedState::with_seed(0).hash_one(&state)) {
            self.next.push_back((self.ways.len(), state));
            self.ways.push((before, step));
        }
    }

    /// The steps to a state, and one more.
    fn way(&self, mut number: usize, last: Step) -> Vec<Step> {
        let mut steps = vec![last];
        while let (before, Some(step)) = &self.ways[number] {
            steps.push(step.clone());
            number = *before;
        }
        steps.reverse();
        steps
    }
}

fn acceptors(scope: &Scope) -> Vec<NodeId> {
    (1..=scope.acceptors).map(NodeId::Server).collect()
}

fn proposers(scope: &Scope) -> Vec<NodeId> {
    (1..=scope.proposals.len() as u64).map(NodeId::Client).collect()
}

impl State {
    /// Everybody has started, and every proposer has asked.
    fn first(scope: &Scope) -> State {
        let mut state = State {
            processes: BTreeMap::new(),
            sent: BTreeSet::new(),
            votes: Votes::default(),
            promised: BTreeMap::new(),
        };
        for node in acceptors(scope) {
            let process = Process { role: scope.acceptor.clone(), disk: Memory::default() };
            state.processes.insert(node, Rc::new(process));
            state.start(node, scope).expect("nobody has said anything yet");
        }
        for (node, proposal) in proposers(scope).into_iter().zip(&scope.proposals) {
            let numbers = Numbers { first: proposal.n, step: 1 };
            let role = Role::Proposer(Proposer::new(numbers, acceptors(scope), Courtesy::Eager));
            let process = Process { role, disk: Memory::default() };
            state.processes.insert(node, Rc::new(process));
            state.start(node, scope).expect("nobody has said anything yet");
            let wish = proposal.value;
            state
                .drive(node, true, scope, |role, effects| role.propose(wish, effects))
                .expect("nobody has accepted anything yet");
        }
        state
    }

    /// A process starts: it finds what is on its disk, and is connected to all.
    fn start(&mut self, node: NodeId, scope: &Scope) -> Verdict {
        let memory = self.processes[&node].disk.clone();
        self.tell(node, Event::Started(memory), true, scope)?;
        let others = match node {
            NodeId::Server(_) => proposers(scope),
            NodeId::Client(_) => acceptors(scope),
        };
        others.into_iter().try_for_each(|it| self.tell(node, Event::Opened(it), true, scope))
    }

    /// All that may happen next.
    fn steps(&self, scope: &Scope) -> VecDeque<Step> {
        let to_acceptors = self.sent.iter().filter(|it| matches!(it.to, NodeId::Server(_)));
        let mut steps: VecDeque<Step> = to_acceptors.cloned().map(Step::Arrives).collect();
        if scope.power_losses {
            steps.extend(acceptors(scope).into_iter().map(Step::PowerLoss));
        }
        for proposer in proposers(scope) {
            let promises: Vec<&Rc<Parcel>> =
                self.sent.iter().filter(|parcel| parcel.to == proposer).collect();
            let many = majority(scope.acceptors as usize);
            for chosen in choices(promises.len(), many) {
                let parcels = chosen.into_iter().map(|index| promises[index].clone()).collect();
                steps.push_back(Step::Promises(parcels));
            }
        }
        steps
    }

    fn take(&mut self, step: &Step, scope: &Scope) -> Verdict {
        match step {
            Step::Arrives(parcel) => self.arrive(parcel, true, scope),
            Step::ArrivesInVain(parcel) => {
                self.arrive(parcel, false, scope)?;
                self.lose_power(parcel.to, scope)
            }
            Step::PowerLoss(node) => self.lose_power(*node, scope),
            Step::Promises(parcels) => {
                let proposer = parcels[0].to;
                let before = self.processes[&proposer].clone();
                parcels.iter().try_for_each(|it| self.arrive(it, true, scope))?;
                // If it still says nothing, it might as well not have heard them.
                if !self.has_asked(proposer) {
                    self.processes.insert(proposer, before);
                }
                Ok(())
            }
        }
    }

    fn arrive(&mut self, parcel: &Parcel, power: bool, scope: &Scope) -> Verdict {
        let event = Event::Received { from: parcel.from, message: parcel.message.clone() };
        self.tell(parcel.to, event, power, scope)
    }

    fn lose_power(&mut self, node: NodeId, scope: &Scope) -> Verdict {
        self.process(node).role = scope.acceptor.clone();
        self.start(node, scope)?;
        self.remembers(node)
    }

    fn tell(&mut self, node: NodeId, event: Event<Paxos>, power: bool, scope: &Scope) -> Verdict {
        self.drive(node, power, scope, |role, effects| role.step(event, effects))
    }

    /// Lets somebody use a machine, and carries out what it wants done. With power its disk does
    /// all that it is asked; without, nothing.
    fn drive(
        &mut self,
        node: NodeId,
        power: bool,
        scope: &Scope,
        with: impl FnOnce(&mut Role, &mut Effects<Paxos>),
    ) -> Verdict {
        let mut effects = Effects::new();
        with(&mut self.process(node).role, &mut effects);
        let mut todo: VecDeque<Effect<Paxos>> = effects.drain().collect();
        let mut written: Vec<Record> = Vec::new();
        while let Some(effect) = todo.pop_front() {
            match effect {
                Effect::Write(record) => written.push(record),
                Effect::Sync(ticket) if power => {
                    let process = self.process(node);
                    written.drain(..).for_each(|record| process.disk.apply(record));
                    process.role.step(Event::Durable(ticket), &mut effects);
                    todo.extend(effects.drain());
                }
                Effect::Send { to, message } => {
                    self.send(Parcel { from: node, to, message }, scope)?
                }
                // Time is no part of a state, and connections never break.
                _ => {}
            }
        }
        Ok(())
    }

    fn process(&mut self, node: NodeId) -> &mut Process {
        Rc::make_mut(self.processes.get_mut(&node).expect("it is there"))
    }

    fn send(&mut self, parcel: Parcel, scope: &Scope) -> Verdict {
        match parcel.message {
            Message::Accepted { slot, proposal } => {
                self.votes.cast(parcel.from, slot, proposal, scope.acceptors as usize)?;
            }
            Message::Promise { n, .. } => {
                let last = self.promised.entry(parcel.from).or_default();
                *last = n.max(*last);
                if !self.has_asked(parcel.to) {
                    self.sent.insert(Rc::new(parcel));
                }
            }
            Message::Prepare { .. } => drop(self.sent.insert(Rc::new(parcel))),
            // What it is promised from now on, or was promised besides, a proposer does not hear.
            Message::Accept { .. } => {
                self.sent.retain(|it| it.to != parcel.from);
                self.sent.insert(Rc::new(parcel));
            }
            // Each proposer has one ballot only: what makes it try another is not heard here.
            _ => {}
        }
        Ok(())
    }

    fn has_asked(&self, proposer: NodeId) -> bool {
        let asks = |it: &Parcel| matches!(it.message, Message::Accept { .. });
        self.sent.iter().any(|it| it.from == proposer && asks(it))
    }

    /// What an acceptor has promised to anybody, it still knows.
    fn remembers(&self, node: NodeId) -> Verdict {
        let now = self.processes[&node].role.memory().map(|memory| memory.promised);
        match self.promised.get(&node).zip(now).filter(|(before, now)| now < *before) {
            Some((before, now)) => {
                let what = format!("acceptor {node} promised {before}, and is back at {now}");
                Err(Broken { law: Law::P4, what })
            }
            None => Ok(()),
        }
    }
}

/// All ways to choose `count` of `all` things, each as often as one likes, whatever the order.
fn choices(all: usize, count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = choices(all, count - 1);
    let longer = shorter.into_iter().flat_map(|choice| {
        let first = choice.last().copied().unwrap_or(0);
        (first..all).map(move |next| [choice.clone(), vec![next]].concat())
    });
    longer.collect()
}
