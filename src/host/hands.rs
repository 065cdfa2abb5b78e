//! The driver's hands: all that carries out effects.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use machines::{Effect, Event, Now};
use server::{Message, Peer, Zk};

use super::codec::Codec;
use super::dial::Dialler;
use super::inbox::Inbox;
use super::link::Link;
use super::lull::Lull;
use super::notices;
use super::timers::Timers;
use crate::disk::{DiskThread, Job};

/// For how long only one client must have talked for the others not to be waited for.
///
/// Only a server that stands alone goes by who talks. A member of an ensemble hears of most writes
/// from its leader, whoever made them, so it goes by how they come: see [`Lull`]. If it waited for
/// its disk with two clients or more, they would get a quarter less done.
const ALONE: Duration = Duration::from_millis(5);

/// So many jobs are little: a write or two, and the force.
const LITTLE: usize = 4;

/// Connections that other servers may have here, whoever they are. The machine has smaller limits
/// for strangers; this one bounds what it costs to apply them.
const SERVER_LINKS: usize = 1024;

/// All that carries out effects.
pub(super) struct Hands {
    /// The process's time zero.
    pub(super) begun: Instant,
    pub(super) inbox: Rc<Inbox>,
    pub(super) timers: Timers,
    pub(super) disk: DiskThread,
    /// Peers whose end the machine is told at the end of the pass.
    pub(super) gone: Vec<Peer>,
    /// Of clients, by number.
    clients: BTreeMap<u64, Rc<Link>>,
    servers: BTreeMap<Peer, Rc<Link>>,
    /// Nothing if this server stands alone.
    dialler: Option<Dialler>,
    /// No other server is talked to.
    cut: bool,
    /// Links that have something to send.
    dirty: Vec<Rc<Link>>,
    jobs: Vec<Job>,
    /// The client that talked last, and since when only it has.
    talker: u64,
    talks_since: Duration,
    /// How writes come.
    lull: Lull,
}

impl Hands {
    pub(super) fn new(inbox: Rc<Inbox>, disk: DiskThread, dialler: Option<Dialler>) -> Hands {
        Hands {
            begun: Instant::now(),
            inbox,
            timers: Timers::default(),
            disk,
            gone: Vec::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            dialler,
            cut: false,
            dirty: Vec::new(),
            jobs: Vec::new(),
            talker: 0,
            talks_since: Duration::ZERO,
            lull: Lull::default(),
        }
    }

    /// The time. The wall clock may stand before 1970; then it counts as 1970.
    pub(super) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { monotonic: self.begun.elapsed(), wall_ms: wall.as_millis() as i64 }
    }

    /// Takes in who has connected; says whether the machine is to know.
    pub(super) fn welcome(&mut self, link: &Rc<Link>) -> bool {
        if let Peer::Client(client) = link.peer {
            self.clients.insert(client.number, Rc::clone(link));
            return true;
        }
        let welcome = !self.cut && self.servers.len() < SERVER_LINKS;
        match welcome {
            true => drop(self.servers.insert(link.peer, Rc::clone(link))),
            false => link.abandon(),
        }
        welcome
    }

    /// A peer that was called has answered, or has not. Says what the machine is to know.
    pub(super) fn dialled(
        &mut self,
        peer: Peer,
        number: u64,
        link: Option<(Rc<Link>, Codec)>,
    ) -> Option<Event<Zk>> {
        if !self.dialler.as_mut().is_some_and(|dialler| dialler.answered(peer, number)) {
            return None;
        }
        let Some((link, codec)) = link else { return Some(Event::Closed(peer)) };
        if let Some(old) = self.servers.insert(peer, Rc::clone(&link)) {
            old.abandon();
        }
        tokio::task::spawn_local(link.run(codec));
        Some(Event::Opened(peer))
    }

    /// Forgets a link.
    pub(super) fn forget(&mut self, peer: Peer) -> Option<Rc<Link>> {
        match peer {
            Peer::Client(client) => self.clients.remove(&client.number),
            server => self.servers.remove(&server),
        }
    }

    /// Ends all connections with servers, and begins none.
    pub(super) fn cut_off(&mut self) {
        self.cut = true;
        self.gone.extend(self.dialler.as_mut().map(Dialler::cancel_all).unwrap_or_default());
        for (peer, link) in std::mem::take(&mut self.servers) {
            link.abandon();
            self.gone.push(peer);
        }
    }

    /// Has connections with servers again.
    pub(super) fn rejoin(&mut self) {
        self.cut = false;
    }

    pub(super) fn carry_out(&mut self, effect: Effect<Zk>, now: Duration) {
        match effect {
            Effect::Open(peer) => match &mut self.dialler {
                Some(dialler) => dialler.dial(peer, !self.cut),
                None => panic!("a server that stands alone calls nobody, and not {peer}"),
            },
            Effect::Send { to: Peer::Client(to), message: Message::Chunk(bytes) } => {
                self.send(to.number, bytes);
            }
            Effect::Send { to, message } => self.send_to_server(to, &message),
            Effect::Close(peer) => {
                if let Some(dialler) = &mut self.dialler {
                    dialler.cancel(peer);
                }
                if let Some(link) = self.forget(peer) {
                    link.close();
                }
            }
            Effect::Pause(peer) => {
                if let Some(link) = self.link(peer) {
                    link.pause();
                }
            }
            Effect::Resume(peer) => {
                if let Some(link) = self.link(peer) {
                    link.resume();
                }
            }
            Effect::Flush(peer) => {
                if let Some(link) = self.link(peer).cloned() {
                    link.mark();
                    self.soil(&link);
                }
            }
            Effect::Set { timer, after } => self.timers.set(timer, now + after),
            Effect::Clear(timer) => self.timers.clear(timer),
            Effect::Write(write) => self.jobs.push(Job::Write(write)),
            Effect::Sync(ticket) => self.jobs.push(Job::Sync(ticket)),
            Effect::Fetch(fetch) => self.jobs.push(Job::Fetch(fetch)),
            Effect::Answer(notice) => notices::log(&notice),
        }
    }

    fn link(&self, peer: Peer) -> Option<&Rc<Link>> {
        match peer {
            Peer::Client(client) => self.clients.get(&client.number),
            server => self.servers.get(&server),
        }
    }

    /// Adds to what a link has to send. What is sent to a link that is gone is lost.
    fn send(&mut self, number: u64, chunk: Bytes) {
        let Some(link) = self.clients.get(&number) else { return };
        if !link.send(chunk) {
            tracing::warn!(from = %link.from, "client does not read");
            let peer = link.peer;
            self.give_up(peer);
        } else if !link.dirty.replace(true) {
            self.dirty.push(Rc::clone(link));
        }
    }

    /// The same for servers.
    fn send_to_server(&mut self, to: Peer, message: &Message) {
        let Some(link) = self.servers.get(&to).cloned() else { return };
        if link.send_to_server(message) {
            self.soil(&link);
        } else {
            tracing::warn!(peer = %to, from = %link.from, "server does not read");
            self.give_up(to);
        }
    }

    /// Notes that a link has something to send, or to tell when it has sent.
    fn soil(&mut self, link: &Rc<Link>) {
        if !link.dirty.replace(true) {
            self.dirty.push(Rc::clone(link));
        }
    }

    fn give_up(&mut self, peer: Peer) {
        if let Some(link) = self.forget(peer) {
            link.abandon();
            self.gone.push(peer);
        }
    }

    /// Notes who talks.
    pub(super) fn hear(&mut self, peer: Peer, now: Duration) {
        if let Peer::Client(client) = peer
            && self.talker != client.number
        {
            (self.talker, self.talks_since) = (client.number, now);
        }
    }

    /// Whether one client writes, and nobody else.
    pub(super) fn lull(&self) -> bool {
        self.lull.holds()
    }

    /// Notes that the disk was forced.
    pub(super) fn forced(&mut self) {
        self.lull.forced(self.begun.elapsed());
    }

    pub(super) fn give_to_disk(&mut self) {
        if !self.jobs.is_empty() {
            let now = self.begun.elapsed();
            let on_the_spot = match self.dialler {
                Some(_) => self.lull.give(&self.jobs, now),
                None => now > self.talks_since + ALONE && self.jobs.len() <= LITTLE,
            };
            self.disk.give(std::mem::take(&mut self.jobs), on_the_spot);
        }
    }

    /// Gives every socket what waits for it.
    pub(super) fn flush(&mut self) {
        for link in self.dirty.drain(..) {
            link.dirty.set(false);
            link.flush();
        }
    }
}
