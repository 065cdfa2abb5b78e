//! Connections that this server opens to others.
//!
//! A name is looked up anew for every call, since a server may come back at another address; and
//! neither that nor the wait for an answer keeps the driver from its work.
//!
//! Always true: of several calls of one peer only the last one is answered.
//!
//! ZooKeeper: `QuorumCnxManager.initiateConnection`, `Learner.LeaderConnector`.

use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use server::Peer;
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet, spawn_local};
use zxid::ServerId;

use super::codec::Codec;
use super::inbox::{Inbox, Incoming};
use super::link::Link;
use super::listener::{Door, prepare};

/// Where one server is reached: host and port. A server with several addresses is reached at any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For elections.
    pub election: Vec<(String, u16)>,
    /// When it leads.
    pub quorum: Vec<(String, u16)>,
}

/// What a host needs to know of the other servers of an ensemble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers {
    /// Where they are.
    pub addresses: BTreeMap<ServerId, Addresses>,
    /// How long it may take to reach one.
    pub connect_timeout: Duration,
    /// Whether TCP asks idle servers whether they still live.
    pub keep_alive: bool,
    /// The longest packet between a learner and its leader, in bytes.
    pub max_packet: usize,
}

/// All calls that are not answered yet.
pub(super) struct Dialler {
    servers: Rc<Servers>,
    inbox: Rc<Inbox>,
    calls: BTreeMap<Peer, (u64, JoinHandle<()>)>,
    last: u64,
}

impl Dialler {
    pub(super) fn new(servers: Servers, inbox: Rc<Inbox>) -> Dialler {
        Dialler { servers: Rc::new(servers), inbox, calls: BTreeMap::new(), last: 0 }
    }

    /// Calls a peer. If nobody `may` be called, nobody answers.
    pub(super) fn dial(&mut self, peer: Peer, may: bool) {
        self.cancel(peer);
        self.last += 1;
        let (number, inbox, servers) =
            (self.last, Rc::clone(&self.inbox), Rc::clone(&self.servers));
        let addresses = match may {
            true => self.addresses(peer),
            false => Vec::new(),
        };
        let task = spawn_local(async move {
            let link = match tokio::time::timeout(servers.connect_timeout, reach(addresses)).await {
                Ok(Ok(stream)) => open(peer, stream, &servers, &inbox).ok(),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "cannot be reached");
                    None
                }
                Err(_) => {
                    tracing::debug!(%peer, "does not answer");
                    None
                }
            };
            inbox.put(Incoming::Dialled { peer, number, link });
        });
        self.calls.insert(peer, (number, task));
    }

    /// Whether this answer is still waited for. It is no longer, after this.
    pub(super) fn answered(&mut self, peer: Peer, number: u64) -> bool {
        let waits = self.calls.get(&peer).is_some_and(|(last, _)| *last == number);
        if waits {
            self.calls.remove(&peer);
        }
        waits
    }

    /// Gives up a call; says whether there was one.
    pub(super) fn cancel(&mut self, peer: Peer) -> bool {
        let call = self.calls.remove(&peer);
        if let Some((_, task)) = &call {
            task.abort();
        }
        call.is_some()
    }

    /// Gives up all calls; says whose.
    pub(super) fn cancel_all(&mut self) -> Vec<Peer> {
        let peers: Vec<Peer> = self.calls.keys().copied().collect();
        for peer in &peers {
            self.cancel(*peer);
        }
        peers
    }

    /// Where a peer can be reached; nowhere, if nobody has said so.
    fn addresses(&self, peer: Peer) -> Vec<(String, u16)> {
        let of = |server| self.servers.addresses.get(&server);
        let addresses = match peer {
            Peer::Election(election::Link::To(server)) => of(server).map(|it| &it.election),
            Peer::Quorum(zab::Peer::Leader(server)) => of(server).map(|it| &it.quorum),
            accepted => panic!("{accepted} is never called: it has connected to us"),
        };
        addresses.cloned().unwrap_or_default()
    }
}

/// Connects to the first address that answers.
async fn reach(addresses: Vec<(String, u16)>) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    for address in addresses {
        attempts.spawn_local(TcpStream::connect(address));
    }
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    while let Some(attempt) = attempts.join_next().await {
        match attempt.unwrap_or_else(|error| Err(error.into())) {
            // TCP lets a socket connect to itself, if nobody listens at the port that it was given.
            Ok(stream) if stream.local_addr()? == stream.peer_addr()? => {}
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Makes a link of a connection.
fn open(
    peer: Peer,
    stream: TcpStream,
    servers: &Servers,
    inbox: &Rc<Inbox>,
) -> io::Result<(Rc<Link>, Codec)> {
    prepare(&stream, servers.keep_alive)?;
    let codec = match peer {
        // Who was called does not introduce itself.
        Peer::Election(_) => Codec::Votes(BytesMut::new()),
        _ => Codec::of_accepted(Door::Quorum(servers.max_packet)),
    };
    Ok((Link::new(peer, stream.peer_addr()?, stream, Rc::clone(inbox)), codec))
}
