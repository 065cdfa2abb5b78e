//! The listener: accepts clients, and makes a link of each.
//!
//! ZooKeeper: `NIOServerCnxnFactory.AcceptThread`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use server::Connection;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::inbox::{Inbox, Incoming};
use super::link::Link;
use super::{HostError, Settings};

/// Waiting connections, if nobody says how many. As Java's, but larger: it costs nothing.
const BACKLOG: u32 = 1024;
/// How long to wait when the process can open no more sockets.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A socket that listens.
pub(super) struct Listener {
    /// Where.
    pub(super) address: SocketAddr,
    listener: TcpListener,
    inbox: Rc<Inbox>,
    keep_alive: bool,
    max_frame: usize,
    accepted: u64,
}

impl Listener {
    /// Listens, from now on; clients wait until [`Listener::run`].
    pub(super) async fn bind(settings: &Settings, inbox: Rc<Inbox>) -> Result<Listener, HostError> {
        let failed = |error| HostError::Listen { address: name(settings), error };
        let listener = listen(settings).map_err(failed)?;
        Ok(Listener {
            address: listener.local_addr().map_err(failed)?,
            listener,
            inbox,
            keep_alive: settings.keep_alive,
            max_frame: settings.max_frame,
            accepted: 0,
        })
    }

    /// Accepts clients for ever.
    pub(super) async fn run(mut self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => self.accept(stream, from),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(EXHAUSTED).await;
                }
            }
        }
    }

    fn accept(&mut self, stream: TcpStream, from: SocketAddr) {
        // A client over IPv4 is the same client, however the socket listens.
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let options = stream
            .set_nodelay(true)
            .and_then(|()| SockRef::from(&stream).set_keepalive(self.keep_alive));
        if let Err(error) = options {
            // The client is gone already.
            tracing::debug!(%from, %error, "connection lost");
            return;
        }
        self.accepted += 1;
        let peer = Connection { number: self.accepted, from };
        let link = Link::new(peer, stream, Rc::clone(&self.inbox));
        self.inbox.put(Incoming::Opened(Rc::clone(&link)));
        tokio::task::spawn_local(link.run(self.max_frame));
    }
}

/// The address as messages name it.
fn name(settings: &Settings) -> String {
    match &settings.host {
        Some(host) => format!("{host}:{}", settings.port),
        None => format!("port {}", settings.port),
    }
}

fn listen(settings: &Settings) -> io::Result<TcpListener> {
    let backlog = settings.backlog.unwrap_or(BACKLOG);
    let Some(host) = &settings.host else {
        // Every interface, over IPv6 and IPv4 where there is both.
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, settings.port));
        return match bind(all, backlog) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, settings.port)), backlog)
            }
            result => result,
        };
    };
    let mut addresses = (host.as_str(), settings.port).to_socket_addrs()?;
    let address = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    bind(address, backlog)
}

fn bind(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}
