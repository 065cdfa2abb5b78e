//! Giving order: what a server does that leads an ensemble, and also one that stands alone.
//!
//! Every write becomes a transaction here, in the order in which writes come, and goes on its way: to
//! the disk, or to a quorum of disks. Its own clients' writes are answered when it is applied. What
//! came from a learner's clients the learner will know by its session and number.
//!
//! Always true:
//! - each request of a learner becomes one transaction, also one that is refused or cannot be read,
//!   or else the learner's client would wait for ever;
//! - a session's requests come through one server at a time;
//! - whoever asks for a sync sees everything that was committed, anywhere, before it asked;
//! - nobody hears that a session is gone from a leader that has been deposed and does not know it:
//!   the session may have begun under the next one.
//!
//! Book: chapter 16. ZooKeeper: `PrepRequestProcessor`, `LeaderZooKeeperServer`, `Leader`.

use std::time::Duration;

use acl::Identities;
use bytes::Bytes;
use jute::records::{ErrorCode, OpCode, RequestHeader};
use machines::{Effects, Now};
use protocol::{DecodeError, Request, decode_request};
use server::{
    Applied, Asked, Asker, Flight, Ground, InFlight, Origin, Phase, Preparer, Reaper, Syncs, Timer,
    Zk,
};
use sessions::Sessions;
use storage::Entry;
use zab::Packet;
use zxid::{Rollover, ServerId, SessionId, Zxid};

/// A server that gives order.
#[derive(Debug)]
pub struct Leader {
    me: ServerId,
    preparer: Preparer,
    in_flight: InFlight,
    /// Own clients that asked for a sync: connection, turn and request.
    syncs: Syncs<((u64, u64), Bytes)>,
    /// Learners that did, by connection.
    learners_syncs: Syncs<u64>,
    /// Those who want to go on with sessions that are not known here.
    strangers: Syncs<Stranger>,
    /// The last question of ours to which a quorum has said that it still follows.
    confirmed: u64,
    reaper: Reaper,
    expiry_at: Option<Duration>,
    nobody: Identities,
}

/// Who wants to go on with a session that is not known here.
#[derive(Debug)]
enum Stranger {
    /// An own connection.
    Client(u64),
    /// A client of the learner on this connection.
    Learners(u64, SessionId),
}

impl Leader {
    /// Begins to give order over a state in which everything is that was decided before; `epoch` is
    /// the one in which this server leads an ensemble.
    pub fn new(ground: &Ground, epoch: Option<u32>, effects: &mut Effects<Zk>) -> Leader {
        let settings = &ground.front.settings;
        let before = epoch.map(|epoch| Zxid::new(epoch, 0));
        let reaper = Reaper::new(settings);
        reaper.begin(effects);
        Leader {
            me: settings.id,
            preparer: Preparer::new(settings, ground.front.state(), before, effects.now()),
            in_flight: InFlight::default(),
            syncs: Syncs::default(),
            learners_syncs: Syncs::default(),
            strangers: Syncs::default(),
            confirmed: 0,
            reaper,
            expiry_at: None,
            nobody: Identities::forwarded(Vec::new(), &settings.acl),
        }
    }

    /// The sessions, and when they end.
    pub fn sessions(&self) -> &Sessions {
        &self.preparer.sessions
    }

    /// How many learners wait for the answer to a sync.
    pub fn pending_syncs(&self) -> usize {
        self.learners_syncs.len()
    }

    /// Begins a session for a new connection.
    pub fn open_session(
        &mut self,
        number: u64,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) -> Result<(), Rollover> {
        let Some(client) = ground.front.clients.find(number) else { return Ok(()) };
        client.session = ground.ids.give();
        let (session, timeout) = (client.session, client.timeout);
        let entry = self.preparer.open_session((session, 0), timeout, self.me, effects.now())?;
        let asked = Asked { op: OpCode::CreateSession, parts: Vec::new() };
        self.log_for(number, (0, asked), entry, ground, effects);
        Ok(())
    }

    /// Whether an own connection may go on with a session. If not, it is told so as soon as that is
    /// certain.
    pub fn resume(
        &mut self,
        number: u64,
        session: SessionId,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) -> bool {
        let timeout = ground.front.clients.find(number).map_or(0, |client| client.timeout);
        let valid = self.attach(session, timeout, self.me, effects.now());
        if !valid {
            self.doubt(Stranger::Client(number), ground, effects);
        }
        valid
    }

    /// Somebody is to hear that a session is gone. In an ensemble a quorum is asked first whether
    /// this server still leads. Unlike ZooKeeper, whose deposed leader ends sessions of the next.
    fn doubt(&mut self, whom: Stranger, ground: &mut Ground, effects: &mut Effects<Zk>) {
        match &mut ground.part {
            Some(part) => self.strangers.add(Zxid::ZERO, part.confirm(), whom),
            None => turn_away(whom, ground, effects),
        }
    }

    fn attach(&mut self, session: SessionId, timeout: i32, through: ServerId, now: Now) -> bool {
        self.preparer.sessions.attach(session, timeout, through, now.monotonic)
    }

    /// Something was heard of a connection.
    pub fn touch(&mut self, number: u64, ground: &mut Ground, now: Now) {
        ground.front.clients.touch(number, &mut self.preparer.sessions, now.monotonic);
    }

    /// Prepares a write of an own client, and sends it on its way.
    pub fn submit(
        &mut self,
        number: u64,
        header: RequestHeader,
        request: Request<'_>,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) -> Result<(), Rollover> {
        let now = effects.now();
        let asked = Asked::by(&request);
        let front = &mut ground.front;
        let Some(client) = front.clients.find(number) else { return Ok(()) };
        if asked.op == OpCode::CloseSession {
            client.phase = Phase::Closing;
        }
        let (session, cxid) = (client.session, header.xid);
        let asker = Asker { session, cxid, access: &client.identities };
        let state = &front.service.state;
        // Alone, a server knows each session's only connection.
        let moved = match ground.part {
            Some(_) => self.preparer.sessions.check(session, self.me).err(),
            None => None,
        };
        let entry = match (moved, request) {
            (Some(error), _) => Some(self.preparer.refuse(session, cxid, error, now)?),
            (_, Request::CloseSession) => self.preparer.close_session(state, asker, now)?,
            (_, request) => Some(self.preparer.write(state, asker, request, now)?),
        };
        if let Some(entry) = entry {
            self.log_for(number, (cxid, asked), entry, ground, effects);
        }
        Ok(())
    }

    /// An own client asks for a sync.
    pub fn sync(
        &mut self,
        number: u64,
        frame: Bytes,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let Some(part) = &mut ground.part else { return };
        let turn = ground.front.clients.wait_turn(number, effects);
        self.syncs.add(self.proposed(), part.confirm(), ((number, turn), frame));
    }

    /// A learner passes on what concerns sessions.
    pub fn asked(
        &mut self,
        (server, link): (ServerId, u64),
        packet: Packet,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) -> Result<(), Rollover> {
        let now = effects.now();
        // Unlike ZooKeeper, which hears of a session only by answers to pings: if the learner is lost
        // before the next one, the session would end although its client was heard.
        if let Packet::Request(request) = &packet
            && let Some(timeout) = ground.front.state().sessions.get(&request.session)
        {
            self.preparer.sessions.touch(request.session, *timeout, now.monotonic);
        }
        match packet {
            Packet::Ping { touched: Some(touched), .. } => {
                for (session, timeout) in touched {
                    self.preparer.sessions.touch(session, timeout, now.monotonic);
                }
            }
            Packet::Revalidate { session, timeout } => {
                if !self.attach(session, timeout, server, now) {
                    self.doubt(Stranger::Learners(link, session), ground, effects);
                } else if let Some(part) = &mut ground.part {
                    part.answer(link, Packet::Revalidated { session, valid: true });
                }
            }
            // Each is answered once, also for sessions that are over.
            Packet::Request(request) if request.op == OpCode::Sync.code() => {
                let proposed = self.proposed();
                if let Some(part) = &mut ground.part {
                    self.learners_syncs.add(proposed, part.confirm(), link);
                }
            }
            Packet::Request(request) => {
                let entry = self.prepare(server, request, ground, now)?;
                self.log(Flight { entry, origin: None }, ground, effects);
            }
            _ => {}
        }
        Ok(())
    }

    /// The transaction of a learner's request.
    fn prepare(
        &mut self,
        server: ServerId,
        request: zab::Request,
        ground: &Ground,
        now: Now,
    ) -> Result<Entry, Rollover> {
        let zab::Request { session, cxid, op, body, identities } = request;
        if op == OpCode::CreateSession.code()
            && let Ok(timeout) = jute::from_slice(&body)
        {
            return self.preparer.open_session((session, cxid), timeout, server, now);
        }
        let readable = self.preparer.sessions.check(session, server).and_then(|()| {
            // Unlike ZooKeeper, which proposes a check outside a multi as such, and then no server
            // can read its log any more (ZOOKEEPER-2623).
            let write = |request: &Request<'_>| Asked::is_write(request.op());
            match decode_request(op, &body) {
                Ok(request) if write(&request) => Ok(request),
                Ok(_) | Err(DecodeError::Unknown(_)) => Err(ErrorCode::Unimplemented),
                Err(DecodeError::Marshalling) => Err(ErrorCode::MarshallingError),
            }
        });
        let ids = identities.unwrap_or_default();
        let access = &Identities::forwarded(ids, &ground.front.settings.acl);
        let (state, asker) = (ground.front.state(), Asker { session, cxid, access });
        match readable {
            Ok(Request::CloseSession) => {
                let entry = self.preparer.close_session(state, asker, now)?;
                Ok(entry.expect("a session that is closing was found out above"))
            }
            Ok(request) => self.preparer.write(state, asker, request, now),
            Err(error) => self.preparer.refuse(session, cxid, error, now),
        }
    }

    /// Sends what an own client asked for on its way.
    fn log_for(
        &mut self,
        number: u64,
        (xid, asked): (i32, Asked),
        entry: Entry,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let turn = ground.front.clients.wait_turn(number, effects);
        let since = effects.now().monotonic;
        let origin = Some(Origin { client: number, turn, xid, asked, since });
        self.log(Flight { entry, origin }, ground, effects);
    }

    fn log(&mut self, flight: Flight, ground: &mut Ground, effects: &mut Effects<Zk>) {
        ground.log(flight.entry.clone(), effects);
        self.in_flight.add(flight);
    }

    /// Takes the next transaction that is decided, if it is not above `safe`.
    pub fn land(&mut self, safe: Zxid) -> Option<Flight> {
        self.in_flight.land(safe)
    }

    /// A transaction is about to be applied. Clients that asked for a sync before it was proposed
    /// are answered before: that it is committed tells that a quorum still follows.
    pub fn before(&mut self, zxid: Zxid, ground: &mut Ground, effects: &mut Effects<Zk>) {
        while let Some((turn, frame)) = self.syncs.next_before(zxid, |_| true) {
            self.answer_sync(turn, &frame, ground, effects);
        }
    }

    /// Likewise a learner's: it must hear of the sync before it hears that the transaction is
    /// committed, since ZooKeeper's learners wait for both in order; and after it has heard of those
    /// before, which another learner may have heard already.
    pub fn learner_before(&mut self, link: u64, zxid: Zxid) -> bool {
        self.learners_syncs.next_before(zxid, |other| *other == link).is_some()
    }

    /// A transaction is applied.
    pub fn after(&mut self, applied: &Applied<'_>) {
        self.preparer.applied(applied.header.zxid);
        if applied.header.op == OpCode::CloseSession.code() {
            self.preparer.sessions.close(applied.header.session);
        }
    }

    /// A quorum has said that it still follows.
    pub fn confirmed(&mut self, question: u64, ground: &mut Ground, effects: &mut Effects<Zk>) {
        self.confirmed = question.max(self.confirmed);
        while let Some(stranger) = self.strangers.next(Zxid::ZERO, self.confirmed) {
            turn_away(stranger, ground, effects);
        }
        self.answer_syncs(ground, effects);
    }

    /// Answers the syncs for which everything is there.
    pub fn answer_syncs(&mut self, ground: &mut Ground, effects: &mut Effects<Zk>) {
        let applied = ground.front.state().last;
        while let Some((turn, frame)) = self.syncs.next(applied, self.confirmed) {
            self.answer_sync(turn, &frame, ground, effects);
        }
        if let Some(part) = &mut ground.part {
            while let Some(link) = self.learners_syncs.next(applied, self.confirmed) {
                part.answer(link, Packet::Sync);
            }
        }
    }

    fn answer_sync(
        &self,
        turn: (u64, u64),
        frame: &[u8],
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let in_turn = ground.front.finish_sync(turn, frame, effects);
        assert!(in_turn, "a connection's requests are decided in the order in which they came");
    }

    /// The last transaction on its way: what was proposed before this moment.
    fn proposed(&self) -> Zxid {
        self.in_flight.last().unwrap_or(Zxid::ZERO)
    }

    /// Sees to it that the timer runs out no later than the next session may.
    pub fn set_expiry(&mut self, effects: &mut Effects<Zk>) {
        let Some(deadline) = self.preparer.sessions.deadline() else { return };
        if self.expiry_at.is_none_or(|at| deadline < at) {
            self.expiry_at = Some(deadline);
            let after = deadline.saturating_sub(effects.now().monotonic);
            effects.set(Timer::Expiry, after);
        }
    }

    /// Ends the sessions whose time is over.
    pub fn expire(
        &mut self,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) -> Result<(), Rollover> {
        self.expiry_at = None;
        let state = ground.front.state();
        for (session, entry) in self.preparer.expire(state, &self.nobody, effects.now())? {
            ground.front.clients.closing(session);
            self.log(Flight { entry, origin: None }, ground, effects);
        }
        Ok(())
    }

    /// Looks for containers and nodes whose time is over.
    pub fn look_for_reapable(&mut self, ground: &Ground, effects: &mut Effects<Zk>) {
        self.reaper.look(&ground.front.state().tree, effects);
    }

    /// Removes one of them.
    pub fn reap(&mut self, ground: &mut Ground, effects: &mut Effects<Zk>) -> Result<(), Rollover> {
        if let Some(path) = self.reaper.next(effects) {
            let (state, now) = (ground.front.state(), effects.now());
            let entry = self.preparer.reap(state, &path, &self.nobody, now)?;
            self.log(Flight { entry, origin: None }, ground, effects);
        }
        Ok(())
    }
}

/// Says that a session is gone.
fn turn_away(whom: Stranger, ground: &mut Ground, effects: &mut Effects<Zk>) {
    match (whom, &mut ground.part) {
        (Stranger::Client(number), _) => ground.front.turn_away(number, effects),
        (Stranger::Learners(link, session), Some(part)) => {
            part.answer(link, Packet::Revalidated { session, valid: false });
        }
        (Stranger::Learners(..), None) => {}
    }
}
