//! The processes: servers that are started from this very program, and what is done to them.
//!
//! None outlives this process, however that ends: each has a pipe from it as standard input, ends
//! when the pipe does, and leads a process group of its own, since a stopped process whose group
//! has lost its parent is woken and ended by the system (POSIX: orphaned process groups).
//!
//! Always true: a number has one process at most.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::network::{End, Network};
use crate::ports::Port;

/// Whoever is silent for 2 s is given up, and a session lives for 1 s to 10 s after its client.
const SETTINGS: &str = "tickTime=500\ninitLimit=20\nsyncLimit=4\nmaxClientCnxns=0\n\
                        standaloneEnabled=false\nautopurge.purgeInterval=0\n";

/// How many lines of a server's log say why it ended.
const LAST_LINES: usize = 12;

/// All servers, numbered from 1.
pub(super) struct Servers {
    dir: PathBuf,
    servers: Vec<Server>,
    /// Whether they hold unforced bytes back, so that a kill loses them.
    hold: bool,
}

struct Server {
    /// For clients, for the quorum, for elections.
    ports: [Port; 3],
    process: Option<Child>,
    paused: bool,
}

impl Servers {
    /// Makes folders and configurations for so many servers, which reach each other, and are
    /// reached by clients, only through the network.
    ///
    /// # Errors
    /// No port is free, or the folder cannot be written to.
    pub(super) fn furnish(
        dir: &Path,
        count: u16,
        hold: bool,
        network: &mut Network,
    ) -> io::Result<Servers> {
        let ports: Vec<[Port; 3]> = (0..count)
            .map(|_| Ok([Port::keep()?, Port::keep()?, Port::keep()?]))
            .collect::<io::Result<_>>()?;
        for (me, own) in (1..).zip(&ports) {
            let home = dir.join(me.to_string());
            fs::create_dir_all(home.join("data"))?;
            if fs::read_dir(home.join("data"))?.next().is_some() {
                let why = format!("{} is not empty; name another folder", home.display());
                return Err(io::Error::new(ErrorKind::AlreadyExists, why));
            }
            fs::write(home.join("data/myid"), format!("{me}\n"))?;
            let mut config = format!(
                "{SETTINGS}dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\n",
                home.join("data").display(),
                own[0],
            );
            for (other, [_, quorum, election]) in (1..).zip(&ports) {
                let way = |port: &Port, network: &mut Network| match other == me {
                    true => Ok(port.number()),
                    false => network.open(End::Server(me), End::Server(other), port.number()),
                };
                let (quorum, election) = (way(quorum, network)?, way(election, network)?);
                config += &format!("server.{other}=127.0.0.1:{quorum}:{election}\n");
            }
            fs::write(home.join("zoo.cfg"), config)?;
        }
        let server = |ports| Server { ports, process: None, paused: false };
        let servers = ports.into_iter().map(server).collect();
        Ok(Servers { dir: dir.to_path_buf(), servers, hold })
    }

    /// The numbers of all.
    pub(super) fn all(&self) -> std::ops::RangeInclusive<u16> {
        1..=self.servers.len() as u16
    }

    /// Where a server listens for clients, without a network in between.
    pub(super) fn address(&self, id: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.server(id).ports[0].number()).into()
    }

    /// Starts a server that has no process.
    ///
    /// # Errors
    /// The operating system refuses.
    pub(super) fn start(&mut self, id: u16) -> io::Result<()> {
        assert!(self.server(id).process.is_none(), "server {id} runs already");
        let home = self.dir.join(id.to_string());
        let log = OpenOptions::new().create(true).append(true).open(home.join("log"))?;
        let program = std::env::current_exe()?;
        let mut command = Command::new(&program);
        command.arg("server").arg("--leash");
        if self.hold {
            command.arg("--hold-unforced").arg(self.full(id));
        }
        command.arg(home.join("zoo.cfg")).process_group(0);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn();
        // Whoever builds it anew takes the file away from under a run.
        let child = child.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", program.display()))
        })?;
        let server = self.server_mut(id);
        (server.process, server.paused) = (Some(child), false);
        Ok(())
    }

    /// Whether a server's process is there, and not stopped.
    pub(super) fn runs(&self, id: u16) -> bool {
        let server = self.server(id);
        server.process.is_some() && !server.paused
    }

    /// Whether a server has a process.
    pub(super) fn is_there(&self, id: u16) -> bool {
        self.server(id).process.is_some()
    }

    /// Kills a server as `kill -9` does, if it is there.
    pub(super) fn kill(&mut self, id: u16) {
        if let Some(mut process) = self.server_mut(id).process.take() {
            // Whether it has just ended by itself makes no difference any more.
            process.kill().ok();
            process.wait().ok();
        }
    }

    /// Stops a server's process where it is.
    pub(super) fn pause(&mut self, id: u16) {
        self.signal(id, Signal::STOP);
        self.server_mut(id).paused = true;
    }

    /// Lets it go on.
    pub(super) fn resume(&mut self, id: u16) {
        self.signal(id, Signal::CONT);
        self.server_mut(id).paused = false;
    }

    /// Says that a server's disk is full, or that it has room again.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn fill(&self, id: u16, full: bool) -> io::Result<()> {
        match full {
            true => fs::write(self.full(id), ""),
            false => match fs::remove_file(self.full(id)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// A server that has ended by itself, how, and what it said last.
    pub(super) fn ended(&mut self) -> Option<(u16, ExitStatus, String)> {
        for id in self.all() {
            let process = &mut self.server_mut(id).process;
            let ended = process.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                *process = None;
                return Some((id, status, self.last_words(id)));
            }
        }
        None
    }

    fn last_words(&self, id: u16) -> String {
        let log = fs::read(self.dir.join(id.to_string()).join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn signal(&self, id: u16, signal: Signal) {
        if let Some(process) = &self.server(id).process {
            // It may have ended by itself; then its end is found soon.
            kill_process(Pid::from_child(process), signal).ok();
        }
    }

    fn full(&self, id: u16) -> PathBuf {
        self.dir.join(id.to_string()).join("full")
    }

    fn server(&self, id: u16) -> &Server {
        &self.servers[usize::from(id) - 1]
    }

    fn server_mut(&mut self, id: u16) -> &mut Server {
        &mut self.servers[usize::from(id) - 1]
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.all().for_each(|id| self.kill(id));
    }
}
