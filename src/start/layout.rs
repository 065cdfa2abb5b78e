//! Where the servers of an ensemble in one process lie: their folders, ports and configurations.
//!
//! Each gets a folder with a `zoo.cfg` and a `myid` of its own, and is started from those as any
//! other server is; `ensemble server DIR/2/zoo.cfg` would start the same one.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{self, Path, PathBuf};

use zxid::ServerId;

use crate::config::{Config, ConfigError};
use crate::host::{HostError, Place, Places, Sockets};
use crate::ports::Port;

/// What is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many servers vote.
    pub servers: u16,
    /// How many more follow without a vote. They have the highest numbers.
    pub observers: u16,
    /// The port for clients of the first server; the others have the next. 0 is any for each.
    pub port: u16,
    /// Where their folders are.
    pub dir: PathBuf,
    /// Keys and system properties for all, as `NAME=VALUE`.
    pub options: Vec<String>,
}

/// A server that is about to start: it listens, and has a configuration that says where.
pub(super) struct Prepared {
    pub(super) server: ServerId,
    pub(super) address: SocketAddr,
    pub(super) config: Config,
    pub(super) sockets: Sockets,
}

/// Why an ensemble does not start.
#[derive(Debug)]
pub enum StartError {
    /// A server cannot listen, or not recover.
    Host(HostError),
    /// A key has a bad value.
    Config(ConfigError),
    /// A file cannot be written.
    Files(PathBuf, io::Error),
    /// No port can be had.
    Keep(io::Error),
    /// There are more servers than ports.
    Ports,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Host(error) => write!(f, "{error}"),
            StartError::Config(error) => write!(f, "{error}"),
            StartError::Files(path, error) => {
                write!(f, "{}: {error}; name another folder with --dir", path.display())
            }
            StartError::Keep(error) => write!(f, "{error}"),
            StartError::Ports => write!(f, "the last port is 65535; choose a lower --port"),
        }
    }
}

impl std::error::Error for StartError {}

impl Plan {
    /// Whether there is one server only, which needs nobody.
    pub(super) fn is_alone(&self) -> bool {
        self.servers == 1 && self.observers == 0
    }

    /// Binds all ports, then writes all configurations. The ports given back were chosen here, and
    /// are nobody else's while a server is down, either.
    ///
    /// # Errors
    /// A port is in use, a file cannot be written, an option is wrong.
    pub(super) fn prepare(&self) -> Result<(Vec<Prepared>, Vec<Port>), StartError> {
        let mut ports = Vec::new();
        let all: Vec<Sockets> = (0..self.servers + self.observers)
            .map(|index| self.listen(index, &mut ports))
            .collect::<Result<_, _>>()?;
        let members: String =
            all.iter().zip(1..).map(|(sockets, server)| self.member(server, sockets)).collect();
        let prepare = |(sockets, server): (Sockets, u16)| {
            let config = self.configure(server, &sockets, &members)?;
            let address = sockets.clients();
            Ok(Prepared { server: ServerId(server.into()), address, config, sockets })
        };
        let prepared: Result<Vec<Prepared>, StartError> =
            all.into_iter().zip(1..).map(prepare).collect();
        Ok((prepared?, ports))
    }

    fn listen(&self, index: u16, ports: &mut Vec<Port>) -> Result<Sockets, StartError> {
        // Who just tries it out does not want to open a port to the world.
        let mut any = || {
            let port = Port::keep().map_err(StartError::Keep)?;
            let place = Place::loopback(port.number());
            ports.push(port);
            Ok(place)
        };
        let clients = match self.port {
            0 => any()?,
            first => Place::loopback(first.checked_add(index).ok_or(StartError::Ports)?),
        };
        let mut among = || if self.is_alone() { Ok(Vec::new()) } else { Ok(vec![any()?]) };
        let places = Places { clients, election: among()?, quorum: among()?, backlog: None };
        Sockets::bind(&places).map_err(StartError::Host)
    }

    /// A server's line in everybody's configuration.
    fn member(&self, server: u16, sockets: &Sockets) -> String {
        let (quorum, election) = (sockets.quorum(), sockets.election());
        let ([quorum], [election]) = (quorum.as_slice(), election.as_slice()) else {
            return String::new();
        };
        let role = if server > self.servers { "observer" } else { "participant" };
        let ports = format!("{}:{}", quorum.port(), election.port());
        format!("server.{server}={}:{ports}:{role};{}\n", quorum.ip(), sockets.clients())
    }

    /// Writes a server's configuration, and reads it.
    fn configure(
        &self,
        server: u16,
        sockets: &Sockets,
        members: &str,
    ) -> Result<Config, StartError> {
        if self.is_alone() {
            let arguments = [sockets.clients().port().to_string(), self.dir.display().to_string()];
            let mut options = vec!["clientPortAddress=127.0.0.1".to_string()];
            options.extend(self.options.iter().cloned());
            return Config::from_arguments(&arguments, &options).map_err(StartError::Config);
        }
        let dir = path::absolute(self.dir.join(server.to_string()))
            .map_err(|error| StartError::Files(self.dir.clone(), error))?;
        let text = format!(
            "# Written anew by each `ensemble start`.\n\
             # A server that is cut off is given up after 4 s, so that one need not wait for it.\n\
             tickTime=1000\ninitLimit=20\nsyncLimit=4\nstandaloneEnabled=false\n\
             dataDir={}\n{members}",
            dir.display()
        );
        let path = dir.join("zoo.cfg");
        write(&dir.join("myid"), &format!("{server}\n"))?;
        write(&path, &text)?;
        Config::from_file(&path, &self.options).map_err(StartError::Config)
    }
}

fn write(path: &Path, text: &str) -> Result<(), StartError> {
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| StartError::Files(path.to_path_buf(), error))
}
