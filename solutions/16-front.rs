//! The front: the side of a server that clients see. It is the same in every role.
//!
//! It answers reads from the state, shows what is committed to those who watch, answers whoever
//! asked for it, and then what that client had asked behind it. What a write becomes is decided
//! elsewhere: by this server if it stands alone or leads, else by its leader.
//!
//! Always true:
//! - each connection is answered in the order in which it asked;
//! - events of a transaction are out before the answer to it;
//! - what a connection costs is bounded, and none can stop the others.
//!
//! Book: chapter 16. ZooKeeper: `FinalRequestProcessor`, `CommitProcessor`, `ServerCnxn`.

use std::sync::Arc;
use std::time::Duration;

use acl::Identities;
use bytes::Bytes;
use jute::records::{Acl, ConnectResponse, ErrorCode, Perms, RequestHeader, Txn};
use machines::Effects;
use protocol::{
    DecodeError, HandshakeError, NO_ZXID, Request, decode_header, decode_request,
    encode_connect_response, encode_done, encode_error, encode_refusal, handshake,
};
use server::{
    Applied, Client, Clients, Connection, Message, Notice, Origin, Peer, Phase, Reader, Refused,
    Service, Settings, State, Stats, Waiting, Zk, answer_write, write_event,
};
use sessions::{is_password, negotiate, password};
use storage::Entry;
use watches::Watcher;
use znodes::{Access, Outcome};
use zxid::{SessionId, Zxid};

/// The clients of a server, and what they are shown.
#[derive(Debug)]
pub struct Front {
    /// What the operator chose.
    pub settings: Arc<Settings>,
    /// The state, and who watches it.
    pub service: Service,
    /// The connections.
    pub clients: Clients,
    /// The counts.
    pub stats: Stats,
}

impl Front {
    /// Nobody is there yet.
    pub fn new(settings: &Arc<Settings>, state: State) -> Front {
        Front {
            settings: Arc::clone(settings),
            service: Service::new(state),
            clients: Clients::new(settings),
            stats: Stats::default(),
        }
    }

    /// The replicated state.
    pub fn state(&self) -> &State {
        &self.service.state
    }

    /// A connection is open. `serving` says whether it may ask anything.
    pub fn admit(&mut self, connection: Connection, serving: bool, effects: &mut Effects<Zk>) {
        let identities = Identities::new(connection.from.ip(), &self.settings.acl);
        let client = Client::new(connection, identities, effects.now().monotonic);
        let admitted = if serving { self.clients.admit(client) } else { Err(Refused::NotServing) };
        match admitted {
            Ok(()) => self.clients.set_alarm(effects),
            Err(why) => {
                let (from, session) = (connection.from, SessionId::NONE);
                effects.answer(Notice::Refused { from, session, why });
                effects.close(Peer::Client(connection));
            }
        }
    }

    /// The first frame of a connection. Gives the session with which the client wants to go on, zero
    /// for a new one; nothing if it is sent away.
    pub fn greet(
        &mut self,
        number: u64,
        frame: &[u8],
        effects: &mut Effects<Zk>,
    ) -> Option<SessionId> {
        let (request, read_only) = match handshake(frame, self.state().last, false) {
            Ok(accepted) => accepted,
            Err(HandshakeError::Ahead(_)) => {
                self.refuse(number, Refused::AheadOfServer, effects);
                return None;
            }
            Err(HandshakeError::Undecodable | HandshakeError::NotReadOnly) => {
                self.refuse(number, Refused::BadConnectRequest, effects);
                return None;
            }
        };
        let (min, max) = (self.settings.min_session_timeout, self.settings.max_session_timeout);
        let client = self.clients.find(number)?;
        client.timeout = negotiate(request.timeout, min, max);
        client.read_only = read_only;
        client.phase = Phase::Connecting;
        // Unlike ZooKeeper, which closes the session's other connection before it has looked at
        // the password: so anybody could cut anybody off.
        let (session, shown) = (request.session_id, request.password.unwrap_or_default());
        if session != SessionId::NONE && !is_password(session, shown) {
            self.turn_away(number, effects);
            return None;
        }
        Some(session)
    }

    /// Answers a request that is no write, or cannot be read.
    pub fn answer(&mut self, number: u64, frame: &[u8], effects: &mut Effects<Zk>) {
        let Ok((header, body)) = decode_header(frame) else { return };
        let zxid = self.state().last;
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

    /// Answers a request now if nothing waits before it, else when its turn has come.
    pub fn answer_in_turn(&mut self, number: u64, frame: Bytes, effects: &mut Effects<Zk>) {
        if self.clients.is_idle(number) {
            self.answer(number, &frame, effects);
        } else {
            self.clients.wait(number, Waiting::Request(frame), effects);
        }
    }

    /// Credentials are looked at when they come, before what is waiting.
    pub fn authenticate(
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

    /// Applies a committed transaction and tells the watchers. Nothing if it cannot be understood.
    pub fn apply<'e>(
        &mut self,
        entry: &'e Entry,
        effects: &mut Effects<Zk>,
    ) -> Result<Applied<'e>, jute::Error> {
        let mut told = Vec::new();
        let clients = self.clients.all();
        let mut may_read = |watcher: Watcher, list: &[Acl]| {
            let client = clients.get(&watcher.0);
            client.is_some_and(|client| client.identities.allows(list, Perms::READ))
        };
        let applied = self.service.apply(entry, &mut may_read, &mut told)?;
        for (watcher, event) in &told {
            write_event(self.clients.out(watcher.0), entry.zxid, event);
        }
        self.stats.log_bytes += entry.payload.len() as u64;
        self.stats.note_digest(entry.zxid, self.state().tree.digest());
        for over in self.service.over_quota(&applied.txn) {
            effects.answer(over.into());
        }
        Ok(applied)
    }

    /// Answers a write, and then what has waited behind it. The client may be gone. Says whether it
    /// was the client's turn.
    pub fn finish(
        &mut self,
        origin: &Origin,
        applied: &Applied<'_>,
        effects: &mut Effects<Zk>,
    ) -> bool {
        let Origin { client: number, turn, xid, ref asked, since } = *origin;
        match self.clients.take_turn(number, turn) {
            None => return true,
            Some(false) => return false,
            Some(true) => {}
        }
        // As ZooKeeper: the client is elsewhere by now, and shall not think that it was refused.
        if applied.outcome == Outcome::failed(ErrorCode::SessionMoved) {
            self.refuse(number, Refused::SessionMoved, effects);
            return true;
        }
        answer_write(self.clients.out(number), xid, asked, applied);
        let now = effects.now().monotonic;
        let latency = now.saturating_sub(since);
        self.stats.answered(latency);
        if let Some(client) = self.clients.find(number) {
            let zxid = applied.header.zxid;
            client.stats.answered(asked.op, xid, zxid, now, latency.as_millis() as u64);
        }
        self.answer_next(number, effects);
        true
    }

    /// Answers a request for which the ensemble was asked, and then what has waited behind it. Says
    /// whether it was the client's turn.
    pub fn finish_sync(
        &mut self,
        (number, turn): (u64, u64),
        frame: &[u8],
        effects: &mut Effects<Zk>,
    ) -> bool {
        let taken = self.clients.take_turn(number, turn);
        if taken == Some(true) {
            self.answer(number, frame, effects);
            self.answer_next(number, effects);
        }
        taken != Some(false)
    }

    fn answer_next(&mut self, number: u64, effects: &mut Effects<Zk>) {
        while let Some(frame) = self.clients.next_request(number) {
            self.answer(number, &frame, effects);
        }
    }

    /// A connection goes on with its session. If another had it until now, that one is closed.
    pub fn resume(&mut self, number: u64, session: SessionId, effects: &mut Effects<Zk>) {
        if let Some(older) = self.clients.attached(session) {
            self.refuse(older, Refused::SessionMoved, effects);
        }
        let Some(client) = self.clients.find(number) else { return };
        client.session = session;
        let from = client.connection.from;
        effects.answer(Notice::SessionResumed { session, from });
    }

    /// The session is there: answers the connect request. Gives what was held back.
    pub fn welcome(&mut self, number: u64) -> Vec<Bytes> {
        if let Some(client) = self.clients.attach(number) {
            let (session_id, timeout) = (client.session, client.timeout);
            let read_only = client.read_only.map(|_| false);
            let password = password(session_id);
            let response =
                ConnectResponse { protocol_version: 0, timeout, session_id, password: &password };
            encode_connect_response(self.clients.out(number), &response, read_only);
        }
        let held = self.clients.take_waiting(number).into_iter();
        let requests = held.filter_map(|held| match held {
            Waiting::Request(frame) => Some(frame),
            Waiting::Turn(_) => None,
        });
        requests.collect()
    }

    /// There is no such session, or it is over, or the password is wrong: the client cannot tell.
    pub fn turn_away(&mut self, number: u64, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.find(number) else { return };
        let read_only = client.read_only;
        encode_refusal(self.clients.out(number), read_only);
        self.refuse(number, Refused::SessionGone, effects);
    }

    /// A session is over: its connection goes.
    pub fn close_session(&mut self, applied: &Applied<'_>, effects: &mut Effects<Zk>) {
        if let Txn::CloseSession(_) = applied.txn {
            // What the leader itself wants has no number.
            let (session, expired) = (applied.header.session, applied.header.cxid == 0);
            effects.answer(Notice::SessionClosed { session, expired });
            if let Some(number) = self.clients.attached(session) {
                self.close(number, effects);
            }
        }
    }

    /// Closes a connection, and says why.
    pub fn refuse(&mut self, number: u64, why: Refused, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.find(number) else { return };
        let (from, session) = (client.connection.from, client.session);
        effects.answer(Notice::Refused { from, session, why });
        self.close(number, effects);
    }

    /// Closes every connection.
    pub fn refuse_all(&mut self, why: Refused, effects: &mut Effects<Zk>) {
        for number in self.clients.numbers() {
            self.refuse(number, why, effects);
        }
    }

    /// Closes a connection, after what is to be sent on it.
    pub fn close(&mut self, number: u64, effects: &mut Effects<Zk>) {
        self.clients.close(number, &mut self.service.watches, &mut self.stats, effects);
    }

    /// Closes a connection after a text, as a four-letter word is answered.
    pub fn say(&mut self, number: u64, text: String, effects: &mut Effects<Zk>) {
        let Some(client) = self.clients.find(number) else { return };
        let peer = Peer::Client(client.connection);
        self.stats.sent += 1;
        effects.send(peer, Message::Chunk(Bytes::from(text)));
        self.close(number, effects);
    }
}
