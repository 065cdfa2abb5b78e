//! The driver: steps one machine, and carries out what it says.
//!
//! It works in passes. A pass takes what has happened (timers, disk, links), tells the machine,
//! tells it that there is no more, hands its writes to the disk thread in one piece, and gives
//! every socket its answers in one piece. Then it waits until something happens: asleep, or for a
//! moment awake where a lone client's next word is expected.
//!
//! Always true:
//! - all steps of a pass see the same time;
//! - effects are carried out after the step that gave them and before the next;
//! - a pass takes a bounded number of messages and connections, so that nobody starves the others.

use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::Duration;

use machines::{Effects, Event, Fault, Machine, Protocol};
use server::Zk;
use tokio::sync::mpsc::UnboundedReceiver;

use super::hands::Hands;
use super::inbox::Incoming;
use super::link::{Link, Taken};

/// Messages that one pass takes, about: enough for one force of the disk to be worth it, and few
/// enough for the disk to work on one pass while the machine works on the next.
const PASS: usize = 512;

/// For how long a driver stays awake in a lull of the disk. To wake a thread of an idle processor
/// costs some 30 us, and one write of a lone client wakes six; a force of a fast disk, which they
/// wait for between, takes about 150 us.
const AWAKE: Duration = Duration::from_micros(150);

/// What other threads ask of a driver.
pub(super) enum Order<M> {
    /// Look at the machine.
    Look(Box<dyn FnOnce(&M) + Send>),
    /// Come to an end.
    Stop,
    /// Come to an end without another word, and without another write.
    Kill,
    /// Do nothing at all.
    Pause {
        /// Told when nothing is done any more.
        paused: Sender<()>,
        /// Something is done again when this has no sender any more.
        resumed: Receiver<()>,
    },
    /// Cut all connections to other servers, and have none.
    CutOff,
    /// Have some again.
    Rejoin,
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
    /// A timer has run out, or there is word from links.
    Something,
}

impl<M: Machine<Protocol = Zk>> Driver<M> {
    /// A driver whose machine has been told what was recovered.
    pub(super) fn start(
        machine: M,
        recovered: <Zk as Protocol>::Recovered,
        hands: Hands,
        answers: UnboundedReceiver<Event<Zk>>,
        orders: UnboundedReceiver<Order<M>>,
    ) -> Driver<M> {
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
                Happened::Ordered(Order::Kill) => {
                    self.hands.disk.abandon();
                    return Ok(());
                }
                Happened::Ordered(order) => self.obey(order),
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

    fn obey(&mut self, order: Order<M>) {
        match order {
            Order::Look(look) => look(&self.machine),
            Order::Pause { paused, resumed } => {
                // All links of this server live on this thread: while it waits nothing is read,
                // nothing is sent and nobody is accepted, though the sockets are open.
                paused.send(()).ok();
                resumed.recv().ok();
            }
            Order::CutOff => {
                self.hands.cut_off();
                self.pass(None);
            }
            Order::Rejoin => self.hands.rejoin(),
            Order::Stop | Order::Kill => panic!("`run` ends by itself"),
        }
    }

    /// Waits until something has happened.
    async fn wait(&mut self) -> Happened<M> {
        let next = self.hands.timers.next();
        let now = self.hands.begun.elapsed();
        if !self.hands.inbox.is_empty() || next.is_some_and(|at| at <= now) {
            tokio::task::yield_now().await;
            return self.orders.try_recv().map_or(Happened::Something, Happened::Ordered);
        }
        if self.hands.lull() {
            self.stay_awake(now + AWAKE).await;
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

    /// Lets the sockets' tasks and other threads run until there is something to do, or it is
    /// `until`.
    async fn stay_awake(&self, until: Duration) {
        while self.hands.inbox.is_empty()
            && self.answers.is_empty()
            && self.orders.is_empty()
            && self.hands.begun.elapsed() < until
        {
            thread::yield_now();
            tokio::task::yield_now().await;
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
                    left -= 1;
                    if self.hands.welcome(&link) {
                        self.step(Event::Opened(link.peer));
                    }
                }
                Some(Incoming::Dialled { peer, number, link }) => {
                    if let Some(event) = self.hands.dialled(peer, number, link) {
                        self.step(event);
                    }
                }
                Some(Incoming::Flushed(link)) if link.is_open() => {
                    self.step(Event::Flushed(link.peer));
                }
                Some(Incoming::Flushed(_)) => {}
                Some(Incoming::Ready(link)) => self.serve(&link, &mut left),
                None => break,
            }
        }
        self.end_pass();
    }

    /// Takes messages from one link.
    fn serve(&mut self, link: &Rc<Link>, left: &mut usize) {
        link.left_inbox();
        self.hands.hear(link.peer, self.effects.now().monotonic);
        let from = link.peer;
        while *left > 0 {
            match link.take() {
                Taken::Message(message) => self.step(Event::Received { from, message }),
                Taken::Nothing => return,
                Taken::End => {
                    self.hands.forget(from);
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
        match &event {
            Event::Durable(_) => self.hands.forced(),
            Event::Failed(_, fault) => self.fault = Some(fault.clone()),
            _ => {}
        }
        self.step(event);
    }

    fn end_pass(&mut self) {
        while let Some(peer) = self.hands.gone.pop() {
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
