//! Who leads: all servers are asked all the time how they are, without a network in between.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How often a server is asked.
const LOOK: Duration = Duration::from_millis(150);

/// How long it may take to answer. A stopped one never does.
const ANSWER: Duration = Duration::from_millis(700);

/// What was heard this long ago says nothing any more.
const STALE: Duration = Duration::from_millis(1200);

/// What a server said of itself.
#[derive(Clone, Copy, Debug)]
struct Seen {
    leads: bool,
    zxid: u64,
    at: Instant,
}

/// Asks until it is dropped.
pub(super) struct Lookout {
    seen: Rc<RefCell<Vec<Option<Seen>>>>,
    _asking: JoinSet<()>,
}

impl Lookout {
    /// Watches servers that listen here, the first of which has the number 1.
    pub(super) fn watch(addresses: Vec<SocketAddr>) -> Lookout {
        let seen = Rc::new(RefCell::new(vec![None; addresses.len()]));
        let mut asking = JoinSet::new();
        for (index, address) in addresses.into_iter().enumerate() {
            let seen = Rc::clone(&seen);
            asking.spawn_local(async move {
                loop {
                    let said = timeout(ANSWER, ask(address)).await.ok().flatten();
                    seen.borrow_mut()[index] = said;
                    sleep(LOOK).await;
                }
            });
        }
        Lookout { seen, _asking: asking }
    }

    /// A server was killed or stopped: what it said does not count any more.
    pub(super) fn forget(&self, id: u16) {
        self.seen.borrow_mut()[usize::from(id) - 1] = None;
    }

    /// Who leads. A leader that has not noticed its end has an older zxid than the next one.
    pub(super) fn leader(&self) -> Option<u16> {
        let now = Instant::now();
        let fresh = |seen: &Seen| seen.leads && now - seen.at < STALE;
        let leaders = (1..).zip(self.seen.borrow().clone());
        leaders
            .filter_map(|(id, seen)| Some((id, seen.filter(fresh)?)))
            .max_by_key(|(_, seen)| seen.zxid)
            .map(|(id, _)| id)
    }

    /// How many servers serve.
    pub(super) fn serving(&self) -> usize {
        let now = Instant::now();
        let fresh = |seen: &&Option<Seen>| seen.is_some_and(|seen| now - seen.at < STALE);
        self.seen.borrow().iter().filter(fresh).count()
    }
}

/// How a server is; nothing unless it serves.
async fn ask(address: SocketAddr) -> Option<Seen> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"srvr").await.ok()?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.ok()?;
    let line = |name: &str| reply.lines().find_map(|line| line.strip_prefix(name));
    let leads = line("Mode: ")? == "leader";
    let zxid = u64::from_str_radix(line("Zxid: 0x")?, 16).ok()?;
    Some(Seen { leads, zxid, at: Instant::now() })
}
