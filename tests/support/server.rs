//! A server process of its own for one test: started on a free port, killed at the end.
//!
//! `ENSEMBLE_SERVER` names another program to start instead of our binary, for example
//! `tests/clients/apache.sh`, which runs Apache ZooKeeper. It is called as
//! `$ENSEMBLE_SERVER server zoo.cfg`.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ensemble::ports::Port;
use tempfile::TempDir;

/// How long a server may take until it serves.
const START: Duration = Duration::from_secs(60);

/// A running server and its directory.
pub(crate) struct Server {
    child: Child,
    port: Port,
    home: TempDir,
}

impl Server {
    /// Starts a server with these lines in its `zoo.cfg`, on an empty directory.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        Self::launch(settings, |_| ()).serving().unwrap_or_else(|failed| panic!("{failed}"))
    }

    /// Starts a server after `fill` has put files into its data directory.
    /// Whether it comes to serve, [`Self::serving`] tells.
    pub(crate) fn launch(settings: &[(&str, &str)], fill: impl FnOnce(&Path)) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        let data = home.path().join("data");
        fs::create_dir(&data).expect("the data directory");
        fill(&data);
        let port = Port::keep().expect("a free port");
        let mut config = format!("dataDir={}\nclientPort={port}\n", data.display());
        for (key, value) in settings {
            config += &format!("{key}={value}\n");
        }
        let path = home.path().join("zoo.cfg");
        fs::write(&path, config).expect("zoo.cfg");
        let log = File::create(home.path().join("log")).expect("the log");
        let program =
            env::var_os("ENSEMBLE_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_ensemble").into());
        let child = Command::new(&program)
            .arg("server")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self { child, port, home }
    }

    /// Waits until the server answers; the error is what it said when it gave up.
    pub(crate) fn serving(mut self) -> Result<Self, Refused> {
        let start = Instant::now();
        while !word(self.address(), b"srvr").is_ok_and(|reply| reply.contains("Mode: ")) {
            if let Some(status) = self.child.try_wait().expect("the state of the server") {
                return Err(Refused { status, said: self.log() });
            }
            assert!(start.elapsed() < START, "the server does not serve:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        Ok(self)
    }

    /// Where clients connect.
    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.number()).into()
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the server has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may be gone already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A server that ended instead of serving.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Its exit status.
    pub(crate) status: ExitStatus,
    /// What it printed.
    pub(crate) said: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server ended ({}) and said:\n{}", self.status, self.said)
    }
}

/// The reply to a four-letter word, on a connection of its own.
pub(crate) fn word(server: SocketAddr, word: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(word)?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}
