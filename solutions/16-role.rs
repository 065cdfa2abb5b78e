//! What a server is for its clients: one that decides, one that passes on, or nobody.
//!
//! Whatever a client asks that cannot be answered from the state at hand comes through here, and
//! goes to the role of the moment.
//!
//! Always true:
//! - nothing of a connection is processed before its session is there;
//! - a write is decided on at once, whatever the same client still waits for; the answers keep the
//!   order;
//! - what cannot be read takes no zxid.
//!
//! Book: chapter 16. ZooKeeper: `QuorumPeer.run`, `RequestProcessor`.

use bytes::Bytes;
use election::ServerState;
use jute::records::{OpCode, RequestHeader, Txn};
use machines::Effects;
use protocol::{decode_header, decode_request};
use server::{
    Applied, Asked, Ground, Leader, Learner, Notice, Origin, Phase, Refused, Standing, Timer, Zk,
};
use sessions::Sessions;
use zab::{Ceased, Packet, Told};
use zxid::SessionId;

/// What a server is for its clients.
#[derive(Debug)]
pub enum Role {
    /// It has no place in its ensemble, or has not started.
    Looking,
    /// It gives order: it leads, or stands alone.
    Leading(Box<Leader>),
    /// It follows or observes, and that is which.
    Learning(Learner, ServerState),
}

impl Role {
    /// A server that stands alone.
    pub fn alone(ground: &Ground, effects: &mut Effects<Zk>) -> Role {
        Role::Leading(Box::new(Leader::new(ground, None, effects)))
    }

    /// A server that has its place in an ensemble, in an epoch.
    pub fn member(
        state: ServerState,
        epoch: u32,
        ground: &Ground,
        effects: &mut Effects<Zk>,
    ) -> Role {
        match state {
            ServerState::Leading => {
                Role::Leading(Box::new(Leader::new(ground, Some(epoch), effects)))
            }
            _ => Role::Learning(Learner::default(), state),
        }
    }

    /// Whether clients are served.
    pub fn serves(&self) -> bool {
        !matches!(self, Role::Looking)
    }

    /// The sessions and when they expire, where that is decided.
    pub fn sessions(&self) -> Option<&Sessions> {
        if let Role::Leading(leader) = self { Some(leader.sessions()) } else { None }
    }

    /// What operators are told of it.
    pub fn standing(&self, ground: &Ground) -> Standing {
        match (self, &ground.part) {
            (Role::Looking, ..) => Standing::Looking,
            (Role::Leading(leader), Some(part)) => {
                Standing::Leading(part.followers(leader.pending_syncs()))
            }
            (Role::Leading(_), ..) => Standing::Alone,
            (Role::Learning(_, ServerState::Observing), ..) => Standing::Observing,
            (Role::Learning(..), ..) => Standing::Following,
        }
    }

    /// The first frame: a new session, or one to go on with.
    pub fn connect(
        &mut self,
        number: u64,
        frame: &[u8],
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        if !self.serves() {
            return ground.front.refuse(number, Refused::NotServing, effects);
        }
        let Some(session) = ground.front.greet(number, frame, effects) else { return };
        let new = session == SessionId::NONE;
        match self {
            Role::Leading(leader) if new => {
                let opened = leader.open_session(number, ground, effects);
                ground.unless_rolled_over(opened);
            }
            Role::Leading(leader) => {
                if leader.resume(number, session, ground, effects) {
                    self.go_on((number, session), ground, effects);
                }
            }
            Role::Learning(learner, _) if new => learner.open_session(number, ground, effects),
            Role::Learning(learner, _) => learner.revalidate(number, session, ground),
            Role::Looking => {}
        }
    }

    /// A connection may go on with a session.
    fn go_on(
        &mut self,
        (number, session): (u64, SessionId),
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        ground.front.resume(number, session, effects);
        self.accept(number, ground, effects);
    }

    /// The session is there: answers the connect request, and takes what was held back.
    fn accept(&mut self, number: u64, ground: &mut Ground, effects: &mut Effects<Zk>) {
        for frame in ground.front.welcome(number) {
            let client = ground.front.clients.find(number);
            if client.is_some_and(|client| client.phase == Phase::Ready) {
                self.request(number, frame, ground, effects);
            }
        }
    }

    /// A request of a session: a write is decided on at once, whatever is still waiting; anything
    /// else is answered when its turn has come, which mostly is now.
    pub fn request(
        &mut self,
        number: u64,
        frame: Bytes,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let Ok((header, _)) = decode_header(&frame) else {
            return ground.front.refuse(number, Refused::BadHeader, effects);
        };
        match self {
            Role::Leading(leader) => leader.touch(number, ground, effects.now()),
            Role::Learning(learner, _) => learner.touch(number, ground),
            Role::Looking => {}
        }
        match OpCode::from_code(header.op) {
            Some(OpCode::Auth) => ground.front.authenticate(number, header, &frame, effects),
            // Alone, a server is always caught up with itself.
            Some(op) if Asked::is_write(op) || op == OpCode::Sync && ground.part.is_some() => {
                self.decide(number, header, frame, ground, effects);
            }
            _ => ground.front.answer_in_turn(number, frame, effects),
        }
    }

    /// What only the disk or the ensemble can decide.
    fn decide(
        &mut self,
        number: u64,
        header: RequestHeader,
        frame: Bytes,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        // As ZooKeeper 3.9: what cannot be read takes no zxid.
        let Ok(request) = decode_request(header.op, &frame[8..]) else {
            return ground.front.answer_in_turn(number, frame, effects);
        };
        let syncs = request.op() == OpCode::Sync;
        match self {
            Role::Leading(leader) if syncs => leader.sync(number, frame, ground, effects),
            Role::Leading(leader) => {
                let submitted = leader.submit(number, header, request, ground, effects);
                ground.unless_rolled_over(submitted);
            }
            Role::Learning(learner, _) if syncs => {
                learner.sync(number, header, frame, ground, effects);
            }
            Role::Learning(learner, _) => {
                learner.submit(number, header, (&request, &frame), ground, effects);
            }
            Role::Looking => {}
        }
    }

    /// A transaction was applied. `origin` asked for it, if that is known; a learner finds out.
    pub fn applied(
        &mut self,
        applied: &Applied<'_>,
        origin: Option<Origin>,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let origin = match self {
            Role::Leading(leader) => {
                leader.after(applied);
                origin
            }
            Role::Learning(learner, _) => learner.origin(&applied.header),
            Role::Looking => None,
        };
        let in_turn = match &origin {
            Some(origin) if origin.asked.op == OpCode::CreateSession => {
                self.session_opened(origin, &applied.txn, ground, effects)
            }
            Some(origin) => ground.front.finish(origin, applied, effects),
            None => true,
        };
        ground.front.close_session(applied, effects);
        self.expect_order(in_turn, ground);
    }

    /// A session that a connection asked for is there, or was refused. The client may be gone. Says
    /// whether it was the connection's turn.
    fn session_opened(
        &mut self,
        origin: &Origin,
        txn: &Txn<'_>,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) -> bool {
        let clients = &mut ground.front.clients;
        let taken = clients.take_turn(origin.client, origin.turn);
        if taken == Some(true)
            && let Some(client) = clients.find(origin.client)
        {
            let (session, timeout, from) = (client.session, client.timeout, client.connection.from);
            if let Txn::CreateSession(_) = txn {
                effects.answer(Notice::SessionOpened { session, timeout, from });
                self.accept(origin.client, ground, effects);
            } else {
                ground.front.turn_away(origin.client, effects);
            }
        }
        taken != Some(false)
    }

    /// What was asked for in order is decided in order, or else the leader has broken the protocol.
    fn expect_order(&self, in_turn: bool, ground: &mut Ground) {
        match (self, &mut ground.part) {
            (Role::Learning(..), Some(part)) if !in_turn => part.resign(Ceased::BadPacket),
            _ => assert!(in_turn, "a connection's requests are decided in the order of asking"),
        }
    }

    /// A timer of the role's has run out.
    pub fn on_expired(&mut self, timer: Timer, ground: &mut Ground, effects: &mut Effects<Zk>) {
        let Role::Leading(leader) = self else { return };
        let done = match timer {
            Timer::Expiry => leader.expire(ground, effects),
            Timer::Reap => leader.reap(ground, effects),
            Timer::Reaper => {
                leader.look_for_reapable(ground, effects);
                Ok(())
            }
            Timer::Handshakes | Timer::Purge | Timer::Member(_) => Ok(()),
        };
        ground.unless_rolled_over(done);
    }

    /// The member tells what learners ask, or what the leader answers.
    pub fn on_told(&mut self, told: Told, ground: &mut Ground, effects: &mut Effects<Zk>) {
        match (told, &mut *self) {
            (Told::Asked { server, link, packet }, Role::Leading(leader)) => {
                let done = leader.asked((server, link), packet, ground, effects);
                ground.unless_rolled_over(done);
            }
            (Told::Confirmed(question), Role::Leading(leader)) => {
                leader.confirmed(question, ground, effects);
            }
            (Told::Answered(Packet::Sync), Role::Learning(learner, _)) => {
                let in_turn = learner.synced(ground, effects);
                self.expect_order(in_turn, ground);
            }
            (
                Told::Answered(Packet::Revalidated { session, valid }),
                Role::Learning(learner, _),
            ) => match learner.revalidated(session) {
                Some(number) if valid => self.go_on((number, session), ground, effects),
                Some(number) => ground.front.turn_away(number, effects),
                None => {}
            },
            // What comes late concerns nobody any more.
            _ => {}
        }
    }
}
