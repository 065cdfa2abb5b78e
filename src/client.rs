//! The client library: the client of chapter 15, hosted on tokio.
//!
//! One task per client owns the connection, the timers and the machine. It reads, steps and writes;
//! what the protocol says is the machine's business, in `solutions/15-client.rs`.
//!
//! Always true:
//! - the machine is stepped by one task, in the order in which things happened;
//! - the task ends when the session is over and the last handle is gone.
//!
//! ZooKeeper: `ClientCnxnSocketNIO`.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{pending, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use machines::{Effect, Effects, Event, Machine, Now};
use protocol::{
    Ask, ClientMessage, ClientOptions, ClientPeer, ClientTimer, ClientWire, ConnectString, Cut,
    Desk, Framer, Server, Session,
};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The longest frame that is read from a server, in bytes.
///
/// Unlike ZooKeeper, whose clients break the connection over a list of names of more than 1 MiB
/// that their own server sent.
const LONGEST_FRAME: usize = 64 << 20;

/// How many bytes are read at once at least, if they are there.
const READ_BYTES: usize = 64 << 10;
/// How often is read before the machine has its turn.
const READS: usize = 16;

/// A client of an ensemble, ours or Apache's.
///
/// It is a handle: clone it freely. All its methods are those of [`protocol::Client`].
///
/// ```no_run
/// use std::time::Duration;
///
/// use ensemble::client::{Client, CreateMode};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::connect("localhost:2181/app", Duration::from_secs(10)).await?;
/// client.create("/leader", "me", CreateMode::Ephemeral).await?;
/// let (data, stat, watch) = client.get_data_watch("/leader").await?;
/// println!("{data:?}, version {}", stat.version);
/// println!("{}", watch.await?);
/// client.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    client: protocol::Client,
    trouble: Trouble,
}

pub use protocol::{
    CreateMode, CreateOptions, Error, EventKind, Operation, PartResult, Read, Reconfiguration,
    Reply, SessionState, States, Transaction, TransactionFailed, Watch, WatchKind, WatchedEvent,
    Watcher,
};

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// The connect string is none. The text says what is wrong with it.
    Malformed(String),
    /// No server took the session in time.
    Unreachable {
        /// The servers.
        servers: String,
        /// What went wrong last.
        reason: Option<String>,
    },
    /// The session ended before it began.
    Refused(Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Malformed(why) => write!(f, "{why}"),
            ConnectError::Unreachable { servers, reason: Some(reason) } => {
                write!(f, "no server of {servers} can be reached: {reason}")
            }
            ConnectError::Unreachable { servers, reason: None } => {
                write!(f, "no server of {servers} answered in time")
            }
            ConnectError::Refused(error) => write!(f, "the session was refused: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// What went wrong last with a connection.
type Trouble = Arc<Mutex<Option<String>>>;

impl Client {
    /// A client whose session has begun. `timeout` is that of the session, and the longest wait
    /// for its beginning. The path at the end of `h1:2181,h2:2181/app` stands before all paths.
    pub async fn connect(servers: &str, timeout: Duration) -> Result<Client, ConnectError> {
        let client = Client::start(servers, timeout)?;
        match tokio::time::timeout(timeout, client.connected()).await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(error)) => Err(ConnectError::Refused(error)),
            Err(_) => {
                let reason = client.trouble();
                Err(ConnectError::Unreachable { servers: servers.to_owned(), reason })
            }
        }
    }

    /// A client that looks for a server while the program goes on.
    pub fn start(servers: &str, timeout: Duration) -> Result<Client, ConnectError> {
        let connect: ConnectString = servers.parse().map_err(ConnectError::Malformed)?;
        let options = ClientOptions {
            servers: connect.servers.len(),
            chroot: connect.chroot,
            session: None,
            timeout,
            seed: RandomState::new().hash_one(servers),
        };
        let (desk, client) = Desk::new();
        let trouble = Trouble::default();
        let host = Host {
            desk,
            servers: connect.servers,
            machine: Session::new(options),
            effects: Effects::new(),
            began: Instant::now(),
            timers: BTreeMap::new(),
            link: Link::Down,
            over: false,
            trouble: trouble.clone(),
        };
        tokio::spawn(host.run());
        Ok(Client { client, trouble })
    }

    /// What went wrong last with a connection, in words; `None` if nothing did.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Deref for Client {
    type Target = protocol::Client;

    fn deref(&self) -> &protocol::Client {
        &self.client
    }
}

type Opening = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// The connection.
enum Link {
    Down,
    Opening(usize, Opening),
    Open(Connection),
}

/// An open connection and what is on its way through it.
struct Connection {
    server: usize,
    stream: TcpStream,
    framer: Framer,
    incoming: BytesMut,
    outgoing: BytesMut,
}

/// The task of one client.
struct Host {
    desk: Desk,
    servers: Vec<Server>,
    machine: Session,
    effects: Effects<ClientWire>,
    began: Instant,
    timers: BTreeMap<ClientTimer, Instant>,
    link: Link,
    /// Whether the session is in a final state.
    over: bool,
    trouble: Trouble,
}

/// Why the task woke up.
enum Woken {
    Asks(std::collections::VecDeque<Ask>),
    Opened(io::Result<TcpStream>),
    Ready,
    Time,
}

impl Host {
    async fn run(mut self) {
        self.step(Event::Started(()));
        while !(self.over && self.desk.is_abandoned()) {
            match self.wait().await {
                Woken::Asks(asks) => asks.into_iter().for_each(|ask| {
                    let message = ClientMessage::Ask(ask);
                    self.step(Event::Received { from: ClientPeer::Caller, message });
                }),
                Woken::Opened(result) => self.opened(result),
                Woken::Ready => {}
                Woken::Time => self.expire(),
            }
            self.exchange();
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) -> Woken {
        let desk = &self.desk;
        let next = self.timers.values().min().copied();
        let sleep = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => pending().await,
            }
        };
        let link = &mut self.link;
        let network = async {
            match link {
                Link::Down => pending().await,
                Link::Opening(_, opening) => Woken::Opened(opening.await),
                Link::Open(connection) => {
                    connection.ready().await;
                    Woken::Ready
                }
            }
        };
        tokio::select! {
            asks = poll_fn(|cx| desk.poll_take(cx)) => Woken::Asks(asks),
            woken = network => woken,
            () = sleep => Woken::Time,
        }
    }

    fn opened(&mut self, result: io::Result<TcpStream>) {
        let Link::Opening(server, _) = self.link else { return };
        match result {
            Ok(stream) => {
                self.link = Link::Open(Connection::new(server, stream));
                self.step(Event::Opened(ClientPeer::Server(server)));
            }
            Err(error) => self.closed(server, error.to_string()),
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        let due: Vec<ClientTimer> =
            self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            // An earlier one of the list may have stopped or restarted it.
            if self.timers.get(&timer).is_some_and(|at| *at <= now) {
                self.timers.remove(&timer);
                self.step(Event::Expired(timer));
            }
        }
    }

    /// Writes and reads what the connection lets pass at once.
    fn exchange(&mut self) {
        let Link::Open(connection) = &mut self.link else { return };
        let server = connection.server;
        // What came before the end still counts, even if nothing more can be written: it may be the
        // last answer of the session.
        if let Err(error) = connection.flush().and(connection.fill()) {
            self.cut(server);
            if self.link.server() == Some(server) {
                self.closed(server, error.to_string());
            }
            return;
        }
        self.cut(server);
        if let Link::Open(connection) = &mut self.link {
            // An error will show itself at the next read.
            let _ = connection.flush();
        }
    }

    /// Hands every whole frame to the machine.
    fn cut(&mut self, server: usize) {
        while let Link::Open(connection) = &mut self.link
            && connection.server == server
        {
            match connection.framer.cut(&mut connection.incoming) {
                Ok(None) => return,
                Ok(Some(Cut::Frame(frame))) => {
                    let (from, message) = (ClientPeer::Server(server), ClientMessage::Frame(frame));
                    self.step(Event::Received { from, message });
                }
                Ok(Some(Cut::Word(_))) => unreachable!("a client's framer cuts no words"),
                Err(error) => return self.closed(server, error.to_string()),
            }
        }
    }

    fn closed(&mut self, server: usize, why: String) {
        self.link = Link::Down;
        let why = format!("{}: {why}", self.servers[server]);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.step(Event::Closed(ClientPeer::Server(server)));
    }

    fn step(&mut self, event: Event<ClientWire>) {
        // The client does not ask what time it is on the wall.
        let now = Instant::now();
        self.effects.set_now(Now { monotonic: now - self.began, wall_ms: 0 });
        self.machine.step(event, &mut self.effects);
        let effects: Vec<_> = self.effects.drain().collect();
        effects.into_iter().for_each(|effect| self.carry_out(effect, now));
    }

    fn carry_out(&mut self, effect: Effect<ClientWire>, now: Instant) {
        match effect {
            Effect::Open(ClientPeer::Server(index)) => {
                let Server { host, port } = self.servers[index].clone();
                let opening = async move {
                    let stream = TcpStream::connect((host, port)).await?;
                    stream.set_nodelay(true)?;
                    Ok(stream)
                };
                self.link = Link::Opening(index, Box::pin(opening));
            }
            Effect::Send { to: ClientPeer::Server(_), message: ClientMessage::Chunk(chunk) } => {
                if let Link::Open(connection) = &mut self.link {
                    connection.outgoing.extend_from_slice(&chunk);
                }
            }
            Effect::Close(ClientPeer::Server(_)) => {
                if let Link::Open(connection) = &mut self.link {
                    let _ = connection.flush(); // It is being given up: nothing is lost.
                }
                self.link = Link::Down;
            }
            Effect::Set { timer, after } => {
                self.timers.insert(timer, now + after);
            }
            Effect::Clear(timer) => {
                self.timers.remove(&timer);
            }
            Effect::Answer(output) => {
                if let protocol::ClientOutput::State { state, .. } = &output {
                    self.over = state.is_final();
                }
                self.desk.deliver(output);
            }
            Effect::Write(nothing) => match nothing {},
            Effect::Fetch(nothing) => match nothing {},
            Effect::Open(ClientPeer::Caller)
            | Effect::Send { .. }
            | Effect::Close(ClientPeer::Caller)
            | Effect::Pause(_)
            | Effect::Resume(_)
            | Effect::Flush(_)
            | Effect::Sync(_) => unreachable!("a client has servers and answers, and no disk"),
        }
    }
}

impl Link {
    /// The server of an open connection.
    fn server(&self) -> Option<usize> {
        match self {
            Link::Open(connection) => Some(connection.server),
            Link::Down | Link::Opening(..) => None,
        }
    }
}

impl Connection {
    fn new(server: usize, stream: TcpStream) -> Connection {
        let mut framer = Framer::new(LONGEST_FRAME);
        framer.connected();
        let (incoming, outgoing) = (BytesMut::new(), BytesMut::new());
        Connection { server, stream, framer, incoming, outgoing }
    }

    /// Waits until there is something to read, or room to write what is to be written. An error
    /// shows itself when it is tried.
    async fn ready(&self) {
        if self.outgoing.is_empty() {
            let _ = self.stream.readable().await;
        } else {
            tokio::select! {
                _ = self.stream.readable() => {}
                _ = self.stream.writable() => {}
            }
        }
    }

    /// Writes as much as there is room for.
    fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.stream.try_write(&self.outgoing) {
                Ok(written) => self.outgoing.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there, up to a limit: the machine has its turn in between. The end of the
    /// stream is an error.
    fn fill(&mut self) -> io::Result<()> {
        for _ in 0..READS {
            self.incoming.reserve(READ_BYTES);
            match self.stream.try_read_buf(&mut self.incoming) {
                Ok(0) => {
                    let why = "the server closed the connection";
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
