//! A server in the background, and the file that says which process it is.
//!
//! The server holds a lock on its pid file for as long as it lives, and the system gives the lock
//! back when the process ends, however it ends. So nobody takes a file that was left behind, or
//! another process that has got the same number since, for a server.
//!
//! Always true:
//! - one pid file has one server at most;
//! - only the process that holds the lock on a pid file is ever sent a signal.
//!
//! ZooKeeper: `zkServer.sh`, which believes the number in the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Flock, FlockType, Pid, Signal, fcntl_getlk, kill_process};

/// How often to look whether a process has ended.
const LOOK: Duration = Duration::from_millis(10);

/// How long a server may take to answer a four-letter word.
const ANSWER: Duration = Duration::from_secs(3);

/// How many lines of the log show why a server did not start.
const LAST_LINES: usize = 10;

/// The pid file, as the server itself holds it.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Takes the file for this process. The number comes into it with [`PidFile::write`], when the
    /// server serves: until then the file may be that of a server of another make.
    ///
    /// # Errors
    /// Another process has it, or it cannot be made.
    pub fn take(path: &Path) -> io::Result<PidFile> {
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)?;
            fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
            // The one before may have removed the file after it was opened here.
            let (here, there) = (file.metadata()?, fs::metadata(path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (here.dev(), here.ino())) {
                return Ok(PidFile { path: path.to_path_buf(), file });
            }
        }
    }

    /// Writes this process's number into it.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn write(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(std::process::id().to_string().as_bytes())
    }

    /// Removes it, unless the number of somebody else is in it.
    pub fn remove(mut self) {
        let own = std::process::id().to_string();
        let mut text = String::new();
        // By this handle: a process that opens the file once more, and closes that, loses its lock.
        let read = self.file.rewind().and_then(|()| self.file.read_to_string(&mut text));
        if read.is_ok() && (text.is_empty() || text == own) {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// The server that holds a pid file, if one does.
///
/// # Errors
/// The file cannot be asked.
pub fn holder(pid_file: &Path) -> io::Result<Option<Pid>> {
    let file = match File::open(pid_file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let lock = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))?;
    Ok(lock.and_then(|lock| lock.pid))
}

/// The process that a pid file names, if it lives, whoever it is.
pub fn named(pid_file: &Path) -> Option<Pid> {
    let number = fs::read_to_string(pid_file).ok()?.trim().parse().ok().filter(|pid| *pid > 0)?;
    let pid = Pid::from_raw(number)?;
    rustix::process::test_kill_process(pid).is_ok().then_some(pid)
}

/// What a server that starts in the background has said so far.
pub enum News {
    /// It listens here.
    Listening(String),
    /// It has ended, with this exit code if it was not killed.
    Ended(Option<i32>),
}

/// A server that starts in the background.
pub struct Starting {
    child: Child,
    said: Receiver<String>,
    log: PathBuf,
    /// Where its lines begin in the log.
    begin: u64,
}

impl Starting {
    /// Starts `command` with its errors going to `log`.
    ///
    /// # Errors
    /// The log cannot be opened, or the process does not start.
    pub fn spawn(mut command: Command, log: &Path) -> io::Result<Starting> {
        let file = OpenOptions::new().append(true).create(true).open(log)?;
        let begin = file.metadata()?.len();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).spawn()?;
        let out = child.stdout.take().expect("it was asked to be piped");
        let (say, said) = channel();
        thread::spawn(move || listen(out, &say));
        Ok(Starting { child, said, log: log.to_path_buf(), begin })
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for news, for a while.
    pub fn news(&mut self, patience: Duration) -> Option<News> {
        match self.said.recv_timeout(patience) {
            Ok(line) => Some(News::Listening(line)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let code = self.child.wait().ok().and_then(|status| status.code());
                Some(News::Ended(code))
            }
        }
    }

    /// The last lines that it has logged.
    pub fn last_lines(&self) -> Vec<String> {
        let mut text = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.begin))?;
            file.read_to_end(&mut text)
        });
        let text = read.map(|_| String::from_utf8_lossy(&text)).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_string).collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].to_vec()
    }
}

/// Passes on the one line that a server says when it listens.
fn listen(out: ChildStdout, say: &Sender<String>) {
    if let Some(Ok(line)) = BufReader::new(out).lines().next() {
        say.send(line).ok();
    }
}

/// Asks a server to stop, and waits until it has ended. Says whether it has.
///
/// # Errors
/// It cannot be sent a signal, or not be asked.
pub fn stop(pid_file: &Path, pid: Pid, signal: Signal, patience: Duration) -> io::Result<bool> {
    match kill_process(pid, signal) {
        Ok(()) => {}
        Err(rustix::io::Errno::SRCH) => return Ok(true),
        Err(error) => return Err(error.into()),
    }
    let begun = Instant::now();
    while holder(pid_file)? == Some(pid) {
        if begun.elapsed() >= patience {
            return Ok(false);
        }
        thread::sleep(LOOK);
    }
    Ok(true)
}

/// Asks the server at a host and a port how it is.
///
/// # Errors
/// Nobody answers there.
pub fn ask(host: &str, port: u16) -> io::Result<String> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match ask_at(&address) {
            Ok(reply) => return Ok(reply),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_at(address: &SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(b"srvr")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}
