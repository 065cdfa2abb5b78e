//! The driver: steps one machine, and carries out what it says.
//!
//! It works in passes. A pass takes what has happened (timers, disk, clients), tells the machine,
//! tells it that there is no more, hands its writes to the disk thread in one piece, and gives
//! every socket its answers in one piece. Then it waits until something happens.
//!
//! Always true:
//! - all steps of a pass see the same time;
//! - effects are carried out after the step that gave them and before the next;
//! - a pass takes a bounded number of messages, so that no client starves the others.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use machines::{Effect, Effects, Event, Fault, Machine, Now, Protocol};
use server::{Message, Peer, Zk};
use tokio::sync::mpsc::UnboundedReceiver;

use super::inbox::{Inbox, Incoming};
use super::link::{Link, Taken};
use super::notices;
use super::timers::Timers;
use crate::disk::{DiskThread, Job};

/// For how long only one client must have talked for the others not to be waited for.
const ALONE: Duration = Duration::from_millis(5);

/// So many jobs are little: a write or two, and the force.
const LITTLE: usize = 4;

/// Messages that one pass takes, about: enough for one force of the disk to be worth it, and few
/// enough for the disk to work on one pass while the machine works on the next.
const PASS: usize = 512;

/// What other threads ask of a driver.
pub(super) enum Order<M> {
    /// Look at the machine.
    Look(Box<dyn FnOnce(&M) + Send>),
    /// Come to an end.
    Stop,
}

/// One machine and its hands.
pub(super) struct Driver<M> {
    machine: M,
    effects: Effects<Zk>,
    hands: Hands,
    orders: UnboundedReceiver<Order<M>>,
    answers: UnboundedReceiver<Event<Zk>>,
    /// The disk has failed.
    fault: Option<Fault>,
}

/// Why the driver goes on.
enum Happened<M> {
    /// Another thread asks for something.
    Ordered(Order<M>),
    /// The disk has answered.
    Answered(Box<Event<Zk>>),
    /// A timer has run out, or there is word from clients.
    Something,
}

/// All that carries out effects.
struct Hands {
    /// The process's time zero.
    begun: Instant,
    inbox: Rc<Inbox>,
    links: BTreeMap<u64, Rc<Link>>,
    /// Links that have something to send.
    dirty: Vec<Rc<Link>>,
    timers: Timers,
    jobs: Vec<Job>,
    disk: DiskThread,
    /// Peers whose end the machine is told at the end of the pass.
    gone: Vec<Peer>,
    /// The client that talked last, and since when only it has.
    talker: u64,
    talks_since: Duration,
}

impl<M: Machine<Protocol = Zk>> Driver<M> {
    /// A driver whose machine has been told what was recovered.
    pub(super) fn start(
        machine: M,
        recovered: <Zk as Protocol>::Recovered,
        inbox: Rc<Inbox>,
        disk: DiskThread,
        answers: UnboundedReceiver<Event<Zk>>,
        orders: UnboundedReceiver<Order<M>>,
    ) -> Driver<M> {
        let hands = Hands {
            begun: Instant::now(),
            inbox,
            links: BTreeMap::new(),
            dirty: Vec::new(),
            timers: Timers::default(),
            jobs: Vec::new(),
            disk,
            gone: Vec::new(),
            talker: 0,
            talks_since: Duration::ZERO,
        };
        let effects = Effects::new();
        let mut driver = Driver { machine, effects, hands, orders, answers, fault: None };
        driver.effects.set_now(driver.hands.now());
        driver.step(Event::Started(recovered));
        driver.end_pass();
        driver
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// The disk has failed. The machine has been told, and has had a pass to say so.
    pub(super) async fn run(mut self) -> Result<(), Fault> {
        loop {
            match self.wait().await {
                Happened::Ordered(Order::Stop) => break,
                Happened::Ordered(Order::Look(look)) => look(&self.machine),
                Happened::Answered(event) => self.pass(Some(*event)),
                Happened::Something => self.pass(None),
            }
            if self.fault.is_some() {
                break;
            }
        }
        self.stop();
        self.fault.map_or(Ok(()), Err)
    }

    /// Waits until something has happened.
    async fn wait(&mut self) -> Happened<M> {
        let next = self.hands.timers.next();
        let now = self.hands.begun.elapsed();
        if !self.hands.inbox.is_empty() || next.is_some_and(|at| at <= now) {
            tokio::task::yield_now().await;
            return self.orders.try_recv().map_or(Happened::Something, Happened::Ordered);
        }
        let sleep = tokio::time::sleep(next.unwrap_or(now).saturating_sub(now));
        tokio::select! {
            biased;
            order = self.orders.recv() => Happened::Ordered(order.unwrap_or(Order::Stop)),
            answer = self.answers.recv() => {
                answer.map_or(Happened::Something, |event| Happened::Answered(event.into()))
            }
            () = self.hands.inbox.wake.notified() => Happened::Something,
            () = sleep, if next.is_some() => Happened::Something,
        }
    }

    fn pass(&mut self, answer: Option<Event<Zk>>) {
        self.effects.set_now(self.hands.now());
        if let Some(event) = answer {
            self.on_disk(event);
        }
        while let Ok(event) = self.answers.try_recv() {
            self.on_disk(event);
        }
        for timer in self.hands.timers.due(self.effects.now().monotonic) {
            self.step(Event::Expired(timer));
        }
        let mut left = PASS;
        while left > 0 {
            match self.hands.inbox.take() {
                Some(Incoming::Opened(link)) => {
                    self.hands.links.insert(link.peer.number, Rc::clone(&link));
                    self.step(Event::Opened(Peer::Client(link.peer)));
                }
                Some(Incoming::Ready(link)) => self.serve(&link, &mut left),
                None => break,
            }
        }
        self.end_pass();
    }

    /// Takes messages from one link.
    fn serve(&mut self, link: &Rc<Link>, left: &mut usize) {
        link.left_inbox();
        self.hands.hear(link.peer.number, self.effects.now().monotonic);
        let from = Peer::Client(link.peer);
        while *left > 0 {
            match link.take() {
                Taken::Message(message) => self.step(Event::Received { from, message }),
                Taken::Nothing => return,
                Taken::End => {
                    self.hands.links.remove(&link.peer.number);
                    link.close();
                    self.step(Event::Closed(from));
                    return;
                }
            }
            *left -= 1;
        }
        link.put_off();
    }

    fn on_disk(&mut self, event: Event<Zk>) {
        if let Event::Failed(_, fault) = &event {
            self.fault = Some(fault.clone());
        }
        self.step(event);
    }

    fn end_pass(&mut self) {
        for peer in std::mem::take(&mut self.hands.gone) {
            self.step(Event::Closed(peer));
        }
        self.step(Event::Drained);
        self.hands.flush();
        self.hands.give_to_disk();
    }

    /// Lets the disk finish, and gives the clients the answers that waited for it.
    fn stop(&mut self) {
        self.hands.give_to_disk();
        self.hands.disk.finish();
        self.effects.set_now(self.hands.now());
        while let Ok(event) = self.answers.try_recv() {
            self.on_disk(event);
        }
        self.hands.flush();
    }

    fn step(&mut self, event: Event<Zk>) {
        self.machine.step(event, &mut self.effects);
        let now = self.effects.now().monotonic;
        for effect in self.effects.drain() {
            self.hands.carry_out(effect, now);
        }
    }
}

impl Hands {
    /// The time. The wall clock may stand before 1970; then it counts as 1970.
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { monotonic: self.begun.elapsed(), wall_ms: wall.as_millis() as i64 }
    }

    fn carry_out(&mut self, effect: Effect<Zk>, now: Duration) {
        match effect {
            // So far a server stands alone: no other can be reached.
            Effect::Open(peer) => self.gone.push(peer),
            Effect::Send { to: Peer::Client(to), message: Message::Chunk(bytes) } => {
                self.send(to.number, bytes);
            }
            Effect::Send { to: Peer::Election(_) | Peer::Quorum(_), .. } => {}
            Effect::Send { to, message } => panic!("to {to} go chunks, not {message}"),
            Effect::Close(Peer::Client(peer)) => {
                if let Some(link) = self.links.remove(&peer.number) {
                    link.close();
                }
            }
            Effect::Pause(Peer::Client(peer)) => {
                if let Some(link) = self.links.get(&peer.number) {
                    link.pause();
                }
            }
            Effect::Resume(Peer::Client(peer)) => {
                if let Some(link) = self.links.get(&peer.number) {
                    link.resume();
                }
            }
            // Servers are told; clients never are.
            Effect::Flush(_)
            | Effect::Close(Peer::Election(_) | Peer::Quorum(_))
            | Effect::Pause(Peer::Election(_) | Peer::Quorum(_))
            | Effect::Resume(Peer::Election(_) | Peer::Quorum(_)) => {}
            Effect::Set { timer, after } => self.timers.set(timer, now + after),
            Effect::Clear(timer) => self.timers.clear(timer),
            Effect::Write(write) => self.jobs.push(Job::Write(write)),
            Effect::Sync(ticket) => self.jobs.push(Job::Sync(ticket)),
            Effect::Fetch(fetch) => self.jobs.push(Job::Fetch(fetch)),
            Effect::Answer(notice) => notices::log(&notice),
        }
    }

    /// Adds to what a link has to send. What is sent to a link that is gone is lost.
    fn send(&mut self, number: u64, chunk: Bytes) {
        let Some(link) = self.links.get(&number) else { return };
        if !link.send(chunk) {
            tracing::warn!(from = %link.peer.from, "client does not read");
            link.abandon();
            self.gone.push(Peer::Client(link.peer));
            self.links.remove(&number);
        } else if !link.dirty.replace(true) {
            self.dirty.push(Rc::clone(link));
        }
    }

    /// Notes who talks.
    fn hear(&mut self, number: u64, now: Duration) {
        if self.talker != number {
            (self.talker, self.talks_since) = (number, now);
        }
    }

    fn give_to_disk(&mut self) {
        if !self.jobs.is_empty() {
            let alone = self.begun.elapsed() > self.talks_since + ALONE;
            let little = self.jobs.len() <= LITTLE;
            self.disk.give(std::mem::take(&mut self.jobs), alone && little);
        }
    }

    /// Gives every socket what waits for it.
    fn flush(&mut self) {
        for link in self.dirty.drain(..) {
            link.dirty.set(false);
            link.flush();
        }
    }
}
