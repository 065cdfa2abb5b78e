//! The network between servers, and between them and clients: a way in for each pair, at a port of
//! its own, through which this process carries the bytes, or does not.
//!
//! It needs no rights, works wherever sockets do, and can cut one direction only. What is cut off is
//! not told so: connections stay, and nothing comes, as when a cable is pulled. When the way is free
//! again, the bytes that were sent meanwhile arrive, however late.
//!
//! Always true: bytes arrive in order, each once, or the connection is broken.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, tcp};
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::sleep;

/// How many bytes are carried at once.
const CHUNK: usize = 16 << 10;

/// Who talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// All clients together.
    Clients,
    /// A server.
    Server(u16),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Clients => write!(f, "clients"),
            End::Server(id) => write!(f, "server {id}"),
        }
    }
}

/// All ways: from whom connects to whom is connected to.
#[derive(Default)]
pub(super) struct Network {
    ways: BTreeMap<(End, End), Rc<watch::Sender<Weather>>>,
    doors: JoinSet<()>,
}

/// How it is on a way just now.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    /// Nothing passes from whom has connected.
    there_is_cut: bool,
    /// Nothing passes to whom has connected.
    back_is_cut: bool,
    /// How long each piece takes.
    delay: Duration,
    /// How often all connections were broken.
    resets: u64,
}

impl Network {
    /// Opens a way to a port, and says at which port it begins.
    ///
    /// # Errors
    /// There is no port.
    pub(super) fn open(&mut self, from: End, to: End, port: u16) -> io::Result<u16> {
        let door = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        door.set_nonblocking(true)?;
        let door = TcpListener::from_std(door)?;
        let begins = door.local_addr()?.port();
        let way = self.ways.entry((from, to)).or_default();
        let (weather, goal) = (way.subscribe(), (Ipv4Addr::LOCALHOST, port).into());
        self.doors.spawn_local(attend(door, goal, weather));
        Ok(begins)
    }

    /// Lets nothing pass any more from one to another; what goes back still does.
    pub(super) fn cut(&self, from: End, to: End) {
        self.change(from, to, |weather| weather.there_is_cut = true);
        self.change(to, from, |weather| weather.back_is_cut = true);
    }

    /// Makes every piece between two late.
    pub(super) fn delay(&self, one: End, other: End, delay: Duration) {
        self.change(one, other, |weather| weather.delay = delay);
        self.change(other, one, |weather| weather.delay = delay);
    }

    /// Breaks all connections between two.
    pub(super) fn reset(&self, one: End, other: End) {
        self.change(one, other, |weather| weather.resets += 1);
        self.change(other, one, |weather| weather.resets += 1);
    }

    /// Lets everything pass, at once; connections go on, or are all broken.
    pub(super) fn mend(&self, broken: bool) {
        for way in self.ways.values() {
            way.send_modify(|weather| {
                let resets = weather.resets + u64::from(broken);
                *weather = Weather { resets, ..Weather::default() };
            });
        }
    }

    fn change(&self, from: End, to: End, how: impl FnOnce(&mut Weather)) {
        if let Some(way) = self.ways.get(&(from, to)) {
            way.send_modify(how);
        }
    }
}

/// Takes connections at the beginning of a way.
async fn attend(door: TcpListener, goal: SocketAddr, weather: watch::Receiver<Weather>) {
    loop {
        match door.accept().await {
            Ok((from, _)) => drop(spawn_local(carry(from, goal, weather.clone()))),
            // There is no descriptor left: connections end all the time.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Carries a connection until it ends at one side, or is broken.
async fn carry(mut from: TcpStream, goal: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let before = weather.borrow().resets;
    let mut broken = weather.clone();
    let carried = async {
        // Who wants to be connected must hear the other side, too.
        wait(&mut weather, |now| !now.there_is_cut && !now.back_is_cut).await?;
        let mut to = TcpStream::connect(goal).await?;
        from.set_nodelay(true)?;
        to.set_nodelay(true)?;
        let ((read, answer), (hear, write)) = (from.split(), to.split());
        tokio::select! {
            end = pass(read, write, weather.clone(), |now| !now.there_is_cut) => end,
            end = pass(hear, answer, weather, |now| !now.back_is_cut) => end,
        }
    };
    let reset = tokio::select! {
        // Whatever ended it, both sides find out.
        _ = carried => false,
        reset = wait(&mut broken, |now| now.resets != before) => reset.is_ok(),
    };
    if reset {
        SockRef::from(&from).set_linger(Some(Duration::ZERO)).ok();
    }
}

/// Passes bytes on in one direction, as the weather allows.
async fn pass(
    mut from: tcp::ReadHalf<'_>,
    mut to: tcp::WriteHalf<'_>,
    mut weather: watch::Receiver<Weather>,
    free: fn(&Weather) -> bool,
) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK];
    loop {
        wait(&mut weather, free).await?;
        let count = from.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        let delay = weather.borrow().delay;
        if delay > Duration::ZERO {
            sleep(delay).await;
        }
        // It may have been cut while the bytes were on their way.
        wait(&mut weather, free).await?;
        to.write_all(&bytes[..count]).await?;
    }
}

async fn wait(
    weather: &mut watch::Receiver<Weather>,
    until: impl Fn(&Weather) -> bool,
) -> io::Result<()> {
    match weather.wait_for(|now| until(now)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other("the network is gone")),
    }
}
