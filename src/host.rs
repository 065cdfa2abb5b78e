//! The host of a server: one machine on one thread, with sockets, clocks and a disk.
//!
//! The machine does the thinking; here are the hands. Clients' bytes come in over links, which cut
//! them into messages; the driver steps the machine with them and carries out its effects; the
//! disk has a thread of its own. Several hosts can live in one process.
//!
//! It does not know what the messages mean.
//!
//! ZooKeeper: `NIOServerCnxnFactory`, without its threads.

mod driver;
mod inbox;
mod link;
mod listener;
mod notices;
mod timers;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use machines::{Disk, Event, Fault, Machine};
use server::{Recovered, Zk};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::disk::DiskThread;
use driver::{Driver, Order};
use inbox::Inbox;
use listener::Listener;

/// What a host is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name or address to listen at; all interfaces if there is none.
    pub host: Option<String>,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// Connections that may wait to be accepted; the system's default if none is given.
    pub backlog: Option<u32>,
    /// Whether TCP asks idle clients whether they still live.
    pub keep_alive: bool,
    /// The longest frame from a client, in bytes.
    pub max_frame: usize,
    /// From when on a slow force of the disk is worth a line in the log.
    pub slow_fsync: Duration,
}

/// What a server starts with.
pub struct Boot<M> {
    /// The machine.
    pub machine: M,
    /// What was found on its disk.
    pub recovered: Recovered,
    /// What carries out its writes.
    pub disk: Box<dyn Disk<Zk> + Send>,
}

/// Any reason why a server does not start.
pub type BootError = Box<dyn Error + Send + Sync>;

/// Why a server does not run, or no longer.
#[derive(Debug)]
pub enum HostError {
    /// It cannot listen.
    Listen {
        /// Where.
        address: String,
        /// Why not.
        error: io::Error,
    },
    /// It found something on its disk that it cannot start from, or did not get its folders.
    Boot(BootError),
    /// Its disk has failed.
    Disk(Fault),
    /// The operating system lacks something that it needs.
    System(io::Error),
    /// It found itself in a state that must not be, and stopped. Its message is in the log.
    Panicked,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::Listen { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use; stop who uses it, or choose another port")
            }
            HostError::Listen { address, error } => {
                write!(f, "cannot listen at {address}: {error}; choose another address or port")
            }
            HostError::Boot(error) => write!(f, "{error}"),
            HostError::Disk(fault) => write!(f, "{fault}; mend that, then start the server again"),
            HostError::System(error) => write!(f, "the operating system refuses: {error}"),
            HostError::Panicked => write!(f, "the server has stopped itself: this is a defect"),
        }
    }
}

impl Error for HostError {}

/// A server that runs on a thread of its own.
pub struct Running<M> {
    /// Where it listens.
    pub address: SocketAddr,
    orders: UnboundedSender<Order<M>>,
    thread: JoinHandle<Result<(), HostError>>,
}

impl<M: Machine<Protocol = Zk> + 'static> Running<M> {
    /// Starts a server, and returns when it has recovered and listens. `boot` is given the port. It
    /// runs on the server's own thread, so the machine needs not move between threads.
    ///
    /// # Errors
    /// Why it does not run.
    pub fn start(
        settings: Settings,
        boot: impl FnOnce(u16) -> Result<Boot<M>, BootError> + Send + 'static,
    ) -> Result<Running<M>, HostError> {
        let (ready, started): (Sender<SocketAddr>, Receiver<SocketAddr>) = channel();
        let (orders, asked) = unbounded_channel();
        let thread = thread::Builder::new()
            .name("server".into())
            .spawn(move || host(&settings, boot, asked, &ready))
            .map_err(HostError::System)?;
        match started.recv() {
            Ok(address) => Ok(Running { address, orders, thread }),
            Err(_) => Err(outcome(thread).expect_err("a server that ends at once says why")),
        }
    }

    /// Looks at the machine, between two passes. Nothing, if the server has ended.
    pub fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&M) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = channel();
        let look = Box::new(move |machine: &M| {
            answer.send(look(machine)).ok();
        });
        self.orders.send(Order::Look(look)).ok()?;
        answered.recv().ok()
    }

    /// Whether it has ended, by itself or since it was told to stop.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Tells it to stop: to close the listener and all connections, and to force the disk.
    pub fn stop(&self) {
        self.orders.send(Order::Stop).ok();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it has ended, if nobody stopped it.
    pub fn join(self) -> Result<(), HostError> {
        outcome(self.thread)
    }
}

fn outcome(thread: JoinHandle<Result<(), HostError>>) -> Result<(), HostError> {
    thread.join().unwrap_or(Err(HostError::Panicked))
}

/// The whole life of a server, on its thread.
fn host<M: Machine<Protocol = Zk> + 'static>(
    settings: &Settings,
    boot: impl FnOnce(u16) -> Result<Boot<M>, BootError>,
    orders: UnboundedReceiver<Order<M>>,
    ready: &Sender<SocketAddr>,
) -> Result<(), HostError> {
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(HostError::System)?;
    let inbox = Inbox::new();
    // Before recovery, which may take long: a port in use is told at once.
    let listener = runtime.block_on(Listener::bind(settings, inbox.clone()))?;
    let address = listener.address;
    let Boot { machine, recovered, disk } = boot(address.port()).map_err(HostError::Boot)?;
    let (answer, answers) = unbounded_channel::<Event<Zk>>();
    let disk = DiskThread::start(disk, settings.slow_fsync, move |event| {
        // Nobody listens any more after a stop, or after a fault.
        answer.send(event).ok();
    })
    .map_err(HostError::System)?;
    LocalSet::new().block_on(&runtime, async {
        let driver = Driver::start(machine, recovered, inbox, disk, answers, orders);
        tokio::task::spawn_local(listener.run());
        ready.send(address).ok();
        driver.run().await.map_err(HostError::Disk)
    })
}
