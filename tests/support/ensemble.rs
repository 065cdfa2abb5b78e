//! An ensemble of server processes on the loopback interface: ours, Apache's, or both in one.
//!
//! Each server has ports of its own, a folder, a `zoo.cfg` and a log of its own. It can
//! be killed, paused, emptied and started again. All of them are gone when the ensemble is dropped.
//!
//! `ENSEMBLE_SERVER` names a program to start instead of ours, as in `server.rs`: with
//! `tests/clients/apache.sh` everything is Apache's, so that a test can first be tried on the
//! original. Apache's own servers are started by that script, too.
//!
//! Nothing here waits for a time: only for a condition, up to a deadline.

use std::env;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ensemble::ports::Port;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take that is bound to happen. A JVM on a busy machine starts slowly.
pub(crate) const LONG: Duration = Duration::from_secs(90);

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Apache,
}

/// Whether it votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Voter,
    Observer,
}

/// The servers, numbered from 1 as in `server.N`.
pub(crate) struct Ensemble {
    servers: Vec<Server>,
    home: TempDir,
    settings: String,
}

struct Server {
    kind: Kind,
    role: Role,
    client: Port,
    quorum: Port,
    election: Port,
    process: Option<Child>,
}

impl Ensemble {
    /// So many servers of ours, and observers after them; none is started.
    pub(crate) fn ours(voters: usize, observers: usize, settings: &[(&str, &str)]) -> Self {
        let voters = std::iter::repeat_n((Kind::Ours, Role::Voter), voters);
        let observers = std::iter::repeat_n((Kind::Ours, Role::Observer), observers);
        Self::of(&voters.chain(observers).collect::<Vec<_>>(), settings)
    }

    /// These servers, in the order of their numbers; none is started.
    pub(crate) fn of(servers: &[(Kind, Role)], settings: &[(&str, &str)]) -> Self {
        let port = || Port::keep().expect("a free port");
        let server = |&(kind, role): &(Kind, Role)| Server {
            kind,
            role,
            client: port(),
            quorum: port(),
            election: port(),
            process: None,
        };
        let servers: Vec<Server> = servers.iter().map(server).collect();
        let home = TempDir::new().expect("a temporary directory");
        let settings = settings.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        let ensemble = Self { servers, home, settings };
        for id in ensemble.ids() {
            ensemble.furnish(id);
        }
        ensemble
    }

    /// All numbers.
    pub(crate) fn ids(&self) -> std::ops::RangeInclusive<usize> {
        1..=self.servers.len()
    }

    /// The numbers of those whose process is there.
    pub(crate) fn running(&self) -> Vec<usize> {
        self.ids().filter(|id| self.server(*id).process.is_some()).collect()
    }

    /// Writes a server's `zoo.cfg`, and an empty data folder with its number.
    fn furnish(&self, id: usize) {
        let data = self.folder(id).join("data");
        fs::create_dir_all(&data).expect("the data folder");
        fs::write(data.join("myid"), id.to_string()).expect("myid");
        let server = self.server(id);
        let mut config = format!(
            "dataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\n4lw.commands.whitelist=*\n\
             admin.enableServer=false\nmaxClientCnxns=0\nextendedTypesEnabled=true\n{}",
            data.display(),
            server.client,
            self.settings,
        );
        if server.role == Role::Observer {
            config += "peerType=observer\n";
        }
        for (n, other) in self.ids().zip(&self.servers) {
            let role = match other.role {
                Role::Voter => "participant",
                Role::Observer => "observer",
            };
            let (quorum, election) = (&other.quorum, &other.election);
            config += &format!("server.{n}=127.0.0.1:{quorum}:{election}:{role}\n");
        }
        fs::write(self.folder(id).join("zoo.cfg"), config).expect("zoo.cfg");
    }

    /// Starts a server; whether it serves, [`Self::await_serving`] tells.
    pub(crate) fn start(&mut self, id: usize) {
        let folder = self.folder(id);
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log"));
        let log: File = log.expect("the log");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/apache.sh");
        let program = match self.server(id).kind {
            Kind::Ours => env::var_os("ENSEMBLE_SERVER")
                .unwrap_or_else(|| env!("CARGO_BIN_EXE_ensemble").into()),
            Kind::Apache => script.into(),
        };
        let child = Command::new(&program)
            .arg("server")
            .arg(folder.join("zoo.cfg"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let before = self.servers[id - 1].process.replace(child);
        assert!(before.is_none(), "server {id} runs already");
    }

    /// Starts all, and waits until all serve.
    pub(crate) fn start_all(&mut self) {
        for id in self.ids() {
            self.start(id);
        }
        self.await_all_serving();
    }

    /// Kills a server as `kill -9` does.
    pub(crate) fn kill(&mut self, id: usize) {
        let mut process = self.servers[id - 1].process.take().expect("the server runs");
        process.kill().expect("it can be killed");
        process.wait().expect("it has ended");
    }

    /// Stops a server's process where it is, as SIGSTOP does.
    pub(crate) fn pause(&self, id: usize) {
        self.signal(id, Signal::STOP);
    }

    /// Lets a paused process go on.
    pub(crate) fn resume(&self, id: usize) {
        self.signal(id, Signal::CONT);
    }

    fn signal(&self, id: usize, signal: Signal) {
        let process = self.server(id).process.as_ref().expect("the server runs");
        kill_process(Pid::from_child(process), signal).expect("a signal to it");
    }

    /// Takes everything away that a server has kept. It must not run.
    pub(crate) fn wipe(&self, id: usize) {
        assert!(self.server(id).process.is_none(), "server {id} runs");
        fs::remove_dir_all(self.folder(id).join("data")).expect("its data can be removed");
        self.furnish(id);
    }

    /// From now on it is another's server that starts with what this one has kept.
    pub(crate) fn becomes(&mut self, id: usize, kind: Kind) {
        self.servers[id - 1].kind = kind;
    }

    /// What a server is: leader, follower or observer; nothing while it does not serve.
    pub(crate) fn mode(&self, id: usize) -> Option<String> {
        let reply = word(self.address(id), b"srvr").ok()?;
        let mode = reply.lines().find_map(|line| line.strip_prefix("Mode: "))?;
        Some(mode.to_string())
    }

    /// One of the numbers that a server tells those who monitor it.
    pub(crate) fn count_of(&self, id: usize, name: &str) -> u64 {
        let reply = word(self.address(id), b"mntr").expect("an answer");
        let value = reply.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.trim().parse().ok()).expect("a number")
    }

    /// Waits until a server serves; gives its mode.
    pub(crate) fn await_serving(&mut self, id: usize) -> String {
        let mut mode = None;
        let mut ended = None;
        eventually(format!("server {id} serves"), || {
            mode = self.mode(id);
            let process = self.servers[id - 1].process.as_mut().expect("the server runs");
            ended = process.try_wait().expect("the state of the server");
            mode.is_some() || ended.is_some()
        });
        assert!(ended.is_none(), "server {id} ended: {ended:?}");
        mode.expect("it serves")
    }

    /// Waits until all that run serve.
    pub(crate) fn await_all_serving(&mut self) {
        for id in self.running() {
            self.await_serving(id);
        }
    }

    /// Waits until exactly one of these servers says that it leads; gives its number.
    pub(crate) fn await_leader(&self, among: &[usize]) -> usize {
        let mut leaders = Vec::new();
        eventually(format!("one of {among:?} leads"), || {
            let leads = |id: &usize| self.mode(*id).as_deref() == Some("leader");
            leaders = among.iter().copied().filter(leads).collect();
            leaders.len() == 1
        });
        leaders[0]
    }

    /// Where a server's clients connect.
    pub(crate) fn address(&self, id: usize) -> SocketAddr {
        local(self.server(id).client.number())
    }

    /// The quorum port and the election port.
    pub(crate) fn server_ports(&self, id: usize) -> [SocketAddr; 2] {
        let Server { quorum, election, .. } = self.server(id);
        [local(quorum.number()), local(election.number())]
    }

    /// The addresses of these servers as a connect string.
    pub(crate) fn connect(&self, ids: &[usize]) -> String {
        let addresses: Vec<_> = ids.iter().map(|id| self.address(*id).to_string()).collect();
        addresses.join(",")
    }

    /// What a server has printed so far, over all its starts.
    pub(crate) fn log(&self, id: usize) -> String {
        fs::read_to_string(self.folder(id).join("log")).unwrap_or_default()
    }

    /// The folder in which a server keeps its history.
    pub(crate) fn history(&self, id: usize) -> PathBuf {
        self.folder(id).join("data/version-2")
    }

    /// The files of a server's log of transactions.
    pub(crate) fn transaction_logs(&self, id: usize) -> Vec<PathBuf> {
        let Ok(folder) = fs::read_dir(self.history(id)) else {
            return Vec::new();
        };
        let files = folder.filter_map(|entry| Some(entry.ok()?.path()));
        let is_log = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log."))
        };
        files.filter(is_log).collect()
    }

    /// The memory that a server's process holds, in MiB.
    pub(crate) fn memory(&self, id: usize) -> u64 {
        let process = self.server(id).process.as_ref().expect("the server runs");
        let status = fs::read_to_string(format!("/proc/{}/status", process.id()));
        let status = status.expect("the state of a process");
        let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = held.and_then(|held| held.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<u64>().ok()).expect("its memory") / 1024
    }

    fn server(&self, id: usize) -> &Server {
        &self.servers[id - 1]
    }

    fn folder(&self, id: usize) -> PathBuf {
        self.home.path().join(id.to_string())
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        for server in &mut self.servers {
            if let Some(process) = &mut server.process {
                // A process that is paused dies as well. It may be gone already.
                process.kill().ok();
                process.wait().ok();
            }
        }
        if thread::panicking() {
            for id in self.ids() {
                eprintln!("--- server {id} ({:?}) said:\n{}", self.server(id).kind, self.end(id));
            }
        }
    }
}

impl Ensemble {
    /// The end of a server's log.
    fn end(&self, id: usize) -> String {
        let log = self.log(id);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

/// Waits until the condition holds; fails with what was expected.
pub(crate) fn eventually(what: impl fmt::Display, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The reply to a four-letter word, on a connection of its own. A paused server gives none.
fn word(server: SocketAddr, word: &[u8]) -> io::Result<String> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&server, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(word)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Whether Apache's server can be started here; else says that a test is skipped.
pub(crate) fn apache_is_here() -> bool {
    let jar = env::var_os("ZOOKEEPER_CLASSPATH").is_some()
        || Path::new("/usr/share/java/zookeeper.jar").exists();
    let java = Command::new("java").arg("-version").stderr(Stdio::null()).status();
    let here = jar && java.is_ok_and(|status| status.success());
    if !here {
        println!("skipped: Apache ZooKeeper is not installed");
    }
    here
}
