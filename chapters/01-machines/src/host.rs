//! The host of a simulated machine: brings it events and carries out its effects.
//!
//! It does for one process what threads, sockets and timers do for a real one. Disk jobs are done
//! one after another, so what is written after a sync is written only when the sync is done.

use std::time::Duration;

use crate::machine::{Effect, Effects, Event, Fault, Machine, Protocol, Ticket};
use crate::node::{Boot, Booted, Job, NodeId, Process};
use crate::schedule::Happening;
use crate::trace::{Kind, Line};
use crate::world::{Occurrence, Simulated, World};

/// How things happen.
impl<M: Machine> World<M>
where
    M::Protocol: Simulated,
{
    /// Something happens now, or waits for the process that it happens to.
    pub(crate) fn happen(
        &mut self,
        happening: Happening<M::Protocol>,
    ) -> Option<Occurrence<M::Protocol>> {
        match happening.process() {
            Some(node) if self.stopped(node) => {
                self.node_mut(node).backlog.push_back(happening);
                None
            }
            _ => self.happen_now(happening),
        }
    }

    fn happen_now(&mut self, happening: Happening<M::Protocol>) -> Option<Occurrence<M::Protocol>> {
        match happening {
            Happening::Boot(node) => self.boot(node),
            Happening::CatchUp(node) => self.catch_up(node),
            Happening::Arrive { connection, to, parcel } => self.arrive(connection, to, parcel),
            Happening::Unblock { connection, to } => self.go_on(connection, to),
            Happening::Take { connection, to, parcel, .. } => self.take(connection, to, parcel),
            Happening::Learn { connection, side, .. } => self.lose(connection, side),
            Happening::DialTimeout { connection, .. } => self.dial_timeout(connection),
            Happening::GiveUp { connection, side, .. } => self.give_up(connection, side),
            Happening::Expire { node, incarnation, timer, number } => {
                let timers = &mut self.process_of(node, incarnation)?.timers;
                if timers.get(&timer)?.0 != number {
                    return None;
                }
                timers.remove(&timer);
                let text = timer.to_string();
                self.tell(node, Event::Expired(timer), Kind::Expired, None, None, text)
            }
            Happening::Disk { node, incarnation } => {
                self.process_of(node, incarnation)?;
                self.work(node)
            }
            Happening::Drain { node, incarnation } => {
                self.process_of(node, incarnation)?.draining = false;
                self.tell(node, Event::Drained, Kind::Drained, None, None, String::new())
            }
        }
    }

    fn boot(&mut self, node: NodeId) -> Option<Occurrence<M::Protocol>> {
        let seed = self.dice.any();
        let it = self.nodes.get_mut(&node).expect("the node was added");
        if it.process.is_some() {
            return None;
        }
        it.incarnation += 1;
        it.powered = true;
        let files = it.files.clone();
        let booted = (it.boot)(Boot { node, incarnation: it.incarnation, seed, files });
        self.unblock();
        match booted {
            Ok(Booted { machine, disk, recovered }) => {
                self.node_mut(node).process = Some(Process::new(machine, disk));
                let started = Event::Started(recovered);
                self.tell(node, started, Kind::Started, None, None, String::new())
            }
            Err(Fault::PowerLost) => Some(Occurrence::of(self.lose_power(node))),
            Err(fault) => {
                let line = self.note(node, Kind::Refused, None, None, fault.to_string());
                Some(Occurrence::of(line))
            }
        }
    }

    fn catch_up(&mut self, node: NodeId) -> Option<Occurrence<M::Protocol>> {
        let it = self.node_mut(node);
        if it.paused {
            return None;
        }
        let happening = it.backlog.pop_front()?;
        if !it.backlog.is_empty() {
            self.schedule.at(self.schedule.now, Happening::CatchUp(node));
        }
        self.happen_now(happening)
    }

    /// The disk does the first of its jobs. After a fault it does none, and says so for each.
    fn work(&mut self, node: NodeId) -> Option<Occurrence<M::Protocol>> {
        let process = self.process_mut(node)?;
        let job = process.jobs.pop_front().expect("the disk has a job to do");
        let (ticket, disk) = (process.ticket, &mut process.disk);
        let healthy = process.fault.clone().map_or(Ok(()), Err);
        let (done, said) = match job {
            Job::Write(write) => (healthy.and_then(|()| disk.write(write)), None),
            Job::Sync(ticket) => match healthy.and_then(|()| disk.sync()) {
                Ok(()) => {
                    (Ok(()), Some((Event::Durable(ticket), Kind::Durable, ticket.to_string())))
                }
                Err(fault) => (Err(fault.clone()), Some(failed(ticket, fault))),
            },
            Job::Fetch(fetch) => match healthy.and_then(|()| disk.fetch(fetch)) {
                Ok(fetched) => {
                    (Ok(()), Some((Event::Fetched(fetched), Kind::Fetched, String::new())))
                }
                Err(fault) => (Err(fault.clone()), Some(failed(ticket, fault))),
            },
        };
        if done == Err(Fault::PowerLost) {
            return Some(Occurrence::of(self.lose_power(node)));
        }
        process.fault = done.err();
        self.plan_work(node);
        match said {
            Some((event, kind, text)) => self.tell(node, event, kind, None, None, text),
            None => Some(Occurrence::of(self.note(node, Kind::Wrote, None, None, String::new()))),
        }
    }

    /// Plans the first of a disk's jobs.
    fn plan_work(&mut self, node: NodeId) {
        let span = match self.process(node).and_then(|it| it.jobs.front()) {
            Some(Job::Write(_) | Job::Fetch(_)) => self.settings.write,
            Some(Job::Sync(_)) => self.settings.sync,
            None => return,
        };
        let incarnation = self.incarnation(node);
        let delay = span.roll(&mut self.dice) * self.node(node).slowness;
        self.schedule.after(delay, Happening::Disk { node, incarnation });
    }

    /// Brings a machine an event.
    pub(crate) fn tell(
        &mut self,
        node: NodeId,
        event: Event<M::Protocol>,
        kind: Kind,
        peer: Option<NodeId>,
        number: Option<u64>,
        text: String,
    ) -> Option<Occurrence<M::Protocol>> {
        self.process(node)?;
        let line = self.note(node, kind, peer, number, text);
        self.with_machine(node, line, |machine, effects| machine.step(event, effects))
    }

    /// Lets somebody use a machine and carries out what it wants done.
    pub(crate) fn with_machine(
        &mut self,
        node: NodeId,
        line: Line,
        with: impl FnOnce(&mut M, &mut Effects<M::Protocol>),
    ) -> Option<Occurrence<M::Protocol>> {
        let (now, cause) = (self.clock(node), self.last_line());
        let process = self.process_mut(node)?;
        let mut effects = std::mem::take(&mut process.effects);
        effects.set_now(now);
        with(&mut process.machine, &mut effects);
        let mut answers = Vec::new();
        for effect in effects.drain() {
            self.carry_out(node, effect, &mut answers);
        }
        self.drain_soon(node, line.kind);
        self.process_mut(node)?.effects = effects;
        if line.kind != Kind::Drained {
            self.look_at(node, cause);
        }
        Some(Occurrence { line, answers })
    }

    fn carry_out(
        &mut self,
        node: NodeId,
        effect: Effect<M::Protocol>,
        answers: &mut Vec<<M::Protocol as Protocol>::Output>,
    ) {
        match effect {
            Effect::Open(peer) => self.dial(node, peer),
            Effect::Send { to, message } => self.send(node, to, message),
            Effect::Close(peer) => self.leave(node, peer),
            Effect::Pause(peer) => self.read(node, peer, false),
            Effect::Resume(peer) => self.read(node, peer, true),
            Effect::Flush(peer) => self.flush(node, peer),
            Effect::Set { timer, after } => self.set_timer(node, timer, after),
            Effect::Clear(timer) => self.clear_timer(node, timer),
            Effect::Write(write) => self.give_work(node, Job::Write(write)),
            Effect::Sync(ticket) => self.give_work(node, Job::Sync(ticket)),
            Effect::Fetch(fetch) => self.give_work(node, Job::Fetch(fetch)),
            Effect::Answer(output) => {
                self.note(node, Kind::Answered, None, None, output.to_string());
                answers.push(output);
            }
        }
    }

    fn set_timer(&mut self, node: NodeId, timer: TimerOf<M>, after: Duration) {
        self.clear_timer(node, timer);
        let due = self.clock(node).monotonic + after;
        let time = self.node(node).clock.when(due);
        let (number, incarnation) = (self.schedule.number(), self.incarnation(node));
        let expire = Happening::Expire { node, incarnation, timer, number };
        let planned = self.schedule.at_number(time, number, expire);
        if let Some(process) = self.process_mut(node) {
            process.timers.insert(timer, (number, planned, due));
        }
    }

    fn clear_timer(&mut self, node: NodeId, timer: TimerOf<M>) {
        let set = self.process_mut(node).and_then(|it| it.timers.remove(&timer));
        if let Some((number, planned, _)) = set {
            self.schedule.cancel(planned, number);
        }
    }

    fn give_work(&mut self, node: NodeId, job: Job<M::Protocol>) {
        let Some(process) = self.process_mut(node) else { return };
        if let Job::Sync(ticket) = job {
            process.ticket = ticket;
        }
        process.jobs.push_back(job);
        if process.jobs.len() == 1 {
            self.plan_work(node);
        }
    }

    /// After an event, a machine will be told when there are no more; but not after being told.
    fn drain_soon(&mut self, node: NodeId, kind: Kind) {
        let incarnation = self.incarnation(node);
        let delay = self.settings.drain.roll(&mut self.dice) * self.node(node).slowness;
        let Some(process) = self.process_mut(node) else { return };
        if kind != Kind::Drained && !std::mem::replace(&mut process.draining, true) {
            self.schedule.after(delay, Happening::Drain { node, incarnation });
        }
    }

    /// The process of this incarnation, if it still runs.
    fn process_of(&mut self, node: NodeId, incarnation: u32) -> Option<&mut Process<M>> {
        if self.incarnation(node) == incarnation { self.process_mut(node) } else { None }
    }
}

type TimerOf<M> = <<M as Machine>::Protocol as Protocol>::Timer;

fn failed<P: Protocol>(ticket: Ticket, fault: Fault) -> (Event<P>, Kind, String) {
    let text = format!("{ticket}: {fault}");
    (Event::Failed(ticket, fault), Kind::Failed, text)
}

impl<P: Protocol> Occurrence<P> {
    /// Something that no machine was told.
    fn of(line: Line) -> Self {
        Occurrence { line, answers: Vec::new() }
    }
}
