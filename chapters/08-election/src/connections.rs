//! One connection for each pair of servers, although both may try to open it.
//!
//! Of two servers the one with the larger id opens the connection that is kept. The other one
//! tries too, but only to be noticed: it says who it is and hangs up, and the larger one calls
//! back. Messages are not queued. What counts is what a server thinks now, so only the newest
//! message for each server is remembered, and a new connection begins with it.
//!
//! Always true:
//! - there is at most one connection to a server over which messages go;
//! - nothing is read from a connection before it has said who is there;
//! - servers that are not members cost no more than a fixed number of connections.
//!
//! Book: chapter 8. ZooKeeper: `QuorumCnxManager`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machines::Effects;
use zxid::ServerId;

use crate::members::Members;
use crate::message::Notification;
use crate::port::{ElectionPort, Frame, Initial, Link, PortTimer, Told};
use crate::wire;

/// How patient and how hospitable an election port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// How long an accepted connection may take to say who is there.
    pub initial: Duration,
    /// How many connections may be there that have not said so. One more, and the oldest goes.
    pub strangers: usize,
    /// How many servers may be connected that are not members.
    pub guests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { initial: Duration::from_secs(10), strangers: 64, guests: 64 }
    }
}

/// What there is between this server and another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Line {
    /// The connection over which messages go.
    link: Option<Link>,
    /// A connection has been asked for.
    dialling: bool,
    /// The last message for the other server, sent or not.
    newest: Option<Notification>,
}

/// The connections of one server's election port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connections {
    me: ServerId,
    /// This server's own election address, as `host:port`.
    address: String,
    members: Members,
    limits: Limits,
    lines: BTreeMap<ServerId, Line>,
    /// Who is at the other end of each accepted connection, if it has said so.
    accepted: BTreeMap<u64, Option<ServerId>>,
    /// The accepted connections that have not, the oldest first.
    strangers: BTreeSet<u64>,
    /// The last id that was made up for an observer without one.
    nameless: i64,
}

impl Connections {
    /// No connections yet.
    pub fn new(me: ServerId, address: String, members: Members, limits: Limits) -> Connections {
        Connections {
            me,
            address,
            members,
            limits,
            lines: BTreeMap::new(),
            accepted: BTreeMap::new(),
            strangers: BTreeSet::new(),
            nameless: 0,
        }
    }

    /// The servers with which there is a connection over which messages go.
    pub fn connected(&self) -> impl Iterator<Item = ServerId> {
        self.lines.iter().filter(|(_, line)| line.link.is_some()).map(|(server, _)| *server)
    }

    /// Sends a message, now or when there is a connection. Until then a newer message takes its
    /// place.
    pub fn send(
        &mut self,
        to: ServerId,
        message: Notification,
        effects: &mut Effects<ElectionPort>,
    ) {
        let line = self.lines.entry(to).or_default();
        line.newest = Some(message.clone());
        match line.link {
            Some(link) => effects.send(link, Frame::Notification(message)),
            None => {
                self.dial(to, effects);
                self.forget_guest(to);
            }
        }
    }

    /// A connection is open.
    pub fn on_opened(&mut self, link: Link, effects: &mut Effects<ElectionPort>) {
        match link {
            Link::To(server) => self.on_dialled(server, effects),
            Link::From(number) => self.on_accepted(number, effects),
        }
    }

    /// A connection is gone, or could not be opened.
    pub fn on_closed(&mut self, link: Link, effects: &mut Effects<ElectionPort>) {
        let server = match link {
            Link::To(server) => Some(server),
            Link::From(number) => self.forget_accepted(number, effects),
        };
        let Some(server) = server else { return };
        if let Some(line) = self.lines.get_mut(&server) {
            if link == Link::To(server) {
                line.dialling = false;
            }
            if line.link == Some(link) {
                line.link = None;
            }
        }
        self.forget_guest(server);
    }

    /// Something has come over a connection. Gives back what is for the election, and from whom.
    pub fn on_received(
        &mut self,
        link: Link,
        frame: Frame,
        effects: &mut Effects<ElectionPort>,
    ) -> Option<(ServerId, Notification)> {
        let server = match link {
            // Only the connection that is kept is listened to.
            Link::To(server) if self.lines.get(&server)?.link == Some(link) => Some(server),
            Link::To(_) => return None,
            Link::From(number) => *self.accepted.get(&number)?,
        };
        match (server, frame) {
            (Some(server), Frame::Notification(notification)) => Some((server, notification)),
            (None, Frame::Initial(initial)) => {
                self.on_initial(link, initial, effects);
                None
            }
            // A second introduction, or none.
            (Some(_), Frame::Initial(_)) | (None, Frame::Notification(_)) => {
                effects.close(link);
                self.on_closed(link, effects);
                None
            }
        }
    }

    /// An accepted connection has taken too long to say who is there.
    pub fn on_expired(&mut self, number: u64, effects: &mut Effects<ElectionPort>) {
        if self.strangers.contains(&number) {
            effects.close(Link::From(number));
            self.forget_accepted(number, effects);
        }
    }

    /// A connection that this server asked for is open.
    fn on_dialled(&mut self, server: ServerId, effects: &mut Effects<ElectionPort>) {
        let link = Link::To(server);
        self.lines.entry(server).or_default().dialling = false;
        let (server_id, addresses) = (self.me, vec![self.address.clone()]);
        let initial = Initial { server: server_id, addresses, several: false };
        effects.send(link, Frame::Initial(initial));
        if server > self.me {
            // The larger one knows now that we are here, and calls back.
            effects.close(link);
            self.forget_guest(server);
        } else {
            self.keep(server, link, effects);
        }
    }

    fn on_accepted(&mut self, number: u64, effects: &mut Effects<ElectionPort>) {
        if self.strangers.len() >= self.limits.strangers
            && let Some(oldest) = self.strangers.first().copied()
        {
            effects.close(Link::From(oldest));
            self.forget_accepted(oldest, effects);
        }
        self.accepted.insert(number, None);
        self.strangers.insert(number);
        effects.set(PortTimer::Initial(number), self.limits.initial);
    }

    /// An accepted connection says who is there.
    fn on_initial(&mut self, link: Link, initial: Initial, effects: &mut Effects<ElectionPort>) {
        let nameless = initial.server == Initial::NAMELESS;
        let server = if nameless { ServerId(self.nameless - 1) } else { initial.server };
        let member = self.members.contains(server);
        let known = member || self.lines.contains_key(&server);
        // Negative ids are those that are made up here.
        let impossible = server == self.me || server.0 < 0 && !member && !nameless;
        // Unlike ZooKeeper, which lets a connection from a server of its own id stand idle, we
        // close it, and we do not take in everybody who says that he is a server.
        if impossible || !known && self.guests() >= self.limits.guests {
            effects.close(link);
            self.on_closed(link, effects);
            return;
        }
        // Unlike ZooKeeper, which hangs up on an observer without an id, for ever, we let it stay.
        if nameless {
            self.nameless = server.0;
        }
        if server > self.me || nameless {
            self.introduce(link, server, effects);
            self.keep(server, link, effects);
        } else {
            self.call_back(link, server, &initial, effects);
        }
    }

    /// A smaller server has made itself known: it has lost the connection to us, or has none yet.
    fn call_back(
        &mut self,
        link: Link,
        server: ServerId,
        initial: &Initial,
        effects: &mut Effects<ElectionPort>,
    ) {
        effects.close(link);
        self.on_closed(link, effects);
        let line = self.lines.entry(server).or_default();
        if let Some(old) = line.link.take() {
            effects.close(old);
        }
        // Unlike ZooKeeper, which connects to wherever it is told, we go to a member at its
        // configured address.
        let addresses = wire::reachable(&initial.addresses);
        if self.members.contains(server) {
            self.dial(server, effects);
        } else if !addresses.is_empty() {
            effects.answer(Told::Located { server, addresses });
            self.dial(server, effects);
        } else {
            self.forget_guest(server);
        }
    }

    /// Uses a connection for all messages from now on.
    fn keep(&mut self, server: ServerId, link: Link, effects: &mut Effects<ElectionPort>) {
        let line = self.lines.entry(server).or_default();
        let old = line.link.replace(link);
        if let Some(message) = line.newest.clone() {
            effects.send(link, Frame::Notification(message));
        }
        if let Some(old) = old {
            effects.close(old);
            if let Link::From(number) = old {
                self.forget_accepted(number, effects);
            }
        }
    }

    fn dial(&mut self, server: ServerId, effects: &mut Effects<ElectionPort>) {
        let line = self.lines.entry(server).or_default();
        // An id that was made up here leads nowhere.
        if !line.dialling && (server.0 >= 0 || self.members.contains(server)) {
            line.dialling = true;
            effects.open(Link::To(server));
        }
    }

    fn introduce(&mut self, link: Link, server: ServerId, effects: &mut Effects<ElectionPort>) {
        if let Link::From(number) = link {
            self.accepted.insert(number, Some(server));
            self.strangers.remove(&number);
            effects.clear(PortTimer::Initial(number));
        }
    }

    /// Forgets an accepted connection; says who was there.
    fn forget_accepted(
        &mut self,
        number: u64,
        effects: &mut Effects<ElectionPort>,
    ) -> Option<ServerId> {
        if self.strangers.remove(&number) {
            effects.clear(PortTimer::Initial(number));
        }
        self.accepted.remove(&number)?
    }

    fn guests(&self) -> usize {
        self.lines.keys().filter(|server| !self.members.contains(**server)).count()
    }

    /// Keeps nothing of a server that is no member, once it is neither connected nor called.
    fn forget_guest(&mut self, server: ServerId) {
        let gone = |line: &Line| line.link.is_none() && !line.dialling;
        if !self.members.contains(server) && self.lines.get(&server).is_some_and(gone) {
            self.lines.remove(&server);
        }
    }
}
