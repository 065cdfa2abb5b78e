//! All connections of a server: who may come in, what waits, and what is to be sent.
//!
//! Always true:
//! - a session is attached to one connection at most;
//! - when more requests wait than the limit allows, connections that have some are read no more;
//! - bytes are sent once for each batch, whole frames only.
//!
//! ZooKeeper: `ServerCnxnFactory`, `NIOServerCnxn`, `ZooKeeperServer.shouldThrottle`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use machines::Effects;
use sessions::Sessions;
use watches::{Watcher, Watches};
use zxid::SessionId;

use crate::client::{Client, ClientStats, Phase, Waiting};
use crate::notice::Refused;
use crate::settings::Settings;
use crate::stats::Stats;
use crate::vocabulary::{Message, Peer, Timer, Zk};

/// Bytes to one client that do not wait for the end of the batch.
const LARGE: usize = 128 << 10;

/// The connections of a server.
#[derive(Debug)]
pub struct Clients {
    all: BTreeMap<u64, Client>,
    attached: BTreeMap<SessionId, u64>,
    /// Turns that were given: see `Waiting`.
    turns: u64,
    from_address: BTreeMap<IpAddr, usize>,
    /// Those with bytes to be sent.
    dirty: Vec<u64>,
    /// Those without a session, by number, which is the order in which they came.
    without_session: BTreeSet<u64>,
    /// How long they may be so.
    patience: Duration,
    /// Whether the timer is set that ends their time.
    alarm: bool,
    paused: Vec<u64>,
    outstanding: usize,
    limit: usize,
    max_from_address: usize,
    max: usize,
}

impl Clients {
    /// None yet.
    pub fn new(settings: &Settings) -> Clients {
        Clients {
            all: BTreeMap::new(),
            attached: BTreeMap::new(),
            turns: 0,
            from_address: BTreeMap::new(),
            dirty: Vec::new(),
            without_session: BTreeSet::new(),
            patience: Duration::from_millis(settings.handshake_ms),
            alarm: false,
            paused: Vec::new(),
            outstanding: 0,
            limit: settings.outstanding_limit,
            max_from_address: settings.max_client_connections,
            max: settings.max_connections,
        }
    }

    /// All of them, by number.
    pub fn all(&self) -> &BTreeMap<u64, Client> {
        &self.all
    }

    /// The numbers of all of them.
    pub fn numbers(&self) -> Vec<u64> {
        self.all.keys().copied().collect()
    }

    /// How many requests wait.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Lets a connection in, if there are not too many.
    pub fn admit(&mut self, client: Client) -> Result<(), Refused> {
        let (number, address) = (client.connection.number, client.connection.from.ip());
        if self.max > 0 && self.all.len() >= self.max {
            return Err(Refused::TooMany);
        }
        let count = self.from_address.entry(address).or_default();
        if self.max_from_address > 0 && *count >= self.max_from_address {
            return Err(Refused::TooManyFromAddress);
        }
        *count += 1;
        self.all.insert(number, client);
        self.without_session.insert(number);
        Ok(())
    }

    /// The connection of a number, if it is still there.
    pub fn find(&mut self, number: u64) -> Option<&mut Client> {
        self.all.get_mut(&number)
    }

    /// Where to append bytes for a connection. They are sent at the end of the batch; those for a
    /// connection that is gone are lost.
    pub fn out(&mut self, number: u64) -> &mut Vec<u8> {
        let client = self.all.get_mut(&number).expect("whoever writes has found the connection");
        if client.out.is_empty() {
            self.dirty.push(number);
        }
        &mut client.out
    }

    /// The connection that carries a session.
    pub fn attached(&self, session: SessionId) -> Option<u64> {
        self.attached.get(&session).copied()
    }

    /// The connection's session is there: it is ready. Nothing if the connection is gone.
    pub fn attach(&mut self, number: u64) -> Option<&Client> {
        let client = self.all.get_mut(&number)?;
        client.phase = Phase::Ready;
        self.attached.insert(client.session, number);
        self.without_session.remove(&number);
        Some(client)
    }

    /// A session is ending: what its connection still says is not heard.
    pub fn closing(&mut self, session: SessionId) {
        let number = self.attached.get(&session);
        if let Some(client) = number.and_then(|number| self.all.get_mut(number)) {
            client.phase = Phase::Closing;
        }
    }

    /// Notes that something was heard of a connection's session. Most times this puts off nothing,
    /// since sessions expire by whole ticks.
    pub fn touch(&mut self, number: u64, sessions: &mut Sessions, now: Duration) {
        let Some(client) = self.all.get_mut(&number) else { return };
        if now >= client.touch_from
            && let Some(from) = sessions.touch(client.session, client.timeout, now)
        {
            client.touch_from = from;
        }
    }

    /// Whether nothing of a connection waits.
    pub fn is_idle(&self, number: u64) -> bool {
        self.all.get(&number).is_some_and(|client| client.waiting.is_empty())
    }

    /// Puts something at the end of what waits on a connection.
    pub fn wait(&mut self, number: u64, waiting: Waiting, effects: &mut Effects<Zk>) {
        let Some(client) = self.all.get_mut(&number) else { return };
        client.waiting.push_back(waiting);
        self.outstanding += 1;
        if self.outstanding > self.limit && !client.paused {
            client.paused = true;
            self.paused.push(number);
            effects.pause(Peer::Client(client.connection));
        }
    }

    /// Lets a connection wait for something that is decided elsewhere. Gives its turn.
    pub fn wait_turn(&mut self, number: u64, effects: &mut Effects<Zk>) -> u64 {
        self.turns += 1;
        self.wait(number, Waiting::Turn(self.turns), effects);
        self.turns
    }

    /// Takes what waits first on a connection, if it is this turn; says whether it was. Nothing if
    /// the connection is gone.
    pub fn take_turn(&mut self, number: u64, turn: u64) -> Option<bool> {
        let client = self.all.get_mut(&number)?;
        let is_next = client.waiting.front() == Some(&Waiting::Turn(turn));
        if is_next {
            client.waiting.pop_front();
            self.outstanding -= 1;
        }
        Some(is_next)
    }

    /// Takes the request that waits first on a connection, if nothing must be decided before.
    pub fn next_request(&mut self, number: u64) -> Option<Bytes> {
        let client = self.all.get_mut(&number)?;
        let Some(Waiting::Request(_)) = client.waiting.front() else { return None };
        let Some(Waiting::Request(frame)) = client.waiting.pop_front() else { return None };
        self.outstanding -= 1;
        Some(frame)
    }

    /// Takes everything that waits on a connection.
    pub fn take_waiting(&mut self, number: u64) -> VecDeque<Waiting> {
        let Some(client) = self.all.get_mut(&number) else { return VecDeque::new() };
        self.outstanding -= client.waiting.len();
        std::mem::take(&mut client.waiting)
    }

    /// Goes on reading from everybody, if little enough waits.
    pub fn resume(&mut self, effects: &mut Effects<Zk>) {
        if self.outstanding > self.limit {
            return;
        }
        for number in self.paused.drain(..) {
            if let Some(client) = self.all.get_mut(&number) {
                client.paused = false;
                effects.resume(Peer::Client(client.connection));
            }
        }
    }

    /// Sends what was appended since the last time, one chunk for each connection.
    pub fn flush(&mut self, stats: &mut Stats, effects: &mut Effects<Zk>) {
        for number in std::mem::take(&mut self.dirty) {
            if let Some(client) = self.all.get_mut(&number) {
                send_out(client, stats, effects);
            }
        }
    }

    /// Sends what was appended to one connection, if it is much. Its host can then make a client wait
    /// that does not take its answers.
    pub fn flush_large(&mut self, number: u64, stats: &mut Stats, effects: &mut Effects<Zk>) {
        if let Some(client) = self.all.get_mut(&number)
            && client.out.len() > LARGE
        {
            send_out(client, stats, effects);
        }
    }

    /// Closes a connection, after what is to be sent on it.
    pub fn close(
        &mut self,
        number: u64,
        watches: &mut Watches,
        stats: &mut Stats,
        effects: &mut Effects<Zk>,
    ) {
        if let Some(client) = self.all.get_mut(&number) {
            send_out(client, stats, effects);
            effects.close(Peer::Client(client.connection));
        }
        self.forget(number, watches);
    }

    /// Forgets a connection that is gone, its watches too. Its session stays.
    pub fn forget(&mut self, number: u64, watches: &mut Watches) {
        let Some(client) = self.all.remove(&number) else { return };
        self.outstanding -= client.waiting.len();
        self.without_session.remove(&number);
        if self.attached.get(&client.session) == Some(&number) {
            self.attached.remove(&client.session);
        }
        let address = client.connection.from.ip();
        if let Some(count) = self.from_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.from_address.remove(&address);
            }
        }
        watches.drop_watcher(Watcher(number));
    }

    /// The connections that have had their time and have no session yet. Sets the timer for the
    /// next that may be late.
    pub fn late(&mut self, effects: &mut Effects<Zk>) -> Vec<u64> {
        let now = effects.now().monotonic;
        let late = |number: &&u64| self.all[*number].opened + self.patience <= now;
        let late: Vec<u64> = self.without_session.iter().take_while(late).copied().collect();
        self.alarm = false;
        for number in &late {
            self.without_session.remove(number);
        }
        self.set_alarm(effects);
        late
    }

    /// Sets the timer for the oldest connection without a session, unless it is set.
    pub fn set_alarm(&mut self, effects: &mut Effects<Zk>) {
        if let Some(oldest) = self.without_session.first()
            && !self.alarm
        {
            let due = self.all[oldest].opened + self.patience;
            effects.set(Timer::Handshakes, due.saturating_sub(effects.now().monotonic));
            self.alarm = true;
        }
    }

    /// Forgets the counts of every connection: the word `crst`.
    pub fn reset_stats(&mut self) {
        for client in self.all.values_mut() {
            client.stats = ClientStats::new();
        }
    }
}

fn send_out(client: &mut Client, stats: &mut Stats, effects: &mut Effects<Zk>) {
    if !client.out.is_empty() {
        client.stats.sent += stats.count_frames(&client.out);
        let chunk = Message::Chunk(Bytes::from(std::mem::take(&mut client.out)));
        effects.send(Peer::Client(client.connection), chunk);
    }
}
