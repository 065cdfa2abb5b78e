//! A listener: accepts connections at one port, and makes a link of each.
//!
//! ZooKeeper: `NIOServerCnxnFactory.AcceptThread`, `QuorumCnxManager.Listener`,
//! `Leader.LearnerCnxAcceptor`.

use std::cell::Cell;
use std::io;
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use server::{Connection, Peer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::codec::Codec;
use super::inbox::{Inbox, Incoming};
use super::link::Link;

/// How long to wait when the process can open no more sockets.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// Connections that are accepted before others have their turn.
const AT_ONCE: usize = 16;

/// Who connects to a port.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// Clients; frames are at most so long.
    Clients(usize),
    /// Other servers, to elect.
    Election,
    /// Learners; packets are at most so long.
    Quorum(usize),
}

/// A socket that listens.
pub(super) struct Listener {
    listener: TcpListener,
    door: Door,
    inbox: Rc<Inbox>,
    keep_alive: bool,
    /// How many were accepted at this door, at whichever of its sockets.
    accepted: Rc<Cell<u64>>,
}

impl Listener {
    /// Takes sockets over.
    ///
    /// # Errors
    /// The operating system does not let a task wait for one.
    pub(super) fn new(
        sockets: impl IntoIterator<Item = net::TcpListener>,
        door: Door,
        keep_alive: bool,
        inbox: &Rc<Inbox>,
    ) -> io::Result<Vec<Listener>> {
        let accepted = Rc::new(Cell::new(0));
        let listener = |socket| {
            Ok(Listener {
                listener: TcpListener::from_std(socket)?,
                door,
                inbox: Rc::clone(inbox),
                keep_alive,
                accepted: Rc::clone(&accepted),
            })
        };
        sockets.into_iter().map(listener).collect()
    }

    /// Accepts for ever.
    pub(super) async fn run(self) {
        let mut at_once = 0;
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => self.accept(stream, from),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
            at_once += 1;
            if at_once % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn accept(&self, stream: TcpStream, from: SocketAddr) {
        // A client over IPv4 is the same client, however the socket listens.
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        if let Err(error) = prepare(&stream, self.keep_alive) {
            // The other side is gone already.
            tracing::debug!(%from, %error, "connection lost");
            return;
        }
        let number = self.accepted.get() + 1;
        self.accepted.set(number);
        let peer = match self.door {
            Door::Clients(_) => Peer::Client(Connection { number, from }),
            Door::Election => Peer::Election(election::Link::From(number)),
            Door::Quorum(_) => Peer::Quorum(zab::Peer::Learner(number)),
        };
        let link = Link::new(peer, from, stream, Rc::clone(&self.inbox));
        self.inbox.put(Incoming::Opened(Rc::clone(&link)));
        tokio::task::spawn_local(link.run(Codec::of_accepted(self.door)));
    }
}

/// Sets what all connections have: nothing waits for more to be sent with it.
pub(super) fn prepare(stream: &TcpStream, keep_alive: bool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_keepalive(keep_alive)
}
