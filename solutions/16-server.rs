//! The complete server as one machine: every byte that a client sends comes in here, and every byte
//! that it gets goes out from here.
//!
//! The way of a write: a frame comes in, is decoded and prepared, goes to the log, and waits. When
//! the disk has it, it is applied, watchers are told, and the client is answered. The way of a read
//! is shorter: it is answered in the same step, unless a write of the same client is still waiting.
//!
//! Always true:
//! - no write is applied, told or answered before it is on disk;
//! - each connection is answered in the order in which it asked;
//! - what a connection costs is bounded, and none can stop the others.
//!
//! Book: chapter 16. ZooKeeper: `ZooKeeperServer`, `PrepRequestProcessor`, `SyncRequestProcessor`,
//! `FinalRequestProcessor`, here as one pass.

use std::sync::Arc;
use std::time::Duration;

use acl::Identities;
use bytes::Bytes;
use jute::records::{ConnectResponse, ErrorCode, OpCode, Perms, RequestHeader, Txn};
use machines::{Effects, Event, Fault, Machine, Ticket};
use protocol::{
    DecodeError, HandshakeError, NO_ZXID, Request, Word, decode_header, decode_request,
    encode_connect_response, encode_done, encode_error, encode_refusal, handshake,
};
use server::{
    Asked, Asker, Client, Clients, Connection, Facts, Flight, InFlight, Message, Notice, Origin,
    Peer, Phase, Preparer, Reader, Reaper, Recovered, Refused, Service, Settings, Snapshots, State,
    Stats, Timer, Waiting, Zk, answer_write, tell, write_event,
};
use sessions::{is_password, negotiate, password};
use storage::{Entry, Write};
use watches::Watcher;
use znodes::Access;
use zxid::{SessionId, Zxid};

/// A server that stands alone.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    service: Service,
    preparer: Preparer,
    snapshots: Snapshots,
    clients: Clients,
    in_flight: InFlight,
    /// Whether the disk has failed. Then nobody is served any more.
    failed: bool,
    reaper: Reaper,
    expiry_at: Option<Duration>,
    nobody: Identities,
    stats: Stats,
}

impl Machine for Server {
    type Protocol = Zk;

    fn step(&mut self, event: Event<Zk>, effects: &mut Effects<Zk>) {
        match event {
            Event::Started(recovered) => self.on_started(recovered, effects),
            Event::Opened(Peer::Client(connection)) => self.on_opened(connection, effects),
            Event::Closed(Peer::Client(connection)) => {
                self.clients.forget(connection.number, &mut self.service.watches)
            }
            Event::Received { from: Peer::Client(connection), message } => match message {
                Message::Frame(frame) => self.on_frame(connection.number, frame, effects),
                Message::Word(word) => self.on_word(connection.number, word, effects),
                other => panic!("clients send frames and words, not {other}"),
            },
            Event::Expired(timer) => self.on_expired(timer, effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Failed(_, fault) => self.on_failed(fault, effects),
            Event::Drained => self.on_drained(effects),
            // A server that stands alone has no peers, and asks its disk nothing.
            Event::Opened(_)
            | Event::Closed(_)
            | Event::Received { .. }
            | Event::Flushed(_)
            | Event::Fetched(_) => {}
        }
    }
}

impl Server {
    /// A server that has not started yet.
    pub fn new(settings: Settings) -> Server {
        let state = State::new(settings.seed, settings.extended_types);
        let nobody = Identities::forwarded(Vec::new(), &settings.acl);
        Server {
            preparer: Preparer::new(&settings, &state, machines::Now::default()),
            service: Service::new(state),
            snapshots: Snapshots::new(&settings, 0),
            clients: Clients::new(&settings),
            in_flight: InFlight::default(),
            reaper: Reaper::new(&settings),
            failed: false,
            expiry_at: None,
            nobody,
            stats: Stats::default(),
            settings: Arc::new(settings),
        }
    }

    /// The replicated state: what is applied.
    pub fn state(&self) -> &State {
        &self.service.state
    }

    /// The watches that clients of this server have.
    pub fn watches(&self) -> &watches::Watches {
        &self.service.watches
    }

    /// A look at everything that can be told of this server.
    pub fn facts(&self, now: machines::Now, asking: u64) -> Facts<'_> {
        Facts {
            settings: &self.settings,
            now,
            clients: self.clients.all(),
            asking,
            state: &self.service.state,
            sessions: &self.preparer.sessions,
            watches: &self.service.watches,
            stats: &self.stats,
            outstanding: self.clients.outstanding(),
            serving: !self.failed,
        }
    }

    fn on_started(&mut self, recovered: Recovered, effects: &mut Effects<Zk>) {
        let now = effects.now();
        let Recovered { state, replayed, data_bytes, log_bytes, .. } = recovered;
        effects.answer(Notice::Serving {
            zxid: state.last,
            nodes: state.tree.len(),
            sessions: state.sessions.len(),
        });
        self.preparer = Preparer::new(&self.settings, &state, now);
        self.snapshots = Snapshots::new(&self.settings, replayed);
        self.service = Service::new(state);
        self.stats = Stats { started: now.monotonic, data_bytes, log_bytes, ..Stats::default() };
        self.reaper.begin(effects);
        if self.settings.purge_hours > 0 {
            effects.set(Timer::Purge, Duration::ZERO);
        }
    }

    fn on_opened(&mut self, connection: Connection, effects: &mut Effects<Zk>) {
        let identities = Identities::new(connection.from.ip(), &self.settings.acl);
        let client = Client::new(connection, identities, effects.now().monotonic);
        let admitted =
            if self.failed { Err(Refused::NotServing) } else { self.clients.admit(client) };
        match admitted {
            Ok(()) => self.clients.set_alarm(effects),
            Err(why) => {
                let (from, session) = (connection.from, SessionId::NONE);
                effects.answer(Notice::Refused { from, session, why });
                effects.close(Peer::Client(connection));
            }
        }
    }

    /// Frames of a connection that was closed a moment ago may still come, and are dropped.
    fn on_frame(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.find(number) else { return };
        self.stats.received += 1;
        client.stats.received += 1;
        match client.phase {
            Phase::New => self.connect(number, &frame, effects),
            // Nothing is processed before the session is there.
            Phase::Connecting => self.clients.wait(number, Waiting::Request(frame), effects),
            Phase::Ready => self.request(number, frame, effects),
            Phase::Closing => {}
        }
    }

    /// The first frame: a new session, or one to go on with.
    fn connect(&mut self, number: u64, frame: &[u8], effects: &mut Effects<Zk>) {
        let now = effects.now();
        let (request, read_only) = match handshake(frame, self.service.state.last, false) {
            Ok(accepted) => accepted,
            Err(HandshakeError::Ahead(_)) => {
                return self.refuse(number, Refused::AheadOfServer, effects);
            }
            Err(HandshakeError::Undecodable | HandshakeError::NotReadOnly) => {
                return self.refuse(number, Refused::BadConnectRequest, effects);
            }
        };
        let (min, max) = (self.settings.min_session_timeout, self.settings.max_session_timeout);
        let timeout = negotiate(request.timeout, min, max);
        let Some(client) = self.clients.find(number) else { return };
        client.timeout = timeout;
        client.read_only = read_only;
        client.phase = Phase::Connecting;

        let session = request.session_id;
        if session == SessionId::NONE {
            let (session, entry) = self.preparer.open_session(timeout, now);
            client.session = session;
            let asked = Asked { op: OpCode::CreateSession, parts: Vec::new() };
            let origin = Origin { client: number, xid: 0, asked, since: now.monotonic };
            return self.log(entry, Some(origin), effects);
        }
        // Unlike ZooKeeper, which closes the session's other connection before it has looked at
        // the password: so anybody could cut anybody off.
        let shown = request.password.unwrap_or_default();
        let through = self.settings.id;
        let known = is_password(session, shown)
            && self.preparer.sessions.attach(session, timeout, through, now.monotonic);
        if !known {
            encode_refusal(self.clients.out(number), read_only);
            return self.refuse(number, Refused::SessionGone, effects);
        }
        if let Some(older) = self.clients.attached(session) {
            self.refuse(older, Refused::SessionMoved, effects);
        }
        let Some(client) = self.clients.find(number) else { return };
        client.session = session;
        let from = client.connection.from;
        effects.answer(Notice::SessionResumed { session, from });
        self.accept(number, effects);
    }

    /// The session is there: answers the connect request, and takes what was held back.
    fn accept(&mut self, number: u64, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.attach(number) else { return };
        let (session_id, timeout, read_only) = (client.session, client.timeout, client.read_only);
        let password = password(session_id);
        let response =
            ConnectResponse { protocol_version: 0, timeout, session_id, password: &password };
        let server_read_only = read_only.map(|_| false);
        encode_connect_response(self.clients.out(number), &response, server_read_only);
        for held in self.clients.take_waiting(number) {
            if let Waiting::Request(frame) = held {
                self.on_frame_again(number, frame, effects);
            }
        }
    }

    fn on_frame_again(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        if self.clients.find(number).is_some_and(|client| client.phase == Phase::Ready) {
            self.request(number, frame, effects);
        }
    }

    /// A request of a session: a write is prepared at once, whatever is still waiting; anything
    /// else is answered when its turn has come, which mostly is now.
    fn request(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        let Ok((header, _)) = decode_header(&frame) else {
            return self.refuse(number, Refused::BadHeader, effects);
        };
        self.clients.touch(number, &mut self.preparer.sessions, effects.now().monotonic);
        match OpCode::from_code(header.op) {
            Some(OpCode::Auth) => self.authenticate(number, header, &frame, effects),
            Some(op) if Asked::is_write(op) => self.submit(number, header, frame, effects),
            _ if self.clients.is_idle(number) => self.answer(number, &frame, effects),
            _ => self.clients.wait(number, Waiting::Request(frame), effects),
        }
    }

    /// Prepares a write and sends it to the log.
    fn submit(
        &mut self,
        number: u64,
        header: RequestHeader,
        frame: Bytes,
        effects: &mut Effects<Zk>,
    ) {
        let now = effects.now();
        let Some(client) = self.clients.find(number) else { return };
        let Ok(request) = decode_request(header.op, &frame[8..]) else {
            // As ZooKeeper 3.9: what cannot be read takes no zxid.
            return if client.waiting.is_empty() {
                self.answer(number, &frame, effects);
            } else {
                self.clients.wait(number, Waiting::Request(frame), effects);
            };
        };
        let asked = Asked::by(&request);
        let (session, cxid) = (client.session, header.xid);
        let asker = Asker { session, cxid, access: &client.identities };
        let state = &self.service.state;
        let entry = match request {
            Request::CloseSession => self.preparer.close_session(state, asker, now),
            request => Some(self.preparer.write(state, asker, request, now)),
        };
        if asked.op == OpCode::CloseSession {
            client.phase = Phase::Closing;
        }
        let Some(entry) = entry else { return };
        let origin = Origin { client: number, xid: cxid, asked, since: now.monotonic };
        self.log(entry, Some(origin), effects);
    }

    /// Sends a transaction to the log. It is answered when the disk has it.
    fn log(&mut self, entry: Entry, origin: Option<Origin>, effects: &mut Effects<Zk>) {
        if let Some(origin) = &origin {
            self.clients.wait(origin.client, Waiting::Write(entry.zxid), effects);
        }
        self.snapshots.logged(entry.payload.len());
        self.stats.log_bytes += entry.payload.len() as u64;
        self.in_flight.log(Flight { entry, origin }, effects);
    }

    /// Answers a request that is no write, or cannot be read.
    fn answer(&mut self, number: u64, frame: &[u8], effects: &mut Effects<Zk>) {
        let Ok((header, body)) = decode_header(frame) else { return };
        let zxid = self.service.state.last;
        match decode_request(header.op, body) {
            Ok(request) => {
                let op = request.op();
                let mut out = std::mem::take(self.clients.out(number));
                let Some(client) = self.clients.find(number) else { return };
                let (watcher, session) = (Watcher(number), client.session);
                let reader = Reader { watcher, session, identities: &client.identities };
                self.service.read(reader, header.xid, &request, &mut out);
                if let Some(client) = self.clients.find(number) {
                    client.out = out;
                    let now = effects.now().monotonic;
                    client.stats.answered(op, header.xid, zxid, now, 0);
                }
                self.stats.answered(Duration::ZERO);
                self.clients.flush_large(number, &mut self.stats, effects);
            }
            Err(DecodeError::Marshalling) => {
                let out = self.clients.out(number);
                encode_error(out, header.xid, zxid, ErrorCode::MarshallingError);
            }
            Err(DecodeError::Unknown(_)) => {
                let out = self.clients.out(number);
                encode_error(out, header.xid, NO_ZXID, ErrorCode::Unimplemented);
                self.refuse(number, Refused::UnknownOperation, effects);
            }
        }
    }

    /// Credentials are looked at when they come, before what is waiting.
    fn authenticate(
        &mut self,
        number: u64,
        header: RequestHeader,
        frame: &[u8],
        effects: &mut Effects<Zk>,
    ) {
        let Ok(Request::Auth(packet)) = decode_request(header.op, &frame[8..]) else {
            return self.refuse(number, Refused::BadHeader, effects);
        };
        let Some(client) = self.clients.find(number) else { return };
        match client.identities.authenticate(&packet.scheme, packet.auth) {
            Ok(()) => encode_done(self.clients.out(number), header.xid, Zxid::ZERO),
            Err(_) => {
                self.stats.auth_failed += 1;
                let out = self.clients.out(number);
                encode_error(out, header.xid, Zxid::ZERO, ErrorCode::AuthFailed);
                self.refuse(number, Refused::AuthFailed, effects);
            }
        }
    }

    /// As with frames: words of a connection that was closed a moment ago are dropped.
    fn on_word(&mut self, number: u64, word: Word, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.find(number) else { return };
        let peer = Peer::Client(client.connection);
        self.stats.received += 1;
        client.stats.received += 1;
        if let Word::Stmk(mask) = word
            && self.settings.words.allow(word)
        {
            self.stats.trace_mask = mask;
        }
        let text = tell(word, &self.facts(effects.now(), number));
        if self.settings.words.allow(word) {
            match word {
                Word::Srst => self.stats.reset(),
                Word::Crst => self.clients.reset_stats(),
                _ => {}
            }
        }
        self.stats.sent += 1;
        effects.send(peer, Message::Chunk(Bytes::from(text)));
        self.close(number, effects);
    }

    /// The disk has everything up to this ticket: applies it, in order.
    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Zk>) {
        let safe = self.in_flight.durable(ticket);
        while let Some(flight) = self.in_flight.land(safe) {
            self.commit(flight, effects);
        }
        let state = &mut self.service.state;
        let slice = self.snapshots.durable(ticket, state, effects);
        let begun = self.snapshots.begin_if_due(state, effects);
        self.in_flight.written(slice || begun);
        self.clients.resume(effects);
    }

    /// Applies a transaction, tells the watchers, and answers whoever asked for it.
    fn commit(&mut self, flight: Flight, effects: &mut Effects<Zk>) {
        let Flight { entry, origin } = flight;
        let mut told = Vec::new();
        let clients = self.clients.all();
        let mut may_read = |watcher: Watcher, list: &[jute::records::Acl]| {
            let client = clients.get(&watcher.0);
            client.is_some_and(|client| client.identities.allows(list, Perms::READ))
        };
        let applied = self.service.apply(&entry, &mut may_read, &mut told);
        self.preparer.applied(entry.zxid);
        if !applied.as_foretold {
            effects.answer(Notice::DigestMismatch { zxid: entry.zxid });
        }
        for (watcher, event) in &told {
            write_event(self.clients.out(watcher.0), entry.zxid, event);
        }
        self.stats.note_digest(entry.zxid, self.service.state.tree.digest());
        for over in self.service.over_quota(&applied.txn) {
            effects.answer(over.into());
        }

        let session = applied.header.session;
        let expired = origin.is_none();
        if let Some(origin) = origin {
            self.finish(origin, &applied, effects);
        }
        if let Txn::CloseSession(_) = applied.txn {
            self.preparer.sessions.close(session);
            effects.answer(Notice::SessionClosed { session, expired });
            if let Some(number) = self.clients.attached(session) {
                self.close(number, effects);
            }
        }
    }

    /// Answers a write, and then what has waited behind it. The client may be gone.
    fn finish(&mut self, origin: Origin, applied: &server::Applied<'_>, effects: &mut Effects<Zk>) {
        let Origin { client: number, xid, asked, since } = origin;
        if !self.clients.next_is(number, &Waiting::Write(applied.header.zxid)) {
            return;
        }
        let now = effects.now().monotonic;
        if asked.op == OpCode::CreateSession {
            let Some(client) = self.clients.find(number) else { return };
            let (session, timeout, from) = (client.session, client.timeout, client.connection.from);
            effects.answer(Notice::SessionOpened { session, timeout, from });
            return self.accept(number, effects);
        }
        answer_write(self.clients.out(number), xid, &asked, applied);
        let latency = now.saturating_sub(since);
        self.stats.answered(latency);
        if let Some(client) = self.clients.find(number) {
            let zxid = applied.header.zxid;
            client.stats.answered(asked.op, xid, zxid, now, latency.as_millis() as u64);
        }
        while let Some(frame) = self.clients.next_request(number) {
            self.answer(number, &frame, effects);
        }
    }

    /// The batch is done: forces what it logged, and sends what it answered.
    fn on_drained(&mut self, effects: &mut Effects<Zk>) {
        if !self.failed
            && let Some(ticket) = self.in_flight.force(effects)
        {
            self.snapshots.synced_by(ticket);
        }
        self.clients.flush(&mut self.stats, effects);
        self.set_expiry(effects);
    }

    /// Sees to it that the timer runs out no later than the next session may.
    fn set_expiry(&mut self, effects: &mut Effects<Zk>) {
        let Some(deadline) = self.preparer.sessions.deadline() else { return };
        if self.expiry_at.is_none_or(|at| deadline < at) {
            self.expiry_at = Some(deadline);
            let after = deadline.saturating_sub(effects.now().monotonic);
            effects.set(Timer::Expiry, after);
        }
    }

    fn on_expired(&mut self, timer: Timer, effects: &mut Effects<Zk>) {
        // What a timer would write would never be safe.
        if self.failed {
            return;
        }
        match timer {
            Timer::Expiry => self.expire(effects),
            Timer::Reaper => self.reaper.look(&self.service.state.tree, effects),
            Timer::Reap => {
                if let Some(path) = self.reaper.next(effects) {
                    let state = &self.service.state;
                    let entry = self.preparer.reap(state, &path, &self.nobody, effects.now());
                    self.log(entry, None, effects);
                }
            }
            Timer::Handshakes => {
                for number in self.clients.late(effects) {
                    self.refuse(number, Refused::NoHandshake, effects);
                }
            }
            Timer::Purge => {
                effects.write(Write::Purge { keep: self.settings.snap_retain });
                self.in_flight.written(true);
                effects.set(Timer::Purge, Duration::from_secs(self.settings.purge_hours * 3600));
            }
            Timer::Member(_) => {}
        }
    }

    /// Ends the sessions whose time is over.
    fn expire(&mut self, effects: &mut Effects<Zk>) {
        self.expiry_at = None;
        let state = &self.service.state;
        for (session, entry) in self.preparer.expire(state, &self.nobody, effects.now()) {
            self.clients.closing(session);
            self.log(entry, None, effects);
        }
    }

    /// What is not on disk may not be acknowledged, and nothing will be on disk any more.
    fn on_failed(&mut self, fault: Fault, effects: &mut Effects<Zk>) {
        if self.failed {
            return;
        }
        self.failed = true;
        effects.answer(Notice::DiskFailed { why: fault.to_string() });
        for number in self.clients.numbers() {
            self.refuse(number, Refused::NotServing, effects);
        }
    }

    /// Closes a connection, and says why.
    fn refuse(&mut self, number: u64, why: Refused, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.find(number) else { return };
        let (from, session) = (client.connection.from, client.session);
        effects.answer(Notice::Refused { from, session, why });
        self.close(number, effects);
    }

    fn close(&mut self, number: u64, effects: &mut Effects<Zk>) {
        self.clients.close(number, &mut self.service.watches, &mut self.stats, effects);
    }
}
