//! The complete server as one machine: whatever clients, other servers, the disk and the clock have
//! to say comes in here, and is brought to the part that it concerns.
//!
//! The way of a write: a frame comes in, is decoded, and goes to the role of the moment. Who stands
//! alone or leads makes a transaction of it; who follows passes it on. When it is decided, on disk
//! here or on a quorum of disks, it is applied, watchers are told, and the client is answered. The
//! way of a read is shorter: it is answered in the same step, unless a write of the same client is
//! still waiting.
//!
//! Always true:
//! - nothing is applied, told or answered before it is decided, so the state never goes back;
//! - a server that has no place in its ensemble serves no client;
//! - after the disk failed nothing is acknowledged, to clients or servers.
//!
//! Book: chapter 16. ZooKeeper: `ZooKeeperServer`, `QuorumPeer`.

use std::sync::Arc;
use std::time::Duration;

use acl::Identities;
use bytes::Bytes;
use election::ServerState;
use jute::records::{OpCode, RequestHeader, Txn};
use machines::{Effect, Effects, Event, Machine, Now, Ticket};
use protocol::{Word, decode_header, decode_request};
use server::{
    Asked, Client, Connection, Facts, Flight, Ground, Leader, Learner, Message, Notice, Origin,
    Part, Peer, Phase, Recovered, Refused, Settings, Snapshots, Standing, State, Stats, Timer,
    Transfers, Waiting, Wish, Zk, for_member, tell,
};
use storage::{Entry, Write};
use zab::{Ceased, Packet, Told};
use zxid::{Rollover, ServerId, SessionId, Zxid};

/// A server, alone or in an ensemble.
#[derive(Debug)]
pub struct Server {
    settings: Arc<Settings>,
    ground: Ground,
    role: Role,
    snapshots: Snapshots,
    transfers: Transfers,
    /// Whether the disk has failed, or holds what cannot be understood. Then nobody is served.
    failed: bool,
}

/// What a server is for its clients.
#[derive(Debug)]
enum Role {
    /// It has no place in its ensemble, or has not started.
    Looking,
    /// It gives order: it leads, or stands alone.
    Leading(Box<Leader>),
    /// It follows or observes, and that is which.
    Learning(Learner, ServerState),
}

impl Role {
    fn leading(ground: &Ground, epoch: Option<u32>, effects: &mut Effects<Zk>) -> Role {
        Role::Leading(Box::new(Leader::new(ground, epoch, effects)))
    }
}

impl Machine for Server {
    type Protocol = Zk;

    fn step(&mut self, event: Event<Zk>, effects: &mut Effects<Zk>) {
        if let Some(part) = &mut self.ground.part {
            part.set_now(effects.now());
        }
        match event {
            Event::Received { from: Peer::Client(connection), message } => match message {
                Message::Frame(frame) => self.on_frame(connection.number, frame, effects),
                Message::Word(word) => self.on_word(connection.number, word, effects),
                other => panic!("clients send frames and words, not {other}"),
            },
            Event::Opened(Peer::Client(connection)) => self.on_opened(connection, effects),
            Event::Closed(Peer::Client(connection)) => {
                let front = &mut self.ground.front;
                front.clients.forget(connection.number, &mut front.service.watches);
            }
            Event::Started(recovered) => self.on_started(recovered, effects),
            Event::Durable(ticket) => self.on_durable(ticket, effects),
            Event::Drained => self.on_drained(effects),
            Event::Expired(timer) if !matches!(timer, Timer::Member(_)) => {
                self.on_expired(timer, effects);
            }
            event => {
                if let Event::Failed(_, fault) = &event {
                    self.fail(fault.to_string(), effects);
                }
                self.tell_member(event);
            }
        }
        self.carry_out(effects);
    }
}

impl Server {
    /// A server that has not started yet.
    pub fn new(settings: Settings) -> Server {
        let settings = Arc::new(settings);
        let state = State::new(settings.seed, settings.extended_types);
        Server {
            ground: Ground::new(&settings, state, Now::default()),
            role: Role::Looking,
            snapshots: Snapshots::new(&settings, 0),
            transfers: Transfers::default(),
            failed: false,
            settings,
        }
    }

    /// The replicated state: what is applied.
    pub fn state(&self) -> &State {
        self.ground.front.state()
    }

    /// The watches that clients of this server have.
    pub fn watches(&self) -> &watches::Watches {
        &self.ground.front.service.watches
    }

    /// This server's part in its ensemble; nothing if it stands alone.
    pub fn part(&self) -> Option<&Part> {
        self.ground.part.as_ref()
    }

    /// A look at everything that can be told of this server.
    pub fn facts(&self, now: Now, asking: u64) -> Facts<'_> {
        let (front, leader) = (&self.ground.front, self.leader());
        Facts {
            settings: &self.settings,
            now,
            clients: front.clients.all(),
            asking,
            state: front.state(),
            sessions: leader.map(|leader| leader.sessions()),
            watches: &front.service.watches,
            stats: &front.stats,
            outstanding: front.clients.outstanding(),
            serving: !self.failed && !matches!(self.role, Role::Looking),
            standing: self.standing(),
        }
    }

    fn standing(&self) -> Standing {
        match (&self.role, &self.ground.part, &self.settings.ensemble) {
            (Role::Looking, ..) => Standing::Looking,
            (Role::Leading(leader), Some(part), Some(ensemble)) => {
                Standing::Leading(part.followers(&ensemble.members, leader.pending_syncs()))
            }
            (Role::Leading(_), ..) => Standing::Alone,
            (Role::Learning(_, ServerState::Observing), ..) => Standing::Observing,
            (Role::Learning(..), ..) => Standing::Following,
        }
    }

    fn leader(&self) -> Option<&Leader> {
        if let Role::Leading(leader) = &self.role { Some(leader) } else { None }
    }

    fn on_started(&mut self, recovered: Recovered, effects: &mut Effects<Zk>) {
        let now = effects.now();
        let Recovered { mut state, member, replayed, data_bytes, log_bytes, .. } = recovered;
        let (zxid, nodes, sessions) = (state.last, state.tree.len(), state.sessions.len());
        effects.answer(Notice::Serving { zxid, nodes, sessions });
        if let Some(ensemble) = &self.settings.ensemble {
            state.show_config(&ensemble.config, now.wall_ms);
        }
        self.ground = Ground::new(&self.settings, state, now);
        self.ground.front.stats =
            Stats { started: now.monotonic, data_bytes, log_bytes, ..Stats::default() };
        self.snapshots = Snapshots::new(&self.settings, replayed);
        if self.settings.purge_hours > 0 {
            effects.set(Timer::Purge, Duration::ZERO);
        }
        match (&mut self.ground.part, member) {
            (None, _) => self.role = Role::leading(&self.ground, None, effects),
            (Some(part), Some(found)) => {
                part.set_now(now);
                part.step(Event::Started(found));
            }
            (Some(_), None) => panic!("a member of an ensemble is started with what it needs"),
        }
    }

    fn on_opened(&mut self, connection: Connection, effects: &mut Effects<Zk>) {
        let identities = Identities::new(connection.from.ip(), &self.settings.acl);
        let client = Client::new(connection, identities, effects.now().monotonic);
        let clients = &mut self.ground.front.clients;
        let admitted = if self.failed { Err(Refused::NotServing) } else { clients.admit(client) };
        match admitted {
            Ok(()) => clients.set_alarm(effects),
            Err(why) => {
                let (from, session) = (connection.from, SessionId::NONE);
                effects.answer(Notice::Refused { from, session, why });
                effects.close(Peer::Client(connection));
            }
        }
    }

    /// Frames of a connection that was closed a moment ago may still come, and are dropped.
    fn on_frame(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        let front = &mut self.ground.front;
        let Some(client) = front.clients.find(number) else { return };
        front.stats.received += 1;
        client.stats.received += 1;
        match client.phase {
            Phase::New => self.connect(number, &frame, effects),
            // Nothing is processed before the session is there.
            Phase::Connecting => front.clients.wait(number, Waiting::Request(frame), effects),
            Phase::Ready => self.request(number, frame, effects),
            Phase::Closing => {}
        }
    }

    /// The first frame: a new session, or one to go on with.
    fn connect(&mut self, number: u64, frame: &[u8], effects: &mut Effects<Zk>) {
        let ground = &mut self.ground;
        if matches!(self.role, Role::Looking) {
            return ground.front.refuse(number, Refused::NotServing, effects);
        }
        let Some(session) = ground.front.greet(number, frame, effects) else { return };
        let new = session == SessionId::NONE;
        match &mut self.role {
            Role::Leading(leader) if new => {
                let opened = leader.open_session(number, ground, effects);
                self.unless_rolled_over(opened);
            }
            Role::Leading(leader) => {
                let valid = leader.resume(number, session, ground, effects.now());
                self.go_on(number, session, valid, effects);
            }
            Role::Learning(learner, _) if new => learner.open_session(number, ground, effects),
            Role::Learning(learner, _) => learner.revalidate(number, session, ground),
            Role::Looking => {}
        }
    }

    /// It is known whether a connection may go on with a session.
    fn go_on(&mut self, number: u64, session: SessionId, valid: bool, effects: &mut Effects<Zk>) {
        if valid {
            self.ground.front.resume(number, session, effects);
            self.accept(number, effects);
        } else {
            self.ground.front.turn_away(number, effects);
        }
    }

    /// The session is there: answers the connect request, and takes what was held back.
    fn accept(&mut self, number: u64, effects: &mut Effects<Zk>) {
        for frame in self.ground.front.welcome(number) {
            let client = self.ground.front.clients.find(number);
            if client.is_some_and(|client| client.phase == Phase::Ready) {
                self.request(number, frame, effects);
            }
        }
    }

    /// A request of a session: a write is decided on at once, whatever is still waiting; anything
    /// else is answered when its turn has come, which mostly is now.
    fn request(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        let ground = &mut self.ground;
        let Ok((header, _)) = decode_header(&frame) else {
            return ground.front.refuse(number, Refused::BadHeader, effects);
        };
        match &mut self.role {
            Role::Leading(leader) => leader.touch(number, ground, effects.now()),
            Role::Learning(learner, _) => learner.touch(number, ground),
            Role::Looking => {}
        }
        match OpCode::from_code(header.op) {
            Some(OpCode::Auth) => ground.front.authenticate(number, header, &frame, effects),
            Some(OpCode::Sync) => self.sync(number, header, frame, effects),
            Some(op) if Asked::is_write(op) => self.submit(number, header, frame, effects),
            _ => ground.front.answer_in_turn(number, frame, effects),
        }
    }

    /// A write is decided by this server, or by its leader.
    fn submit(
        &mut self,
        number: u64,
        header: RequestHeader,
        frame: Bytes,
        effects: &mut Effects<Zk>,
    ) {
        let ground = &mut self.ground;
        match (&mut self.role, decode_request(header.op, &frame[8..])) {
            (Role::Leading(leader), Ok(request)) => {
                let submitted = leader.submit(number, header, request, ground, effects);
                self.unless_rolled_over(submitted);
            }
            (Role::Learning(learner, _), Ok(request)) => {
                learner.submit(number, header, (&request, &frame), ground, effects);
            }
            // As ZooKeeper 3.9: what cannot be read takes no zxid.
            (_, Err(_)) => ground.front.answer_in_turn(number, frame, effects),
            (Role::Looking, Ok(_)) => {}
        }
    }

    /// So is when a client has been caught up with.
    fn sync(
        &mut self,
        number: u64,
        header: RequestHeader,
        frame: Bytes,
        effects: &mut Effects<Zk>,
    ) {
        let ground = &mut self.ground;
        let readable = decode_request(header.op, &frame[8..]).is_ok();
        match (&mut self.role, &mut ground.part) {
            (Role::Leading(leader), Some(_)) if readable => {
                leader.sync(number, frame, ground, effects);
            }
            (Role::Learning(learner, _), Some(_)) if readable => {
                learner.sync(number, header, frame, ground, effects);
            }
            // Alone, a server is always caught up with itself.
            _ => ground.front.answer_in_turn(number, frame, effects),
        }
    }

    /// As with frames: words of a connection that was closed a moment ago are dropped.
    fn on_word(&mut self, number: u64, word: Word, effects: &mut Effects<Zk>) {
        let front = &mut self.ground.front;
        let Some(client) = front.clients.find(number) else { return };
        front.stats.received += 1;
        client.stats.received += 1;
        let allowed = self.settings.words.allow(word);
        if let Word::Stmk(mask) = word
            && allowed
        {
            front.stats.trace_mask = mask;
        }
        let text = tell(word, &self.facts(effects.now(), number));
        let front = &mut self.ground.front;
        match word {
            Word::Srst if allowed => front.stats.reset(),
            Word::Crst if allowed => front.clients.reset_stats(),
            _ => {}
        }
        front.say(number, text, effects);
    }

    /// The disk has everything up to this ticket.
    fn on_durable(&mut self, ticket: Ticket, effects: &mut Effects<Zk>) {
        let Some(covered) = self.ground.tickets.durable(ticket) else { return };
        match (covered.member, &mut self.ground.part) {
            (Some(ticket), Some(part)) => part.step(Event::Durable(ticket)),
            (_, Some(_)) => {}
            (_, None) => self.land(covered.logged, effects),
        }
        self.carry_out(effects);
        let state = &mut self.ground.front.service.state;
        let slice = self.snapshots.durable(ticket, state, effects);
        let serving = !matches!(self.role, Role::Looking);
        let begun = serving && self.snapshots.begin_if_due(state, effects);
        self.ground.tickets.written(slice || begun);
    }

    /// Alone: what this server has on disk is decided.
    fn land(&mut self, safe: Zxid, effects: &mut Effects<Zk>) {
        while let Role::Leading(leader) = &mut self.role
            && let Some(Flight { entry, origin }) = leader.land(safe)
        {
            self.commit(&entry, origin, effects);
        }
    }

    /// In an ensemble: a transaction is decided.
    fn deliver(&mut self, entry: Entry, effects: &mut Effects<Zk>) {
        let mut origin = None;
        if let Role::Leading(leader) = &mut self.role {
            leader.before(entry.zxid, &mut self.ground, effects);
            origin = leader.land(entry.zxid).and_then(|flight| {
                assert!(flight.entry.zxid == entry.zxid, "what is proposed is decided in order");
                flight.origin
            });
        }
        self.commit(&entry, origin, effects);
        if let Role::Leading(leader) = &mut self.role {
            leader.answer_syncs(&mut self.ground, effects);
        }
    }

    /// Applies a transaction, tells the watchers, and answers whoever asked for it.
    fn commit(&mut self, entry: &Entry, origin: Option<Origin>, effects: &mut Effects<Zk>) {
        if self.failed {
            return;
        }
        let applied = match self.ground.front.apply(entry, effects) {
            Ok(applied) => applied,
            Err(error) => {
                let why = format!("transaction {} cannot be understood: {error}", entry.zxid);
                return self.fail(why, effects);
            }
        };
        self.snapshots.applied(entry.payload.len());
        let mut origin = origin;
        match &mut self.role {
            Role::Leading(leader) => leader.after(&applied),
            Role::Learning(learner, _) => origin = learner.origin(&applied.header),
            Role::Looking => {}
        }
        // While a member is brought up to date, effects of later transactions may be there already.
        if !applied.as_foretold && !matches!(self.role, Role::Looking) {
            effects.answer(Notice::DigestMismatch { zxid: entry.zxid });
        }
        let in_turn = match &origin {
            Some(origin) if origin.asked.op == OpCode::CreateSession => {
                self.session_opened(origin, &applied.txn, effects)
            }
            Some(origin) => self.ground.front.finish(origin, &applied, effects),
            None => true,
        };
        self.ground.front.close_session(&applied, effects);
        self.expect_order(in_turn);
    }

    /// A session that a connection asked for is there, or was refused. The client may be gone. Says
    /// whether it was the connection's turn.
    fn session_opened(
        &mut self,
        origin: &Origin,
        txn: &Txn<'_>,
        effects: &mut Effects<Zk>,
    ) -> bool {
        let front = &mut self.ground.front;
        let taken = front.clients.take_turn(origin.client, origin.turn);
        if taken == Some(true)
            && let Some(client) = front.clients.find(origin.client)
        {
            let (session, timeout, from) = (client.session, client.timeout, client.connection.from);
            if let Txn::CreateSession(_) = txn {
                effects.answer(Notice::SessionOpened { session, timeout, from });
                self.accept(origin.client, effects);
            } else {
                front.turn_away(origin.client, effects);
            }
        }
        taken != Some(false)
    }

    /// The batch is done: forces what it logged, and sends what it answered.
    fn on_drained(&mut self, effects: &mut Effects<Zk>) {
        self.tell_member(Event::Drained);
        self.carry_out(effects);
        let Ground { front, tickets, .. } = &mut self.ground;
        front.clients.resume(effects);
        if !self.failed
            && let Some(ticket) = tickets.force(effects)
        {
            self.snapshots.synced_by(ticket);
        }
        front.clients.flush(&mut front.stats, effects);
        if let Role::Leading(leader) = &mut self.role {
            leader.set_expiry(effects);
        }
    }

    fn on_expired(&mut self, timer: Timer, effects: &mut Effects<Zk>) {
        // What a timer would write would never be safe.
        if self.failed {
            return;
        }
        let ground = &mut self.ground;
        match (timer, &mut self.role) {
            (Timer::Expiry, Role::Leading(leader)) => {
                let expired = leader.expire(ground, effects);
                self.unless_rolled_over(expired);
            }
            (Timer::Reaper, Role::Leading(leader)) => leader.look_for_reapable(ground, effects),
            (Timer::Reap, Role::Leading(leader)) => {
                let reaped = leader.reap(ground, effects);
                self.unless_rolled_over(reaped);
            }
            (Timer::Handshakes, _) => {
                for number in ground.front.clients.late(effects) {
                    ground.front.refuse(number, Refused::NoHandshake, effects);
                }
            }
            (Timer::Purge, _) => {
                effects.write(Write::Purge { keep: self.settings.snap_retain });
                ground.tickets.written(true);
                effects.set(Timer::Purge, Duration::from_secs(self.settings.purge_hours * 3600));
            }
            (Timer::Expiry | Timer::Reaper | Timer::Reap | Timer::Member(_), _) => {}
        }
    }

    /// What is not on disk may not be acknowledged, and nothing will be on disk any more.
    fn fail(&mut self, why: String, effects: &mut Effects<Zk>) {
        if !self.failed {
            self.failed = true;
            effects.answer(Notice::DiskFailed { why });
            self.ground.front.refuse_all(Refused::NotServing, effects);
        }
    }
}

/// The part in an ensemble.
impl Server {
    /// Something happened that concerns this server's part in its ensemble, if it has one.
    fn tell_member(&mut self, event: Event<Zk>) {
        if let Some(part) = &mut self.ground.part
            && let Some(event) = for_member(event)
        {
            part.step(event);
        }
    }

    /// Carries out what the member wants, and what it wants then.
    fn carry_out(&mut self, effects: &mut Effects<Zk>) {
        while let Some(part) = &mut self.ground.part
            && let Some(mut wanted) = part.take_wanted()
        {
            for effect in wanted.drain() {
                self.grant(effect.into(), effects);
            }
            if let Some(part) = &mut self.ground.part {
                part.give_back(wanted);
            }
        }
    }

    fn grant(&mut self, wish: Wish, effects: &mut Effects<Zk>) {
        match wish {
            Wish::Force(ticket) => self.ground.tickets.member_wants(ticket),
            Wish::Told(told) => self.on_told(told, effects),
            Wish::Effect(effect) => {
                match &effect {
                    Effect::Send { message: Message::Quorum(packet), .. } => match packet {
                        Packet::Commit(zxid) => self.answer_learners_before(*zxid, effects),
                        Packet::Inform(entry) => self.answer_learners_before(entry.zxid, effects),
                        _ => {}
                    },
                    // A leader's snapshot begins: the disk takes one at a time.
                    Effect::Write(Write::BeginSnapshot { .. }) => {
                        let state = &mut self.ground.front.service.state;
                        self.snapshots.abandon(state, effects);
                    }
                    _ => {}
                }
                effects.push(effect);
            }
        }
    }

    /// See [`Leader::learner_before`].
    fn answer_learners_before(&mut self, zxid: Zxid, effects: &mut Effects<Zk>) {
        while let (Role::Leading(leader), Some(part)) = (&mut self.role, &mut self.ground.part)
            && let Some(link) = leader.learner_before(zxid)
        {
            for effect in part.answer_at_once(link, Packet::Sync).drain() {
                self.grant(effect.into(), effects);
            }
        }
    }

    fn on_told(&mut self, told: Told, effects: &mut Effects<Zk>) {
        let ground = &mut self.ground;
        match (told, &mut self.role) {
            (Told::Deliver(entry), _) => self.deliver(entry, effects),
            (Told::Serving { role, leader, epoch }, _) => {
                self.serve(role, leader, epoch, effects);
            }
            (Told::Ceased(why), _) => self.cease(why, effects),
            (Told::Asked { server, link, packet }, Role::Leading(leader)) => {
                let done = leader.asked((server, link), packet, ground, effects);
                self.unless_rolled_over(done);
            }
            (Told::Confirmed(question), Role::Leading(leader)) => {
                leader.confirmed(question, ground, effects);
            }
            (Told::Answered(Packet::Sync), Role::Learning(learner, _)) => {
                let in_turn = learner.synced(ground, effects);
                self.expect_order(in_turn);
            }
            (
                Told::Answered(Packet::Revalidated { session, valid }),
                Role::Learning(learner, _),
            ) => {
                if let Some(number) = learner.revalidated(session) {
                    self.go_on(number, session, valid, effects);
                }
            }
            (Told::Asked { .. } | Told::Answered(_) | Told::Confirmed(_), _) => {}
            (told, _) => self.transfers.on_told(told, ground, effects),
        }
    }

    /// This server has its place in the ensemble.
    fn serve(
        &mut self,
        role: ServerState,
        leader: ServerId,
        epoch: u32,
        effects: &mut Effects<Zk>,
    ) {
        let ground = &mut self.ground;
        let zxid = ground.front.state().last;
        effects.answer(Notice::Joined { role, leader, epoch, zxid });
        ground.ids.go_above(&ground.front.service.state);
        ground.front.stats.begin(effects.now().monotonic);
        self.role = match role {
            ServerState::Leading => Role::leading(ground, Some(epoch), effects),
            _ => Role::Learning(Learner::default(), role),
        };
    }

    /// It has lost its place. The state stays: it holds only what is decided.
    fn cease(&mut self, why: Ceased, effects: &mut Effects<Zk>) {
        effects.answer(Notice::Left { why });
        self.role = Role::Looking;
        self.transfers.end(&mut self.ground);
        self.ground.front.refuse_all(Refused::NotServing, effects);
        for timer in [Timer::Expiry, Timer::Reaper, Timer::Reap] {
            effects.clear(timer);
        }
    }

    /// When the numbers of an epoch are used up its leader steps down, and a new epoch begins.
    fn unless_rolled_over(&mut self, done: Result<(), Rollover>) {
        if let (Err(Rollover), Some(part)) = (done, &mut self.ground.part) {
            part.resign(Ceased::RolledOver);
        }
    }

    /// What was asked for in order is decided in order, or else the leader has broken the protocol.
    fn expect_order(&mut self, in_turn: bool) {
        match (&self.role, &mut self.ground.part) {
            (Role::Learning(..), Some(part)) if !in_turn => part.resign(Ceased::BadPacket),
            _ => assert!(in_turn, "a connection's writes are decided in the order of asking"),
        }
    }
}
