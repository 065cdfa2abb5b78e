//! The sockets at which a server listens, bound before there is a server behind them.
//!
//! Who asks for port 0 gets any free port, and learns which one before the server starts: several
//! servers in one process find out about each other that way.
//!
//! ZooKeeper: `NIOServerCnxnFactory.configure`, `QuorumCnxManager.Listener`, `Leader`.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use super::HostError;

/// Waiting connections, if nobody says how many. As Java's, but larger: it costs nothing.
const BACKLOG: u32 = 1024;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name or address; all interfaces if there is none.
    pub host: Option<String>,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Place {
    /// A port of this host, for this host only; 0 lets the system choose.
    pub fn loopback(port: u16) -> Place {
        Place { host: Some("127.0.0.1".to_string()), port }
    }

    /// The place as messages name it.
    fn name(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}:{}", self.port),
            None => format!("port {}", self.port),
        }
    }
}

/// All places at which one server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// For clients.
    pub clients: Place,
    /// For elections; none if the server stands alone.
    pub election: Vec<Place>,
    /// For learners; none if the server stands alone.
    pub quorum: Vec<Place>,
    /// Connections that may wait to be accepted; a default if none is given.
    pub backlog: Option<u32>,
}

/// Sockets that listen. Who connects waits until a server takes the sockets over.
#[derive(Debug)]
pub struct Sockets {
    pub(super) clients: TcpListener,
    pub(super) election: Vec<TcpListener>,
    pub(super) quorum: Vec<TcpListener>,
}

impl Sockets {
    /// Listens, from now on.
    ///
    /// # Errors
    /// A place cannot be listened at.
    pub fn bind(places: &Places) -> Result<Sockets, HostError> {
        let backlog = places.backlog.unwrap_or(BACKLOG);
        let listen = |place: &Place| {
            listen(place, backlog)
                .map_err(|error| HostError::Listen { address: place.name(), error })
        };
        Ok(Sockets {
            clients: listen(&places.clients)?,
            election: places.election.iter().map(listen).collect::<Result<_, _>>()?,
            quorum: places.quorum.iter().map(listen).collect::<Result<_, _>>()?,
        })
    }

    /// Where clients connect.
    pub fn clients(&self) -> SocketAddr {
        address(&self.clients)
    }

    /// Where other servers connect for elections.
    pub fn election(&self) -> Vec<SocketAddr> {
        self.election.iter().map(address).collect()
    }

    /// Where learners connect.
    pub fn quorum(&self) -> Vec<SocketAddr> {
        self.quorum.iter().map(address).collect()
    }
}

fn address(socket: &TcpListener) -> SocketAddr {
    socket.local_addr().expect("a bound socket has an address")
}

fn listen(place: &Place, backlog: u32) -> io::Result<TcpListener> {
    let Some(host) = &place.host else {
        // Every interface, over IPv6 and IPv4 where there is both.
        let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, place.port));
        return match bind(all, backlog) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, place.port)), backlog)
            }
            result => result,
        };
    };
    let mut addresses = (host.as_str(), place.port).to_socket_addrs()?;
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
    Ok(socket.into())
}
