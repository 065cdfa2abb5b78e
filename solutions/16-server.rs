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

use bytes::Bytes;
use election::ServerState;
use machines::{Effect, Effects, Event, Fault, Machine, Now, Ticket};
use protocol::Word;
use server::{
    Facts, Flight, Ground, Message, Notice, Origin, Part, Peer, Phase, Recovered, Refused, Role,
    Settings, Snapshots, State, Stats, Timer, Transfers, Waiting, Wish, Zk, for_member, tell,
};
use storage::{Entry, Write};
use zab::{Ceased, Packet, Told};
use zxid::{ServerId, Zxid};

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
            Event::Opened(Peer::Client(connection)) => {
                self.ground.front.admit(connection, !self.failed, effects);
            }
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
            Event::Failed(ticket, fault) => self.fail(ticket, fault, effects),
            event => self.tell_member(event),
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
        let front = &self.ground.front;
        Facts {
            settings: &self.settings,
            now,
            clients: front.clients.all(),
            asking,
            state: front.state(),
            sessions: self.role.sessions(),
            watches: &front.service.watches,
            stats: &front.stats,
            outstanding: front.clients.outstanding(),
            serving: !self.failed && self.role.serves(),
            standing: self.role.standing(&self.ground),
            reign: self.part().and_then(Part::serving),
        }
    }

    fn on_started(&mut self, recovered: Recovered, effects: &mut Effects<Zk>) {
        let now = effects.now();
        let Recovered { mut state, member, replayed, data_bytes, log_bytes, .. } = recovered;
        let (zxid, nodes, sessions) = (state.last, state.tree.len(), state.sessions.len());
        effects.answer(Notice::Recovered { zxid, nodes, sessions });
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
            (None, _) => self.role = Role::alone(&self.ground, effects),
            (Some(part), Some(found)) => {
                part.set_now(now);
                part.step(Event::Started(found));
            }
            (Some(_), None) => panic!("a member of an ensemble is started with what it needs"),
        }
    }

    /// Frames of a connection that was closed a moment ago may still come, and are dropped.
    fn on_frame(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        let Server { role, ground, .. } = self;
        let Some(client) = ground.front.clients.find(number) else { return };
        ground.front.stats.received += 1;
        client.stats.received += 1;
        match client.phase {
            Phase::New => role.connect(number, &frame, ground, effects),
            Phase::Connecting => {
                ground.front.clients.wait(number, Waiting::Request(frame), effects)
            }
            Phase::Ready => role.request(number, frame, ground, effects),
            Phase::Closing => {}
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
        let begun = self.role.serves() && self.snapshots.begin_if_due(state, effects);
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
                let fault = Fault::Broken(why);
                return self.fail(Ticket(u64::MAX), fault, effects);
            }
        };
        self.snapshots.applied(entry.payload.len());
        // While a member is brought up to date, effects of later transactions may be there already.
        if !applied.as_foretold && self.role.serves() {
            effects.answer(Notice::DigestMismatch { zxid: entry.zxid });
        }
        self.role.applied(&applied, origin, &mut self.ground, effects);
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
        match timer {
            Timer::Handshakes => {
                for number in ground.front.clients.late(effects) {
                    ground.front.refuse(number, Refused::NoHandshake, effects);
                }
            }
            Timer::Purge => {
                effects.write(Write::Purge { keep: self.settings.snap_retain });
                ground.tickets.written(true);
                effects.set(Timer::Purge, Duration::from_secs(self.settings.purge_hours * 3600));
            }
            timer => self.role.on_expired(timer, ground, effects),
        }
    }

    /// What is not on disk may not be acknowledged, and nothing will be on disk any more. Likewise
    /// if what is on disk cannot be understood.
    fn fail(&mut self, ticket: Ticket, fault: Fault, effects: &mut Effects<Zk>) {
        if !self.failed {
            self.failed = true;
            self.role = Role::Looking;
            effects.answer(Notice::DiskFailed { why: fault.to_string() });
            self.ground.front.refuse_all(Refused::NotServing, effects);
            self.tell_member(Event::Failed(ticket, fault));
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
                    Effect::Send {
                        to: Peer::Quorum(zab::Peer::Learner(link)),
                        message: Message::Quorum(packet),
                    } => match packet {
                        Packet::Commit(zxid) => self.answer_learner_before(*link, *zxid, effects),
                        Packet::Inform(entry) => {
                            self.answer_learner_before(*link, entry.zxid, effects);
                        }
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
    fn answer_learner_before(&mut self, link: u64, zxid: Zxid, effects: &mut Effects<Zk>) {
        while let (Role::Leading(leader), Some(part)) = (&mut self.role, &mut self.ground.part)
            && leader.learner_before(link, zxid)
        {
            for effect in part.answer_at_once(link, Packet::Sync).drain() {
                self.grant(effect.into(), effects);
            }
        }
    }

    fn on_told(&mut self, told: Told, effects: &mut Effects<Zk>) {
        match told {
            Told::Deliver(entry) => self.deliver(entry, effects),
            Told::Serving { role, leader, epoch } => self.serve(role, leader, epoch, effects),
            Told::Ceased(why) => self.cease(why, effects),
            Told::Asked { .. } | Told::Answered(_) | Told::Confirmed(_) => {
                self.role.on_told(told, &mut self.ground, effects);
            }
            told => self.transfers.on_told(told, &mut self.ground, effects),
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
        self.role = Role::member(role, epoch, ground, effects);
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
}
