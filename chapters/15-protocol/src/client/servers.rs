//! The connect string: `h1:2181,h2:2181/app`, servers and the part of the tree to live in.
//!
//! ZooKeeper: `ConnectStringParser`.

use std::fmt;
use std::str::FromStr;

/// A server's address as the program gave it. Names are looked up at each connect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    /// A name, or an address; IPv6 without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where to find the ensemble, and where in its tree to live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectString {
    /// The servers, at least one, in the order given.
    pub servers: Vec<Server>,
    /// What stands before every path: empty, or `/app`.
    pub chroot: String,
}

impl FromStr for ConnectString {
    type Err = String;

    /// A port that is not given is 2181. The error is a sentence for people.
    fn from_str(text: &str) -> Result<ConnectString, String> {
        let (servers, chroot) = text.split_at(text.find('/').unwrap_or(text.len()));
        let chroot = match chroot {
            "/" => "",
            chroot if chroot.ends_with('/') || chroot.contains("//") => {
                return Err(format!("the path {chroot:?} in the connect string is not valid"));
            }
            chroot => chroot,
        };
        let servers: Vec<Server> = servers
            .split(',')
            .map(str::trim)
            .filter(|server| !server.is_empty())
            .map(parse_server)
            .collect::<Result<_, _>>()?;
        match servers.is_empty() {
            true => Err(format!("the connect string {text:?} names no server")),
            false => Ok(ConnectString { servers, chroot: chroot.to_owned() }),
        }
    }
}

impl fmt::Display for ConnectString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            write!(f, "{}{server}", if index == 0 { "" } else { "," })?;
        }
        write!(f, "{}", self.chroot)
    }
}

fn parse_server(text: &str) -> Result<Server, String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) =
                rest.split_once(']').ok_or_else(|| format!("there is no ] in {text:?}"))?;
            (host, port.strip_prefix(':'))
        }
        // More than one colon and no brackets: an IPv6 address without a port.
        None if text.matches(':').count() > 1 => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().map_err(|_| format!("{port:?} in {text:?} is no port"))?,
        None => 2181,
    };
    match host.is_empty() {
        true => Err(format!("there is no host in {text:?}")),
        false => Ok(Server { host: host.to_owned(), port }),
    }
}
