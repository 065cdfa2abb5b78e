//! Following: what a server does whose order another one gives. A follower and an observer do it
//! alike; whether they vote is the concern of chapters 9 and 10.
//!
//! Reads are answered here. Whatever must be decided is passed on to the leader, and the client
//! waits. The decision comes back as a transaction like any other, and is known by its session and
//! number: it is the answer to the oldest request that waits for that session.
//!
//! Always true:
//! - each request that is passed on is answered once, by the transaction that was made of it;
//! - what a lost connection had passed on is not taken for what the session asks on its next one.
//!
//! Book: chapter 16. ZooKeeper: `FollowerRequestProcessor`, `ObserverRequestProcessor`,
//! `CommitProcessor`, `LearnerSessionTracker`.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use jute::records::{OpCode, RequestHeader, TxnHeader};
use machines::Effects;
use protocol::Request;
use server::{Asked, Ground, Origin, Phase, Zk};
use zab::Packet;
use zxid::SessionId;

/// A server that follows.
#[derive(Debug, Default)]
pub struct Learner {
    /// The requests that were passed on, in the order of each session.
    waiting: BTreeMap<SessionId, VecDeque<Origin>>,
    /// Those who asked for a sync, in the order in which the leader will answer.
    syncs: VecDeque<((u64, u64), Bytes)>,
    /// Connections that want to go on with a session.
    revalidating: VecDeque<(SessionId, u64)>,
}

impl Learner {
    /// Begins a session for a new connection.
    pub fn open_session(&mut self, number: u64, ground: &mut Ground, effects: &mut Effects<Zk>) {
        let Some(client) = ground.front.clients.find(number) else { return };
        client.session = ground.ids.give();
        let mut body = Vec::new();
        jute::append(&mut body, &client.timeout);
        let request = zab::Request {
            session: client.session,
            cxid: 0,
            op: OpCode::CreateSession.code(),
            body: Bytes::from(body),
            identities: None,
        };
        let asked = Asked { op: OpCode::CreateSession, parts: Vec::new() };
        self.pass_on(number, request, asked, ground, effects);
    }

    /// Asks the leader whether a connection may go on with a session.
    pub fn revalidate(&mut self, number: u64, session: SessionId, ground: &mut Ground) {
        let Some(client) = ground.front.clients.find(number) else { return };
        let timeout = client.timeout;
        self.revalidating.push_back((session, number));
        if let Some(part) = &mut ground.part {
            part.ask(Packet::Revalidate { session, timeout });
        }
    }

    /// The leader has said whether a session lives. Gives the connection that waited longest for it.
    pub fn revalidated(&mut self, session: SessionId) -> Option<u64> {
        let first = self.revalidating.iter().position(|(asked, _)| *asked == session)?;
        self.revalidating.remove(first).map(|(_, number)| number)
    }

    /// Something was heard of a connection: the leader will be told.
    pub fn touch(&self, number: u64, ground: &mut Ground) {
        let Some(client) = ground.front.clients.find(number) else { return };
        if let Some(part) = &mut ground.part {
            part.touch(client.session, client.timeout);
        }
    }

    /// Passes a write on.
    pub fn submit(
        &mut self,
        number: u64,
        header: RequestHeader,
        (request, frame): (&Request<'_>, &Bytes),
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let asked = Asked::by(request);
        let Some(client) = ground.front.clients.find(number) else { return };
        if asked.op == OpCode::CloseSession {
            client.phase = Phase::Closing;
        }
        let request = request_of(client, header, frame);
        self.pass_on(number, request, asked, ground, effects);
    }

    fn pass_on(
        &mut self,
        number: u64,
        request: zab::Request,
        asked: Asked,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let turn = ground.front.clients.wait_turn(number, effects);
        let (xid, since) = (request.cxid, effects.now().monotonic);
        let origin = Origin { client: number, turn, xid, asked, since };
        self.waiting.entry(request.session).or_default().push_back(origin);
        if let Some(part) = &mut ground.part {
            part.ask(Packet::Request(request));
        }
    }

    /// A client asks for a sync.
    pub fn sync(
        &mut self,
        number: u64,
        header: RequestHeader,
        frame: Bytes,
        ground: &mut Ground,
        effects: &mut Effects<Zk>,
    ) {
        let turn = ground.front.clients.wait_turn(number, effects);
        let Some(client) = ground.front.clients.find(number) else { return };
        let request = request_of(client, header, &frame);
        self.syncs.push_back(((number, turn), frame));
        if let Some(part) = &mut ground.part {
            part.ask(Packet::Request(request));
        }
    }

    /// The leader has answered the oldest sync. Says whether it was its client's turn; a leader
    /// that answers more often than it was asked is not heard.
    pub fn synced(&mut self, ground: &mut Ground, effects: &mut Effects<Zk>) -> bool {
        let Some((turn, frame)) = self.syncs.pop_front() else { return true };
        ground.front.finish_sync(turn, &frame, effects)
    }

    /// Who asked for a transaction, if it was a client of this server.
    pub fn origin(&mut self, header: &TxnHeader) -> Option<Origin> {
        let waiting = self.waiting.get_mut(&header.session)?;
        let origin = waiting.pop_front_if(|first| is_answer(first, header));
        if waiting.is_empty() {
            self.waiting.remove(&header.session);
        }
        origin
    }
}

/// Whether a transaction is what became of a request. The end of a session that the leader wanted
/// has a number that a client might have given to something else.
fn is_answer(origin: &Origin, header: &TxnHeader) -> bool {
    let ends = |op| op == OpCode::CloseSession.code();
    let fits = header.op == OpCode::Error.code() || ends(header.op) == ends(origin.asked.op.code());
    header.cxid == origin.xid && fits
}

/// A client's request, as it is passed on.
fn request_of(client: &server::Client, header: RequestHeader, frame: &Bytes) -> zab::Request {
    zab::Request {
        session: client.session,
        cxid: header.xid,
        op: header.op,
        body: frame.slice(8..),
        identities: Some(client.identities.ids().to_vec()),
    }
}
