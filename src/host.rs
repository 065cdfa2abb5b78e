//! The host of a server: one machine on one thread, with sockets, clocks and a disk.
//!
//! The machine does the thinking; here are the hands. Clients' and other servers' bytes come in over
//! links, which cut them into messages; the driver steps the machine with them and carries out its
//! effects; the disk has a thread of its own. Several hosts can live in one process.
//!
//! It does not know what the messages mean.
//!
//! ZooKeeper: `NIOServerCnxnFactory`, `QuorumCnxManager`, `LearnerHandler`, without their threads.

mod codec;
mod dial;
mod driver;
mod hands;
mod inbox;
mod link;
mod listener;
mod lull;
mod notices;
mod outgoing;
mod sockets;
mod timers;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use machines::{Disk, Event, Fault, Machine};
use server::{Recovered, Zk};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::disk::DiskThread;
use dial::Dialler;
use driver::{Driver, Order};
use hands::Hands;
use inbox::Inbox;
use listener::{Door, Listener};

pub use dial::{Addresses, Servers};
pub use sockets::{Place, Places, Sockets};

/// What a host is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether TCP asks idle clients whether they still live.
    pub keep_alive: bool,
    /// The longest frame from a client, in bytes.
    pub max_frame: usize,
    /// From when on a slow force of the disk is worth a line in the log.
    pub slow_fsync: Duration,
    /// The other servers of the ensemble; nothing if this one stands alone.
    pub servers: Option<Servers>,
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
    /// Where clients connect.
    pub address: SocketAddr,
    orders: UnboundedSender<Order<M>>,
    /// Something as long as it is paused.
    paused: Mutex<Option<Sender<()>>>,
    thread: JoinHandle<Result<(), HostError>>,
}

impl<M: Machine<Protocol = Zk> + 'static> Running<M> {
    /// Starts a server, and returns when it has recovered. `boot` runs on the server's own thread,
    /// so the machine needs not move between threads.
    ///
    /// # Errors
    /// Why it does not run.
    pub fn start(
        settings: Settings,
        sockets: Sockets,
        boot: impl FnOnce() -> Result<Boot<M>, BootError> + Send + 'static,
    ) -> Result<Running<M>, HostError> {
        let (ready, started): (Sender<()>, Receiver<()>) = channel();
        let (orders, asked) = unbounded_channel();
        let address = sockets.clients();
        // What it logs bears the name that whoever starts it gives it.
        let span = tracing::Span::current();
        let thread = thread::Builder::new()
            .name("server".into())
            .spawn(move || span.in_scope(|| host(settings, sockets, boot, asked, &ready)))
            .map_err(HostError::System)?;
        match started.recv() {
            Ok(()) => Ok(Running { address, orders, paused: Mutex::default(), thread }),
            Err(_) => Err(outcome(thread).expect_err("a server that ends at once says why")),
        }
    }

    /// Looks at the machine, between two passes. Nothing, if the server has ended or is paused.
    pub fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&M) -> T + Send + 'static,
    ) -> Option<T> {
        if self.lock_paused().is_some() {
            return None;
        }
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

    /// Tells it to stop: to close its sockets and all connections, and to force the disk.
    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    /// Ends it as if its process were killed: nothing more is sent or written, nothing is forced.
    pub fn kill(&self) {
        self.order(Order::Kill);
    }

    /// Holds it as a stopped process is held: its sockets stay open, but it takes nothing and does
    /// nothing until it is resumed. Returns when that is so.
    pub fn pause(&self) {
        let (pause, paused) = channel();
        let (resume, resumed) = channel();
        self.order(Order::Pause { paused: pause, resumed });
        paused.recv().ok();
        *self.lock_paused() = Some(resume);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        *self.lock_paused() = None;
    }

    /// Cuts it off from all other servers: connections are closed, and none are opened or accepted.
    /// Clients keep theirs.
    pub fn cut_off(&self) {
        self.order(Order::CutOff);
    }

    /// Lets it have connections with other servers again.
    pub fn rejoin(&self) {
        self.order(Order::Rejoin);
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// Why it has ended, if nobody stopped it.
    pub fn join(self) -> Result<(), HostError> {
        outcome(self.thread)
    }

    /// Gives an order, for which a paused server must go on.
    fn order(&self, order: Order<M>) {
        self.orders.send(order).ok();
        self.resume();
    }

    fn lock_paused(&self) -> std::sync::MutexGuard<'_, Option<Sender<()>>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outcome(thread: JoinHandle<Result<(), HostError>>) -> Result<(), HostError> {
    thread.join().unwrap_or(Err(HostError::Panicked))
}

/// The whole life of a server, on its thread.
fn host<M: Machine<Protocol = Zk> + 'static>(
    settings: Settings,
    sockets: Sockets,
    boot: impl FnOnce() -> Result<Boot<M>, BootError>,
    orders: UnboundedReceiver<Order<M>>,
    ready: &Sender<()>,
) -> Result<(), HostError> {
    let Boot { machine, recovered, disk } = boot().map_err(HostError::Boot)?;
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(HostError::System)?;
    let (answer, answers) = unbounded_channel::<Event<Zk>>();
    let disk = DiskThread::start(disk, settings.slow_fsync, move |event| {
        // Nobody listens any more after a stop, or after a fault.
        answer.send(event).ok();
    })
    .map_err(HostError::System)?;
    let ended = LocalSet::new().block_on(&runtime, async {
        let inbox = Inbox::new();
        let listeners = listeners(&settings, sockets, &inbox).map_err(HostError::System)?;
        let dialler = settings.servers.map(|servers| Dialler::new(servers, Rc::clone(&inbox)));
        let hands = Hands::new(inbox, disk, dialler);
        let driver = Driver::start(machine, recovered, hands, answers, orders);
        for listener in listeners {
            tokio::task::spawn_local(listener.run());
        }
        ready.send(()).ok();
        driver.run().await.map_err(HostError::Disk)
    });
    // Somebody may still be looking a name up.
    runtime.shutdown_background();
    ended
}

fn listeners(
    settings: &Settings,
    sockets: Sockets,
    inbox: &Rc<Inbox>,
) -> io::Result<Vec<Listener>> {
    let clients = Door::Clients(settings.max_frame);
    let mut all = Listener::new([sockets.clients], clients, settings.keep_alive, inbox)?;
    if let Some(servers) = &settings.servers {
        let keep_alive = servers.keep_alive;
        all.extend(Listener::new(sockets.election, Door::Election, keep_alive, inbox)?);
        let learners = Door::Quorum(servers.max_packet);
        all.extend(Listener::new(sockets.quorum, learners, keep_alive, inbox)?);
    }
    Ok(all)
}
